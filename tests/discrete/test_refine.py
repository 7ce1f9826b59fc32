import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.codes import ANY_VOXEL
from occforge.discrete.refine import neighbours
from occforge.discrete.sample import sample
from occforge.discrete.separate import pool
from occforge.pipelines.text_to_scene import Refining
from tiny_world import labels_of, tiny_composition


@pytest.fixture(scope="module")
def composition():
    return tiny_composition()


def half_of(composition, seed):
    """Coarse labels whose every class has a code, (16, 16, 8) uint8."""
    half = composition.levels.half_scene(labels_of(seed))
    return np.where(np.isin(half, composition.levels.refine_book.parent_K), half, 0).astype(np.uint8)


@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 2), st.integers(0, 999))
def test_neighbours_match_a_plain_loop(shape, reach, seed):
    grid = torch.randint(9, shape, generator=torch.Generator().manual_seed(seed))
    query = torch.randperm(grid.numel(), generator=torch.Generator().manual_seed(seed))
    expected = []
    for n in query.tolist():
        x, y, z = np.unravel_index(n, shape)
        values = []
        for a in range(x - reach, x + reach + 1):
            for b in range(y - reach, y + reach + 1):
                for c in range(z - reach, z + reach + 1):
                    inside = 0 <= a < shape[0] and 0 <= b < shape[1] and 0 <= c < shape[2]
                    values.append(int(grid[a, b, c]) if inside else -7)
        expected.append(values)
    assert neighbours(grid, query, reach, -7).tolist() == expected


def test_codes_of_another_label_are_impossible(composition):
    label = torch.from_numpy(half_of(composition, 0)).long()
    states = composition.refiner.config.states
    hidden = torch.full_like(label, states)
    query = label.flatten().nonzero()[:, 0]
    p = composition.refiner(label, hidden, query).softmax(1)
    allowed = composition.refiner.parent_K[None] == label.flatten()[query][:, None]
    assert torch.allclose(torch.where(allowed, p, 0.0).sum(1), torch.ones(len(query)), atol=1e-5)
    assert not torch.where(allowed, 0.0, p).any()


@pytest.mark.parametrize("steps", [1, 4])
def test_a_sampled_refinement_pools_back_to_its_input(composition, steps):
    book = composition.levels.refine_book
    half = half_of(composition, 5)
    label = torch.from_numpy(half).long()
    known = torch.where(label == 0, 0, book.count)[None]
    network = Refining(composition, label)
    generator = torch.Generator().manual_seed(1)
    codes = sample(network, composition.transitions["refine"], known.shape, steps, generator, known)[0]
    fine = book.decode(codes.numpy())
    assert np.array_equal(pool(fine, (2, 2, 2), SEMANTIC_KITTI, ANY_VOXEL), half)


def test_neighbours_and_drawn_codes_matter(composition):
    label = torch.from_numpy(half_of(composition, 0)).long()
    states = composition.refiner.config.states
    codes = torch.full_like(label, states)
    x, y, z = 8, 8, int(label[8, 8].argmax())
    query = torch.tensor([(x * label.shape[1] + y) * label.shape[2] + z])
    base = composition.refiner(label, codes, query)
    drawn, seen = codes.clone(), label.clone()
    drawn[x - 1, y, z] = 3
    seen[x, y - 2, z] = (seen[x, y - 2, z] + 1) % 20
    assert not torch.allclose(composition.refiner(label, drawn, query), base)
    assert not torch.allclose(composition.refiner(seen, codes, query), base)
    far_label, far_code = label.clone(), codes.clone()
    far = torch.ones(label.shape, dtype=torch.bool)
    far[max(0, x - 2) : x + 3, max(0, y - 2) : y + 3, max(0, z - 2) : z + 3] = False
    far_label[far], far_code[far] = 9, 5
    assert torch.allclose(composition.refiner(far_label, far_code, query), base)


def test_gradient_reaches_every_parameter(composition):
    refiner = tiny_composition().refiner
    label = torch.from_numpy(half_of(composition, 0)).long()
    code = torch.from_numpy(composition.levels.refine_book.encode(labels_of(0))).long()
    query = label.flatten().nonzero()[:, 0]
    hidden = torch.where(torch.arange(code.numel()).reshape(code.shape) % 2 == 0, code, refiner.config.states)
    loss = torch.nn.functional.cross_entropy(refiner(label, hidden, query), code.flatten()[query])
    loss.backward()
    assert not [name for name, p in refiner.named_parameters() if p.grad is None or not p.grad.any()]
