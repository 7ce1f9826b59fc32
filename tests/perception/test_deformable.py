"""Deformable sampling against loops that say what it is, in values and gradients."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from occforge.perception._deformable import DeformableAttention, DeformableValues, deformable_sample


def linear(value_C: Tensor, at_D: Tensor) -> Tensor:
    """A map (C, *size) at a point whose coordinates run from 0 to 1, last axis first; zero outside."""
    size = value_C.shape[1:]
    total = torch.zeros(value_C.shape[0], dtype=value_C.dtype)
    place = [at_D[-1 - axis] * size[axis] - 0.5 for axis in range(len(size))]
    for corner in itertools.product((0, 1), repeat=len(size)):
        index = [math.floor(float(p.detach())) + c for p, c in zip(place, corner, strict=True)]
        if all(0 <= i < n for i, n in zip(index, size, strict=True)):
            share = math.prod([1.0 - (p - i).abs() for p, i in zip(place, index, strict=True)])
            total = total + share * value_C[(slice(None), *index)]
    return total


def plain(values: list[Tensor], at_BQMLPD: Tensor, weight_BQMLP: Tensor) -> Tensor:
    B, Q, M, L, P = weight_BQMLP.shape
    rows = []
    for b, q, m in itertools.product(range(B), range(Q), range(M)):
        seen = [
            weight_BQMLP[b, q, m, i, p] * linear(values[i][b, m], at_BQMLPD[b, q, m, i, p])
            for i, p in itertools.product(range(L), range(P))
        ]
        rows.append(torch.stack(seen).sum(0))
    return torch.stack(rows).reshape(B, Q, -1)


@pytest.mark.parametrize("sizes", [[(5, 7), (3, 4)], [(3, 4, 5), (2, 2, 3)]], ids=["maps", "volumes"])
def test_sampling_is_its_plain_form_in_values_and_gradients(sizes: list[tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(0)
    B, Q, M, C, P, L, D = 2, 3, 2, 3, 4, len(sizes), len(sizes[0])
    values = [torch.randn(B, M, C, *s, generator=generator, dtype=torch.float64) for s in sizes]
    at = torch.rand(B, Q, M, L, P, D, generator=generator, dtype=torch.float64) * 1.4 - 0.2  # some outside
    weight = torch.rand(B, Q, M, L, P, generator=generator, dtype=torch.float64)
    leaves = [x.requires_grad_() for x in (*values, at, weight)]
    seed = torch.randn(B, Q, M * C, generator=generator, dtype=torch.float64)
    fast, slow = deformable_sample(values, at, weight), plain(values, at, weight)
    torch.testing.assert_close(fast, slow)
    for got, expected in zip(
        torch.autograd.grad((fast * seed).sum(), leaves), torch.autograd.grad((slow * seed).sum(), leaves), strict=True
    ):
        torch.testing.assert_close(got, expected)


def test_a_fresh_attention_looks_around_its_reference_point() -> None:
    torch.manual_seed(0)
    C, heads = 8, 4
    attend, project = DeformableAttention(C, heads, 1, 1, 2, 2), DeformableValues(C, heads)
    picture = torch.zeros(1, C, 20, 30)
    picture[0, :, 10, 21] = 1.0  # one to the right of the first reference point: the first head's first step
    reference = torch.tensor([[20.5 / 30, 10.5 / 20], [2.5 / 30, 2.5 / 20]])[None, :, None, None]
    near, far = attend(torch.randn(1, 2, C), reference, [project(picture)])[0]
    expected = attend.out((project.project(torch.ones(C)).unflatten(0, (heads, -1)) / 2 * one_head(heads)).flatten())
    torch.testing.assert_close(near, expected)
    torch.testing.assert_close(far, attend.out.bias)


def one_head(heads: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(0), heads)[:, None].float()


def test_attention_on_a_constant_map_is_two_projections() -> None:
    torch.manual_seed(0)
    attend, project = DeformableAttention(6, 2, 2, 3, 2, 3), DeformableValues(6, 2)
    maps = [torch.ones(1, 6, 9, 9, 9), torch.ones(1, 6, 7, 7, 7)]
    reference = torch.full((1, 5, 2, 3, 3), 0.5)
    found = attend(torch.randn(1, 5, 6), reference, [project(m) for m in maps])
    expected = attend.out(project.project(torch.ones(6)))
    torch.testing.assert_close(found, expected.expand(1, 5, 6))
