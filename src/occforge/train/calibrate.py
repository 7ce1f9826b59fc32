"""Fitting the temperature of a trained stage on scenes that its training did not see."""

from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from occforge.discrete.calibration import Calibration, best_factor

LEVELS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Where factors are fitted; from `PLAIN_FROM` on the factor is one, for there a scene's plan is drawn, and sharpening
a plan makes scenes alike (docs/lab, 2026-11-20)."""

PLAIN_FROM = 0.4

MOST_CELLS = 400_000
"""What a factor is fitted on at most; of more cells a random part, which says the same."""


class CanPredict(Protocol):
    """A task that can show its network's logits of x_0 beside the truth at a noise level."""

    def predict(self, step: int, slots: range, batch: int, seed: int, level: float) -> tuple[Tensor, Tensor]:
        """(logits (N, K), truths (N,)) of a batch at noise level t / T."""
        ...


@torch.no_grad()
def calibrate(task: CanPredict, batches: int = 3, batch: int = 4, seed: int = 0) -> Calibration:
    """The most likely factor on the logits at each of `LEVELS`."""
    factors = []
    for level in tqdm(LEVELS, desc="calibration"):
        pairs = []
        for step in range(batches):
            logits_NK, truth_N = task.predict(step, range(batch), batch, seed, level)
            if len(truth_N) > MOST_CELLS // batches:
                order_N = torch.randperm(len(truth_N), generator=torch.Generator().manual_seed(step))
                drawn_N = order_N[: MOST_CELLS // batches].to(truth_N.device)
                logits_NK, truth_N = logits_NK[drawn_N], truth_N[drawn_N]
            pairs.append((logits_NK, truth_N))
        logits_NK, truth_N = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        factors.append(best_factor(logits_NK, truth_N))
    return Calibration((*LEVELS, PLAIN_FROM), (*factors, 1.0))
