"""What rooms keep things in and what lies about: the shapes of storage, kitchen units, lamps, plants, small objects.

In the frame and units of `room_pieces`. Doors and drawers stand proud of their case by a voxel or two with gaps between
them, so that pictures show them.
"""

import numpy as np

from occforge.world.room_pieces import FURNITURE, OBJECT, Part, Piece, ball, box, disc, legs


def _fronts(depth: int, width: int, z: tuple[int, int], columns: int, rows: int, skin: str) -> list[Part]:
    """A grid of doors or drawers before a case, each with a handle; they end at `depth`."""
    parts = []
    for n in range(columns):
        v0, v1 = round(n * width / columns) + (n > 0), round((n + 1) * width / columns)
        for m in range(rows):
            z0, z1 = z[0] + round(m * (z[1] - z[0]) / rows) + (m > 0), z[0] + round((m + 1) * (z[1] - z[0]) / rows)
            parts.append(box(FURNITURE, skin, (depth - 3, depth - 1), (v0, v1), (z0, z1)))
            if z1 - z0 > 24:
                v = v0 + 2 if n % 2 else v1 - 3
                middle = (z0 + z1) // 2
                parts.append(box(FURNITURE, "steel", (depth - 1, depth), (v, v + 1), (middle - 4, middle + 4)))
            else:
                middle = (v0 + v1) // 2
                parts.append(box(FURNITURE, "steel", (depth - 1, depth), (middle - 3, middle + 3), (z1 - 4, z1 - 3)))
    return parts


def case(
    kind: str, depth: int, width: int, height: int, columns: int, rows: int, wood: str, front: str, foot: int = 3
) -> Piece:
    """A closed case on a plinth with a grid of doors or drawers: wardrobe, dresser, sideboard, nightstand."""
    f = FURNITURE
    parts = [
        box(f, "wood-black" if wood != "wood-white" else "grey", (0, depth - 5), (2, width - 2), (0, foot)),
        box(f, wood, (0, depth - 3), (0, width), (foot, height - 1)),
        box(f, wood, (0, depth - 1), (0, width), (height - 1, height)),
        *_fronts(depth, width, (foot + 1, height - 2), columns, rows, front),
    ]
    return Piece(f, kind, depth, width, height, tuple(parts))


def bookshelf(width: int, boards: int, wood: str, rng: np.random.Generator, kind: str = "bookshelf") -> Piece:
    """Open shelves filled with books and a few other things."""
    f, depth, step = FURNITURE, 16, 18
    height = boards * step + 4
    parts = [
        box(f, wood, (0, 1), (0, width), (0, height)), box(f, wood, (1, depth), (0, 2), (0, height)),
        box(f, wood, (1, depth), (width - 2, width), (0, height)), box(f, wood, (1, depth), (2, width - 2), (0, 3)),
        box(f, wood, (1, depth), (2, width - 2), (height - 2, height)),
    ]  # fmt: skip
    for n in range(boards):
        z = 3 + n * step
        if n:
            parts.append(box(f, wood, (1, depth), (2, width - 2), (z - 2, z)))
        v = 3
        while v < width - 8:
            run, tall = int(rng.integers(6, 16)), int(rng.integers(10, 15))
            end = min(v + run, width - 3)
            dice = rng.random()
            if dice < 0.68:
                parts.append(box(OBJECT, "book", (2, 2 + int(rng.integers(8, 12))), (v, end), (z, z + tall)))
            elif dice < 0.84 and end - v >= 6:
                skin = ("cardboard", "fabric-grey", "white", "orange", "terracotta", "blue")[int(rng.integers(6))]
                parts.append(box(OBJECT, skin, (3, 12), (v + 1, end - 1), (z, z + int(rng.integers(5, 11)))))
            v = end + int(rng.integers(1, 4))
    return Piece(f, kind, depth, width, height, tuple(parts))


def tv_stand(width: int, wood: str, front: str) -> Piece:
    """A low board for a screen: doors at both ends, an open middle."""
    f = FURNITURE
    third = width // 3
    return Piece(
        f, "tv-stand", 23, width, 22,
        (
            box(f, wood, (0, 20), (1, width - 1), (0, 3)), box(f, wood, (0, 22), (0, width), (20, 22)),
            box(f, wood, (0, 21), (0, width), (3, 5)), box(f, wood, (0, 1), (third, width - third), (5, 20)),
            box(f, wood, (0, 20), (0, third), (5, 20)), box(f, wood, (0, 20), (width - third, width), (5, 20)),
            box(f, front, (20, 21), (1, third - 1), (5, 20)),
            box(f, front, (20, 21), (width - third + 1, width - 1), (5, 20)),
            box(OBJECT, "black", (4, 17), (third + 4, width - third - 4), (5, 9)),
        ),
    )  # fmt: skip


