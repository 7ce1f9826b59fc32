"""The smooth surface that colour pictures show instead of cubes, and how a ray meets it.

The surface is where the trilinear interpolation of the occupancy at voxel centres is one half: flat faces stay
where the voxels have them, edges and stairs are cut off, a column of single voxels becomes a round pole. Rays
walk the dual grid, whose cells have voxel centres as corners; a cell's byte of eight corner bits says all about
the surface inside it. In cells of foliage noise moves the surface, which makes leaves of it.

Above the grid, buildings and crowns that its top cuts open are carried on and closed (a camera sees higher than
the labels reach); below the ground, columns are filled.

Shape legend: X, Y, Z voxels (Z with the layers on top); dual cells are one more along each axis.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.render._compiled import per_ray
from occforge.render._rows import for_rows
from occforge.render.materials import GROUND_KINDS, Kind, material_table
from occforge.render.noise import fractal2, value3
from occforge.render.parts import LUCK, find_parts
from occforge.render.raycast import enter_box, occupied_box

FLAT = 0b01010101
"""Corner bits of a dual cell on level ground: the lower four."""
COARSE = 4
"""Voxels along each edge of a cell of the coarse density."""


class Stage(NamedTuple):
    """All that the shading of a scene needs and that does not depend on the camera; compiled code reads it.

    labels_XYZ: filled and carried on. corners: bits of the eight voxels round a dual cell, bit = 4 dx + 2 dy + dz.
    leafy: 1 where one of them is foliage. density_XYZ: blurred occupancy, 0-255. coarse: occupancy of blocks of
    `COARSE` voxels, 0-1. ground_XY, height_XY: label and upper end in voxels of the ground in a column (replaced
    by the nearest one where a column has none). part_XY, parts, part_kind_XY: see `parts.py`. centre_X, halves_X:
    middle of the road and half its width in metres, 0 where there is no plain road. kind_K, albedo_K3: see
    `materials.py`. low_3, high_3: box of everything occupied. voxel_3, origin_3: metres.
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


@njit(cache=True, nogil=True)
def _inner_distance(inside_XY: NDArray) -> NDArray:
    """Distance in voxels from each column inside to the nearest one outside (chamfer 1, 1.41); borders are inside."""
    X, Y = inside_XY.shape
    far = 1e3
    distance_XY = np.where(inside_XY, far, 0.0)
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
    )


@per_ray
def leafy_excess(f: float, px: float, py: float, pz: float, seed: int) -> float:
    """How far a point of foliage lies inside (> 0) or outside (< 0), for its interpolated occupancy f minus one half.

    Noise makes leaves and gaps of 0.1 to 0.5 m; the fine part is left out where it cannot change the side.
    The point is in metres.
    """
    f += 1.05 * value3(px * 2.3, py * 2.3, pz * 2.3, seed) - 0.625
    if abs(f) > 0.475:
        return f
    return f + 0.95 * value3(px * 8.0, py * 8.0, pz * 8.0, seed + 5) - 0.475


@per_ray
def interpolated(mask: int, u: float, v: float, w: float) -> float:
    """Trilinear interpolation of eight corner bits (4 dx + 2 dy + dz) at (u, v, w) in the unit cube."""
    a = (mask & 1) * (1.0 - w) + ((mask >> 1) & 1) * w
    b = ((mask >> 2) & 1) * (1.0 - w) + ((mask >> 3) & 1) * w
    c = ((mask >> 4) & 1) * (1.0 - w) + ((mask >> 5) & 1) * w
    d = ((mask >> 6) & 1) * (1.0 - w) + ((mask >> 7) & 1) * w
    return (a * (1.0 - v) + b * v) * (1.0 - u) + (c * (1.0 - v) + d * v) * u


