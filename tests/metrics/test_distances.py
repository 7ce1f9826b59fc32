import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.transform import Rotation
from scipy.stats import special_ortho_group

from occforge.core.errors import InputError
from occforge.metrics.frechet import frechet_distance, frechet_gaussians, sqrt_symmetric_DD
from occforge.metrics.kernel import kernel_distance, mmd_unbiased, polynomial_kernel_NM


def test_frechet_closed_forms():
    eye = np.eye(3)
    assert frechet_gaussians(np.zeros(3), eye, np.array([3.0, 4.0, 0.0]), eye) == pytest.approx(25.0)
    a, b = np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 1.0, 9.0])
    assert frechet_gaussians(np.zeros(3), a, np.zeros(3), b) == pytest.approx(2.0)  # (1-2)^2 + (2-1)^2
    assert frechet_gaussians(np.zeros(3), a, np.zeros(3), np.zeros((3, 3))) == pytest.approx(14.0)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(3, 40))
@settings(max_examples=30, deadline=None)
def test_frechet_matches_scipy_sqrtm(seed, D, N):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(N + D + 2, D)) @ rng.normal(size=(D, D))
    b = rng.normal(size=(N + D + 2, D)) @ rng.normal(size=(D, D)) + 1
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(st.integers(0, 1000), st.integers(2, 60))
@settings(max_examples=30, deadline=None)
def test_frechet_of_identical_sets_is_zero_even_where_rank_is_low(seed, N):
    a = np.random.default_rng(seed).normal(size=(N, 20)) * 10
    assert frechet_distance(a, a) < 1e-9


def test_frechet_is_symmetric_and_blind_to_rotation():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 7)) * np.arange(1, 8), rng.normal(size=(60, 7)) + 0.5
    R = special_ortho_group.rvs(7, random_state=1)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a @ R, b @ R) == pytest.approx(frechet_distance(a, b))
    R3 = Rotation.random(random_state=0).as_matrix()
    assert frechet_distance(a[:, :3] @ R3, b[:, :3] @ R3) == pytest.approx(frechet_distance(a[:, :3], b[:, :3]))


def test_square_root_squares_to_the_matrix():
    x = np.random.default_rng(0).normal(size=(30, 10))
    root = sqrt_symmetric_DD(x.T @ x)
    assert np.allclose(root @ root, x.T @ x)


def test_kernel_closed_form_and_plain_reference():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)), rng.normal(size=(7, 4)) + 1

    def k(x, y):
        return (x @ y / 4 + 1) ** 3

    assert polynomial_kernel_NM(a, b)[2, 3] == pytest.approx(k(a[2], b[3]))
    within_a = np.mean([k(a[i], a[j]) for i in range(6) for j in range(6) if i != j])
    within_b = np.mean([k(b[i], b[j]) for i in range(7) for j in range(7) if i != j])
    between = np.mean([k(x, y) for x in a for y in b])
    assert mmd_unbiased(a, b) == pytest.approx(within_a + within_b - 2 * between)


def test_kernel_is_unbiased_seeded_and_grows_with_shift():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 8)), rng.normal(size=(400, 8))
    same = kernel_distance(a, b, subset_size=50, subsets=60)
    assert same == kernel_distance(a, b, subset_size=50, subsets=60)
    assert same != kernel_distance(a, b, subset_size=50, subsets=60, seed=1)
    assert abs(same.mean) < 3 * same.spread
    shifted = [kernel_distance(a, b + s, subset_size=50, subsets=20).mean for s in (0.25, 0.5, 1.0)]
    assert same.mean < shifted[0] < shifted[1] < shifted[2]


def test_border_errors():
    with pytest.raises(InputError, match="N >= 2"):
        frechet_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="equal feature dimensions"):
        frechet_distance(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="not finite"):
        mmd_unbiased(np.full((4, 2), np.nan), np.zeros((4, 2)))
    with pytest.raises(InputError, match="subset size"):
        kernel_distance(np.zeros((10, 2)), np.zeros((10, 2)), subset_size=11)
