"""A seeded generator of rooms: one seed is one room, with labels, materials, attributes and a camera.

It plays NYUv2's part: its labels are NYUv2's 12 classes in NYUv2's box, 240 x 240 x 144 voxels of 0.02 m (x forward,
y left, z up); the 60 x 60 x 36 grid of 0.08 m is pooled from it. The camera stands in the open near side, NYUv2's
camera at head height; walls run along the axes.

What no camera can see is unknown (255), as in NYUv2: every column whose foot lies neither in the room nor in the two
voxels of its walls, at all heights, also the corner behind a pier. Columns of the room are known from bottom to top,
empty below the floor and above the ceiling, and so is the inside of furniture, which is solid.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.camera import Camera, look_camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import NYUV2, UNKNOWN, Taxonomy
from occforge.render.materials import SKINS
from occforge.world.room_furnish import furnish
from occforge.world.room_layout import (
    CAMERA_FREE,
    CAMERA_X_M,
    FLOOR_Z,
    ROOM_GRID,
    SHELL,
    Opening,
    RoomSpec,
    sample_room_spec,
)
from occforge.world.room_pieces import CEILING, CHAIR, FLOOR, OBJECT, TABLE, WALL, WINDOW
from occforge.world.room_raster import PART_NUMBERS, draw_parts
from occforge.world.room_site import RoomSite, Stood
from occforge.world.site import Instance

ATTEMPTS = 500
"""How often a room is drawn anew when it has no place for what is wanted."""
NYU_SIZE_HW = (480, 640)
NYU_FOCAL_PX = 518.8579
MOST_YAW_RAD = 0.55
SEEN_RAD = 0.55
"""What lies this far from the middle of the picture is hardly seen."""
TELLING = ("single-bed", "double-bed", "sofa", "corner-sofa", "desk", "counter", "table", "round-table")
"""What tells a kind of room: the camera rather looks there."""
NYU_FOV_X_RAD = 2.0 * float(np.arctan(0.5 * NYU_SIZE_HW[1] / NYU_FOCAL_PX))

ROOM_SKINS = Taxonomy(
    name="room_skins",
    names=("empty", *SKINS),
    colors=((0, 0, 0), *((int(255 * r), int(255 * g), int(255 * b)) for _, (r, g, b) in SKINS.values())),
    objects=(),
    things=(),
    frequency=(1.0,) * (1 + len(SKINS)),
)
"""What the voxels of a room's `skins` are: materials in the place of classes, for its pictures."""
_SKIN_IDS = {name: k for k, name in enumerate(ROOM_SKINS.names)}
_Fill = Callable[[int, str, tuple[int, int], tuple[int, int], tuple[int, int]], None]
"""Fills a box of voxels, given by its ranges along x, y and z, with a label and a skin."""


@dataclass(frozen=True)
class Room:
    """A finished room. `attributes` has a true value for every attribute, counted from what was placed.

    `skins` has the same voxels occupied as `scene`, each with its material: shade it for a picture of the room.
    """

    scene: Scene
    skins: Scene
    attributes: dict[str, str]
    stood: tuple[Stood, ...]
    camera: Camera
    spec: RoomSpec

    @property
    def instances(self) -> tuple[Instance, ...]:
        """What stands, hangs and lies in it, in metres; doors and windows are `spec.openings`."""
        return tuple(stood.instance() for stood in self.stood)

    @property
    def light(self) -> str:
        """The light to shade it in."""
        return self.attributes["light"]


def make_room(seed: int, wishes: dict[str, str] | None = None) -> Room:
    """The room of a seed; `wishes` fixes attributes, the others are drawn. Same input, same bytes.

    Raises `InputError` for a negative seed or a wish that is unknown or that no kind of room fulfils.
    """
    if seed < 0:
        raise InputError(f"room: expected a seed of 0 or more, got {seed}")
    wanted = wishes
    for attempt in range(ATTEMPTS):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, attempt))))
        spec = sample_room_spec(seed, rng, wanted)
        wanted = spec.attributes  # another attempt builds another room of the same kind
        site = RoomSite(spec, rng)
        if furnish(site) and count_attributes(site) == spec.attributes:
            return _finish(site)
    raise RuntimeError(f"room {seed} has no place for {wanted} after {ATTEMPTS} attempts")