@per_ray
def trace(stage: Stage, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, t_max: float) -> float:
    """Where a ray (voxel units) first meets the surface: its `t`, or -1 if it does not before `t_max`.

    A ray that starts inside the surface first leaves it.
    """
    t_in, t_out, _ = enter_box(ox, oy, oz, dx, dy, dz, stage.low_3, stage.high_3)
    t_out = min(t_out, t_max)
    if t_in > t_out or t_out <= 0.0:
        return -1.0
    v, o = stage.voxel_3, stage.origin_3
    return _walk(
        stage.corners,
        stage.leafy,
        (v[0], v[1], v[2], o[0], o[1], o[2]),
        stage.seed,
        (ox + 0.5, oy + 0.5, oz + 0.5),
        (dx, dy, dz),
        max(t_in, 0.0),
        t_out,
        t_in <= 0.0,
    )


@per_ray
def _walk(
    corners: NDArray,
    leaf_cells: NDArray,
    metres: tuple[float, float, float, float, float, float],
    seed: int,
    q: tuple[float, float, float],
    d: tuple[float, float, float],
    t: float,
    t_out: float,
    leaving: bool,
) -> float:
    """`trace` in dual coordinates `q` from `t` to `t_out`; `metres` is voxel size and origin.

    It takes few arguments on purpose: compiled code copies them all at every call, a whole `Stage` costs more than
    the walk.
    """
    qx, qy, qz = q
    dx, dy, dz = d
    X, Y, Z = corners.shape
    x = min(max(int(math.floor(qx + t * dx)), 0), X - 1)
    y = min(max(int(math.floor(qy + t * dy)), 0), Y - 1)
    z = min(max(int(math.floor(qz + t * dz)), 0), Z - 1)
    step_x, step_y, step_z = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    delta_x = 1.0 / abs(dx) if abs(dx) > 1e-12 else np.inf
    delta_y = 1.0 / abs(dy) if abs(dy) > 1e-12 else np.inf
    delta_z = 1.0 / abs(dz) if abs(dz) > 1e-12 else np.inf
    next_x = (x + (dx > 0) - qx) / dx if abs(dx) > 1e-12 else np.inf
    next_y = (y + (dy > 0) - qy) / dy if abs(dy) > 1e-12 else np.inf
    next_z = (z + (dz > 0) - qz) / dz if abs(dz) > 1e-12 else np.inf
    while True:
        mask = corners[x, y, z]
        t_next = min(next_x, min(next_y, next_z))
        if mask == 0:
            leaving = False
        else:
            leafy = leaf_cells[x, y, z]
            if mask == 255 and leafy == 0:
                if not leaving:
                    return t
            elif mask == FLAT and leafy == 0 and not leaving:
                if qz + t_next * dz - z < 0.5:
                    t_c = max((z + 0.5 - qz) / dz, t) if dz < 0.0 else t
                    return t_c if t_c < t_out else -1.0
            else:
                steps = 3 if leafy else 2
                t_a, before = t, 0.0
                for i in range(steps + 1):
                    t_b = t + (t_next - t) * i / steps
                    px, py, pz = qx + t_b * dx, qy + t_b * dy, qz + t_b * dz
                    after = interpolated(mask, px - x, py - y, pz - z) - 0.5
                    if leafy:
                        after = leafy_excess(
                            after,
                            px * metres[0] + metres[3],
                            py * metres[1] + metres[4],
                            pz * metres[2] + metres[5],
                            seed,
                        )
                    if after <= 0.0:
                        leaving = False
                    elif not leaving:
                        t_c = t_b
                        if i > 0:  # false position, then once more on the side that holds the surface
                            t_c = t_a + (t_b - t_a) * before / (before - after)
                            if not leafy:
                                middle = (
                                    interpolated(mask, qx + t_c * dx - x, qy + t_c * dy - y, qz + t_c * dz - z) - 0.5
                                )
                                if middle > 0.0:
                                    t_c = t_a + (t_c - t_a) * before / (before - middle)
                                else:
                                    t_c = t_c + (t_b - t_c) * middle / (middle - after)
                        return t_c if t_c < t_out else -1.0
                    t_a, before = t_b, after
        t = t_next
        if t >= t_out:
            return -1.0
        if next_x <= t:
            next_x += delta_x
            x += step_x
            if x < 0 or x >= X:
                return -1.0
        elif next_y <= t:
            next_y += delta_y
            y += step_y
            if y < 0 or y >= Y:
                return -1.0
        else:
            next_z += delta_z
            z += step_z
            if z < 0 or z >= Z:
                return -1.0


