"""What the classes are made of in colour pictures: one kind and one base colour per class name.

The kind chooses the texture and shape treatment, so a taxonomy is served as soon as its class names stand in
`MATERIALS`; a name that does not is painted plainly in its palette colour.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from occforge.core.taxonomy import EMPTY, Taxonomy


class Kind(IntEnum):
    """How a class is textured."""

    NOTHING = 0
    PLAIN = 1
    ROAD = 2
    PARKING = 3
    SIDEWALK = 4
    GROUND = 5
    GRASS = 6
    BUILDING = 7
    FENCE = 8
    FOLIAGE = 9
    TRUNK = 10
    POLE = 11
    SIGN = 12
    CAR = 13
    TRUCK = 14
    CYCLE = 15
    PERSON = 16
    PLASTER = 17
    WALLPAPER = 18
    PLANK = 19
    TILE = 20
    CARPET = 21
    RUG = 22
    WOOD = 23
    FABRIC = 24
    SMOOTH = 25
    GLASS = 26
    SCREEN = 27
    LAMP = 28
    LEAF = 29
    BOOK = 30
    ART = 31


GROUND_KINDS = (Kind.ROAD, Kind.PARKING, Kind.SIDEWALK, Kind.GROUND, Kind.GRASS)
"""Kinds that one stands on: their columns are filled downwards and their borders are drawn as smooth lines."""
PART_KINDS = (Kind.BUILDING, Kind.SIGN, Kind.CAR, Kind.TRUCK, Kind.CYCLE, Kind.PERSON)
"""Kinds whose connected regions have an axis, a size and a colour of their own."""

MATERIALS: dict[str, tuple[Kind, tuple[float, float, float]]] = {
    "car": (Kind.CAR, (0.30, 0.32, 0.36)),
    "vehicle": (Kind.CAR, (0.30, 0.32, 0.36)),
    "truck": (Kind.TRUCK, (0.70, 0.70, 0.68)),
    "other-vehicle": (Kind.TRUCK, (0.62, 0.55, 0.30)),
    "bicycle": (Kind.CYCLE, (0.05, 0.05, 0.06)),
    "motorcycle": (Kind.CYCLE, (0.06, 0.05, 0.05)),
    "person": (Kind.PERSON, (0.20, 0.20, 0.25)),
    "pedestrian": (Kind.PERSON, (0.20, 0.20, 0.25)),
    "bicyclist": (Kind.PERSON, (0.20, 0.20, 0.25)),
    "motorcyclist": (Kind.PERSON, (0.10, 0.10, 0.12)),
    "road": (Kind.ROAD, (0.108, 0.108, 0.111)),
    "parking": (Kind.PARKING, (0.150, 0.143, 0.136)),
    "sidewalk": (Kind.SIDEWALK, (0.270, 0.260, 0.245)),
    "other-ground": (Kind.GROUND, (0.300, 0.270, 0.225)),
    "ground": (Kind.GRASS, (0.120, 0.150, 0.050)),
    "terrain": (Kind.GRASS, (0.105, 0.150, 0.042)),
    "building": (Kind.BUILDING, (0.52, 0.47, 0.40)),
    "fence": (Kind.FENCE, (0.24, 0.19, 0.14)),
    "barrier": (Kind.FENCE, (0.38, 0.37, 0.35)),
    "vegetation": (Kind.FOLIAGE, (0.062, 0.105, 0.026)),
    "trunk": (Kind.TRUNK, (0.115, 0.085, 0.060)),
    "pole": (Kind.POLE, (0.26, 0.27, 0.28)),
    "traffic-sign": (Kind.SIGN, (0.75, 0.75, 0.75)),
    "other": (Kind.PLAIN, (0.30, 0.30, 0.28)),
    "ceiling": (Kind.PLASTER, (0.80, 0.80, 0.78)),
    "floor": (Kind.PLANK, (0.36, 0.22, 0.11)),
    "wall": (Kind.PLASTER, (0.68, 0.66, 0.60)),
    "window": (Kind.GLASS, (0.60, 0.65, 0.70)),
    "chair": (Kind.WOOD, (0.30, 0.18, 0.09)),
    "bed": (Kind.FABRIC, (0.55, 0.56, 0.60)),
    "sofa": (Kind.FABRIC, (0.22, 0.25, 0.30)),
    "table": (Kind.WOOD, (0.38, 0.24, 0.12)),
    "tvs": (Kind.SCREEN, (0.012, 0.013, 0.015)),
    "furniture": (Kind.WOOD, (0.46, 0.33, 0.20)),
    "objects": (Kind.SMOOTH, (0.42, 0.34, 0.30)),
}
"""Class name -> kind and albedo (linear light, 0-1)."""

_W, _S, _F = Kind.WOOD, Kind.SMOOTH, Kind.FABRIC
SKINS: dict[str, tuple[Kind, tuple[float, float, float]]] = {
    "ceiling-white": (Kind.PLASTER, (0.82, 0.82, 0.80)),
    "wall-white": (Kind.PLASTER, (0.78, 0.77, 0.73)),
    "wall-cream": (Kind.PLASTER, (0.76, 0.69, 0.54)),
    "wall-sand": (Kind.PLASTER, (0.63, 0.53, 0.39)),
    "wall-sage": (Kind.PLASTER, (0.46, 0.54, 0.42)),
    "wall-sky": (Kind.PLASTER, (0.45, 0.56, 0.66)),
    "wall-rose": (Kind.PLASTER, (0.66, 0.47, 0.43)),
    "wall-grey": (Kind.PLASTER, (0.52, 0.53, 0.54)),
    "wall-stripes": (Kind.WALLPAPER, (0.68, 0.62, 0.50)),
    "wall-flowers": (Kind.WALLPAPER, (0.52, 0.60, 0.58)),
    "plank-oak": (Kind.PLANK, (0.40, 0.25, 0.13)),
    "plank-dark": (Kind.PLANK, (0.15, 0.080, 0.045)),
    "plank-light": (Kind.PLANK, (0.55, 0.42, 0.28)),
    "plank-grey": (Kind.PLANK, (0.32, 0.29, 0.26)),
    "tile-white": (Kind.TILE, (0.70, 0.70, 0.68)),
    "tile-grey": (Kind.TILE, (0.33, 0.33, 0.34)),
    "tile-clay": (Kind.TILE, (0.42, 0.19, 0.11)),
    "carpet-beige": (Kind.CARPET, (0.48, 0.41, 0.31)),
    "carpet-grey": (Kind.CARPET, (0.26, 0.27, 0.29)),
    "carpet-blue": (Kind.CARPET, (0.11, 0.16, 0.26)),
    "rug-red": (Kind.RUG, (0.36, 0.07, 0.06)),
    "rug-blue": (Kind.RUG, (0.09, 0.15, 0.30)),
    "rug-cream": (Kind.RUG, (0.62, 0.57, 0.47)),
    "rug-grey": (Kind.RUG, (0.22, 0.22, 0.24)),
    "wood-oak": (_W, (0.42, 0.27, 0.14)),
    "wood-pine": (_W, (0.56, 0.39, 0.21)),
    "wood-walnut": (_W, (0.16, 0.085, 0.048)),
    "wood-cherry": (_W, (0.31, 0.125, 0.058)),
    "wood-black": (_W, (0.035, 0.030, 0.028)),
    "wood-white": (_W, (0.72, 0.71, 0.68)),
    "white": (_S, (0.76, 0.76, 0.74)),
    "ivory": (_S, (0.70, 0.63, 0.48)),
    "black": (_S, (0.020, 0.020, 0.022)),
    "steel": (_S, (0.42, 0.43, 0.44)),
    "grey": (_S, (0.24, 0.25, 0.26)),
    "brass": (_S, (0.48, 0.33, 0.12)),
    "red": (_S, (0.45, 0.04, 0.03)),
    "blue": (_S, (0.04, 0.13, 0.36)),
    "green": (_S, (0.08, 0.24, 0.12)),
    "yellow": (_S, (0.60, 0.42, 0.05)),
    "orange": (_S, (0.60, 0.21, 0.03)),
    "terracotta": (_S, (0.40, 0.155, 0.080)),
    "cardboard": (_S, (0.40, 0.27, 0.15)),
    "paper": (_S, (0.80, 0.80, 0.77)),
    "stone-light": (_S, (0.56, 0.54, 0.50)),
    "stone-dark": (_S, (0.075, 0.075, 0.080)),
    "fabric-white": (_F, (0.74, 0.73, 0.70)),
    "fabric-cream": (_F, (0.60, 0.53, 0.41)),
    "fabric-grey": (_F, (0.29, 0.30, 0.31)),
    "fabric-charcoal": (_F, (0.075, 0.078, 0.085)),
    "fabric-navy": (_F, (0.035, 0.060, 0.150)),
    "fabric-teal": (_F, (0.040, 0.200, 0.210)),
    "fabric-sky": (_F, (0.26, 0.40, 0.54)),
    "fabric-mustard": (_F, (0.52, 0.33, 0.050)),
    "fabric-rust": (_F, (0.40, 0.12, 0.045)),
    "fabric-red": (_F, (0.38, 0.035, 0.040)),
    "fabric-olive": (_F, (0.17, 0.19, 0.080)),
    "fabric-rose": (_F, (0.58, 0.32, 0.31)),
    "leather-brown": (_S, (0.155, 0.065, 0.032)),
    "leather-black": (_S, (0.026, 0.025, 0.026)),
    "glass": (Kind.GLASS, (0.60, 0.65, 0.70)),
    "screen": (Kind.SCREEN, (0.012, 0.013, 0.015)),
    "lamp": (Kind.LAMP, (0.80, 0.76, 0.66)),
    "leaf": (Kind.LEAF, (0.070, 0.165, 0.045)),
    "book": (Kind.BOOK, (0.35, 0.25, 0.20)),
    "art-1": (Kind.ART, (0.60, 0.55, 0.45)),
    "art-2": (Kind.ART, (0.30, 0.40, 0.52)),
    "art-3": (Kind.ART, (0.45, 0.28, 0.20)),
    "art-4": (Kind.ART, (0.62, 0.60, 0.55)),
    "art-5": (Kind.ART, (0.25, 0.36, 0.24)),
    "art-6": (Kind.ART, (0.52, 0.42, 0.14)),
}
"""What the things of a room are made of, finer than their classes: `world.room` paints with these names."""

FIRST_INDOOR = Kind.PLASTER
"""Kinds from here on are textured by `texture_indoor.py` and lit by `indoor.py`."""


def material_table(taxonomy: Taxonomy) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Kind (256,) and linear albedo (256, 3) of every label; unknown (255) is nothing, as empty is."""
    kind_K = np.zeros(256, np.uint8)
    albedo_K3 = np.zeros((256, 3))
    for k, name in enumerate(taxonomy.names):
        if k == EMPTY:
            continue
        plain = np.asarray(taxonomy.colors[k]) / 255.0
        kind, albedo = MATERIALS.get(name) or SKINS.get(name) or (Kind.PLAIN, tuple(0.75 * plain**2.2))
        kind_K[k], albedo_K3[k] = kind, albedo
    return kind_K, albedo_K3