def _camera(site: RoomSite) -> Camera:
    """NYUv2's camera where the room's photographer stands, turned to where most of the furniture is."""
    spec, (_, y0, z0), voxel_m = site.spec, ROOM_GRID.origin_m, ROOM_GRID.voxel_m[0]
    bearings, weights = [0.0], [1.0]
    for stood in site.stood:
        if stood.z == 0.0 and stood.x > CAMERA_FREE:
            bearings.append(math.atan2(stood.y - spec.camera_y, stood.x - CAMERA_X_M / voxel_m))
            telling = 3.0 if stood.piece.kind in TELLING else 1.0
            weights.append(telling * (stood.piece.depth * stood.piece.width * stood.piece.height) ** 0.5)
    turn_Y = np.linspace(-MOST_YAW_RAD, MOST_YAW_RAD, 23)
    seen_YN = np.maximum(0.0, 1.0 - ((turn_Y[:, None] - np.array(bearings)) / SEEN_RAD) ** 2)
    yaw = float(turn_Y[np.argmax(seen_YN @ np.array(weights))]) + spec.stray_rad
    position = (CAMERA_X_M, y0 + spec.camera_y * voxel_m, z0 + FLOOR_Z * voxel_m + spec.camera_height_m)
    return look_camera(position, NYU_FOV_X_RAD, NYU_SIZE_HW, min(max(yaw, -MOST_YAW_RAD), MOST_YAW_RAD), spec.pitch_rad)


def count_attributes(site: RoomSite) -> dict[str, str]:
    """The attributes of what was placed; a count between two values reads 'unclear'."""
    spec = site.spec
    labels = [stood.piece.label for stood in site.stood]
    chairs, tables = labels.count(CHAIR), labels.count(TABLE)
    windows = sorted({o.wall for o in spec.openings if o.kind == "window"})
    screens = site.count("tv", "wall-tv"), site.count("monitor")
    return {
        "room": spec.attributes["room"],
        "bed": "some" if site.count("single-bed", "double-bed") else "none",
        "sofa": "some" if site.count("sofa", "corner-sofa") else "none",
        "tables": "none" if tables == 0 else "one" if tables == 1 else "several",
        "chairs": "none" if chairs == 0 else "few" if chairs <= 2 else "unclear" if chairs == 3 else "many",
        "screen": "unclear" if all(screens) else "tv" if screens[0] else "monitor" if screens[1] else "none",
        "window": "none" if not windows else windows[0] if len(windows) == 1 else "several",
        "light": spec.attributes["light"],
    }


def _finish(site: RoomSite) -> Room:
    """Rasterise a furnished room."""
    spec = site.spec
    labels_XYZ = np.full(ROOM_GRID.shape_XYZ, UNKNOWN, np.uint8)
    skins_XYZ = np.full(ROOM_GRID.shape_XYZ, UNKNOWN, np.uint8)
    known = slice(0, spec.depth + SHELL), slice(spec.right - SHELL, spec.left + SHELL)
    labels_XYZ[known] = skins_XYZ[known] = 0
    _build_shell(spec, labels_XYZ, skins_XYZ)
    for (x0, x1, y0, y1, z0, z1), skin in site.paints:
        # A paint has no thickness: it colours the voxels of the floor or of the wall that its box touches.
        box = tuple(slice(max(0, int(a)), int(b)) for a, b in _grown(x0, x1, y0, y1, z0, z1))
        shell = labels_XYZ[box] == (FLOOR if abs(z1 - z0) <= 1.0 else WALL)
        skins_XYZ[box][shell] = _SKIN_IDS[skin]
    rows = [row for stood in site.stood for row in stood.rows(_SKIN_IDS)]
    draw_parts(labels_XYZ, skins_XYZ, np.array(rows, np.float64).reshape(-1, PART_NUMBERS))
    attributes = {name: count_attributes(site)[name] for name in ROOM_ATTRIBUTES}
    return Room(
        scene=Scene(labels_XYZ, ROOM_GRID, NYUV2),
        skins=Scene(skins_XYZ, ROOM_GRID, ROOM_SKINS),
        attributes=attributes,
        stood=tuple(site.stood),
        camera=_camera(site),
        spec=spec,
    )


