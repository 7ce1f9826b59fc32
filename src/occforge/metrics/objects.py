"""Which objects stand in scenes: connected components of each thing class.

Class shares alone mislead: scattered voxels can have the right share of persons and hold not one person. So
components are counted above a size, their sizes are compared with real ones, and the rest is reported as salt.
Shape legend: X forward, Y left, Z up, K classes, C components.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import Taxonomy

REFERENCE_VOLUME_M3 = 0.2**3

MINIMUM_VOXELS: dict[str, float] = {
    "car": 60, "vehicle": 60, "truck": 120, "other-vehicle": 100, "bicycle": 8, "motorcycle": 8, "person": 6,
    "pedestrian": 6, "bicyclist": 10, "motorcyclist": 10, "trunk": 4, "pole": 4, "traffic-sign": 2,
    "chair": 1, "bed": 30, "sofa": 20, "table": 2, "tvs": 0.3, "furniture": 6, "objects": 0.2,
}  # fmt: skip
"""Fewest voxels of 0.2 m that make an object, about a fifth of a typical one that is seen from one side only."""

DEFAULT_MINIMUM_VOXELS = 8
"""For thing classes that the table does not name."""

SIZE_EDGES_M3 = tuple(REFERENCE_VOLUME_M3 * 2.0**e for e in range(0, 16))
"""Edges of the size histogram: powers of two of one 0.2 m voxel; the last bin is open above."""


def minimum_voxels(name: str, grid: GridSpec) -> int:
    """Fewest voxels of `grid` that make an object of class `name`: the table scaled by voxel volume, at least 1."""
    at_reference = MINIMUM_VOXELS.get(name, DEFAULT_MINIMUM_VOXELS)
    return max(1, math.ceil(at_reference * REFERENCE_VOLUME_M3 / math.prod(grid.voxel_m) - 1e-9))


@njit(cache=True)
def _root(parent_N: NDArray[np.int32], i: int) -> int:
    while parent_N[i] != i:
        parent_N[i] = parent_N[parent_N[i]]
        i = parent_N[i]
    return i


@njit(cache=True)
def _component_of_voxel(
    labels_XYZ: NDArray[np.uint8], wanted_256: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Union-find over wanted voxels: their flat indices (N,) in C order, and for each the smallest member (N,)."""
    X, Y, Z = labels_XYZ.shape
    N = 0
    for label in labels_XYZ.ravel():
        N += wanted_256[label]
    voxel_N = np.empty(N, np.int64)
    parent_N = np.empty(N, np.int32)
    number_XYZ = np.full((X, Y, Z), -1, np.int32)
    n = 0
    for x in range(X):
        for y in range(Y):
            for z in range(Z):
                label = labels_XYZ[x, y, z]
                if not wanted_256[label]:
                    continue
                number_XYZ[x, y, z] = n
                voxel_N[n] = (x * Y + y) * Z + z
                parent_N[n] = n
                for dx in range(-1, 1):
                    for dy in range(-1, 2):
                        for dz in range(-1, 2):
                            if dx == 0 and (dy > 0 or (dy == 0 and dz >= 0)):
                                continue  # the 13 neighbours that come earlier in C order
                            u, v, w = x + dx, y + dy, z + dz
                            if u < 0 or v < 0 or v >= Y or w < 0 or w >= Z or labels_XYZ[u, v, w] != label:
                                continue
                            a, b = _root(parent_N, number_XYZ[u, v, w]), _root(parent_N, n)
                            if a < b:
                                parent_N[b] = a
                            else:
                                parent_N[a] = b
                n += 1
    for i in range(N):
        parent_N[i] = _root(parent_N, i)
    return parent_N, voxel_N


@dataclass(frozen=True)
class Components:
    """Connected components of one scene, in C order of their first voxel.

    `label_C` class ids, `size_C` in voxels, `centre_C3` mean voxel coordinates (centres at +0.5), `lower_C3` and
    `upper_C3` the box of voxels (upper exclusive); `voxel_N` flat indices of all their voxels, `component_N` whose.
    """

    label_C: NDArray[np.uint8]
    size_C: NDArray[np.int64]
    centre_C3: NDArray[np.float64]
    lower_C3: NDArray[np.int64]
    upper_C3: NDArray[np.int64]
    voxel_N: NDArray[np.int64]
    component_N: NDArray[np.int64]


def components(labels_XYZ: NDArray[np.uint8], classes: tuple[int, ...]) -> Components:
    """Components of each of `classes` under the 26-neighbourhood; voxels of different classes never join."""
    wanted_256 = np.zeros(256, np.bool_)
    wanted_256[list(classes)] = True
    labels_XYZ = np.ascontiguousarray(labels_XYZ)
    root_N, voxel_N = _component_of_voxel(labels_XYZ, wanted_256)
    first_C, component_N, size_C = np.unique(root_N, return_inverse=True, return_counts=True)
    C = len(first_C)
    xyz_N3 = np.stack(np.unravel_index(voxel_N, labels_XYZ.shape), axis=1)
    centre_C3 = np.stack([np.bincount(component_N, xyz_N3[:, a], C) for a in range(3)], axis=1) / size_C[:, None] + 0.5
    lower_C3, upper_C3 = np.full((C, 3), np.iinfo(np.int64).max), np.zeros((C, 3), np.int64)
    np.minimum.at(lower_C3, component_N, xyz_N3)
    np.maximum.at(upper_C3, component_N, xyz_N3 + 1)
    label_C = labels_XYZ.ravel()[voxel_N[first_C]]
    return Components(label_C, size_C, centre_C3, lower_C3, upper_C3, voxel_N, component_N)


