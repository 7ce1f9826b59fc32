"""What voxels can be: class names, colours, the object/background split and class frequencies."""

import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError

EMPTY = 0
UNKNOWN = 255


@dataclass(frozen=True)
class Taxonomy:
    """An ordered list of classes; class 0 is empty, 255 means unknown and is never scored.

    `objects` are the ids of the object stream of Comp-D3PM (countable, rare), everything else that is
    not empty is background. `things` are the ids whose connected components are counted as objects.
    `frequency` is F^k of Eq. 6 (Comp-D3PM): each class's share of the occupied voxels of the dataset.
    `pool_threshold` is th of the same section: a pool whose share of empty or unknown voxels exceeds it
    becomes empty or unknown.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    objects: tuple[int, ...]
    things: tuple[int, ...]
    frequency: tuple[float, ...]
    pool_threshold: float = 0.95

    def __post_init__(self) -> None:
        K = len(self.names)
        if not (2 <= K < UNKNOWN and len(self.colors) == K and len(self.frequency) == K):
            raise InputError(f"taxonomy {self.name}: names, colors and frequency must have one entry per class")
        if any(not 0 < k < K for k in (*self.objects, *self.things)):
            raise InputError(f"taxonomy {self.name}: object and thing ids must lie in 1-{K - 1}")

    @property
    def class_count(self) -> int:
        """Number of classes, empty included."""
        return len(self.names)

    @cached_property
    def background(self) -> tuple[int, ...]:
        """Ids of the background stream: neither empty nor object."""
        return tuple(k for k in range(1, self.class_count) if k not in self.objects)

    @cached_property
    def palette_K3(self) -> NDArray[np.uint8]:
        """Display colours, (256, 3) uint8, so that any label indexes it; unknown is mid grey."""
        palette = np.full((256, 3), 128, np.uint8)
        palette[: self.class_count] = self.colors
        return palette

    def id_of(self, name: str) -> int:
        """The id of a class name; raises `InputError` naming the classes if there is none."""
        if name not in self.names:
            raise InputError(f"no class '{name}' in taxonomy {self.name}; classes: {', '.join(self.names)}")
        return self.names.index(name)

    def to_json(self) -> str:
        """A JSON object that `from_json` reads back."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Taxonomy":
        """Inverse of `to_json`; raises `InputError` if a field is missing."""
        value = json.loads(text)
        missing = {field.name for field in fields(Taxonomy)} - value.keys()
        if missing:
            raise InputError(f"taxonomy of another version (missing {', '.join(sorted(missing))}); make it again")
        return Taxonomy(
            name=value["name"],
            names=tuple(value["names"]),
            colors=tuple((int(r), int(g), int(b)) for r, g, b in value["colors"]),
            objects=tuple(value["objects"]),
            things=tuple(value["things"]),
            frequency=tuple(value["frequency"]),
            pool_threshold=value["pool_threshold"],
        )


SEMANTIC_KITTI = Taxonomy(
    name="semantic_kitti",
    names=(
        "empty", "car", "bicycle", "motorcycle", "truck", "other-vehicle", "person", "bicyclist", "motorcyclist",
        "road", "parking", "sidewalk", "other-ground", "building", "fence", "vegetation", "trunk", "terrain",
        "pole", "traffic-sign",
    ),
    colors=(
        (0, 0, 0), (100, 150, 245), (100, 230, 245), (30, 60, 150), (80, 30, 180), (100, 80, 250), (255, 30, 30),
        (255, 40, 200), (150, 30, 90), (255, 0, 255), (255, 150, 255), (75, 0, 75), (175, 0, 75), (255, 200, 0),
        (255, 120, 50), (0, 175, 0), (135, 60, 0), (150, 240, 80), (255, 240, 150), (255, 0, 0),
    ),
    objects=(1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 19),
    things=(1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 19),
    frequency=(
        1.0, 0.025, 0.0004, 0.00005, 0.0058, 0.0068, 0.0010, 0.00005, 0.0001, 0.252, 0.018, 0.097, 0.014, 0.068,
        0.031, 0.297, 0.0096, 0.167, 0.0064, 0.0016,
    ),
)  # fmt: skip
"""SemanticKITTI's 20 classes; frequencies are shares of occupied voxels over 100 real frames."""

CARLA_SC = Taxonomy(
    name="carla_sc",
    names=(
        "free", "building", "barrier", "other", "pedestrian", "pole", "road", "ground", "sidewalk", "vegetation",
        "vehicle",
    ),
    colors=(
        (0, 0, 0), (70, 70, 70), (100, 40, 40), (55, 90, 80), (255, 255, 0), (153, 153, 153), (0, 0, 255),
        (145, 170, 100), (240, 240, 240), (0, 155, 0), (255, 0, 0),
    ),
    objects=(3, 4, 5, 10),
    things=(4, 5, 10),
    frequency=(1.0, 0.12, 0.03, 0.01, 0.001, 0.006, 0.35, 0.25, 0.10, 0.11, 0.025),
)  # fmt: skip
"""CarlaSC's 11 classes; frequencies are rough and are replaced by `dataset stats` of the data at hand."""

