"""What stands beside a street for good: houses, fences and hedges, lamps and signs, trees and bushes.

Whatever comes later keeps clear of what came before.
"""

import math

import numpy as np

from occforge.world import objects as shapes
from occforge.world import raster
from occforge.world.layout import StreetSpec
from occforge.world.raster import HIGH, LOW
from occforge.world.site import LENGTH_M, ON_LAND, ON_LOT, ON_PARKING, ON_ROAD, ON_WALK, Site, plot_d_m, snapped


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
        gap_m = (3.0 if u[5] < 0.12 else 0.0) if kind == 0 else 2.6 + 1.6 * u[5]
        s = s1 + gap_m * stretch
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
    x, y = snapped(site, s, d, 0.2, 0.2)
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
    x, y = snapped(site, s, d, 0.2, 0.2)
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
    x, y = snapped(site, s, d, 0.4, 0.4)
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
