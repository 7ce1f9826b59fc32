"""Losses of semantic scene completion, unknown voxels never scored.

Shape legend: B batch, K classes (0 empty), X Y Z voxels, N scored voxels, F frustums, R relations, S supervoxels.
Source: MonoScene (Cao and de Charette, 2022), its Eqs. 1-6; OccScene Eq. 2 takes the first three.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy

TINY = 1e-6
"""Added under logarithms: an affinity of zero costs ln(1e-6), about 14, and has a gradient."""


STREET_VOXELS = 6e9
"""Known voxels of SemanticKITTI's training split, about."""
Entropy = Literal["small", "street", "room"]
"""How classes weigh in MonoScene's cross-entropy: in its authors' code for SemanticKITTI or for NYUv2, or ours."""


def class_weights(taxonomy: Taxonomy, occupied_share: float = 0.07, voxels: float = 1e6) -> Tensor:
    """Weights (K,) of cross-entropy, 1 / ln(count) as MonoScene's authors have them, scaled to a mean of one.

    Counts are those of so many voxels of which `occupied_share` are occupied; at least e^2 of each class. The fewer
    voxels, the more rare classes weigh: authors count all of SemanticKITTI (`STREET_VOXELS`).
    """
    share_K = torch.tensor(taxonomy.frequency, dtype=torch.float64) * occupied_share
    share_K[EMPTY] = 1.0 - occupied_share
    weight_K = 1.0 / torch.log((share_K * voxels).clamp(min=torch.e**2))
    return (weight_K / weight_K.mean()).float()


def entropy_weights(kind: Entropy, taxonomy: Taxonomy) -> Tensor:
    """Weights (K,) of MonoScene's cross-entropy.

    Paper: for streets 1 / ln(count) over the whole dataset, for rooms 0.05 of the empty class and 1 of the others; the
    loss is a weighted mean. Here: "small" counts a million voxels and takes the plain mean. Because: in minutes of
    training rare classes must weigh more to be found at all.
    """
    if kind == "room":
        weight_K = torch.ones(taxonomy.class_count)
        weight_K[EMPTY] = 0.05
        return weight_K
    return class_weights(taxonomy, voxels=STREET_VOXELS if kind == "street" else 1e6)


def cross_entropy(logits_BKXYZ: Tensor, target_BXYZ: Tensor, weight_K: Tensor, weighted_mean: bool = False) -> Tensor:
    """Weighted cross-entropy, the mean over known voxels, or their weighted mean; 0 where none is known."""
    weight_K = weight_K.to(logits_BKXYZ.device, torch.float32)
    target_BXYZ = target_BXYZ.long()
    known_BXYZ = target_BXYZ != UNKNOWN
    loss_BXYZ = F.cross_entropy(logits_BKXYZ.float(), target_BXYZ, weight_K, ignore_index=UNKNOWN, reduction="none")
    total = weight_K[target_BXYZ[known_BXYZ]].sum() if weighted_mean else known_BXYZ.sum().float()
    return loss_BXYZ.sum() / torch.where(total > 0, total, 1.0)


@dataclass(frozen=True)
class SoftCounts:
    """What both affinities need of the known voxels: sums of probabilities, of labels, and of those that agree."""

    predicted_K: Tensor
    true_K: Tensor
    hit_K: Tensor
    total: Tensor

    @staticmethod
    def of(probability_BKN: Tensor, target_BN: Tensor) -> "SoftCounts":
        """Counts pooled over a batch."""
        known_BN = target_BN != UNKNOWN
        label_M = target_BN[known_BN].long()
        hit_M = probability_BKN.gather(1, target_BN.masked_fill(~known_BN, EMPTY).long()[:, None])[:, 0][known_BN]
        zero_K = probability_BKN.new_zeros(probability_BKN.shape[1])
        return SoftCounts(
            torch.einsum("bkn,bn->k", probability_BKN, known_BN.to(probability_BKN)),
            zero_K.index_add(0, label_M, torch.ones_like(hit_M)),
            zero_K.index_add(0, label_M, hit_M),
            known_BN.sum(),
        )

    def semantic(self) -> Tensor:
        """See `semantic_affinity`."""
        present_K = self.true_K > 0
        loss_K = _affinity(self.hit_K, self.predicted_K, self.true_K, self.total)
        return loss_K[present_K].mean() if bool(present_K.any()) else self.predicted_K.sum() * 0.0

    def geometric(self) -> Tensor:
        """See `geometric_affinity`."""
        predicted, true = self.total - self.predicted_K[EMPTY], self.total - self.true_K[EMPTY]
        hit = true - (self.predicted_K[EMPTY] - self.hit_K[EMPTY])
        return _affinity(hit, predicted, true, self.total)


