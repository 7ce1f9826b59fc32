"""Both engines on the same prompts, by networks without training; streets of boxes stand for those of the world."""

import json

import numpy as np
import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.latent.painting_config import PaintingConfig
from occforge.metrics import picture_judge
from occforge.pipelines import evaluate_engines as engines
from occforge.pipelines.text_to_scene import SamplingConfig
from occforge.render.shade import shade
from tiny_pictures import tiny_generator, tiny_reader
from tiny_world import GRID, save_generator, scene_of, tiny_composition

SIZE_HW, N = (32, 96), 3
SAMPLING = SamplingConfig(background_steps=2, object_steps=2, fusion_steps=2, refine_steps=2, attempts=1)


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    composition, grid = tiny_composition(), GRID.pooled((4, 4, 4))
    weights = save_generator(tmp_path_factory.mktemp("weights"), composition)
    torch.manual_seed(0)
    judge = picture_judge.build(picture_judge.JudgeConfig(SIZE_HW, (8, 8, 16, 16)), SEMANTIC_KITTI).eval()
    networks = composition, tiny_generator(grid, SIZE_HW), judge, tiny_reader(grid, SIZE_HW)
    painting = PaintingConfig(steps=2)

    def real(prompt, seed, path):
        scene = scene_of(seed)
        return scene, shade(scene, path.cameras[0], "clear", seed)

    def run(out, n=N):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engines, "real", real)
            return engines.evaluate_engines(*networks, SAMPLING, painting, out, weights, n, workers=1)

    return run


def test_both_engines_are_scored_beside_real_streets_and_a_stopped_run_goes_on(score, tmp_path):
    record = score(tmp_path)
    assert json.loads((tmp_path / "engines.json").read_text()) == record and record["n"] == N
    assert list(record["scores"]) == [engines.REAL, engines.SCENE, engines.IMAGE]
    for scores in record["scores"].values():
        assert np.isfinite(scores["distance"]) and scores["sharpness"] > 0
        assert 0 <= scores["found"] <= 1 and 0 <= scores["found_in_voxels"] <= 1
    assert (tmp_path / "engines.md").read_text() == engines.table(record)

    for folder, name in (("scenes", "labels_XYZ"), ("pictures", "image")):
        path = tmp_path / folder / "000000.npz"
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        np.savez_compressed(path, **arrays | {name: np.zeros_like(arrays[name])})
    again = score(tmp_path)
    for engine in ("scene", "image"):
        assert again["scores"][engine] != record["scores"][engine], "what was there was not taken up"
    (tmp_path / "pictures" / "000000.npz").unlink()
    assert score(tmp_path)["scores"]["image"] == record["scores"]["image"]


def test_the_better_engine_wins_more_scores_and_a_draw_goes_to_whole_scenes():
    def side(distance, found, in_voxels, pairing):
        return {
            "distance": distance, "found": found, "found_in_voxels": in_voxels, "pairing": {"miou": pairing},
        }  # fmt: skip

    middle = side(30.0, 0.8, 0.8, 0.4)
    for image, expected in (
        (side(20.0, 0.9, 0.9, 0.3), "image"),
        (side(40.0, 0.9, 0.9, 0.3), "scene"),  # nearer is better: 2 to 2
        (side(40.0, 0.7, 0.9, 0.3), "scene"),
        (side(30.0, 0.8, 0.8, 0.5), "image"),
        (middle, "scene"),
    ):
        assert engines.better({"scene": middle, "image": image}) == expected


def test_one_prompt_has_no_distance(score, tmp_path):
    with pytest.raises(InputError, match="of 2 to 128, got 1"):
        score(tmp_path, n=1)
