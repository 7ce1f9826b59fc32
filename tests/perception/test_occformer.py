"""OccFormer's parts against plain forms: windows, splatting, matching, masks, depth."""

import dataclasses

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import CARLA_SC, UNKNOWN
from occforge.perception import _mask_matching as matching
from occforge.perception._dual_path import WindowAttention, drop_path, merge_windows, partition_windows
from occforge.perception._frustum import cell_centres_m, splat_frustum
from occforge.perception._mask_transformer import attention_mask, place_code_1CN
from occforge.perception.network import Hints
from occforge.perception.occformer import PRESETS, build, depth_loss, semantic_logits

GRID = GridSpec((8, 16, 4), (6.4, 3.2, 1.6), (0.0, -25.6, -2.0))
CAMERAS = [street_camera((64, 192)), look_camera((1.0, 2.0, 0.5), 1.2, (64, 192), yaw_rad=0.3, pitch_rad=0.1)]


def test_merging_is_the_inverse_of_partition() -> None:
    x = torch.arange(2 * 6 * 9 * 5).reshape(2, 6, 9, 5)
    windows = partition_windows(x, 3)
    assert windows.shape == (2, 6, 9, 5)
    assert torch.equal(merge_windows(windows, 6, 9, 3), x)
    assert torch.equal(windows[1, 4].reshape(3, 3, 5), x[1, 3:6, 3:6])  # second row of windows, second in it


@pytest.mark.parametrize("shifted", [False, True])
def test_windows_are_all_that_a_cell_sees(shifted: bool) -> None:
    torch.manual_seed(0)
    attend = WindowAttention(8, 2, 4, shifted)
    x = torch.randn(1, 10, 12, 8, requires_grad=True)
    for row, column in [(0, 0), (3, 5), (9, 11), (7, 2)]:
        (gradient,) = torch.autograd.grad(attend(x)[0, row, column].sum(), x)
        seen = set(map(tuple, (gradient[0] != 0).any(-1).nonzero().tolist()))
        start = [(at - 2) // 4 * 4 + 2 if shifted else at // 4 * 4 for at in (row, column)]
        expected = {
            (i, j)
            for i in range(max(start[0], 0), min(start[0] + 4, 10))
            for j in range(max(start[1], 0), min(start[1] + 4, 12))
        }
        assert seen == expected


def test_dropped_paths_leave_the_mean_as_it_is() -> None:
    torch.manual_seed(0)
    x = torch.ones(4000, 2)
    dropped = drop_path(x, 0.25, training=True)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 4 / 3]) and torch.equal(
        dropped[:, 0], dropped[:, 1]
    )
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(drop_path(x, 0.25, training=False), x)


def test_splatting_adds_each_cell_to_the_voxel_that_holds_it() -> None:
    torch.manual_seed(0)
    cameras = CameraBatch.stack(CAMERAS)
    B, C, D, H, W = 2, 3, 5, 4, 6
    feature, probability = torch.randn(B, C, H, W), torch.rand(B, D, H, W)
    expected = torch.zeros(B, C, *GRID.shape_XYZ)
    centres = cell_centres_m(GRID, cameras, D, H, W).numpy()
    for b, d, i, j in np.ndindex(B, D, H, W):
        voxel = np.floor(GRID.index_from_metres(centres[b, d, i, j])).astype(int)
        if ((voxel >= 0) & (voxel < GRID.shape_XYZ)).all():
            expected[(b, slice(None), *voxel)] += feature[b, :, i, j] * probability[b, d, i, j]
    assert float(expected.abs().sum()) > 0
    torch.testing.assert_close(splat_frustum(feature, probability, GRID, cameras), expected)


@pytest.mark.parametrize("ties", [False, True])
def test_assignment_costs_what_scipys_does(ties: bool) -> None:
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(0)
    for trial in range(60):
        G, Q = int(rng.integers(1, 21)), int(rng.integers(21, 60))
        if trial % 5 == 0:
            Q = G
        cost = rng.integers(0, 4, (G, Q)).astype(float) if ties else rng.normal(size=(G, Q)) * 10 - 5
        query = matching.assign(cost)
        rows, columns = linear_sum_assignment(cost)
        assert len(set(query.tolist())) == G and query.min() >= 0 and query.max() < Q
        assert cost[np.arange(G), query].sum() == pytest.approx(cost[rows, columns].sum())
        if not ties:
            assert query.tolist() == columns.tolist()


