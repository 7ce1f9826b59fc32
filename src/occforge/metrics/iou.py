"""How well a scene was completed: IoU of occupancy and mean IoU of classes, from pooled counts.

Shape legend: X forward, Y left, Z up, K classes (0 is empty). Unknown targets (255) are never scored.
Source: the definitions of SemanticKITTI's and OpenOccupancy's scene completion benchmarks.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.taxonomy import EMPTY, UNKNOWN

Absent = Literal["zero", "skip"]


@dataclass(frozen=True)
class IoUScores:
    """Shares in 0-1; `class_iou_K` is nan for empty, and for absent classes where `absent` is "skip"."""

    completion_iou: float
    miou: float
    class_iou_K: tuple[float, ...]
    absent: Absent
    scored_voxels: int


def confusion_KK(
    prediction_XYZ: NDArray[np.integer],
    target_XYZ: NDArray[np.integer],
    class_count: int,
    scored_XYZ: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Counts (K, K) of scored voxels, indexed [target, prediction].

    Scored is where the target is known, and `scored_XYZ` (for example: not invalid) is true. Raises `InputError`
    if shapes differ, or if a scored voxel holds an id outside 0..K-1 (a prediction may not say "unknown").
    """
    prediction_XYZ, target_XYZ = np.asarray(prediction_XYZ), np.asarray(target_XYZ)
    if prediction_XYZ.shape != target_XYZ.shape:
        raise InputError(f"iou: prediction {prediction_XYZ.shape} and target {target_XYZ.shape} differ in shape")
    scored = target_XYZ != UNKNOWN
    if scored_XYZ is not None:
        if scored_XYZ.shape != target_XYZ.shape:
            raise InputError(f"iou: scored mask {scored_XYZ.shape} and target {target_XYZ.shape} differ in shape")
        scored &= scored_XYZ
    target_N = target_XYZ[scored].astype(np.int64)
    prediction_N = prediction_XYZ[scored].astype(np.int64)
    for name, ids in (("target", target_N), ("prediction", prediction_N)):
        if ids.size and (ids.min() < 0 or ids.max() >= class_count):
            raise InputError(
                f"iou: {name} ids must lie in 0-{class_count - 1} where scored, got {ids.min()}-{ids.max()}; "
                "remap the labels first"
            )
    return np.bincount(target_N * class_count + prediction_N, minlength=class_count**2).reshape(class_count, -1)


def iou_scores(counts_KK: NDArray[np.int64], absent: Absent = "zero") -> IoUScores:
    """Completion IoU = TP / (TP + FP + FN) of occupied, and the mean over classes 1..K-1 of tp / (tp + fp + fn).

    A class in neither targets nor predictions counts as 0 (`absent="zero"`, SemanticKITTI's tool) or is left out
    of the mean (`absent="skip"`, OpenOccupancy); the same holds for completion where nothing is occupied.
    """
    if absent not in ("zero", "skip"):
        raise InputError(f"iou: absent must be 'zero' or 'skip', got {absent!r}")
    nothing = 0.0 if absent == "zero" else float("nan")
    true_positive_K = np.diag(counts_KK).astype(np.float64)
    union_K = counts_KK.sum(0) + counts_KK.sum(1) - np.diag(counts_KK)
    class_iou_K = np.full(len(counts_KK), nothing)
    np.divide(true_positive_K, union_K, out=class_iou_K, where=union_K > 0)
    class_iou_K[EMPTY] = np.nan
    counted_K = class_iou_K[EMPTY + 1 :]
    counted_K = counted_K[~np.isnan(counted_K)]
    occupied_union = int(counts_KK.sum() - counts_KK[EMPTY, EMPTY])
    return IoUScores(
        completion_iou=int(counts_KK[1:, 1:].sum()) / occupied_union if occupied_union else nothing,
        miou=float(counted_K.mean()) if counted_K.size else nothing,
        class_iou_K=tuple(class_iou_K.tolist()),
        absent=absent,
        scored_voxels=int(counts_KK.sum()),
    )


class IoU:
    """Pools counts over a dataset, then scores once: never the mean of scores of single scenes."""

    def __init__(self, class_count: int) -> None:
        self.class_count = class_count
        self.counts_KK = np.zeros((class_count, class_count), np.int64)

    def add(
        self,
        prediction_XYZ: NDArray[np.integer],
        target_XYZ: NDArray[np.integer],
        scored_XYZ: NDArray[np.bool_] | None = None,
    ) -> None:
        """Count one scene; arguments as in `confusion_KK`."""
        self.counts_KK += confusion_KK(prediction_XYZ, target_XYZ, self.class_count, scored_XYZ)

    def result(self, absent: Absent = "zero") -> IoUScores:
        """Scores of everything added so far."""
        return iou_scores(self.counts_KK, absent)
