"""The judge of pictures: what it is fed, what it keeps, and that it learns to tell streets apart."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.rays import Rays
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.metrics.picture_judge import (
    JudgeConfig,
    as_batch,
    build,
    load_judge,
    picture_features_ND,
    save_judge,
    sharpness,
    shown,
)
from occforge.train.loop import LoopConfig
from occforge.train.picture_judge import JudgeTask, mirrored, train_judge

CONFIG = JudgeConfig((32, 48), (8, 8, 16, 16))
REQUEST = {name: values[-1] for name, values in ATTRIBUTES.items()}


def pictures(n, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (n, 32, 48, 3)).astype(np.uint8))


@pytest.fixture
def judge():
    torch.manual_seed(0)
    return build(CONFIG, SEMANTIC_KITTI).eval()


def test_shapes_and_what_is_refused(judge):
    judged = judge(as_batch(pictures(2)))
    assert judged.feature_BD.shape == (2, judge.feature_dimensions) == (2, 96)
    assert {k: v.shape for k, v in judged.logits.items()} == {k: (2, len(v)) for k, v in ATTRIBUTES.items()}
    assert judged.census_BGK.shape == (2, 6, 20) and judged.class_BKhw.shape == (2, 20, 8, 12)
    with pytest.raises(InputError, match="expected pictures of"):
        judge(torch.zeros(1, 3, 64, 48))
    assert build(JudgeConfig(), SEMANTIC_KITTI).feature_dimensions <= 250  # n = 500 is twice as many


def test_the_census_counts_each_part_of_the_picture(judge):
    semantic = torch.zeros(1, 8, 12, dtype=torch.uint8)
    semantic[0, :4, :4], semantic[0, 4:, 8:10] = 1, 5  # top left wholly, half of bottom right
    census = judge.census_of(semantic)[0]
    assert census[0, 1] == pytest.approx(np.log1p(100)) and census[5, 5] == pytest.approx(np.log1p(50))
    assert float(census[0, 0]) == 0.0 and float(census[2, 1]) == 0.0


def test_the_loss_is_zero_for_what_is_right_and_reaches_every_weight(judge):
    semantic = torch.randint(0, 20, (2, 16, 24))
    judged = judge(as_batch(pictures(2)))
    judge.loss(judged, [REQUEST] * 2, semantic).backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in judge.parameters())
    right = {name: torch.full((2, len(v)), -99.0) for name, v in ATTRIBUTES.items()}
    for name in right:
        right[name][:, -1] = 99.0
    whole = semantic.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :32, :48]
    classes = 99.0 * torch.nn.functional.one_hot(whole[:, ::4, ::4], 20).movedim(-1, 1).float()
    perfect = replace(judged, logits=right, census_BGK=judge.census_of(whole), class_BKhw=classes)
    assert float(judge.loss(perfect, [REQUEST] * 2, whole)) < 1e-6
    assert float(judge.loss(replace(perfect, class_BKhw=-classes), [REQUEST] * 2, whole)) > 1.0


def test_features_are_standard_on_the_pictures_they_were_set_on_and_survive_saving(judge, tmp_path):
    judge.standardise(pictures(12))
    features = picture_features_ND(judge, pictures(12))
    assert np.allclose(features.mean(0), 0.0, atol=1e-4) and np.allclose(features.std(0, ddof=1), 1.0, atol=1e-2)
    save_judge(judge, tmp_path / "judge.safetensors")
    again = load_judge(tmp_path / "judge.safetensors")
    assert np.array_equal(picture_features_ND(again, pictures(3, 1)), picture_features_ND(judge, pictures(3, 1)))
    assert again.digest() == judge.digest() and not any(p.requires_grad for p in again.parameters())
    with pytest.raises(InputError, match="at least 2"):
        judge.standardise(pictures(1))


def test_a_mirrored_picture_has_other_features(judge):
    picture = pictures(1)[0]
    one, other = (picture_features_ND(judge, [p]) for p in (picture, picture[:, ::-1]))
    assert np.abs(one - other).max() > 1e-3


def test_sharpness_falls_with_blur():
    sharp = pictures(1)[0]
    blurred = (sharp[:-1].astype(int) + sharp[1:]) // 2
    assert sharpness(sharp) > 1.3 * sharpness(blurred.astype(np.uint8)) and sharpness(np.full_like(sharp, 7)) == 0.0


def test_mirrors_swap_sides():
    seen = REQUEST | {"layout": "left-curve", "parked": "right", "left": "open", "right": "buildings"}
    other = mirrored(seen)
    assert other["layout"] == "right-curve" and other["parked"] == "left"
    assert (other["left"], other["right"]) == ("buildings", "open") and mirrored(other) == seen
    assert other["weather"] == seen["weather"] and mirrored(REQUEST | {"parked": "both"})["parked"] == "both"


@dataclass(frozen=True)
class Shown:
    images_NHW3: np.ndarray
    fine: Rays
    attributes: dict[str, str]


class Weathers:
    """Stands for a `ViewCache`: pictures whose brightness is their weather."""

    class source:
        identity = "weathers"

        class pairs:
            taxonomy = SEMANTIC_KITTI

    def __len__(self):
        return 10

    def fill(self, workers):
        assert workers == 1

    def __getitem__(self, index):
        weather = ATTRIBUTES["weather"][index % 5]
        picture = np.full((1, 32, 48, 3), 20 + 50 * (index % 5), np.uint8)
        picture += np.random.default_rng(index).integers(0, 20, picture.shape).astype(np.uint8)
        semantic = np.full(picture.shape[:3], 1 + index % 5, np.uint8)
        rays = Rays(semantic, np.ones(semantic.shape, np.float16), np.zeros(picture.shape, np.int8), 0.2)
        return Shown(picture, rays, {name: values[0] for name, values in ATTRIBUTES.items()} | {"weather": weather})


def test_it_learns_what_it_is_shown_and_the_same_seed_gives_the_same_file(tmp_path):
    loop = LoopConfig(steps=60, batch=10, lr=3e-3, warmup=5, ema=0.9)
    path = train_judge(CONFIG, Weathers(), Weathers(), loop, tmp_path / "one")
    judge = load_judge(path)
    right = [
        shown(judge, Weathers()[i].images_NHW3[0])["weather"] == Weathers()[i].attributes["weather"] for i in range(5)
    ]
    assert sum(right) >= 4
    fewer = replace(loop, steps=2)
    one, two = (train_judge(CONFIG, Weathers(), Weathers(), fewer, tmp_path / name) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    task = JudgeTask(build(CONFIG, SEMANTIC_KITTI), Weathers())
    assert torch.equal(task.losses(3, range(2), 4, 0), task.losses(3, range(2), 4, 0))
