"""How the classes of one taxonomy become those of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import CARLA_SC, EMPTY, SEMANTIC_KITTI, UNKNOWN, Taxonomy


@dataclass(frozen=True)
class ClassMap:
    """`target_ids[k]` is the class of `target` (or 255) that class k of `source` becomes; empty stays empty."""

    source: Taxonomy
    target: Taxonomy
    target_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.target_ids) != self.source.class_count:
            raise InputError(
                f"class map {self.source.name} -> {self.target.name}: expected {self.source.class_count} ids, "
                f"got {len(self.target_ids)}; give one per source class"
            )
        bad = [k for k in self.target_ids if k != UNKNOWN and not 0 <= k < self.target.class_count]
        if bad or self.target_ids[EMPTY] != EMPTY:
            raise InputError(
                f"class map {self.source.name} -> {self.target.name}: expected ids 0-{self.target.class_count - 1} "
                f"or 255 with 0 first, got {self.target_ids}"
            )

    @staticmethod
    def by_name(source: Taxonomy, target: Taxonomy, names: dict[str, str]) -> "ClassMap":
        """A map from source class names to target class names; empty is implied, every other class must be there."""
        missing, extra = set(source.names[1:]) - names.keys(), names.keys() - set(source.names)
        if missing or extra:
            raise InputError(
                f"class map {source.name} -> {target.name}: expected every class of {source.name} once; "
                f"missing {sorted(missing)}, not its classes {sorted(extra)}"
            )
        return ClassMap(source, target, (EMPTY, *(target.id_of(names[name]) for name in source.names[1:])))

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels of any shape, mapped; unknown stays unknown."""
        table = np.full(256, UNKNOWN, np.uint8)
        table[: self.source.class_count] = self.target_ids
        return table[labels]

    def scene(self, scene: Scene) -> Scene:
        """The same voxels under the target taxonomy; raises `InputError` if `scene` has another taxonomy."""
        if scene.taxonomy.names != self.source.names:
            raise InputError(f"class map: expected a scene of {self.source.name}, got one of {scene.taxonomy.name}")
        return Scene(self.labels(scene.labels_XYZ), scene.grid, self.target)


CARLA_FROM_KITTI = ClassMap.by_name(
    SEMANTIC_KITTI,
    CARLA_SC,
    {
        "car": "vehicle",
        "bicycle": "vehicle",
        "motorcycle": "vehicle",
        "truck": "vehicle",
        "other-vehicle": "vehicle",
        "person": "pedestrian",
        "bicyclist": "pedestrian",
        "motorcyclist": "pedestrian",
        "road": "road",
        "parking": "road",
        "sidewalk": "sidewalk",
        "other-ground": "ground",
        "building": "building",
        "fence": "barrier",
        "vegetation": "vegetation",
        "trunk": "vegetation",
        "terrain": "ground",
        "pole": "pole",
        "traffic-sign": "pole",
    },
)
"""CARLA's own conventions: its vehicle tag covers two-wheelers, its pedestrian tag their riders, its vegetation the
whole tree, terrain is ground and a traffic sign belongs to the poles."""
