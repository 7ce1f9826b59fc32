"""What a room is before anything stands in it: its kind, size, openings, colours and camera.

Lengths are voxels of 2 cm of `ROOM_GRID`, counted from its corner: x forward from the open side where the camera
stands, y left, z up. Walls are called by how the camera sees them: left, ahead, right.
"""

import math
from dataclasses import dataclass

import numpy as np

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec

ROOM_GRID = GridSpec((240, 240, 144), (0.02, 0.02, 0.02), (0.0, -2.4, -0.05))
"""NYUv2's box of 4.8 x 4.8 x 2.88 m, its near face below the camera; the floor's surface lies at z = 0.03 m."""
POOL = 4
"""Fine voxels along each edge of one of NYUv2's 0.08 m training voxels."""
FLOOR_Z = 4
"""Where one stands: the floor fills the two voxels below, as in NYUv2."""
SHELL = 2
"""Voxels by which walls, floor and ceiling are thick."""
WALLS = ("ahead", "left", "right")
CAMERA_X_M = 0.12
CAMERA_FREE = 60
"""Nothing stands within this many voxels before the camera."""

INVENTORY: dict[str, tuple[tuple[int, str, str, str], ...]] = {
    "bedroom": (
        (3, "none", "none", "none"), (2, "none", "few", "none"), (3, "one", "few", "none"), (3, "none", "none", "tv"),
        (1, "one", "few", "tv"), (1, "one", "few", "monitor"),
    ),
    "living-room": (
        (3, "one", "none", "tv"), (2, "one", "none", "none"), (3, "one", "few", "tv"), (2, "one", "few", "none"),
        (2, "several", "none", "tv"), (1, "several", "few", "none"), (1, "none", "none", "tv"),
    ),
    "office": (
        (4, "one", "few", "monitor"), (4, "several", "few", "monitor"), (2, "one", "few", "none"),
        (2, "one", "many", "none"),
    ),
    "kitchen": ((5, "none", "none", "none"), (4, "one", "few", "none"), (3, "one", "many", "none")),
    "dining-room": ((10, "one", "many", "none"), (2, "one", "few", "none")),
}  # fmt: skip
"""Kind of room -> what it can hold: weight, tables, chairs, screen. Bedrooms have beds, living rooms sofas."""

WINDOW_SHARES = (0.16, 0.22, 0.26, 0.22, 0.14)
LIGHT_SHARES = (0.62, 0.14, 0.24)

SIZES: dict[str, tuple[int, int, int, int]] = {
    "bedroom": (40, 53, 36, 50),
    "living-room": (45, 56, 43, 56),
    "office": (36, 52, 34, 49),
    "kitchen": (36, 50, 32, 46),
    "dining-room": (42, 54, 38, 51),
}
"""Kind -> depth from, to, width from, to, in steps of 8 cm."""


@dataclass(frozen=True)
class Opening:
    """A window or door in a wall: its range along the wall (y ahead, x at the sides) and its height."""

    kind: str
    wall: str
    low: int
    high: int
    bottom: int
    top: int


@dataclass(frozen=True)
class Skins:
    """Names of the materials (`render.materials.SKINS`) that a room is decorated with."""

    wall: str
    accent: str
    floor: str
    wood: str
    front: str
    fabric: str
    cushion: str
    duvet: str
    seat: str
    curtain: str
    metal: str
    rug: str
    door: str


@dataclass(frozen=True)
class RoomSpec:
    """Everything that is drawn about a room before it is furnished."""

    seed: int
    attributes: dict[str, str]
    """What is wanted, every attribute of `ROOM_ATTRIBUTES`."""
    depth: int
    """x of the wall ahead."""
    right: int
    left: int
    """y of the side walls; the room lies between."""
    ceiling: int
    openings: tuple[Opening, ...]
    pier: tuple[int, int, int, int] | None
    """x0, x1, y0, y1 of a corner that walls cut off."""
    skins: Skins
    camera_y: float
    camera_height_m: float
    """Above the floor."""
    stray_rad: float
    """How far left of what there is to see the camera looks."""
    pitch_rad: float

    def span(self, wall: str) -> tuple[int, int]:
        """The range along a wall."""
        return (self.right, self.left) if wall == "ahead" else (0, self.depth)


