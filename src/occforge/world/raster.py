"""Voxels from numbers: the kernels that lay the ground and stand shapes on it.

Everything is compiled; nothing here draws a random number, so a scene is a function of its numbers.
Shape legend: X forward, Y left, Z up (voxels); R rectangles, S strips, P parts.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

# SemanticKITTI ids that the ground kernel writes (numba wants plain integers).
ROAD, PARKING, SIDEWALK, OTHER_GROUND, BUILDING, TERRAIN = 9, 10, 11, 12, 13, 17

SENSOR_HEIGHT_M = 1.73
"""Of the origin above the road where the street begins."""
LOW, HIGH = 1, 2
"""Bits of `blocked_XY`: something stands below 2.2 m, or reaches above it."""

BOX, ELLIPSOID, CONE, HOUSE = 0, 1, 2, 3
"""Kinds of parts."""

PART_NUMBERS = 14
"""label, kind, x_m, y_m, base voxel, low voxels, high voxels, half length, half width, yaw, a, b, c, stands."""


@njit(cache=True)
def street_coordinates(x: float, y: float, lead: float, curvature: float, middle_y: float) -> tuple[float, float]:
    """Street coordinates (s, d) in metres of the point (x, y)."""
    if curvature == 0.0 or x <= lead:
        return x, y - middle_y
    radius = 1.0 / curvature
    dx, dy = x - lead, middle_y + radius - y
    sign = 1.0 if curvature > 0.0 else -1.0
    angle = math.atan2(dx, sign * dy)
    return lead + abs(radius) * angle, radius - sign * math.hypot(dx, dy)


@njit(cache=True)
def _past_kerb(to_street: float, to_arm: float, radius: float) -> float:
    """Distance from the road's edge: of two that meet at a right angle, with a rounded corner between them."""
    if to_street < radius and to_arm < radius:
        return radius - math.hypot(radius - to_street, radius - to_arm)
    return min(to_street, to_arm)


@njit(cache=True)
def lay_ground(
    spec_32: NDArray[np.float64],
    wave_94: NDArray[np.float64],
    rect_R6: NDArray[np.float64],
    corner_m: tuple[float, float, float],
    voxel_m: float,
    class_XY: NDArray[np.uint8],
    level_XY: NDArray[np.int16],
    place_XY3: NDArray[np.float32],
) -> None:
    """Write the class and the voxel level of the ground, and each column's s, d and distance beyond the pavement.

    `spec_32` is `StreetSpec.numbers()`; `wave_94` rows are (kx, ky, phase, weight) of the land's undulation;
    `rect_R6` rows are (side, s0, s1, e0, e1, class) with e the distance beyond the sidewalk.
    """
    X, Y = class_XY.shape
    lead, curvature, middle_y, half, median = spec_32[0], spec_32[1], spec_32[2], spec_32[3], spec_32[4]
    arm_x, grade, grade_from, radius, clear = spec_32[5], spec_32[6], spec_32[7], spec_32[8], spec_32[9]
    for i in range(X):
        x = corner_m[0] + (i + 0.5) * voxel_m
        for j in range(Y):
            y = corner_m[1] + (j + 0.5) * voxel_m
            s, d = street_coordinates(x, y, lead, curvature, middle_y)
            side = 1.0 if d > 0.0 else -1.0
            o = 11 if d > 0.0 else 20
            parking, verge, walk, arm = spec_32[o], spec_32[o + 1], spec_32[o + 2], spec_32[o + 3]
            to_street = abs(d) - half
            to_arm = abs(x - arm_x) - arm if arm > 0.0 else 1e6
            edge = _past_kerb(to_street, to_arm, radius)
            beyond = _past_kerb(to_street - parking, to_arm, radius) - verge - walk
            rise = max(0.0, s - grade_from)
            z = -SENSOR_HEIGHT_M + grade * rise * rise / (rise + 12.0)
            kerb = 0.2 if walk > 0.0 else 0.0
            label = TERRAIN
            if edge <= 0.0:
                label = ROAD
                on_arm = min(abs(x - arm_x) - max(spec_32[14], spec_32[23]) - 4.0, 1e6)
                if median > 0.0 and abs(d) < median and (max(spec_32[14], spec_32[23]) == 0.0 or on_arm > 0.0):
                    label = TERRAIN if spec_32[10] > 0.0 else OTHER_GROUND
                    z += 0.2
            elif parking > 0.0 and to_street <= parking and to_arm > clear:
                label = PARKING
            elif beyond <= 0.0:
                z += kerb
                if beyond > -walk or beyond + verge + walk < 0.4:
                    label = SIDEWALK
            else:
                hill = min(1.0, max(0.0, (beyond - 1.5) / 8.0))
                ramp = min(1.0, max(0.0, (beyond - 0.5) / 4.0))
                wave = 0.0
                for n in range(wave_94.shape[0]):
                    wave += wave_94[n, 3] * math.sin(wave_94[n, 0] * x + wave_94[n, 1] * y + wave_94[n, 2])
                z += kerb + spec_32[o + 4] * hill * hill * (3.0 - 2.0 * hill) + spec_32[o + 5] * ramp * wave
                for n in range(rect_R6.shape[0]):
                    if (
                        rect_R6[n, 0] == side
                        and rect_R6[n, 1] <= s < rect_R6[n, 2]
                        and rect_R6[n, 3] <= beyond < rect_R6[n, 4]
                    ):
                        label = int(rect_R6[n, 5])
            level = math.floor((z - corner_m[2]) / voxel_m + 1e-6)
            level_XY[i, j] = min(max(level, 0), 12)
            class_XY[i, j] = label
            place_XY3[i, j, 0] = s
            place_XY3[i, j, 1] = d
            place_XY3[i, j, 2] = beyond


