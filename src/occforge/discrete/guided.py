"""A stage's network with everything bound that a scene decides, as `sample` wants it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from occforge.discrete.bedit import BEDiT
from occforge.discrete.calibration import Calibration
from occforge.discrete.presence import Presence


@dataclass(frozen=True)
class Guided:
    """p(x_0 | x_t) for one request, guided away from the empty one (Ho & Salimans 2022), calibrated, within the rules.

    `guidance` w mixes logits as null + w (request - null) while the noise level lies in `guided_levels`; w = 1 asks
    the network once. `presence` makes states impossible.
    """

    network: BEDiT
    request_BA: Tensor
    null_BA: Tensor
    conditions: tuple[Tensor, ...]
    calibration: Calibration
    guidance: float = 1.0
    guided_levels: tuple[float, float] = (0.0, 1.0)
    presence: Presence | None = None

    @property
    def self_condition(self) -> bool:
        """Whether the network wants to see its last estimate."""
        return self.network.config.self_condition

    def __call__(self, x_t_BXYZ: Tensor, noise_level: float, estimate: Tensor | None, query_N: Tensor | None) -> Tensor:
        level_B = torch.full((len(x_t_BXYZ),), noise_level)

        def ask(request: Tensor) -> Tensor:
            return self.network(x_t_BXYZ, level_B, request, self.conditions, estimate, query_N).float()

        low, high = self.guided_levels
        logits = ask(self.request_BA)
        if self.guidance != 1.0 and low <= noise_level <= high:
            null = ask(self.null_BA)
            logits = null + self.guidance * (logits - null)
        logits = self.calibration(noise_level) * logits
        return logits if self.presence is None else logits.masked_fill_(self.presence.forbidden_NK(query_N), -1e4)
