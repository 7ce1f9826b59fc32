"""The forward process of a D3PM and its exact reverse step, in closed form (Eqs. 1-2, Comp-D3PM).

Legend: N positions, K states, t in {0..T} with t = 0 clean. Q_bar_t = alpha_bar_t I + (1 - alpha_bar_t) 1 m^T,
where m is uniform over the K states (`uniform`) or a point mass on an extra state K (`absorbing`).
Neither form ever builds T dense K x K matrices; `q_bar_matrix` does, for the tests.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["uniform", "absorbing"]
Schedule = Literal["cosine", "quadratic"]


@dataclass(frozen=True)
class Choices:
    """Logits of N positions that may be few of many states each: all others are impossible.

    `groups` share the positions among them: (row_n of a group, the states state_m that they may be, logits_nm).
    """

    count: int
    groups: list[tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class Transition:
    """A noise process over `states` classes in `T` steps.

    `absorbing` adds one state with id `states`, the mask, which only x_t can hold. Positions that are masked
    are drawn once and then stay, as the reverse of an absorbing process prescribes (Austin et al. 2021, A.3).
    """

    states: int
    T: int = 100
    kind: Kind = "uniform"
    schedule: Schedule = "cosine"

    @property
    def input_states(self) -> int:
        """How many values x_t can take: the mask counts."""
        return self.states + (self.kind == "absorbing")

    def alpha_bar(self, t: float) -> float:
        """Probability that a position still shows x_0 at time t (0 <= t <= T); 1 at t = 0, 0 at t = T."""
        u = t / self.T
        return math.cos(0.5 * math.pi * u) ** 2 if self.schedule == "cosine" else (1.0 - u) ** 2

    def alpha_bar_of(self, t_B: Tensor) -> Tensor:
        """`alpha_bar` of a batch of times, (B,) float."""
        u_B = t_B.float() / self.T
        return torch.cos(0.5 * math.pi * u_B) ** 2 if self.schedule == "cosine" else (1.0 - u_B) ** 2

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A draw of x_T: the stationary distribution."""
        if self.kind == "absorbing":
            return torch.full(shape, self.states, dtype=torch.long)
        return torch.randint(self.states, shape, generator=generator)

    def q_sample(self, x_0: Tensor, t_B: Tensor, generator: torch.Generator) -> Tensor:
        """x_t ~ q(x_t | x_0), Eq. 1. `x_0` (B, ...) long; a value >= `states` means unknown and is pure noise."""
        keep_B = self.alpha_bar_of(t_B).reshape(-1, *[1] * (x_0.dim() - 1))
        kept = torch.rand(x_0.shape, generator=generator) < keep_B
        kept &= x_0 < self.states
        return torch.where(kept, x_0, self.noise(tuple(x_0.shape), generator))

    def evidence(self, x_t: Tensor, t_B: Tensor) -> Tensor:
        """log q(x_t | x_0 = k) of every position of `x_t` (B, ...), less what all k share: (N, K), N flat positions.

        By Bayes' rule p(x_0^i | x_t) is proportional to q(x_t^i | x_0^i) p(x_0^i | all other x_t): a network whose
        logits this is added to need only learn what the neighbours say. Uniform kind only; t > 0.
        """
        assert self.kind == "uniform"
        keep_B = self.alpha_bar_of(t_B)
        gain_B = torch.log1p(self.states * keep_B / (1.0 - keep_B))
        gain_N1 = gain_B.reshape(-1, *[1] * (x_t.dim() - 1)).expand(x_t.shape).reshape(-1, 1)
        return gain_N1.new_zeros(x_t.numel(), self.states).scatter_(1, x_t.reshape(-1, 1), gain_N1)

    def posterior(self, p_0_NK: Tensor, x_t_N: Tensor, t: float, s: float) -> Tensor:
        """p(x_s | x_t) = sum over x_0 of q(x_s | x_t, x_0) p(x_0 | x_t), Eq. 2, for any s < t; (N, K) probabilities.

        Uniform kind only. With a = alpha_bar_t / alpha_bar_s (keep probability from s to t) and b = alpha_bar_s:
        q(x_s = j | x_t = i, x_0 = k) = (a [i=j] + (1-a)/K) (b [j=k] + (1-b)/K) / (a b [i=k] + (1 - a b)/K).
        """
        assert self.kind == "uniform"
        K = self.states
        b = self.alpha_bar(s)
        a = self.alpha_bar(t) / b
        i_N1 = x_t_N[:, None]
        # evidence_k = q(x_t = i | x_0 = k); it differs from (1 - ab)/K only at k = i
        weight_NK = p_0_NK * (K / max(1.0 - a * b, 1e-12))
        p_i_N1 = p_0_NK.gather(1, i_N1)
        weight_NK = weight_NK.scatter(1, i_N1, p_i_N1 / (a * b + (1.0 - a * b) / K))
        prior_NK = b * weight_NK + (1.0 - b) / K * weight_NK.sum(1, keepdim=True)
        likelihood_NK = torch.full_like(p_0_NK, (1.0 - a) / K)
        likelihood_NK.scatter_add_(1, i_N1, torch.full_like(p_i_N1, a))
        joint_NK = prior_NK * likelihood_NK
        return joint_NK / joint_NK.sum(1, keepdim=True)

    def select(self, x_t_BXYZ: Tensor, s: float, order_BXYZ: Tensor) -> Tensor | None:
        """Flat positions that the step to time s draws anew; None means all of them.

        Uniform: all. Absorbing: those still masked whose place in the `order`, in [0, 1), alpha_bar_s has reached.
        """
        if self.kind == "uniform":
            return None
        return ((order_BXYZ < self.alpha_bar(s)) & (x_t_BXYZ == self.states)).flatten().nonzero()[:, 0]

    def reverse(
        self, logits_NK: Tensor | Choices, x_t_N: Tensor, t: float, s: float, generator: torch.Generator
    ) -> Tensor:
        """x_s ~ p(x_s | x_t) for the positions that `select` named, given the network's logits of x_0.

        `Choices` are for the absorbing kind only: in the uniform kind any state may be the next one.
        """
        u_N = torch.rand(len(x_t_N), generator=generator)
        if isinstance(logits_NK, Choices):
            assert self.kind == "absorbing" and logits_NK.count == len(x_t_N)
            x_s_N = torch.empty_like(x_t_N)
            for row_n, state_m, logits_nm in logits_NK.groups:
                x_s_N[row_n] = state_m[draw(logits_nm.float().softmax(1), u_N[row_n])]
            return x_s_N
        p_0_NK = logits_NK.float().softmax(1)
        return draw(p_0_NK if self.kind == "absorbing" else self.posterior(p_0_NK, x_t_N, t, s), u_N)

    def q_bar_matrix(self, t: float, s: float = 0.0) -> Tensor:
        """The cumulative transition matrix from s to t, rows = from, float64: the slow form that tests compare with."""
        S = self.input_states
        a = self.alpha_bar(t) / self.alpha_bar(s)
        limit_S = torch.zeros(S, dtype=torch.float64)
        if self.kind == "absorbing":
            limit_S[-1] = 1.0
        else:
            limit_S[:] = 1.0 / S
        Q = a * torch.eye(S, dtype=torch.float64) + (1.0 - a) * limit_S.expand(S, S)
        if self.kind == "absorbing":
            Q[-1] = limit_S
        return Q


