"""Where the street runs in a labelled scene: its middle line, its arms and the street coordinates of every column.

Read from road voxels alone, so it works on any scene, generated or real. Along the street runs s (metres of arc from
the near edge of the grid), across it d (metres from the middle line, left positive).
Shape legend: X forward, Y left (columns of voxels); P points of the middle line; Q samples across the street.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.grid import GridSpec

STEP_M = 0.8
"""Distance between points of the middle line."""

REACH_M = 20.0
"""How far to each side the road is followed for side streets."""

MEDIAN_M = 3.2
"""Widest strip between two carriageways that still counts as part of the road."""

ARM_M = 6.0
"""Road that reaches further than this beyond the kerb line is a side street."""

TIGHTEST_M = 14.0
"""Smallest radius of a bend that is followed: whatever turns more sharply is the kerb of a side street."""

ARM_WIDTH_M = 3.0
"""Fewest metres along the street over which an arm must be open; below it is a driveway or noise."""


@dataclass(frozen=True)
class Carriageway:
    """The traced road. `point_P3` holds x, y in metres and the heading in radians; `half_width_m` of the whole road.

    `left_arm_s_m` and `right_arm_s_m`: from where to where side streets are open there, None where there is none.
    `ends_inside`: the road stops before the edge of the grid.
    """

    point_P3: NDArray[np.float64]
    half_width_m: float
    left_arm_s_m: tuple[float, float] | None
    right_arm_s_m: tuple[float, float] | None
    ends_inside: bool

    @property
    def length_m(self) -> float:
        """Length of the middle line."""
        return STEP_M * (len(self.point_P3) - 1)

    @property
    def turn_rad(self) -> float:
        """By how much the street turns left between its first and last eighth."""
        yaw_P = np.unwrap(self.point_P3[:, 2])
        part = max(1, len(yaw_P) // 8)
        return float(np.median(yaw_P[-part:]) - np.median(yaw_P[:part]))


def smoothed_share_XY(flag_XY: NDArray[np.bool_], radius: int) -> NDArray[np.float64]:
    """Share of true columns in the square of 2 * radius + 1 columns about each, counting only those in the grid."""
    share = flag_XY.astype(np.float64)
    for axis in (0, 1):
        n = share.shape[axis]
        total = np.concatenate([np.zeros_like(share.take([0], axis)), np.cumsum(share, axis)], axis)
        upper, lower = np.minimum(np.arange(n) + radius + 1, n), np.maximum(np.arange(n) - radius, 0)
        width = (upper - lower).reshape((-1, 1) if axis == 0 else (1, -1))
        share = (total.take(upper, axis) - total.take(lower, axis)) / width
    return share


def _across(
    road_XY: NDArray[np.bool_], grid: GridSpec, x_m: float, y_m: float, yaw_rad: float, offset_Q_m: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Road (Q,) and inside-the-grid (Q,) along the line across the street at a pose."""
    i_Q = np.floor((x_m - math.sin(yaw_rad) * offset_Q_m - grid.origin_m[0]) / grid.voxel_m[0]).astype(int)
    j_Q = np.floor((y_m + math.cos(yaw_rad) * offset_Q_m - grid.origin_m[1]) / grid.voxel_m[1]).astype(int)
    X, Y = road_XY.shape
    inside_Q = (i_Q >= 0) & (i_Q < X) & (j_Q >= 0) & (j_Q < Y)
    return inside_Q & road_XY[np.clip(i_Q, 0, X - 1), np.clip(j_Q, 0, Y - 1)], inside_Q


def _run(road_Q: NDArray[np.bool_], offset_Q_m: NDArray[np.float64]) -> tuple[float, float] | None:
    """Right and left end in metres of the stretch of road at or nearest to offset 0 (3 m at most), over medians."""
    edge = np.flatnonzero(np.diff(np.concatenate([[False], road_Q, [False]]).astype(np.int8)))
    step = float(offset_Q_m[1] - offset_Q_m[0])
    runs = [(offset_Q_m[a] - step / 2, offset_Q_m[b - 1] + step / 2) for a, b in edge.reshape(-1, 2)]
    runs = [run for run in runs if run[1] - run[0] >= 1.0]
    joined: list[tuple[float, float]] = []
    for run in runs:
        wide = joined and min(run[1] - run[0], joined[-1][1] - joined[-1][0]) >= 4.0
        if joined and run[0] - joined[-1][1] <= (MEDIAN_M if wide else 1.0):
            joined[-1] = (joined[-1][0], run[1])
        else:
            joined.append(run)
    near = [(max(lo, -hi, 0.0), lo, hi) for lo, hi in joined]
    if not near or min(near)[0] > 3.0:
        return None
    return float(min(near)[1]), float(min(near)[2])