NYUV2 = Taxonomy(
    name="nyuv2",
    names=(
        "empty", "ceiling", "floor", "wall", "window", "chair", "bed", "sofa", "table", "tvs", "furniture", "objects",
    ),
    colors=(
        (0, 0, 0), (214, 38, 40), (43, 160, 43), (158, 216, 229), (114, 158, 206), (204, 204, 91), (255, 186, 119),
        (147, 102, 188), (30, 119, 181), (188, 188, 33), (255, 127, 12), (196, 175, 214),
    ),
    objects=(5, 6, 7, 8, 9, 10, 11),
    things=(5, 6, 7, 8, 9, 10, 11),
    frequency=(1.0, 0.013, 0.178, 0.151, 0.019, 0.030, 0.073, 0.047, 0.042, 0.005, 0.300, 0.142),
)  # fmt: skip
"""NYUv2's 12 classes: the room's shell is background, what stands in it are objects. Frequencies are rough, from
counts at 0.08 m that peers publish; `dataset stats` measures those of the data at hand."""

NUSCENES_OCC = Taxonomy(
    name="nuscenes_occ",
    names=(
        "empty", "barrier", "bicycle", "bus", "car", "construction-vehicle", "motorcycle", "pedestrian",
        "traffic-cone", "trailer", "truck", "driveable-surface", "other-flat", "sidewalk", "terrain", "manmade",
        "vegetation",
    ),
    colors=(
        (0, 0, 0), (112, 128, 144), (220, 20, 60), (255, 127, 80), (255, 158, 0), (233, 150, 70), (255, 61, 99),
        (0, 0, 230), (47, 79, 79), (255, 140, 0), (255, 99, 71), (0, 207, 191), (175, 0, 75), (75, 0, 75),
        (112, 180, 60), (222, 184, 135), (0, 175, 0),
    ),
    objects=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    things=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    frequency=(
        1.0, 0.0035, 0.0002, 0.0039, 0.0265, 0.0022, 0.0003, 0.0036, 0.0005, 0.0047, 0.0102, 0.3046, 0.0069, 0.0873,
        0.1174, 0.1954, 0.2329,
    ),
)  # fmt: skip
"""nuScenes-Occupancy's 17 classes; frequencies are rough, from counts of the training set that peers publish."""

OCC3D = Taxonomy(
    name="occ3d",
    names=(*NUSCENES_OCC.names, "others"),
    colors=(*NUSCENES_OCC.colors, (200, 190, 255)),
    objects=NUSCENES_OCC.objects,
    things=NUSCENES_OCC.things,
    frequency=(
        1.0, 0.0034, 0.0003, 0.0045, 0.0303, 0.0013, 0.0004, 0.0037, 0.0007, 0.0041, 0.0108, 0.3197, 0.0083, 0.0942,
        0.1135, 0.1921, 0.2112, 0.0017,
    ),
)  # fmt: skip
"""Occ3D-nuScenes's 18 classes: those of nuScenes-Occupancy under the same ids, and `others`; rough frequencies, from
counts of the training set that peers publish."""

KITTI360 = Taxonomy(
    name="kitti360",
    names=(
        "empty", "car", "bicycle", "motorcycle", "truck", "other-vehicle", "person", "road", "parking", "sidewalk",
        "other-ground", "building", "fence", "vegetation", "terrain", "pole", "traffic-sign", "other-structure",
        "other-object",
    ),
    colors=(
        (0, 0, 0), (100, 150, 245), (100, 230, 245), (30, 60, 150), (80, 30, 180), (100, 80, 250), (255, 30, 30),
        (255, 0, 255), (255, 150, 255), (75, 0, 75), (175, 0, 75), (255, 200, 0), (255, 120, 50), (0, 175, 0),
        (150, 240, 80), (255, 240, 150), (255, 0, 0), (255, 150, 0), (50, 255, 255),
    ),
    objects=(1, 2, 3, 4, 5, 6, 15, 16, 18),
    things=(1, 2, 3, 4, 5, 6, 15, 16, 18),
    frequency=(
        1.0, 0.0286, 0.0001, 0.0001, 0.0032, 0.0069, 0.0003, 0.2635, 0.0320, 0.1535, 0.0192, 0.1190, 0.0122, 0.2427,
        0.0681, 0.0005, 0.0001, 0.0479, 0.0022,
    ),
)  # fmt: skip
"""SSCBench-KITTI-360's 19 classes; frequencies are rough, from point shares in the benchmark's configuration."""

TAXONOMIES = {taxonomy.name: taxonomy for taxonomy in (SEMANTIC_KITTI, CARLA_SC, NYUV2, NUSCENES_OCC, OCC3D, KITTI360)}
