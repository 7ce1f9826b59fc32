"""Losses of mask classification: which query answers for which class, and how well.

Shape legend: B batch, K classes, G classes present in a scene, Q queries, P sampled voxels, N all voxels, R rounds,
X Y Z voxels of the target, x y z of the masks.
Source: OccFormer (Zhang et al., 2023), Sec. 3.3; Mask2Former (Cheng et al., 2022), Sec. 3.2; Kuhn (1955) in the form of
Jonker and Volgenant (1987).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy


@dataclass(frozen=True)
class MatchingConfig:
    """Weights of cost and loss alike, weight of "no class", and how voxels are sampled.

    `points` are scored a mask: of `oversample` times as many, drawn with probability (1 / frequency)^`gamma`, the most
    uncertain `important` share; the rest evenly.
    """

    classify: float = 2.0
    mask: float = 5.0
    dice: float = 5.0
    no_class: float = 0.1
    points: int = 50176
    oversample: int = 3
    important: float = 0.75
    gamma: float = 0.25


def assign(cost_GQ: NDArray[np.floating]) -> NDArray[np.int64]:
    """Distinct queries (G,) of least total cost, G <= Q: shortest augmenting paths."""
    G, Q = cost_GQ.shape
    assert G <= Q
    cost_GQ = np.asarray(cost_GQ, np.float64)
    row_of = np.full(Q, -1)
    price_G, price_Q = np.zeros(G), np.zeros(Q)
    for start in range(G):
        distance_Q, done_Q = np.full(Q, np.inf), np.zeros(Q, bool)
        before_Q = np.full(Q, -1)
        row, column, reached = start, -1, 0.0
        while True:  # grow the tree of shortest paths from `start` until it meets a free query
            through_Q = reached + cost_GQ[row] - price_G[row] - price_Q
            better_Q = ~done_Q & (through_Q < distance_Q)
            distance_Q[better_Q], before_Q[better_Q] = through_Q[better_Q], column
            column = int(np.where(done_Q, np.inf, distance_Q).argmin())
            reached, done_Q[column] = distance_Q[column], True
            if row_of[column] < 0:
                break
            row = row_of[column]
        passed_Q = done_Q & (row_of >= 0)
        price_G[start] += reached
        price_G[row_of[passed_Q]] += reached - distance_Q[passed_Q]
        price_Q[passed_Q] += distance_Q[passed_Q] - reached
        while column >= 0:  # shift the assignments along the path
            previous = before_Q[column]
            row_of[column] = start if previous < 0 else row_of[previous]
            column = previous
    query_G = np.empty(G, np.int64)
    query_G[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    return query_G


def sampling_weights(taxonomy: Taxonomy, gamma: float, occupied_share: float = 0.07) -> Tensor:
    """Weights (K,) of a voxel's chance to be sampled: class-guided sampling, 1 for the commonest class."""
    share_K = torch.tensor(taxonomy.frequency, dtype=torch.float64) * occupied_share
    share_K[EMPTY] = 1.0 - occupied_share
    return (share_K.max() / share_K.clamp(min=1e-9)).pow(gamma).float()


def draw_voxels(target_XYZ: Tensor, weight_K: Tensor, points: int) -> Tensor:
    """Flat indices (P,) of known voxels, drawn without replacement; fewer where fewer are known."""
    label_N = target_XYZ.flatten().long()
    known_N = label_N != UNKNOWN
    weight_N = torch.where(known_N, weight_K[label_N.clamp(max=len(weight_K) - 1)], 0.0)
    return torch.multinomial(weight_N, min(points, int(known_N.sum())), replacement=False)