@njit(cache=True)
def free(
    blocked_XY: NDArray[np.uint8],
    class_XY: NDArray[np.uint8],
    box_5: tuple[float, float, float, float, float],
    margin: float,
    bits: int,
    ground: int,
    corner_m: tuple[float, float, float],
    voxel_m: float,
) -> bool:
    """Whether a box (x, y, yaw, half length, half width) lies in the grid, `margin` from whatever blocks `bits`.

    `ground` has bit k set where the box itself may stand on class k.
    """
    X, Y = blocked_XY.shape
    x, y, yaw, half_l, half_w = box_5
    c, s = math.cos(yaw), math.sin(yaw)
    reach_x = abs(c) * half_l + abs(s) * half_w
    reach_y = abs(s) * half_l + abs(c) * half_w
    if x - reach_x < corner_m[0] + voxel_m or x + reach_x > corner_m[0] + (X - 1) * voxel_m:
        return False
    if y - reach_y < corner_m[1] + voxel_m or y + reach_y > corner_m[1] + (Y - 1) * voxel_m:
        return False
    i0 = max(0, int((x - reach_x - margin - corner_m[0]) / voxel_m) - 1)
    i1 = min(X, int((x + reach_x + margin - corner_m[0]) / voxel_m) + 2)
    j0 = max(0, int((y - reach_y - margin - corner_m[1]) / voxel_m) - 1)
    j1 = min(Y, int((y + reach_y + margin - corner_m[1]) / voxel_m) + 2)
    for i in range(i0, i1):
        dx = corner_m[0] + (i + 0.5) * voxel_m - x
        for j in range(j0, j1):
            dy = corner_m[1] + (j + 0.5) * voxel_m - y
            u, v = abs(c * dx + s * dy), abs(c * dy - s * dx)
            if u <= half_l + margin and v <= half_w + margin and blocked_XY[i, j] & bits:
                return False
            if u <= half_l and v <= half_w and not (ground >> class_XY[i, j]) & 1:
                return False
    return True


@njit(cache=True)
def block(
    blocked_XY: NDArray[np.uint8],
    box_5: tuple[float, float, float, float, float],
    bits: int,
    corner_m: tuple[float, float, float],
    voxel_m: float,
) -> None:
    """Set `bits` under a box (x, y, yaw, half length, half width)."""
    X, Y = blocked_XY.shape
    x, y, yaw, half_l, half_w = box_5
    c, s = math.cos(yaw), math.sin(yaw)
    half_l, half_w = half_l + 0.5 * voxel_m, half_w + 0.5 * voxel_m
    reach_x = abs(c) * half_l + abs(s) * half_w
    reach_y = abs(s) * half_l + abs(c) * half_w
    for i in range(max(0, int((x - reach_x - corner_m[0]) / voxel_m)), X):
        dx = corner_m[0] + (i + 0.5) * voxel_m - x
        if dx > reach_x:
            break
        for j in range(max(0, int((y - reach_y - corner_m[1]) / voxel_m)), Y):
            dy = corner_m[1] + (j + 0.5) * voxel_m - y
            if dy > reach_y:
                break
            if abs(c * dx + s * dy) <= half_l and abs(c * dy - s * dx) <= half_w:
                blocked_XY[i, j] |= bits


@njit(cache=True)
def touches(
    blocked_XY: NDArray[np.uint8],
    box_5: tuple[float, float, float, float, float],
    margin: float,
    bits: int,
    corner_m: tuple[float, float, float],
    voxel_m: float,
) -> bool:
    """Whether something that blocks `bits` lies within `margin` of an ellipse along the axes; the edge does not."""
    X, Y = blocked_XY.shape
    x, y, _, half_l, half_w = box_5
    half_l, half_w = half_l + margin, half_w + margin
    for i in range(max(0, int((x - half_l - corner_m[0]) / voxel_m)), X):
        dx = (corner_m[0] + (i + 0.5) * voxel_m - x) / half_l
        if dx > 1.0:
            break
        for j in range(max(0, int((y - half_w - corner_m[1]) / voxel_m)), Y):
            dy = (corner_m[1] + (j + 0.5) * voxel_m - y) / half_w
            if dy > 1.0:
                break
            if dx * dx + dy * dy <= 1.0 and blocked_XY[i, j] & bits:
                return True
    return False


