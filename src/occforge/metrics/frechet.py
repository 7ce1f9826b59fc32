"""How far two sets of features lie apart as Gaussians: the Frechet distance.

Shape legend: N, M samples, D feature dimensions. Everything is float64.
"""

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError


def checked_features(features_ND: NDArray[np.floating], name: str) -> NDArray[np.float64]:
    """Features (N, D) as float64; raises `InputError` unless they are finite and N >= 2."""
    features = np.asarray(features_ND, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise InputError(f"{name} features: expected (N >= 2, D), got {features.shape}; score more samples")
    if not np.isfinite(features).all():
        raise InputError(f"{name} features: found values that are not finite; check the feature network")
    return features


def sqrt_symmetric_DD(matrix_DD: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of a symmetric positive semi-definite matrix; eigenvalues below zero are rounding and become 0."""
    value_D, vector_DD = np.linalg.eigh((matrix_DD + matrix_DD.T) / 2)
    return (vector_DD * np.sqrt(np.maximum(value_D, 0.0))) @ vector_DD.T


def frechet_gaussians(
    mean_a_D: NDArray[np.float64],
    cov_a_DD: NDArray[np.float64],
    mean_b_D: NDArray[np.float64],
    cov_b_DD: NDArray[np.float64],
) -> float:
    """Squared Frechet distance |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^1/2) of two Gaussians.

    Source: Dowson and Landau 1982; as a score of generators, Eq. 6 of Heusel et al. 2017.
    Here: tr (S_a S_b)^1/2 = tr (S_a^1/2 S_b S_a^1/2)^1/2 is the sum of singular values of S_a^1/2 S_b^1/2.
    Because: it needs no root of a matrix that is not symmetric, no epsilon on the diagonal for covariances of low
    rank, and no squaring that would turn rounding of 1e-16 into 1e-8.
    """
    cross = np.linalg.svd(sqrt_symmetric_DD(cov_a_DD) @ sqrt_symmetric_DD(cov_b_DD), compute_uv=False).sum()
    distance = np.sum((mean_a_D - mean_b_D) ** 2) + np.trace(cov_a_DD) + np.trace(cov_b_DD) - 2.0 * cross
    return max(float(distance), 0.0)


def frechet_distance(a_ND: NDArray[np.floating], b_MD: NDArray[np.floating]) -> float:
    """Squared Frechet distance of two feature sets (N, D) and (M, D), with unbiased covariances.

    It is biased upwards by about D / N: compare only numbers of equal n, beside the floor of real against real.
    """
    a, b = checked_features(a_ND, "first"), checked_features(b_MD, "second")
    if a.shape[1] != b.shape[1]:
        raise InputError(f"frechet: expected equal feature dimensions, got {a.shape[1]} and {b.shape[1]}")
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    return frechet_gaussians(a.mean(0), cov_a, b.mean(0), cov_b)
