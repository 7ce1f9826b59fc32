"""The one sampler of the project: every stage, and every edit, is a call of `sample`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.errors import InputError
from occforge.discrete.transition import Choices, Transition, scattered_order


class Denoiser(Protocol):
    """p(x_0 | x_t): logits (N, K) at flat positions `query_N` (None: all) and noise level t / T.

    `estimate` is an earlier p(x_0), (B, X, Y, Z, K), where the network asks for it and there is one, else None.
    """

    @property
    def self_condition(self) -> bool:
        """Whether it wants its last estimate back."""
        ...

    def __call__(
        self, x_t_BXYZ: Tensor, noise_level: float, estimate: Tensor | None, query_N: Tensor | None
    ) -> Tensor | Choices:
        """Logits of x_0; `Choices` of them only where there is a query."""


@dataclass(frozen=True)
class Planning:
    """More care where the noise is high and a scene's plan is settled: above `level`, a `share` of all steps.

    There the estimate for self-conditioning comes from x_t itself, by asking twice, as in training; below, and without
    planning, from the step before. Because: a chain of estimates feeds a guess back as if it were evidence, and the
    commoner kind of street wins too often (docs/lab).
    """

    level: float = 0.6
    share: float = 0.7

    def __post_init__(self) -> None:
        for name in ("level", "share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise InputError(f"planning: expected a {name} between 0 and 1, got {getattr(self, name)}")


def times(transition: Transition, steps: int, planning: Planning | None = None) -> Iterator[tuple[float, float]]:
    """(t, s) pairs from T down to 0, evenly spaced, or evenly on either side of the level of `planning`."""
    done = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    level = 1.0 - done
    if planning is not None:
        early = 1.0 - done / planning.share * (1.0 - planning.level)
        late = (1.0 - done) / (1.0 - planning.share) * planning.level
        level = torch.where(done <= planning.share, early, late)
    return pairwise((level * transition.T).tolist())


@torch.no_grad()
def sample(
    network: Denoiser,
    transition: Transition,
    shape_BXYZ: tuple[int, int, int, int],
    steps: int,
    generator: torch.Generator,
    known_BXYZ: Tensor | None = None,
    certain_BXYZ: Tensor | None = None,
    sweeps: int = 0,
    planning: Planning | None = None,
    progress: Callable[[], object] = lambda: None,
    order: Callable[[tuple[int, int, int, int], torch.Generator], Tensor] = scattered_order,
) -> Tensor:
    """x_0 (B, X, Y, Z) long by ancestral sampling in `steps` steps (Eqs. 2-3, Comp-D3PM); the last step samples too.

    `known_BXYZ` holds what must stay (Eq. 9); a value >= `transition.states` is free. Known positions follow the
    forward process, so that at every step they are as noisy as the rest. Absorbing kind only: `certain_BXYZ` says what
    a position is when it leaves the mask (>= `states`: the network decides), and `sweeps` redraw every position that
    the network decides once each, a block at a time given all others (`sweep`); `order` says when positions leave it.

    A network with self-conditioning sees its last estimate (Sec. 4.2), or a fresh one (`Planning`), in which what is
    known is certain from the first step on. Not in the papers. Because: while all is noise, what is known is too, and
    the plan of the rest is settled without it.
    """

    def chances(logits_NK: Tensor | Choices) -> Tensor:
        assert isinstance(logits_NK, Tensor) and len(logits_NK) == x_t.numel(), "self-conditioning asks about all"
        return logits_NK.float().softmax(1).reshape(*shape_BXYZ, -1)

    def informed(estimate: Tensor | None) -> Tensor | None:
        if known_BXYZ is None or free_BXYZ is None or not network.self_condition:
            return estimate
        states = transition.states
        sure_BXYZK = F.one_hot(known_BXYZ.clamp(max=states), states + 1)[..., :states].float()
        return sure_BXYZK if estimate is None else torch.where(free_BXYZ[..., None], estimate, sure_BXYZK)

    free_BXYZ = None if known_BXYZ is None else known_BXYZ >= transition.states
    if known_BXYZ is not None and free_BXYZ is not None and transition.kind == "absorbing":
        x_t = torch.where(free_BXYZ, transition.noise(shape_BXYZ, generator), known_BXYZ)
    else:
        x_t = transition.noise(shape_BXYZ, generator)
    order_BXYZ = order(shape_BXYZ, generator)
    certain_N = None if certain_BXYZ is None else certain_BXYZ.reshape(-1)
    estimate: Tensor | None = None
    for t, s in times(transition, steps, planning):
        query_N = transition.select(x_t, s, order_BXYZ)
        if query_N is not None and certain_N is not None:
            sure_N = certain_N[query_N] < transition.states
            x_t = x_t.reshape(-1).index_copy(0, query_N[sure_N], certain_N[query_N[sure_N]]).reshape(shape_BXYZ)
            query_N = query_N[~sure_N]
        if query_N is None or len(query_N):
            level = t / transition.T
            if network.self_condition and planning is not None and level > planning.level:
                estimate = chances(network(x_t, level, informed(None), query_N))
            logits_NK = network(x_t, level, informed(estimate), query_N)
            if network.self_condition:
                estimate = chances(logits_NK)
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
    free_N = torch.ones(x_t.numel(), dtype=torch.bool)
    for fixed in (known_BXYZ, certain_BXYZ):
        if fixed is not None:
            free_N &= fixed.reshape(-1) >= transition.states
    for _ in range(sweeps):
        x_t = sweep(network, transition, x_t, free_N, generator, progress)
    return x_t


SWEEP_BLOCKS = 4


@torch.no_grad()
def sweep(
    network: Denoiser,
    transition: Transition,
    x_BXYZ: Tensor,
    free_N: Tensor,
    generator: torch.Generator,
    progress: Callable[[], object] = lambda: None,
) -> Tensor:
    """Every free position masked and drawn once more, in `SWEEP_BLOCKS` blocks of a lattice; absorbing kind.

    Not in the papers: blocked Gibbs sampling with the network's own conditionals. Because: what was drawn early was
    drawn knowing little; now its neighbours stand, and a pole's pieces find their column (docs/lab).
    """
    B, X, Y, Z = x_BXYZ.shape
    order_N = scattered_order((B, X, Y, Z), generator).flatten()
    t = next(t for t in range(transition.T + 1) if 1.0 - transition.alpha_bar(t) >= 1.0 / SWEEP_BLOCKS)
    for block in range(SWEEP_BLOCKS):
        low, high = block / SWEEP_BLOCKS, (block + 1) / SWEEP_BLOCKS
        query_N = ((order_N >= low) & (order_N < high) & free_N).nonzero()[:, 0]
        if len(query_N):
            masked_N = x_BXYZ.reshape(-1).index_fill(0, query_N, transition.states)
            logits_NK = network(masked_N.reshape(x_BXYZ.shape), t / transition.T, None, query_N)
            drawn_N = transition.reverse(logits_NK, masked_N[query_N], t, 0, generator)
            x_BXYZ = masked_N.index_copy(0, query_N, drawn_N).reshape(x_BXYZ.shape)
        progress()
    return x_BXYZ