def trace(road_XY: NDArray[np.bool_], grid: GridSpec) -> Carriageway | None:
    """Follow the road from the near edge of the grid, starting at y = 0; None where there is no road.

    `road_XY` should be free of speckle (`smoothed_share_XY` at one half). At each step the line across the street is
    read; where the road is as wide as at the start its middle moves the line, where it is wider (a side street) the
    line goes on straight.
    """
    cell_m = min(grid.voxel_m[:2])
    offset_Q = np.arange(-REACH_M, REACH_M + 1e-9, cell_m)
    x_low, y_low = grid.origin_m[:2]
    x_high, y_high = x_low + grid.extent_m[0], y_low + grid.extent_m[1]
    start_y = min(max(0.0, y_low), y_high)
    first = []
    for x in np.arange(x_low + 0.5 * STEP_M, min(x_low + 10.0, x_high), STEP_M):
        run = _run(_across(road_XY, grid, float(x), start_y, 0.0, offset_Q)[0], offset_Q)
        if run is not None and run[1] - run[0] < 1.6 * REACH_M:
            first.append(run)
    if len(first) < 3:
        return None
    right, left = (float(np.median([run[side] for run in first[:6]])) for side in (0, 1))
    width_m = float(np.median([hi - lo for lo, hi in first]))
    x, y, yaw = x_low + 0.5 * STEP_M, start_y + 0.5 * (left + right), 0.0
    points: list[tuple[float, float, float]] = []
    open_left: list[bool] = []
    open_right: list[bool] = []
    missed = 0
    while x_low <= x <= x_high and y_low <= y <= y_high and len(points) < 400 and missed < 6:
        road_Q, inside_Q = _across(road_XY, grid, x, y, yaw, offset_Q)
        run = _run(road_Q, offset_Q)
        is_open = [False, False]
        if run is None:
            missed += 1
        else:
            missed = 0
            right, left = run
            half = 0.5 * width_m
            reach_left, reach_right = left - half, -right - half
            is_open = [reach > ARM_M for reach in (reach_left, reach_right)]
            if len(points) > 3:
                # The edge of the grid hides one kerb where the street leaves it sideways: trust the other.
                inside_m = offset_Q[inside_Q]
                seen_left, seen_right = left < inside_m[-1] - 0.3, right > inside_m[0] + 0.3
                fits = abs(reach_left + reach_right) < max(0.6, 2.5 * cell_m)
                shift = 0.5 * (left + right)
                if seen_left and not seen_right and abs(reach_left) < 1.0:
                    fits, shift = True, reach_left
                elif seen_right and not seen_left and abs(reach_right) < 1.0:
                    fits, shift = True, -reach_right
                if fits:
                    shift = min(max(shift, -0.6), 0.6)
                    x, y = x - math.sin(yaw) * shift, y + math.cos(yaw) * shift
                    back = points[-min(4, len(points))]
                    bearing = math.atan2(y - back[1], x - back[0])
                    turn = 0.6 * math.remainder(bearing - yaw, 2 * math.pi)
                    yaw += min(max(turn, -STEP_M / TIGHTEST_M), STEP_M / TIGHTEST_M)
        points.append((x, y, yaw))
        open_left.append(is_open[0])
        open_right.append(is_open[1])
        x, y = x + STEP_M * math.cos(yaw), y + STEP_M * math.sin(yaw)
    ends_inside = missed >= 6
    points = points[: len(points) - missed]
    if len(points) < 4:
        return None
    return Carriageway(
        point_P3=np.array(points),
        half_width_m=0.5 * width_m,
        left_arm_s_m=_longest_open(open_left),
        right_arm_s_m=_longest_open(open_right),
        ends_inside=ends_inside,
    )


def _longest_open(is_open: list[bool]) -> tuple[float, float] | None:
    """The longest stretch of open steps as (from, to) in metres, if it is at least `ARM_WIDTH_M` long."""
    edge = np.flatnonzero(np.diff(np.array([False, *is_open, False]).astype(np.int8)))
    stretches = [(int(b - a), int(a), int(b)) for a, b in edge.reshape(-1, 2)]
    if not stretches or max(stretches)[0] * STEP_M < ARM_WIDTH_M:
        return None
    _, a, b = max(stretches)
    return a * STEP_M, (b - 1) * STEP_M


@njit(cache=True)
def _street_coordinates(
    point_P3: NDArray[np.float64], step_m: float, s_XY: NDArray[np.float32], d_XY: NDArray[np.float32],
    corner_m: tuple[float, float], voxel_m: tuple[float, float],
) -> None:  # fmt: skip
    X, Y = s_XY.shape
    P = point_P3.shape[0]
    for i in range(X):
        x = corner_m[0] + (i + 0.5) * voxel_m[0]
        for j in range(Y):
            y = corner_m[1] + (j + 0.5) * voxel_m[1]
            best, best_p = 1e18, 0
            for p in range(P):
                distance = (point_P3[p, 0] - x) ** 2 + (point_P3[p, 1] - y) ** 2
                if distance < best:
                    best, best_p = distance, p
            dx, dy = x - point_P3[best_p, 0], y - point_P3[best_p, 1]
            c, s = math.cos(point_P3[best_p, 2]), math.sin(point_P3[best_p, 2])
            s_XY[i, j] = best_p * step_m + c * dx + s * dy
            d_XY[i, j] = c * dy - s * dx


def street_coordinates(road: Carriageway, grid: GridSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """s and d in metres (X, Y) of the middle of every column, by the nearest point of the middle line.

    Before the first and past the last point the street is thought to go on straight.
    """
    shape = grid.shape_XYZ[:2]
    s_XY, d_XY = np.empty(shape, np.float32), np.empty(shape, np.float32)
    _street_coordinates(road.point_P3, STEP_M, s_XY, d_XY, grid.origin_m[:2], grid.voxel_m[:2])
    return s_XY, d_XY
