"""Downsampling against its plain reference, and resampling against downsampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.data._classmap import CARLA_FROM_KITTI, ClassMap
from occforge.data._transforms import downsample, downsample_scene, resample


def downsample_reference(labels_XYZ: np.ndarray, factor: int) -> np.ndarray:
    """The rule as it is written, one coarse voxel at a time."""
    pooled_XYZ = np.zeros(tuple(n // factor for n in labels_XYZ.shape), np.uint8)
    for x, y, z in np.ndindex(pooled_XYZ.shape):
        i, j, k = x * factor, y * factor, z * factor
        block = labels_XYZ[i : i + factor, j : j + factor, k : k + factor]
        empty, unknown = np.sum(block == 0), np.sum(block == 255)
        if empty + unknown > 0.95 * factor**3:
            pooled_XYZ[x, y, z] = 0 if empty > unknown else 255
        else:
            ids, counts = np.unique(block[(block != 0) & (block != 255)], return_counts=True)
            pooled_XYZ[x, y, z] = ids[np.argmax(counts)]
    return pooled_XYZ


def random_labels(seed: int, shape: tuple[int, int, int], empty_share: float, unknown_share: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 5, shape, dtype=np.uint8)
    draw = rng.random(shape)
    labels[draw < empty_share + unknown_share] = 255
    labels[draw < empty_share] = 0
    return labels


shares = st.sampled_from([(0.0, 0.0), (0.5, 0.0), (0.45, 0.45), (0.48, 0.5), (0.97, 0.0), (0.0, 1.0)])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([1, 2, 3, 4]), share=shares)
def test_downsample_equals_the_reference(seed: int, factor: int, share: tuple[float, float]) -> None:
    labels = random_labels(seed, (4 * factor, 3 * factor, 2 * factor), *share)
    np.testing.assert_array_equal(downsample(labels, factor), downsample_reference(labels, factor))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([1, 2, 4]), share=shares)
def test_resample_equals_downsample_where_sizes_divide(seed: int, factor: int, share: tuple[float, float]) -> None:
    grid = GridSpec((12, 8, 8), (0.2, 0.2, 0.2), (0.0, -25.6, -2.0))
    scene = Scene(random_labels(seed, grid.shape_XYZ, *share), grid, SEMANTIC_KITTI)
    expected = downsample_scene(scene, factor)
    resampled = resample(scene, expected.grid)
    np.testing.assert_array_equal(resampled.labels_XYZ, expected.labels_XYZ)
    assert resampled.grid == expected.grid == grid.pooled((factor, factor, factor))


def test_one_thin_voxel_survives_and_a_tie_takes_the_lower_id() -> None:
    labels = np.zeros((2, 2, 4), np.uint8)
    labels[0, 0, 0] = 18  # 1 of 8 is 12.5 %, more than the 5 % that are dropped
    labels[0, :, 2], labels[1, :, 2] = 9, 3
    np.testing.assert_array_equal(downsample(labels, 2), [[[18, 3]]])


def test_resample_counts_a_voxel_where_its_centre_lies() -> None:
    """Layers of 0.2 m, centres at 0.1, 0.3, 0.5, 0.7 m, in layers of 0.375 m: two and two; beyond them, unknown."""
    fine = GridSpec((1, 1, 4), (0.2, 0.2, 0.2), (0.0, 0.0, 0.0))
    coarse = GridSpec((1, 1, 3), (0.2, 0.2, 0.375), (0.0, 0.0, 0.0))
    scene = Scene(np.array([[[0, 2, 0, 0]]], np.uint8), fine, CARLA_SC)
    np.testing.assert_array_equal(resample(scene, coarse).labels_XYZ, [[[2, 0, 255]]])
    with pytest.raises(InputError, match="needs larger ones"):
        resample(scene, GridSpec((1, 1, 8), (0.2, 0.2, 0.1), (0.0, 0.0, 0.0)))


def test_bad_factor_is_named() -> None:
    with pytest.raises(InputError, match="by 3 does not divide"):
        downsample(np.zeros((4, 4, 4), np.uint8), 3)


def test_class_map_covers_every_class_and_keeps_unknown() -> None:
    labels = np.array([0, 255, *range(1, 20)], np.uint8)
    mapped = CARLA_FROM_KITTI.labels(labels)
    assert mapped[0] == 0 and mapped[1] == 255 and np.all((mapped[2:] > 0) & (mapped[2:] < CARLA_SC.class_count))
    assert CARLA_SC.names[mapped[1 + SEMANTIC_KITTI.id_of("car")]] == "vehicle"
    with pytest.raises(InputError, match=r"missing \['bicycle'"):
        ClassMap.by_name(SEMANTIC_KITTI, CARLA_SC, {})
    with pytest.raises(InputError, match="expected 20 ids"):
        ClassMap(SEMANTIC_KITTI, CARLA_SC, (0, 1))
    with pytest.raises(InputError, match="with 0 first"):
        ClassMap(SEMANTIC_KITTI, CARLA_SC, (1,) * 20)
    grid = GridSpec((1, 1, 1), (1, 1, 1), (0, 0, 0))
    with pytest.raises(InputError, match="expected a scene of semantic_kitti"):
        CARLA_FROM_KITTI.scene(Scene(np.zeros((1, 1, 1), np.uint8), grid, CARLA_SC))
