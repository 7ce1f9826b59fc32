"""What people sit, lie and eat at: the shapes of chairs, sofas, beds, tables and screens.

A piece is described in its own frame in voxels of 2 cm: u from its back (0) to its front, v from its right side (0) to
its left, z from what it stands on. Parts are given in the order in which they are drawn: what comes first stays.
"""

from dataclasses import dataclass

from occforge.core.taxonomy import NYUV2
from occforge.world.room_raster import BALL, BOX, ROUND

CEILING, FLOOR, WALL, WINDOW, CHAIR, BED, SOFA, TABLE, SCREEN, FURNITURE, OBJECT = range(1, NYUV2.class_count)


@dataclass(frozen=True)
class Part:
    """A box, upright cylinder or ball that fills `low_3` to `high_3` (u, v, z), upper ends excluded.

    `taper` is its width at the top as a share of that at the bottom.
    """

    label: int
    skin: str
    low_3: tuple[float, float, float]
    high_3: tuple[float, float, float]
    shape: int = BOX
    taper: float = 1.0


@dataclass(frozen=True)
class Piece:
    """A thing: its class, a word for its kind, its depth, width and height in voxels, its parts."""

    label: int
    kind: str
    depth: int
    width: int
    height: int
    parts: tuple[Part, ...]


def box(label: int, skin: str, u: tuple[int, int], v: tuple[int, int], z: tuple[int, int]) -> Part:
    """A box over the ranges `u`, `v`, `z`."""
    return Part(label, skin, (u[0], v[0], z[0]), (u[1], v[1], z[1]))


def disc(
    label: int, skin: str, middle: tuple[float, float], radius: float, z: tuple[int, int], taper: float = 1.0
) -> Part:
    """An upright cylinder, or part of a cone."""
    u, v = middle
    return Part(label, skin, (u - radius, v - radius, z[0]), (u + radius, v + radius, z[1]), ROUND, taper)


def ball(label: int, skin: str, middle_3: tuple[float, float, float], radius: float, flat: float = 1.0) -> Part:
    """A ball, `flat` times as high as wide."""
    (u, v, z), h = middle_3, radius * flat
    return Part(label, skin, (u - radius, v - radius, z - h), (u + radius, v + radius, z + h), BALL)


def legs(label: int, skin: str, depth: int, width: int, height: int, thick: int, inset: int = 0) -> tuple[Part, ...]:
    """Four legs at the corners."""
    return tuple(
        box(label, skin, (u, u + thick), (v, v + thick), (0, height))
        for u in (inset, depth - inset - thick)
        for v in (inset, width - inset - thick)
    )


def chair(wood: str, seat: str) -> Piece:
    """A dining chair, 44 x 44 x 88 cm."""
    c = CHAIR
    back = (
        box(c, wood, (0, 2), (0, 2), (24, 44)), box(c, wood, (0, 2), (20, 22), (24, 44)),
        box(c, wood, (0, 2), (2, 20), (38, 44)), box(c, seat, (0, 2), (2, 20), (28, 35)),
    )  # fmt: skip
    return Piece(
        c, "chair", 22, 22, 44, (*legs(c, wood, 22, 22, 21, 2), box(c, seat, (0, 22), (0, 22), (21, 24)), *back)
    )


def office_chair(fabric: str) -> Piece:
    """A swivel chair on a star base, 56 x 56 x 104 cm."""
    c = CHAIR
    return Piece(
        c, "office-chair", 28, 28, 52,
        (
            box(c, "black", (2, 26), (12, 16), (0, 3)), box(c, "black", (12, 16), (2, 26), (0, 3)),
            disc(c, "steel", (14, 14), 2, (3, 20)), box(c, fabric, (3, 26), (3, 25), (20, 25)),
            box(c, fabric, (2, 5), (5, 23), (25, 52)), box(c, "black", (8, 20), (1, 3), (31, 33)),
            box(c, "black", (8, 20), (25, 27), (31, 33)), box(c, "black", (12, 15), (1, 3), (22, 31)),
            box(c, "black", (12, 15), (25, 27), (22, 31)),
        ),
    )  # fmt: skip


def stool(wood: str, seat: str) -> Piece:
    """A round stool, 46 cm high."""
    c = CHAIR
    return Piece(c, "stool", 18, 18, 23, (*legs(c, wood, 18, 18, 20, 2, 3), disc(c, seat, (9, 9), 9, (20, 23))))


def armchair(fabric: str, wood: str) -> Piece:
    """An upholstered armchair, 80 x 76 x 84 cm."""
    c = CHAIR
    return Piece(
        c, "armchair", 40, 38, 42,
        (
            *legs(c, wood, 40, 38, 5, 3, 2), box(c, fabric, (0, 40), (0, 38), (5, 16)),
            box(c, fabric, (0, 9), (0, 38), (16, 42)), box(c, fabric, (9, 38), (0, 7), (16, 29)),
            box(c, fabric, (9, 38), (31, 38), (16, 29)), box(c, fabric, (9, 39), (8, 30), (16, 22)),
        ),
    )  # fmt: skip


