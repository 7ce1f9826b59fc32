"""Frustum volumes against the camera that they belong to, and the dual decoder's sizes."""

import math

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import look_camera, street_camera
from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import CARLA_SC, UNKNOWN
from occforge.perception._frustum import cell_centres_m, depth_range_m, sample_frustum
from occforge.perception._lifting import voxel_centres_N3_m
from occforge.perception.losses import coarse_labels
from occforge.perception.ndcscene import PRESETS, NDCScene, build
from occforge.perception.network import Hints

GRID = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))
CAMERAS = [street_camera((64, 192)), look_camera((1.0, 2.0, 0.5), 1.2, (64, 192), yaw_rad=0.3, pitch_rad=0.1)]


def network() -> NDCScene:
    torch.manual_seed(0)
    return build(PRESETS["small"], GRID, CARLA_SC)


def test_depths_reach_from_a_voxel_to_the_farthest_corner() -> None:
    near, far = depth_range_m(STREET_GRID, CameraBatch.stack([street_camera()]))
    assert near.tolist() == pytest.approx([0.2]) and far.tolist() == pytest.approx([51.2 - 0.27])


def test_a_cells_centre_reads_that_cell() -> None:
    cameras = CameraBatch.stack(CAMERAS)
    D, H, W = 6, 4, 12
    volume = torch.arange(2.0 * D * H * W).reshape(2, 1, D, H, W)
    centre = cell_centres_m(GRID, cameras, D, H, W)
    for b in range(2):
        found = sample_frustum(volume, centre[b].reshape(-1, 3), cameras, GRID)[b, 0]
        torch.testing.assert_close(found, volume[b].flatten(), atol=0.05, rtol=0.0)


def test_cells_lie_where_the_camera_unprojects_them() -> None:
    cameras = CameraBatch.stack(CAMERAS)
    D, H, W = 6, 4, 12
    near, far = (limit.tolist() for limit in depth_range_m(GRID, cameras))
    for b, camera in enumerate(CAMERAS):
        d, i, j = np.meshgrid(np.arange(D), np.arange(H), np.arange(W), indexing="ij")
        pixel = np.stack([(j + 0.5) * 192 / W, (i + 0.5) * 64 / H], -1).reshape(-1, 2)
        depth = (near[b] + (d + 0.5) / D * (far[b] - near[b])).reshape(-1)
        expected = torch.from_numpy(camera.unproject(pixel, depth)).float()
        torch.testing.assert_close(
            cell_centres_m(GRID, cameras, D, H, W)[b].reshape(-1, 3), expected, atol=1e-3, rtol=1e-4
        )


def test_a_feature_arrives_in_the_voxel_that_projects_to_it() -> None:
    centre = voxel_centres_N3_m(GRID)
    for b, camera in enumerate(CAMERAS):
        cameras = CameraBatch.stack([camera])
        near, far = (float(limit) for limit in depth_range_m(GRID, cameras))
        size = (64, 64, 192)
        pixel, depth = camera.project(centre.numpy())
        cell = np.stack([(depth - near) / (far - near) * size[0], pixel[:, 1], pixel[:, 0]], -1)
        seen = ((cell >= 1) & (cell < np.array(size) - 1)).all(-1) & (depth > 12)
        for n in np.flatnonzero(seen)[:: max(1, int(seen.sum()) // 8)]:
            volume = torch.zeros(1, 1, *size)
            volume[(0, 0, *np.floor(cell[n]).astype(int))] = 1.0
            assert int(sample_frustum(volume, centre, cameras, GRID)[0, 0].argmax()) == n, (b, n)


def test_nothing_arrives_where_no_pixel_sees() -> None:
    cameras = CameraBatch.stack(CAMERAS)
    centre = voxel_centres_N3_m(GRID)
    inside = cameras.inside(*cameras.project(centre))
    found = sample_frustum(torch.ones(2, 1, 4, 4, 12), centre, cameras, GRID)[:, 0]
    assert 0 < int(inside.sum()) < inside.numel()
    torch.testing.assert_close(found, inside.float())


def test_each_step_doubles_depth_and_the_later_ones_the_picture() -> None:
    net = network()
    stages = net.image_stages(torch.rand(1, 3, 64, 192))
    assert [tuple(volume.shape[2:]) for volume in net.decoder(stages)] == [(8, 4, 12), (16, 8, 24), (32, 16, 48)]


def test_pictures_need_no_round_size() -> None:
    camera = street_camera((64, 192)).resized((61, 187))
    prediction = network().eval()(torch.rand(1, 3, 61, 187), CameraBatch.stack([camera]), Hints())
    assert bool(prediction.logits_BKXYZ.isfinite().all())


def test_coarse_labels_are_the_commonest_of_their_block() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 4, (2, 8, 8, 4), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.9] = 0
    target[torch.rand(target.shape, generator=generator) < 0.5] = UNKNOWN
    found = coarse_labels(target.to(torch.uint8), (2, 2, 1))
    for b, x, y in np.ndindex(2, 2, 2):
        block = target[b, 4 * x : 4 * x + 4, 4 * y : 4 * y + 4].flatten().tolist()
        counts = {k: block.count(k) for k in range(256)}
        occupied = [k for k in range(1, UNKNOWN) if counts[k]]
        if sum(counts[k] for k in occupied) >= 0.05 * len(block):
            expected = max(occupied, key=lambda k: counts[k])
        else:
            expected = UNKNOWN if counts[UNKNOWN] >= counts[0] else 0
        assert int(found[b, x, y, 0]) == expected


def test_street_sizes_are_the_papers() -> None:
    config = PRESETS["street"]
    assert config.first_depth * 2 ** (config.depth_steps + len(config.fused_scales)) == 128
    assert math.prod(STREET_GRID.pooled((2, 2, 2)).shape_XYZ) == 128 * 128 * 16
