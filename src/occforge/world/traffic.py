"""Who uses a street: parked cars, vehicles on the lanes, cyclists, parked cycles and persons."""

import math

import numpy as np

from occforge.world import objects as shapes
from occforge.world.layout import JUNCTION_CLEAR_M
from occforge.world.objects import Shape
from occforge.world.raster import LOW
from occforge.world.site import (
    EGO_FREE_M,
    LENGTH_M,
    ON_LAND,
    ON_LOT,
    ON_PARKING,
    ON_ROAD,
    ON_WALK,
    Site,
    plot_d_m,
    snapped,
    walk_d_m,
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
        for n in np.flatnonzero(keep).tolist():
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
            for s in rng.permutation(np.arange(10.0, 46.0, 2.0)).tolist():
                turn = float(rng.choice([0.0, math.pi]))
                if site.try_vehicle(shape, s, plot_d_m(spec, sign, 4.6), turn, ON_LOT, "lot", 0.6):
                    return 1
    return 0


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
    for _ in range(count * 30):
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
        x, y = snapped(site, s, d, 0.4, 0.4)
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
