"""How rooms are furnished: for every kind of room, what stands where and what lies on it.

Each function returns False where the room has no place for what its attributes ask for; it is then drawn anew.
"""

import math
from collections.abc import Callable

from occforge.world import room_pieces as pieces
from occforge.world import room_things as things
from occforge.world.room_decor import books_and_plants, decorate, hang, light_lamps
from occforge.world.room_groups import lay_table, place_desk, place_table, place_tv, shuffled
from occforge.world.room_layout import FLOOR_Z
from occforge.world.room_pieces import Piece
from occforge.world.room_site import RoomSite, Stood

OPPOSITE = {"left": "right", "right": "left"}


def _bedroom(site: RoomSite) -> bool:
    rng, spec, skins = site.rng, site.spec, site.spec.skins
    want = spec.attributes
    wide = (50, 70, 80, 90)[int(rng.integers(1 if spec.left - spec.right > 176 else 0, 4))]
    shape = pieces.bed(wide, skins.wood, skins.duvet, skins.cushion)
    bed = None
    for n in range(60):
        wall = shuffled(site)[0]
        low, high = site.room_along(wall, wide, 40)
        if high < low:
            continue
        t = 0.5 * (low + high) + (high - low) * float(rng.uniform(-0.5, 0.5)) * (0.5 if wide > 60 else 1.0)
        if wide < 60 and n % 2:
            t = (low, high)[int(rng.integers(2))]
        bed = site.at_wall(shape, wall, t, clear=24)
        if bed is not None:
            break
    if bed is None:
        return False
    sides = [sign for sign in (1, -1) if site.fits(_strip(bed, sign), ignore_kept=True)]
    if not sides:
        return False
    for sign in sides if wide > 60 else sides[:1]:
        stand = site.beside(bed, things.case("nightstand", 20, 22, 24, 1, 2, skins.wood, skins.front), sign)
        if stand is not None:
            if rng.random() < 0.8:
                site.put_on(stand, things.table_lamp(skins.metal), 8, 11)
            elif rng.random() < 0.6:
                site.put_on(stand, things.small("books", rng), 9, 10)
    rug = bed.box(50, 110, -24, wide + 24, -1, 0)
    if rng.random() < 0.5 and skins.floor.startswith("plank"):
        site.paints.append((rug, skins.rug))
    if want["tables"] == "one" and not place_desk(
        site, want["screen"] == "monitor", rng.random() < 0.5, pieces.chair(skins.wood, skins.seat)
    ):
        return False
    columns = int(rng.integers(2, 5))
    wardrobe = things.case("wardrobe", 31, 24 * columns, 104, columns, 1, skins.wood, skins.front)
    site.somewhere(wardrobe, shuffled(site), clear=26, tries=24)
    dresser = things.case("dresser", 25, 2 * int(rng.integers(22, 31)), 42, 2, 3, skins.wood, skins.front)
    if want["screen"] == "tv":
        facing = OPPOSITE.get(bed.where.split()[0])
        if (facing is None or place_tv(site, (facing,), dresser) is None) and place_tv(
            site, shuffled(site), dresser
        ) is None:
            return False
    elif rng.random() < 0.6:
        stood = site.somewhere(dresser, shuffled(site), clear=22)
        if stood is not None:
            books_and_plants(site, stood)
    if want["chairs"] == "few" and want["tables"] == "none":
        seat = pieces.armchair(skins.fabric, skins.wood)
        if site.somewhere(seat, shuffled(site), clear=16, tries=40) is None:
            return False
    if rng.random() < 0.45:
        shelf = things.bookshelf(2 * int(rng.integers(16, 24)), int(rng.integers(2, 6)), skins.wood, rng)
        site.somewhere(shelf, shuffled(site), clear=20)
    if rng.random() < 0.3:
        site.somewhere(things.floor_lamp(skins.metal), shuffled(site))
    hang(site, things.some_picture(wide, rng), bed, 66)
    return True


def _strip(stood: Stood, sign: int) -> Stood:
    """Room for somebody beside a bed, as a piece."""
    width = 22
    body = Piece(pieces.OBJECT, "nobody", stood.piece.depth, width, 80, ())
    v = stood.piece.width + 0.5 * width if sign > 0 else -0.5 * width
    x, y = stood.at(0.5 * stood.piece.depth, v)
    return Stood(body, x, y, stood.yaw, 0, "")