def counter(units: int, front: str, top: str, oven: int | None) -> Piece:
    """Base units of a kitchen, 60 cm each, under one worktop; `oven` is the unit that holds the oven below a hob."""
    f, width = FURNITURE, 30 * units
    parts = [
        box(f, "black", (0, 25), (0, width), (0, 5)), box(f, top, (0, 31), (0, width), (43, 45)),
        box(f, front, (0, 27), (0, width), (5, 43)),
    ]  # fmt: skip
    for n in range(units):
        v0, v1 = 30 * n + (n > 0), 30 * (n + 1)
        if n == oven:
            parts += [
                box(f, "steel", (27, 29), (v0, v1), (37, 43)), box(f, "black", (27, 29), (v0, v1), (8, 36)),
                box(f, "steel", (29, 30), (v0 + 3, v1 - 3), (33, 34)),
                box(OBJECT, "black", (4, 28), (v0 + 2, v1 - 2), (45, 46)),
            ]  # fmt: skip
        else:
            parts += [
                box(f, front, (27, 29), (v0, v1), (6, 34)), box(f, front, (27, 29), (v0, v1), (35, 43)),
                box(f, "steel", (29, 30), (v0 + 10, v1 - 10), (32, 33)),
                box(f, "steel", (29, 30), (v0 + 10, v1 - 10), (39, 40)),
            ]  # fmt: skip
    return Piece(f, "counter", 31, width, 45, tuple(parts))


def wall_cabinet(units: int, front: str) -> Piece:
    """Cabinets that hang above a counter."""
    f, width = FURNITURE, 30 * units
    parts = [box(f, front, (0, 15), (0, width), (0, 35)), *_fronts(18, width, (0, 35), 2 * units, 1, front)]
    return Piece(f, "wall-cabinet", 18, width, 35, tuple(parts))


def fridge(skin: str, height: int) -> Piece:
    """A fridge above a freezer, 60 cm wide."""
    f = FURNITURE
    return Piece(
        f, "fridge", 33, 30, height,
        (
            box(f, "black", (0, 26), (1, 29), (0, 3)), box(f, skin, (0, 29), (0, 30), (3, height)),
            box(f, skin, (29, 32), (0, 30), (4, 36)), box(f, skin, (29, 32), (0, 30), (37, height)),
            box(f, "steel", (32, 33), (2, 3), (24, 34)), box(f, "steel", (32, 33), (2, 3), (39, 54)),
        ),
    )  # fmt: skip


def tap() -> Piece:
    """A kitchen tap with its bowl's rim."""
    o = OBJECT
    return Piece(
        o, "sink", 24, 26, 16,
        (
            box(o, "steel", (0, 24), (0, 2), (0, 1)), box(o, "steel", (0, 24), (24, 26), (0, 1)),
            box(o, "steel", (0, 4), (2, 24), (0, 1)), box(o, "steel", (22, 24), (2, 24), (0, 1)),
            box(o, "grey", (4, 22), (2, 24), (0, 1)), box(o, "steel", (1, 3), (12, 14), (1, 16)),
            box(o, "steel", (3, 12), (12, 14), (14, 16)),
        ),
    )  # fmt: skip


def floor_lamp(metal: str) -> Piece:
    """A standing lamp, 1.6 m."""
    o = OBJECT
    return Piece(
        o, "floor-lamp", 22, 22, 80,
        (
            disc(o, metal, (11, 11), 8, (0, 1)), disc(o, metal, (11, 11), 1.1, (1, 66)),
            disc(o, "lamp", (11, 11), 11, (64, 80), 0.72),
        ),
    )  # fmt: skip


def table_lamp(metal: str) -> Piece:
    """A small lamp, 40 cm."""
    o = OBJECT
    return Piece(
        o, "table-lamp", 14, 14, 20,
        (
            disc(o, metal, (7, 7), 4, (0, 2)), disc(o, metal, (7, 7), 1.1, (2, 11)),
            disc(o, "lamp", (7, 7), 7, (10, 20), 0.7),
        ),
    )  # fmt: skip


