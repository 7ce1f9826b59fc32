"""What stands in a street: the shapes of vehicles, people, poles and plants, as boxes, ellipsoids and cones.

A shape is described in its own frame: u forward, v left, heights in voxels of 0.2 m above the ground voxel
it stands on. Lengths are whole voxels, so that a shape keeps its form wherever it is put.
"""

from dataclasses import dataclass

import numpy as np

from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.world.raster import BOX, CONE, ELLIPSOID

VOXEL_M = 0.2

CAR, BICYCLE, MOTORCYCLE, TRUCK, OTHER_VEHICLE, PERSON, BICYCLIST, MOTORCYCLIST = range(1, 9)
FENCE, VEGETATION, TRUNK, POLE, SIGN = (
    SEMANTIC_KITTI.id_of(name) for name in ("fence", "vegetation", "trunk", "pole", "traffic-sign")
)


@dataclass(frozen=True)
class Part:
    """A box, ellipsoid or cone at (u_m, v_m), from `low` to `high` voxels above the ground voxel."""

    label: int
    u_m: float
    v_m: float
    half_u_m: float
    half_v_m: float
    low: float
    high: float
    kind: int = BOX
    phase: float = 0.0
    clear: float = 0.0
    """Voxels above the ground under the part that it leaves free (crowns)."""


@dataclass(frozen=True)
class Shape:
    """An object: its class, a word for its kind, its size in metres, its parts."""

    label: int
    kind: str
    length_m: float
    width_m: float
    height_m: float
    parts: tuple[Part, ...]


def _block(label: int, u0: int, u1: int, width: int, low: int, high: int, v: int = 0) -> Part:
    """A box from u0 to u1 voxels, `width` voxels wide about v."""
    return Part(
        label, 0.5 * (u0 + u1) * VOXEL_M, v * VOXEL_M, 0.5 * (u1 - u0) * VOXEL_M, 0.5 * width * VOXEL_M, low, high
    )


def _whole(label: int, kind: str, length: int, width: int, height: int, parts: tuple[Part, ...]) -> Shape:
    """A shape whose parts span 0 to `length` voxels along u, moved so that it is centred."""
    shift_m = -0.5 * length * VOXEL_M
    moved = tuple(
        Part(p.label, p.u_m + shift_m, p.v_m, p.half_u_m, p.half_v_m, p.low, p.high, p.kind, p.phase, p.clear)
        for p in parts
    )
    return Shape(label, kind, length * VOXEL_M, width * VOXEL_M, height * VOXEL_M, moved)


def car(rng: np.random.Generator) -> Shape:
    """A car of one of four bodies, 3.8-4.6 m long, 1.8 m wide, its bonnet to the front."""
    body = int(rng.choice(4, p=[0.32, 0.28, 0.24, 0.16]))
    kind = ("hatchback", "saloon", "estate", "suv")[body]
    length = (20, 22, 23, 22)[body]
    waist, roof = (4, 4, 4, 5)[body], (7, 7, 7, 8)[body]
    cabin = ((1, 14), (4, 15), (1, 16), (1, 16))[body]
    return _whole(
        CAR, kind, length, 9, roof,
        (
            _block(CAR, 0, length, 9, 0, waist),
            _block(CAR, cabin[0], cabin[1], 9, waist, waist + 1),
            _block(CAR, cabin[0] + 1, cabin[1] - 1, 7, waist + 1, roof),
        ),
    )  # fmt: skip


def truck(rng: np.random.Generator) -> Shape:
    """A lorry of 6.4-7.6 m: a cab, a gap, and a box body or a flat bed."""
    length = int(rng.choice([32, 35, 38]))
    flat = bool(rng.random() < 0.25)
    body = 7 if flat else 15
    return _whole(
        TRUCK, "flatbed" if flat else "lorry", length, 12, 13 if flat else 15,
        (
            _block(TRUCK, length - 9, length, 11, 0, 12),
            _block(TRUCK, 0, length, 11, 0, 4),
            _block(TRUCK, 0, length - 10, 11, 4, body),
        ),
    )  # fmt: skip


def other_vehicle(rng: np.random.Generator) -> Shape:
    """A van, a bus or a caravan trailer."""
    kind = ("van", "bus", "trailer")[int(rng.choice(3, p=[0.60, 0.22, 0.18]))]
    o = OTHER_VEHICLE
    if kind == "bus":
        length = int(rng.choice([46, 52]))
        return _whole(o, kind, length, 12, 15, (_block(o, 0, length, 12, 0, 14), _block(o, 2, length - 2, 10, 14, 15)))
    if kind == "van":
        return _whole(o, kind, 26, 10, 11, (_block(o, 0, 26, 10, 0, 5), _block(o, 0, 22, 10, 5, 11)))
    return _whole(
        o, kind, 24, 10, 12, (_block(o, 0, 20, 10, 1, 12), _block(o, 8, 12, 10, 0, 1), _block(o, 20, 24, 2, 1, 3))
    )


def person(rng: np.random.Generator) -> Shape:
    """A standing or walking person, 1.6-1.8 m tall: legs, torso with arms, head."""
    tall = int(rng.choice([8, 9, 9]))
    return _whole(
        PERSON, "person", 2, 3, tall,
        (_block(PERSON, 0, 2, 2, 0, 3), _block(PERSON, 0, 2, 3, 3, tall - 2), _block(PERSON, 0, 2, 2, tall - 2, tall)),
    )  # fmt: skip


def _bike(label: int) -> tuple[Part, ...]:
    return (
        _block(label, 0, 3, 2, 0, 3),
        _block(label, 6, 9, 2, 0, 3),
        _block(label, 2, 7, 2, 2, 4),
        _block(label, 6, 7, 2, 4, 5),
    )


