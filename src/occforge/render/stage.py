"""What the shading of a scene needs and no camera changes: filled labels, corner bits, blurred occupancy, parts.

Above the grid, buildings and crowns that its top cuts open are carried on and closed (a camera sees higher than
the labels reach); below the ground, columns are filled.

Shape legend: X, Y, Z voxels (Z with the layers on top); dual cells, whose corners are voxel centres, are one more
along each axis.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.render._rows import for_rows
from occforge.render.lights import find_lights
from occforge.render.materials import GROUND_KINDS, Kind, material_table
from occforge.render.noise import fractal2
from occforge.render.parts import LUCK, find_parts
from occforge.render.raycast import occupied_box

COARSE = 4
"""Voxels along each edge of a cell of the coarse density."""


class Stage(NamedTuple):
    """All that the shading of a scene needs and that does not depend on the camera; compiled code reads it.

    labels_XYZ: filled and carried on. corners: bits of the eight voxels round a dual cell, bit = 4 dx + 2 dy + dz.
    leafy: 1 where one of them is foliage. density_XYZ: blurred occupancy, 0-255. coarse: occupancy of blocks of
    `COARSE` voxels, 0-1. ground_XY, height_XY: label and upper end in voxels of the ground in a column (replaced
    by the nearest one where a column has none). part_XY, parts, part_kind_XY: see `parts.py`. centre_X, halves_X:
    middle of the road and half its width in metres, 0 where there is no plain road. kind_K, albedo_K3: see
    `materials.py`. low_3, high_3: box of everything occupied. voxel_3, origin_3: metres. lights: windows and lamps
    of a room, see `lights.py`; no rows outdoors.
    """

    labels_XYZ: NDArray
    corners: NDArray
    leafy: NDArray
    density_XYZ: NDArray
    coarse: NDArray
    ground_XY: NDArray
    height_XY: NDArray
    part_XY: NDArray
    parts: NDArray
    part_kind_XY: NDArray
    centre_X: NDArray
    halves_X: NDArray
    kind_K: NDArray
    albedo_K3: NDArray
    low_3: NDArray
    high_3: NDArray
    voxel_3: NDArray
    origin_3: NDArray
    seed: int
    lights: NDArray


@njit(cache=True, nogil=True)
def _inner_distance(inside_XY: NDArray) -> NDArray:
    """Distance in voxels from each column inside to the nearest one outside (chamfer 1, 1.41); borders are inside."""
    X, Y = inside_XY.shape
    distance_XY = np.zeros((X, Y))
    for x in range(X):
        for y in range(Y):
            if inside_XY[x, y]:
                distance_XY[x, y] = 1e3
    for sweep in range(2):
        s = 1 if sweep == 0 else -1
        for i in range(X):
            x = i if sweep == 0 else X - 1 - i
            for j in range(Y):
                y = j if sweep == 0 else Y - 1 - j
                best = distance_XY[x, y]
                if best == 0.0:
                    continue
                if 0 <= x - s < X:
                    best = min(best, distance_XY[x - s, y] + 1.0)
                    if 0 <= y - s < Y:
                        best = min(best, distance_XY[x - s, y - s] + 1.4142)
                    if 0 <= y + s < Y:
                        best = min(best, distance_XY[x - s, y + s] + 1.4142)
                if 0 <= y - s < Y:
                    best = min(best, distance_XY[x, y - s] + 1.0)
                distance_XY[x, y] = best
    return distance_XY


@njit(cache=True, nogil=True)
def _fill_ground(labels_XYZ: NDArray, kind_K: NDArray, is_ground_N: NDArray) -> tuple[NDArray, NDArray]:
    """Fill columns below their ground in place; return the ground's label (X, Y) and upper end (X, Y) in voxels."""
    X, Y, Z = labels_XYZ.shape
    ground_XY = np.zeros((X, Y), np.uint8)
    height_XY = np.zeros((X, Y), np.float32)
    for x in range(X):
        for y in range(Y):
            for z in range(Z - 1, -1, -1):
                label = labels_XYZ[x, y, z]
                if is_ground_N[kind_K[label]]:
                    ground_XY[x, y] = label
                    height_XY[x, y] = z + 1.0
                    labels_XYZ[x, y, :z] = label
                    break
    return ground_XY, height_XY


@njit(cache=True, nogil=True)
def _spread_ground(ground_XY: NDArray, height_XY: NDArray) -> None:
    """Give columns without ground the label and height of a near one, in place: one sweep each way."""
    X, Y = ground_XY.shape
    for sweep in range(2):
        s = 1 if sweep == 0 else -1
        for i in range(X):
            x = i if sweep == 0 else X - 1 - i
            for j in range(Y):
                y = j if sweep == 0 else Y - 1 - j
                if ground_XY[x, y] == EMPTY:
                    if 0 <= x - s < X and ground_XY[x - s, y] != EMPTY:
                        ground_XY[x, y], height_XY[x, y] = ground_XY[x - s, y], height_XY[x - s, y]
                    elif 0 <= y - s < Y and ground_XY[x, y - s] != EMPTY:
                        ground_XY[x, y], height_XY[x, y] = ground_XY[x, y - s], height_XY[x, y - s]


