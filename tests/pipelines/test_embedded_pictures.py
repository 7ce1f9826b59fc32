"""The picture generator and the judge that ship: what they were trained for holds on held-out streets."""

import json

import numpy as np
import pytest

from occforge.cli.generate import generate
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED
from occforge.data.views import WorldViews
from occforge.latent.painting_config import PaintingConfig
from occforge.metrics.picture_judge import shown
from occforge.pipelines.evaluate_pictures import occupancy_losses
from occforge.weights import load_judge, load_pictures


@pytest.fixture(scope="module")
def streets():
    views = WorldViews(WorldPairs(TEST_FIRST_SEED + 5_000, 12))
    return [views.views(i) for i in range(12)]


def test_it_uses_its_occupancy(streets):
    """An alignment may ignore what it is told without a sign of it in the loss."""
    losses = occupancy_losses(load_pictures(None), streets, levels=4)
    for better, worse in (("true", "none"), ("none", "shuffled")):
        gap_N = losses[worse] - losses[better]
        assert gap_N.mean() > 3.0 * gap_N.std(ddof=1) / len(gap_N) ** 0.5, (better, worse)


def test_the_judge_sees_what_real_streets_show(streets):
    judge = load_judge(None)
    found = [shown(judge, s.images_NHW3[0])[name] == value for s in streets for name, value in s.attributes.items()]
    assert np.mean(found) > 0.75


def test_the_image_engine_needs_no_files_of_yours(tmp_path):
    generate(
        "a straight street, fog, trees on the left",
        tmp_path / "out",
        engine="image",
        painting=PaintingConfig(steps=4),
        seed=3,
    )
    record = json.loads((tmp_path / "out" / "prompt.json").read_text())
    assert record["engine"] == "image" and record["pictures"] == "embedded" and record["image_size"] == [64, 192]
    scene = Scene.load(tmp_path / "out" / "scene.npz")
    assert scene.grid.shape_XYZ == (64, 64, 8) and 0.02 < (scene.labels_XYZ > 0).mean() < 0.6
