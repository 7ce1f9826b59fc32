"""A room's floor and walls and what has been put there: where something fits, and how it is stood, hung and laid.

Voxels of 2 cm as in `room_layout`. Boxes are rows (x0, x1, y0, y1, z0, z1). The yaw of a piece turns its
front left from +x; at a wall it has its back there.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occforge.world.room_layout import CAMERA_FREE, CAMERA_X_M, FLOOR_Z, POOL, ROOM_GRID, Opening, RoomSpec
from occforge.world.room_pieces import Piece
from occforge.world.room_raster import overlap, walkable
from occforge.world.site import Instance

INWARD_YAW = {"ahead": math.pi, "left": -0.5 * math.pi, "right": 0.5 * math.pi}
BODY = 11
"""Half the width of the corridor that people need."""
FROM_KNEE, TO_HEAD = 6, 90
"""What stands between these heights is in the way."""

Box = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Stood:
    """A piece where it stands: the middle of its footprint, its yaw, and `z` above the floor."""

    piece: Piece
    x: float
    y: float
    yaw: float
    z: float
    where: str

    def at(self, u: float, v: float) -> tuple[float, float]:
        """x, y of a point given in the piece's frame."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        du, dv = u - 0.5 * self.piece.depth, v - 0.5 * self.piece.width
        return self.x + c * du - s * dv, self.y + s * du + c * dv

    def box(self, u0: float, u1: float, v0: float, v1: float, z0: float, z1: float) -> Box:
        """The box along the axes round a box of the piece's frame."""
        x, y = self.at(0.5 * (u0 + u1), 0.5 * (v0 + v1))
        c, s = abs(math.cos(self.yaw)), abs(math.sin(self.yaw))
        a, b = 0.5 * (u1 - u0), 0.5 * (v1 - v0)
        half_x, half_y = c * a + s * b, s * a + c * b
        base = FLOOR_Z + self.z
        return x - half_x, x + half_x, y - half_y, y + half_y, base + z0, base + z1

    @property
    def whole(self) -> Box:
        """The box round the piece."""
        return self.box(0, self.piece.depth, 0, self.piece.width, 0, self.piece.height)

    def part_boxes(self) -> list[Box]:
        """The boxes round its parts."""
        boxes = []
        for p in self.piece.parts:
            (u0, v0, z0), (u1, v1, z1) = p.low_3, p.high_3
            grown_u, grown_v = (0.5 * max(p.taper - 1.0, 0.0) * size for size in (u1 - u0, v1 - v0))
            boxes.append(self.box(u0 - grown_u, u1 + grown_u, v0 - grown_v, v1 + grown_v, z0, z1))
        return boxes

    def rows(self, skin_ids: dict[str, int]) -> list[tuple[float, ...]]:
        """Its parts as `room_raster.draw_parts` reads them."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        rows: list[tuple[float, ...]] = []
        for p in self.piece.parts:
            x, y = self.at(0.5 * (p.low_3[0] + p.high_3[0]), 0.5 * (p.low_3[1] + p.high_3[1]))
            half_u, half_v = 0.5 * (p.high_3[0] - p.low_3[0]), 0.5 * (p.high_3[1] - p.low_3[1])
            base = FLOOR_Z + self.z
            rows.append(
                (
                    p.label,
                    skin_ids[p.skin],
                    p.shape,
                    x,
                    y,
                    half_u,
                    half_v,
                    base + p.low_3[2],
                    base + p.high_3[2],
                    c,
                    s,
                    p.taper,
                )
            )
        return rows

    def instance(self) -> Instance:
        """The same in metres."""
        x, y = (v * ROOM_GRID.voxel_m[0] + o for v, o in zip((self.x, self.y), ROOM_GRID.origin_m, strict=False))
        depth, width, height = (0.02 * n for n in (self.piece.depth, self.piece.width, self.piece.height))
        z = ROOM_GRID.origin_m[2] + 0.02 * (FLOOR_Z + self.z) + 0.5 * height
        return Instance(self.piece.label, self.piece.kind, (x, y, z), (depth, width, height), self.yaw, self.where)


@dataclass
class RoomSite:
    """One room: its specification, what stands in it, and what must stay free."""

    spec: RoomSpec
    rng: np.random.Generator
    stood: list[Stood] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)
    kept: list[Box] = field(default_factory=list)
    """Doors, windows, the camera's view: nothing stands there."""
    fronts: list[Box] = field(default_factory=list)
    """Before wardrobes, beside beds: only what belongs there stands there."""
    paints: list[tuple[Box, str]] = field(default_factory=list)
    """Surfaces of the shell with another skin: rugs, tiles."""

    def __post_init__(self) -> None:
        spec = self.spec
        top, y = float(ROOM_GRID.shape_XYZ[2]), spec.camera_y
        self.kept.append((-1, CAMERA_FREE, y - 26, y + 26, 0, top))
        self.kept.append((CAMERA_FREE, 110, y - 26, y + 26, FLOOR_Z + 56, FLOOR_Z + 95))
        for o in spec.openings:
            # Before a door one walks; before a window nothing tall stands, but a screen or plant may.
            reach, bottom = (44, o.bottom) if o.kind == "door" else (16, o.bottom + 20)
            self.kept.append(self.wall_box(o.wall, o.low - 1, o.high + 1, reach, bottom, o.top))
            self.kept.append(self.wall_box(o.wall, o.low - 1, o.high + 1, 3, o.bottom, o.top))
        if spec.pier is not None:
            x0, x1, y0, y1 = spec.pier
            self.taken.append((x0, x1, y0, y1, 0, top))

    def wall_box(self, wall: str, low: float, high: float, reach: float, z0: float, z1: float) -> Box:
        """A box `reach` deep before a range of a wall."""
        spec = self.spec
        if wall == "ahead":
            return spec.depth - reach, spec.depth, low, high, z0, z1
        if wall == "left":
            return low, high, spec.left - reach, spec.left, z0, z1
        return low, high, spec.right, spec.right + reach, z0, z1

    def fits(self, stood: Stood, tucked: bool = False, ignore_fronts: bool = False, ignore_kept: bool = False) -> bool:
        """Whether a piece is inside the room and clear of the rest; a `tucked` one may reach under another."""
        spec = self.spec
        x0, x1, y0, y1, _, z1 = whole = stood.whole
        if x0 < 1 or x1 > spec.depth + 1e-6 or y0 < spec.right - 1e-6 or y1 > spec.left + 1e-6 or z1 > spec.ceiling:
            return False
        own = _rows(stood.part_boxes() if tucked else [whole])
        if self.taken and overlap(own, _rows(self.taken)):
            return False
        if not ignore_kept and overlap(_rows([whole]), _rows(self.kept)):
            return False
        return ignore_fronts or not self.fronts or not overlap(_rows([whole]), _rows(self.fronts))

    def add(self, stood: Stood) -> Stood:
        """Put a piece there, whatever is there."""
        self.stood.append(stood)
        self.taken += stood.part_boxes()
        return stood

    def stand(
        self, piece: Piece, x: float, y: float, yaw: float, clear: float = 0.0, tucked: bool = False
    ) -> Stood | None:
        """Stand a piece on the floor if there is room, with `clear` voxels free before it."""
        swapped = abs(math.sin(yaw)) > 0.7
        size_x, size_y = (piece.width, piece.depth) if swapped else (piece.depth, piece.width)
        return self._try(Stood(piece, _snapped(x, size_x), _snapped(y, size_y), yaw, 0, "standing"), clear, tucked)

    def at_wall(self, piece: Piece, wall: str, t: float, z: float = 0.0, clear: float = 0.0) -> Stood | None:
        """Stand (`z` 0) or hang a piece at a wall if there is room; `t` is the middle's place along the wall."""
        spec, t = self.spec, _snapped(t, piece.width)
        x, y = {
            "ahead": (spec.depth - 0.5 * piece.depth, t),
            "left": (t, spec.left - 0.5 * piece.depth),
            "right": (t, spec.right + 0.5 * piece.depth),
        }[wall]
        return self._try(Stood(piece, x, y, INWARD_YAW[wall], z, f"{wall} wall"), clear)

    def _try(self, stood: Stood, clear: float, tucked: bool = False) -> Stood | None:
        if not self.fits(stood, tucked, ignore_fronts=tucked):
            return None
        if clear > 0.0:
            front = stood.box(stood.piece.depth, stood.piece.depth + clear, 0, stood.piece.width, 1, TO_HEAD)
            spec = self.spec
            if front[0] < 0 or front[1] > spec.depth or front[2] < spec.right or front[3] > spec.left:
                return None
            if self.taken and overlap(_rows([front]), _rows(self.taken)):
                return None
            self.fronts.append(front)
        return self.add(stood)

    def somewhere(
        self, piece: Piece, walls: tuple[str, ...], clear: float = 0.0, z: float = 0.0, tries: int = 18
    ) -> Stood | None:
        """Stand or hang a piece somewhere at one of the walls, in a corner rather than in the middle."""
        for n in range(tries):
            wall = walls[int(self.rng.integers(len(walls)))]
            if "ahead" in walls and self.rng.random() < 0.25:  # the wall that the camera sees best
                wall = "ahead"
            low, high = self.room_along(wall, piece.width, 30)
            if high < low:
                continue
            corner = n % 3 == 0 and z == 0.0
            share = self.rng.random() if wall == "ahead" else math.sqrt(self.rng.random())  # far rather than near
            t = (high if self.rng.random() < 0.7 else low) if corner else low + share * (high - low)
            stood = self.at_wall(piece, wall, float(t), z, clear)
            if stood is not None:
                return stood
        return None

    def room_along(self, wall: str, width: int, near: int) -> tuple[float, float]:
        """Where along a wall the middle of a piece may lie; at a side wall the piece begins at x = `near` or later."""
        low, high = self.spec.span(wall)
        low = low if wall == "ahead" else near
        return low + 0.5 * width + 1, high - 0.5 * width - 1

    def beside(self, stood: Stood, piece: Piece, sign: int, gap: float = 1.0) -> Stood | None:
        """Stand a piece with its back in line with another's, left (1) or right (-1) of it."""
        v = stood.piece.width + gap + 0.5 * piece.width if sign > 0 else -gap - 0.5 * piece.width
        x, y = stood.at(0.5 * piece.depth, v)
        return self.stand(piece, x, y, stood.yaw)

    def put_on(
        self, host: Stood, piece: Piece, u: float, v: float, turn: float = 0.0, top: float | None = None
    ) -> Stood | None:
        """Put a piece on another's top, its middle at (u, v) of the other's frame, if there is room."""
        x, y = host.at(u, v)
        yaw = host.yaw + turn
        swapped = abs(math.sin(yaw)) > 0.7
        size_x, size_y = (piece.width, piece.depth) if swapped else (piece.depth, piece.width)
        z = host.z + (host.piece.height if top is None else top)
        stood = Stood(piece, _snapped(x, size_x), _snapped(y, size_y), yaw, z, f"on {host.piece.kind}")
        x0, x1, y0, y1, _, _ = stood.whole
        a0, a1, b0, b1, _, _ = host.whole
        if x0 < a0 or x1 > a1 or y0 < b0 or y1 > b1 or not self.fits(stood, ignore_fronts=True):
            return None
        return self.add(stood)

    def strew(self, host: Stood, pieces: list[Piece], tries: int = 6) -> None:
        """Put small things anywhere on another's top."""
        depth, width = host.piece.depth, host.piece.width
        for piece in pieces:
            margin = 0.5 * piece.depth + 1
            if 2 * margin + 1 > depth:
                continue
            for _ in range(tries):
                u, v = self.rng.uniform(margin, depth - margin - 1), self.rng.uniform(1, width)
                if self.put_on(host, piece, float(u), float(v)):
                    break

    def seat(
        self, table: Stood, piece: Piece, side: str, place: float, under: float, turn: float = 0.0
    ) -> Stood | None:
        """Stand a chair at a side ("front", "back", "left", "right") of a table, facing it, `under` below its top."""
        depth, width = table.piece.depth, table.piece.width
        out = 0.5 * piece.depth - under
        u, v, yaw = {
            "front": (depth + out, place, math.pi), "back": (-out, place, 0.0),
            "left": (place, width + out, -0.5 * math.pi), "right": (place, -out, 0.5 * math.pi),
        }[side]  # fmt: skip
        x, y = table.at(u, v)
        return self.stand(piece, x, y, table.yaw + yaw + turn, tucked=True)

    def count(self, *kinds: str) -> int:
        """How many pieces of these kinds there are."""
        return sum(stood.piece.kind in kinds for stood in self.stood)

    def doors(self) -> list[Opening]:
        """Its doors."""
        return [o for o in self.spec.openings if o.kind == "door"]

    def has_ways(self) -> bool:
        """Whether one can walk from the camera to the doors and to most of the floor that is free."""
        spec = self.spec
        cells_X, cells_Y = -(-spec.depth // POOL), ROOM_GRID.shape_XYZ[1] // POOL
        floor_XY = np.ones((cells_X, cells_Y), np.bool_)
        wide_XY = np.ones((cells_X, cells_Y), np.bool_)
        floor_XY[:, spec.right // POOL : spec.left // POOL] = False
        wide_XY[:, (spec.right + BODY) // POOL + 1 : (spec.left - BODY) // POOL] = False
        wide_XY[(spec.depth - BODY) // POOL :] = True
        for x0, x1, y0, y1, z0, z1 in self.taken:
            if z1 > FLOOR_Z + FROM_KNEE and z0 < FLOOR_Z + TO_HEAD:
                floor_XY[
                    max(0, int(x0) // POOL) : int(x1) // POOL + 1, max(0, int(y0) // POOL) : int(y1) // POOL + 1
                ] = True
                a0, b0 = max(0, int(x0 - BODY) // POOL), max(0, int(y0 - BODY) // POOL)
                wide_XY[a0 : int(x1 + BODY) // POOL + 1, b0 : int(y1 + BODY) // POOL + 1] = True
        start = int(CAMERA_X_M / ROOM_GRID.voxel_m[0]) // POOL + 2, int(spec.camera_y) // POOL
        reached_XY = walkable(wide_XY, start)
        for o in self.doors():
            x0, x1, y0, y1, _, _ = self.wall_box(o.wall, o.low, o.high, 40, 0, 1)
            if not reached_XY[int(x0) // POOL : int(x1) // POOL + 1, int(y0) // POOL : int(y1) // POOL + 1].any():
                return False
        open_XY = ~wide_XY
        return bool(reached_XY.sum() > 0.7 * open_XY.sum() and reached_XY[CAMERA_FREE // POOL + 3 :].any())


def _rows(boxes: list[Box]) -> NDArray[np.float64]:
    return np.array(boxes, np.float64).reshape(-1, 6)


def _snapped(value: float, size: float) -> float:
    """The nearest middle at which `size` covers whole voxels."""
    half = 0.5 if round(size) % 2 else 0.0
    return round(value - half) + half