def _carried_on(
    labels_XYZ: NDArray[np.uint8],
    kind_K: NDArray[np.uint8],
    part_XY: NDArray[np.int32],
    parts: NDArray[np.float64],
    voxel_m: tuple[float, float, float],
    seed: int,
) -> NDArray[np.uint8]:
    """The labels with layers on top that close the houses and crowns which the top of the grid cuts open."""
    top_XY = labels_XYZ[:, :, -1]
    kind_XY = kind_K[top_XY]
    house_XY, crown_XY = kind_XY == Kind.BUILDING, kind_XY == Kind.FOLIAGE
    if not house_XY.any() and not crown_XY.any():
        return labels_XYZ
    lift_XY = np.zeros(top_XY.shape)
    edge_m = voxel_m[0]
    if house_XY.any():
        luck_XY = parts[np.maximum(part_XY, 0), LUCK] if len(parts) else np.zeros(top_XY.shape)
        inner_XY_m = _inner_distance(house_XY) * edge_m
        pitched_XY = np.where((luck_XY * 7.0) % 1.0 < 0.65, np.minimum(0.75 * inner_XY_m, 3.2), 0.0)
        lift_XY = np.where(house_XY, 0.6 + 3.6 * ((luck_XY * 13.0) % 1.0) + pitched_XY, lift_XY)
    if crown_XY.any():
        inner_XY_m = np.minimum(_inner_distance(crown_XY) * edge_m, 2.6)
        ripple_XY = _ripple(top_XY.shape, edge_m, seed)
        lift_XY = np.where(crown_XY, 1.9 * inner_XY_m * (0.55 + 0.9 * ripple_XY), lift_XY)
    layers = min(math.ceil(7.5 / voxel_m[2]), math.ceil(lift_XY.max() / voxel_m[2]))
    level_1Z = (np.arange(layers) + 0.5) * voxel_m[2]
    more_XYZ = np.where(level_1Z < lift_XY[:, :, None], top_XY[:, :, None], EMPTY).astype(np.uint8)
    return np.concatenate([labels_XYZ, more_XYZ], axis=2)


@njit(cache=True, nogil=True)
def _ripple(shape_XY: tuple[int, int], edge_m: float, seed: int) -> NDArray:
    out_XY = np.empty(shape_XY)
    for x in range(shape_XY[0]):
        for y in range(shape_XY[1]):
            out_XY[x, y] = fractal2(x * edge_m / 1.7, y * edge_m / 1.7, seed, 2)
    return out_XY


@njit(cache=True, nogil=True)
def _dual_rows(first: int, last: int, labels_XYZ: NDArray, kind_K: NDArray, corners: NDArray, leafy: NDArray) -> None:
    """Fill the dual cells of rows `first`..`last` along x; sideways and below the outermost voxels are repeated."""
    X, Y, Z = labels_XYZ.shape
    for x in range(first, last):
        for y in range(Y + 1):
            line, leaves = 0, 0
            for z in range(Z + 1):
                upper, leaf = 0, 0  # the four voxels at height z; the byte holds theirs and those at z - 1
                if z < Z:
                    for a in range(2):
                        i = min(max(x - 1 + a, 0), X - 1)
                        for b in range(2):
                            j = min(max(y - 1 + b, 0), Y - 1)
                            label = labels_XYZ[i, j, z]
                            if label != EMPTY and label != UNKNOWN:
                                upper |= 1 << (4 * a + 2 * b)
                                if kind_K[label] == Kind.FOLIAGE:
                                    leaf = 1
                if z == 0:
                    line, leaves = upper, leaf
                corners[x, y, z] = line | (upper << 1)
                leafy[x, y, z] = leaf | leaves
                line, leaves = upper, leaf


@njit(cache=True, nogil=True)
def _density_rows(first: int, last: int, labels_XYZ: NDArray, density_XYZ: NDArray) -> None:
    """Occupancy blurred with (1, 2, 1) / 4 along each axis, times 255; sideways the outermost voxels are repeated."""
    X, Y, Z = labels_XYZ.shape
    plane_YZ = np.zeros((Y, Z), np.int32)
    column = np.zeros(Z + 2, np.int32)
    for x in range(first, last):
        for y in range(Y):
            for z in range(Z):
                total = 0
                for a in range(3):
                    label = labels_XYZ[min(max(x - 1 + a, 0), X - 1), y, z]
                    if label != EMPTY and label != UNKNOWN:
                        total += 2 if a == 1 else 1
                plane_YZ[y, z] = total
        for y in range(Y):
            before, after = max(y - 1, 0), min(y + 1, Y - 1)
            for z in range(Z):
                column[z + 1] = plane_YZ[before, z] + 2 * plane_YZ[y, z] + plane_YZ[after, z]
            column[0], column[Z + 1] = column[1], 0
            for z in range(Z):
                density_XYZ[x, y, z] = (255 * (column[z] + 2 * column[z + 1] + column[z + 2])) // 64