def test_rare_classes_are_drawn_more_often_and_unknown_never() -> None:
    torch.manual_seed(0)
    weight = matching.sampling_weights(CARLA_SC, 0.25)
    empty, pole = 0, CARLA_SC.id_of("pole")
    assert float(weight.min()) == 1.0 == float(weight[empty])
    assert float(weight[pole]) == pytest.approx((0.93 / (0.07 * 0.006)) ** 0.25, rel=1e-4)
    target = torch.full((20, 20, 5), UNKNOWN, dtype=torch.uint8)
    target[:10], target[10:12] = empty, pole
    drawn = matching.draw_voxels(target, weight, 300)
    labels = target.flatten()[drawn]
    assert len(drawn.unique()) == 300 and UNKNOWN not in labels
    assert int((labels == pole).sum()) > 100  # of 300, where an even draw gives 50
    assert len(matching.draw_voxels(target, weight, 5000)) == 1200


def test_masks_are_read_at_voxel_centres() -> None:
    torch.manual_seed(0)
    mask = torch.randn(3, 4, 6, 2)
    voxel = torch.randperm(48)[:20]
    torch.testing.assert_close(matching.sample_masks(mask, voxel, (4, 6, 2)), mask.flatten(1)[:, voxel])
    fine = mask.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    linear = torch.nn.functional.interpolate(mask[None], fine.shape[1:], mode="trilinear", align_corners=False)[0]
    voxel = torch.randperm(48 * 8)[:40]
    torch.testing.assert_close(matching.sample_masks(mask, voxel, (8, 12, 4)), linear.flatten(1)[:, voxel])