def sample_room_wishes(rng: np.random.Generator, wishes: dict[str, str] | None = None) -> dict[str, str]:
    """A value for every attribute of a room where `wishes` does not fix it; raises `InputError`."""
    wishes = wishes or {}
    for name, value in wishes.items():
        if name not in ROOM_ATTRIBUTES:
            raise InputError(f"wishes: no attribute '{name}'; attributes: {', '.join(ROOM_ATTRIBUTES)}")
        if value not in ROOM_ATTRIBUTES[name]:
            raise InputError(f"wishes: {name} cannot be '{value}'; values: {', '.join(ROOM_ATTRIBUTES[name])}")
    rows, weights = [], []
    for room, inventory in INVENTORY.items():
        total = sum(row[0] for row in inventory)
        for weight, tables, chairs, screen in inventory:
            row = {
                "room": room,
                "bed": "some" if room == "bedroom" else "none",
                "sofa": "some" if room == "living-room" else "none",
                "tables": tables,
                "chairs": chairs,
                "screen": screen,
            }
            if all(row[name] == value for name, value in wishes.items() if name in row):
                rows.append(row)
                weights.append(weight / total)
    if not rows:
        asked = ", ".join(f"{name} {value}" for name, value in wishes.items() if name not in ("window", "light"))
        raise InputError(f"wishes: no kind of room has {asked}; leave one of them open")
    drawn = dict(rows[int(rng.choice(len(rows), p=np.array(weights) / sum(weights)))])
    for name, shares in (("window", WINDOW_SHARES), ("light", LIGHT_SHARES)):
        drawn[name] = ROOM_ATTRIBUTES[name][int(rng.choice(len(shares), p=shares))]
    return drawn | wishes


def _pick(rng: np.random.Generator, *values: str) -> str:
    return values[int(rng.integers(len(values)))]


def _sample_skins(room: str, rng: np.random.Generator) -> Skins:
    wall = _pick(rng, "wall-white", "wall-white", "wall-cream", "wall-sand", "wall-sage", "wall-sky", "wall-grey")
    accent = wall
    if rng.random() < 0.3 and room in ("bedroom", "living-room", "dining-room"):
        accent = _pick(rng, "wall-stripes", "wall-flowers", "wall-rose", "wall-sage", "wall-sky")
    planks = ("plank-oak", "plank-dark", "plank-light", "plank-grey")
    floor = {
        "bedroom": (*planks, "carpet-beige", "carpet-grey", "carpet-blue"),
        "living-room": (*planks, "plank-oak", "carpet-beige"),
        "office": ("carpet-grey", "carpet-blue", "carpet-grey", "plank-grey", "plank-oak"),
        "kitchen": ("tile-white", "tile-grey", "tile-clay", "plank-oak", "plank-light"),
        "dining-room": planks,
    }[room]
    woods = ("wood-oak", "wood-pine", "wood-walnut", "wood-cherry", "wood-white", "wood-black")
    wood = _pick(rng, *woods[: 5 if room != "office" else 6])
    fabrics = ("grey", "charcoal", "navy", "teal", "mustard", "rust", "olive", "cream", "rose", "red", "sky")
    kitchen = ("white", "ivory", "wood-oak", "wood-white", "grey", "blue", "green")
    return Skins(
        wall=wall,
        accent=accent,
        floor=_pick(rng, *floor),
        wood=wood,
        front=_pick(rng, *kitchen) if room == "kitchen" else _pick(rng, wood, wood, "wood-white"),
        fabric=_pick(rng, *(f"fabric-{f}" for f in fabrics[:9]), "leather-brown", "leather-black"),
        cushion=_pick(rng, *(f"fabric-{f}" for f in fabrics[2:])),
        duvet=_pick(rng, "fabric-white", "fabric-cream", "fabric-sky", "fabric-grey", "fabric-navy", "fabric-rose"),
        seat=_pick(rng, wood, wood, "fabric-cream", "fabric-grey", "fabric-red", "leather-brown"),
        curtain=_pick(rng, *(f"fabric-{f}" for f in fabrics), "fabric-white"),
        metal=_pick(rng, "black", "steel", "brass"),
        rug=_pick(rng, "rug-red", "rug-blue", "rug-cream", "rug-grey"),
        door=_pick(rng, "white", "wood-white", "wood-oak", "wood-pine"),
    )