def desk_lamp(metal: str) -> Piece:
    """A lamp with an arm."""
    o = OBJECT
    return Piece(
        o, "desk-lamp", 16, 8, 22,
        (
            disc(o, metal, (4, 4), 4, (0, 1)), box(o, metal, (3, 5), (3, 5), (1, 20)),
            box(o, metal, (5, 10), (3, 5), (18, 20)),
            box(o, "lamp", (10, 16), (1, 7), (18, 20)), box(o, metal, (10, 16), (1, 7), (20, 22)),
        ),
    )  # fmt: skip


def pendant(drop: int, radius: int) -> Piece:
    """A lamp that hangs `drop` voxels below the ceiling, its shade 22 cm high; it ends at the ceiling."""
    o = OBJECT
    shade = 11
    height = drop + shade
    return Piece(
        o, "pendant", 2 * radius, 2 * radius, height,
        (
            disc(o, "lamp", (radius, radius), radius, (0, shade), 0.55),
            box(o, "black", (radius - 1, radius + 1), (radius - 1, radius + 1), (shade, height)),
        ),
    )  # fmt: skip


def ceiling_lamp(radius: int) -> Piece:
    """A flat lamp under the ceiling."""
    parts = (disc(OBJECT, "lamp", (radius, radius), 0.8 * radius, (0, 4), 1.25),)
    return Piece(OBJECT, "ceiling-lamp", 2 * radius, 2 * radius, 4, parts)


def plant(tall: bool, rng: np.random.Generator) -> Piece:
    """A plant in a pot: a bushy one of 35 cm, or one of 1.3 m on a stem."""
    o = OBJECT
    pot = ("terracotta", "white", "grey", "blue")[int(rng.integers(4))]
    if tall:
        blobs = [
            ball(o, "leaf", (13 + 5 * np.cos(a + n), 13 + 5 * np.sin(a + n), 34 + 5 * n), 7.5 - 0.4 * n, 0.9)
            for n, a in enumerate(rng.uniform(0, 6.28, 6))
        ]
        stem = (disc(o, pot, (13, 13), 7, (0, 15), 1.25), disc(o, "wood-walnut", (13, 13), 1.2, (15, 58)))
        return Piece(o, "plant", 26, 26, 66, (*stem, *blobs))
    blobs = [
        ball(o, "leaf", (6 + 2 * np.cos(a), 6 + 2 * np.sin(a), 11 + n), 4.0) for n, a in enumerate((0.5, 2.6, 4.7))
    ]
    return Piece(o, "small-plant", 12, 12, 17, (disc(o, pot, (6, 6), 3, (0, 8), 1.3), *blobs))


def small(kind: str, rng: np.random.Generator) -> Piece:
    """A small thing to stand on a table or shelf."""
    o = OBJECT
    bright = ("red", "blue", "green", "yellow", "orange", "white", "terracotta")[int(rng.integers(7))]
    pieces = {
        "vase": lambda: (
            8, 8, 14, (disc(o, bright, (4, 4), 2.5, (0, 8), 1.6), disc(o, bright, (4, 4), 3, (8, 14), 0.6)),
        ),
        "bowl": lambda: (14, 14, 5, (disc(o, bright, (7, 7), 4, (0, 5), 1.7),)),
        "mug": lambda: (4, 4, 5, (disc(o, bright, (2, 2), 2, (0, 5)),)),
        "bottle": lambda: (4, 4, 14, (disc(o, "green", (2, 2), 2, (0, 9)), disc(o, "green", (2, 2), 1.1, (9, 14)))),
        "plate": lambda: (12, 12, 1, (disc(o, "white", (6, 6), 6, (0, 1)),)),
        "books": lambda: (
            11, 15, 5, (box(o, "book", (0, 11), (0, 15), (0, 3)), box(o, "book", (1, 9), (2, 13), (3, 5))),
        ),
        "laptop": lambda: (
            14, 17, 12, (box(o, "steel", (2, 14), (0, 17), (0, 1)), box(o, "black", (1, 2), (0, 17), (0, 12)),
                         box(o, "steel", (0, 1), (0, 17), (0, 12))),
        ),
        "keyboard": lambda: (7, 22, 1, (box(o, "black", (0, 7), (0, 22), (0, 1)),)),
        "papers": lambda: (15, 11, 1, (box(o, "paper", (0, 15), (0, 11), (0, 1)),)),
        "box": lambda: (14, 18, 10, (box(o, "cardboard", (0, 14), (0, 18), (0, 10)),)),
        "kettle": lambda: (
            9, 9, 12,
            (disc(o, "steel", (4.5, 4.5), 4.5, (0, 10), 0.75), box(o, "black", (4, 6), (3, 6), (10, 12))),
        ),
        "pan": lambda: (13, 13, 6, (disc(o, "steel", (6.5, 6.5), 6, (0, 6)),)),
        "basket": lambda: (18, 18, 15, (disc(o, "wood-pine", (9, 9), 7, (0, 15), 1.25),)),
        "bin": lambda: (14, 14, 16, (disc(o, "grey", (7, 7), 5, (0, 16), 1.35),)),
        "bag": lambda: (
            10, 20, 18, (box(o, bright, (0, 10), (0, 20), (0, 14)), box(o, bright, (4, 6), (6, 14), (14, 18))),
        ),
    }  # fmt: skip
    depth, width, height, parts = pieces[kind]()
    return Piece(o, kind, depth, width, height, parts)