def bicycle(rng: np.random.Generator) -> Shape:
    """A parked bicycle, 1.8 x 0.4 x 1.0 m."""
    return _whole(BICYCLE, "bicycle", 9, 2, 5, _bike(BICYCLE))


def bicyclist(rng: np.random.Generator) -> Shape:
    """A bicycle and who rides it, one class, 1.8 m tall."""
    rider = (_block(BICYCLIST, 2, 5, 2, 4, 5), _block(BICYCLIST, 3, 5, 3, 5, 8), _block(BICYCLIST, 3, 5, 2, 8, 9))
    return _whole(BICYCLIST, "bicyclist", 9, 3, 9, _bike(BICYCLIST) + rider)


def _motorbike(label: int) -> tuple[Part, ...]:
    return (_block(label, 0, 10, 3, 0, 3), _block(label, 1, 8, 3, 3, 4), _block(label, 6, 8, 4, 4, 6))


def motorcycle(rng: np.random.Generator) -> Shape:
    """A parked motorcycle, 2.0 x 0.8 x 1.2 m."""
    return _whole(MOTORCYCLE, "motorcycle", 10, 4, 6, _motorbike(MOTORCYCLE))


def motorcyclist(rng: np.random.Generator) -> Shape:
    """A motorcycle and who rides it, one class, 1.8 m tall."""
    m = MOTORCYCLIST
    return _whole(m, "motorcyclist", 10, 4, 9, (*_motorbike(m), _block(m, 3, 5, 3, 4, 8), _block(m, 3, 5, 2, 8, 9)))


def lamp_post(voxels: int, arm: int) -> Shape:
    """A street lamp: a pole one voxel wide, its arm reaching `arm` voxels along u."""
    return Shape(
        POLE, "lamp", VOXEL_M, VOXEL_M, voxels * VOXEL_M,
        (
            Part(POLE, 0.0, 0.0, 0.1, 0.1, 0, voxels),
            Part(POLE, 0.5 * arm * VOXEL_M + 0.1, 0.0, 0.5 * arm * VOXEL_M, 0.1, voxels - 1, voxels),
        ),
    )  # fmt: skip


def traffic_sign(post: int, tall: int) -> Shape:
    """A plate three voxels wide across u, `tall` voxels high, on a pole of `post` voxels."""
    return Shape(
        SIGN, "sign", VOXEL_M, 3 * VOXEL_M, (post + tall) * VOXEL_M,
        (Part(POLE, 0.0, 0.0, 0.1, 0.1, 0, post), Part(SIGN, 0.0, 0.0, 0.1, 0.3, post, post + tall)),
    )  # fmt: skip


def tree(kind: str, rng: np.random.Generator) -> Shape:
    """A tree with its trunk: round, spreading, slender or conifer; or small, a young tree with a thin trunk."""
    u = rng.random(6)
    phase = 6.28 * float(u[0])
    if kind == "conifer":
        r, low, high = 1.2 + 0.8 * u[1], 3 + int(u[2] * 3), 24 + int(u[3] * 10)
        crown: tuple[Part, ...] = (Part(VEGETATION, 0.0, 0.0, r, r, low, high, CONE, 0.0, 2.0),)
        trunk_top, thick = low + 6, 0.2
    elif kind == "slender":
        r, low, high = 0.9 + 0.3 * u[1], 8 + int(u[2] * 3), 32 + int(u[3] * 8)
        crown = (Part(VEGETATION, 0.0, 0.0, r, r, low, high, ELLIPSOID, phase, 9.0),)
        trunk_top, thick = low + 4, 0.2
    elif kind == "small":
        r, low, high = 0.9 + 0.4 * u[1], 9 + int(u[2] * 3), 19 + int(u[3] * 4)
        crown = (Part(VEGETATION, 0.0, 0.0, r, r, low, high, ELLIPSOID, phase, 9.0),)
        trunk_top, thick = low + 3, 0.1
    else:
        wide = kind == "spreading"
        r = (2.3 if wide else 1.7) + 0.6 * u[1]
        low, high = 11 + int(u[2] * 3), (30 if wide else 27) + int(u[3] * 6)
        turn = 6.28 * u[4]
        lobe = Part(
            VEGETATION, 0.5 * r * np.cos(turn), 0.5 * r * np.sin(turn), 0.7 * r, 0.7 * r,
            low + 2, high - 4, ELLIPSOID, phase + 2.0, 10.0,
        )  # fmt: skip
        crown = (Part(VEGETATION, 0.0, 0.0, r, r, low, high, ELLIPSOID, phase, 10.0), lobe)
        trunk_top, thick = low + 5, 0.2
    trunk = Part(TRUNK, 0.0, 0.0, thick, thick, 0, trunk_top)
    return Shape(TRUNK, kind, 2 * thick, 2 * thick, trunk_top * VOXEL_M, (trunk, *crown))


def bush(rng: np.random.Generator) -> Shape:
    """A round bush that sits on the ground, 1.0-2.2 m across."""
    u = rng.random(3)
    r = float(0.5 + 0.6 * u[0])
    tall = 2.0 * r * float(0.8 + 0.4 * u[1]) / VOXEL_M
    part = Part(VEGETATION, 0.0, 0.0, r, r, -0.4 * tall, 0.6 * tall + 1, ELLIPSOID, 6.28 * float(u[2]))
    return Shape(VEGETATION, "bush", 2 * r, 2 * r, 0.6 * tall * VOXEL_M, (part,))
