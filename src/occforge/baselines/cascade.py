"""A plain two-stage cascade: the scene pooled with all its classes, then the scene given that (Comp-D3PM, Table 3).

    scene -- pool --> coarse           coarse: p(C | request)           uniform
      +-- encode --> shape codes       fusion: p(scene | C, request)    absorbing, our fusion with one condition

The coarse grid is that of our object stage, cells of 2x2x2 voxels, not of our background stage with 4x4x2. Because: in
cells of 4x4x2 persons and poles lose to what stands around them and no second stage brings them back, whereas a
cell of 2x2x2 is one block of the second stage, which then knows the class of every block that it shapes. The price,
a first stage of four times as many cells, is met by a thin finer resolution above the trunk of our background
stage, so that a step costs about what one of our object stage costs.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from occforge.baselines.draw import DrawConfig, draw
from occforge.core.grid import GridSpec
from occforge.discrete.calibration import Calibration
from occforge.discrete.codes import ANY_VOXEL, ShapeCodes
from occforge.discrete.presence import Presence
from occforge.discrete.separate import Factor, pool, split
from occforge.discrete.stages import (
    Alphabet,
    CompositionConfig,
    Given,
    SceneGrids,
    Stage,
    TrunkConfig,
    build_bedit,
    fusion_emphasis,
    stream,
)
from occforge.discrete.transition import Transition


@dataclass(frozen=True)
class CascadeConfig:
    """Sizes and sampling, of fusion the same as ours; `threshold` is th of Sec. 4.1."""

    factor: Factor = (2, 2, 2)
    threshold: float = ANY_VOXEL
    T: int = 100
    coarse: TrunkConfig = field(default_factory=lambda: TrunkConfig(channels=(48, 96, 256)))
    fusion: TrunkConfig = field(default_factory=lambda: CompositionConfig().fusion)
    coarse_sampling: DrawConfig = field(default_factory=lambda: DrawConfig(32))
    fusion_sampling: DrawConfig = field(default_factory=lambda: DrawConfig(12, sweeps=1))


class Cascade(nn.Module):
    """Both stages for scenes on `grid`, which is where `SceneGrids.half` and the blocks of `book` must lie."""

    def __init__(self, config: CascadeConfig, grid: GridSpec, book: ShapeCodes) -> None:
        super().__init__()
        self.config, self.book = config, book
        self.alphabet = Alphabet(tuple(range(book.taxonomy.class_count)))
        states = self.alphabet.states
        coarse_grid, fusion_grid = grid.pooled(config.factor), grid.pooled((2, 2, 2))
        uniform, absorbing = Transition(states, config.T), Transition(book.count, config.T, "absorbing")
        sees = (stream(states, coarse_grid, fusion_grid),)
        coarse = build_bedit(config.coarse, uniform, coarse_grid)
        fusion = build_bedit(config.fusion, absorbing, fusion_grid, sees, code_blocks=True)
        fusion.set_code_blocks(torch.from_numpy(book.block_K8).long())
        self.networks = nn.ModuleDict({"coarse": coarse, "fusion": fusion})
        near = fusion_emphasis(lambda grids: self._parts(grids)[0], lambda grids: self._parts(grids)[1])
        self.stages = {
            "coarse": Stage(coarse, uniform, coarse_grid, self._coarse),
            "fusion": Stage(fusion, absorbing, fusion_grid, self._codes, (Given(self._coarse, states),), near),
        }
        self.calibration = {name: Calibration() for name in self.stages}

    def pool(self, labels_XYZ: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels of the coarse grid."""
        return pool(labels_XYZ, self.config.factor, self.book.taxonomy, self.config.threshold)

    def _coarse(self, grids: SceneGrids) -> NDArray[np.uint8]:
        return self.alphabet.encode(self.pool(grids.half))

    def _codes(self, grids: SceneGrids) -> NDArray[np.int16]:
        return grids.fusion

    def _parts(self, grids: SceneGrids) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Background and object cells of the coarse grid, for the same emphasis on both as in our fusion."""
        return split(self.pool(grids.half), self.book.taxonomy)

    def sample(self, request: dict[str, str], generator: torch.Generator) -> NDArray[np.uint8]:
        """`labels_XYZ` of a scene with the requested attributes."""
        config, stages, calibration = self.config, self.stages, self.calibration
        coarse = draw(stages["coarse"], calibration["coarse"], request, (), config.coarse_sampling, generator)
        grid = stages["fusion"].grid.shape_XYZ
        presence = Presence(self.book.block_K8, [(coarse, range(1, self.alphabet.states))], grid)
        codes = draw(
            stages["fusion"],
            calibration["fusion"],
            request,
            (coarse,),
            config.fusion_sampling,
            generator,
            presence,
        )
        return self.book.decode(codes.numpy())
