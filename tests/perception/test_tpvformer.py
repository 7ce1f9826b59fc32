"""Planes, pillars and their pixels; Lovasz-softmax against its definition."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import CARLA_SC, UNKNOWN
from occforge.perception.losses import lovasz_softmax
from occforge.perception.tpvformer import PLANES, PRESETS, Config, TPVFormer, build, pillar_QA3

GRID = GridSpec((16, 12, 8), (3.2, 3.2, 0.8), (0.0, -19.2, -2.0))


@pytest.fixture(scope="module")
def network() -> TPVFormer:
    torch.manual_seed(0)
    return build(PRESETS["small"], GRID, CARLA_SC).eval()


def test_pillars_run_across_their_plane() -> None:
    shape = (3, 4, 5)
    for axes in PLANES:
        along = ({0, 1, 2} - set(axes)).pop()
        rows = []
        for i, j, k in itertools.product(range(shape[axes[0]]), range(shape[axes[1]]), range(2)):
            share = {axes[0]: (i + 0.5) / shape[axes[0]], axes[1]: (j + 0.5) / shape[axes[1]], along: (k + 0.5) / 2}
            rows.append([share[0], share[1], share[2]])
        expected = torch.tensor(rows).reshape(-1, 2, 3)
        torch.testing.assert_close(pillar_QA3(shape, axes, 2), expected)


def test_pillars_are_looked_up_where_the_camera_projects_them(network: TPVFormer) -> None:
    camera = look_camera((1.0, 2.0, 0.5), 1.2, (64, 192), yaw_rad=0.3, pitch_rad=0.1)
    pixels, seen = network.look(CameraBatch.stack([camera]))
    for p, points in enumerate(PRESETS["small"].pillar_points):
        at_m = pillar_QA3((8, 6, 8), PLANES[p], points).numpy() * GRID.extent_m + np.array(GRID.origin_m)
        pixel, depth = camera.project(at_m.reshape(-1, 3))
        hit = (depth > 0) & (pixel >= 0).all(1) & (pixel < (192, 64)).all(1)
        found = pixels[p][0].reshape(-1, 2).numpy()
        np.testing.assert_allclose(found[hit], pixel[hit] / (192, 64), atol=1e-4)
        assert (found[depth < 0] < -0.9).all()
        assert seen[p][0].tolist() == hit.reshape(-1, points).any(1).tolist()


def test_a_voxel_is_the_sum_of_its_three_projections(network: TPVFormer) -> None:
    torch.manual_seed(1)
    planes = [torch.randn(1, 48, GRID.shape_XYZ[row], GRID.shape_XYZ[column]) for row, column in PLANES]
    logits = network.classify(planes)
    for x, y, z in [(0, 0, 0), (15, 11, 7), (3, 10, 2), (9, 4, 6)]:
        total = planes[0][0, :, x, y] + planes[1][0, :, y, z] + planes[2][0, :, z, x]
        torch.testing.assert_close(logits[0, :, x, y, z], network.mlp(total), atol=1e-5, rtol=1e-4)


def test_views_of_a_plane_are_its_pillars_seen_in_each_plane(network: TPVFormer) -> None:
    for p, axes in enumerate(PLANES):
        pillar = pillar_QA3((8, 6, 8), axes, PRESETS["small"].view_points)
        view = network.get_buffer(f"view_{p}_1QLA2")[0]
        for level, (row, column) in enumerate(PLANES):
            torch.testing.assert_close(view[:, level], pillar[..., [column, row]])
        own = view[:, p]
        torch.testing.assert_close(own, own[:, :1].expand_as(own))


def test_channels_must_be_shared_out_evenly() -> None:
    with pytest.raises(InputError, match="divisible by 3"):
        build(Config(image=PRESETS["small"].image, heads=5), GRID, CARLA_SC)


def test_unseen_pillars_take_nothing_from_the_picture(network: TPVFormer) -> None:
    cameras = CameraBatch.stack([street_camera((64, 192))])
    _, seen = network.look(cameras)
    layer = network.layers[0]
    pixels, _ = network.look(cameras)
    views = [network.get_buffer(f"view_{p}_1QLA2") for p in range(3)]
    planes = [plane[None] for plane in network.planes]

    def after(fill: float) -> list[Tensor]:
        pictures = [torch.full((1, 48, 8, 24), fill) for _ in network.config.image.scales]
        return layer(planes, network.positions(), views, pictures, pixels, seen)

    for p, (one, two) in enumerate(zip(after(0.0), after(1.0), strict=True)):
        moved = (one != two).any(1).flatten()
        assert not bool(moved[~seen[p][0]].any()) and bool(moved[seen[p][0]].all())


def jaccard_loss(errors: set[int], true: set[int]) -> float:
    return len(errors) / len(true | errors)


def lovasz(error: list[float], true: set[int]) -> float:
    """Lovasz extension of the Jaccard loss of one class: an integral over thresholds (Berman et al., Def. 1, Eq. 8)."""
    order = sorted(range(len(error)), key=lambda i: -error[i])
    total, before = 0.0, 0.0
    for n, i in enumerate(order):
        now = jaccard_loss(set(order[: n + 1]), true)
        total, before = total + error[i] * (now - before), now
    return total


def test_lovasz_softmax_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    K, shape = 4, (2, 3, 2, 2)
    logits = torch.randn(shape[0], K, *shape[1:], generator=generator)
    target = torch.randint(0, K - 1, shape, generator=generator).to(torch.uint8)  # the last class is absent
    target[torch.rand(shape, generator=generator) < 0.3] = UNKNOWN
    probability = logits.softmax(1).movedim(1, -1).reshape(-1, K)
    known = [(p.tolist(), int(k)) for p, k in zip(probability, target.flatten().tolist(), strict=True) if k != UNKNOWN]
    losses = []
    for c in sorted({k for _, k in known}):
        error = [1 - p[c] if k == c else p[c] for p, k in known]
        losses.append(lovasz(error, {i for i, (_, k) in enumerate(known) if k == c}))
    assert lovasz_softmax(logits, target).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_lovasz_softmax_of_sure_predictions_is_one_minus_iou() -> None:
    generator = torch.Generator().manual_seed(1)
    K = 3
    target, predicted = (torch.randint(0, K, (1, 4, 4, 2), generator=generator) for _ in range(2))
    logits = torch.nn.functional.one_hot(predicted, K).movedim(-1, 1) * 80.0
    ious = [
        float(((target == k) & (predicted == k)).sum() / ((target == k) | (predicted == k)).sum()) for k in range(K)
    ]
    assert lovasz_softmax(logits, target.to(torch.uint8)).item() == pytest.approx(1 - sum(ious) / K, rel=1e-5)


def test_lovasz_softmax_has_a_gradient_and_nothing_known_costs_nothing() -> None:
    logits = torch.randn(1, 3, 2, 2, 2, requires_grad=True)
    target = torch.full((1, 2, 2, 2), UNKNOWN, dtype=torch.uint8)
    assert lovasz_softmax(logits, target).item() == 0.0
    target[0, 0, 0, 0] = 1
    lovasz_softmax(logits, target).backward()
    assert bool((logits.grad[0, :, 0, 0, 0] != 0).all()) and math.isclose(float(logits.grad[0, :, 1].abs().sum()), 0.0)
