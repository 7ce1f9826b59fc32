"""Did the scene get what the prompt asked for: attributes of `core.attributes` measured in voxels.

Everything is counted from labels by class name (SemanticKITTI's), by rules that are written beside their numbers;
nothing is learned, so the score cannot be learned either. `weather` changes only pictures and is not measured.
Shape legend: X forward, Y left, Z up; C components; N voxels of components.
"""

import json
import math
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import Taxonomy
from occforge.metrics.carriageway import Carriageway, smoothed_share_XY, street_coordinates, trace
from occforge.metrics.objects import Components, components, minimum_voxels

MEASURED = ("layout", "parked", "traffic", "persons", "left", "right", "bicycles", "trucks")
"""Attributes that voxels show."""

TURN_RAD = 0.25
"""A street that turns by more than this over the scene is a curve."""

PARKING_M = 3.6
"""A car off the road whose middle lies further beyond its edge than this stands in a lot or drive, not at the kerb."""

RING_M = 0.4
"""How far about a car its ground is read, for the ground under it may be missing."""

GROUND = ("road", "parking", "sidewalk", "other-ground", "terrain")
THINGS = ("car", "person", "bicycle", "bicyclist", "truck", "other-vehicle")
STANDING = ("building", "vegetation")

CAR_SPACE_M = (4.8, 2.2)
"""Length and width that a car takes: cars that touch are counted by the room they take."""

PERSON_M = (0.3, 0.25, 1.5)
"""One person, who fills half a voxel more at each end. Persons that touch are counted by volume."""

BESIDE_M = (0.5, 16.0)
"""From the road's edge, the strip on each side that `left` and `right` look at, cut into slices of 1 m along it."""

TALL_M = 0.6
"""A column belongs to buildings or vegetation if it holds at least this much of it."""

BUILT_M2, BUILT_SHARE = 0.08, 0.30
"""A side is `buildings` if this share of its slices holds that much of walls (houses may be hollow)."""

GREEN_M2, GREEN_SHARE = 1.0, 0.30
"""A side without buildings is `vegetation` if this share of its slices holds that much of trees, hedges or bushes."""


@dataclass(frozen=True)
class SideView:
    """What stands beside the road on one side: shares of the street's length with buildings and with plants."""

    built: float
    green: float


@dataclass(frozen=True)
class StreetView:
    """The numbers behind `measure`; `road` is None where no road was found."""

    road: Carriageway | None
    parked_left: int
    parked_right: int
    traffic: int
    persons: int
    bicycles: int
    trucks: int
    left: SideView
    right: SideView


def _objects_of(found: Components, scene: Scene, *names: str) -> NDArray[np.int64]:
    """Indices of components of the named classes that are large enough to be objects."""
    is_object_C = np.zeros(len(found.label_C), np.bool_)
    for name in names:
        is_object_C |= (found.label_C == scene.taxonomy.id_of(name)) & (
            found.size_C >= minimum_voxels(name, scene.grid)
        )
    return np.flatnonzero(is_object_C)


def can_measure(taxonomy: Taxonomy) -> bool:
    """Whether a taxonomy has all classes that `view` reads."""
    return {*GROUND, *THINGS, *STANDING} <= {*taxonomy.names}


def view(scene: Scene) -> StreetView:
    """Trace the road and count what stands on and beside it; raises `InputError` if the taxonomy lacks a class."""
    id_of = scene.taxonomy.id_of
    labels_XYZ = scene.labels_XYZ
    cell_m = min(scene.grid.voxel_m[:2])
    found = components(labels_XYZ, tuple(id_of(name) for name in THINGS))
    person_voxels = math.prod(body / cell + 1.0 for body, cell in zip(PERSON_M, scene.grid.voxel_m, strict=True))
    person_C = _objects_of(found, scene, "person")
    persons = int(np.maximum(1, np.round(found.size_C[person_C] / person_voxels)).sum())
    bicycles = len(_objects_of(found, scene, "bicycle", "bicyclist"))
    trucks = len(_objects_of(found, scene, "truck", "other-vehicle"))
    has_road_XY = (labels_XYZ == id_of("road")).any(axis=2)
    road = trace(smoothed_share_XY(has_road_XY, max(1, round(0.4 / cell_m))) >= 0.5, scene.grid)
    if road is None:
        nothing = SideView(0.0, 0.0)
        return StreetView(None, 0, 0, 0, persons, bicycles, trucks, nothing, nothing)
    s_XY, d_XY = street_coordinates(road, scene.grid)
    car_C = _objects_of(found, scene, "car")
    parked_left, parked_right, traffic = _count_cars(found, car_C, road, has_road_XY, s_XY, d_XY, scene)
    left, right = (_side_view(sign, road, s_XY, d_XY, scene) for sign in (1, -1))
    return StreetView(road, parked_left, parked_right, traffic, persons, bicycles, trucks, left, right)


