"""Scores of a picture generator, by networks without training."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, WorldViews
from occforge.latent.painting_config import PaintingConfig
from occforge.metrics import picture_judge
from occforge.pipelines.evaluate_pictures import (
    ALONE,
    READ,
    REAL,
    TOLD,
    Side,
    evaluate_pictures,
    occupancy_losses,
    picture_scores,
    table,
)
from occforge.pipelines.perceive import perceive
from tiny_pictures import tiny_generator, tiny_reader, untrained_generator

GRID, SIZE_HW, N = STREET_GRID.pooled((8, 8, 8)), (32, 96), 4
PAINTED, REFERENCE = (WorldViews(WorldPairs(first, N, SIZE_HW, 8)) for first in (3_000_000_100, 3_000_000_200))
DRIVES = WorldPairs(3_000_000_300, 2, SIZE_HW, 8)
PAINTING = PaintingConfig(steps=2, agreement=0.8)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    judge = picture_judge.build(picture_judge.JudgeConfig(SIZE_HW, (8, 8, 16, 16)), SEMANTIC_KITTI).eval()
    return tiny_generator(GRID, SIZE_HW), judge, tiny_reader(GRID, SIZE_HW)


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return ViewCache(folder, PAINTED), ViewCache(folder, REFERENCE)


@pytest.fixture(scope="module")
def made(networks, streets, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores")
    return out, evaluate_pictures(*networks, *streets, PAINTING, out, drives=DRIVES, frames=3)


def test_all_scores_are_there_beside_those_of_real_pictures(made):
    out, record = made
    assert json.loads((out / "pictures.json").read_text()) == record and record["n"] == N
    assert list(record["scores"]) == [REAL, TOLD, READ, ALONE]
    for scores in record["scores"].values():
        assert np.isfinite(scores["distance"]) and scores["sharpness"] > 0 and 0 <= scores["found"] <= 1
    read = record["scores"][READ]
    own, another = read["pairing"]["iou"], read["pairing_with_another"]["iou"]
    assert own > 0.9 and own > another, "what it read last is in the picture"
    assert (out / "pictures.md").read_text() == table(record)
    with Image.open(out / "sheet.png") as picture:
        assert picture.width >= 4 * SIZE_HW[1]


def test_the_reference_itself_is_at_no_distance_and_blur_and_foreign_labels_cost(networks):
    _, judge, reader = networks
    scenes = [REFERENCE.views(i) for i in range(N)]
    features_ND = picture_judge.picture_features_ND(judge, (s.images_NHW3[0] for s in scenes))
    same, blurred, foreign = Side(20), Side(20), Side(20)
    for i, scene in enumerate(scenes):
        image, camera = scene.images_NHW3[0], scene.cameras[0]
        flat = np.broadcast_to(image.mean((0, 1)), image.shape).astype(np.uint8)
        shows = picture_judge.shown(judge, image)
        read = perceive(reader, image, camera).scene.labels_XYZ
        for side, shown, asked, labels in (
            (same, image, shows, read),
            (blurred, flat, shows, read),
            (foreign, image, {"weather": "fog"} if shows["weather"] != "fog" else {"weather": "rain"}, read * 0 + i),
        ):
            side.add(judge, reader, shown, camera, asked, labels)
    one, two, three = (side.scores(judge, features_ND) for side in (same, blurred, foreign))
    assert abs(one["distance"]) < 1e-6 < two["distance"] and two["sharpness"] == 0.0 < one["sharpness"]
    assert one["found"] == 1.0 and three["found"] == 0.0 and three["found_by_attribute"] == {"weather": 0.0}
    assert one["pairing"]["iou"] == 1.0 > three["pairing"]["miou"]


def test_the_same_seed_gives_the_same_scores_and_pictures(made, networks, streets, tmp_path):
    out, record = made
    assert evaluate_pictures(*networks, *streets, PAINTING, tmp_path, drives=DRIVES, frames=3) == record
    for name in ("sheet.png", "frames.png"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_a_stopped_evaluation_paints_only_what_is_missing(made, networks, streets, tmp_path, monkeypatch):
    from occforge.pipelines import evaluate_pictures as module

    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "pictures" / "000002.npz").unlink()
    real, painted = module.paint_kinds, []
    monkeypatch.setattr(module, "paint_kinds", lambda *a: painted.append(a[3]) or real(*a))
    monkeypatch.setattr(module, "_losses_of", lambda *_: pytest.fail("losses were there"))
    assert evaluate_pictures(*networks, *streets, PAINTING, tmp_path, drives=DRIVES, frames=3) == made[1]
    assert painted == [2]
    with pytest.raises(InputError, match="other weights or settings"):
        evaluate_pictures(*networks, *streets, replace(PAINTING, steps=3), tmp_path)


def test_videos_are_scored_beside_frames_painted_apart(made, networks, streets, tmp_path):
    videos = made[1]["videos"]
    assert (videos["streets"], videos["frames"]) == (2, 3)
    real, together, apart = (videos["scores"][name] for name in ("real", "painted together", "painted apart"))
    assert real["inconsistency"] < together["inconsistency"] < apart["inconsistency"]
    assert "| painted together |" in (made[0] / "pictures.md").read_text()
    with pytest.raises(InputError, match="2 frames"):
        evaluate_pictures(*networks, *streets, PAINTING, tmp_path, drives=DRIVES, frames=1)


def test_a_generator_that_cannot_use_its_occupancy_shows_no_gap(networks):
    generator = networks[0]
    scenes = [PAINTED.views(i) for i in range(3)]
    losses = occupancy_losses(generator, scenes, levels=4)
    assert {name: loss.shape for name, loss in losses.items()} == dict.fromkeys(("true", "none", "shuffled"), (3,))
    assert not np.array_equal(losses["true"], losses["none"])
    deaf = untrained_generator(GRID, SIZE_HW)  # says nothing, whatever it is told
    same = occupancy_losses(deaf, scenes, levels=4)
    assert np.array_equal(same["true"], same["none"]) and np.array_equal(same["true"], same["shuffled"])
    with pytest.raises(InputError, match="2 scenes"):
        occupancy_losses(generator, scenes[:1])


def test_reference_and_painted_scenes_must_differ(networks, streets, tmp_path):
    painted = streets[0]
    fewer = ViewCache(tmp_path, replace(REFERENCE, pairs=replace(REFERENCE.pairs, count=2)))
    for other in (painted, fewer):
        with pytest.raises(InputError, match="of other seeds"):
            evaluate_pictures(*networks, painted, other, PaintingConfig(steps=2), tmp_path)


def test_kinds_that_nobody_asks_for_are_not_painted(made, networks, streets, tmp_path, monkeypatch):
    from occforge.pipelines import evaluate_pictures as module

    monkeypatch.setattr(module, "imagine", lambda *_: pytest.fail("read as it went"))
    scores = picture_scores(*networks, *streets, PAINTING, tmp_path, kinds=(ALONE,))
    assert scores == {name: made[1]["scores"][name] for name in (REAL, ALONE)}
