import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.stats import wasserstein_distance

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, NYUV2, SEMANTIC_KITTI
from occforge.data._transforms import downsample_scene
from occforge.metrics.objects import (
    ObjectStatistics,
    components,
    count_distance,
    minimum_voxels,
    size_distances_m3,
    wasserstein_1,
)
from occforge.world.room import make_room


@given(arrays(np.uint8, (6, 5, 4), elements=st.sampled_from([0, 0, 0, 1, 2, 255])))
@settings(max_examples=100, deadline=None)
def test_components_match_scipy(labels):
    found = components(labels, (1, 2))
    for k in (1, 2):
        image, count = ndimage.label(labels == k, structure=np.ones((3, 3, 3)))
        mine = np.flatnonzero(found.label_C == k)
        assert len(mine) == count
        assert sorted(found.size_C[mine]) == sorted(np.bincount(image.ravel())[1:])
        for c in mine:
            members = np.unravel_index(found.voxel_N[found.component_N == c], labels.shape)
            assert len(set(image[members])) == 1
            assert np.allclose(found.centre_C3[c], np.mean(members, axis=1) + 0.5)
            assert np.array_equal(found.lower_C3[c], np.min(members, axis=1))
            assert np.array_equal(found.upper_C3[c], np.max(members, axis=1) + 1)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=20),
    st.lists(st.floats(0, 100), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_wasserstein_matches_scipy(a, b):
    assert wasserstein_1(np.array(a), np.array(b)) == pytest.approx(wasserstein_distance(a, b), abs=1e-9)


def test_wasserstein_edges():
    a = np.array([1.0, 2.0, 5.0])
    assert wasserstein_1(a, a) == 0.0
    assert wasserstein_1(a, a + 3) == pytest.approx(3.0)
    assert math.isnan(wasserstein_1(a, np.zeros(0)))
    assert wasserstein_1(np.zeros(0), np.zeros(0)) == 0.0


def test_minimum_scales_with_voxel_volume():
    coarse = GridSpec((64, 64, 8), (0.8, 0.8, 0.8), (0.0, -25.6, -2.0))
    assert minimum_voxels("car", STREET_GRID) == 60
    assert minimum_voxels("car", STREET_GRID.pooled((2, 2, 2))) == 8  # 60 / 8 rounded up
    assert minimum_voxels("car", coarse) == 1
    assert all(minimum_voxels(SEMANTIC_KITTI.names[k], STREET_GRID) > 1 for k in SEMANTIC_KITTI.things)


@pytest.mark.parametrize("factor", [1, 4])
def test_furniture_counts_as_objects(factor):
    scenes = [downsample_scene(make_room(seed).scene, factor) for seed in range(3)]
    statistics = ObjectStatistics(scenes[0].grid, NYUV2)
    for scene in scenes:
        statistics.add(scene)
    found = statistics.result()
    assert found.classes["chair"].per_scene > 0 and found.salt < 0.01


def test_counts_salt_and_distances(small_street):
    real, noisy = (ObjectStatistics(small_street(0).grid, SEMANTIC_KITTI) for _ in range(2))
    car = SEMANTIC_KITTI.id_of("car")
    for seed in range(4):
        scene = small_street(seed)
        real.add(scene)
        # as many car voxels as before, but scattered: shares agree, objects vanish
        labels = np.where(scene.labels_XYZ == car, 0, scene.labels_XYZ)
        free = np.flatnonzero(labels.ravel() == 0)
        rng = np.random.default_rng(seed)
        labels.ravel()[rng.choice(free, (scene.labels_XYZ == car).sum(), replace=False)] = car
        noisy.add(Scene(labels, scene.grid, scene.taxonomy))
    a, b = noisy.result(), real.result()
    assert b.classes["car"].per_scene >= 1 and b.classes["car"].salt == 0.0 and b.classes["car"].present == 1.0
    assert a.classes["car"].voxels == b.classes["car"].voxels
    assert a.classes["car"].per_scene == 0 and a.classes["car"].salt == 1.0
    assert count_distance(b, b) == 0.0 < count_distance(a, b)
    assert size_distances_m3(b, b)["car"] == 0.0
    assert math.isnan(size_distances_m3(a, b)["car"])
    assert sum(b.classes["car"].histogram()) == len(b.classes["car"].size_M_m3)
    assert math.isnan(b.classes["truck"].salt)


def test_histogram_counts_boundaries_into_the_upper_bin():
    statistics = ObjectStatistics(GridSpec((8, 8, 8), (0.2, 0.2, 0.2), (0.0, 0.0, 0.0)), SEMANTIC_KITTI)
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[0, 0, :4] = SEMANTIC_KITTI.id_of("pole")
    statistics.add(Scene(labels, statistics.grid, SEMANTIC_KITTI))
    assert statistics.result().classes["pole"].histogram()[2] == 1  # 4 voxels: [4, 8)


def test_other_taxonomy_is_refused(small_street):
    with pytest.raises(InputError, match="expected carla_sc"):
        ObjectStatistics(small_street(0).grid, CARLA_SC).add(small_street(0))
