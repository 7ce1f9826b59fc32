"""Temperature by noise level: a network's certainty, fitted on scenes it did not train on (after Guo et al. 2017).

A sampler draws what a network believes, so a network that leaves a two-hundredth of belief on wrong states where the
truth is evident puts salt into every scene. Early on nothing is evident and a factor of one is best.
"""

from bisect import bisect_left
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

FACTORS = tuple(round(0.8 + 0.05 * i, 2) for i in range(45))
"""Candidates for the factor on logits: 0.8 to 3."""


@dataclass(frozen=True)
class Calibration:
    """Factors on logits at rising noise levels t / T, straight lines between; the default changes nothing."""

    levels: tuple[float, ...] = (0.0,)
    factors: tuple[float, ...] = (1.0,)

    def __call__(self, noise_level: float) -> float:
        """The factor at a noise level."""
        right = bisect_left(self.levels, noise_level)
        if right in (0, len(self.levels)):
            return self.factors[min(right, len(self.levels) - 1)]
        low, high = self.levels[right - 1], self.levels[right]
        share = (noise_level - low) / (high - low)
        return (1.0 - share) * self.factors[right - 1] + share * self.factors[right]


def best_factor(logits_NK: Tensor, x_0_N: Tensor) -> float:
    """The factor among `FACTORS` that makes the known truths most likely; 1 where nothing is known.

    The cross-entropy is convex in the factor, so halving finds the least.
    """
    known_N = x_0_N < logits_NK.shape[1]
    if not bool(known_N.any()):
        return 1.0
    logits_NK, x_0_N = logits_NK[known_N].float(), x_0_N[known_N]
    low, high = 0, len(FACTORS) - 1
    while low < high:
        middle = (low + high) // 2
        here, next_one = (float(F.cross_entropy(FACTORS[i] * logits_NK, x_0_N)) for i in (middle, middle + 1))
        low, high = (low, middle) if here <= next_one else (middle + 1, high)
    return FACTORS[low]
