"""Every loss against its closed form written as plainly as the paper writes it."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.camera import look_camera
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.perception import losses

K, SHAPE = 5, (2, 4, 6, 4)


@pytest.fixture
def case() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(SHAPE[0], K, *SHAPE[1:], generator=generator, dtype=torch.float64)
    target = torch.randint(0, K - 1, SHAPE, generator=generator).to(torch.uint8)  # the last class is absent
    target[torch.rand(SHAPE, generator=generator) < 0.3] = UNKNOWN
    return logits.requires_grad_(), target


def known_voxels(logits: Tensor, target: Tensor) -> list[tuple[list[float], int]]:
    probability = logits.detach().softmax(1).movedim(1, -1).reshape(-1, K)
    return [(p.tolist(), int(k)) for p, k in zip(probability, target.flatten().tolist(), strict=True) if k != UNKNOWN]


def affinity(shares: list[tuple[float, bool]]) -> float:
    """-(ln P + ln R + ln S) of soft predictions of one class (MonoScene, Eqs. 1-3)."""
    hit = sum(p for p, true in shares if true)
    precision = hit / sum(p for p, _ in shares)
    recall = hit / sum(true for _, true in shares)
    specificity = sum(1 - p for p, true in shares if not true) / sum(not true for _, true in shares)
    return -(math.log(precision) + math.log(recall) + math.log(specificity))


def test_cross_entropy_is_the_weighted_mean_over_known_voxels(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    voxels = known_voxels(logits, target)
    expected = sum(-float(weight[k]) * math.log(p[k]) for p, k in voxels) / len(voxels)
    assert losses.cross_entropy(logits, target, weight).item() == pytest.approx(expected, rel=1e-5)


def test_the_papers_cross_entropy_is_torchs_weighted_mean(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0])
    expected = F.cross_entropy(logits.float(), target.long(), weight, ignore_index=255)
    torch.testing.assert_close(losses.cross_entropy(logits, target, weight, weighted_mean=True), expected)
    nothing = torch.full_like(target, 255)
    assert losses.cross_entropy(logits, nothing, weight, weighted_mean=True).item() == 0.0


def test_semantic_affinity_is_its_closed_form(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    voxels = known_voxels(logits, target)
    classes = sorted({k for _, k in voxels})
    assert K - 1 not in classes
    expected = sum(affinity([(p[c], k == c) for p, k in voxels]) for c in classes) / len(classes)
    assert losses.semantic_affinity(logits, target).item() == pytest.approx(expected, rel=1e-4)


def test_geometric_affinity_is_its_closed_form(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    expected = affinity([(1 - p[0], k != 0) for p, k in known_voxels(logits, target)])
    assert losses.geometric_affinity(logits, target).item() == pytest.approx(expected, rel=1e-4)


def test_frustum_loss_is_the_divergence_of_class_shares(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    generator = torch.Generator().manual_seed(1)
    frustum = torch.randint(-1, 4, (SHAPE[0], math.prod(SHAPE[1:])), generator=generator)
    probability = logits.detach().softmax(1).flatten(2).transpose(1, 2)
    total = 0.0
    for f in range(4):
        chosen = (frustum == f) & (target.flatten(1) != UNKNOWN)
        labels, p = target.flatten(1)[chosen], probability[chosen].mean(0)
        for k in range(K):
            q = float((labels == k).double().mean())
            total += q * math.log(q / float(p[k])) if q else 0.0
    assert losses.frustum_proportion(logits, target, frustum, 4).item() == pytest.approx(total / 4, rel=1e-4)


def test_relations_are_those_of_each_pair(case: tuple[Tensor, Tensor]) -> None:
    _, target = case
    found = losses.relation_matrix(target)
    B, X, Y, Z = target.shape
    assert found.shape == (B, 4, X * Y * Z // 8, X * Y * Z)
    for b in range(B):
        for s in range(found.shape[2]):
            x, rest = divmod(s, (Y // 2) * (Z // 2))
            y, z = divmod(rest, Z // 2)
            block = target[b, 2 * x : 2 * x + 2, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2].flatten().tolist()
            others = [k for k in block if k != UNKNOWN]
            for n, k in enumerate(target[b].flatten().tolist()):
                expected = [False] * 4
                if k != UNKNOWN:
                    expected = [
                        any(o == k != 0 for o in others),
                        any(k != 0 and o not in (0, k) for o in others),
                        any(o == k == 0 for o in others),
                        any((o == 0) != (k == 0) for o in others),
                    ]
                assert found[b, :, s, n].tolist() == expected


def test_relation_loss_weighs_positives_by_their_rarity() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    relation = torch.rand(2, 3, 4, 5, generator=generator) < 0.3
    relation[:, 2] = False
    expected = []
    for r in range(2):
        p, y = logits[:, r].sigmoid().double(), relation[:, r]
        weight = float((~y).sum() / y.sum())
        expected.append(float(-(weight * p.log() * y + (1 - p).log() * ~y).mean()))
    assert losses.relation_loss(logits, relation).item() == pytest.approx(sum(expected) / 2, rel=1e-5)


@pytest.mark.parametrize("name", ["semantic_affinity", "geometric_affinity"])
def test_perfect_predictions_cost_nothing_and_unknown_voxels_have_no_gradient(
    name: str, case: tuple[Tensor, Tensor]
) -> None:
    logits, target = case
    loss = getattr(losses, name)
    loss(logits, target).backward()
    unknown = (target == UNKNOWN)[:, None].expand_as(logits)
    assert float(logits.grad[unknown].abs().max()) == 0.0
    assert float(logits.grad[~unknown].abs().max()) > 0.0
    sure = torch.nn.functional.one_hot(target.long().clamp(max=K - 1), K).movedim(-1, 1) * 60.0
    assert loss(sure, target).item() == pytest.approx(0.0, abs=1e-4)


def test_every_class_has_a_gradient(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    target = target.clone()
    target[0, 0, 0, 0] = K - 1
    losses.semantic_affinity(logits, target).backward()
    assert bool((logits.grad.abs().sum((0, 2, 3, 4)) > 0).all())


def test_nothing_known_costs_nothing() -> None:
    logits = torch.randn(1, K, 2, 2, 2, requires_grad=True)
    target = torch.full((1, 2, 2, 2), UNKNOWN, dtype=torch.uint8)
    frustum = torch.zeros(1, 8, dtype=torch.long)
    terms = [
        losses.cross_entropy(logits, target, torch.ones(K)),
        losses.semantic_affinity(logits, target),
        losses.geometric_affinity(logits, target),
        losses.frustum_proportion(logits, target, frustum, 1),
        losses.relation_loss(torch.randn(1, 4, 1, 8), losses.relation_matrix(target)),
    ]
    total = sum(terms)
    total.backward()
    assert total.item() == 0.0 and bool(torch.isfinite(logits.grad).all())


def test_frustums_tile_the_image_row_by_row() -> None:
    cameras = CameraBatch.stack([look_camera((0.0, 0.0, 0.0), math.pi / 2, (100, 200))])
    at = torch.tensor([[10.0, 9.0, 4.0], [10.0, -9.0, -4.0], [-10.0, 0.0, 0.0], [10.0, 11.0, 0.0]])
    assert losses.frustum_index(cameras, at, 2).tolist() == [[0, 3, -1, -1]]


def test_rare_classes_weigh_more() -> None:
    weight = losses.class_weights(SEMANTIC_KITTI)
    road, person, empty = (SEMANTIC_KITTI.id_of(n) for n in ("road", "person", "empty"))
    assert weight[empty] < weight[road] < weight[person] and float(weight.mean()) == pytest.approx(1.0)
    small, street, room = (losses.entropy_weights(kind, SEMANTIC_KITTI) for kind in ("small", "street", "room"))
    assert torch.equal(small, weight) and 1.5 < float(street[person] / street[empty]) < 2.0
    assert room.tolist() == pytest.approx([0.05] + [1.0] * 19)
