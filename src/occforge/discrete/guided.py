"""A stage's network with everything bound that a scene decides, as `sample` wants it."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.discrete.bedit import BEDiT, Reuse
from occforge.discrete.calibration import Calibration
from occforge.discrete.presence import Presence
from occforge.discrete.transition import Choices


@dataclass
class Guided:
    """p(x_0 | x_t) for one request, guided away from the empty one (Ho & Salimans 2022), calibrated, within the rules.

    `guidance` w mixes logits as null + w (request - null) while the noise level lies in `guided_levels`; w = 1 asks
    the network once. `presence` makes states impossible; where only some positions are asked about, what is impossible
    is not worked out at all (of 2,048 shape codes a cell may be 130 on average). `attention_every`: calls from one
    evaluation of the network's attention to the next (`Reuse`); make a new one for each chain of steps.
    """

    network: BEDiT
    request_BA: Tensor
    null_BA: Tensor
    conditions: tuple[Tensor, ...]
    calibration: Calibration
    guidance: float = 1.0
    guided_levels: tuple[float, float] = (0.0, 1.0)
    presence: Presence | None = None
    attention_every: int = 1
    _reuses: tuple[Reuse, Reuse] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._reuses = Reuse(self.attention_every), Reuse(self.attention_every)

    @property
    def self_condition(self) -> bool:
        """Whether the network wants to see its last estimate."""
        return self.network.config.self_condition

    def __call__(
        self, x_t_BXYZ: Tensor, noise_level: float, estimate: Tensor | None, query_N: Tensor | None
    ) -> Tensor | Choices:
        level_B = torch.full((len(x_t_BXYZ),), noise_level)

        def ask(request: Tensor, reuse: Reuse) -> Tensor:
            return self.network.features(x_t_BXYZ, level_B, request, self.conditions, estimate, query_N, reuse)

        low, high = self.guided_levels
        feature_Nh = ask(self.request_BA, self._reuses[0])
        if self.guidance != 1.0 and low <= noise_level <= high:
            null_Nh = ask(self.null_BA, self._reuses[1])
            feature_Nh = null_Nh + self.guidance * (feature_Nh - null_Nh)  # the head is linear: this mixes logits
        factor = self.calibration(noise_level)
        if self.presence is None or query_N is None:
            logits_NK = factor * self.network.logits(feature_Nh, x_t_BXYZ, level_B, query_N).float()
            return logits_NK if self.presence is None else logits_NK.masked_fill_(self.presence.forbidden_NK(), -1e4)
        table_Kh, bias_K = self.network.head.rows(feature_Nh.dtype)
        groups = []
        for row_n, state_m in self.presence.possible(query_N):
            logits_nm = F.linear(feature_Nh[row_n], table_Kh[state_m], bias_K[state_m])
            groups.append((row_n, state_m, factor * logits_nm.float()))
        return Choices(len(query_N), groups)