def wasserstein_1(a_N: NDArray[np.floating], b_M: NDArray[np.floating]) -> float:
    """1-Wasserstein distance of two empirical distributions on the line: the integral of |F_a - F_b|, in their unit.

    nan where one side has no samples, 0 where neither has.
    """
    a, b = np.sort(np.asarray(a_N, np.float64)), np.sort(np.asarray(b_M, np.float64))
    if not a.size or not b.size:
        return 0.0 if a.size == b.size else float("nan")
    point = np.sort(np.concatenate([a, b]))
    F_a = np.searchsorted(a, point[:-1], side="right") / a.size
    F_b = np.searchsorted(b, point[:-1], side="right") / b.size
    return float(np.sum(np.abs(F_a - F_b) * np.diff(point)))


@dataclass(frozen=True)
class ClassObjects:
    """One thing class over a set of scenes.

    `per_scene` objects a scene, `present` share of scenes with at least one, `size_M_m3` volumes of all objects,
    `salt` share of the class's voxels outside any object (nan where the class has no voxels).
    """

    name: str
    minimum_voxels: int
    per_scene: float
    present: float
    size_M_m3: NDArray[np.float64]
    voxels: int
    salt: float

    def histogram(self) -> list[int]:
        """Objects between consecutive `SIZE_EDGES_M3`; the first bin is open below and the last above."""
        bin_M = np.searchsorted(SIZE_EDGES_M3, self.size_M_m3 * (1 + 1e-9), side="right") - 1
        return np.bincount(np.maximum(bin_M, 0), minlength=len(SIZE_EDGES_M3)).tolist()


@dataclass(frozen=True)
class ObjectSummary:
    """Objects over a set of scenes; `salt` is the share of all thing voxels outside any object."""

    scenes: int
    classes: dict[str, ClassObjects]
    salt: float


class ObjectStatistics:
    """Counts components of thing classes over scenes of one grid; keeps sizes, never scenes."""

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy) -> None:
        self.grid, self.taxonomy = grid, taxonomy
        self.minimum = {k: minimum_voxels(taxonomy.names[k], grid) for k in taxonomy.things}
        self._sizes: dict[int, list[NDArray[np.int64]]] = {k: [] for k in taxonomy.things}

    def add(self, scene: Scene) -> None:
        """Count one scene; raises `InputError` if its voxels or taxonomy are others."""
        if scene.taxonomy.names != self.taxonomy.names or scene.grid.voxel_m != self.grid.voxel_m:
            raise InputError(
                f"objects: expected {self.taxonomy.name} in voxels of {self.grid.voxel_m} m, "
                f"got {scene.taxonomy.name} in {scene.grid.voxel_m} m"
            )
        found = components(scene.labels_XYZ, self.taxonomy.things)
        for k, sizes in self._sizes.items():
            sizes.append(found.size_C[found.label_C == k])

    def result(self) -> ObjectSummary:
        """Summary of everything added so far."""
        voxel_m3 = math.prod(self.grid.voxel_m)
        scenes = len(next(iter(self._sizes.values()))) if self._sizes else 0
        classes: dict[str, ClassObjects] = {}
        salt_total = voxels_total = 0
        for k, sizes in self._sizes.items():
            all_sizes = np.concatenate(sizes) if sizes else np.zeros(0, np.int64)
            is_object = all_sizes >= self.minimum[k]
            voxels, salt = int(all_sizes.sum()), int(all_sizes[~is_object].sum())
            per_scene = [int((s >= self.minimum[k]).sum()) for s in sizes]
            classes[self.taxonomy.names[k]] = ClassObjects(
                name=self.taxonomy.names[k],
                minimum_voxels=self.minimum[k],
                per_scene=float(np.mean(per_scene)) if per_scene else 0.0,
                present=float(np.mean(np.array(per_scene) > 0)) if per_scene else 0.0,
                size_M_m3=all_sizes[is_object].astype(np.float64) * voxel_m3,
                voxels=voxels,
                salt=salt / voxels if voxels else float("nan"),
            )
            salt_total, voxels_total = salt_total + salt, voxels_total + voxels
        return ObjectSummary(scenes, classes, salt_total / voxels_total if voxels_total else float("nan"))


def count_distance(a: ObjectSummary, b: ObjectSummary) -> float:
    """Sum over thing classes of |objects a scene in a - in b|, over the sum of b's: 0 is equal, 1 is none found."""
    expected = sum(c.per_scene for c in b.classes.values())
    difference = sum(abs(a.classes[name].per_scene - c.per_scene) for name, c in b.classes.items())
    return difference / expected if expected else float("nan") if difference else 0.0


def size_distances_m3(a: ObjectSummary, b: ObjectSummary) -> dict[str, float]:
    """1-Wasserstein distance of object sizes for each thing class of `b`, in cubic metres."""
    return {name: wasserstein_1(a.classes[name].size_M_m3, c.size_M_m3) for name, c in b.classes.items()}