def semantic_affinity(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> Tensor:
    """Scene-class affinity L_scal^sem: -(ln precision + ln recall + ln specificity), mean over classes present.

    Softened counts over all known voxels of the batch; empty counts as a class (MonoScene, Eqs. 1-4).
    """
    return SoftCounts.of(_probability_BKN(logits_BKXYZ), target_BXYZ.flatten(1)).semantic()


def geometric_affinity(logits_BKXYZ: Tensor, target_BXYZ: Tensor) -> Tensor:
    """Scene-class affinity L_scal^geo: the same for occupied against empty (MonoScene, Eqs. 1-4)."""
    return SoftCounts.of(_probability_BKN(logits_BKXYZ), target_BXYZ.flatten(1)).geometric()


def _probability_BKN(logits_BKXYZ: Tensor) -> Tensor:
    return logits_BKXYZ.float().softmax(1).flatten(2)


def _affinity(hit: Tensor, predicted: Tensor, true: Tensor, total: Tensor) -> Tensor:
    """-(ln P + ln R + ln S) of each class; a term whose denominator is empty is left out, as a recall of nothing."""
    loss = torch.zeros_like(hit)
    miss = total - predicted - true + hit  # sum of (1 - p) over voxels that are not of the class
    for numerator, denominator in ((hit, predicted), (hit, true), (miss, total - true)):
        share = numerator / denominator.clamp(min=TINY)
        loss = loss - torch.where(denominator > 0, torch.log(share.clamp(min=0.0) + TINY), 0.0)
    return loss


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
    return _frustum_divergence(_probability_BKN(logits_BKXYZ), target_BXYZ.flatten(1), frustum_BN, frustums)


def _frustum_divergence(probability_BKN: Tensor, target_BN: Tensor, frustum_BN: Tensor, frustums: int) -> Tensor:
    K = probability_BKN.shape[1]
    counted_BN = (target_BN != UNKNOWN) & (frustum_BN >= 0)
    index_BN = torch.where(counted_BN, frustum_BN, frustums)  # one more that takes the rest
    cell_BKN = index_BN[:, None].expand_as(probability_BKN)
    zero_BKF = probability_BKN.new_zeros(len(target_BN), K, frustums + 1)
    predicted_FK = zero_BKF.scatter_add(2, cell_BKN, probability_BKN).sum(0).T[:frustums]
    pair_M = (index_BN * K + target_BN.long())[counted_BN]
    true_FK = torch.bincount(pair_M, minlength=frustums * K).view(frustums, K).to(predicted_FK)
    count_F = true_FK.sum(1)
    if not bool((count_F > 0).any()):
        return predicted_FK.sum() * 0.0
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


@dataclass(frozen=True)
class TermWeights:
    """Weights of MonoScene's losses; the paper's are ones."""

    cross_entropy: float = 1.0
    semantic: float = 1.0
    geometric: float = 1.0
    frustum: float = 1.0
    relation: float = 1.0

    def weighed(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Terms times their weights, without those that weigh nothing."""
        weights: dict[str, float] = asdict(self)
        return {name: weights[name] * term for name, term in terms.items() if weights[name]}


def five_terms(
    logits_BKXYZ: Tensor,
    target_BXYZ: Tensor,
    weight_K: Tensor,
    frustum_BN: Tensor,
    relation_logits_BRSN: Tensor | None,
    relation_shape_XYZ: tuple[int, int, int],
    weighted_mean: bool = False,
) -> dict[str, Tensor]:
    """MonoScene's losses by name, each with weight one as in the paper; without relation logits the first four.

    `frustum_BN` is `frustum_index`; relations are those of the labels at `relation_shape_XYZ`. `weighted_mean`
    is that of `cross_entropy`.
    """
    probability_BKN, target_BN = _probability_BKN(logits_BKXYZ), target_BXYZ.flatten(1)
    counts = SoftCounts.of(probability_BKN, target_BN)
    terms = {
        "cross_entropy": cross_entropy(logits_BKXYZ, target_BXYZ, weight_K, weighted_mean),
        "semantic": counts.semantic(),
        "geometric": counts.geometric(),
        "frustum": _frustum_divergence(probability_BKN, target_BN, frustum_BN, int(frustum_BN.max()) + 1),
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
    known_N = (target_BXYZ != UNKNOWN).flatten()
    probability_NK = _probability_BKN(logits_BKXYZ).transpose(1, 2).flatten(0, 1)[known_N]
    target_N = target_BXYZ.flatten()[known_N].long()
    losses = []
    for k in target_N.unique().tolist():
        true_N = target_N == k
        error_N, order_N = (true_N.to(probability_NK) - probability_NK[:, k]).abs().sort(descending=True)
        hits_N = true_N[order_N].cumsum(0)
        misses_N = (~true_N[order_N]).cumsum(0)
        jaccard_N = 1.0 - (hits_N[-1] - hits_N) / (hits_N[-1] + misses_N)
        losses.append(error_N @ jaccard_N.diff(prepend=jaccard_N.new_zeros(1)).to(error_N))
    return torch.stack(losses).mean() if losses else logits_BKXYZ.sum() * 0.0
