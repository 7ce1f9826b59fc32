"""From a labelled scene to the grids that the stages diffuse: object/background split and scored pooling (Eq. 6)."""

import numba
import numpy as np
from numpy.typing import NDArray

from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy

Factor = tuple[int, int, int]


def split(labels_XYZ: NDArray[np.uint8], taxonomy: Taxonomy) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(background, objects): each keeps its own classes and unknown, the other's voxels become empty (Sec. 4.1)."""
    background_of = np.arange(256, dtype=np.uint8)
    background_of[list(taxonomy.objects)] = EMPTY
    objects_of = np.full(256, EMPTY, np.uint8)
    objects_of[list(taxonomy.objects)] = taxonomy.objects
    objects_of[UNKNOWN] = UNKNOWN
    return background_of[labels_XYZ], objects_of[labels_XYZ]


def score_weights(taxonomy: Taxonomy) -> NDArray[np.float32]:
    """1 / cube root of F^k for every class id, (256,) float32 (Eq. 6)."""
    weight = np.zeros(256, np.float32)
    weight[: taxonomy.class_count] = np.maximum(np.asarray(taxonomy.frequency), 1e-7) ** (-1.0 / 3.0)
    return weight


def pool(
    labels_XYZ: NDArray[np.uint8], factor: Factor, taxonomy: Taxonomy, threshold: float | None = None
) -> NDArray[np.uint8]:
    """Scored pooling (Eq. 6): each block of `factor` voxels becomes one.

    Where the share of empty or unknown voxels exceeds `threshold` (the taxonomy's by default) the block is empty,
    or unknown if unknown voxels outnumber empty ones; otherwise it is the class of greatest count / cube root of F^k.
    A threshold just below 1 keeps every block that holds a single occupied voxel.
    """
    th = taxonomy.pool_threshold if threshold is None else threshold
    return _pool(np.ascontiguousarray(labels_XYZ), factor, score_weights(taxonomy), th)


@numba.njit(cache=True)
def _pool(
    labels_XYZ: NDArray[np.uint8], factor: Factor, weight: NDArray[np.float32], threshold: float
) -> NDArray[np.uint8]:
    fx, fy, fz = factor
    X, Y, Z = labels_XYZ.shape[0] // fx, labels_XYZ.shape[1] // fy, labels_XYZ.shape[2] // fz
    pooled = np.empty((X, Y, Z), np.uint8)
    count = np.zeros(256, np.int32)
    present = np.empty(256, np.uint8)
    volume = fx * fy * fz
    for i in range(X):
        for j in range(Y):
            for k in range(Z):
                kinds = 0
                for a in range(i * fx, i * fx + fx):
                    for b in range(j * fy, j * fy + fy):
                        for c in range(k * fz, k * fz + fz):
                            label = labels_XYZ[a, b, c]
                            if count[label] == 0:
                                present[kinds] = label
                                kinds += 1
                            count[label] += 1
                empty, unknown = count[EMPTY], count[UNKNOWN]
                best, best_score = 0, -1.0
                for n in range(kinds):
                    label = present[n]
                    score = count[label] * weight[label]
                    if (
                        label != EMPTY
                        and label != UNKNOWN
                        and (score > best_score or (score == best_score and label < best))
                    ):
                        best, best_score = label, score
                    count[label] = 0
                if empty + unknown > threshold * volume or empty + unknown == volume:
                    best = EMPTY if empty >= unknown else UNKNOWN
                pooled[i, j, k] = best
    return pooled


def scored_pooling_reference(
    labels_XYZ: NDArray[np.uint8], factor: Factor, taxonomy: Taxonomy, threshold: float
) -> NDArray[np.uint8]:
    """`pool` in plain numpy, one-hot counts of every block: the form that `pool` must match."""
    (fx, fy, fz), (X, Y, Z) = factor, labels_XYZ.shape
    block = labels_XYZ.reshape(X // fx, fx, Y // fy, fy, Z // fz, fz).transpose(0, 2, 4, 1, 3, 5)
    block = block.reshape(*block.shape[:3], -1)
    count = np.stack([(block == k).sum(-1) for k in range(256)], axis=-1)
    empty, unknown = count[..., EMPTY], count[..., UNKNOWN]
    score = count * score_weights(taxonomy)
    score[..., [EMPTY, UNKNOWN]] = -1.0
    best = score.argmax(-1)
    sparse = (empty + unknown > threshold * block.shape[-1]) | (empty + unknown == block.shape[-1])
    return np.where(sparse, np.where(empty >= unknown, EMPTY, UNKNOWN), best).astype(np.uint8)
