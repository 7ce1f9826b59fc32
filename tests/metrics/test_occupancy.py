"""Regional scores, baselines and the independent implementation that scores are held to."""

import numpy as np
import pytest
import torch

from occforge.core.camera import street_camera
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.metrics.occupancy import (
    IN_VIEW,
    OUT_OF_VIEW,
    WHOLE,
    MeanScene,
    NearestScene,
    OccupancyStatistics,
    comparison_table,
    confusion_picture,
    regions,
)

GRID = GridSpec((32, 32, 4), (1.6, 1.6, 1.6), (0.0, -25.6, -2.0))
K = SEMANTIC_KITTI.class_count


def random_scene(rng: np.random.Generator, unknown: float = 0.3) -> np.ndarray:
    labels = rng.integers(0, K, GRID.shape_XYZ).astype(np.uint8)
    labels[rng.random(GRID.shape_XYZ) < unknown] = UNKNOWN
    return labels


def test_scores_equal_torchmetrics_on_pooled_counts():
    from torchmetrics.classification import MulticlassConfusionMatrix

    rng = np.random.default_rng(0)
    statistics = OccupancyStatistics(GRID, SEMANTIC_KITTI)
    oracle = MulticlassConfusionMatrix(K, ignore_index=UNKNOWN)
    for _ in range(4):
        target = random_scene(rng)
        guess = np.where(rng.random(GRID.shape_XYZ) < 0.6, np.minimum(target, K - 1), random_scene(rng, 0.0))
        statistics.add(guess.astype(np.uint8), target, street_camera())
        oracle.update(torch.from_numpy(guess.astype(np.int64)), torch.from_numpy(target.astype(np.int64)))
    counts = oracle.compute().double()
    tp = counts.diag()
    class_iou = (tp / (counts.sum(0) + counts.sum(1) - tp))[1:]
    occupied = counts[1:, 1:].sum() / (counts.sum() - counts[0, 0])
    scores = statistics.result()
    assert np.array_equal(scores.counts_KK, counts.long().numpy())
    assert scores.miou() == pytest.approx(float(class_iou.mean()), abs=1e-12)
    assert scores.iou() == pytest.approx(float(occupied), abs=1e-12)


def test_view_and_its_complement_are_everything_and_distances_are_disjoint():
    masks = regions(GRID, street_camera())
    assert np.array_equal(masks[IN_VIEW], ~masks[OUT_OF_VIEW]) and masks[WHOLE].all()
    rings = [m for name, m in masks.items() if name.endswith(" m")]
    assert [name for name in masks if name.endswith(" m")] == ["0 to 12.8 m", "12.8 to 25.6 m", "25.6 to 51.2 m"]
    assert np.max(np.sum(rings, axis=0)) == 1
    assert masks[IN_VIEW][20, 16, 1] and not masks[IN_VIEW][0, 0, 1]
    assert masks["0 to 12.8 m"][3, 16].all() and masks["25.6 to 51.2 m"][25, 16].all()


def test_regions_add_up_and_errors_stay_where_they_are():
    rng = np.random.default_rng(1)
    target = random_scene(rng)
    masks = regions(GRID, street_camera())
    guess = np.where(masks[IN_VIEW], np.minimum(target, K - 1), 0).astype(np.uint8)
    statistics = OccupancyStatistics(GRID, SEMANTIC_KITTI)
    statistics.add(guess, target, street_camera())
    by_region = statistics.by_region
    assert np.array_equal(by_region[IN_VIEW].counts_KK + by_region[OUT_OF_VIEW].counts_KK, by_region[WHOLE].counts_KK)
    scores = statistics.result()
    assert scores.iou(IN_VIEW) == scores.miou(IN_VIEW) == 1.0 and scores.iou(OUT_OF_VIEW) == 0.0
    assert statistics.result(commonest=3).classes == tuple(
        sorted(np.argsort(-scores.counts_KK.sum(1)[1:], kind="stable")[:3] + 1)
    )
    assert "inside the view" in comparison_table({"a": scores, "b": scores})


def test_baselines_remember_and_know_no_more():
    rng = np.random.default_rng(2)
    scenes = [random_scene(rng) for _ in range(3)]
    mean = MeanScene(GRID, SEMANTIC_KITTI)
    for scene in (scenes[0], scenes[0], scenes[1]):
        mean.add(scene)
    known = scenes[0] != UNKNOWN
    assert np.array_equal(mean.predict()[known], scenes[0][known])
    images = [rng.integers(0, 255, (32, 96, 3)).astype(np.uint8) for _ in scenes]
    nearest = NearestScene(scenes.__getitem__)
    for image in images:
        nearest.add(image)
    brighter = np.clip(images[1].astype(int) + 9, 0, 255).astype(np.uint8)
    found = nearest.predict(brighter)
    known = scenes[1] != UNKNOWN
    assert np.array_equal(found[known], scenes[1][known]) and not found[~known].any()


def test_the_confusion_picture_is_dark_where_counts_are():
    counts = np.zeros((K, K), np.int64)
    counts[3, 7] = 5
    picture = confusion_picture(counts, SEMANTIC_KITTI, 10)
    assert picture.shape == (10 * K + 10, 10 * K + 10, 3)
    assert (picture[10 + 35, 10 + 75] == 0).all() and (picture[10 + 75, 10 + 35] == 255).all()
