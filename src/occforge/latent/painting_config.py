"""How pictures are drawn: the settings of `latent.sample`, light enough for a command line's help."""

import math
from dataclasses import dataclass
from typing import Literal

from occforge.core.errors import InputError

Sampler = Literal["dpm++", "ddim", "ddpm", "unipc"]
Reads = Literal["estimate", "noisy"]


@dataclass(frozen=True)
class PaintingConfig:
    """How pictures are drawn.

    Paper: occupancy is read from the start, in the noisy picture. Here: from half of the noise on, as what is read in
    noise is an open plain, and guides towards one (docs/lab), and in the estimate, which is read better.

    Attributes:
        sampler: One of diffusers' samplers.
        steps: Steps of the sampler.
        guidance: How strongly words pull (`sample.guided`); 1 leaves the prediction as it is.
        occupancy_guidance: How strongly occupancy pulls, where one is seen.
        perceive_every: Steps between two readings of the picture; the last step always reads, 0 never.
        perceive_below: The noise level, 1 at the start, down to which nothing is read.
        reads: What perception reads: the denoised estimate of the step before, or the noisy picture itself.
        agreement: The share by which each frame's estimate becomes that of the frame before it where both see the same
            point (`sample.agreed`); 0 leaves frames to themselves.
        agree_until: In which of the steps frames agree: those up to this share of all.
    """

    sampler: Sampler = "dpm++"
    steps: int = 20
    guidance: float = 1.0
    occupancy_guidance: float = 2.0
    perceive_every: int = 2
    perceive_below: float = 0.5
    reads: Reads = "estimate"
    agreement: float = 0.8
    agree_until: float = 0.8

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"--painting.steps: expected 1 or more, got {self.steps}")
        if self.perceive_every < 0:
            raise InputError(f"--painting.perceive-every: expected 0 or more, got {self.perceive_every}")
        for name in ("guidance", "occupancy_guidance"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(
                    f"--painting.{name.replace('_', '-')}: expected a finite number, got {getattr(self, name)}"
                )
        for name in ("perceive_below", "agreement", "agree_until"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"--painting.{name.replace('_', '-')}: expected 0 to 1, got {getattr(self, name)}")
