import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.discrete.codes import ANY_VOXEL, ShapeCodes, blocks, fit_codes, pool_blocks
from occforge.discrete.separate import pool, score_weights
from tiny_world import GRID, labels_of

seeds = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def book():
    return fit_codes((labels_of(seed) for seed in range(6)), 24, SEMANTIC_KITTI)


def noise(seed, kinds=(0, 0, 1, 9, 15), shape=(8, 6, 4)):
    return np.random.default_rng(seed).choice(np.array(kinds, np.uint8), shape)


def test_book_blocks_come_back_exactly(book):
    code = np.random.default_rng(0).permutation(book.count).reshape(2, 3, 4)
    assert np.array_equal(book.encode(book.decode(code)), code)
    labels = book.decode(code)
    assert labels.shape == (4, 6, 8) and labels.dtype == np.uint8
    assert np.array_equal(book.decode(book.encode(labels)), labels)


@given(seeds)
def test_coding_is_idempotent(book, seed):
    labels = noise(seed, (0, 0, 1, 9, 15, 255))
    once = book.decode(book.encode(labels))
    assert np.array_equal(book.decode(book.encode(once)), once)


@given(seeds)
def test_the_nearest_code_keeps_the_parent_label(book, seed):
    labels = noise(seed)
    parent = pool(labels, (2, 2, 2), SEMANTIC_KITTI, ANY_VOXEL)
    code = book.encode(labels)
    there = np.isin(parent, book.parent_K)
    assert there.any()
    assert np.array_equal(book.parent_K[code][there], parent[there])
    assert np.array_equal((code == 0)[there], (parent == 0)[there])


@given(seeds)
def test_the_nearest_code_mismatches_least(book, seed):
    block = noise(seed, (0, 1, 9, 15), (2, 2, 2)).reshape(1, 8)
    parent = pool_blocks(block, SEMANTIC_KITTI)
    weight = score_weights(SEMANTIC_KITTI)
    weight[0] = 1.5
    cost = ((block != book.block_K8) * weight[block]).sum(1) + 100.0 * (book.parent_K != parent)
    chosen = book.encode(block.reshape(2, 2, 2)).item()
    assert cost[chosen] == pytest.approx(cost.min(), rel=1e-5)


def test_unknown_voxels_make_unknown_blocks(book):
    labels = labels_of(0).copy()
    labels[5, 7, 3] = UNKNOWN
    code = book.encode(labels)
    assert code[2, 3, 1] == book.count and (code == book.count).sum() == 1
    decoded = book.decode(code)
    assert (decoded[4:6, 6:8, 2:4] == UNKNOWN).all() and (decoded == UNKNOWN).sum() == 8
    assert (book.encode(np.full((4, 4, 4), UNKNOWN, np.uint8)) == book.count).all()


def test_fitting_does_not_depend_on_order_or_repetition(book):
    scenes = [labels_of(seed) for seed in range(6)]
    for again in (scenes, scenes[::-1], scenes * 2):
        assert np.array_equal(fit_codes(again, 24, SEMANTIC_KITTI).block_K8, book.block_K8)


def test_fitting_takes_what_covers_most(book):
    assert not book.block_K8[0].any() and (book.block_K8[1:].any(1)).all()
    assert len(np.unique(book.block_K8, axis=0)) == book.count == 24
    everything = np.concatenate([blocks(labels_of(seed)) for seed in range(6)])
    kinds, counts = np.unique(everything, axis=0, return_counts=True)
    worth = counts * score_weights(SEMANTIC_KITTI)[kinds].max(1)
    inside = (kinds[:, None] == book.block_K8[None]).all(2).any(1)
    occupied = kinds.any(1)
    assert worth[inside & occupied].min() >= worth[~inside].max()


def test_fitting_ignores_unknown_blocks():
    labels = labels_of(0).copy()
    labels[:, :, 4:] = UNKNOWN
    book = fit_codes([labels], 40, SEMANTIC_KITTI)
    assert not (book.block_K8 == UNKNOWN).any()
    nothing = fit_codes([np.full((4, 4, 4), UNKNOWN, np.uint8)], 40, SEMANTIC_KITTI)
    assert nothing.count == 1 and (nothing.encode(labels[:4, :4, :2]) == 0).all()


def test_blocks_are_in_c_order():
    labels = np.arange(64, dtype=np.uint8).reshape(4, 4, 4)
    assert blocks(labels)[0].tolist() == labels[:2, :2, :2].ravel().tolist()
    assert blocks(labels)[1].tolist() == labels[:2, :2, 2:].ravel().tolist()
    assert blocks(labels)[-1].tolist() == labels[2:, 2:, 2:].ravel().tolist()


def test_parents_are_what_pooling_says(book):
    for k in range(book.count):
        block = book.block_K8[k].reshape(2, 2, 2)
        assert pool(block, (2, 2, 2), SEMANTIC_KITTI, ANY_VOXEL).item() == book.parent_K[k]


def test_a_full_book_reproduces_its_scenes():
    labels = labels_of(3)
    book = fit_codes([labels], 10_000, SEMANTIC_KITTI)
    assert book.count < 10_000 and labels.shape == GRID.shape_XYZ
    assert np.array_equal(book.decode(book.encode(labels)), labels)


def test_a_book_starts_with_the_empty_block():
    with pytest.raises(AssertionError):
        ShapeCodes(np.ones((3, 8), np.uint8), SEMANTIC_KITTI)