@njit(cache=True)
def lay_house(
    class_XY: NDArray[np.uint8],
    place_XY3: NDArray[np.float32],
    box_5: tuple[float, float, float, float, float],
    corner_m: tuple[float, float, float],
    voxel_m: float,
) -> None:
    """Make the land behind the sidewalk that is under a house (x, y, yaw, half length, half width) its own."""
    X, Y = class_XY.shape
    x, y, yaw, half_l, half_w = box_5
    c, s = math.cos(yaw), math.sin(yaw)
    reach_x = abs(c) * half_l + abs(s) * half_w
    reach_y = abs(s) * half_l + abs(c) * half_w
    for i in range(max(0, int((x - reach_x - corner_m[0]) / voxel_m)), X):
        dx = corner_m[0] + (i + 0.5) * voxel_m - x
        if dx > reach_x:
            break
        for j in range(max(0, int((y - reach_y - corner_m[1]) / voxel_m)), Y):
            dy = corner_m[1] + (j + 0.5) * voxel_m - y
            if dy > reach_y:
                break
            u, v = c * dx + s * dy, c * dy - s * dx
            if (
                -half_l - 1e-6 <= u < half_l - 1e-6
                and -half_w - 1e-6 <= v < half_w - 1e-6
                and place_XY3[i, j, 2] > 0.0
                and (class_XY[i, j] == TERRAIN or class_XY[i, j] == SIDEWALK)
            ):
                class_XY[i, j] = BUILDING


@njit(cache=True)
def lay_strips(
    strip_S8: NDArray[np.float64],
    class_XY: NDArray[np.uint8],
    place_XY3: NDArray[np.float32],
    blocked_XY: NDArray[np.uint8],
    strip_XY: NDArray[np.uint8],
    strip_height_XY: NDArray[np.uint8],
) -> None:
    """Mark the columns of fences and hedges on terrain: rows (side, s0, s1, e0, e1, voxels high, class, bumps).

    `bumps` is by how many voxels the top rises and falls along the strip.
    """
    X, Y = class_XY.shape
    for i in range(X):
        for j in range(Y):
            beyond = place_XY3[i, j, 2]
            if class_XY[i, j] != TERRAIN or beyond <= 0.0 or blocked_XY[i, j]:
                continue
            s = place_XY3[i, j, 0]
            side = 1.0 if place_XY3[i, j, 1] > 0.0 else -1.0
            for n in range(strip_S8.shape[0]):
                if (
                    strip_S8[n, 0] == side
                    and strip_S8[n, 1] <= s < strip_S8[n, 2]
                    and strip_S8[n, 3] <= beyond < strip_S8[n, 4]
                ):
                    strip_XY[i, j] = int(strip_S8[n, 6])
                    bump = strip_S8[n, 7] * math.sin(1.3 * s) * math.cos(2.0 * (beyond - strip_S8[n, 3]))
                    strip_height_XY[i, j] = int(strip_S8[n, 5] + bump)
                    blocked_XY[i, j] |= LOW
                    break


@njit(cache=True)
def fill_ground(
    labels_XYZ: NDArray[np.uint8],
    class_XY: NDArray[np.uint8],
    level_XY: NDArray[np.int16],
    strip_XY: NDArray[np.uint8],
    strip_height_XY: NDArray[np.uint8],
) -> None:
    """Fill the ground as a shell one voxel thick, closed where it steps, and what stands on it in strips."""
    X, Y, Z = labels_XYZ.shape
    for i in range(X):
        for j in range(Y):
            label = class_XY[i, j]
            if label == BUILDING:
                continue
            top = level_XY[i, j]
            low = top
            if i > 0:
                low = min(low, level_XY[i - 1, j] + 1)
            if i < X - 1:
                low = min(low, level_XY[i + 1, j] + 1)
            if j > 0:
                low = min(low, level_XY[i, j - 1] + 1)
            if j < Y - 1:
                low = min(low, level_XY[i, j + 1] + 1)
            for k in range(low, top + 1):
                labels_XYZ[i, j, k] = label
            if strip_XY[i, j]:
                for k in range(top + 1, min(Z, top + 1 + strip_height_XY[i, j])):
                    labels_XYZ[i, j, k] = strip_XY[i, j]


