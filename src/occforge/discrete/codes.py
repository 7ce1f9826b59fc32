"""Shape codes: one category per 2x2x2 block of labels, so that a block's shape is drawn jointly.

Neither paper has them. Independent voxels choose the place of a thin object inside a coarse cell anew at every
voxel, which turns persons and poles into salt; a categorical state per block cannot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy
from occforge.discrete.separate import pool, score_weights

ANY_VOXEL = 1.0 - 1e-3
"""Pooling threshold that keeps every block with at least one occupied voxel."""


@dataclass(frozen=True)
class ShapeCodes:
    """A codebook of label blocks: `block_K8` uint8, code k's labels in C order over (2, 2, 2); code 0 is all empty."""

    block_K8: NDArray[np.uint8]
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        assert self.block_K8.ndim == 2 and self.block_K8.shape[1] == 8 and not self.block_K8[0].any()

    @property
    def count(self) -> int:
        """Number of codes K."""
        return len(self.block_K8)

    @cached_property
    def parent_K(self) -> NDArray[np.uint8]:
        """The label that scored pooling gives each code's block (empty only for code 0), (K,) uint8."""
        block = self.block_K8.reshape(self.count, 2, 2, 2).transpose(1, 0, 2, 3).reshape(2, self.count * 2, 2)
        return pool(block, (2, 2, 2), self.taxonomy, ANY_VOXEL)[0, :, 0]

    @cached_property
    def _lookup(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        key_K = np.ascontiguousarray(self.block_K8).view(np.uint64)[:, 0]
        order = np.argsort(key_K)
        return key_K[order], order

    def encode(self, labels_XYZ: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Labels (X, Y, Z) to codes (X/2, Y/2, Z/2); a block with an unknown voxel gets the id `count`.

        A block outside the codebook gets the code of least weighted mismatch, a voxel weighing as in Eq. 6,
        among the codes of the same pooled label where there are any.
        """
        block_N8 = blocks(labels_XYZ)
        key_N = block_N8.view(np.uint64)[:, 0]
        keys, order = self._lookup
        code_N = np.zeros(len(key_N), np.int64)
        occupied_M = np.flatnonzero(key_N)
        key_M = key_N[occupied_M]
        place_M = np.searchsorted(keys, key_M).clip(max=len(keys) - 1)
        code_N[occupied_M] = np.where(keys[place_M] == key_M, order[place_M], -1)
        unknown_N = (block_N8 == UNKNOWN).any(1)
        code_N[unknown_N] = self.count
        missing = np.flatnonzero(code_N < 0)
        if missing.size:
            kind, inverse = np.unique(key_N[missing], return_inverse=True)
            example_M8 = kind[:, None].view(np.uint8)
            parent_M = pool_blocks(example_M8, self.taxonomy)
            nearest_M = _nearest(example_M8, parent_M, self.block_K8, self.parent_K, self._mismatch_weight)
            code_N[missing] = nearest_M[inverse]
        X, Y, Z = (n // 2 for n in labels_XYZ.shape)
        return code_N.reshape(X, Y, Z)

    @cached_property
    def _mismatch_weight(self) -> NDArray[np.float32]:
        weight = score_weights(self.taxonomy)
        weight[EMPTY] = 1.5
        return weight

    def decode(self, code_XYZ: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Codes (X, Y, Z) to labels (2X, 2Y, 2Z); the id `count` becomes unknown."""
        table = np.concatenate([self.block_K8, np.full((1, 8), UNKNOWN, np.uint8)])
        X, Y, Z = code_XYZ.shape
        block = table[code_XYZ].reshape(X, Y, Z, 2, 2, 2).transpose(0, 3, 1, 4, 2, 5)
        return np.ascontiguousarray(block.reshape(2 * X, 2 * Y, 2 * Z))


def blocks(labels_XYZ: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The 2x2x2 blocks of a label grid, (N, 8) contiguous uint8, blocks and their voxels in C order."""
    X, Y, Z = labels_XYZ.shape
    block = labels_XYZ.reshape(X // 2, 2, Y // 2, 2, Z // 2, 2).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(block).reshape(-1, 8)


def pool_blocks(block_N8: NDArray[np.uint8], taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """The label that scored pooling gives each of N blocks, (N,) uint8."""
    N = len(block_N8)
    grid = block_N8.reshape(N, 2, 2, 2).transpose(1, 0, 2, 3).reshape(2, 2 * N, 2)
    return pool(grid, (2, 2, 2), taxonomy, ANY_VOXEL)[0, :, 0]


def fit_codes(scenes: Iterable[NDArray[np.uint8]], count: int, taxonomy: Taxonomy) -> ShapeCodes:
    """The codebook of the `count` blocks that cover most, each occurrence weighing as its classes do in Eq. 6.

    The weight keeps shapes of rare classes in the book; ties break by the block's bytes, so the result depends
    on the scenes alone.
    """
    total: dict[int, int] = {}
    for labels_XYZ in scenes:
        block_N8 = blocks(labels_XYZ)
        keys, counts = np.unique(block_N8.view(np.uint64)[:, 0], return_counts=True)
        for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
            total[key] = total.get(key, 0) + n
    key_M = np.fromiter(total.keys(), np.uint64, len(total))
    count_M = np.fromiter(total.values(), np.float64, len(total))
    block_M8 = key_M[:, None].view(np.uint8)
    usable_M = (block_M8 != UNKNOWN).all(1) & block_M8.any(1)
    key_M, count_M, block_M8 = key_M[usable_M], count_M[usable_M], block_M8[usable_M]
    worth_M = count_M * score_weights(taxonomy)[block_M8].max(1)
    best = np.lexsort((key_M, -worth_M))[: count - 1]
    return ShapeCodes(np.concatenate([np.zeros((1, 8), np.uint8), block_M8[best]]), taxonomy)


@numba.njit(cache=True)
def _nearest(
    block_M8: NDArray[np.uint8],
    parent_M: NDArray[np.uint8],
    code_K8: NDArray[np.uint8],
    parent_K: NDArray[np.uint8],
    weight: NDArray[np.float32],
) -> NDArray[np.int64]:
    nearest_M = np.empty(len(block_M8), np.int64)
    for m in range(len(block_M8)):
        best, best_cost = 0, np.inf
        for k in range(len(code_K8)):
            cost = 0.0 if parent_K[k] == parent_M[m] else 100.0
            for v in range(8):
                if block_M8[m, v] != code_K8[k, v]:
                    cost += weight[block_M8[m, v]]
            if cost < best_cost:
                best, best_cost = k, cost
        nearest_M[m] = best
    return nearest_M
