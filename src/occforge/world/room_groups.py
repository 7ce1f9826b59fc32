"""Groups of furniture: a desk with its chair and screen, a laid table with chairs, a tv on its board.

Each function returns False or None where there is no place for the group.
"""

import math

from occforge.world import room_pieces as pieces
from occforge.world import room_things as things
from occforge.world.room_decor import hang
from occforge.world.room_layout import FLOOR_Z, WALLS
from occforge.world.room_pieces import Piece
from occforge.world.room_site import RoomSite, Stood


def shuffled(site: RoomSite, names: tuple[str, ...] = WALLS) -> tuple[str, ...]:
    """Walls in random order; the one ahead, which the camera sees best, is the first more often than the others."""
    order = [names[int(n)] for n in site.rng.permutation(len(names))]
    if "ahead" in order and site.rng.random() < 0.35:
        order.sort(key=lambda wall: wall != "ahead")
    return tuple(order)


def place_tv(site: RoomSite, walls: tuple[str, ...], on: Piece) -> Stood | None:
    """A screen on a low board or dresser, or above it at the wall."""
    board = site.somewhere(on, walls, clear=24, tries=30)
    if board is None:
        return None
    width = min(on.width - 6, 2 * int(site.rng.integers(26, 36)))
    if site.rng.random() < 0.65 or on.height > 30:
        return site.put_on(board, pieces.tv(width, False), 12, 0.5 * on.width)
    wall = board.where.split()[0]
    t = board.y if wall == "ahead" else board.x
    return site.at_wall(pieces.tv(width, True), wall, t, z=40.0)


def place_desk(site: RoomSite, monitor: bool, laptop: bool, chair: Piece) -> bool:
    """A desk at a wall with a chair before it and what one works with."""
    rng, skins = site.rng, site.spec.skins
    width = 2 * int(rng.integers(32, 42))
    desk = site.somewhere(pieces.desk(width, skins.wood, skins.front), shuffled(site), clear=30, tries=40)
    if desk is None:
        return False
    middle = 0.5 * (20 + width)
    turn = math.radians(float(rng.uniform(-25, 25))) if chair.kind == "office-chair" else 0.0
    if site.seat(desk, chair, "front", middle, 10, turn) is None and site.seat(desk, chair, "front", middle, 2) is None:
        return False
    if monitor:
        if site.put_on(desk, pieces.monitor(), 8, middle) is None:
            return False
        site.put_on(desk, things.small("keyboard", rng), 24, middle)
        site.put_on(desk, things.small("papers", rng), 20, 9)
    elif laptop:
        site.put_on(desk, things.small("laptop", rng), 20, middle)
    if rng.random() < 0.7:
        site.put_on(desk, things.desk_lamp(skins.metal), 9, 6.0)
    site.strew(desk, [things.small(kind, rng) for kind in ("books", "mug")[: int(rng.integers(0, 3))]])
    if rng.random() < 0.5:
        hang(site, things.wall_shelf(min(width, 50), skins.wood, rng), desk, 62)
    return True


def seat_round(site: RoomSite, table: Stood, chair: Piece, count: int) -> bool:
    """Chairs round a table, each facing it, first at its long sides."""
    rng = site.rng
    depth, width = table.piece.depth, table.piece.width
    per_side = 2 if width >= 62 else 1
    long = [(width * (n + 0.5) / per_side) for n in range(per_side)]
    if width >= 84:
        per_side, long = 3, [width * (n + 0.5) / 3 for n in range(3)]
    places = [(side, place) for place in long for side in ("front", "back")]
    places += [("left", 0.5 * depth), ("right", 0.5 * depth)]
    if per_side == 1:
        places = [("front", long[0]), ("back", long[0]), ("left", 0.5 * depth), ("right", 0.5 * depth)]
    got = 0
    for side, place in places:
        if got == count:
            break
        under = float(rng.uniform(2, 9)) if table.piece.kind != "round-table" else 1.0
        turn = math.radians(float(rng.uniform(-5, 5))) if rng.random() < 0.4 else 0.0
        if site.seat(table, chair, side, place, under, turn) or site.seat(table, chair, side, place, 1.0):
            got += 1
    return got == count


def lay_table(site: RoomSite, table: Stood) -> None:
    """Plates, a bowl, a vase or nothing much."""
    rng = site.rng
    depth, width = table.piece.depth, table.piece.width
    site.put_on(table, things.small(("vase", "bowl", "bowl")[int(rng.integers(3))], rng), 0.5 * depth, 0.5 * width)
    eaten_at = site.spec.attributes["room"] != "office" and table.piece.kind != "round-table"
    if rng.random() < 0.5 and eaten_at:
        for u in (8, depth - 8):
            for v in (0.25 * width, 0.75 * width):
                site.put_on(table, things.small("plate", rng), u, v)
    site.strew(table, [things.small(kind, rng) for kind in ("bottle", "mug")[: int(rng.integers(0, 3))]])


def place_table(site: RoomSite, chair: Piece, count: int, deep: int, wide: int) -> bool:
    """A table in the open with its chairs."""
    rng, spec, skins = site.rng, site.spec, site.spec.skins
    shape = pieces.table(deep, wide, skins.wood, skins.wood)
    if count <= 4 and chair.kind == "chair" and rng.random() < 0.35:
        shape = pieces.round_table(int(rng.integers(26, 31)), skins.wood)
    for _ in range(24):
        x = float(rng.uniform(0.5, 0.68)) * spec.depth + 8
        y = 0.5 * (spec.left + spec.right) + float(rng.uniform(-16, 16))
        yaw = 0.0 if rng.random() < 0.5 else 0.5 * math.pi
        mark = len(site.stood), len(site.taken), len(site.fronts)
        table = site.stand(shape, x, y, yaw)
        if table is None:
            continue
        if seat_round(site, table, chair, count):
            lay_table(site, table)
            if rng.random() < 0.5 and spec.skins.floor.startswith("plank"):
                site.paints.append((table.box(-26, shape.depth + 26, -20, shape.width + 20, -1, 0), skins.rug))
            drop = spec.ceiling - FLOOR_Z - 84 - 11
            site.put_on(
                table, things.pendant(drop, int(rng.integers(9, 14))), 0.5 * shape.depth, 0.5 * shape.width, top=84
            )
            return True
        del site.stood[mark[0] :], site.taken[mark[1] :], site.fronts[mark[2] :]
    return False