def _grown(
    x0: float, x1: float, y0: float, y1: float, z0: float, z1: float
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """A flat box made as thick as the shell on both sides."""
    spans = [(min(a, b), max(a, b)) for a, b in ((x0, x1), (y0, y1), (z0, z1))]
    x, y, z = ((a - SHELL, b + SHELL) if b - a <= 1.0 else (a, b) for a, b in spans)
    return x, y, z


def _build_shell(spec: RoomSpec, labels_XYZ: NDArray[np.uint8], skins_XYZ: NDArray[np.uint8]) -> None:
    """Floor, ceiling, walls, the pier, doors and windows."""
    x1, y0, y1, top = spec.depth, spec.right, spec.left, spec.ceiling
    skins = spec.skins

    def fill(label: int, skin: str, x: tuple[int, int], y: tuple[int, int], z: tuple[int, int]) -> None:
        box = slice(*x), slice(*y), slice(*z)
        labels_XYZ[box], skins_XYZ[box] = label, _SKIN_IDS[skin]

    whole = (y0 - SHELL, y1 + SHELL)
    fill(FLOOR, skins.floor, (0, x1 + SHELL), whole, (FLOOR_Z - SHELL, FLOOR_Z))
    fill(CEILING, "ceiling-white", (0, x1 + SHELL), whole, (top, top + SHELL))
    fill(WALL, skins.accent, (x1, x1 + SHELL), whole, (FLOOR_Z, top))
    fill(WALL, skins.wall, (0, x1), (y1, y1 + SHELL), (FLOOR_Z, top))
    fill(WALL, skins.wall, (0, x1), (y0 - SHELL, y0), (FLOOR_Z, top))
    if spec.pier is not None:
        a0, a1, b0, b1 = spec.pier
        at_left = b1 == y1
        fill(WALL, skins.wall, (a0, a1), (b0, b1), (FLOOR_Z, top))
        # Behind the two faces of the pier nothing is known.
        b = (b0 + SHELL, b1 + SHELL) if at_left else (b0 - SHELL, b1 - SHELL)
        hidden = slice(a0 + SHELL, a1 + SHELL), slice(*b)
        labels_XYZ[hidden] = skins_XYZ[hidden] = UNKNOWN
    for o in spec.openings:
        _set_in(spec, o, fill)


def _set_in(spec: RoomSpec, o: Opening, fill: _Fill) -> None:
    """A door's leaf or a window's frame, bars and panes in the thickness of a wall; a door has a handle and posts."""

    def put(label: int, skin: str, low: int, high: int, z0: int, z1: int, proud: int = 0) -> None:
        if o.wall == "ahead":
            fill(label, skin, (spec.depth - proud, spec.depth + SHELL), (low, high), (z0, z1))
        elif o.wall == "left":
            fill(label, skin, (low, high), (spec.left - proud, spec.left + SHELL), (z0, z1))
        else:
            fill(label, skin, (low, high), (spec.right - SHELL, spec.right + proud), (z0, z1))

    if o.kind == "door":
        put(OBJECT, spec.skins.door, o.low, o.high, o.bottom, o.top, 1)
        put(OBJECT, spec.skins.door, o.low + 3, o.high - 3, o.bottom, o.top - 3)
        for low, high in ((o.low, o.low + 3), (o.high - 3, o.high)):
            put(OBJECT, spec.skins.door, low, high, o.bottom, o.top, 2)
        put(OBJECT, spec.skins.door, o.low, o.high, o.top - 3, o.top, 2)
        put(OBJECT, "steel", o.high - 10, o.high - 5, o.bottom + 50, o.bottom + 52, 3)
        return
    put(WINDOW, "white", o.low, o.high, o.bottom, o.top, 1)
    panes = max(1, round((o.high - o.low) / 42))
    for n in range(panes):
        low = o.low + 3 + round(n * (o.high - o.low - 3) / panes)
        high = o.low + round((n + 1) * (o.high - o.low - 3) / panes)
        put(WINDOW, "glass", low, high, o.bottom + 3, o.top - 3)
        _clear_face(spec, o, low, high, fill)


def _clear_face(spec: RoomSpec, o: Opening, low: int, high: int, fill: _Fill) -> None:
    """Panes lie one voxel behind their frame: empty the voxel before them."""
    z = (o.bottom + 3, o.top - 3)
    if o.wall == "ahead":
        fill(0, "empty", (spec.depth - 1, spec.depth), (low, high), z)
    elif o.wall == "left":
        fill(0, "empty", (low, high), (spec.left - 1, spec.left), z)
    else:
        fill(0, "empty", (low, high), (spec.right, spec.right + 1), z)
