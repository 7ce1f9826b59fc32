"""Training losses of a D3PM whose network predicts x_0 (Eqs. 1-2, Comp-D3PM; Austin et al. 2021, Eq. 1 and Sec. 4).

Legend: N positions, K states. Positions with a label >= K are unknown and never enter a loss.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.discrete.transition import Transition


def cross_entropy(logits_NK: Tensor, x_0_N: Tensor, groups: int = 1) -> Tensor:
    """Mean of -log p(x_0 | x_t) over the known positions of each of `groups` equal runs of positions, (groups,)."""
    known_N = x_0_N < logits_NK.shape[1]
    loss_N = F.cross_entropy(logits_NK.float(), torch.where(known_N, x_0_N, 0), reduction="none")
    known_Gn = known_N.reshape(groups, -1).float()
    return (loss_N.reshape(groups, -1) * known_Gn).sum(1) / known_Gn.sum(1).clamp_min(1.0)


def variational_bound(transition: Transition, logits_NK: Tensor, x_0_N: Tensor, x_t_N: Tensor, t: int) -> Tensor:
    """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)), mean over known positions in nats; -log p(x_0) for t = 1.

    All K classes take part: every class receives gradient. Uniform kind, one time for all positions.
    """
    K = transition.states
    known_N = x_0_N < K
    logits_MK, x_0_M, x_t_M = logits_NK[known_N].float(), x_0_N[known_N], x_t_N[known_N]
    if t == 1:
        return F.cross_entropy(logits_MK, x_0_M, reduction="sum") / max(1, len(x_0_M))
    true_MK = transition.posterior(F.one_hot(x_0_M, K).to(logits_MK), x_t_M, t, t - 1)
    model_MK = transition.posterior(logits_MK.softmax(1), x_t_M, t, t - 1)
    return (torch.xlogy(true_MK, true_MK) - true_MK * model_MK.clamp_min(1e-12).log()).sum() / max(1, len(x_0_M))


def hybrid(
    transition: Transition, logits_NK: Tensor, x_0_N: Tensor, x_t_N: Tensor, t: int, weight: float = 0.01
) -> Tensor:
    """`variational_bound` + `weight` x `cross_entropy` (Austin et al. 2021, Eq. 5)."""
    bound = variational_bound(transition, logits_NK, x_0_N, x_t_N, t)
    return bound + weight * cross_entropy(logits_NK, x_0_N)[0]
