"""The one sampler of the project: every stage, and every edit, is a call of `sample`."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from occforge.discrete.transition import Transition, scattered_order


class Denoiser(Protocol):
    """p(x_0 | x_t): logits (N, K) at flat positions `query_N` (None: all) and noise level t / T.

    `estimate` is the p(x_0) of the step before, (B, X, Y, Z, K), where the network asks for it, else None.
    """

    @property
    def self_condition(self) -> bool:
        """Whether it wants its last estimate back."""
        ...

    def __call__(self, x_t_BXYZ: Tensor, noise_level: float, estimate: Tensor | None, query_N: Tensor | None) -> Tensor:
        """Logits of x_0."""


def times(transition: Transition, steps: int) -> Iterator[tuple[float, float]]:
    """(t, s) pairs from T down to 0, evenly spaced."""
    grid = torch.linspace(transition.T, 0.0, steps + 1, dtype=torch.float64).tolist()
    return pairwise(grid)


@torch.no_grad()
def sample(
    network: Denoiser,
    transition: Transition,
    shape_BXYZ: tuple[int, int, int, int],
    steps: int,
    generator: torch.Generator,
    known_BXYZ: Tensor | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Tensor:
    """x_0 (B, X, Y, Z) long by ancestral sampling in `steps` steps (Eqs. 2-3, Comp-D3PM); the last step samples too.

    `known_BXYZ` holds what must stay (Eq. 9); a value >= `transition.states` is free. Known positions follow the
    forward process, so that at every step they are as noisy as the rest.
    """
    free_BXYZ = None if known_BXYZ is None else known_BXYZ >= transition.states
    if known_BXYZ is not None and free_BXYZ is not None and transition.kind == "absorbing":
        x_t = torch.where(free_BXYZ, transition.noise(shape_BXYZ, generator), known_BXYZ)
    else:
        x_t = transition.noise(shape_BXYZ, generator)
    order = scattered_order(shape_BXYZ, generator)
    estimate: Tensor | None = None
    for t, s in times(transition, steps):
        query_N = transition.select(x_t, s, order)
        if query_N is None or len(query_N):
            logits_NK = network(x_t, t / transition.T, estimate, query_N)
            if network.self_condition:
                assert query_N is None
                estimate = logits_NK.float().softmax(1).reshape(*shape_BXYZ, -1)
            x_t_N = x_t.reshape(-1)
            x_s_N = x_t_N.clone()
            if query_N is None:
                x_s_N = transition.reverse(logits_NK, x_t_N, t, s, generator)
            else:
                x_s_N[query_N] = transition.reverse(logits_NK, x_t_N[query_N], t, s, generator)
            x_t = x_s_N.reshape(shape_BXYZ)
        if known_BXYZ is not None and free_BXYZ is not None and transition.kind == "uniform":
            noisy = transition.q_sample(known_BXYZ, torch.full((shape_BXYZ[0],), s), generator)
            x_t = torch.where(free_BXYZ, x_t, noisy)
        progress()
    return x_t