@njit(cache=True)
def _bumpy(dx: float, dy: float, dz: float, phase: float) -> float:
    """A smooth factor about 1 that gives a crown its lobes; the argument is a direction of any length."""
    return (
        1.0
        + 0.10 * math.sin(2.1 * dx + 1.3 * dy + phase)
        + 0.10 * math.sin(1.7 * dy - 1.9 * dz + 2.0 * phase)
        + 0.08 * math.sin(2.3 * dz + 1.6 * dx + 3.0 * phase)
    )


@njit(cache=True)
def stand_parts(
    labels_XYZ: NDArray[np.uint8],
    class_XY: NDArray[np.uint8],
    level_XY: NDArray[np.int16],
    part_P14: NDArray[np.float64],
    corner_m: tuple[float, float, float],
    voxel_m: float,
) -> None:
    """Stand parts on the ground in order; a voxel that is taken stays as it is. Rows: see `PART_NUMBERS`."""
    X, Y, Z = labels_XYZ.shape
    for n in range(part_P14.shape[0]):
        label, kind = int(part_P14[n, 0]), int(part_P14[n, 1])
        x, y, base = part_P14[n, 2], part_P14[n, 3], part_P14[n, 4]
        low, high = base + part_P14[n, 5], base + part_P14[n, 6]
        half_l, half_w, yaw = part_P14[n, 7], part_P14[n, 8], part_P14[n, 9]
        a, b, stands = part_P14[n, 10], part_P14[n, 11], part_P14[n, 13] > 0.0
        c, s = math.cos(yaw), math.sin(yaw)
        grow = 1.35 if kind == ELLIPSOID else 1.0
        reach_x = (abs(c) * half_l + abs(s) * half_w) * grow
        reach_y = (abs(s) * half_l + abs(c) * half_w) * grow
        if kind == ELLIPSOID:
            reach_x = reach_y = max(half_l, half_w) * grow
        i0 = max(0, math.floor((x - reach_x - corner_m[0]) / voxel_m))
        i1 = min(X, math.floor((x + reach_x - corner_m[0]) / voxel_m) + 1)
        j0 = max(0, math.floor((y - reach_y - corner_m[1]) / voxel_m))
        j1 = min(Y, math.floor((y + reach_y - corner_m[1]) / voxel_m) + 1)
        for i in range(i0, i1):
            dx = corner_m[0] + (i + 0.5) * voxel_m - x
            for j in range(j0, j1):
                dy = corner_m[1] + (j + 0.5) * voxel_m - y
                u, v = c * dx + s * dy, c * dy - s * dx
                ground = level_XY[i, j]
                # Half-open, with a hair's breadth against rounding, so that a size in whole voxels stays whole.
                inside = -half_l - 1e-6 <= u < half_l - 1e-6 and -half_w - 1e-6 <= v < half_w - 1e-6
                if kind == BOX:
                    if not inside:
                        continue
                    k0 = ground + 1 if stands else max(int(low), ground + 1)
                    for k in range(k0, min(Z, int(high))):
                        if labels_XYZ[i, j, k] == 0:
                            labels_XYZ[i, j, k] = label
                elif kind == HOUSE:
                    if not inside or class_XY[i, j] != BUILDING:
                        continue
                    # a: height of the eaves above the base, the ridge is at `high`; b: 1 where the ridge runs along.
                    across = abs(v) / half_w if b > 0.0 else abs(u) / half_l
                    roof = high - (high - base - a) * across
                    wall = abs(u) > half_l - 0.4 or abs(v) > half_w - 0.4
                    for k in range(ground if wall else ground + 1, min(Z, math.ceil(roof))):
                        if (wall or k >= roof - 1.0) and labels_XYZ[i, j, k] == 0:
                            labels_XYZ[i, j, k] = label
                elif kind == CONE:
                    r2 = u * u + v * v
                    for k in range(max(int(low), ground + 1), min(Z, int(high))):
                        r = half_l * (1.0 - (k - low) / (high - low)) + 0.1
                        if r2 <= r * r and labels_XYZ[i, j, k] == 0:
                            labels_XYZ[i, j, k] = label
                else:
                    middle, half_h = 0.5 * (low + high), 0.5 * (high - low)
                    p, q = u / half_l, v / half_w
                    flat = p * p + q * q
                    if flat > 1.7:
                        continue
                    # a: the phase of the lobes; b: voxels above the ground that stay clear.
                    k0 = max(int(middle - 1.35 * half_h), ground + 1 + int(b))
                    for k in range(k0, min(Z, int(middle + 1.35 * half_h) + 1)):
                        if labels_XYZ[i, j, k]:
                            continue
                        t = (k + 0.5 - middle) / half_h
                        rr = flat + t * t
                        if rr < 1.7:
                            bump = _bumpy(p, q, t, a)
                            if rr <= bump * bump:
                                labels_XYZ[i, j, k] = label
