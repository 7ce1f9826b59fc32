"""A seeded generator of street scenes: one seed is one street, with labels, attributes and what stands in it.

It plays a dataset's part: its labels are SemanticKITTI's, in SemanticKITTI's grid and frame. A street is rasterised
once at 0.2 m; coarser grids are pooled from it.
"""

import math
from dataclasses import dataclass

import numpy as np

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.world import objects, raster, roadside, traffic
from occforge.world.layout import StreetSpec, check_wishes, sample_spec
from occforge.world.site import Instance, Site

__all__ = ["Instance", "Street", "StreetSpec", "make_street"]

ATTEMPTS = 12
"""How often a street is drawn anew when it has no room for what is wanted."""


@dataclass(frozen=True)
class Street:
    """A finished street. `attributes` has a true value for every attribute, counted from what was placed."""

    scene: Scene
    attributes: dict[str, str]
    weather: str
    instances: tuple[Instance, ...]
    spec: StreetSpec


def make_street(seed: int, wishes: dict[str, str] | None = None, grid: GridSpec = STREET_GRID) -> Street:
    """The street of a seed; `wishes` fixes attributes, the others are drawn. Same input, same bytes.

    Raises `InputError` for a negative seed, an unknown wish, or a grid that is not `STREET_GRID` or a taller one
    (for a coarser one make the street and pool it).
    """
    if seed < 0:
        raise InputError(f"street: expected a seed of 0 or more, got {seed}")
    check_wishes(wishes or {})
    if (
        grid.voxel_m != STREET_GRID.voxel_m
        or grid.origin_m != STREET_GRID.origin_m
        or grid.shape_XYZ[:2] != STREET_GRID.shape_XYZ[:2]
        or grid.shape_XYZ[2] < STREET_GRID.shape_XYZ[2]
    ):
        raise InputError(
            f"street: expected the grid {STREET_GRID.shape_XYZ} of {STREET_GRID.voxel_m[0]} m or a taller one, "
            f"got {grid.shape_XYZ} of {grid.voxel_m} m at {grid.origin_m}; make the street there and pool it"
        )
    wanted = wishes
    for attempt in range(ATTEMPTS):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, attempt))))
        spec = sample_spec(seed, rng, wanted)
        wanted = spec.attributes  # another attempt builds another street of the same kind
        site = _furnish(spec, grid, rng)
        if site is not None:
            return _finish(site)
    raise RuntimeError(f"street {seed} has no room for {spec.attributes} after {ATTEMPTS} attempts")


def _furnish(spec: StreetSpec, grid: GridSpec, rng: np.random.Generator) -> Site | None:
    """Lay the ground and place everything; None if the street has no room for what its attributes ask for."""
    X, Y, _ = grid.shape_XYZ
    site = Site(
        spec=spec,
        grid=grid,
        rng=rng,
        class_XY=np.zeros((X, Y), np.uint8),
        level_XY=np.zeros((X, Y), np.int16),
        place_XY3=np.zeros((X, Y, 3), np.float32),
        blocked_XY=np.zeros((X, Y), np.uint8),
        strip_XY=np.zeros((X, Y), np.uint8),
        strip_height_XY=np.zeros((X, Y), np.uint8),
    )
    wave_94 = np.column_stack(
        [rng.uniform(-0.35, 0.35, (4, 2)), rng.uniform(0.0, 2.0 * math.pi, 4), rng.uniform(0.3, 1.0, 4)]
    )
    rects = []
    for sign in (1, -1):
        u = rng.random(4)
        if spec.side(sign).lot:
            start = 6.0 + 20.0 * u[0]
            rects.append((sign, start, start + 12.0 + 10.0 * u[1], 0.0, 7.0 + 4.0 * u[2], float(raster.OTHER_GROUND)))
        side = spec.side(sign)
        if side.zoning == "buildings" and side.setback_m < 2.0:
            # The pavement reaches up to the houses.
            rects.append((sign, -99.0, 199.0, 0.0, side.setback_m + 1.0, float(raster.SIDEWALK)))
    rect_R6 = np.array(rects, np.float64).reshape(-1, 6)
    raster.lay_ground(
        spec.numbers(), wave_94, rect_R6, grid.origin_m, grid.voxel_m[0], site.class_XY, site.level_XY, site.place_XY3
    )
    gaps = [roadside.build_houses(site, sign) for sign in (1, -1)]
    roadside.lay_boundaries(site, gaps)
    traffic.park_cars(site)
    traffic.drive_traffic(site)
    traffic.bring_people(site)
    roadside.raise_poles(site)
    roadside.plant(site)
    return site if count_attributes(site) == spec.attributes else None


def count_attributes(site: Site) -> dict[str, str]:
    """The attributes of what was placed; a count between two values reads 'unclear'."""
    spec, instances = site.spec, site.instances

    def number(*labels: int) -> int:
        return sum(i.label in labels for i in instances)

    cars = [i for i in instances if i.label == objects.CAR]
    moving = sum(i.where == "driving" for i in cars)
    beside = [0, 0]
    for i in cars:
        if i.where == "parked":
            x, y, _ = i.centre_m
            _, d = raster.street_coordinates(x, y, spec.lead_m, spec.curvature_per_m, spec.middle_y_m)
            beside[0 if d > 0.0 else 1] += 1
    parked = {(False, False): "none", (True, False): "left", (False, True): "right", (True, True): "both"}
    persons = number(objects.PERSON)
    return {
        "layout": spec.attributes["layout"],
        "parked": "unclear" if 1 in beside else parked[beside[0] > 1, beside[1] > 1],
        "traffic": "none" if moving == 0 else "few" if moving <= 2 else "many",
        "persons": "none" if persons == 0 else "few" if persons <= 3 else "unclear" if persons == 4 else "many",
        "left": spec.left.zoning,
        "right": spec.right.zoning,
        "bicycles": "some" if number(objects.BICYCLE, objects.BICYCLIST) else "none",
        "trucks": "some" if number(objects.TRUCK, objects.OTHER_VEHICLE) else "none",
        "weather": spec.attributes["weather"],
    }


def _finish(site: Site) -> Street:
    """Rasterise a furnished site."""
    spec, grid = site.spec, site.grid
    labels_XYZ = np.zeros(grid.shape_XYZ, np.uint8)
    raster.fill_ground(labels_XYZ, site.class_XY, site.level_XY, site.strip_XY, site.strip_height_XY)
    part_P14 = np.array(site.parts, np.float64).reshape(-1, raster.PART_NUMBERS)
    # Crowns come last: they grow around whatever is there.
    part_P14 = part_P14[np.argsort(part_P14[:, 0] == objects.VEGETATION, kind="stable")]
    raster.stand_parts(labels_XYZ, site.class_XY, site.level_XY, part_P14, grid.origin_m, grid.voxel_m[0])
    attributes = {name: count_attributes(site)[name] for name in ATTRIBUTES}
    return Street(
        scene=Scene(labels_XYZ, grid, SEMANTIC_KITTI),
        attributes=attributes,
        weather=attributes["weather"],
        instances=tuple(site.instances),
        spec=spec,
    )
