import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occforge.core.errors import InputError
from occforge.metrics.iou import IoU, confusion_KK, iou_scores

labels = arrays(np.uint8, (4, 3, 2), elements=st.sampled_from([0, 1, 2, 3, 255]))
predictions = arrays(np.uint8, (4, 3, 2), elements=st.integers(0, 3))


def plain_iou(prediction, target, k):
    known = target != 255
    p, t = (prediction == k) & known, (target == k) & known
    return (p & t).sum(), (p | t).sum()


@given(predictions, labels)
def test_counts_match_plain_reference(prediction, target):
    scores = iou_scores(confusion_KK(prediction, target, 4), "skip")
    for k in (1, 2, 3):
        tp, union = plain_iou(prediction, target, k)
        assert math.isnan(scores.class_iou_K[k]) if union == 0 else scores.class_iou_K[k] == tp / union
    tp, union = plain_iou(np.where(prediction > 0, 1, 0), np.where((target > 0) & (target < 255), 1, target), 1)
    assert math.isnan(scores.completion_iou) if union == 0 else scores.completion_iou == tp / union


@given(predictions, labels)
def test_unknown_is_never_scored(prediction, target):
    changed = np.where(target == 255, (prediction + 1) % 4, prediction)
    assert np.array_equal(confusion_KK(prediction, target, 4), confusion_KK(changed, target, 4))


@given(labels)
def test_perfect_prediction_scores_one(target):
    scores = iou_scores(confusion_KK(np.where(target == 255, 0, target), target, 4), "skip")
    if ((target > 0) & (target < 255)).any():
        assert scores.completion_iou == scores.miou == 1.0


def test_absent_class_counts_zero_or_is_left_out():
    target = np.array([[[1, 1, 2, 0]]], np.uint8)
    prediction = np.array([[[1, 2, 2, 0]]], np.uint8)
    counts = confusion_KK(prediction, target, 4)
    assert iou_scores(counts, "zero").miou == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert iou_scores(counts, "skip").miou == pytest.approx(0.5)
    empty = np.zeros((4, 4), np.int64)
    assert iou_scores(empty, "zero").miou == 0.0
    assert math.isnan(iou_scores(empty, "skip").miou)


def test_counts_are_pooled_not_averaged():
    metric = IoU(2)
    for prediction, target in (([1] * 9 + [0], [1] * 10), ([1], [0])):
        metric.add(np.array(prediction)[None, None], np.array(target)[None, None])
    assert metric.result().completion_iou == pytest.approx(9 / 11)


def test_mask_and_border_errors():
    target, prediction = np.array([[[1, 0]]], np.uint8), np.array([[[1, 1]]], np.uint8)
    assert iou_scores(confusion_KK(prediction, target, 2, np.array([[[True, False]]]))).completion_iou == 1.0
    with pytest.raises(InputError, match="prediction ids"):
        confusion_KK(np.full((1, 1, 2), 255, np.uint8), target, 2)
    with pytest.raises(InputError, match="differ in shape"):
        confusion_KK(prediction[0], target, 2)
    with pytest.raises(InputError, match="absent"):
        iou_scores(np.zeros((2, 2), np.int64), "mean")
