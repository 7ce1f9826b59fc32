"""A small street with known content: buildings left, vegetation right, cars and persons as boxes."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI

SMALL_GRID = GridSpec((64, 64, 16), (0.4, 0.4, 0.4), (0.0, -12.8, -2.0))


def make_small_street(seed: int, persons: bool = True, cars: bool = True, wall_shift: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    ids = {name: SEMANTIC_KITTI.id_of(name) for name in SEMANTIC_KITTI.names}
    labels = np.zeros(SMALL_GRID.shape_XYZ, np.uint8)
    half = int(rng.integers(8, 11))
    labels[:, :, :2] = ids["terrain"]
    labels[:, 32 - half - 6 : 32 + half + 6, 1] = ids["sidewalk"]
    labels[:, 32 - half : 32 + half, 1] = ids["road"]
    wall = 50 + int(rng.integers(-1, 2)) - wall_shift
    for x in range(0, 64, 16):
        labels[x : x + 15, wall:, 2 : int(rng.integers(9, 16))] = ids["building"]
    for _ in range(int(rng.integers(6, 10))):
        x, y = int(rng.integers(4, 60)), int(rng.integers(4, 32 - half - 8))
        labels[x - 3 : x + 3, y - 3 : y + 3, 4 : int(rng.integers(8, 12))] = ids["vegetation"]
        labels[x, y, 2:4] = ids["trunk"]
    for _ in range(int(rng.integers(2, 5)) if cars else 0):
        x, y = int(rng.integers(0, 52)), 32 + int(rng.integers(-half, half - 4))
        labels[x : x + 10, y : y + 4, 2:6] = ids["car"]
    for _ in range(int(rng.integers(2, 6)) if persons else 0):
        x, y = int(rng.integers(0, 60)), 32 + half + int(rng.integers(0, 5))
        labels[x : x + 1, y : y + 2, 2:6] = ids["person"]
    return Scene(labels, SMALL_GRID, SEMANTIC_KITTI)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Scenes this small take longer on several threads, and much longer where other tests run beside them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_street() -> Callable[..., Scene]:
    """`small_street(seed, persons=True, cars=True, wall_shift=0) -> Scene`."""
    return make_small_street