@per_ray
def density(d: NDArray, x: float, y: float, z: float) -> float:
    """Blurred occupancy (0-1) at a point in voxel units; `d` is `Stage.density_XYZ`."""
    X, Y, Z = d.shape
    x = min(max(x - 0.5, 0.0), X - 1.001)
    y = min(max(y - 0.5, 0.0), Y - 1.001)
    z = min(max(z - 0.5, 0.0), Z - 1.001)
    i, j, k = int(x), int(y), int(z)
    u, v, w = x - i, y - j, z - k
    i2, j2, k2 = min(i + 1, X - 1), min(j + 1, Y - 1), min(k + 1, Z - 1)
    low = (d[i, j, k] * (1.0 - w) + d[i, j, k2] * w) * (1.0 - v) + (d[i, j2, k] * (1.0 - w) + d[i, j2, k2] * w) * v
    high = (d[i2, j, k] * (1.0 - w) + d[i2, j, k2] * w) * (1.0 - v)
    high += (d[i2, j2, k] * (1.0 - w) + d[i2, j2, k2] * w) * v
    return (low * (1.0 - u) + high * u) / 255.0


@per_ray
def coarse_density(c: NDArray, x: float, y: float, z: float) -> float:
    """Occupancy (0-1) of the surroundings, a few voxels wide, at a point in voxel units; 0 above the grid.

    `c` is `Stage.coarse`.
    """
    X, Y, Z = c.shape
    x = min(max(x / COARSE - 0.5, 0.0), X - 1.001)
    y = min(max(y / COARSE - 0.5, 0.0), Y - 1.001)
    z = z / COARSE - 0.5
    if z >= Z:
        return 0.0
    fade = 1.0
    if z > Z - 1:
        fade, z = Z - z, Z - 1.0
    z = max(z, 0.0)
    i, j, k = int(x), int(y), int(z)
    u, v, w = x - i, y - j, z - k
    i2, j2, k2 = min(i + 1, X - 1), min(j + 1, Y - 1), min(k + 1, Z - 1)
    low = (c[i, j, k] * (1.0 - w) + c[i, j, k2] * w) * (1.0 - v) + (c[i, j2, k] * (1.0 - w) + c[i, j2, k2] * w) * v
    high = (c[i2, j, k] * (1.0 - w) + c[i2, j, k2] * w) * (1.0 - v)
    high += (c[i2, j2, k] * (1.0 - w) + c[i2, j2, k2] * w) * v
    return fade * (low * (1.0 - u) + high * u)


@per_ray
def surface_label(labels_XYZ: NDArray, x: float, y: float, z: float) -> int:
    """Class at a surface point in voxel units: the one with the greatest trilinear weight round it; 0 if none."""
    X, Y, Z = labels_XYZ.shape
    qx, qy, qz = x - 0.5, y - 0.5, z - 0.5
    i, j, k = int(math.floor(qx)), int(math.floor(qy)), int(math.floor(qz))
    u, v, w = qx - i, qy - j, qz - k
    first, second = 0, 0
    weight_1, weight_2 = 0.0, 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                label = labels_XYZ[min(max(i + a, 0), X - 1), min(max(j + b, 0), Y - 1), min(max(k + c, 0), Z - 1)]
                if label == EMPTY or label == UNKNOWN:
                    continue
                weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                if label == first or first == 0:
                    first = label
                    weight_1 += weight
                elif label == second or second == 0:
                    second = label
                    weight_2 += weight
    return first if weight_1 >= weight_2 else second