def _count_cars(
    found: Components,
    car_C: NDArray[np.int64],
    road: Carriageway,
    has_road_XY: NDArray[np.bool_],
    s_XY: NDArray[np.float32],
    d_XY: NDArray[np.float32],
    scene: Scene,
) -> tuple[int, int, int]:
    """Cars parked at the left and the right kerb, and cars on the carriageway or on a side street's.

    The ground under and around a car decides: on road it drives, beside it within `PARKING_M` it is parked.
    """
    cell_m = min(scene.grid.voxel_m[:2])
    ground_256 = np.zeros(256, np.bool_)
    ground_256[[scene.taxonomy.id_of(name) for name in GROUND]] = True
    has_ground_XY: NDArray[np.bool_] = np.any(ground_256[scene.labels_XYZ], axis=2)
    column_N = found.voxel_N // scene.grid.shape_XYZ[2]
    parked_left = parked_right = traffic = 0
    for c in car_C:
        column_M = np.unique(column_N[found.component_N == c])
        s_M, d_M = s_XY.ravel()[column_M], d_XY.ravel()[column_M]
        length_m, width_m = (float(np.ptp(np.quantile(v, (0.02, 0.98)))) for v in (s_M, d_M))
        along, across = (max(1, round(v / room)) for v, room in zip((length_m, width_m), CAR_SPACE_M, strict=True))
        d_m = float(np.median(d_M))
        if _road_share(column_M, has_road_XY, has_ground_XY, max(1, round(RING_M / cell_m))) >= 0.5:
            traffic += along * across if abs(d_m) < road.half_width_m else 1  # on a side street it stands across
        elif abs(d_m) < road.half_width_m + PARKING_M:
            parked_left += along if d_m > 0 else 0
            parked_right += along if d_m <= 0 else 0
    return parked_left, parked_right, traffic


def _road_share(
    column_M: NDArray[np.int64], has_road_XY: NDArray[np.bool_], has_ground_XY: NDArray[np.bool_], ring: int
) -> float:
    """Share of road among the columns with ground under a footprint and in a ring of `ring` columns about it."""
    X, Y = has_road_XY.shape
    i_M, j_M = np.divmod(column_M, Y)
    i0, i1 = max(0, i_M.min() - ring), min(X, i_M.max() + ring + 1)
    j0, j1 = max(0, j_M.min() - ring), min(Y, j_M.max() + ring + 1)
    near = np.zeros((i1 - i0, j1 - j0), np.bool_)
    near[i_M - i0, j_M - j0] = True
    near = smoothed_share_XY(near, ring) > 0
    ground = near & has_ground_XY[i0:i1, j0:j1]
    return float(has_road_XY[i0:i1, j0:j1][ground].mean()) if ground.any() else 0.0


def _side_view(
    sign: int, road: Carriageway, s_XY: NDArray[np.float32], d_XY: NDArray[np.float32], scene: Scene
) -> SideView:
    """What stands in the strip `BESIDE_M` of a side, side streets left out."""
    beyond_XY = sign * d_XY - road.half_width_m
    strip_XY = (beyond_XY > BESIDE_M[0]) & (beyond_XY < BESIDE_M[1]) & (s_XY >= 0) & (s_XY <= road.length_m)
    arm_s_m = road.left_arm_s_m if sign > 0 else road.right_arm_s_m
    if arm_s_m is not None:
        strip_XY &= (s_XY < arm_s_m[0] - 2.0) | (s_XY > arm_s_m[1] + 2.0)
    if not strip_XY.any():
        return SideView(0.0, 0.0)
    tall = max(1, round(TALL_M / scene.grid.voxel_m[2]))
    column_m2 = scene.grid.voxel_m[0] * scene.grid.voxel_m[1]
    slice_XY = np.maximum(s_XY, 0).astype(int)
    slices = int(slice_XY[strip_XY].max()) + 1
    # A slice of which only a corner lies in the grid says nothing.
    counted = np.bincount(slice_XY[strip_XY], minlength=slices) * column_m2 > 2.0

    def share(name: str, least_m2: float) -> float:
        tall_XY = (scene.labels_XYZ == scene.taxonomy.id_of(name)).sum(axis=2, dtype=np.int16) >= tall
        area_m2 = np.bincount(slice_XY[strip_XY & tall_XY], minlength=slices) * column_m2
        return float((area_m2[counted] >= least_m2).mean()) if counted.any() else 0.0

    return SideView(share("building", BUILT_M2), share("vegetation", GREEN_M2))


