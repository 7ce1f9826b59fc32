"""How long does scoring one frame take? IoU and mIoU of 256 x 256 x 32 voxels on one core; writes JSON.

usage: python benchmarks/iou.py [OUT.json]        (without OUT: prints)

Beside it the plain form, a pass over the voxels for each class, and the floor, reading both grids once.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import tyro
from numpy.typing import NDArray

from occforge.core.files import write_json
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.metrics.iou import confusion_KK, iou_scores
from occforge.metrics.report import versions

REPEATS = 15
UNKNOWN_SHARE = 0.66
"""As in SemanticKITTI's frames."""

Labels = NDArray[np.uint8]


def milliseconds(work: Callable[[], object]) -> dict[str, float]:
    """CPU time of the process, after one run that does not count."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return {"best_ms": round(min(times), 2), "median_ms": round(float(np.median(times)), 2), "most_ms": max(times)}


def plain(prediction_XYZ: Labels, target_XYZ: Labels) -> tuple[float, float]:
    """(completion IoU, mIoU) class by class."""
    known_XYZ = target_XYZ != UNKNOWN
    pairs = [((prediction_XYZ > 0) & known_XYZ, (target_XYZ > 0) & known_XYZ)]
    for k in range(1, SEMANTIC_KITTI.class_count):
        pairs.append(((prediction_XYZ == k) & known_XYZ, (target_XYZ == k) & known_XYZ))
    completion, *classes = [float((a & b).sum() / max(1, (a | b).sum())) for a, b in pairs]
    return completion, float(np.mean(classes))


def main(out: tyro.conf.Positional[Path | None] = None) -> None:
    """Measure with two thirds of the voxels unknown and with all known; both forms must agree."""
    rng = np.random.default_rng(0)
    prediction_XYZ, known_XYZ = rng.integers(0, SEMANTIC_KITTI.class_count, (2, *STREET_GRID.shape_XYZ), dtype=np.uint8)
    partly_XYZ = np.where(rng.random(known_XYZ.shape) < UNKNOWN_SHARE, UNKNOWN, known_XYZ).astype(np.uint8)
    result: dict[str, object] = {}
    for name, target_XYZ in (("two thirds unknown", partly_XYZ), ("all known", known_XYZ)):

        def ours(target_XYZ: Labels = target_XYZ) -> tuple[float, float]:
            scores = iou_scores(confusion_KK(prediction_XYZ, target_XYZ, SEMANTIC_KITTI.class_count))
            return scores.completion_iou, scores.miou

        def by_class(target_XYZ: Labels = target_XYZ) -> tuple[float, float]:
            return plain(prediction_XYZ, target_XYZ)

        def read(target_XYZ: Labels = target_XYZ) -> int:
            return int(prediction_XYZ.max()) + int(target_XYZ.max())

        np.testing.assert_allclose(ours(), by_class(), atol=1e-12)
        result[name] = {"ours": milliseconds(ours), "plain": milliseconds(by_class), "floor": milliseconds(read)}
    result |= {"machine": platform.processor() or platform.machine(), **versions()}
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    tyro.cli(main)
