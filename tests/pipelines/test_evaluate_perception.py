"""Scores of perception: a network that knows the answer, the baselines beside it, and pictures of hits and misses."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI, Taxonomy
from occforge.data.pairs import Pair, PairCache
from occforge.perception.network import PerceptionNetwork, Prediction
from occforge.perception.weights import Trained
from occforge.pipelines.evaluate_perception import HIT, INVENTED, MISSED, evaluate_perception, hits

GRID = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))
ROAD, TERRAIN, BUILDING = (SEMANTIC_KITTI.names.index(n) for n in ("road", "terrain", "building"))


@dataclass(frozen=True)
class Walls:
    """Streets of road whose wall stands the farther the brighter the picture is."""

    count: int = 4
    grid: GridSpec = GRID
    taxonomy: Taxonomy = SEMANTIC_KITTI

    @property
    def identity(self):
        return f"walls-{self.count}"

    def __len__(self):
        return self.count

    def labels(self, index):
        labels = np.zeros(self.grid.shape_XYZ, np.uint8)
        labels[:, :, 0] = ROAD
        labels[2 + 3 * index, :, 1:6] = BUILDING
        labels[0, 0] = 255
        return labels

    def pair(self, index):
        return Pair(np.full((32, 96, 3), 40 * index, np.uint8), street_camera((32, 96)), self.labels(index))


class Oracle(PerceptionNetwork):
    def forward(self, image_B3HW, cameras, hints):
        labels = np.stack([Walls().labels(round(float(image.mean()) * 255 / 40)) for image in image_B3HW])
        hot = torch.nn.functional.one_hot(torch.from_numpy(np.where(labels == 255, 0, labels)).long(), 20)
        return Prediction(hot.movedim(-1, 1).float())


def test_the_answer_scores_one_and_what_does_not_look_less(tmp_path):
    training = PairCache(tmp_path / "cache", Walls(2))
    trained = Trained(Oracle(GRID, SEMANTIC_KITTI), "oracle", (32, 96), {})
    report = evaluate_perception(trained, Walls(), training, tmp_path / "out", "skip")
    assert report.scores["oracle"].iou() == report.scores["oracle"].miou() == 1.0
    for name in ("mean scene", "nearest picture"):
        assert report.scores[name].iou() < 1.0
    record = json.loads((tmp_path / "out" / "perception.json").read_text())
    assert record["n"] == 4 and record["scores"]["oracle"]["regions"]["all voxels"]["iou"] == 1.0
    assert (tmp_path / "out" / "perception.md").read_text().startswith("n = 4; walls-4")
    width, height = Image.open(tmp_path / "out" / "hits-and-misses.png").size
    assert height > 4 * 192 and width > 3 * 192 + 3 * 192


def test_a_network_of_other_classes_is_refused(tmp_path):
    trained = Trained(Oracle(GRID, CARLA_SC), "oracle", (32, 96), {})
    with pytest.raises(InputError, match="choose the data it was trained for"):
        evaluate_perception(trained, Walls(), None, tmp_path)


def test_hits_and_misses_are_seen_from_above_with_forward_up():
    truth, found = (np.zeros(GRID.shape_XYZ, np.uint8) for _ in range(2))
    truth[:, :, 0], found[:, :, 0] = ROAD, TERRAIN  # ground against ground is no miss
    truth[15, 0, 3], found[15, 0, 5] = BUILDING, BUILDING
    truth[8, 4, 3], found[2, 12, 3] = BUILDING, BUILDING
    truth[5, 5], found[5, 5, 3] = 255, BUILDING
    picture = hits(Scene(truth, GRID, SEMANTIC_KITTI), Scene(found, GRID, SEMANTIC_KITTI))
    assert tuple(picture[0, 15]) == HIT  # farthest ahead, on the right
    assert tuple(picture[15 - 8, 15 - 4]) == MISSED and tuple(picture[15 - 2, 15 - 12]) == INVENTED
    assert tuple(picture[15 - 5, 15 - 5]) == (221, 221, 221)
    assert (picture.reshape(-1, 3) == 245).all(1).sum() == 16 * 16 - 4
