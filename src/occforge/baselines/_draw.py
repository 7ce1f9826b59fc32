"""Sampling of one stage for one request, without guidance."""

import torch
from torch import Tensor

from occforge.discrete.calibration import Calibration
from occforge.discrete.guided import Guided
from occforge.discrete.presence import Presence
from occforge.discrete.sample import sample
from occforge.discrete.stages import Stage
from occforge.discrete.text import request_BA


def draw(
    stage: Stage,
    calibration: Calibration,
    request: dict[str, str],
    conditions: tuple[Tensor, ...],
    steps: int,
    generator: torch.Generator,
    presence: Presence | None = None,
    sweeps: int = 0,
) -> Tensor:
    """States of the stage's grid, (X, Y, Z) long, given grids of conditions (X', Y', Z') long."""
    given = tuple(grid[None] for grid in conditions)
    ask = request_BA([request])
    network = Guided(stage.network, ask, ask, given, calibration, presence=presence)
    shape = (1, *stage.grid.shape_XYZ)
    certain = None if presence is None else presence.certain_BXYZ(stage.transition.states)
    return sample(network, stage.transition, shape, steps, generator, certain_BXYZ=certain, sweeps=sweeps)[0]