def sample_masks(mask_Qxyz: Tensor, voxel_P: Tensor, shape_XYZ: tuple[int, ...]) -> Tensor:
    """Mask logits (Q, P) at the centres of voxels of a finer grid, trilinear."""
    _, Y, Z = shape_XYZ
    index_P3 = torch.stack([voxel_P % Z, voxel_P // Z % Y, voxel_P // (Y * Z)], -1)  # last axis first
    at_P3 = (index_P3 + 0.5) / index_P3.new_tensor(shape_XYZ[::-1]) * 2.0 - 1.0
    sampled = F.grid_sample(
        mask_Qxyz[None], at_P3.to(mask_Qxyz)[None, :, None, None], align_corners=False, padding_mode="border"
    )
    return sampled[0, :, :, 0, 0]


def matching_cost(
    class_QK: Tensor, mask_QP: Tensor, true_GP: Tensor, present_G: Tensor, config: MatchingConfig
) -> Tensor:
    """Cost (G, Q) of each query for each class present: class probability, cross-entropy and Dice of masks."""
    true_GP = true_GP.to(mask_QP)
    classify_GQ = -class_QK.softmax(-1)[:, present_G].T
    positive_GQ = true_GP @ F.softplus(-mask_QP).T
    negative_GQ = (1.0 - true_GP) @ F.softplus(mask_QP).T
    p_QP = mask_QP.sigmoid()
    both_GQ = true_GP @ p_QP.T
    dice_GQ = 1.0 - (2.0 * both_GQ + 1.0) / (true_GP.sum(1)[:, None] + p_QP.sum(1) + 1.0)
    mask_GQ = (positive_GQ + negative_GQ) / mask_QP.shape[1]
    return config.classify * classify_GQ + config.mask * mask_GQ + config.dice * dice_GQ


def mask_losses(
    class_RBQK: Tensor,
    mask_RBQxyz: Tensor,
    target_BXYZ: Tensor,
    weight_K: Tensor,
    sampling_K: Tensor,
    config: MatchingConfig,
) -> dict[str, Tensor]:
    """Classification, cross-entropy and Dice of masks, each summed over rounds; scenes with nothing known are left out.

    `weight_K` weighs the masks of a class. Paper's code: new voxels for each round and each mask. Here: one draw a
    scene, of which each mask takes its most uncertain. Because: the distribution is the same and drawing costs most.
    """
    K = len(weight_K)
    class_weight = torch.cat([weight_K, weight_K.new_tensor([config.no_class])])
    even_K = torch.ones_like(sampling_K)
    scenes = [b for b in range(len(target_BXYZ)) if bool((target_BXYZ[b] != UNKNOWN).any())]
    nothing = class_RBQK.sum() * 0.0 + mask_RBQxyz.sum() * 0.0
    terms = {"classify": nothing, "mask": nothing, "dice": nothing}
    if not scenes:
        return terms
    guided = {b: draw_voxels(target_BXYZ[b], sampling_K, config.oversample * config.points) for b in scenes}
    even = {b: draw_voxels(target_BXYZ[b], even_K, round((1.0 - config.important) * config.points)) for b in scenes}
    for class_BQK, mask_BQxyz in zip(class_RBQK.float(), mask_RBQxyz.float(), strict=True):
        answer_BQ = torch.full(class_BQK.shape[:2], K, device=class_BQK.device)
        mask_losses_G, dice_losses_G, weights_G = [], [], []
        for b in scenes:
            label_N = target_BXYZ[b].flatten().long()
            present_G = label_N[label_N != UNKNOWN].unique()
            rough_P = guided[b][: config.points]
            query_G = _match(class_BQK[b], mask_BQxyz[b], rough_P, target_BXYZ[b], present_G, config)
            answer_BQ[b, query_G] = present_G
            chosen_Gxyz = mask_BQxyz[b, query_G]
            logit_GP, true_GP = _scored(chosen_Gxyz, guided[b], even[b], target_BXYZ[b], present_G, config)
            mask_losses_G.append(F.binary_cross_entropy_with_logits(logit_GP, true_GP, reduction="none").mean(1))
            p_GP = logit_GP.sigmoid()
            dice_losses_G.append(1.0 - (2.0 * (p_GP * true_GP).sum(1) + 1.0) / (p_GP.sum(1) + true_GP.sum(1) + 1.0))
            weights_G.append(weight_K[present_G])
        weight_G = torch.cat(weights_G)
        known = torch.tensor(scenes, device=class_BQK.device)
        classified = F.cross_entropy(class_BQK[known].flatten(0, 1), answer_BQ[known].flatten(), class_weight)
        terms["classify"] = terms["classify"] + config.classify * classified
        for name, factor, losses in (("mask", config.mask, mask_losses_G), ("dice", config.dice, dice_losses_G)):
            terms[name] = terms[name] + factor * (torch.cat(losses) * weight_G).sum() / weight_G.sum()
    return terms


@torch.no_grad()
def _match(
    class_QK: Tensor, mask_Qxyz: Tensor, voxel_P: Tensor, target_XYZ: Tensor, present_G: Tensor, config: MatchingConfig
) -> Tensor:
    """The query (G,) of each class present."""
    mask_QP = sample_masks(mask_Qxyz, voxel_P, target_XYZ.shape)
    true_GP = target_XYZ.flatten()[voxel_P] == present_G[:, None]
    cost_GQ = matching_cost(class_QK, mask_QP, true_GP, present_G, config)
    return torch.from_numpy(assign(cost_GQ.cpu().numpy())).to(class_QK.device)


def _scored(
    mask_Gxyz: Tensor, guided_P: Tensor, even_P: Tensor, target_XYZ: Tensor, present_G: Tensor, config: MatchingConfig
) -> tuple[Tensor, Tensor]:
    """Logits and truth (G, P) of matched masks at their most uncertain voxels of `guided_P` and at `even_P`."""
    shape, label_N = target_XYZ.shape, target_XYZ.flatten()
    logit_GP = sample_masks(mask_Gxyz, guided_P, shape)
    count = min(round(config.important * config.points), len(guided_P))
    at_GP = logit_GP.detach().abs().topk(count, 1, largest=False).indices
    logits = torch.cat([logit_GP.gather(1, at_GP), sample_masks(mask_Gxyz, even_P, shape)], 1)
    voxels = torch.cat([guided_P[at_GP], even_P.expand(len(at_GP), -1)], 1)
    return logits, (label_N[voxels] == present_G[:, None]).to(logits)
