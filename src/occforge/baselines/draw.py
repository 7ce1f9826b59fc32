"""Sampling of one stage for one request, without guidance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from occforge.core.errors import InputError
from occforge.discrete.calibration import Calibration
from occforge.discrete.guided import Guided
from occforge.discrete.presence import Presence
from occforge.discrete.sample import Planning, sample
from occforge.discrete.stages import Stage
from occforge.discrete.text import request_BA


@dataclass(frozen=True)
class DrawConfig:
    """How a stage is sampled; see `discrete.sample.sample`."""

    steps: int
    planning: Planning | None = None
    sweeps: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"sampling: expected at least 1 step, got {self.steps}")
        if self.sweeps < 0:
            raise InputError(f"sampling: expected at least 0 sweeps, got {self.sweeps}")


def draw(
    stage: Stage,
    calibration: Calibration,
    request: dict[str, str],
    conditions: tuple[Tensor, ...],
    config: DrawConfig,
    generator: torch.Generator,
    presence: Presence | None = None,
) -> Tensor:
    """States of the stage's grid, (X, Y, Z) long, given grids of conditions (X', Y', Z') long."""
    given = tuple(grid[None] for grid in conditions)
    ask = request_BA([request])
    network = Guided(stage.network, ask, ask, given, calibration, presence=presence)
    return sample(
        network,
        stage.transition,
        (1, *stage.grid.shape_XYZ),
        config.steps,
        generator,
        certain_BXYZ=None if presence is None else presence.certain_BXYZ(stage.transition.states),
        sweeps=config.sweeps,
        planning=config.planning,
    )[0]
