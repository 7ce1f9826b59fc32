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


def test_ranks_are_the_codes_of_a_label(composition):
    refiner, book = composition.refiner, composition.levels.refine_book
    parent = torch.from_numpy(book.parent_K).long()
    codes = torch.arange(book.count)
    assert torch.equal(refiner.codes_of(parent, refiner.rank_K), codes)
    not_drawn = torch.full((20,), composition.levels.refine_ranks)
    assert (refiner.codes_of(torch.arange(20), not_drawn) == book.count).all()


def test_logits_are_those_of_the_plain_form(composition):
    """All codes for every cell, those of other labels struck out, as the sparse form leaves them out."""
    refiner = composition.refiner
    label = torch.from_numpy(half_of(composition, 0)).long()
    hidden = torch.full_like(label, refiner.config.states)
    query = label.flatten().nonzero()[:, 0]
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        leave = type(refiner.leave).forward
        patch.setattr(refiner.leave, "forward", lambda h: seen.append(leave(refiner.leave, h)) or seen[-1])
        ranked = refiner(label, hidden, query)
    parent = torch.from_numpy(composition.levels.refine_book.parent_K).long()
    others = parent[None] != label.flatten()[query][:, None]
    plain = refiner.head(seen[0]).masked_fill(others, -1e4).softmax(1)
    wide = torch.zeros_like(plain)
    for n, k in enumerate(label.flatten()[query].tolist()):
        count = int(refiner.count_L[k])
        wide[n, refiner.code_LM[k, :count]] = ranked[n].softmax(0)[:count]
    assert torch.allclose(wide, plain, atol=1e-6) and torch.allclose(wide.sum(1), torch.ones(len(query)), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_sampled_refinement_pools_back_to_its_input(composition, steps):
    book, transition = composition.levels.refine_book, composition.transitions["refine"]
    half = half_of(composition, 5)
    label = torch.from_numpy(half).long()
    known = torch.where(label == 0, 0, transition.states)[None]
    network = Refining(composition, label)
    generator = torch.Generator().manual_seed(1)
    rank = sample(network, transition, known.shape, steps, generator, known)[0]
    fine = book.decode(composition.refiner.codes_of(label, rank).numpy())
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
    rank = refiner.rank_K[code.flatten()[query]]
    loss = torch.nn.functional.cross_entropy(refiner(label, hidden, query), rank)
    loss.backward()
    assert not [name for name, p in refiner.named_parameters() if p.grad is None or not p.grad.any()]
