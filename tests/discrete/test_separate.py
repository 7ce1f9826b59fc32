import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI, TAXONOMIES, UNKNOWN
from occforge.discrete.separate import pool, score_weights, scored_pooling_reference, split

every = pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)


@st.composite
def labelled(draw):
    """Labels of few kinds, so that blocks are contested, with their pooling factor and taxonomy."""
    taxonomy = draw(st.sampled_from([SEMANTIC_KITTI, CARLA_SC]))
    factor = draw(st.tuples(*[st.integers(1, 4)] * 3))
    shape = tuple(f * draw(st.integers(1, 3)) for f in factor)
    kinds = draw(st.lists(st.sampled_from([0, 0, 255, *range(taxonomy.class_count)]), min_size=1, max_size=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.choice(kinds, shape).astype(np.uint8), factor, taxonomy


@settings(max_examples=100)
@given(labelled(), st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.5, 0.75, 0.95, 0.999, 1.0])))
def test_pool_matches_its_reference(case, threshold):
    labels, factor, taxonomy = case
    expected = scored_pooling_reference(labels, factor, taxonomy, threshold)
    assert np.array_equal(pool(labels, factor, taxonomy, threshold), expected)


@given(labelled())
def test_the_default_threshold_is_the_taxonomys(case):
    labels, factor, taxonomy = case
    assert np.array_equal(pool(labels, factor, taxonomy), pool(labels, factor, taxonomy, taxonomy.pool_threshold))


@given(labelled())
def test_pooling_invents_nothing(case):
    labels, factor, taxonomy = case
    pooled = pool(labels, factor, taxonomy)
    (X, Y, Z), (fx, fy, fz) = pooled.shape, factor
    block = labels.reshape(X, fx, Y, fy, Z, fz)
    assert (block == pooled[:, None, :, None, :, None]).any((1, 3, 5)).all()
    assert np.array_equal(pool(labels, (1, 1, 1), taxonomy, 1.0), labels)


@given(labelled(), st.permutations(range(8)))
def test_order_within_a_block_does_not_matter(case, order):
    labels, _, taxonomy = case
    block = np.resize(labels, 8).astype(np.uint8)
    one, two = (pool(b.reshape(2, 2, 2), (2, 2, 2), taxonomy) for b in (block, block[list(order)]))
    assert np.array_equal(one, two)


def test_pooling_reads_views():
    labels = np.random.default_rng(0).integers(0, 20, (4, 6, 8)).astype(np.uint8)
    turned = labels.transpose(2, 0, 1)
    copied = np.ascontiguousarray(turned)
    assert np.array_equal(
        pool(turned, (2, 2, 2), SEMANTIC_KITTI), scored_pooling_reference(copied, (2, 2, 2), SEMANTIC_KITTI, 0.95)
    )


def test_equation_6_by_hand():
    """A person voxel scores 1 / cbrt(0.001) = 10: seven of road, 7 / cbrt(0.252) = 11.1, win, five, 7.9, do not."""
    road, person = SEMANTIC_KITTI.id_of("road"), SEMANTIC_KITTI.id_of("person")
    block = np.full(8, road, np.uint8)
    block[0] = person
    assert pool(block.reshape(2, 2, 2), (2, 2, 2), SEMANTIC_KITTI).item() == road
    block[6:] = 0
    assert pool(block.reshape(2, 2, 2), (2, 2, 2), SEMANTIC_KITTI).item() == person


def test_threshold_by_hand():
    block = np.zeros((4, 4, 4), np.uint8)
    block.flat[:3] = SEMANTIC_KITTI.id_of("building")
    assert pool(block, (4, 4, 4), SEMANTIC_KITTI, 0.95).item() == 0  # 61 / 64 > 0.95
    block.flat[3] = SEMANTIC_KITTI.id_of("building")
    assert pool(block, (4, 4, 4), SEMANTIC_KITTI, 0.95).item() == SEMANTIC_KITTI.id_of("building")
    block[:] = UNKNOWN
    block.flat[:31] = 0
    assert pool(block, (4, 4, 4), SEMANTIC_KITTI, 0.95).item() == UNKNOWN
    block.flat[:32] = 0
    assert pool(block, (4, 4, 4), SEMANTIC_KITTI, 0.95).item() == 0


@every
def test_weights_are_inverse_cube_roots(taxonomy):
    weight = score_weights(taxonomy)
    assert np.allclose(weight[: taxonomy.class_count] ** -3.0, taxonomy.frequency, rtol=1e-4)
    assert not weight[taxonomy.class_count :].any()


@every
def test_split_partitions(taxonomy):
    labels = np.array([*range(taxonomy.class_count), UNKNOWN], np.uint8).reshape(1, 1, -1)
    background, objects = split(labels, taxonomy)
    known = labels != UNKNOWN
    assert np.array_equal((background + objects)[known], labels[known])
    assert not (background * objects)[known].any()
    assert (background[~known] == UNKNOWN).all() and (objects[~known] == UNKNOWN).all()
    assert set(objects[known]) - {0} == set(taxonomy.objects)
    assert set(background[known]) - {0} == set(taxonomy.background)
