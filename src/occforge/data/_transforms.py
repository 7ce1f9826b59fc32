"""Scenes at another resolution, by the rule with which SemanticKITTI's peers make coarse targets.

A coarse voxel whose fine voxels are empty or unknown by more than `EMPTY_SHARE` is empty where the empty ones
outnumber the unknown ones, else unknown; any other takes the most frequent class of its occupied fine voxels, the
lowest id on a tie.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN

EMPTY_SHARE = 0.95


def downsample_scene(scene: Scene, factor: int) -> Scene:
    """`scene` with voxels `factor` times as long on every axis."""
    grid = scene.grid.pooled((factor, factor, factor))
    return Scene(downsample(scene.labels_XYZ, factor), grid, scene.taxonomy)


def downsample(labels_XYZ: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """uint8 labels (X, Y, Z) to (X, Y, Z) / `factor`; raises `InputError` if `factor` does not divide the shape."""
    if factor < 1 or any(n % factor for n in labels_XYZ.shape):
        raise InputError(f"downsampling by {factor} does not divide a grid of {labels_XYZ.shape}; choose a divisor")
    return _downsample(np.ascontiguousarray(labels_XYZ), factor, EMPTY_SHARE)


@njit(cache=True)
def _downsample(labels_XYZ: NDArray[np.uint8], factor: int, empty_share: float) -> NDArray[np.uint8]:
    X, Y, Z = labels_XYZ.shape
    pooled_XYZ = np.empty((X // factor, Y // factor, Z // factor), np.uint8)
    counts = np.zeros(256, np.int64)
    for x in range(X // factor):
        for y in range(Y // factor):
            for z in range(Z // factor):
                counts[:] = 0
                for i in range(x * factor, (x + 1) * factor):
                    for j in range(y * factor, (y + 1) * factor):
                        for k in range(z * factor, (z + 1) * factor):
                            counts[labels_XYZ[i, j, k]] += 1
                if counts[EMPTY] + counts[UNKNOWN] > empty_share * factor**3:
                    pooled_XYZ[x, y, z] = EMPTY if counts[EMPTY] > counts[UNKNOWN] else UNKNOWN
                else:
                    pooled_XYZ[x, y, z] = 1 + np.argmax(counts[1:UNKNOWN])
    return pooled_XYZ


def resample(scene: Scene, grid: GridSpec) -> Scene:
    """`scene` on another grid of the same frame with voxels at least as long, by the rule above.

    A fine voxel counts whole in the coarse voxel that holds its centre, as a LiDAR point does in the datasets' own
    grids, so voxel sizes need not divide and a surface one voxel thick stays so. Coarse voxels that hold no centre
    (outside the scene) are unknown. Where the sizes divide this equals `downsample`.
    """
    if any(coarse < fine - 1e-9 for coarse, fine in zip(grid.voxel_m, scene.grid.voxel_m, strict=True)):
        raise InputError(f"resampling {scene.grid.voxel_m} m voxels needs larger ones, got {grid.voxel_m}; coarsen")
    K = scene.taxonomy.class_count
    inside, flat = np.ones(scene.grid.shape_XYZ, bool), np.zeros(scene.grid.shape_XYZ, np.int64)
    for axis, n in enumerate(grid.shape_XYZ):
        index = _holding_voxel(scene.grid, grid, axis)
        index = index.reshape([-1 if a == axis else 1 for a in range(3)])
        inside &= (index >= 0) & (index < n)
        flat = flat * n + index
    labels_XYZ = np.minimum(scene.labels_XYZ, K)  # unknown counts in column K
    counts_NK = np.bincount(
        (flat * (K + 1) + labels_XYZ)[inside], minlength=int(np.prod(grid.shape_XYZ)) * (K + 1)
    ).reshape(-1, K + 1)
    empty_N, unknown_N, total_N = counts_NK[:, EMPTY], counts_NK[:, K], counts_NK.sum(axis=1)
    pooled_N = np.where(
        empty_N + unknown_N > EMPTY_SHARE * total_N,
        np.where(empty_N > unknown_N, EMPTY, UNKNOWN),
        1 + np.argmax(counts_NK[:, 1:K], axis=1),
    )
    pooled_N[total_N == 0] = UNKNOWN
    return Scene(pooled_N.astype(np.uint8).reshape(grid.shape_XYZ), grid, scene.taxonomy)


def _holding_voxel(fine: GridSpec, coarse: GridSpec, axis: int) -> NDArray[np.int64]:
    """Index along `axis` of the coarse voxel that holds each fine voxel's centre; it may lie outside the grid."""
    centre_m = fine.origin_m[axis] + fine.voxel_m[axis] * (np.arange(fine.shape_XYZ[axis]) + 0.5)
    # Rounded, so that a centre on a coarse face does not fall to either side by a rounding error.
    return np.floor(np.round((centre_m - coarse.origin_m[axis]) / coarse.voxel_m[axis], 9)).astype(np.int64)
