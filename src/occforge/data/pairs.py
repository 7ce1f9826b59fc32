"""Pictures with the occupancy that they show: what perception networks learn from.

Shape legend: H W image rows and columns, X Y Z voxels.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from occforge import __version__
from occforge.core.camera import Camera, look_camera, street_camera
from occforge.core.errors import InputError, check_count
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import EMPTY, SEMANTIC_KITTI, UNKNOWN, Taxonomy
from occforge.data._transforms import downsample
from occforge.data.dataset import Sample, SceneDataset, open_dataset
from occforge.data.procedural import TEST_FIRST_SEED, world_digest
from occforge.data.shards import Arrays, Shards
from occforge.render.picture import resize_rgb
from occforge.render.raycast import raycast
from occforge.render.shade import shade
from occforge.world.street import Street, make_street

TABLES = frozenset({".txt", ".json", ".yaml"})
"""Files of datasets that say where cameras are."""


MAPS = ("depth_HW_m", "surface_HW_m", "class_HW")
"""Fields of a pair that it may lack."""


@dataclass(frozen=True)
class Pair:
    """A picture (H, W, 3) uint8, its camera, and `labels_XYZ` uint8, 255 where unknown or not scored.

    `depth_HW_m` is float32 depth along the optical axis where the source has it, 0 where unknown. To learn from, what
    every pixel shows by the source's own voxels: `surface_HW_m` float32 depth, 0 where unknown or where nothing is met,
    and `class_HW` uint8, empty where nothing is met and 255 where unknown.
    """

    image_HW3: NDArray[np.uint8]
    camera: Camera
    labels_XYZ: NDArray[np.uint8]
    depth_HW_m: NDArray[np.float32] | None = None
    surface_HW_m: NDArray[np.float32] | None = None
    class_HW: NDArray[np.uint8] | None = None


class PairSource(Protocol):
    """Pairs by index, picklable, the same pair for the same index always; images of one size."""

    @property
    def identity(self) -> str:
        """What decides the pair of an index, for naming a cache; their number only where that does, too."""
        ...

    @property
    def grid(self) -> GridSpec:
        """Geometry of every scene."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes of every scene."""
        ...

    def __len__(self) -> int:
        """Number of pairs."""
        ...

    def place(self, index: int) -> str:
        """Where a pair is from: those of one place show the same things."""
        ...

    def pair(self, index: int) -> Pair:
        """One pair."""
        ...


@dataclass(frozen=True)
class WorldPairs:
    """Streets of the world, seeds `first_seed` to `first_seed + count - 1`, seen by a car's camera.

    `factor` voxels of 0.2 m become one along each axis, by the rule of `data._transforms`. `varied` is the share of
    streets with a camera of their own, of another height, pitch, yaw and field of view, as users' pictures will have;
    the others have the standard one, as all pictures of a dataset do. What pixels show is that of the 0.2 m voxels.
    """

    first_seed: int
    count: int
    size_HW: tuple[int, int] = (64, 192)
    factor: int = 4
    varied: float = 0.0
    taxonomy: Taxonomy = SEMANTIC_KITTI

    def __post_init__(self) -> None:
        check_count("streets", self.count)

    @property
    def identity(self) -> str:
        """See `PairSource`."""
        look = picture_digest()
        return (
            f"world-pairs-surfaces-{world_digest()}-{look}-{self.first_seed}-{self.size_HW}-{self.factor}-{self.varied}"
        )

    @property
    def grid(self) -> GridSpec:
        """See `PairSource`."""
        return STREET_GRID.pooled((self.factor, self.factor, self.factor))

    def __len__(self) -> int:
        return self.count

    def place(self, index: int) -> str:
        """See `PairSource`: every street is one of its own."""
        return f"street {self.first_seed + index}"

    def camera(self, index: int) -> Camera:
        """The camera that sees street `index`."""
        seed = self.first_seed + index
        if np.random.default_rng((seed, 18)).random() >= self.varied:
            return street_camera(self.size_HW)
        rng = np.random.default_rng((seed, 17))
        height_m, yaw, pitch = rng.normal(-0.08, 0.15), rng.normal(0.0, 0.03), rng.normal(0.0, 0.02)
        fov_x = math.radians(rng.uniform(65.0, 95.0))
        return look_camera((0.27, 0.0, float(height_m)), fov_x, self.size_HW, float(yaw), float(pitch))

    def pair(self, index: int) -> Pair:
        """See `PairSource`."""
        seed = self.first_seed + index
        street = make_street(seed)
        image_HW3 = shade(street.scene, self.camera(index), street.weather, seed)
        return replace(self._seen(street, index), image_HW3=image_HW3)

    def seen(self, index: int) -> Pair:
        """The pair with a black picture: a tenth of the time."""
        return self._seen(make_street(self.first_seed + index), index)

    def _seen(self, street: Street, index: int) -> Pair:
        camera = self.camera(index)
        labels_XYZ, image_HW3 = downsample(street.scene.labels_XYZ, self.factor), np.zeros((*self.size_HW, 3), np.uint8)
        return Pair(image_HW3, camera, labels_XYZ, None, *what_pixels_show(street.scene, camera))


