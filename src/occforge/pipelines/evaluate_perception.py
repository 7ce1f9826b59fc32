"""Scores of a perception network on pairs, beside two baselines that anyone can have for nothing."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.errors import InputError
from occforge.core.files import make_folder, write_json, write_text
from occforge.core.grid import Scene
from occforge.core.taxonomy import UNKNOWN
from occforge.data.pairs import PairCache, PairSource
from occforge.metrics.iou import Absent
from occforge.metrics.occupancy import (
    MeanScene,
    NearestScene,
    OccupancyScores,
    OccupancyStatistics,
    comparison_table,
    confusion_picture,
)
from occforge.metrics.report import versions
from occforge.perception.weights import Trained
from occforge.pipelines.perceive import perceive
from occforge.render.bev import bev
from occforge.render.picture import resize_rgb, save_rgb, sheet

PICTURES = 6
"""Scenes on the sheet of hits and misses: the first ones, none chosen."""
HIT, MISSED, INVENTED = (60, 160, 75), (215, 60, 50), (70, 110, 215)
"""Colours of the sheet: occupied in both, only in truth, only in the prediction."""


@dataclass(frozen=True)
class PerceptionReport:
    """Scores of the network and of the baselines, and what they were made of."""

    scores: dict[str, OccupancyScores]
    table: str


def evaluate_perception(
    trained: Trained,
    source: PairSource,
    training: PairCache | None,
    out: Path,
    absent: Absent = "zero",
    commonest: int | None = None,
    mirrored: bool = False,
) -> PerceptionReport:
    """Score `trained` on every pair of `source`; write perception.json, perception.md and two pictures into `out`.

    With `training`, the mean scene and the scene of the nearest training picture are scored beside it. `mirrored`: as
    in `perceive`. Raises `InputError` if the source has another grid or other classes than the network.
    """
    if commonest is not None and not 1 <= commonest < source.taxonomy.class_count:
        raise InputError(f"--commonest: expected 1 to {source.taxonomy.class_count - 1} classes, got {commonest}")
    network = trained.network
    if source.grid.shape_XYZ != network.grid.shape_XYZ or source.taxonomy.names != network.taxonomy.names:
        raise InputError(
            f"evaluate perception: the network sees {network.grid.shape_XYZ} voxels of {network.taxonomy.name}, the "
            f"data have {source.grid.shape_XYZ} of {source.taxonomy.name}; choose the data it was trained for"
        )
    make_folder(out)
    sides = {trained.name: OccupancyStatistics(source.grid, source.taxonomy)}
    mean, nearest = None, None
    if training is not None:
        sides |= {name: OccupancyStatistics(source.grid, source.taxonomy) for name in ("mean scene", "nearest picture")}
        mean, nearest = baselines(training)
    rows: list[NDArray[np.uint8]] = []
    for index in tqdm(range(len(source)), desc="scenes", leave=False):
        pair = source.pair(index)
        predicted = perceive(trained, pair.image_HW3, pair.camera, source.grid, pair.depth_HW_m, mirrored).scene
        sides[trained.name].add(predicted.labels_XYZ, pair.labels_XYZ, pair.camera)
        if mean is not None and nearest is not None:
            sides["mean scene"].add(mean, pair.labels_XYZ, pair.camera)
            sides["nearest picture"].add(nearest.predict(pair.image_HW3), pair.labels_XYZ, pair.camera)
        if index < PICTURES:
            truth = Scene(pair.labels_XYZ, source.grid, source.taxonomy)
            rows.append(side_by_side(pair.image_HW3, truth, predicted))
    scores = {name: counted.result(absent, commonest) for name, counted in sides.items()}
    own = scores[trained.name]
    record = {
        "n": len(source),
        "data": source.identity,
        "network": {"name": trained.name, "made_from": trained.made_from},
        "mirrored": mirrored,
        "scores": {name: s.to_dict() for name, s in scores.items()},
        **versions(),
    }
    read = "mirror images read, too; " if mirrored else ""
    table = f"n = {len(source)}; {source.identity}; {read}mIoU over {len(own.classes)} classes, absent ones count as "
    table += f"{'0' if absent == 'zero' else 'nothing'}; in percent.\n\n{comparison_table(scores)}\n"
    save_rgb(out / "confusion.png", confusion_picture(own.counts_KK, source.taxonomy))
    save_rgb(out / "hits-and-misses.png", sheet(rows, 1))
    write_text(out / "perception.md", table)
    write_json(out / "perception.json", json.loads(json.dumps(record)))
    return PerceptionReport(scores, table)


def baselines(training: PairCache) -> tuple[NDArray[np.uint8], NearestScene]:
    """What needs no network: the mean scene (X, Y, Z) of training pairs, and the scene of the nearest of them."""
    counted = MeanScene(training.source.grid, training.source.taxonomy)
    nearest = NearestScene(lambda index: training[index].labels_XYZ)
    for index in tqdm(range(len(training)), desc="baselines", leave=False):
        pair = training[index]
        counted.add(pair.labels_XYZ)
        nearest.add(pair.image_HW3)
    return counted.predict(), nearest


def side_by_side(image_HW3: NDArray[np.uint8], truth: Scene, predicted: Scene, height: int = 192) -> NDArray[np.uint8]:
    """Picture, truth and prediction from above, and `hits`, in a row of one height; wide pictures are narrowed."""
    width = min(3 * height, round(image_HW3.shape[1] * height / image_HW3.shape[0]))
    gap = np.full((height, 8, 3), 255, np.uint8)
    row = [resize_rgb(image_HW3, (height, width))]
    for picture in (bev(truth), bev(predicted), hits(truth, predicted)):
        row += [gap, resize_rgb(picture, (height, round(picture.shape[1] * height / picture.shape[0])))]
    return np.concatenate(row, axis=1)


def hits(truth: Scene, predicted: Scene) -> NDArray[np.uint8]:
    """Bird's-eye picture (H, W, 3): columns with something above the ground in both, only in truth, only predicted.

    Above the ground: occupied by a class that is no ground, which the taxonomy's objects and tall background are.
    Columns of which the truth knows nothing are grey.
    """
    low = [truth.taxonomy.names.index(n) for n in GROUND_NAMES if n in truth.taxonomy.names]

    def tall_XY(scene: Scene) -> NDArray[np.bool_]:
        labels = scene.labels_XYZ
        return np.asarray(((labels > 0) & (labels < 255) & ~np.isin(labels, low)).any(2))

    true_XY, found_XY = tall_XY(truth), tall_XY(predicted)
    known_XY = (truth.labels_XYZ != UNKNOWN).any(2)
    found_XY &= known_XY
    picture = np.where(known_XY[..., None], np.uint8(245), np.uint8(221)).repeat(3, 2)
    picture[true_XY & found_XY], picture[true_XY & ~found_XY], picture[~true_XY & found_XY] = HIT, MISSED, INVENTED
    return np.ascontiguousarray(picture[::-1, ::-1])  # forward is up, left is left


GROUND_NAMES = ("road", "parking", "sidewalk", "other-ground", "terrain", "ground", "floor", "driveable-surface")