def _living_room(site: RoomSite) -> bool:
    rng, spec, skins = site.rng, site.spec, site.spec.skins
    want = spec.attributes
    seats, chaise = int(rng.integers(2, 4)), bool(rng.random() < 0.25)
    shape = pieces.sofa(seats, chaise, skins.fabric, skins.cushion)
    walls = shuffled(site, ("left", "right")) if want["screen"] == "tv" else shuffled(site)
    sofa = None
    for _ in range(50):
        wall = walls[int(rng.integers(len(walls)))]
        low, high = site.room_along(wall, shape.width, 50)
        if high < low:
            continue
        t = float(rng.uniform(low, high))
        sofa = site.at_wall(shape, wall, t, clear=26 if not chaise else 12)
        if sofa is not None:
            break
    if sofa is None:
        return False
    if want["screen"] == "tv":
        wall = OPPOSITE[sofa.where.split()[0]]
        board = things.tv_stand(2 * int(rng.integers(34, 42)), skins.wood, skins.front)
        stood = None
        for n in range(16):
            t = sofa.x + float(rng.uniform(-1, 1)) * 4 * n
            stood = site.at_wall(board, wall, t, clear=24)
            if stood is not None:
                break
        if stood is None:
            return False
        width = min(board.width - 4, 2 * int(rng.integers(26, 37)))
        if rng.random() < 0.6:
            screen = site.put_on(stood, pieces.tv(width, False), 11, 0.5 * board.width)
        else:
            screen = site.at_wall(pieces.tv(width, True), wall, stood.x, z=42.0)
        if screen is None:
            return False
        site.put_on(stood, things.plant(False, rng), 12, board.width - 8)
    if want["tables"] != "none":
        deep, wide = 2 * int(rng.integers(13, 18)), 2 * int(rng.integers(22, 30))
        top = pieces.table(deep, wide, skins.wood, skins.wood, "coffee-table", 20)
        if rng.random() < 0.25:
            top = pieces.round_table(int(rng.integers(15, 19)), skins.wood, "coffee-table", 20)
        x, y = sofa.at(44 + 18 + 0.5 * top.depth, 0.5 * shape.width - (16 if chaise else 0))
        coffee = site.stand(top, x, y, sofa.yaw, tucked=True)
        if coffee is None:
            return False
        site.strew(coffee, [things.small(k, rng) for k in ("books", "bowl", "mug")[: int(rng.integers(1, 4))]])
        if rng.random() < 0.7:
            site.paints.append((sofa.box(30, 62 + top.depth + 14, 4, shape.width - 4, -1, 0), skins.rug))
    if want["tables"] == "several":
        side = pieces.table(24, 24, skins.wood, skins.wood, "side-table", 26)
        stood = site.beside(sofa, side, 1, 2) or site.beside(sofa, side, -1, 2)
        if stood is None:
            return False
        site.put_on(stood, things.table_lamp(skins.metal), 11, 12)
    if want["chairs"] == "few":
        shape_2 = pieces.armchair(skins.cushion if rng.random() < 0.5 else skins.fabric, skins.wood)
        got = 0
        for _ in range(40):
            u, sign = float(rng.uniform(50, 92)), (1, -1)[int(rng.integers(2))]
            v = -36.0 if sign < 0 else shape.width + 36.0
            x, y = sofa.at(u, v)
            if site.stand(shape_2, x, y, sofa.yaw + sign * -0.5 * math.pi, clear=4) is not None:
                got += 1
                break
        if got == 0 and site.somewhere(shape_2, shuffled(site), clear=16, tries=30) is None:
            return False
    for _ in range(int(rng.integers(2, 4))):
        if rng.random() < 0.6:
            site.somewhere(
                things.bookshelf(2 * int(rng.integers(20, 30)), int(rng.integers(4, 6)), skins.wood, rng),
                shuffled(site),
                20,
            )
        else:
            board_2 = things.case("sideboard", 24, 2 * int(rng.integers(34, 48)), 40, 3, 1, skins.wood, skins.front)
            stood = site.somewhere(board_2, shuffled(site), 20)
            if stood is not None:
                books_and_plants(site, stood)
    if rng.random() < 0.7:
        lamp = things.floor_lamp(skins.metal)
        _ = site.beside(sofa, lamp, 1, 3) or site.beside(sofa, lamp, -1, 3) or site.somewhere(lamp, shuffled(site))
    hang(site, things.some_picture(60, rng), sofa, 62)
    return True


