import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.metrics.shares import ClassShares, class_counts_K, occupied_shares_K, share_distance


def test_shares_are_of_occupied_and_known_voxels():
    labels = np.array([[[0, 0, 1, 1, 9, 255]]], np.uint8)
    counts = class_counts_K(labels, 20)
    assert counts.sum() == 5 and counts[0] == 2
    shares = occupied_shares_K(counts)
    assert shares[1] == pytest.approx(2 / 3) and shares[9] == pytest.approx(1 / 3) and shares[0] == 0
    assert not occupied_shares_K(np.zeros(20, np.int64)).any()


def test_distance_is_a_metric_with_known_ends():
    a, b, c = np.array([5, 10, 0, 0]), np.array([0, 0, 3, 0]), np.array([1, 5, 3, 2])
    assert share_distance(a, a, (2,)).all_classes == 0.0
    assert share_distance(a, b, (2,)).all_classes == pytest.approx(2.0)
    assert share_distance(a, b, (2,)).things == 2.0  # one side has no things at all
    assert share_distance(a, a, (2,)).things == 0.0
    ab, bc, ac = (share_distance(*pair, (1, 2)) for pair in ((a, b), (b, c), (a, c)))
    assert ac.all_classes <= ab.all_classes + bc.all_classes
    assert share_distance(a, c, (1, 2)) == share_distance(c, a, (1, 2))


def test_things_show_what_background_hides():
    real, swapped = np.array([0, 9000, 10, 5]), np.array([0, 9000, 5, 10])
    distance = share_distance(swapped, real, (2, 3))
    assert distance.all_classes < 0.01 and distance.things == pytest.approx(2 / 3)


def test_pooling_equals_concatenation(small_street):
    pooled = ClassShares(SEMANTIC_KITTI)
    scenes = [small_street(seed) for seed in range(3)]
    for scene in scenes:
        pooled.add(scene)
    together = class_counts_K(np.concatenate([scene.labels_XYZ for scene in scenes]), 20)
    assert np.array_equal(pooled.counts_K, together) and pooled.scenes == 3
    other = Scene(np.zeros(scenes[0].grid.shape_XYZ, np.uint8), scenes[0].grid, CARLA_SC)
    with pytest.raises(InputError, match="expected taxonomy"):
        pooled.add(other)