def picture(width: int, height: int, frame: str, face: str, kind: str = "picture") -> Piece:
    """A framed picture, mirror or board for a wall."""
    o = OBJECT
    return Piece(
        o, kind, 2, width, height,
        (
            box(o, face, (0, 2), (2, width - 2), (2, height - 2)), box(o, frame, (0, 2), (0, width), (0, 2)),
            box(o, frame, (0, 2), (0, width), (height - 2, height)), box(o, frame, (0, 2), (0, 2), (2, height - 2)),
            box(o, frame, (0, 2), (width - 2, width), (2, height - 2)),
        ),
    )  # fmt: skip


def some_picture(most: int, rng: np.random.Generator) -> Piece:
    """A framed picture at most `most` voxels wide, or 40 cm if that is less."""
    width = min(2 * int(rng.integers(10, 31)), max(most, 20))
    height = min(2 * int(rng.integers(11, 21)), width + 16)
    frame = ("wood-black", "wood-oak", "white", "brass")[int(rng.integers(4))]
    return picture(width, height, frame, f"art-{int(rng.integers(1, 7))}")


def curtain(width: int, height: int, fabric: str) -> Piece:
    """A curtain in folds of 6 cm."""
    folds = tuple(
        box(OBJECT, fabric, (0, 3 if n % 2 else 2), (3 * n, min(3 * n + 3, width)), (0, height))
        for n in range(-(-width // 3))
    )
    return Piece(OBJECT, "curtain", 3, width, height, folds)


def radiator(width: int) -> Piece:
    """A radiator below a window: ribs of 4 cm before a plate, on two feet."""
    o = OBJECT
    ribs = tuple(box(o, "white", (1, 5), (v, v + 2), (6, 32)) for v in range(0, width - 1, 3))
    feet = tuple(box(o, "white", (1, 3), (v, v + 2), (0, 6)) for v in (3, width - 5))
    return Piece(o, "radiator", 5, width, 32, (box(o, "white", (0, 1), (0, width), (6, 32)), *ribs, *feet))


def wall_shelf(width: int, wood: str, rng: np.random.Generator) -> Piece:
    """A board at the wall with books on it."""
    run = int(rng.integers(width // 3, width - 6))
    parts = (
        box(FURNITURE, wood, (0, 11), (0, width), (0, 2)),
        box(OBJECT, "book", (1, 9), (2, 2 + run), (2, 14)),
    )
    return Piece(FURNITURE, "wall-shelf", 11, width, 14, parts)


def coat_rack(wood: str, coat: str) -> Piece:
    """A stand with a coat."""
    o = OBJECT
    return Piece(
        o, "coat-stand", 20, 20, 85,
        (*legs(o, wood, 20, 20, 3, 3, 3), box(o, wood, (3, 17), (8, 12), (2, 4)),
         box(o, wood, (8, 12), (3, 17), (2, 4)),
         disc(o, wood, (10, 10), 1.5, (4, 85)), disc(o, coat, (10, 10), 8, (38, 78), 0.5)),
    )  # fmt: skip
