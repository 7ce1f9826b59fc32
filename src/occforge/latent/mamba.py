"""The selective scan of Mamba, as matrix products over chunks and as the loop over steps that it equals.

A head keeps a state h (P, S) that decays by one number a step, so that a chunk of steps is a few matrix products
(Mamba-2, Dao and Gu 2024, "state space duality"). Shape legend: B batch, L steps, H heads, P channels of a head, S
state, M chunks, T steps of a chunk. Source: OccScene, Eqs. 5-8.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 32
"""Steps of a chunk: products within one grow with its length, products between chunks with their number."""


def discretize(delta_BLH: Tensor, A_H: Tensor) -> tuple[Tensor, Tensor]:
    """Zero-order hold, Eqs. 5 and 6: ln(A_bar) = delta A, and B_bar / B = (exp(delta A) - 1) / A; A is negative.

    Paper: Eq. 6. Here: the same, exact. The reference code of Mamba takes delta instead, its limit for small delta.
    """
    log_decay_BLH = delta_BLH * A_H
    return log_decay_BLH, torch.expm1(log_decay_BLH) / A_H


def scan_steps(x_BLHP: Tensor, log_decay_BLH: Tensor, B_BLS: Tensor, C_BLS: Tensor) -> Tensor:
    """h_t = exp(log_decay_t) h_(t-1) + x_t B_t, y_t = h_t C_t (Eqs. 7 and 8), one step after the other.

    The reference of `scan`. x holds B_bar / B already; h starts at zero.
    """
    B, L, H, P = x_BLHP.shape
    h_BHPS = x_BLHP.new_zeros(B, H, P, B_BLS.shape[-1])
    y_L = []
    for t in range(L):
        decay_BH11 = log_decay_BLH[:, t].exp()[..., None, None]
        h_BHPS = decay_BH11 * h_BHPS + x_BLHP[:, t, :, :, None] * B_BLS[:, t, None, None]
        y_L.append((h_BHPS * C_BLS[:, t, None, None]).sum(-1))
    return torch.stack(y_L, 1)


def scan(x_BLHP: Tensor, log_decay_BLH: Tensor, B_BLS: Tensor, C_BLS: Tensor, chunk: int = CHUNK) -> Tensor:
    """The same as `scan_steps` by matrix products: y (B, L, H, P) within chunks, and between them by their states."""
    L = x_BLHP.shape[1]
    M = -(-L // chunk)
    x_BMTHP, decay_BMTH, B_BMTS, C_BMTS = (
        F.pad(a, (0, 0) * (a.ndim - 2) + (0, M * chunk - L)).unflatten(1, (M, chunk))
        for a in (x_BLHP, log_decay_BLH, B_BLS, C_BLS)
    )
    log_BMHT = decay_BMTH.movedim(-1, 2)
    within_BMHTT = sums_between(log_BMHT).exp()  # from step j, after it, to step i
    mixed_BMHTT = within_BMHTT * (C_BMTS @ B_BMTS.mT)[:, :, None]
    x_BMHTP = x_BMTHP.movedim(3, 2)
    y_BMHTP = mixed_BMHTT @ x_BMHTP

    to_end_BMHT = within_BMHTT[..., -1, :]
    left_BMHPS = (x_BMHTP * to_end_BMHT[..., None]).mT @ B_BMTS[:, :, None]  # what a chunk adds to the state
    between_BHMM = sums_between(log_BMHT.sum(-1).mT).exp()
    state_BHMX = between_BHMM @ left_BMHPS.movedim(1, 2).flatten(3)  # at the end of a chunk
    start_BHMX = F.pad(state_BHMX[:, :, :-1], (0, 0, 1, 0))
    start_BMHPS = start_BHMX.movedim(2, 1).unflatten(3, left_BMHPS.shape[-2:])
    from_start_BMHT = log_BMHT.cumsum(-1).exp()
    y_BMHTP = y_BMHTP + from_start_BMHT[..., None] * (C_BMTS[:, :, None] @ start_BMHPS.mT)
    return y_BMHTP.movedim(2, 3).flatten(1, 2)[:, :L]


def sums_between(value_T: Tensor) -> Tensor:
    """(..., T) to (..., T, T): at [i, j] the sum over j+1 .. i, minus infinity above the diagonal.

    Added up term by term: a difference of cumulative sums would lose the small ones.
    """
    T = value_T.shape[-1]
    lower_TT = torch.ones(T, T, dtype=torch.bool, device=value_T.device).tril()
    repeated_TT = value_T[..., None].expand(*value_T.shape, T).masked_fill(~lower_TT.tril(-1), 0.0)
    return repeated_TT.cumsum(-2).masked_fill(~lower_TT, -math.inf)


class SelectiveScan(nn.Module):
    """One direction: a short causal convolution, then the scan with B, C and delta that depend on the input."""

    def __init__(self, channels: int, heads: int, state: int, window: int = 4) -> None:
        super().__init__()
        self.heads, self.state, self.window = heads, state, window
        self.local = nn.Conv1d(channels, channels, window, groups=channels)
        self.select = nn.Linear(channels, 2 * state + heads)
        self.log_A_H = nn.Parameter(torch.log(torch.linspace(1.0, 16.0, heads)))
        self.skip_H = nn.Parameter(torch.ones(heads))
        delta_H = torch.logspace(-3.0, -1.0, heads)  # steps remembered: ten to a thousand
        with torch.no_grad():
            self.select.bias[2 * state :] = torch.log(torch.expm1(delta_H))

    def forward(self, x_BLC: Tensor) -> Tensor:
        """(B, L, C) to the same shape; step t depends on steps up to t."""
        local_BCL = self.local(F.pad(x_BLC.mT, (self.window - 1, 0)))
        x_BLC = F.silu(local_BCL.mT)
        B_BLS, C_BLS, delta_BLH = self.select(x_BLC).split([self.state, self.state, self.heads], -1)
        log_decay_BLH, gain_BLH = discretize(F.softplus(delta_BLH), -self.log_A_H.exp())
        x_BLHP = x_BLC.unflatten(-1, (self.heads, -1))
        y_BLHP = scan(x_BLHP * gain_BLH[..., None], log_decay_BLH, B_BLS, C_BLS)
        return (y_BLHP + self.skip_H[:, None] * x_BLHP).flatten(2)


class BidirectionalMamba(nn.Module):
    """A residual block that scans a sequence forward and backward and gates the sum."""

    def __init__(self, channels: int, heads: int = 4, state: int = 16, expand: int = 2) -> None:
        super().__init__()
        inner = expand * channels
        self.norm = nn.LayerNorm(channels)
        self.enter = nn.Linear(channels, 2 * inner)
        self.forward_scan = SelectiveScan(inner, heads, state)
        self.backward_scan = SelectiveScan(inner, heads, state)
        self.leave = nn.Linear(inner, channels)

    def forward(self, x_BLC: Tensor) -> Tensor:
        """(B, L, C) to the same shape; every step depends on all."""
        inner_BLC, gate_BLC = self.enter(self.norm(x_BLC)).chunk(2, -1)
        both_BLC = self.forward_scan(inner_BLC) + self.backward_scan(inner_BLC.flip(1)).flip(1)
        return x_BLC + self.leave(both_BLC * F.silu(gate_BLC))
