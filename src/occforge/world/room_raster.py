"""Voxels from numbers: the kernel that draws the parts of a room's pieces, and where one can walk.

Shape legend: X forward, Y left, Z up (voxels); P parts, N boxes.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

BOX, ROUND, BALL = 0, 1, 2
"""Shapes of parts: box, upright cylinder (or part of a cone), ellipsoid."""

PART_NUMBERS = 12
"""label, skin, shape, x, y (middle), half u, half v, z low, z high, cos and sin of the yaw, taper; all in voxels."""


@njit(cache=True)
def draw_parts(labels_XYZ: NDArray[np.uint8], skins_XYZ: NDArray[np.uint8], part_P12: NDArray[np.float64]) -> None:
    """Draw parts in order into labels and skins alike; a voxel that is not empty stays as it is."""
    X, Y, Z = labels_XYZ.shape
    for n in range(part_P12.shape[0]):
        label, skin, shape = int(part_P12[n, 0]), int(part_P12[n, 1]), int(part_P12[n, 2])
        x, y, half_u, half_v = part_P12[n, 3], part_P12[n, 4], part_P12[n, 5], part_P12[n, 6]
        low, high, c, s, taper = part_P12[n, 7], part_P12[n, 8], part_P12[n, 9], part_P12[n, 10], part_P12[n, 11]
        grow = max(1.0, taper)
        reach_x = (abs(c) * half_u + abs(s) * half_v) * grow
        reach_y = (abs(s) * half_u + abs(c) * half_v) * grow
        for i in range(max(0, math.floor(x - reach_x)), min(X, math.ceil(x + reach_x))):
            for j in range(max(0, math.floor(y - reach_y)), min(Y, math.ceil(y + reach_y))):
                dx, dy = i + 0.5 - x, j + 0.5 - y
                u, v = (c * dx + s * dy) / half_u, (c * dy - s * dx) / half_v
                for k in range(max(0, math.floor(low + 0.5)), min(Z, math.floor(high + 0.5))):
                    if labels_XYZ[i, j, k] != 0:
                        continue
                    t = (k + 0.5 - low) / (high - low)
                    wide = 1.0 + (taper - 1.0) * t
                    if shape == BOX:
                        # Half-open, with a hair's breadth against rounding, so that whole voxels stay whole.
                        inside = -wide - 1e-6 <= u < wide - 1e-6 and -wide - 1e-6 <= v < wide - 1e-6
                    elif shape == ROUND:
                        inside = u * u + v * v <= wide * wide
                    else:
                        inside = u * u + v * v + (2.0 * t - 1.0) ** 2 <= 1.0
                    if inside:
                        labels_XYZ[i, j, k] = label
                        skins_XYZ[i, j, k] = skin


@njit(cache=True)
def overlap(a_N6: NDArray[np.float64], b_M6: NDArray[np.float64]) -> bool:
    """Whether a box of one list and a box of the other share volume; rows (x0, x1, y0, y1, z0, z1)."""
    for n in range(a_N6.shape[0]):
        for m in range(b_M6.shape[0]):
            if (
                a_N6[n, 0] < b_M6[m, 1] - 1e-6
                and b_M6[m, 0] < a_N6[n, 1] - 1e-6
                and a_N6[n, 2] < b_M6[m, 3] - 1e-6
                and b_M6[m, 2] < a_N6[n, 3] - 1e-6
                and a_N6[n, 4] < b_M6[m, 5] - 1e-6
                and b_M6[m, 4] < a_N6[n, 5] - 1e-6
            ):
                return True
    return False


@njit(cache=True)
def walkable(blocked_XY: NDArray[np.bool_], start: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells (X, Y) that one reaches from `start` over cells that are not blocked, side by side."""
    X, Y = blocked_XY.shape
    reached_XY = np.zeros((X, Y), np.bool_)
    stack = np.zeros((X * Y, 2), np.int64)
    if blocked_XY[start[0], start[1]]:
        return reached_XY
    reached_XY[start[0], start[1]] = True
    stack[0, 0], stack[0, 1] = start
    top = 1
    while top > 0:
        top -= 1
        i, j = stack[top]
        for n in range(4):
            a = i + (1 if n == 0 else -1 if n == 1 else 0)
            b = j + (1 if n == 2 else -1 if n == 3 else 0)
            if 0 <= a < X and 0 <= b < Y and not blocked_XY[a, b] and not reached_XY[a, b]:
                reached_XY[a, b] = True
                stack[top, 0], stack[top, 1] = a, b
                top += 1
    return reached_XY
