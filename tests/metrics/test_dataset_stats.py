"""Shares and imbalance against plain counting, and the proposed split of a street with known content."""

import json

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.metrics.dataset_stats import DatasetStatistics, DatasetSummary


@pytest.fixture(scope="module")
def summary(small_street) -> tuple[DatasetSummary, np.ndarray]:
    """Of four streets, an eighth of them unknown; and all their labels."""
    scenes = [small_street(seed) for seed in range(4)]
    for scene in scenes:
        scene.labels_XYZ[56:] = 255
    statistics = DatasetStatistics(scenes[0].grid, SEMANTIC_KITTI)
    for scene in scenes:
        statistics.add(scene)
    return statistics.result(), np.stack([scene.labels_XYZ for scene in scenes])


def test_shares_are_plain_counts(summary) -> None:
    found, labels = summary
    known, occupied = labels[labels != 255], labels[(labels != 255) & (labels > 0)]
    counts = np.bincount(occupied, minlength=20)
    np.testing.assert_allclose(found.frequency_K, counts / occupied.size)
    assert found.frequency_K.sum() == pytest.approx(1) and found.frames == 4
    assert found.unknown_share == pytest.approx(1 / 8) and found.empty_share == pytest.approx(np.mean(known == 0))
    assert found.imbalance == counts.max() / counts[counts > 0].min()
    assert found.even_share == 1 / np.count_nonzero(counts)


def test_the_proposed_split_names_what_can_be_counted(summary) -> None:
    proposals = {proposal.name: proposal for proposal in summary[0].proposals}
    for name in ("car", "person", "trunk"):
        assert proposals[name].is_object and proposals[name].reason == "countable, rare"
    for name in ("road", "sidewalk", "terrain"):
        assert not proposals[name].is_object and not proposals[name].countable
    assert proposals["pole"].reason == "does not occur" and proposals["pole"].is_object  # as in the taxonomy


def test_json_and_text_hold_every_class(summary) -> None:
    found, _ = summary
    value = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert list(value["classes"]) == list(SEMANTIC_KITTI.names) and set(value["objects"]) <= set(SEMANTIC_KITTI.names)
    split = value["proposed_split"]
    assert sorted(split["objects"] + split["background"]) == sorted(SEMANTIC_KITTI.names[1:])
    text = found.to_text()
    assert all(name in text for name in SEMANTIC_KITTI.names[1:]) and "12.5%" in text


def test_nothing_known_and_another_grid(small_street) -> None:
    grid = GridSpec((4, 4, 4), (0.4, 0.4, 0.4), (0.0, 0.0, 0.0))
    statistics = DatasetStatistics(grid, CARLA_SC)
    statistics.add(Scene(np.full((4, 4, 4), 255, np.uint8), grid, CARLA_SC))
    value = statistics.result().to_dict()
    assert value["unknown_share"] == 1.0 and value["imbalance"] is None and value["empty_share_of_known"] is None
    json.dumps(value, allow_nan=False)
    with pytest.raises(InputError, match="expected taxonomy carla_sc"):
        statistics.add(small_street(0))