def _office(site: RoomSite) -> bool:
    rng, skins = site.rng, site.spec.skins
    want = site.spec.attributes
    if want["chairs"] == "many":
        count = int(rng.choice([4, 4, 6]))
        if not place_table(site, pieces.office_chair(skins.fabric), count, 50, 64 if count == 4 else 100):
            return False
        site.somewhere(things.picture(80, 50, "steel", "paper", "whiteboard"), shuffled(site), z=50.0, tries=30)
    else:
        chair = pieces.office_chair(skins.fabric)
        desks = 2 if want["tables"] == "several" else 1
        if not all(place_desk(site, want["screen"] == "monitor", True, chair) for _ in range(desks)):
            return False
    for _ in range(int(rng.integers(2, 5))):
        if rng.random() < 0.6:
            boards = int(rng.integers(3, 6))
            shelf = things.bookshelf(2 * int(rng.integers(20, 30)), boards, skins.wood, rng)
            site.somewhere(shelf, shuffled(site), 18, tries=30)
        else:
            cabinet = things.case("filing-cabinet", 30, 24, 54, 1, 3, "grey", "grey")
            stood = site.somewhere(cabinet, shuffled(site), 18)
            if stood is not None:
                books_and_plants(site, stood)
    site.somewhere(things.small("bin", rng), shuffled(site))
    if rng.random() < 0.4:
        site.somewhere(things.coat_rack(skins.wood, skins.cushion), shuffled(site))
    return True


