"""The perception network that ships: what it is, and that it sees."""

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.data.pairs import WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED, VAL_FIRST_SEED
from occforge.metrics.occupancy import MeanScene, OccupancyStatistics
from occforge.perception.network import Hints
from occforge.pipelines.perceive import perceive
from occforge.recipes._perception import picture_size
from occforge.train.augment import noisy
from occforge.train.perception import image_tensor
from occforge.weights import EMBEDDED, load_perception


def test_it_is_small_and_of_the_street_world():
    assert (EMBEDDED / "monoscene.safetensors").stat().st_size <= 8e6
    trained = load_perception(None)
    streets = WorldPairs(TEST_FIRST_SEED, 1)
    assert trained.name == "monoscene"
    assert trained.size_HW == picture_size(trained.network.config, "street", "small")
    assert trained.network.grid == streets.grid and trained.network.taxonomy.names == streets.taxonomy.names


def test_it_sees_what_the_mean_scene_does_not_know():
    trained = load_perception(None)
    streets = WorldPairs(TEST_FIRST_SEED, 6, trained.size_HW)
    known, mean = WorldPairs(VAL_FIRST_SEED, 24), MeanScene(streets.grid, streets.taxonomy)
    for index in range(len(known)):
        mean.add(known.pair(index).labels_XYZ)
    sides = {name: OccupancyStatistics(streets.grid, streets.taxonomy) for name in ("network", "mean scene", "blind")}
    for index in range(len(streets)):
        pair = streets.pair(index)
        seen = perceive(trained, pair.image_HW3, pair.camera).scene
        blind = perceive(trained, np.full_like(pair.image_HW3, 128), pair.camera).scene
        for name, labels in (("network", seen.labels_XYZ), ("mean scene", mean.predict()), ("blind", blind.labels_XYZ)):
            sides[name].add(labels, pair.labels_XYZ, pair.camera)
    scores = {name: side.result("zero", 11) for name, side in sides.items()}
    for other in ("mean scene", "blind"):
        assert scores["network"].iou() > scores[other].iou() + 0.05
        assert scores["network"].miou() > scores[other].miou() + 0.1


@pytest.mark.parametrize("level", [0.3, 0.7])
def test_the_noise_level_it_is_told_matters_and_helps(level):
    trained = load_perception(None)
    streets = WorldPairs(TEST_FIRST_SEED, 4, trained.size_HW)
    pairs = [streets.pair(index) for index in range(len(streets))]
    generator = torch.Generator().manual_seed(0)
    seen = torch.stack([noisy(image_tensor(pair.image_HW3), level, generator) for pair in pairs])
    cameras = CameraBatch.stack([pair.camera for pair in pairs])
    target = torch.from_numpy(np.stack([pair.labels_XYZ for pair in pairs]))
    losses = []
    for told in (level, 0.0):
        with torch.no_grad():
            prediction = trained.network(seen, cameras, Hints(noise_level_B=torch.full((4,), told)))
            losses.append(float(sum(trained.network.loss(prediction, target, cameras).values())))
    assert losses[0] < losses[1]
