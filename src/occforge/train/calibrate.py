"""Fitting the temperature of a trained stage on scenes that its training did not see."""

from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from occforge.discrete.calibration import Calibration, best_factor

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class CanPredict(Protocol):
    """A task that can show its network's logits of x_0 beside the truth at a noise level."""

    def predict(self, step: int, slots: range, batch: int, seed: int, level: float) -> tuple[Tensor, Tensor]:
        """(logits (N, K), truths (N,)) of a batch at noise level t / T."""
        ...


@torch.no_grad()
def calibrate(task: CanPredict, batches: int = 3, batch: int = 4, seed: int = 0) -> Calibration:
    """The most likely factor on the logits at each of `LEVELS`, smoothed by its neighbours."""
    factors = []
    for level in tqdm(LEVELS, desc="calibration"):
        pairs = [task.predict(step, range(batch), batch, seed, level) for step in range(batches)]
        logits_NK, truth_N = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        factors.append(best_factor(logits_NK, truth_N))
    padded = [factors[0], *factors, factors[-1]]
    smooth = [round(0.25 * a + 0.5 * b + 0.25 * c, 3) for a, b, c in zip(padded, padded[1:], padded[2:], strict=False)]
    return Calibration(LEVELS, tuple(smooth))