def _layout(road: Carriageway | None) -> str:
    if road is None:
        return "straight"
    left, right = road.left_arm_s_m is not None, road.right_arm_s_m is not None
    if left and right:
        return "t-junction" if road.ends_inside else "crossing"
    if left or right:
        return "t-junction"
    if abs(road.turn_rad) > TURN_RAD:
        return "left-curve" if road.turn_rad > 0 else "right-curve"
    return "straight"


def _few_many(count: int, many: int) -> str:
    return "none" if count == 0 else "many" if count >= many else "few"


def _zoning(side: SideView) -> str:
    if side.built >= BUILT_SHARE:
        return "buildings"
    return "vegetation" if side.green >= GREEN_SHARE else "open"


def _values(seen: StreetView) -> dict[str, str]:
    sides = (seen.parked_left > 0, seen.parked_right > 0)
    return {
        "layout": _layout(seen.road),
        "parked": {(False, False): "none", (True, False): "left", (False, True): "right", (True, True): "both"}[sides],
        "traffic": _few_many(seen.traffic, 3),
        "persons": _few_many(seen.persons, 4),
        "left": _zoning(seen.left),
        "right": _zoning(seen.right),
        "bicycles": "some" if seen.bicycles else "none",
        "trucks": "some" if seen.trucks else "none",
    }


def measure(scene: Scene) -> dict[str, str]:
    """The value of each attribute in `MEASURED` that fits the scene best, counted in voxels."""
    return _values(view(scene))


def measurable(asked: dict[str, str]) -> dict[str, str]:
    """The part of `asked` that voxels can show; raises `InputError` for attributes or values that do not exist."""
    for name, value in asked.items():
        if name not in ATTRIBUTES or value not in ATTRIBUTES[name]:
            raise InputError(f"asked for {name}={value}; attributes and values: {ATTRIBUTES}")
    return {name: value for name, value in asked.items() if name in MEASURED}


def found(asked: dict[str, str], scene: Scene) -> dict[str, bool]:
    """For each attribute asked for (only those in `MEASURED` may be): whether the scene shows it.

    Definitions are as tolerant as the words: `few` persons accepts 1-4, `many` 4 or more; `few` traffic accepts 1-3,
    `many` 3 or more. The rest must equal `measure`. Without any road, no layout and no side is as asked.
    """
    not_seen = asked.keys() - measurable(asked).keys()
    if not_seen:
        raise InputError(f"{', '.join(not_seen)} cannot be seen in voxels; ask for {', '.join(MEASURED)}")
    seen = view(scene)
    values = _values(seen)
    return {name: _accepts(name, value, seen, values[name]) for name, value in asked.items()}


def _accepts(name: str, value: str, seen: StreetView, measured: str) -> bool:
    if seen.road is None and name in ("layout", "left", "right"):
        return False
    if name == "persons" and value == "few":
        return 1 <= seen.persons <= 4
    if name == "traffic" and value == "few":
        return 1 <= seen.traffic <= 3
    return value == measured


@dataclass(frozen=True)
class Prompt:
    """A sentence as a user would type it, and the attributes that it names."""

    text: str
    asks: dict[str, str]


def load_prompts(split: str) -> tuple[Prompt, ...]:
    """The packaged prompts: "test" (128, for scores only) or "dev" (648, to develop with); no text is in both."""
    if split not in ("test", "dev"):
        raise InputError(f"prompts: split must be 'test' or 'dev', got {split!r}")
    text = resources.files("occforge.metrics").joinpath(f"prompts_{split}.json").read_text(encoding="utf-8")
    return tuple(Prompt(item["text"], item["asks"]) for item in json.loads(text)["prompts"])
