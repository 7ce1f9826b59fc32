"""The ground of one street and what has been put on it: where something fits, and how it is stood there."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occforge.core.grid import GridSpec
from occforge.world import raster
from occforge.world.layout import StreetSpec
from occforge.world.objects import Shape
from occforge.world.raster import HIGH, LOW, OTHER_GROUND, PARKING, ROAD, SIDEWALK, TERRAIN

ON_ROAD, ON_PARKING, ON_WALK, ON_LAND, ON_LOT = (1 << k for k in (ROAD, PARKING, SIDEWALK, TERRAIN, OTHER_GROUND))
LENGTH_M = 51.2
EGO_FREE_M = 12.0
"""Nothing drives on the camera's own lane nearer than this."""


@dataclass(frozen=True)
class Instance:
    """An object that was placed: a box of `size_m` (length, width, height) about `centre_m`, turned left by yaw."""

    label: int
    kind: str
    centre_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    yaw_rad: float
    where: str
    """What it does there: parked, driving, lot, standing."""


@dataclass
class Site:
    """The ground of one street, its columns (X, Y), and what has been put on it so far."""

    spec: StreetSpec
    grid: GridSpec
    rng: np.random.Generator
    class_XY: NDArray[np.uint8]
    level_XY: NDArray[np.int16]
    place_XY3: NDArray[np.float32]
    blocked_XY: NDArray[np.uint8]
    strip_XY: NDArray[np.uint8]
    strip_height_XY: NDArray[np.uint8]
    parts: list[tuple[float, ...]] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)

    @property
    def corner_m(self) -> tuple[float, float, float]:
        """Lower corner of the grid."""
        return self.grid.origin_m

    @property
    def voxel_m(self) -> float:
        """Edge of a voxel."""
        return self.grid.voxel_m[0]

    def level(self, x: float, y: float) -> int:
        """The ground's voxel level at a point, that of the nearest column if it lies outside."""
        X, Y = self.level_XY.shape
        i = min(max(int((x - self.corner_m[0]) / self.voxel_m), 0), X - 1)
        j = min(max(int((y - self.corner_m[1]) / self.voxel_m), 0), Y - 1)
        return int(self.level_XY[i, j])

    def ground(self, x: float, y: float) -> int:
        """The ground's class at a point, 0 outside the grid."""
        X, Y = self.class_XY.shape
        i, j = math.floor((x - self.corner_m[0]) / self.voxel_m), math.floor((y - self.corner_m[1]) / self.voxel_m)
        return int(self.class_XY[i, j]) if 0 <= i < X and 0 <= j < Y else 0

    def free(
        self, x: float, y: float, yaw: float, length_m: float, width_m: float, margin_m: float, bits: int, on: int
    ) -> bool:
        """Whether a footprint lies in the grid on the ground classes `on` and `margin_m` from what blocks `bits`."""
        box = (x, y, yaw, 0.5 * length_m, 0.5 * width_m)
        return bool(raster.free(self.blocked_XY, self.class_XY, box, margin_m, bits, on, self.corner_m, self.voxel_m))

    def block(self, x: float, y: float, yaw: float, length_m: float, width_m: float, bits: int) -> None:
        """Let a footprint block `bits` for what comes later."""
        box = (x, y, yaw, 0.5 * length_m, 0.5 * width_m)
        raster.block(self.blocked_XY, box, bits, self.corner_m, self.voxel_m)

    def snap(self, value_m: float, width_m: float) -> float:
        """The nearest coordinate at which `width_m` covers whole voxels."""
        half = 0.5 * self.voxel_m if round(width_m / self.voxel_m) % 2 else 0.0
        return round((value_m - half) / self.voxel_m) * self.voxel_m + half

    def stand(self, shape: Shape, x: float, y: float, yaw: float, where: str) -> None:
        """Put a shape on the ground, whatever is there, and note the instance."""
        base = self.level(x, y) + 1
        c, s = math.cos(yaw), math.sin(yaw)
        for p in shape.parts:
            stands = 1.0 if p.low <= 0 and p.kind == raster.BOX else 0.0
            self.parts.append(
                (
                    p.label, p.kind, x + c * p.u_m - s * p.v_m, y + s * p.u_m + c * p.v_m, base, p.low, p.high,
                    p.half_u_m, p.half_v_m, yaw, p.phase, p.clear, 0.0, stands,
                )
            )  # fmt: skip
        z = self.corner_m[2] + base * self.voxel_m + 0.5 * shape.height_m
        size = (shape.length_m, shape.width_m, shape.height_m)
        self.instances.append(Instance(shape.label, shape.kind, (x, y, z), size, yaw, where))

    def try_vehicle(self, shape: Shape, s: float, d: float, turn: float, on: int, where: str, margin: float) -> bool:
        """Stand a vehicle or a cycle along the street, turned by `turn`, if there is room; returns whether it was."""
        x, y, yaw = self.spec.pose(s, d)
        return self.try_pose(shape, x, y, yaw + turn, on, where, margin)

    def try_pose(self, shape: Shape, x: float, y: float, yaw: float, on: int, where: str, margin: float) -> bool:
        """Stand a shape at a pose if there is room; returns whether it was."""
        bits = LOW | HIGH if shape.height_m > 2.1 else LOW
        if not self.free(x, y, yaw, shape.length_m, shape.width_m, margin, bits, on):
            return False
        self.block(x, y, yaw, shape.length_m, shape.width_m, bits)
        self.stand(shape, x, y, yaw, where)
        return True


def walk_d_m(spec: StreetSpec, sign: int, share: float) -> float:
    """d of a point on a side's sidewalk, `share` 0 at its street edge, 1 at its far edge; beside the road without."""
    side = spec.side(sign)
    kerb = spec.half_width_m + side.parking_m
    if side.sidewalk_m == 0.0:
        return sign * (kerb + 0.6 + 0.6 * share)
    return sign * (kerb + side.verge_m + side.sidewalk_m * share)


def plot_d_m(spec: StreetSpec, sign: int, beyond_m: float) -> float:
    """d of a point `beyond_m` behind the sidewalk."""
    side = spec.side(sign)
    return sign * (spec.half_width_m + side.parking_m + side.verge_m + side.sidewalk_m + beyond_m)


def snapped(site: Site, s: float, d: float, length_m: float, width_m: float) -> tuple[float, float]:
    """x, y at the street coordinates s, d, so that the size covers whole voxels of the grid."""
    x, y, _ = site.spec.pose(s, d)
    return site.snap(x, length_m), site.snap(y, width_m)
