"""How pictures are drawn: the settings of `latent.sample`, light enough for a command line's help."""

from dataclasses import dataclass
from typing import Literal

from occforge.core.errors import check_count, check_guidance, check_shares

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
        check_count("--painting.steps", self.steps)
        check_count("--painting.perceive-every", self.perceive_every, 0)
        check_guidance("--painting.guidance", self.guidance)
        check_guidance("--painting.occupancy-guidance", self.occupancy_guidance)
        shares = {name: getattr(self, name) for name in ("perceive_below", "agreement", "agree_until")}
        check_shares("--painting.", **shares)
