"""How far two sets of features lie apart without assuming Gaussians: kernel MMD.

Shape legend: N, M samples, D feature dimensions. Everything is float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.metrics.frechet import checked_features


@dataclass(frozen=True)
class KernelDistance:
    """Mean and standard deviation of squared MMD over `subsets` draws of `subset_size` from each side."""

    mean: float
    spread: float
    subset_size: int
    subsets: int


def polynomial_kernel_NM(a_ND: NDArray[np.float64], b_MD: NDArray[np.float64], degree: int = 3) -> NDArray[np.float64]:
    """(x . y / D + 1)^degree, (N, M). Source: Binkowski et al. 2018, section 4."""
    return (a_ND @ b_MD.T / a_ND.shape[1] + 1.0) ** degree


def mmd_unbiased(a_ND: NDArray[np.floating], b_MD: NDArray[np.floating], degree: int = 3) -> float:
    """Unbiased estimate of squared MMD; its mean over draws from one distribution is 0, so it can be negative.

    Source: Eq. 4 of Binkowski et al. 2018 (Lemma 6 of Gretton et al. 2012).
    """
    a, b = checked_features(a_ND, "first"), checked_features(b_MD, "second")
    if a.shape[1] != b.shape[1]:
        raise InputError(f"kernel: expected equal feature dimensions, got {a.shape[1]} and {b.shape[1]}")
    N, M = len(a), len(b)
    aa_NN, bb_MM = polynomial_kernel_NM(a, a, degree), polynomial_kernel_NM(b, b, degree)
    within_a = (aa_NN.sum() - np.trace(aa_NN)) / (N * (N - 1))
    within_b = (bb_MM.sum() - np.trace(bb_MM)) / (M * (M - 1))
    return float(within_a + within_b - 2.0 * polynomial_kernel_NM(a, b, degree).mean())


def kernel_distance(
    a_ND: NDArray[np.floating],
    b_MD: NDArray[np.floating],
    subset_size: int = 100,
    subsets: int = 100,
    seed: int = 0,
    degree: int = 3,
) -> KernelDistance:
    """Squared polynomial MMD over seeded random subsets, without replacement inside a subset.

    Raises `InputError` if a side has fewer than `subset_size` samples: a smaller subset is another number.
    """
    a, b = checked_features(a_ND, "first"), checked_features(b_MD, "second")
    if not 2 <= subset_size <= min(len(a), len(b)) or subsets < 1:
        raise InputError(
            f"kernel: subset size must lie in 2-{min(len(a), len(b))} and subsets be positive, "
            f"got {subset_size} and {subsets}; score more samples or ask for smaller subsets"
        )
    rng = np.random.default_rng(seed)
    value_S = np.array(
        [
            mmd_unbiased(
                a[rng.choice(len(a), subset_size, replace=False)],
                b[rng.choice(len(b), subset_size, replace=False)],
                degree,
            )
            for _ in range(subsets)
        ]
    )
    return KernelDistance(float(value_S.mean()), float(value_S.std()), subset_size, subsets)