def _kitchen(site: RoomSite) -> bool:
    rng, spec, skins = site.rng, site.spec, site.spec.skins
    want = spec.attributes
    top = ("stone-light", "stone-dark", "wood-oak")[int(rng.integers(3))]
    done = 0
    for wall in shuffled(site):
        low, high = spec.span(wall)
        low = max(low, 56) if wall != "ahead" else low
        most = min(5 if done == 0 else 3, (high - low) // 30)
        if most < 2:
            continue
        for n in range(14):
            units = int(rng.integers(2 if done else 3, most + 1)) if most > 2 else 2
            width = 30 * units
            oven = int(rng.integers(units)) if done == 0 else None
            t = (high - 0.5 * width, low + 0.5 * width, float(rng.uniform(low + 0.5 * width, high - 0.5 * width)))[
                n % 3
            ]
            run = site.at_wall(things.counter(units, skins.front, top, oven), wall, t, clear=26)
            if run is None:
                continue
            done += 1
            _fit_out(site, run, wall, units, oven)
            break
        if done == 2 or (done == 1 and rng.random() < 0.15):
            break
    if done == 0:
        return False
    fridge = things.fridge(("white", "steel", "white", "red")[int(rng.integers(4))], int(rng.integers(84, 98)))
    beside = [run for run in site.stood if run.piece.kind == "counter"]
    if not any(site.beside(run, fridge, sign, 0) for run in beside for sign in (1, -1)):
        site.somewhere(fridge, shuffled(site), clear=24, tries=24)
    if rng.random() < 0.6:
        tall = things.case("cupboard", 31, 30 * int(rng.integers(1, 3)), 100, 1, 2, skins.front, skins.front)
        _ = any(site.beside(run, tall, sign, 0) for run in beside for sign in (1, -1)) or site.somewhere(
            tall, shuffled(site), clear=24
        )
    chair = pieces.chair(skins.wood, skins.seat) if rng.random() < 0.7 else pieces.stool(skins.wood, skins.seat)
    if want["tables"] == "one":
        many = want["chairs"] == "many"
        if many or rng.random() < 0.4:
            return place_table(site, chair, 4 if many else 2, 42, 64 if many else 50)
        shape = pieces.table(36, 50, skins.wood, skins.wood)
        table = site.somewhere(shape, shuffled(site), tries=30)
        if table is None:
            return False
        lay_table(site, table)
        got = sum(
            site.seat(table, chair, side, place, 4.0) is not None for side, place in (("left", 18), ("right", 18))
        )
        if got == 0:
            got = int(site.seat(table, chair, "front", 25, 4.0) is not None)
        return got > 0
    return True


def _fit_out(site: RoomSite, run: Stood, wall: str, units: int, oven: int | None) -> None:
    """Tap, pots and cabinets above a run of kitchen units, tiles between."""
    rng, skins = site.rng, site.spec.skins
    free = [n for n in range(units) if n != oven]
    if oven is not None:
        site.put_on(run, things.small("pan", rng), 10, 30 * oven + 9, top=46)
        n = free.pop(int(rng.integers(len(free))))
        site.put_on(run, things.tap(), 14, 30 * n + 15)
    for n in free:
        kind = ("kettle", "bottle", "bowl", "box", "basket", "mug", "vase")[int(rng.integers(7))]
        site.put_on(run, things.small(kind, rng), 11, 30 * n + float(rng.uniform(11, 19)))
    t0 = (run.y if wall == "ahead" else run.x) - 15 * units
    low, high = t0 + 1, t0 + 30 * units - 1
    site.paints.append((site.wall_box(wall, low, high, -1, FLOOR_Z + 45, FLOOR_Z + 72), "tile-white"))
    for n in range(units):
        site.at_wall(things.wall_cabinet(1, skins.front), wall, t0 + 30 * n + 15, z=72.0)


def _dining_room(site: RoomSite) -> bool:
    rng, skins = site.rng, site.spec.skins
    count = 2 if site.spec.attributes["chairs"] == "few" else int(rng.choice([4, 4, 6]))
    chair = pieces.chair(skins.wood, skins.seat)
    if not place_table(
        site, chair, count, 2 * int(rng.integers(21, 25)), 54 if count == 2 else 70 if count == 4 else 92
    ):
        return False
    wide = 2 * int(rng.integers(36, 52))
    board = site.somewhere(
        things.case("sideboard", 24, wide, 42, 3, 1, skins.wood, skins.front), shuffled(site), 14, tries=30
    )
    if board is not None:
        books_and_plants(site, board)
        hang(site, things.some_picture(60, rng), board, 70)
    if rng.random() < 0.6:
        cupboard = things.case("cupboard", 24, 48, 96, 2, 2, skins.wood, skins.front)
        site.somewhere(cupboard, shuffled(site), 14, tries=24)
    elif rng.random() < 0.6:
        site.somewhere(things.bookshelf(48, 5, skins.wood, rng), shuffled(site), 14, tries=24)
    return True


_FURNISH: dict[str, Callable[[RoomSite], bool]] = {
    "bedroom": _bedroom,
    "living-room": _living_room,
    "office": _office,
    "kitchen": _kitchen,
    "dining-room": _dining_room,
}


def _fill_walls(site: RoomSite) -> None:
    """More to keep things in, where walls are still free."""
    rng, skins = site.rng, site.spec.skins
    for _ in range(int(rng.integers(2, 6))):
        kind = rng.random()
        if site.spec.attributes["room"] == "kitchen":
            shape = things.case("cupboard", 31, 30, (45, 100)[int(rng.integers(2))], 1, 2, skins.front, skins.front)
        elif kind < 0.4:
            boards = int(rng.integers(2, 6))
            shape = things.bookshelf(2 * int(rng.integers(18, 32)), boards, skins.wood, rng)
        elif kind < 0.75:
            shape = things.case("cupboard", 25, 2 * int(rng.integers(20, 40)), 42, 2, 2, skins.wood, skins.front)
        else:
            shape = things.case("cupboard", 28, 2 * int(rng.integers(20, 36)), 98, 2, 1, skins.wood, skins.front)
        stood = site.somewhere(shape, shuffled(site), clear=20, tries=14)
        if stood is not None and stood.piece.height < 60:
            books_and_plants(site, stood)


def furnish(site: RoomSite) -> bool:
    """Furnish a room for its attributes; returns False if something that they ask for has no place."""
    if not _FURNISH[site.spec.attributes["room"]](site):
        return False
    _fill_walls(site)
    light_lamps(site)
    decorate(site)
    return site.has_ways()
