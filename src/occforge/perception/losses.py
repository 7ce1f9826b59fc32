"""Losses of semantic scene completion, unknown voxels never scored.

Shape legend: B batch, K classes (0 empty), X Y Z voxels, N scored voxels, F frustums, R relations, S supervoxels.
Source: MonoScene (Cao and de Charette, 2022), its Eqs. 1-6; OccScene Eq. 2 takes the first three.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy

TINY = 1e-6
"""Added under logarithms: an affinity of zero costs ln(1e-6), about 14, and has a gradient."""


def class_weights(taxonomy: Taxonomy, occupied_share: float = 0.07) -> Tensor:
    """Weights (K,) of cross-entropy, 1 / ln(count) as in MonoScene, scaled to a mean of one.

    Counts are those of a million voxels of which `occupied_share` are occupied; at least e^2 of each class.
    """
    share_K = torch.tensor(taxonomy.frequency, dtype=torch.float64) * occupied_share
    share_K[EMPTY] = 1.0 - occupied_share
    weight_K = 1.0 / torch.log((share_K * 1e6).clamp(min=torch.e**2))
    return (weight_K / weight_K.mean()).float()


def cross_entropy(logits_BKXYZ: Tensor, target_BXYZ: Tensor, weight_K: Tensor) -> Tensor:
    """Weighted cross-entropy, the mean over known voxels; 0 where none is known."""
    weight_K = weight_K.to(logits_BKXYZ.device, torch.float32)
    target_BXYZ = target_BXYZ.long()
    loss_BXYZ = F.cross_entropy(logits_BKXYZ.float(), target_BXYZ, weight_K, ignore_index=UNKNOWN, reduction="none")
    return loss_BXYZ.sum() / (target_BXYZ != UNKNOWN).sum().clamp(min=1)


def semantic_affinity(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> Tensor:
    """Scene-class affinity L_scal^sem: -(ln precision + ln recall + ln specificity), mean over classes present.

    Softened counts over all known voxels of the batch; empty counts as a class (MonoScene, Eqs. 1-4).
    """
    probability_NK, target_N = _scored(logits_BKXYZ, target_BXYZ)
    if not len(target_N):
        return logits_BKXYZ.sum() * 0.0
    hot_NK = F.one_hot(target_N, probability_NK.shape[1]).to(probability_NK)
    present_K = hot_NK.sum(0) > 0
    return _affinity(probability_NK, hot_NK)[present_K].mean()


def geometric_affinity(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> Tensor:
    """Scene-class affinity L_scal^geo: the same for occupied against empty (MonoScene, Eqs. 1-4)."""
    probability_NK, target_N = _scored(logits_BKXYZ, target_BXYZ)
    if not len(target_N):
        return logits_BKXYZ.sum() * 0.0
    occupied_N1 = 1.0 - probability_NK[:, EMPTY, None]
    return _affinity(occupied_N1, (target_N != EMPTY).to(occupied_N1)[:, None])[0]


def _scored(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (N, K) and targets (N,) of the known voxels."""
    known_N = (target_BXYZ != UNKNOWN).flatten()
    probability_NK = logits_BKXYZ.float().softmax(1).movedim(1, -1).flatten(0, -2)[known_N]
    return probability_NK, target_BXYZ.flatten()[known_N].long()


def _affinity(probability_NC: Tensor, target_NC: Tensor) -> Tensor:
    """-(ln P + ln R + ln S) of each column; a term whose denominator is empty is left out, as a recall of nothing."""
    hit_C = (probability_NC * target_NC).sum(0)
    miss_C = ((1.0 - probability_NC) * (1.0 - target_NC)).sum(0)
    loss_C = torch.zeros_like(hit_C)
    for numerator_C, denominator_C in (
        (hit_C, probability_NC.sum(0)),
        (hit_C, target_NC.sum(0)),
        (miss_C, (1.0 - target_NC).sum(0)),
    ):
        share_C = numerator_C / denominator_C.clamp(min=TINY)
        loss_C = loss_C - torch.where(denominator_C > 0, torch.log(share_C + TINY), 0.0)
    return loss_C


