"""The smooth surface that colour pictures show instead of cubes, and how a ray meets it.

The surface is where the trilinear interpolation of the occupancy at voxel centres is one half: flat faces stay
where the voxels have them, edges and stairs are cut off, a column of single voxels becomes a round pole. Rays
walk the dual grid, whose cells have voxel centres as corners; a cell's byte of eight corner bits says all about
the surface inside it. In cells of foliage noise moves the surface, which makes leaves of it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.render._compiled import per_ray
from occforge.render.noise import value3
from occforge.render.raycast import enter_box
from occforge.render.stage import COARSE, Stage

FLAT = 0b01010101
"""Corner bits of a dual cell on level ground: the lower four."""


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
    x = min(max(math.floor(qx + t * dx), 0), X - 1)
    y = min(max(math.floor(qy + t * dy), 0), Y - 1)
    z = min(max(math.floor(qz + t * dz), 0), Z - 1)
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
    i, j, k = math.floor(qx), math.floor(qy), math.floor(qz)
    u, v, w = qx - i, qy - j, qz - k
    first, second = 0, 0
    weight_1, weight_2 = 0.0, 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                label = labels_XYZ[min(max(i + a, 0), X - 1), min(max(j + b, 0), Y - 1), min(max(k + c, 0), Z - 1)]
                if label in (EMPTY, UNKNOWN):
                    continue
                weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                if label == first or first == 0:
                    first = label
                    weight_1 += weight
                elif label == second or second == 0:
                    second = label
                    weight_2 += weight
    return first if weight_1 >= weight_2 else second