def perfect(target: torch.Tensor, K: int, order: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rounds of predictions that say the target: query `order[k]` claims class k, the others none."""
    Q = len(order)
    classes, masks = torch.zeros(1, len(target), Q, K + 1), torch.full((1, len(target), Q, *target.shape[1:]), -40.0)
    classes[..., K] = 40.0
    for b in range(len(target)):
        for k in target[b].unique().tolist():
            if k != UNKNOWN:
                classes[0, b, order[k], K], classes[0, b, order[k], k] = 0.0, 40.0
                masks[0, b, order[k]][target[b] == k] = 40.0
    return classes, masks


def test_perfect_masks_cost_nothing_whoever_claims_them() -> None:
    torch.manual_seed(0)
    K, config = 5, dataclasses.replace(PRESETS["small"].matching, points=200)
    target = torch.randint(0, K - 1, (2, 6, 6, 4)).to(torch.uint8)
    target[0, :2] = UNKNOWN
    weight, sampling = torch.rand(K) + 0.5, torch.ones(K)
    for _ in range(2):
        classes, masks = perfect(target, K, torch.randperm(8))
        terms = matching.mask_losses(classes, masks, target, weight, sampling, config)
        assert all(float(term) == pytest.approx(0.0, abs=1e-4) for term in terms.values())
    wrong = masks.roll(1, 3)
    assert float(matching.mask_losses(classes, wrong, target, weight, sampling, config)["dice"]) > 0.5


def test_rounds_add_up_and_scenes_without_a_known_voxel_are_left_out() -> None:
    torch.manual_seed(0)
    K, config = 4, dataclasses.replace(PRESETS["small"].matching, points=10**6)  # every voxel is scored
    target = torch.randint(0, K, (2, 4, 4, 2)).to(torch.uint8)
    classes, masks = torch.randn(1, 2, 6, K + 1), torch.randn(1, 2, 6, 4, 4, 2)
    weight, sampling = torch.ones(K), torch.ones(K)
    one = matching.mask_losses(classes, masks, target, weight, sampling, config)
    twice = matching.mask_losses(
        classes.repeat(2, 1, 1, 1), masks.repeat(2, 1, 1, 1, 1, 1), target, weight, sampling, config
    )
    first = matching.mask_losses(classes[:, :1], masks[:, :1], target[:1], weight, sampling, config)
    target[1] = UNKNOWN
    half = matching.mask_losses(classes, masks, target, weight, sampling, config)
    for name in one:
        assert float(twice[name]) == pytest.approx(2 * float(one[name]), rel=1e-5)
        assert float(half[name]) == pytest.approx(float(first[name]), rel=1e-5)
    target[0] = UNKNOWN
    none = matching.mask_losses(classes, masks, target, weight, sampling, config)
    assert all(float(term) == 0.0 for term in none.values())


def test_matching_cost_is_its_closed_form() -> None:
    torch.manual_seed(0)
    K, config = 4, PRESETS["small"].matching
    classes, masks, true = torch.randn(5, K + 1), torch.randn(5, 30), torch.rand(2, 30) < 0.4
    present = torch.tensor([1, 3])
    found = matching.matching_cost(classes, masks, true, present, config)
    for g, q in np.ndindex(2, 5):
        p, y = masks[q].sigmoid(), true[g].float()
        entropy = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
        dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
        expected = -2 * classes[q].softmax(0)[present[g]] + 5 * entropy + 5 * dice
        assert float(found[g, q]) == pytest.approx(float(expected), rel=1e-4)


def test_pooling_keeps_a_lone_voxel_and_an_empty_mask_looks_everywhere() -> None:
    mask = torch.full((1, 2, 8, 8, 4), -5.0)
    mask[0, 0, 5, 2, 3] = 1.0
    allowed = attention_mask(mask, torch.Size((4, 4, 2))).reshape(2, 4, 4, 2)
    assert allowed[0].nonzero().tolist() == [[2, 1, 1]] and bool(allowed[1].all())


def test_place_codes_tell_axes_apart() -> None:
    code = place_code_1CN((3, 4, 5), 12, torch.device("cpu"))[0].reshape(12, 3, 4, 5)
    for axis in range(3):
        third = code[4 * axis : 4 * axis + 4].movedim(axis + 1, 1).flatten(2)
        torch.testing.assert_close(third, third[..., :1].expand_as(third))  # the same along the other axes
        assert len(third[..., 0].T.unique(dim=0)) == code.shape[axis + 1]


def test_semantic_logits_are_logarithms_of_class_times_mask() -> None:
    torch.manual_seed(0)
    classes, masks = torch.randn(1, 4, 6), torch.randn(1, 4, 2, 3, 2)
    found = semantic_logits(classes, masks, (2, 3, 2))
    score = torch.einsum("qk,qxyz->kxyz", classes[0].softmax(-1)[:, :5], masks[0].sigmoid())
    torch.testing.assert_close(found[0].exp(), score, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[0].softmax(0), score / score.sum(0), atol=1e-4, rtol=1e-4)


def test_depth_is_learned_from_the_nearest_known_pixel() -> None:
    cameras = CameraBatch.stack([street_camera((64, 192))])
    near, far = 6.4, 51.2 - 0.27
    depth = torch.zeros(1, 64, 192)
    depth[0, :16, :16] = 30.0
    depth[0, 3, 3] = 20.0  # the nearest of the first lifted pixel
    logits = torch.zeros(1, 10, 4, 12)
    assert float(depth_loss(logits, depth * 0.0, GRID, cameras)) == 0.0
    p = torch.full((10,), 0.1)
    flat = -(p[0].log() + 9 * (1 - p[0]).log())
    assert float(depth_loss(logits, depth, GRID, cameras)) == pytest.approx(float(flat), rel=1e-4)
    logits[0, int((20.0 - near) / (far - near) * 10), 0, 0] = 60.0
    assert float(depth_loss(logits, depth, GRID, cameras)) == pytest.approx(0.0, abs=1e-4)


def test_depth_hints_change_the_loss_and_never_the_logits() -> None:
    torch.manual_seed(0)
    grid = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))
    network = build(PRESETS["small"], grid, CARLA_SC).eval()
    image, cameras = torch.rand(1, 3, 64, 192), CameraBatch.stack(CAMERAS[:1])
    blind = network(image, cameras, Hints())
    told = network(image, cameras, Hints(depth_BHW_m=torch.full((1, 64, 192), 15.0)))
    assert torch.equal(blind.logits_BKXYZ, told.logits_BKXYZ)
    target = torch.randint(0, CARLA_SC.class_count, (1, *grid.shape_XYZ)).to(torch.uint8)
    assert "depth" not in network.loss(blind, target, cameras)
    assert network.loss(told, target, cameras)["depth"].item() > 0.0


def test_there_must_be_a_query_for_every_class() -> None:
    few = dataclasses.replace(PRESETS["small"].decoder, queries=5)
    with pytest.raises(InputError, match="a query a class"):
        build(dataclasses.replace(PRESETS["small"], decoder=few), GRID, CARLA_SC)
