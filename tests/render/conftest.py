"""Scenes that the renderers are tested on: a hand-made street and random voxels."""

import numpy as np
import pytest

from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI, UNKNOWN

SMALL_GRID = GridSpec((64, 64, 16), (0.4, 0.4, 0.4), (0.0, -12.8, -2.0))


@pytest.fixture(scope="session")
def street() -> Scene:
    """25.6 m of road with pavements, a car ahead, a house on the left that the grid's top cuts, a tree on the right."""
    labels_XYZ = np.zeros(SMALL_GRID.shape_XYZ, np.uint8)
    of = SEMANTIC_KITTI.id_of
    labels_XYZ[:, :, 0] = of("terrain")
    labels_XYZ[:, 22:42, 0] = of("road")
    labels_XYZ[:, 42:48, 0] = labels_XYZ[:, 16:22, 0] = of("sidewalk")
    labels_XYZ[20:60, 52:64, 1:] = of("building")
    labels_XYZ[24:35, 28:33, 1:4] = of("car")
    labels_XYZ[27:33, 28:33, 4] = of("car")
    labels_XYZ[40, 12, 1:9] = of("trunk")
    labels_XYZ[36:45, 8:17, 9:15] = of("vegetation")
    labels_XYZ[15, 45, 1:6] = of("person")
    labels_XYZ[30, 20, 1:12] = of("pole")
    labels_XYZ[60:, 60:, 8:] = UNKNOWN
    return Scene(labels_XYZ, SMALL_GRID, SEMANTIC_KITTI)


@pytest.fixture
def scatter() -> Scene:
    """Random voxels of random classes, with unknown ones among them, in voxels that are no cubes."""
    rng = np.random.default_rng(5)
    grid = GridSpec((9, 7, 6), (0.5, 0.4, 0.3), (-1.0, -1.5, 0.2))
    labels_XYZ = rng.integers(1, CARLA_SC.class_count, grid.shape_XYZ).astype(np.uint8)
    labels_XYZ[rng.random(grid.shape_XYZ) < 0.82] = 0
    labels_XYZ[rng.random(grid.shape_XYZ) < 0.10] = UNKNOWN
    return Scene(labels_XYZ, grid, CARLA_SC)
