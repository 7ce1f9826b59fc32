"""Scenes as a camera on its way sees them: frames with labels, depth and what a caption could say of them.

Shape legend: N frames of a path, H W picture rows and columns, X Y Z voxels.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ATTRIBUTES
from occforge.core.camera import Camera, drive_path
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.rays import Rays
from occforge.data._transforms import downsample
from occforge.data.pairs import DatasetPairs, WorldPairs
from occforge.data.shards import Arrays, Shards
from occforge.render.raycast import rays_of
from occforge.render.shade import set_stage, shade_stage
from occforge.world.street import make_street

NOT_KNOWN = -1
"""Stands in the cache for an attribute that is not known."""


@dataclass(frozen=True)
class Views:
    """Frames of one scene, and the rays of their cameras: in its own voxels, and in the pooled ones of `labels_XYZ`."""

    images_NHW3: NDArray[np.uint8]
    cameras: tuple[Camera, ...]
    labels_XYZ: NDArray[np.uint8]
    fine: Rays
    coarse: Rays
    attributes: dict[str, str]


class ViewSource(Protocol):
    """Views by index, picklable, the same for the same index always."""

    @property
    def pairs(self) -> WorldPairs | DatasetPairs:
        """Pictures, voxels and classes of the key frames."""
        ...

    @property
    def identity(self) -> str:
        """A name that changes when the views would."""
        ...

    def __len__(self) -> int:
        """Number of scenes."""
        ...

    def views(self, index: int) -> Views:
        """The frames of one scene."""
        ...


@dataclass(frozen=True)
class WorldViews:
    """`pairs.count` streets, each seen by `frames` cameras `step_m` apart on a straight way."""

    pairs: WorldPairs
    frames: int = 1
    step_m: float = 0.8

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise InputError(f"views: expected 1 frame or more, got {self.frames}")

    @property
    def identity(self) -> str:
        """A name that changes when the views would."""
        return f"{self.pairs.identity}-{self.frames}x{self.step_m}"

    def __len__(self) -> int:
        return len(self.pairs)

    def views(self, index: int) -> Views:
        """The views of a street."""
        seed = self.pairs.first_seed + index
        street = make_street(seed)
        cameras = drive_path(self.pairs.camera(index), self.frames, self.step_m).cameras
        stage = set_stage(street.scene, seed)
        images_NHW3 = np.stack([shade_stage(stage, camera, street.weather) for camera in cameras])
        labels_XYZ = downsample(street.scene.labels_XYZ, self.pairs.factor)
        return _views(images_NHW3, cameras, street.scene, labels_XYZ, self.pairs, street.attributes)


@dataclass(frozen=True)
class DatasetViews:
    """Single frames of a dataset; nothing is known of what a caption could say."""

    pairs: DatasetPairs

    @property
    def identity(self) -> str:
        """See `ViewSource`."""
        return f"views-{self.pairs.identity}"

    def __len__(self) -> int:
        return len(self.pairs)

    def views(self, index: int) -> Views:
        """See `ViewSource`."""
        sample = self.pairs.sample(index)
        pair = self.pairs.pair_of(sample)
        return _views(pair.image_HW3[None], (pair.camera,), sample.scene, pair.labels_XYZ, self.pairs, {})


def _views(
    images_NHW3: NDArray[np.uint8],
    cameras: tuple[Camera, ...],
    scene: Scene,
    labels_XYZ: NDArray[np.uint8],
    pairs: WorldPairs | DatasetPairs,
    attributes: dict[str, str],
) -> Views:
    coarse = Scene(labels_XYZ, pairs.grid, pairs.taxonomy)
    return Views(images_NHW3, cameras, labels_XYZ, rays_of(scene, cameras), rays_of(coarse, cameras), attributes)


class ViewCache:
    """The views of a source by index, kept on disk; those that are missing are made when first asked for."""

    def __init__(self, folder: Path, source: ViewSource) -> None:
        self.source = source
        named = [source.identity, asdict(source.pairs.grid), *_RAYS]
        digest = hashlib.sha256(json.dumps(named).encode())
        self.shards = Shards(folder / f"views-{digest.hexdigest()[:16]}", len(source), _MakeViews(source))

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, workers: int) -> None:
        """Make all that is missing, `workers` processes side by side, with progress."""
        self.shards.fill(workers, "views")

    def __getitem__(self, index: int) -> Views:
        arrays = self.shards[index]
        size_HW = arrays["images_NHW3"].shape[1:3]
        geometry = zip(arrays["K_N33"], arrays["camera_from_grid_N44"], strict=True)
        cameras = tuple(Camera(np.asarray(K, float), np.asarray(pose, float), size_HW) for K, pose in geometry)
        values = zip(ATTRIBUTES.items(), arrays["attributes_A"].tolist(), strict=True)
        attributes = {name: allowed[i] for (name, allowed), i in values if i != NOT_KNOWN}
        fine, coarse = (_rays(arrays, which) for which in ("fine", "coarse"))
        return Views(arrays["images_NHW3"], cameras, arrays["labels_XYZ"], fine, coarse, attributes)  # type: ignore[arg-type]


def _rays(arrays: Arrays, which: str) -> Rays:
    kept = {name: arrays[f"{which}_{name}"] for name in _RAYS}
    return Rays(voxel_m=float(arrays[f"{which}_voxel_m"]), **kept)  # type: ignore[arg-type]


_RAYS = ("semantic_NHW", "depth_NHW_m", "normal_NHW3")


def _code(attributes: dict[str, str], name: str) -> int:
    return ATTRIBUTES[name].index(attributes[name]) if name in attributes else NOT_KNOWN


@dataclass(frozen=True)
class _MakeViews:
    source: ViewSource

    def __call__(self, indices: Sequence[int]) -> Arrays:
        made = [self.source.views(i) for i in indices]
        codes = [[_code(v.attributes, name) for name in ATTRIBUTES] for v in made]
        arrays: dict[str, NDArray[np.generic]] = {
            f"{which}_{name}": np.stack([getattr(getattr(v, which), name) for v in made])
            for which in ("fine", "coarse")
            for name in (*_RAYS, "voxel_m")
        }
        arrays["images_NHW3"] = np.stack([v.images_NHW3 for v in made])
        arrays["labels_XYZ"] = np.stack([v.labels_XYZ for v in made])
        arrays["K_N33"] = np.stack([[c.K_33 for c in v.cameras] for v in made])
        arrays["camera_from_grid_N44"] = np.stack([[c.camera_from_grid_44 for c in v.cameras] for v in made])
        arrays["attributes_A"] = np.array(codes, np.int8)
        return arrays