def _sample_openings(
    want: dict[str, str], depth: int, right: int, left: int, ceiling: int, rng: np.random.Generator
) -> tuple[Opening, ...]:
    """Windows at the walls that the attributes ask for, and often a door in a wall that has room for it."""
    walls = {"none": (), "several": tuple(str(w) for w in rng.permutation(WALLS)[:2])}.get(
        want["window"], (want["window"],)
    )
    openings = []
    for wall in walls:
        low, high = (right + 14, left - 14) if wall == "ahead" else (56, depth - 14)
        wide = min(high - low, 2 * int(rng.integers(24, 52)))
        start = low + int(rng.integers(0, high - low - wide + 1))
        tall = want["room"] == "living-room" and wall == "ahead" and rng.random() < 0.4
        bottom = FLOOR_Z + (2 if tall else 54 if want["room"] == "kitchen" else int(rng.integers(42, 50)))
        top = min(FLOOR_Z + int(rng.integers(102, 110)), ceiling - 6)
        openings.append(Opening("window", wall, start, start + wide, bottom, top))
    if rng.random() < 0.6:
        for wall in (str(w) for w in rng.permutation(WALLS)):
            low, high = (right + 5, left - 5) if wall == "ahead" else (64, depth - 5)
            start = (low, high - 44, low + int(rng.integers(0, max(1, high - low - 44))))[int(rng.integers(3))]
            beside = [o for o in openings if o.wall == wall and o.low < start + 44 + 10 and start - 10 < o.high]
            if not beside and high - low >= 44:
                openings.append(Opening("door", wall, start, start + 44, FLOOR_Z, FLOOR_Z + 102))
                break
    return tuple(openings)


def sample_room_spec(seed: int, rng: np.random.Generator, wishes: dict[str, str] | None = None) -> RoomSpec:
    """Draw a room; `wishes` fixes attributes. Raises `InputError` for wishes that no room can have."""
    want = sample_room_wishes(rng, wishes)
    d0, d1, w0, w1 = SIZES[want["room"]]
    if want["tables"] == "several":
        d0, w0 = d0 + 6, w0 + 6
    depth, width = POOL * int(rng.integers(d0, d1 + 1)), POOL * int(rng.integers(w0, w1 + 1))
    slack = ROOM_GRID.shape_XYZ[1] // POOL - 2 - width // POOL
    shift = min(max(slack // 2 + int(rng.integers(-4, 5)), 0), slack)
    right = POOL * (1 + shift)
    left = right + width
    ceiling = FLOOR_Z + POOL * int(rng.integers(30, 35))
    openings = _sample_openings(want, depth, right, left, ceiling, rng)
    pier = None
    if rng.random() < 0.28:
        a, b = POOL * int(rng.integers(3, 9)), POOL * int(rng.integers(3, 10))
        at_left = rng.random() < 0.5
        pier = (depth - a, depth, left - b if at_left else right, left if at_left else right + b)
        side = "left" if at_left else "right"
        for o in openings:
            if (o.wall == "ahead" and o.low < pier[3] + 6 and pier[2] - 6 < o.high) or (
                o.wall == side and o.high > pier[0] - 6
            ):
                pier = None
                break
    u = rng.random(4)
    middle = 0.5 * (right + left)
    camera_y = middle + 0.4 * width * (u[0] - 0.5)
    return RoomSpec(
        seed=seed,
        attributes=want,
        depth=depth,
        right=right,
        left=left,
        ceiling=ceiling,
        openings=openings,
        pier=pier,
        skins=_sample_skins(want["room"], rng),
        camera_y=float(camera_y),
        camera_height_m=float(1.25 + 0.4 * u[1]),
        stray_rad=math.radians(16.0 * float(u[2] - 0.5)),
        pitch_rad=math.radians(5.0 + 10.0 * float(u[3])),
    )