@njit(cache=True, nogil=True)
def _coarse_density(labels_XYZ: NDArray) -> NDArray:
    X, Y, Z = labels_XYZ.shape
    coarse = np.zeros(((X + 3) // COARSE, (Y + 3) // COARSE, (Z + 3) // COARSE), np.float32)
    for x in range(X):
        for y in range(Y):
            for z in range(Z):
                label = labels_XYZ[x, y, z]
                if label != EMPTY and label != UNKNOWN:
                    coarse[x // COARSE, y // COARSE, z // COARSE] += np.float32(1.0 / COARSE**3)
    return coarse


@njit(cache=True, nogil=True)
def _road_centre(is_road_XY: NDArray, edge_m: float, origin_m: float) -> tuple[NDArray, NDArray]:
    """Middle and half width of the road per row of columns along x, in metres; half width 0 where it is no plain road.

    Followed from x = 0 on: the run of road columns that overlaps the last one's middle; wider than 16 m is a
    crossing.
    """
    X, Y = is_road_XY.shape
    centre_X, halves_X = np.zeros(X), np.zeros(X)
    last = min(max(-origin_m / edge_m, 0.0), Y - 1.0)
    for x in range(X):
        best, start = 1e9, -1
        for y in range(Y + 1):
            road = y < Y and is_road_XY[x, y]
            if road and start < 0:
                start = y
            elif not road and start >= 0:
                middle, width = 0.5 * (start + y), (y - start) * edge_m
                if 4.5 < width < 16.0 and start > 0 and y < Y and abs(middle - last) < best:
                    best = abs(middle - last)
                    centre_X[x], halves_X[x] = middle, 0.5 * width
                start = -1
        if best > 12.0:
            halves_X[x] = 0.0
        if halves_X[x] > 0.0:
            last = centre_X[x]
    out_X = np.zeros(X)
    reach = max(1, int(2.0 / edge_m))
    for x in range(X):
        total, count = 0.0, 0
        for i in range(max(0, x - reach), min(X, x + reach + 1)):
            if halves_X[i] > 0.0:
                total, count = total + centre_X[i], count + 1
        out_X[x] = origin_m + edge_m * total / max(count, 1)
    return out_X, halves_X


def set_stage(scene: Scene, seed: int = 0) -> Stage:
    """Prepare `scene` for `shade_stage`: once for all cameras and weathers. `seed` chooses paints and patterns."""
    voxel_m = scene.grid.voxel_m
    kind_K, albedo_K3 = material_table(scene.taxonomy)
    is_ground_N = np.zeros(max(Kind) + 1, np.bool_)
    is_ground_N[list(GROUND_KINDS)] = True
    labels_XYZ = np.array(scene.labels_XYZ, order="C")
    part_XY, parts, part_kind_XY = find_parts(labels_XYZ, scene.grid, kind_K, seed)
    ground_XY, height_XY = _fill_ground(labels_XYZ, kind_K, is_ground_N)
    centre_X, halves_X = _road_centre(kind_K[ground_XY] == Kind.ROAD, voxel_m[1], scene.grid.origin_m[1])
    _spread_ground(ground_XY, height_XY)
    labels_XYZ = _carried_on(labels_XYZ, kind_K, part_XY, parts, voxel_m, seed)
    X, Y, Z = labels_XYZ.shape
    corners, leafy = np.empty((X + 1, Y + 1, Z + 1), np.uint8), np.empty((X + 1, Y + 1, Z + 1), np.uint8)
    density_XYZ = np.empty((X, Y, Z), np.uint8)
    for_rows(_dual_rows, X + 1, labels_XYZ, kind_K, corners, leafy)
    for_rows(_density_rows, X, labels_XYZ, density_XYZ)
    low_3, high_3 = occupied_box(labels_XYZ)
    return Stage(
        labels_XYZ=labels_XYZ,
        corners=corners,
        leafy=leafy,
        density_XYZ=density_XYZ,
        coarse=_coarse_density(labels_XYZ),
        ground_XY=ground_XY,
        height_XY=height_XY,
        part_XY=part_XY,
        parts=parts if len(parts) else np.zeros((1, parts.shape[1])),
        part_kind_XY=part_kind_XY,
        centre_X=centre_X,
        halves_X=halves_X,
        kind_K=kind_K,
        albedo_K3=albedo_K3,
        low_3=low_3,
        high_3=high_3,
        voxel_3=np.array(voxel_m),
        origin_3=np.array(scene.grid.origin_m),
        seed=seed,
        lights=find_lights(labels_XYZ, kind_K, np.array(voxel_m), np.array(scene.grid.origin_m), low_3, high_3),
    )
