"""Which things a scene has and how they stand: connected regions of vehicles, persons, signs and buildings.

Shape legend: X, Y columns of the grid; P parts; each part has the `PART_COLUMNS` numbers of one row.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.grid import GridSpec
from occforge.render.materials import PART_KINDS, Kind
from occforge.render.noise import hash3

CENTRE_X, CENTRE_Y, COS, SIN, HALF_LENGTH, HALF_WIDTH, BOTTOM, TOP, LUCK, KIND = range(10)
PART_COLUMNS = 10
"""Centre in metres, direction of the long axis, half extents along and across it in metres, lowest and highest
point in metres, a random number that is the part's own, and its kind. Vehicles point to their front."""


@njit(cache=True, nogil=True)
def _root(parent_N: NDArray, a: int) -> int:
    while parent_N[a] != a:
        parent_N[a] = parent_N[parent_N[a]]
        a = parent_N[a]
    return a


@njit(cache=True, nogil=True)
def column_spans(labels_XYZ: NDArray, kind_K: NDArray, is_part_N: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Per column: kind of the part in it (0: none), lowest and highest voxel of that kind. Small kinds win over big."""
    X, Y, Z = labels_XYZ.shape
    kind_XY = np.zeros((X, Y), np.uint8)
    low_XY = np.zeros((X, Y), np.int32)
    high_XY = np.zeros((X, Y), np.int32)
    for x in range(X):
        for y in range(Y):
            best = 0
            for z in range(Z):
                kind = kind_K[labels_XYZ[x, y, z]]
                if is_part_N[kind]:
                    if kind > best:  # the kinds are numbered from big to small
                        best = kind
                        low_XY[x, y] = z
                    if kind == best:
                        high_XY[x, y] = z
            kind_XY[x, y] = best
    return kind_XY, low_XY, high_XY


@njit(cache=True, nogil=True)
def connect(kind_XY: NDArray, high_XY: NDArray, building: int, step: int) -> tuple[NDArray, int]:
    """Number the connected regions of equal kind: (X, Y) int32, -1 for none, and how many there are.

    Columns of buildings belong together only if their heights differ by at most `step` voxels: houses in a row
    with roofs of their own are houses of their own.
    """
    X, Y = kind_XY.shape
    parent_N = np.arange(X * Y)
    for x in range(X):
        for y in range(Y):
            kind = kind_XY[x, y]
            if kind == 0:
                continue
            for back in range(2):
                i, j = (x - 1, y) if back == 0 else (x, y - 1)
                if i < 0 or j < 0 or kind_XY[i, j] != kind:
                    continue
                if kind == building and abs(high_XY[i, j] - high_XY[x, y]) > step:
                    continue
                a, b = _root(parent_N, x * Y + y), _root(parent_N, i * Y + j)
                if a != b:
                    parent_N[max(a, b)] = min(a, b)
    part_XY = np.full((X, Y), -1, np.int32)
    count = 0
    for x in range(X):
        for y in range(Y):
            if kind_XY[x, y] == 0:
                continue
            root = _root(parent_N, x * Y + y)
            if root == x * Y + y:
                part_XY[x, y] = count
                count += 1
            else:
                part_XY[x, y] = part_XY[root // Y, root % Y]
    return part_XY, count


@njit(cache=True, nogil=True)
def measure(
    part_XY: NDArray,
    count: int,
    kind_XY: NDArray,
    low_XY: NDArray,
    high_XY: NDArray,
    voxel_3: NDArray,
    origin_3: NDArray,
    seed: int,
) -> NDArray:
    """The rows of `PART_COLUMNS` numbers, (P, 10) float64.

    The axis is the mean direction of the region's outline modulo 90 degrees, which rectangles of any proportion
    have, then the longer extent.
    """
    X, Y = part_XY.shape
    parts = np.zeros((count, PART_COLUMNS))
    turn_P2 = np.zeros((count, 2))
    size_P = np.zeros(count)
    parts[:, BOTTOM], parts[:, TOP] = np.inf, -np.inf
    for x in range(X):
        for y in range(Y):
            p = part_XY[x, y]
            if p < 0:
                continue
            size_P[p] += 1.0
            parts[p, CENTRE_X] += origin_3[0] + (x + 0.5) * voxel_3[0]
            parts[p, CENTRE_Y] += origin_3[1] + (y + 0.5) * voxel_3[1]
            parts[p, BOTTOM] = min(parts[p, BOTTOM], origin_3[2] + low_XY[x, y] * voxel_3[2])
            parts[p, TOP] = max(parts[p, TOP], origin_3[2] + (high_XY[x, y] + 1) * voxel_3[2])
            parts[p, KIND] = kind_XY[x, y]
            gx, gy = 0.0, 0.0
            for i in range(-2, 3):
                for j in range(-2, 3):
                    if 0 <= x + i < X and 0 <= y + j < Y and part_XY[x + i, y + j] == p:
                        gx += i
                        gy += j
            strength = math.sqrt(gx * gx + gy * gy)
            if strength > 6.0 and 1 < x < X - 2 and 1 < y < Y - 2:
                angle = 4.0 * math.atan2(gy / voxel_3[1], gx / voxel_3[0])
                turn_P2[p, 0] += strength * math.cos(angle)
                turn_P2[p, 1] += strength * math.sin(angle)
    for p in range(count):
        parts[p, CENTRE_X] /= size_P[p]
        parts[p, CENTRE_Y] /= size_P[p]
        angle = 0.25 * math.atan2(turn_P2[p, 1], turn_P2[p, 0])
        parts[p, COS], parts[p, SIN] = math.cos(angle), math.sin(angle)
    span_P4 = np.zeros((count, 4))
    for x in range(X):
        for y in range(Y):
            p = part_XY[x, y]
            if p < 0:
                continue
            dx = origin_3[0] + (x + 0.5) * voxel_3[0] - parts[p, CENTRE_X]
            dy = origin_3[1] + (y + 0.5) * voxel_3[1] - parts[p, CENTRE_Y]
            along = dx * parts[p, COS] + dy * parts[p, SIN]
            across = dy * parts[p, COS] - dx * parts[p, SIN]
            span_P4[p, 0], span_P4[p, 1] = min(span_P4[p, 0], along), max(span_P4[p, 1], along)
            span_P4[p, 2], span_P4[p, 3] = min(span_P4[p, 2], across), max(span_P4[p, 3], across)
    for p in range(count):
        c, s = parts[p, COS], parts[p, SIN]
        along, across = 0.5 * (span_P4[p, 0] + span_P4[p, 1]), 0.5 * (span_P4[p, 2] + span_P4[p, 3])
        parts[p, CENTRE_X] += along * c - across * s
        parts[p, CENTRE_Y] += along * s + across * c
        parts[p, HALF_LENGTH] = 0.5 * (span_P4[p, 1] - span_P4[p, 0] + voxel_3[0])
        parts[p, HALF_WIDTH] = 0.5 * (span_P4[p, 3] - span_P4[p, 2] + voxel_3[1])
        if parts[p, HALF_WIDTH] > parts[p, HALF_LENGTH]:
            parts[p, HALF_LENGTH], parts[p, HALF_WIDTH] = parts[p, HALF_WIDTH], parts[p, HALF_LENGTH]
            parts[p, COS], parts[p, SIN] = -s, c
        # Traffic keeps right: what stands on the driver's right shows its back, what comes on the left its front.
        away = 1.0 if parts[p, CENTRE_Y] <= 0.0 else -1.0
        if parts[p, COS] * away < 0.0:
            parts[p, COS], parts[p, SIN] = -parts[p, COS], -parts[p, SIN]
        parts[p, LUCK] = hash3(int(parts[p, CENTRE_X] * 10.0), int(parts[p, CENTRE_Y] * 10.0), seed)
    return parts


def find_parts(
    labels_XYZ: NDArray[np.uint8], grid: GridSpec, kind_K: NDArray[np.uint8], seed: int
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.uint8]]:
    """Part number (X, Y) or -1, the parts' rows (P, 10) and the kind (X, Y) that the part in a column has."""
    is_part_N = np.zeros(max(Kind) + 1, np.bool_)
    is_part_N[list(PART_KINDS)] = True
    kind_XY, low_XY, high_XY = column_spans(labels_XYZ, kind_K, is_part_N)
    step = max(1, round(0.45 / grid.voxel_m[2]))
    part_XY, count = connect(kind_XY, high_XY, int(Kind.BUILDING), step)
    voxel_3, origin_3 = np.array(grid.voxel_m), np.array(grid.origin_m)
    parts = measure(part_XY, count, kind_XY, low_XY, high_XY, voxel_3, origin_3, seed)
    return part_XY, parts, kind_XY
