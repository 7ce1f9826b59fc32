"""What scenes are made of: each class's share of the occupied voxels.

Shape legend: X forward, Y left, Z up, K classes (0 is empty). Unknown voxels (255) are never counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, Taxonomy


def class_counts_K(labels_XYZ: NDArray[np.uint8], class_count: int) -> NDArray[np.int64]:
    """Voxels of each class, empty included, unknown not."""
    return np.bincount(labels_XYZ.ravel(), minlength=256)[:class_count]


def occupied_shares_K(counts_K: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class among occupied voxels; 0 for empty, all 0 where nothing is occupied."""
    shares_K = counts_K.astype(np.float64)
    shares_K[EMPTY] = 0.0
    total = shares_K.sum()
    return shares_K / total if total else shares_K


@dataclass(frozen=True)
class ShareDistance:
    """L1 distances of shares, 0-2: over all classes, and over thing classes after they are made to sum to 1."""

    all_classes: float
    things: float


def share_distance(
    a_counts_K: NDArray[np.int64], b_counts_K: NDArray[np.int64], things: tuple[int, ...]
) -> ShareDistance:
    """Sum over classes of |share_a - share_b|, from pooled counts.

    `things` compares the mixture among thing classes alone (their total is in `all_classes`), which background,
    nine tenths of the voxels, would hide. It is 2 at most, also where only one side has things at all.
    """
    if a_counts_K.shape != b_counts_K.shape:
        raise InputError(f"shares: expected equal class counts, got {a_counts_K.shape} and {b_counts_K.shape}")
    difference = float(np.abs(occupied_shares_K(a_counts_K) - occupied_shares_K(b_counts_K)).sum())
    a_T, b_T = (counts[list(things)].astype(np.float64) for counts in (a_counts_K, b_counts_K))
    if not a_T.any() or not b_T.any():
        return ShareDistance(difference, 2.0 * float(a_T.any() or b_T.any()))
    return ShareDistance(difference, float(np.abs(a_T / a_T.sum() - b_T / b_T.sum()).sum()))


class ClassShares:
    """Pools class counts over scenes."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.counts_K = np.zeros(taxonomy.class_count, np.int64)
        self.scenes = 0

    def add(self, scene: Scene) -> None:
        """Count one scene; raises `InputError` if its taxonomy is another."""
        if scene.taxonomy.names != self.taxonomy.names:
            raise InputError(f"shares: expected taxonomy {self.taxonomy.name}, got {scene.taxonomy.name}")
        self.counts_K += class_counts_K(scene.labels_XYZ, self.taxonomy.class_count)
        self.scenes += 1

    def shares_K(self) -> NDArray[np.float64]:
        """Shares of everything added so far."""
        return occupied_shares_K(self.counts_K)
