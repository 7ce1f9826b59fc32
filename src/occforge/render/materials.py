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
}
"""Class name -> kind and albedo (linear light, 0-1)."""


def material_table(taxonomy: Taxonomy) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Kind (256,) and linear albedo (256, 3) of every label; unknown (255) is nothing, as empty is."""
    kind_K = np.zeros(256, np.uint8)
    albedo_K3 = np.zeros((256, 3))
    for k, name in enumerate(taxonomy.names):
        if k == EMPTY:
            continue
        plain = np.asarray(taxonomy.colors[k]) / 255.0
        kind, albedo = MATERIALS.get(name, (Kind.PLAIN, tuple(0.75 * plain**2.2)))
        kind_K[k], albedo_K3[k] = kind, albedo
    return kind_K, albedo_K3
