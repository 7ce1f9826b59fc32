"""One D3PM over all voxels of the scene: no stages, no separation (the baseline "D3PM" of Comp-D3PM, Tables 1-2).

Paper: a 3D U-Net of Lee et al. (2024). Here: the BEDiT of our object stage beneath one finer resolution, with its
self-conditioning, request and calibration. Because: only the composition shall differ. A step on the full grid costs
about three of our object stage, hence a narrow top and half the head: at equal compute more steps are worth more.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from occforge.baselines.draw import DrawConfig, draw
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.discrete.calibration import Calibration
from occforge.discrete.stages import Alphabet, SceneGrids, Stage, TrunkConfig, build_bedit
from occforge.discrete.transition import Transition


@dataclass(frozen=True)
class VoxelD3PMConfig:
    """Sizes and sampling; more steps than our first stage takes, for this one stage settles it all."""

    T: int = 100
    trunk: TrunkConfig = field(default_factory=lambda: TrunkConfig(channels=(32, 48, 96, 256), head=16))
    sampling: DrawConfig = field(default_factory=lambda: DrawConfig(48))


class VoxelD3PM(nn.Module):
    """p(scene | request) with the uniform transition on `grid`; it learns `SceneGrids.half`, which must lie there."""

    def __init__(self, config: VoxelD3PMConfig, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config = config
        self.alphabet = Alphabet(tuple(range(taxonomy.class_count)))
        transition = Transition(self.alphabet.states, config.T)
        self.network = build_bedit(config.trunk, transition, grid)
        self.stages = {"voxels": Stage(self.network, transition, grid, self._voxels)}
        self.calibration = {name: Calibration() for name in self.stages}

    def _voxels(self, grids: SceneGrids) -> NDArray[np.uint8]:
        return self.alphabet.encode(grids.half)

    def sample(self, request: dict[str, str], generator: torch.Generator) -> NDArray[np.uint8]:
        """`labels_XYZ` of a scene with the requested attributes."""
        states = draw(self.stages["voxels"], self.calibration["voxels"], request, (), self.config.sampling, generator)
        return self.alphabet.decode(states.numpy())
