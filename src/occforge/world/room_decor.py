"""What makes a room look lived in: lamps, curtains, radiators, pictures, plants, things on tops and on the floor."""

import numpy as np

from occforge.world import room_things as things
from occforge.world.room_layout import FLOOR_Z, WALLS
from occforge.world.room_pieces import Piece
from occforge.world.room_site import RoomSite, Stood


def hang(site: RoomSite, piece: Piece, above: Stood, z: float) -> Stood | None:
    """Hang a piece at the wall above another that stands there."""
    wall = above.where.split()[0]
    if wall not in WALLS:
        return None
    return site.at_wall(piece, wall, above.y if wall == "ahead" else above.x, z=z)


def books_and_plants(site: RoomSite, host: Stood) -> None:
    """Some things on the top of a low piece."""
    rng = site.rng
    kinds = ("vase", "bowl", "books", "box", "basket")
    chosen = [things.small(kinds[int(rng.integers(5))], rng) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.5:
        chosen.append(things.plant(False, rng))
    if rng.random() < 0.35:
        chosen.append(things.table_lamp(site.spec.skins.metal))
    site.strew(host, chosen)


def light_lamps(site: RoomSite) -> None:
    """A lamp under the ceiling, unless one hangs there or another stands on the floor and luck wants no more."""
    spec, rng = site.spec, site.rng
    if site.count("pendant") or (site.count("floor-lamp", "table-lamp") and rng.random() < 0.4):
        return
    x, y = 0.55 * spec.depth, 0.5 * (spec.left + spec.right)
    lamp = things.ceiling_lamp(int(rng.integers(9, 14)))
    if rng.random() < 0.4:
        lamp = things.pendant(int(rng.integers(8, 16)), int(rng.integers(9, 13)))
    z = spec.ceiling - FLOOR_Z - lamp.height
    stood = Stood(lamp, round(x), round(y), 0.0, z, "ceiling")
    if site.fits(stood, ignore_fronts=True):
        site.add(stood)


def decorate(site: RoomSite) -> None:
    """Curtains and radiators at windows, pictures, mirrors and clocks on walls, plants and things on the floor."""
    spec, rng, skins = site.spec, site.rng, site.spec.skins
    for o in spec.openings:
        if o.kind != "window":
            continue
        if rng.random() < 0.55 and spec.attributes["room"] != "kitchen":
            bottom = FLOOR_Z + 1 if rng.random() < 0.6 else o.bottom - 6
            width = int(rng.integers(9, 17))
            drape = things.curtain(width, o.top + 5 - bottom, skins.curtain)
            for t in (o.low - 2 - 0.5 * width, o.high + 2 + 0.5 * width):
                site.at_wall(drape, o.wall, t, z=bottom - FLOOR_Z)
        if o.bottom - FLOOR_Z > 38 and rng.random() < 0.6:
            site.at_wall(things.radiator(min(o.high - o.low - 4, 60)), o.wall, 0.5 * (o.low + o.high), z=0.0)
    for _ in range(int(rng.integers(2, 6))):
        site.somewhere(things.some_picture(60, rng), WALLS, z=float(rng.integers(56, 66)), tries=6)
    room = spec.attributes["room"]
    for _ in range(int(rng.integers(0, 3))):
        site.somewhere(things.plant(True, rng), WALLS, tries=10)
    loose = {
        "bedroom": ("bag", "basket", "box"), "living-room": ("basket", "box", "bag"), "office": ("box", "bag", "box"),
        "kitchen": ("bin", "box", "basket"), "dining-room": ("basket", "box"),
    }[room]  # fmt: skip
    for n in range(int(rng.integers(1, 5))):
        site.somewhere(things.small(loose[n % len(loose)], rng), WALLS, tries=8)
    for stood in [s for s in site.stood if s.piece.kind in ("wardrobe", "bookshelf", "cupboard", "fridge")]:
        if rng.random() < 0.5 and stood.piece.height < 104:
            site.put_on(stood, things.small("box", rng), 9.0, float(np.round(0.5 * stood.piece.width)))