def sofa(seats: int, chaise: bool, fabric: str, cushion: str) -> Piece:
    """A sofa of two or three seats with cushions; with a `chaise` its last seat reaches 70 cm further."""
    s, seat = SOFA, 32
    width = seats * seat + 14
    reach = 78 if chaise else 44
    last = (7 + (seats - 1) * seat, width - 7)
    parts = [
        box(s, "wood-black", (3, 41), (3, width - 3), (0, 4)), box(s, fabric, (0, 44), (0, width), (4, 16)),
        box(s, fabric, (0, 10), (0, width), (16, 40)), box(s, fabric, (10, 44), (0, 7), (16, 29)),
    ]  # fmt: skip
    if chaise:
        parts += [
            box(s, "wood-black", (41, 76), (last[0] + 3, width - 2), (0, 4)),
            box(s, fabric, (44, reach), (last[0], width), (4, 16)),
        ]
    parts.append(box(s, fabric, (10, 44), (width - 7, width), (16, 29)))
    for n in range(seats):
        v0 = 7 + n * seat
        deep = reach - 1 if chaise and n == seats - 1 else 43
        parts.append(box(s, fabric, (10, deep), (v0 + (n > 0), v0 + seat), (16, 22)))
        parts.append(box(s, fabric, (10, 16), (v0 + 1, v0 + seat - 1), (22, 36)))
    for v0 in (9, width - 25):
        parts.append(box(OBJECT, cushion, (16, 21), (v0, v0 + 16), (22, 34)))
    return Piece(s, "corner-sofa" if chaise else "sofa", reach, width, 40, tuple(parts))


def bed(width: int, wood: str, duvet: str, blanket: str) -> Piece:
    """A bed 2.1 m long with headboard, mattress, pillows, duvet and a blanket at its foot."""
    b, length = BED, 104
    pillows = 1 if width < 60 else 2
    side = (width - 6) // pillows
    parts = [
        box(b, wood, (0, 4), (0, width), (0, 50)), box(b, wood, (4, length), (3, width - 3), (0, 5)),
        box(b, wood, (4, length), (0, width), (5, 14)), box(b, duvet, (38, length - 1), (0, width), (18, 27)),
        box(b, "fabric-white", (4, length - 1), (1, width - 1), (14, 24)),
        box(b, blanket, (length - 30, length - 6), (0, width), (27, 28)),
        box(b, "fabric-white", (34, 38), (1, width - 1), (24, 27)),
    ]  # fmt: skip
    for n in range(pillows):
        v0 = 3 + n * side
        parts.append(box(OBJECT, "fabric-white", (6, 24), (v0 + 1, v0 + side - 1), (24, 30)))
    return Piece(b, "single-bed" if pillows == 1 else "double-bed", length, width, 50, tuple(parts))


def table(depth: int, width: int, wood: str, top: str, kind: str = "table", height: int = 37) -> Piece:
    """A table with four legs; a low one has a board beneath its top."""
    t, thick = TABLE, 3 if height > 24 else 2
    parts = [
        *legs(t, wood, depth, width, height - 3, thick, 1),
        box(t, top, (0, depth), (0, width), (height - 3, height)),
    ]
    if height > 24:
        parts += [
            box(t, wood, (2, 4), (4, width - 4), (height - 6, height - 3)),
            box(t, wood, (depth - 4, depth - 2), (4, width - 4), (height - 6, height - 3)),
        ]
    else:
        parts.append(box(t, wood, (2, depth - 2), (2, width - 2), (5, 6)))
    return Piece(t, kind, depth, width, height, tuple(parts))


def round_table(radius: int, wood: str, kind: str = "round-table", height: int = 37) -> Piece:
    """A round table on one foot."""
    t, r = TABLE, radius
    return Piece(
        t, kind, 2 * r, 2 * r, height,
        (
            disc(t, wood, (r, r), 0.55 * r, (0, 2)), disc(t, wood, (r, r), 3, (2, height - 3)),
            disc(t, wood, (r, r), r, (height - 3, height)),
        ),
    )  # fmt: skip


def desk(width: int, wood: str, front: str) -> Piece:
    """A desk with drawers below its right end, 72 cm deep."""
    t = TABLE
    drawers = tuple(box(t, front, (33, 35), (1, 19), (4 + 10 * n, 13 + 10 * n)) for n in range(3))
    knobs = tuple(box(t, "steel", (35, 36), (8, 12), (9 + 10 * n, 10 + 10 * n)) for n in range(3))
    return Piece(
        t, "desk", 36, width, 37,
        (
            box(t, wood, (0, 36), (0, width), (34, 37)), box(t, wood, (2, 33), (0, 20), (0, 34)), *drawers, *knobs,
            box(t, wood, (2, 34), (width - 2, width), (0, 34)), box(t, wood, (2, 4), (20, width - 2), (14, 34)),
        ),
    )  # fmt: skip


def tv(width: int, hanging: bool) -> Piece:
    """A flat screen on a foot, or one that hangs at the wall."""
    s, high = SCREEN, round(0.58 * width)
    base = 0 if hanging else 4
    u = 0 if hanging else 4
    middle = width // 2
    foot = () if hanging else (
        box(s, "black", (0, 10), (middle - 12, middle + 12), (0, 1)),
        box(s, "black", (4, 6), (middle - 3, middle + 3), (1, 4)),
    )  # fmt: skip
    panel = (
        box(s, "screen", (u + 1, u + 2), (1, width - 1), (base + 1, base + high - 1)),
        box(s, "black", (u, u + 2), (0, width), (base, base + high)),
    )
    return Piece(s, "wall-tv" if hanging else "tv", 2 if hanging else 10, width, base + high, (*foot, *panel))


def monitor() -> Piece:
    """A computer's screen, 52 cm wide."""
    s = SCREEN
    return Piece(
        s, "monitor", 9, 26, 22,
        (
            box(s, "black", (0, 9), (8, 18), (0, 1)), box(s, "black", (2, 4), (11, 15), (1, 10)),
            box(s, "screen", (5, 6), (1, 25), (7, 21)), box(s, "black", (4, 6), (0, 26), (6, 22)),
        ),
    )  # fmt: skip
