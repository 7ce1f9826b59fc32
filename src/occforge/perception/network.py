"""What a perception network is, and how a name becomes one.

A network is one module of this package with a frozen dataclass `Config`, `PRESETS: dict[str, Config]` and
`build(config, grid, taxonomy) -> PerceptionNetwork`; it is found by listing the modules. A dotted name loads a module
from outside the project. Shape legend: B batch, K classes, H W image, X Y Z voxels.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy


@dataclass(frozen=True)
class Hints:
    """What some networks take beside the picture: depth in metres (B, H, W), 0 where unknown; noise level (B,) in 0-1.

    The noise level is sqrt(1 - alpha_bar_t) of a picture on its way through a diffusion; 0 is a clean picture.
    """

    depth_BHW_m: Tensor | None = None
    noise_level_B: Tensor | None = None


@dataclass(frozen=True)
class Shown:
    """What every pixel shows, for networks that learn to tell: depth along the optical axis (B, H, W) in metres and
    class (B, H, W), empty where nothing is met and 255 where unknown."""

    depth_BHW_m: Tensor
    class_BHW: Tensor


@dataclass(frozen=True)
class Prediction:
    """Logits of every voxel, and what the network's own losses need, each with the batch as its first axis."""

    logits_BKXYZ: Tensor
    extras: dict[str, Tensor] = field(default_factory=dict)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Prediction":
        """One of changed tensors; `change` gets each with its batch, and may return a part of it."""
        return Prediction(change(self.logits_BKXYZ), {name: change(x) for name, x in self.extras.items()})


class PerceptionNetwork(nn.Module):
    """A picture and its camera in, semantic occupancy of `grid` out. Geometry comes from the camera alone.

    `needs` names the fields of `Hints` that `forward` cannot do without.
    """

    needs: frozenset[str] = frozenset()

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.grid, self.taxonomy = grid, taxonomy

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """RGB in 0-1 and cameras of its size to the `Prediction`; raises `InputError` where they do not fit."""
        raise NotImplementedError

    def loss(
        self, prediction: Prediction, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """Named terms to be added up and minimised; `target_BXYZ` is uint8, 255 where unknown, `shown` where known."""
        raise NotImplementedError

    def check(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> None:
        """Raise `InputError` unless picture, cameras and hints fit together; networks call it first."""
        if tuple(image_B3HW.shape[-2:]) != cameras.size_HW or image_B3HW.shape[1] != 3:
            raise InputError(
                f"perception: expected an RGB image of (H, W) {cameras.size_HW} as its camera says, got "
                f"{tuple(image_B3HW.shape[1:])}; use camera.resized(image size)"
            )
        if len(cameras) != len(image_B3HW):
            raise InputError(f"perception: expected a camera an image, got {len(cameras)} for {len(image_B3HW)}")
        for name in sorted(self.needs):
            if getattr(hints, name) is None:
                raise InputError(
                    f"perception: {type(self).__name__} needs {name.split('_')[0]} beside the image, got none; choose "
                    "a dataset that has it or a network that does not need it"
                )


def network_names() -> list[str]:
    """Names of the networks of this project: the modules of `occforge.perception` that define `build`."""
    package = importlib.import_module("occforge.perception")
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    return sorted(name for name in names if _builds(importlib.import_module(f"occforge.perception.{name}")))


def network_module(name: str) -> ModuleType:
    """The module of a network, by name or dotted name; raises `InputError` if there is none."""
    if "." in name:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise InputError(f"cannot import network module '{name}' ({error}); install it or mend the name") from error
        if not _builds(module):
            raise InputError(f"network module '{name}' defines no build(config, grid, taxonomy); add that function")
        return module
    names = network_names()
    if name not in names:
        raise InputError(
            f"no perception network '{name}'; expected one of {', '.join(names)}, or the dotted name of a module that "
            "defines Config, PRESETS and build(config, grid, taxonomy)"
        )
    return importlib.import_module(f"occforge.perception.{name}")


def preset(name: str, size: str) -> Any:
    """The configuration of a network at a named size; raises `InputError` naming the sizes if there is none."""
    presets = network_module(name).PRESETS
    if size not in presets:
        raise InputError(f"network {name}: expected a preset {' or '.join(presets)}, got '{size}'")
    return presets[size]


def build_network(name: str, config: Any, grid: GridSpec, taxonomy: Taxonomy) -> PerceptionNetwork:
    """A network with fresh weights; `config` is an instance of its module's `Config`."""
    network: PerceptionNetwork = network_module(name).build(config, grid, taxonomy)
    return network


def _builds(module: ModuleType) -> bool:
    return callable(vars(module).get("build")) and "Config" in vars(module)
