"""Scores of predicted occupancy: IoU and mean IoU, by class, by distance, inside and outside the view.

Counts are pooled over all scenes before any division. Shape legend: X Y Z voxels, N their number, K classes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.files import without_nan
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import EMPTY, Taxonomy
from occforge.metrics.iou import Absent, IoU, IoUScores

WHOLE, IN_VIEW, OUT_OF_VIEW = "all voxels", "inside the view", "outside the view"


def regions(grid: GridSpec, camera: Camera, parts: int = 3) -> dict[str, NDArray[np.bool_]]:
    """Name -> mask (X, Y, Z): everything, what projects into the picture, the rest, and `parts` ranges of distance.

    Distance is horizontal, from the camera; ranges are equal parts of the grid's length ahead, doubling where it is
    three: for 51.2 m they end at 12.8, 25.6 and 51.2 m. Voxels farther than the last belong to none.
    """
    centre_N3 = grid.centres_N3_m()
    pixel_N2, depth_N = camera.project(centre_N3)
    H, W = camera.size_HW
    with np.errstate(invalid="ignore"):
        seen_N = (depth_N > 0) & (pixel_N2 >= 0).all(1) & (pixel_N2[:, 0] < W) & (pixel_N2[:, 1] < H)
    position_3 = camera.grid_from_camera_44[:3, 3]
    distance_N = np.hypot(*(centre_N3[:, :2] - position_3[:2]).T)
    masks = {WHOLE: np.ones(len(seen_N), bool), IN_VIEW: seen_N, OUT_OF_VIEW: ~seen_N}
    near = 0.0
    for far in (grid.extent_m[0] * 2.0 ** (i + 1 - parts) for i in range(parts)):
        masks[f"{near:g} to {far:g} m"] = (distance_N >= near) & (distance_N < far)
        near = far
    return {name: mask_N.reshape(grid.shape_XYZ) for name, mask_N in masks.items()}


class OccupancyStatistics:
    """Pools confusion counts of predictions by region."""

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy) -> None:
        self.grid, self.taxonomy = grid, taxonomy
        self.by_region: dict[str, IoU] = {}

    def add(self, prediction_XYZ: NDArray[np.integer], target_XYZ: NDArray[np.integer], camera: Camera) -> None:
        """Count one scene; unknown targets (255) are never scored."""
        for name, mask_XYZ in regions(self.grid, camera).items():
            counted = self.by_region.setdefault(name, IoU(self.taxonomy.class_count))
            counted.add(prediction_XYZ, target_XYZ, mask_XYZ)

    def result(self, absent: Absent = "zero", commonest: int | None = None) -> "OccupancyScores":
        """Scores of everything added; `commonest` limits mean IoU to the classes most frequent in the targets."""
        counts_KK = self.by_region[WHOLE].counts_KK
        share_K = counts_KK.sum(1)[1:]
        order = np.argsort(-share_K, kind="stable")[: commonest or len(share_K)]
        classes = tuple(sorted(int(k) + 1 for k in order))
        return OccupancyScores(
            {name: counted.result(absent) for name, counted in self.by_region.items()},
            classes,
            counts_KK.copy(),
            self.taxonomy,
        )


@dataclass(frozen=True)
class OccupancyScores:
    """Scores by region; `classes` are those over which mean IoU is taken."""

    by_region: dict[str, IoUScores]
    classes: tuple[int, ...]
    counts_KK: NDArray[np.int64]
    taxonomy: Taxonomy

    def iou(self, region: str = WHOLE) -> float:
        """IoU of occupied against empty."""
        return self.by_region[region].completion_iou

    def miou(self, region: str = WHOLE) -> float:
        """Mean IoU over `classes`; absent ones as the scores were made."""
        values = [self.by_region[region].class_iou_K[k] for k in self.classes]
        there = [v for v in values if not math.isnan(v)]
        return sum(there) / len(there) if there else float("nan")

    def to_dict(self) -> dict[str, object]:
        """JSON-ready form; null where nothing was there to be scored."""
        names = self.taxonomy.names
        whole = self.by_region[WHOLE]
        value = {
            "absent": whole.absent,
            "classes": [names[k] for k in self.classes],
            "regions": {name: {"iou": self.iou(name), "miou": self.miou(name)} for name in self.by_region},
            "class_iou": {names[k]: whole.class_iou_K[k] for k in range(1, len(names))},
            "confusion": self.counts_KK.tolist(),
        }
        held: dict[str, object] = without_nan(value)
        return held


def comparison_table(scores: dict[str, OccupancyScores]) -> str:
    """Markdown: a row a side, IoU and mean IoU of every region; then a row a class."""
    first = next(iter(scores.values()))
    names = list(first.by_region)
    lines = [
        "| | " + " | ".join(f"{name}: IoU | mIoU" for name in names) + " |",
        "|---|" + "---|" * (2 * len(names)),
    ]
    for side, s in scores.items():
        cells = " | ".join(f"{100 * s.iou(n):.1f} | {100 * s.miou(n):.1f}" for n in names)
        lines.append(f"| {side} | {cells} |")
    lines += ["", "| Class | share | " + " | ".join(scores) + " |", "|---|---|" + "---|" * len(scores)]
    share_K = first.counts_KK.sum(1) / max(1, first.counts_KK[1:].sum())
    for k in range(1, first.taxonomy.class_count):
        cells = " | ".join(_percent(s.by_region[WHOLE].class_iou_K[k]) for s in scores.values())
        mark = "" if k in first.classes else " (not in mIoU)"
        lines.append(f"| {first.taxonomy.names[k]}{mark} | {100 * share_K[k]:.2f} % | {cells} |")
    return "\n".join(lines)


def confusion_picture(counts_KK: NDArray[np.int64], taxonomy: Taxonomy, cell: int = 22) -> NDArray[np.uint8]:
    """Rows are true classes, columns predicted ones, each row scaled to one: a cell's darkness is its share.

    Colour bars along both sides are the classes' own; uint8 (H, W, 3).
    """
    K = taxonomy.class_count
    share_KK = counts_KK / np.maximum(counts_KK.sum(1, keepdims=True), 1)
    tone_KK = (255 * (1.0 - np.sqrt(share_KK))).astype(np.uint8)
    body = np.repeat(np.repeat(tone_KK, cell, 0), cell, 1)
    picture = np.full((K * cell + cell, K * cell + cell, 3), 255, np.uint8)
    picture[cell:, cell:] = body[..., None]
    for k in range(K):
        at = slice(cell + k * cell, cell + (k + 1) * cell)
        picture[at, : cell - 3] = taxonomy.palette_K3[k]
        picture[: cell - 3, at] = taxonomy.palette_K3[k]
        picture[cell + k * cell, cell:] = picture[cell:, cell + k * cell] = 225
    return picture


class MeanScene:
    """The baseline that looks at no picture: in every voxel the class seen there most often in training."""

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy) -> None:
        self.counts_XYZK = np.zeros((*grid.shape_XYZ, taxonomy.class_count), np.int32)

    def add(self, labels_XYZ: NDArray[np.uint8]) -> None:
        """Count a training scene."""
        known = labels_XYZ < self.counts_XYZK.shape[-1]
        at = np.nonzero(known)
        self.counts_XYZK[(*at, labels_XYZ[known])] += 1

    def predict(self) -> NDArray[np.uint8]:
        """`labels_XYZ`; empty where nothing was known."""
        return np.asarray(self.counts_XYZK.argmax(-1), np.uint8)


class NearestScene:
    """The baseline that only recognises: the scene of the training picture that looks most alike.

    Likeness is the squared difference of pictures of 16 x 48 pixels in which each channel has mean zero. Unknown
    voxels of the scene that is found count as empty: a prediction may not say unknown.
    """

    def __init__(self, labels_of: Callable[[int], NDArray[np.uint8]]) -> None:
        """`labels_of(i)` is the scene (X, Y, Z) of the picture that was added as the i-th."""
        self.labels_of = labels_of
        self.codes: list[NDArray[np.float32]] = []

    def add(self, image_HW3: NDArray[np.uint8]) -> None:
        """Remember a training picture."""
        self.codes.append(self.code(image_HW3))

    @staticmethod
    def code(image_HW3: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A small picture as a vector."""
        from PIL import Image

        small = Image.fromarray(image_HW3).resize((48, 16), Image.Resampling.BOX)
        value = np.asarray(small, np.float32) / 255.0
        return (value - value.mean((0, 1))).ravel()

    def predict(self, image_HW3: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`labels_XYZ` of the nearest training scene."""
        asked = self.code(image_HW3)
        labels_XYZ = self.labels_of(int(np.argmin([((code - asked) ** 2).sum() for code in self.codes])))
        return np.where(labels_XYZ == 255, EMPTY, labels_XYZ).astype(np.uint8)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"
