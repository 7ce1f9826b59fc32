"""Where things stand in a street: houses, fences, vehicles, people, lamps, signs and trees on their own ground.

A `Site` holds the ground of one street and what blocks it. Each function below furnishes it with one kind of thing;
the order matters, for whatever comes later keeps clear of what came before.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occforge.core.grid import GridSpec
from occforge.world import objects as shapes
from occforge.world import raster
from occforge.world.layout import JUNCTION_CLEAR_M, StreetSpec
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


def build_houses(site: Site, sign: int) -> list[tuple[float, float]]:
    """Stand the houses of a side in a row; returns the gaps between them as pairs of s."""
    spec, rng = site.spec, site.rng
    side = spec.side(sign)
    if side.zoning != "buildings":
        return []
    gaps: list[tuple[float, float]] = []
    keep_off = side.arm_m / 2 + side.verge_m + side.sidewalk_m + 1.2
    s, last = -float(rng.integers(0, 20)) * 0.2, -9.0
    # One roof and one height for a row, so that it reads as one street.
    kind = {"row": 0, "detached": 1, "blocks": 2}[side.houses]
    row_high = int(rng.integers(26, 30))
    row_tall = rng.random() < 0.5
    while s < LENGTH_M + 2.0:
        u = rng.random(6)
        frontage = (7.0 + 3.0 * u[0], 8.0 + 3.0 * u[0], 11.0 + 7.0 * u[0])[kind]
        frontage = round(frontage / 0.4) * 0.4
        depth = (7.2, 8.0, 8.8)[int(u[1] * 3)]
        high = row_high if kind < 2 else int(24 + 5 * u[2])
        eaves = high if kind == 2 else (15 + int(3 * u[2]) if kind == 1 else high - 8)
        if (kind == 0 and row_tall) or (kind == 2 and u[3] < 0.45):
            high = eaves = 48
        advance = frontage
        middle_d = plot_d_m(spec, sign, side.setback_m + 0.5 * depth)
        front_d = plot_d_m(spec, sign, side.setback_m)
        stretch = 1.0
        if spec.curvature_per_m and s > spec.lead_m - frontage:
            inner = sign * spec.curvature_per_m > 0.0
            stretch = 1.0 / max(0.3, 1.0 - spec.curvature_per_m * front_d)
            advance = frontage * stretch
            if inner:
                # The straight front would reach into the bend.
                middle_d += sign * (0.1 + 0.15 * frontage**2 * abs(spec.curvature_per_m))
        s0, s1 = s, s + advance
        if side.arm_m and s1 > spec.arm_x_m - keep_off and s0 < spec.arm_x_m + keep_off:
            room = spec.arm_x_m - keep_off - s0
            if room < 5.0:
                s = spec.arm_x_m + keep_off
                continue
            frontage = advance = math.floor(room / 0.4) * 0.4
            s1 = s0 + advance
        x, y, yaw = spec.pose(0.5 * (s0 + s1), middle_d)
        x, y = (site.snap(x, frontage), site.snap(y, depth)) if spec.curvature_per_m == 0.0 else (x, y)
        site.block(x, y, yaw, frontage, depth, LOW | HIGH)
        box = (x, y, yaw, 0.5 * frontage, 0.5 * depth)
        raster.lay_house(site.class_XY, site.place_XY3, box, site.corner_m, site.voxel_m)
        base = site.level(x, y) + 1
        # A roof that the grid would cut open is lowered; whatever is taller than the grid has a flat one at its top.
        flat = eaves == high
        high = min(high, site.grid.shape_XYZ[2] - base)
        eaves = high if flat else min(eaves, high - 5)
        along = 1.0 if kind == 0 or u[4] < 0.6 else 0.0
        site.parts.append(
            (
                raster.BUILDING, raster.HOUSE, x, y, base, 0, high, 0.5 * frontage, 0.5 * depth, yaw, eaves, along,
                0.0, 1.0,
            )
        )  # fmt: skip
        if last > -9.0 and s0 - last > 1.5:
            gaps.append((last, s0))
        last = s1
        if kind == 0:
            s = s1 + (3.0 * stretch if u[5] < 0.12 else 0.0)
        else:
            s = s1 + (2.6 + 1.6 * u[5]) * stretch
    return gaps


def lay_boundaries(site: Site, gaps: list[list[tuple[float, float]]]) -> None:
    """Fences, walls and hedges along the plots with gates, fences between gardens, field fences."""
    spec, rng = site.spec, site.rng
    rows: list[tuple[float, ...]] = []
    thin = 0.4
    for sign, side_gaps in zip((1, -1), gaps, strict=True):
        side = spec.side(sign)
        u = rng.random(8)
        kind = side.boundary
        if kind != "none":
            label = shapes.VEGETATION if kind in ("hedge", "bushes") else shapes.FENCE
            high = {"fence": 5 + int(2 * u[0]), "wall": 4, "hedge": 5 + int(4 * u[0]), "bushes": 7 + int(4 * u[0])}[
                kind
            ]
            deep = {"fence": thin, "wall": 0.4, "hedge": 0.8, "bushes": 1.6}[kind]
            bumps = 2.5 if kind == "bushes" else 0.0
            near = 0.2 if side.zoning == "buildings" else (0.4, 1.0, 1.6)[int(u[1] * 3)]
            every, gate = (9.0 + 5.0 * u[2], 1.6) if side.zoning == "buildings" else (18.0 + 14.0 * u[2], 3.2)
            s = -every * u[3]
            while s < LENGTH_M + 8.0:
                rows.append((sign, s, s + every - gate, near, near + deep, high, label, bumps))
                s += every
        if side.zoning == "buildings":
            for s0, s1 in side_gaps:
                if rng.random() < 0.6:
                    middle = 0.5 * (s0 + s1)
                    rows.append(
                        (sign, middle - 0.5 * thin, middle + 0.5 * thin, side.setback_m, 26.0, 7, shapes.FENCE, 0.0)
                    )
        elif side.zoning == "open" and u[4] < 0.7:
            far = 8.0 + 4.0 * u[5]
            rows.append((sign, -1.0, 70.0, far, far + thin, 5, shapes.FENCE, 0.0))
    if rows:
        raster.lay_strips(
            np.array(rows, np.float64), site.class_XY, site.place_XY3, site.blocked_XY, site.strip_XY,
            site.strip_height_XY,
        )  # fmt: skip


def park_cars(site: Site) -> None:
    """Cars along the kerb on the sides that the attribute `parked` names; now and then one slot goes to a van."""
    spec, rng = site.spec, site.rng
    parked = spec.attributes["parked"]
    van_left = spec.attributes["trucks"] == "some" and rng.random() < 0.35
    for sign in (1, -1):
        side = spec.side(sign)
        if parked not in ("both", "left" if sign > 0 else "right"):
            continue
        fullness = float(rng.choice([0.45, 0.65, 0.85]))
        d = sign * (spec.half_width_m + 0.5 * side.parking_m)
        turn = math.pi if sign > 0 else 0.0
        pitch = 5.6 if fullness > 0.6 else 6.2
        slots = []
        s = 6.4 + 3.0 * float(rng.random())
        while s < LENGTH_M - 2.0:
            x, y, _ = spec.pose(s, d)
            if not side.arm_m or abs(s - spec.arm_x_m) > side.arm_m / 2 + JUNCTION_CLEAR_M + 2.2:
                slots.append(s)
                s += pitch / max(0.6, 1.0 - spec.curvature_per_m * d)
            else:
                s += 0.6
        keep = rng.random(len(slots)) < fullness
        if keep.sum() < 3:
            keep[:] = True
        if van_left and keep.sum() > 3:
            n = int(rng.choice(np.flatnonzero(keep)))
            shape = shapes.other_vehicle(rng)
            if shape.kind == "van" and site.try_vehicle(shape, slots[n], d, turn, ON_PARKING, "parked", 0.3):
                keep[n] = False
                van_left = False
        for n in np.flatnonzero(keep):
            site.try_vehicle(shapes.car(rng), slots[n], d, turn, ON_PARKING, "parked", 0.3)


def _lane_poses(site: Site, length_m: float) -> list[tuple[float, float, float]]:
    """Poses (x, y, yaw) at which a vehicle of that length could drive, in random order."""
    spec, rng = site.spec, site.rng
    poses = []
    for sign in (1, -1):
        for lane in range(spec.lanes):
            own = sign < 0 and lane == 0
            s = (EGO_FREE_M if own else 5.0) + 0.5 * length_m + 2.0 * float(rng.random())
            while s < LENGTH_M:
                x, y, yaw = spec.pose(s, spec.lane_d_m(lane, sign))
                poses.append((x, y, yaw + (math.pi if sign > 0 else 0.0)))
                s += length_m + 1.6 + 1.6 * float(rng.random())
        arm_m = spec.side(sign).arm_m
        if arm_m:
            out_m = spec.half_width_m + 4.0 + 0.5 * length_m
            while out_m < 22.0:
                for turn in (1, -1):
                    # Traffic keeps right: whoever heads towards +y drives on the half towards +x.
                    x = spec.arm_x_m + turn * arm_m / 4
                    poses.append((x, spec.middle_y_m + sign * out_m, turn * math.pi / 2))
                out_m += 6.0
    order = rng.permutation(len(poses))
    return [poses[int(n)] for n in order]


def drive_traffic(site: Site) -> None:
    """Lorries, buses and cars on the lanes, as many as the attributes say; motorcyclists now and then."""
    spec, rng = site.spec, site.rng
    want = spec.attributes
    if want["trucks"] == "some":
        have = sum(i.label in (shapes.TRUCK, shapes.OTHER_VEHICLE) for i in site.instances)
        wanted = 1 + int(rng.random() < 0.3) - have
        for _ in range(6 * max(0, wanted)):
            if wanted <= 0:
                break
            shape = shapes.truck(rng) if rng.random() < 0.5 else shapes.other_vehicle(rng)
            wanted -= _place_on_lot(site, shape) if rng.random() < 0.5 else 0
            if wanted <= 0:
                break
            for x, y, yaw in _lane_poses(site, shape.length_m):
                if site.try_pose(shape, x, y, yaw, ON_ROAD, "driving", 0.3):
                    wanted -= 1
                    break
    cars_wanted = cars = {"none": 0, "few": int(rng.integers(1, 3)), "many": int(rng.integers(3, 6))}[want["traffic"]]
    if cars:
        for x, y, yaw in _lane_poses(site, 4.4):
            if cars and site.try_pose(shapes.car(rng), x, y, yaw, ON_ROAD, "driving", 0.5):
                cars -= 1
    if cars_wanted and rng.random() < 0.3:
        for x, y, yaw in _lane_poses(site, 2.0):
            if site.try_pose(shapes.motorcyclist(rng), x, y, yaw, ON_ROAD, "driving", 0.5):
                break


def _place_on_lot(site: Site, shape: Shape) -> int:
    """Stand a lorry on a gravel lot beside the street if there is one with room; returns 1 if it was."""
    spec, rng = site.spec, site.rng
    for sign in (1, -1):
        if spec.side(sign).lot:
            for s in rng.permutation(np.arange(10.0, 46.0, 2.0)):
                turn = float(rng.choice([0.0, math.pi]))
                if site.try_vehicle(shape, float(s), plot_d_m(spec, sign, 4.6), turn, ON_LOT, "lot", 0.6):
                    return 1
    return 0


def _snapped(site: Site, s: float, d: float, length_m: float, width_m: float) -> tuple[float, float]:
    x, y, _ = site.spec.pose(s, d)
    return site.snap(x, length_m), site.snap(y, width_m)


def bring_people(site: Site) -> None:
    """Persons on the sidewalks, a few on the road; cyclists, parked bicycles and motorcycles."""
    spec, rng = site.spec, site.rng
    want = spec.attributes
    if want["bicycles"] == "some":
        riders = int(rng.random() < 0.5) + int(rng.random() < 0.2)
        parked = int(rng.integers(1, 4)) if riders == 0 or rng.random() < 0.5 else 0
        for _ in range(30):
            if riders <= 0:
                break
            sign = 1 if rng.random() < 0.4 else -1
            d = sign * (spec.half_width_m - 0.8)
            turn = math.pi if sign > 0 else 0.0
            s = 7.0 + 40.0 * float(rng.random())
            riders -= site.try_vehicle(shapes.bicyclist(rng), s, d, turn, ON_ROAD, "driving", 0.3)
        _park_cycles(site, parked, shapes.BICYCLE)
    if rng.random() < 0.2:
        _park_cycles(site, 1, shapes.MOTORCYCLE)
    count = {"none": 0, "few": int(rng.integers(1, 4)), "many": int(rng.integers(5, 10))}[want["persons"]]
    for attempt in range(count * 30):
        if count <= 0:
            break
        u = rng.random(4)
        sign = 1 if u[0] < 0.5 else -1
        s = 4.0 + 43.0 * float(u[1])
        d = walk_d_m(spec, sign, 0.2 + 0.6 * float(u[2]))
        if u[3] < 0.14:
            s, d = max(s, 11.0), (2.0 * float(u[2]) - 1.0) * spec.half_width_m
        quarter = 0.5 * math.pi * int(rng.integers(0, 4))
        shape = shapes.person(rng)
        x, y = _snapped(site, s, d, 0.4, 0.4)
        if not site.free(x, y, 0.0, 0.6, 0.6, 0.5, LOW, ON_ROAD | ON_WALK | ON_LAND):
            continue
        site.block(x, y, 0.0, 0.6, 0.6, LOW)
        site.stand(shape, x, y, quarter, "standing")
        count -= 1


def _park_cycles(site: Site, count: int, label: int) -> None:
    """Parked cycles on a sidewalk, one behind the other, in one or two groups."""
    spec, rng = site.spec, site.rng
    sign = 1 if rng.random() < 0.5 else -1
    s, share = 5.0 + 36.0 * float(rng.random()), 0.78 if rng.random() < 0.6 else 0.2
    for _ in range(40):
        if count <= 0:
            return
        shape = shapes.bicycle(rng) if label == shapes.BICYCLE else shapes.motorcycle(rng)
        d = walk_d_m(spec, sign, share)
        if site.try_vehicle(shape, s, d, 0.0, ON_WALK | ON_LAND, "parked", 0.4):
            count -= 1
            s += 2.8
        else:
            s, sign = 5.0 + 40.0 * float(rng.random()), -sign


def raise_poles(site: Site) -> None:
    """Lamp posts at even distances along the kerb, traffic signs at the kerb and at the corners of side streets."""
    spec, rng = site.spec, site.rng
    tall = int(rng.choice([22, 24, 26]))
    reach = int(rng.choice([4, 6, 8]))
    s, number = 3.0 + 8.0 * float(rng.random()), 0
    while s < LENGTH_M - 0.6:
        sign = spec.lamp_side or (1 if number % 2 else -1)
        for nudge in (0.0, 0.8, -0.8, 1.6):
            if _stand_pole(site, sign, s + nudge, tall, reach):
                break
        s, number = s + spec.lamp_spacing_m / (1.0 if spec.lamp_side else 1.3), number + 1
    post, plate = 10 + int(rng.integers(0, 2)), int(rng.choice([3, 4]))
    places = [(float(6.0 + 40.0 * u), -1 if v < 0.65 else 1) for u, v in rng.random((int(rng.integers(1, 4)), 2))]
    for sign in (1, -1):
        arm_m = spec.side(sign).arm_m
        if arm_m:
            places.append((spec.arm_x_m - arm_m / 2 - 3.4, sign))
            places.append((spec.arm_x_m + arm_m / 2 + 3.4, sign))
    for s, sign in places:
        for nudge in (0.0, 1.0, -1.0, 2.0):
            if _stand_sign(site, sign, s + nudge, post, plate):
                break


def _stand_pole(site: Site, sign: int, s: float, tall: int, reach: int) -> bool:
    d = _kerb_d_m(site.spec, sign)
    x, y = _snapped(site, s, d, 0.2, 0.2)
    _, _, yaw = site.spec.pose(s, d)
    # The arm points at the carriageway, along the grid.
    yaw = round((yaw - sign * 0.5 * math.pi) / (0.5 * math.pi)) * 0.5 * math.pi
    tall = min(tall, site.grid.shape_XYZ[2] - 2 - site.level(x, y))
    if not site.free(x, y, 0.0, 0.2, 0.2, 0.5, LOW | HIGH, ON_WALK | ON_LAND):
        return False
    arm_m = reach * site.voxel_m
    ax, ay = x + 0.5 * arm_m * math.cos(yaw), y + 0.5 * arm_m * math.sin(yaw)
    everywhere = ON_WALK | ON_LAND | ON_ROAD | ON_PARKING | ON_LOT
    if not site.free(ax, ay, yaw, arm_m, 0.2, 0.3, HIGH, everywhere):
        return False
    site.block(x, y, 0.0, 0.2, 0.2, LOW | HIGH)
    site.block(ax, ay, yaw, arm_m, 0.2, HIGH)
    site.stand(shapes.lamp_post(tall, reach), x, y, yaw, "standing")
    return True


def _stand_sign(site: Site, sign: int, s: float, post: int, plate: int) -> bool:
    d = _kerb_d_m(site.spec, sign)
    x, y = _snapped(site, s, d, 0.2, 0.2)
    _, _, yaw = site.spec.pose(s, d)
    yaw = round(yaw / (0.5 * math.pi)) * 0.5 * math.pi
    if not site.free(x, y, 0.0, 0.6, 0.6, 0.5, LOW | HIGH, ON_WALK | ON_LAND):
        return False
    site.block(x, y, 0.0, 0.6, 0.6, LOW | HIGH)
    site.stand(shapes.traffic_sign(post, plate), x, y, yaw, "standing")
    return True


def _kerb_d_m(spec: StreetSpec, sign: int) -> float:
    """d at which lamps and signs stand: half a metre behind the kerb."""
    side = spec.side(sign)
    return sign * (spec.half_width_m + side.parking_m + (0.5 if side.sidewalk_m else 1.0))


def _plant(site: Site, kind: str, s: float, d: float, gap_m: float) -> bool:
    """Plant a tree if its trunk has ground and its crown has air; `gap_m` is kept between crowns and high things."""
    x, y = _snapped(site, s, d, 0.4, 0.4)
    shape = shapes.tree(kind, site.rng)
    thick = shape.width_m
    if kind == "small":
        x, y = site.snap(x, 0.2), site.snap(y, 0.2)
    if not site.free(x, y, 0.0, thick, thick, 0.5, LOW | HIGH, ON_LAND):
        return False
    for p in shape.parts[1:]:
        wide = 2.0 * p.half_u_m * (1.25 if p.kind == raster.ELLIPSOID else 1.0)
        if not _crown_free(site, x + p.u_m, y + p.v_m, wide, gap_m, p.clear < 9.0):
            return False
    site.block(x, y, 0.0, thick, thick, LOW)
    site.stand(shape, x, y, 0.0, "standing")
    return True


def _crown_free(site: Site, x: float, y: float, wide_m: float, gap_m: float, low: bool) -> bool:
    """Whether a crown keeps clear of high things, and of low ones if it hangs low; it may leave the grid."""
    bits = LOW | HIGH if low else HIGH
    box = (x, y, 0.0, 0.45 * wide_m, 0.45 * wide_m)
    return not raster.touches(site.blocked_XY, box, gap_m, bits, site.corner_m, site.voxel_m)


def plant(site: Site) -> None:
    """Trees, bushes and woods, by the zoning of each side."""
    spec, rng = site.spec, site.rng
    for sign in (1, -1):
        side = spec.side(sign)
        kerb = spec.half_width_m + side.parking_m
        street_d = sign * (kerb + side.verge_m - 0.8) if side.verge_m else plot_d_m(spec, sign, 1.2)
        if side.zoning == "vegetation":
            kind = ("round", "spreading", "round", "slender")[int(rng.integers(0, 4))]
            spacing = {"round": 7.0, "spreading": 8.5, "slender": 3.6}[kind]
            _row(site, kind, street_d if side.verge_m else plot_d_m(spec, sign, 2.8), spacing, 0.1)
            deep = ("round", "conifer", "spreading")[int(rng.integers(0, 3))]
            _row(site, deep, plot_d_m(spec, sign, 8.5), 8.0 if deep != "conifer" else 4.4, 0.9)
            _row(site, deep, plot_d_m(spec, sign, 15.0), 8.0 if deep != "conifer" else 4.4, 1.2)
            _bushes(site, sign, 14, 1.2, 9.0)
        elif side.zoning == "buildings":
            if side.verge_m and rng.random() < 0.7:
                _row(site, "small", street_d, 9.0, 0.0)
            elif side.setback_m > 2.5 and rng.random() < 0.6:
                _row(site, "small", plot_d_m(spec, sign, 1.6), 11.0, 0.6)
            for _ in range(3):
                s, beyond = 52.0 * float(rng.random()), side.setback_m + 11.0 + 4.0 * float(rng.random())
                _plant(site, "round", s, plot_d_m(spec, sign, beyond), 0.3)
            _bushes(site, sign, 4, 0.8, max(1.6, side.setback_m))
        else:
            for _ in range(int(rng.integers(0, 3))):
                s, beyond = 6.0 + 42.0 * float(rng.random()), 3.0 + 9.0 * float(rng.random())
                _plant(site, "small", s, plot_d_m(spec, sign, beyond), 0.3)
            _bushes(site, sign, int(rng.integers(1, 5)), 2.0, 12.0)


def _row(site: Site, kind: str, d: float, spacing_m: float, loose_m: float) -> None:
    """Trees at even distances, moved by at most `loose_m`."""
    rng = site.rng
    s = spacing_m * float(rng.random())
    while s < LENGTH_M + 20.0:
        u = rng.random(2)
        _plant(site, kind, s + loose_m * (2.0 * u[0] - 1.0), d + loose_m * (2.0 * u[1] - 1.0), 0.2)
        s += spacing_m


def _bushes(site: Site, sign: int, count: int, near_m: float, far_m: float) -> None:
    spec, rng = site.spec, site.rng
    for _ in range(count):
        u = rng.random(2)
        shape = shapes.bush(rng)
        beyond = near_m + (far_m - near_m) * u[1]
        x, y, yaw = spec.pose(52.0 * float(u[0]), plot_d_m(spec, sign, beyond))
        wide = shape.width_m * 1.2
        if site.free(x, y, yaw, wide, wide, 0.4, LOW, ON_LAND):
            site.block(x, y, yaw, wide, wide, LOW)
            site.stand(shape, x, y, yaw, "standing")