def scattered_order(shape_BXYZ: tuple[int, int, int, int], generator: torch.Generator) -> Tensor:
    """When each position leaves the mask, in [0, 1), (B, X, Y, Z): neighbours at times far apart.

    Austin et al. 2021: independent uniform times. Here: a rank-1 lattice, frac(u + x/g + y/g^2 + z/g^3) with one
    uniform u a scene and g the root of g^4 = g + 1, so each position's time is still uniform. Because: what is drawn in
    one step is drawn independently, and neighbours drawn so do not fit together.
    """
    B, *sizes = shape_BXYZ
    g = 1.2207440846057596
    u_B = torch.rand(B, generator=generator, dtype=torch.float64)
    x, y, z = (torch.arange(n, dtype=torch.float64) / g**k for k, n in enumerate(sizes, 1))
    return (u_B[:, None, None, None] + x[:, None, None] + y[:, None] + z).frac()


def layered_order(shape_BXYZ: tuple[int, int, int, int], generator: torch.Generator) -> Tensor:
    """When each position leaves the mask, in [0, 1), (B, X, Y, Z): from the ground upwards, a layer at a time.

    Not in the papers: within a layer as in `scattered_order`. Because: what stands is told by what it stands on; pieces
    of a pole drawn before they see each other do not meet (docs/lab, 2026-11-23).
    """
    layers = shape_BXYZ[3]
    return (torch.arange(layers, dtype=torch.float64) + scattered_order(shape_BXYZ, generator)) / layers


def draw(p_NK: Tensor, u_N: Tensor) -> Tensor:
    """A categorical draw per row of probabilities (N, K), by inverting the cumulative sum at u in [0, 1); (N,) long."""
    cumulative_NK = p_NK.cumsum(1)
    below_one = 1.0 - 2.0**-22  # so that rounding never reaches the total, behind which nothing is likely
    level_N1 = u_N[:, None] * (below_one * cumulative_NK[:, -1:])
    return torch.searchsorted(cumulative_NK, level_N1, right=True)[:, 0].clamp_max(p_NK.shape[1] - 1)