@lru_cache
def picture_digest() -> str:
    """Eight hex digits that change when the renderer does: a hash of a few small pictures."""
    digest, camera = hashlib.sha256(), street_camera((24, 72))
    for seed in range(TEST_FIRST_SEED, TEST_FIRST_SEED + 2):
        street = make_street(seed)
        digest.update(shade(street.scene, camera, street.weather, seed).tobytes())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class DatasetPairs:
    """Frames of a dataset reader, pictures resized to `size_HW` with their cameras, voxels not scored made unknown.

    `indices` names the frames to use; None means all. Raises `InputError` where frames have no pictures.
    """

    name: str
    root: Path | None
    split: str
    size_HW: tuple[int, int]
    factor: int = 1
    indices: tuple[int, ...] | None = None
    _dataset: SceneDataset = field(init=False, repr=False, compare=False)
    _tables: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_dataset", open_dataset(self.name, self.root, self.split, images=True))
        object.__setattr__(self, "_tables", "" if self.root is None else tables_digest(Path(self.root)))

    @property
    def identity(self) -> str:
        """See `PairSource`; other calibrations, tables or readers make other pairs."""
        where = "" if self.root is None else f"{Path(self.root).resolve()}-{self._tables}"
        which = hashlib.sha256(repr(self.indices or len(self)).encode()).hexdigest()[:8]
        return f"{self.name}-surfaces-{__version__}-{self.split}-{where}-{self.size_HW}-{self.factor}-{which}"

    def some(self, most: int | None) -> "DatasetPairs":
        """These pairs, or if they are more, `most` of them, evenly spread."""
        if most is not None:
            check_count("pairs", most)
        if most is None or most >= len(self):
            return self
        fewer, mine = copy(self), self.indices or range(len(self))  # not `replace`: tables are read once
        object.__setattr__(fewer, "indices", tuple(mine[i * len(self) // most] for i in range(most)))
        return fewer

    @property
    def grid(self) -> GridSpec:
        """See `PairSource`."""
        return self._dataset.grid.pooled((self.factor, self.factor, self.factor))

    @property
    def taxonomy(self) -> Taxonomy:
        """See `PairSource`."""
        return self._dataset.taxonomy

    def __len__(self) -> int:
        return len(self._dataset) if self.indices is None else len(self.indices)

    def place(self, index: int) -> str:
        """See `PairSource`: the folder, sequence or scene that names of frames begin with."""
        name = self.sample(index).name
        return name.rpartition("/")[0] or name

    def sample(self, index: int) -> Sample:
        """The frame of a pair, as the reader gives it."""
        return self._dataset[index if self.indices is None else self.indices[index]]

    def pair(self, index: int) -> Pair:
        """See `PairSource`."""
        return self.pair_of(self.sample(index))

    def pair_of(self, sample: Sample) -> Pair:
        """The pair of a frame; raises `InputError` if it has no picture."""
        if sample.image_HW3 is None or sample.camera is None:
            raise InputError(f"{self.name} {sample.name}: expected a picture and its camera, got none; add the images")
        labels_XYZ = sample.scene.labels_XYZ
        if sample.scored_XYZ is not None:
            labels_XYZ = np.where(sample.scored_XYZ, labels_XYZ, UNKNOWN).astype(np.uint8)
        image_HW3 = resize_rgb(sample.image_HW3, self.size_HW)
        depth_HW_m = None if sample.depth_HW_m is None else nearest(sample.depth_HW_m, self.size_HW)
        camera = sample.camera.resized(self.size_HW)
        shown = what_pixels_show(replace(sample.scene, labels_XYZ=labels_XYZ), camera)
        return Pair(image_HW3, camera, downsample(labels_XYZ, self.factor), depth_HW_m, *shown)


def what_pixels_show(scene: Scene, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """`surface_HW_m` and `class_HW` of a pair: the first voxel that is not empty; unknown ones hide others, too."""
    labels_XYZ = scene.labels_XYZ
    view = raycast(replace(scene, labels_XYZ=np.where(labels_XYZ == UNKNOWN, np.uint8(1), labels_XYZ)), camera)
    class_HW = np.where(view.voxel_HW < 0, np.uint8(EMPTY), labels_XYZ.ravel()[view.voxel_HW])
    return np.where(class_HW == UNKNOWN, np.float32(0.0), view.depth_HW), class_HW


T = TypeVar("T", bound=np.generic)


def nearest(values_HW: NDArray[T], size_HW: tuple[int, int]) -> NDArray[T]:
    """A map at another size: each pixel has the value at its centre, as values beside an edge must not be mixed."""
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size_HW, values_HW.shape, strict=True))
    return np.ascontiguousarray(values_HW[np.ix_(rows, columns)])


def tables_digest(root: Path) -> str:
    """Eight hex digits that change when a calibration, pose or table under `root` does, by sizes and times."""
    digest, walked = hashlib.sha256(), set[str]()
    for folder, below, names in os.walk(root, followlinks=True):
        walked.add(os.path.realpath(folder))
        below[:] = sorted(f for f in below if os.path.realpath(Path(folder) / f) not in walked)
        for path in (Path(folder) / name for name in sorted(names) if Path(name).suffix in TABLES):
            if path.is_file():  # and no link to nowhere
                found = path.stat()
                digest.update(f"{path.relative_to(root)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class JoinedPairs:
    """The pairs of several sources, one after the other; raises `InputError` unless they share voxels and classes."""

    sources: tuple[PairSource, ...]

    def __post_init__(self) -> None:
        for other in self.sources[1:]:
            mine, theirs = self.sources[0].grid, other.grid
            if (mine, self.sources[0].taxonomy.names) != (theirs, other.taxonomy.names):
                raise InputError(
                    f"joined pairs: expected one grid and one set of classes, got {mine.shape_XYZ} voxels of "
                    f"{mine.voxel_m} m in {self.taxonomy.name} and {theirs.shape_XYZ} of {theirs.voxel_m} m in "
                    f"{other.taxonomy.name}"
                )

    @property
    def identity(self) -> str:
        """See `PairSource`."""
        return " and ".join(f"{len(source)} {source.identity}" for source in self.sources)

    @property
    def grid(self) -> GridSpec:
        """See `PairSource`."""
        return self.sources[0].grid

    @property
    def taxonomy(self) -> Taxonomy:
        """See `PairSource`."""
        return self.sources[0].taxonomy

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def place(self, index: int) -> str:
        """See `PairSource`."""
        source, own = self._within(index)
        return source.place(own)

    def pair(self, index: int) -> Pair:
        """See `PairSource`."""
        source, own = self._within(index)
        return source.pair(own)

    def _within(self, index: int) -> tuple[PairSource, int]:
        for source in self.sources:
            if index < len(source):
                return source, index
            index -= len(source)
        raise IndexError(index)


class PairCache:
    """The pairs of a source by index, kept on disk; those that are missing are made when first asked for."""

    def __init__(self, folder: Path, source: PairSource) -> None:
        self.source = source
        digest = hashlib.sha256(json.dumps([source.identity, asdict(source.grid)]).encode()).hexdigest()
        self.shards = Shards(folder / f"pairs-{digest[:16]}", len(source), _MakePairs(source))

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, workers: int) -> None:
        """Make every missing pair, `workers` processes side by side, with progress."""
        self.shards.fill(workers, "pictures")

    def __getitem__(self, index: int) -> Pair:
        arrays = self.shards[index]
        image_HW3 = np.asarray(arrays["image_HW3"], np.uint8)
        height, width = image_HW3.shape[:2]
        K_33, pose_44 = np.asarray(arrays["K_33"], float), np.asarray(arrays["camera_from_grid_44"], float)
        maps: dict[str, Any] = {name: arrays[name] for name in MAPS if name in arrays}
        return Pair(
            image_HW3,
            Camera(K_33, pose_44, (height, width)),
            np.asarray(arrays["labels_XYZ"], np.uint8),
            **maps,
        )


@dataclass(frozen=True)
class _MakePairs:
    source: PairSource

    def __call__(self, indices: Sequence[int]) -> Arrays:
        pairs = [self.source.pair(i) for i in indices]
        shown = {
            name: [getattr(p, name) for p in pairs] for name in MAPS if all(getattr(p, name) is not None for p in pairs)
        }
        return {name: np.stack(maps) for name, maps in shown.items()} | {
            "image_HW3": np.stack([p.image_HW3 for p in pairs]),
            "K_33": np.stack([p.camera.K_33 for p in pairs]),
            "camera_from_grid_44": np.stack([p.camera.camera_from_grid_44 for p in pairs]),
            "labels_XYZ": np.stack([p.labels_XYZ for p in pairs]),
        }