def frustum_index(cameras: CameraBatch, point_N3_m: Tensor, size: int) -> Tensor:
    """Which of `size` x `size` local frustums sees each grid point: (B, N) in row-major order, -1 where none does."""
    pixel_BN2, depth_BN = cameras.project(point_N3_m)
    H, W = cameras.size_HW
    column_BN = (pixel_BN2[..., 0] * size / W).floor()
    row_BN = (pixel_BN2[..., 1] * size / H).floor()
    index_BN = row_BN * size + column_BN
    return torch.where(cameras.inside(pixel_BN2, depth_BN), index_BN, -1.0).long()


def frustum_proportion(logits_BKXYZ: Tensor, target_BXYZ: Tensor, frustum_BN: Tensor, frustums: int) -> Tensor:
    """Frustums proportion loss: KL divergence of the class shares that a frustum holds, mean over frustums with voxels.

    Shares are pooled over the batch, as MonoScene's authors do; predicted ones over known voxels only.
    """
    K = logits_BKXYZ.shape[1]
    known_BN = (target_BXYZ != UNKNOWN).flatten(1) & (frustum_BN >= 0)
    index_M = frustum_BN[known_BN]
    probability_MK = logits_BKXYZ.float().softmax(1).flatten(2).transpose(1, 2)[known_BN]
    hot_MK = F.one_hot(target_BXYZ.flatten(1)[known_BN].long(), K).to(probability_MK)
    zero_FK = torch.zeros(frustums, K, dtype=probability_MK.dtype, device=probability_MK.device)
    predicted_FK = zero_FK.index_add(0, index_M, probability_MK)
    true_FK = zero_FK.index_add(0, index_M, hot_MK)
    count_F = true_FK.sum(1)
    if not bool((count_F > 0).any()):
        return logits_BKXYZ.sum() * 0.0
    p_FK = predicted_FK[count_F > 0] / count_F[count_F > 0, None]
    q_FK = true_FK[count_F > 0] / count_F[count_F > 0, None]
    kl_FK = torch.where(q_FK > 0, q_FK * (q_FK.clamp(min=TINY).log() - (p_FK + TINY).log()), 0.0)
    return kl_FK.sum(1).mean()


