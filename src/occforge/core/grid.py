"""Where voxels are: `GridSpec` (geometry) and `Scene` (labels in that geometry).

Shape legend: X forward, Y left, Z up; arrays are indexed [x, y, z].
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.files import atomic_path, check_numpy
from occforge.core.taxonomy import UNKNOWN, Taxonomy


@dataclass(frozen=True)
class GridSpec:
    """A box of voxels in a right-handed metric frame: x forward, y left, z up.

    `origin_m` is the lower corner of voxel (0, 0, 0), so voxel (i, j, k) spans
    `origin_m + (i, j, k) * voxel_m` to `origin_m + (i + 1, j + 1, k + 1) * voxel_m`.
    """

    shape_XYZ: tuple[int, int, int]
    voxel_m: tuple[float, float, float]
    origin_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.shape_XYZ) != 3 or min(self.shape_XYZ) < 1:
            raise InputError(f"grid shape: expected three positive integers, got {self.shape_XYZ}")
        if len(self.voxel_m) != 3 or not all(np.isfinite(v) and v > 0 for v in self.voxel_m):
            raise InputError(f"voxel size: expected three positive lengths in metres, got {self.voxel_m}")
        if len(self.origin_m) != 3 or not all(np.isfinite(v) for v in self.origin_m):
            raise InputError(f"grid origin: expected three finite lengths in metres, got {self.origin_m}")

    @property
    def extent_m(self) -> tuple[float, float, float]:
        """Edge lengths of the whole box in metres."""
        x, y, z = (n * v for n, v in zip(self.shape_XYZ, self.voxel_m, strict=True))
        return x, y, z

    def metres_from_index(self, index_N3: NDArray[np.floating]) -> NDArray[np.float64]:
        """Continuous voxel coordinates (N, 3) to metres; the centre of voxel i lies at i + 0.5."""
        return np.asarray(index_N3) * np.asarray(self.voxel_m) + np.asarray(self.origin_m)

    def centres_N3_m(self) -> NDArray[np.float64]:
        """Centres of all voxels in metres, (N, 3), in C order over (X, Y, Z)."""
        index_XYZ3 = np.stack(np.meshgrid(*(np.arange(n) for n in self.shape_XYZ), indexing="ij"), -1)
        return self.metres_from_index(index_XYZ3.reshape(-1, 3) + 0.5)

    def index_from_metres(self, point_N3_m: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres (N, 3) to continuous voxel coordinates; `floor` of them is the voxel's index."""
        return (np.asarray(point_N3_m) - np.asarray(self.origin_m)) / np.asarray(self.voxel_m)

    def pooled(self, factor_XYZ: tuple[int, int, int]) -> "GridSpec":
        """The grid whose voxels are blocks of `factor_XYZ` of this one's; raises if they do not divide it."""
        if any(n % f for n, f in zip(self.shape_XYZ, factor_XYZ, strict=True)):
            raise InputError(f"pooling by {factor_XYZ} does not divide a grid of {self.shape_XYZ}")
        X, Y, Z = (n // f for n, f in zip(self.shape_XYZ, factor_XYZ, strict=True))
        vx, vy, vz = (v * f for v, f in zip(self.voxel_m, factor_XYZ, strict=True))
        return GridSpec((X, Y, Z), (vx, vy, vz), self.origin_m)

    def factor_of(self, coarse: "GridSpec") -> tuple[int, int, int] | None:
        """How many voxels of this grid one of `coarse` spans along each axis; None unless it is this grid, pooled."""
        x, y, z = (round(n / v) for n, v in zip(coarse.voxel_m, self.voxel_m, strict=True))
        if min(x, y, z) < 1 or any(n % f for n, f in zip(self.shape_XYZ, (x, y, z), strict=True)):
            return None
        pooled = self.pooled((x, y, z))
        close = np.allclose(pooled.voxel_m, coarse.voxel_m) and np.allclose(pooled.origin_m, coarse.origin_m)
        return (x, y, z) if close and pooled.shape_XYZ == coarse.shape_XYZ else None


STREET_GRID = GridSpec((256, 256, 32), (0.2, 0.2, 0.2), (0.0, -25.6, -2.0))
"""SemanticKITTI's grid (v1.1): 51.2 m ahead of the car, 25.6 m to each side, LiDAR frame."""


@dataclass(frozen=True)
class Scene:
    """A labelled voxel grid: `labels_XYZ` uint8 holds class ids of `taxonomy`, 255 where unknown."""

    labels_XYZ: NDArray[np.uint8]
    grid: GridSpec
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        if self.labels_XYZ.dtype != np.uint8 or self.labels_XYZ.shape != self.grid.shape_XYZ:
            raise InputError(
                f"scene labels: expected uint8 {self.grid.shape_XYZ}, "
                f"got {self.labels_XYZ.dtype} {self.labels_XYZ.shape}"
            )
        counts = np.bincount(self.labels_XYZ.ravel(), minlength=256)
        bad = np.flatnonzero(counts[self.taxonomy.class_count : UNKNOWN])
        if bad.size:
            raise InputError(
                f"scene labels: class id {bad[0] + self.taxonomy.class_count} is not in taxonomy "
                f"{self.taxonomy.name} (0-{self.taxonomy.class_count - 1}, 255 unknown); remap the labels first"
            )

    @property
    def valid_XYZ(self) -> NDArray[np.bool_]:
        """True where the label is known."""
        return self.labels_XYZ != UNKNOWN

    def save(self, path: Path) -> None:
        """Write labels, validity, grid and taxonomy as one compressed npz, without any pickled object."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                labels_XYZ=self.labels_XYZ,
                valid_XYZ=np.packbits(self.valid_XYZ),
                voxel_m=np.array(self.grid.voxel_m),
                origin_m=np.array(self.grid.origin_m),
                taxonomy=np.frombuffer(self.taxonomy.to_json().encode(), np.uint8),
            )

    @staticmethod
    def load(path: Path) -> "Scene":
        """Read what `save` wrote; raises `InputError` if the file is missing, truncated or something else."""
        if not path.is_file():
            raise InputError(f"expected a scene file at {path}, found none; give the path of a scene.npz")
        try:
            check_numpy(path)
            with np.load(path, allow_pickle=False) as file:
                labels = file["labels_XYZ"]
                voxel_m, origin_m = file["voxel_m"], file["origin_m"]
                taxonomy = Taxonomy.from_json(file["taxonomy"].tobytes().decode())
            for name, value_3 in (("voxel_m", voxel_m), ("origin_m", origin_m)):
                if value_3.shape != (3,) or value_3.dtype.kind not in "fiu":
                    raise ValueError(f"{name}: expected three numbers, got {value_3.dtype} {value_3.shape}")
        except Exception as error:  # a damaged archive raises anything: zlib.error, BadZipFile, NotImplementedError
            raise InputError(f"{path} is not a readable scene file ({error}); make it again") from error
        grid = GridSpec(labels.shape, tuple(voxel_m.tolist()), tuple(origin_m.tolist()))
        return Scene(labels, grid, taxonomy)


class World(Protocol):
    """Anything made for voxels and classes: a scene, a network, a dataset."""

    @property
    def grid(self) -> GridSpec:
        """Its voxels."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Its classes."""


def check_one_world(what: str, **worlds: World) -> None:
    """Raise `InputError` unless all have the same voxels and classes; their names are words of the message."""
    (first, one), *others = worlds.items()
    for name, other in others:
        if other.grid != one.grid or other.taxonomy.names != one.taxonomy.names:
            (a, b) = (f"the {n.replace('_', ' ')} {_described(w)}" for n, w in ((first, one), (name, other)))
            raise InputError(f"{what}: expected the same voxels and classes, got {a} and {b}; choose two of one world")


def _described(world: World) -> str:
    shape = " x ".join(map(str, world.grid.shape_XYZ))
    return f"with {shape} voxels of {world.grid.voxel_m[0]:g} m and classes of {world.taxonomy.name}"
