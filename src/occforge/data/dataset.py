"""What a dataset is, and how a name becomes one.

A dataset is one module of this package with a function `open(root, split, images) -> SceneDataset`; it is found by
listing the modules, so a new one needs no entry anywhere. A dotted name loads a module from outside the project.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import Taxonomy


@dataclass(frozen=True)
class Sample:
    """One frame: `scene`, and what the dataset has beside it.

    `image_HW3` is uint8 RGB and `camera` (in the scene's grid frame) has its size; both are None where the dataset
    has no picture or was opened with `images=False`. `mentioned` holds the attributes that `caption` names.
    `name` is unique within the dataset, for example `"08/000005"`. `depth_HW_m` is float32 depth along the optical
    axis of `camera`, 0 where the sensor saw none. `scored_XYZ` marks the voxels that the benchmark scores, None
    where it scores all known ones; labels outside it stay.
    """

    scene: Scene
    image_HW3: NDArray[np.uint8] | None
    camera: Camera | None
    caption: str | None
    mentioned: dict[str, str] | None
    name: str
    depth_HW_m: NDArray[np.float32] | None = None
    scored_XYZ: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.image_HW3 is not None:
            size_HW = None if self.camera is None else self.camera.size_HW
            if self.image_HW3.dtype != np.uint8 or self.image_HW3.ndim != 3 or self.image_HW3.shape[2] != 3:
                raise InputError(
                    f"sample {self.name}: expected a uint8 (H, W, 3) image, got {self.image_HW3.dtype} "
                    f"{self.image_HW3.shape}; convert it to 8-bit RGB"
                )
            if size_HW is not None and size_HW != self.image_HW3.shape[:2]:
                raise InputError(
                    f"sample {self.name}: the camera expects an image of (H, W) {size_HW}, got "
                    f"{self.image_HW3.shape[:2]}; use camera.resized(image size)"
                )
        if self.depth_HW_m is not None and (
            self.depth_HW_m.dtype != np.float32 or self.camera is None or self.depth_HW_m.shape != self.camera.size_HW
        ):
            raise InputError(
                f"sample {self.name}: expected float32 depth (H, W) of a camera's size, got {self.depth_HW_m.dtype} "
                f"{self.depth_HW_m.shape}; give metres and the camera that saw them"
            )
        if self.scored_XYZ is not None and (
            self.scored_XYZ.dtype != np.bool_ or self.scored_XYZ.shape != self.scene.grid.shape_XYZ
        ):
            raise InputError(
                f"sample {self.name}: expected a bool mask {self.scene.grid.shape_XYZ} of scored voxels, got "
                f"{self.scored_XYZ.dtype} {self.scored_XYZ.shape}; mask the scene's own voxels"
            )


class SceneDataset(Protocol):
    """A sized sequence of samples that share one grid and one taxonomy; `[i]` past the end raises `IndexError`."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The classes of every scene."""
        ...

    @property
    def grid(self) -> GridSpec:
        """The geometry of every scene."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def dataset_names() -> list[str]:
    """Names of the datasets of this project: the modules of `occforge.data` that define `open`."""
    package = importlib.import_module("occforge.data")
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    return sorted(name for name in names if _opens(importlib.import_module(f"occforge.data.{name}")))


def open_dataset(name: str, root: Path | None, split: str, images: bool = True) -> SceneDataset:
    """Open split `split` (`"train"`, `"val"`, `"test"`) of dataset `name` under folder `root`.

    `name` is one of `dataset_names()` or the dotted name of a module from outside that defines
    `open(root, split, images)`. `root` is ignored by datasets without files. With `images=False` no picture and no
    camera is read. Raises `InputError` if the name is none, or if the dataset finds its files wanting.
    """
    if "." in name:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise InputError(f"cannot import dataset module '{name}' ({error}); install it or mend the name") from error
        if not _opens(module):
            raise InputError(f"dataset module '{name}' defines no open(root, split, images); add that function")
    else:
        names = dataset_names()
        if name not in names:
            raise InputError(
                f"no dataset '{name}'; expected one of {', '.join(names)}, or the dotted name of a module that "
                "defines open(root, split, images)"
            )
        module = importlib.import_module(f"occforge.data.{name}")
    return cast(SceneDataset, module.open(root, split, images))


def _opens(module: ModuleType) -> bool:
    return callable(vars(module).get("open"))