def relation_matrix(target_BXYZ: Tensor) -> Tensor:
    """Which relations each voxel has to each 2x2x2 supervoxel: bool (B, R=4, S, N), MonoScene's n-way relations.

    Relations: both occupied and of one class, both occupied and of two, both empty, one of them empty. A supervoxel
    has a relation if any of its known voxels has it; an unknown voxel has none. Where a size is odd, its last layer
    belongs to no supervoxel.
    """
    B = len(target_BXYZ)
    x, y, z = (n // 2 for n in target_BXYZ.shape[1:])
    even_BXYZ = target_BXYZ[:, : 2 * x, : 2 * y, : 2 * z]
    blocks_BSC = even_BXYZ.reshape(B, x, 2, y, 2, z, 2).permute(0, 1, 3, 5, 2, 4, 6).reshape(B, -1, 8).long()
    voxel_BN = target_BXYZ.flatten(1).long()
    present_BSK = torch.zeros(*blocks_BSC.shape[:2], 256, dtype=torch.bool, device=target_BXYZ.device)
    present_BSK.scatter_(2, blocks_BSC, torch.ones_like(blocks_BSC, dtype=torch.bool))
    has_empty_BS1 = present_BSK[..., EMPTY, None]
    classes_BS1 = present_BSK[..., 1:UNKNOWN].sum(2)[..., None]
    holds_BSN = present_BSK.gather(2, voxel_BN[:, None].expand(-1, present_BSK.shape[1], -1))
    known_B1N = (voxel_BN != UNKNOWN)[:, None]
    occupied_B1N = known_B1N & (voxel_BN != EMPTY)[:, None]
    empty_B1N = (voxel_BN == EMPTY)[:, None]
    same_BSN = occupied_B1N & holds_BSN
    differ_BSN = occupied_B1N & (classes_BS1 - holds_BSN.long() * occupied_B1N.long() > 0)
    both_empty_BSN = empty_B1N & has_empty_BS1
    one_empty_BSN = (occupied_B1N & has_empty_BS1) | (empty_B1N & (classes_BS1 > 0))
    return torch.stack([same_BSN, differ_BSN, both_empty_BSN, one_empty_BSN], 1)


def relation_loss(logits_BRSN: Tensor, relation_BRSN: Tensor) -> Tensor:
    """Cross-entropy of each relation, positives weighted by negatives over positives of the batch (MonoScene, Eq. 6).

    Relations without a positive are left out.
    """
    positive_R = relation_BRSN.sum((0, 2, 3)).float()
    total = relation_BRSN[:, 0].numel()
    weight_R = (total - positive_R) / positive_R.clamp(min=1.0)
    loss_BRSN = F.binary_cross_entropy_with_logits(
        logits_BRSN.float(), relation_BRSN.float(), pos_weight=weight_R[:, None, None], reduction="none"
    )
    loss_R = loss_BRSN.mean((0, 2, 3))[positive_R > 0]
    return loss_R.mean() if len(loss_R) else logits_BRSN.sum() * 0.0


def five_terms(
    logits_BKXYZ: Tensor,
    target_BXYZ: Tensor,
    weight_K: Tensor,
    frustum_BN: Tensor,
    relation_logits_BRSN: Tensor | None,
    relation_shape_XYZ: tuple[int, int, int],
) -> dict[str, Tensor]:
    """MonoScene's losses by name, each with weight one as in the paper; without relation logits the first four.

    `frustum_BN` is `frustum_index`; relations are those of the labels at `relation_shape_XYZ`.
    """
    terms = {
        "cross_entropy": cross_entropy(logits_BKXYZ, target_BXYZ, weight_K),
        "semantic": semantic_affinity(logits_BKXYZ, target_BXYZ),
        "geometric": geometric_affinity(logits_BKXYZ, target_BXYZ),
        "frustum": frustum_proportion(logits_BKXYZ, target_BXYZ, frustum_BN, int(frustum_BN.max()) + 1),
    }
    if relation_logits_BRSN is not None:
        relation_BRSN = relation_matrix(coarse_labels(target_BXYZ, relation_shape_XYZ))
        terms["relation"] = relation_loss(relation_logits_BRSN, relation_BRSN)
    return terms


def coarse_labels(target_BXYZ: Tensor, shape_XYZ: tuple[int, int, int]) -> Tensor:
    """Labels of a coarser grid: the commonest occupied class of a block that is 5 % occupied or more, else empty.

    The others are unknown where they hold no fewer unknown than empty voxels (downsampling of MonoScene's authors).
    """
    B, (x, y, z) = len(target_BXYZ), shape_XYZ
    fx, fy, fz = (n // m for n, m in zip(target_BXYZ.shape[1:], shape_XYZ, strict=True))
    blocks = target_BXYZ.reshape(B, x, fx, y, fy, z, fz).permute(0, 1, 3, 5, 2, 4, 6).flatten(4).long()
    counts = torch.zeros(*blocks.shape[:4], 256, device=blocks.device)
    counts.scatter_add_(4, blocks, torch.ones_like(blocks, dtype=torch.float32))
    occupied = counts[..., 1:UNKNOWN]
    filled = occupied.sum(-1) >= 0.05 * fx * fy * fz
    label = torch.where(filled, occupied.argmax(-1) + 1, EMPTY)
    unknown = ~filled & (counts[..., UNKNOWN] >= counts[..., EMPTY])
    return torch.where(unknown, UNKNOWN, label).to(torch.uint8)


def lovasz_softmax(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> Tensor:
    """Lovasz-softmax: the convex extension of 1 - IoU of each class, mean over classes present (Berman et al., 2018).

    Errors of all known voxels of the batch, sorted; each weighs as much as the Jaccard loss grows when it is added to
    the larger ones (their Eqs. 8, 9 and Alg. 1). 0 where none is known.
    """
    probability_NK, target_N = _scored(logits_BKXYZ, target_BXYZ)
    losses = []
    for k in target_N.unique().tolist():
        true_N = target_N == k
        error_N, order_N = (true_N.to(probability_NK) - probability_NK[:, k]).abs().sort(descending=True)
        hits_N = true_N[order_N].cumsum(0)
        misses_N = (~true_N[order_N]).cumsum(0)
        jaccard_N = 1.0 - (hits_N[-1] - hits_N) / (hits_N[-1] + misses_N)
        losses.append(error_N @ jaccard_N.diff(prepend=jaccard_N.new_zeros(1)).to(error_N))
    return torch.stack(losses).mean() if losses else logits_BKXYZ.sum() * 0.0
