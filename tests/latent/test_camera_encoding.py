"""Each camera's view of an occupancy: geometry against the camera's own projection, learning, and its limits."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from occforge.core.batch import CameraBatch
from occforge.core.camera import drive_path, look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.latent.camera_encoding import (
    CameraEncoding,
    CameraEncodingConfig,
    DeformableConv3d,
    camera_numbers_B16,
    facing_forward,
    frustum_points_BDHW3_m,
    frustum_views,
    resample,
    soft_raycast,
)
from occforge.render.raycast import raycast
from occforge.world.street import make_street

GRID = GridSpec((16, 12, 8), (1.0, 1.0, 0.5), (0.0, -6.0, -2.0))


def log_depths_m(near_m, far_m, bins):
    """Centres of equal parts of the logarithm of depth."""
    edge = torch.linspace(0.0, 1.0, bins + 1)
    return near_m * (far_m / near_m) ** (0.5 * (edge[1:] + edge[:-1]))


def cameras(count: int = 3) -> list:
    return [look_camera((0.5, 0.3 * i, -0.2), math.radians(80), (24, 60), 0.1 * i, 0.02 * i) for i in range(count)]


def test_frustum_points_project_back_to_their_cells():
    some, depth = cameras(), log_depths_m(2.0, 40.0, 5)
    points = frustum_points_BDHW3_m(CameraBatch.stack(some), depth, (6, 10))
    assert points.shape == (3, 5, 6, 10, 3)
    for camera, of_camera in zip(some, points.numpy().astype(float), strict=True):
        pixel, found_depth = camera.project(of_camera.reshape(-1, 3))
        pixel, found_depth = pixel.reshape(5, 6, 10, 2), found_depth.reshape(5, 6, 10)
        assert np.allclose(found_depth, depth.numpy()[:, None, None], atol=1e-4)
        assert np.allclose(pixel[..., 0], (np.arange(10) + 0.5) * 6, atol=1e-3)
        assert np.allclose(pixel[..., 1], (np.arange(6) + 0.5)[:, None] * 4, atol=1e-3)


def test_log_depths_are_evenly_spaced_in_logarithm():
    depth = log_depths_m(2.0, 32.0, 4)
    assert torch.allclose(depth.log2(), torch.tensor([1.5, 2.5, 3.5, 4.5]))


def test_resampling_at_voxel_centres_gives_the_voxels_and_nothing_outside():
    volume = torch.randn(2, 3, *GRID.shape_XYZ)
    centres = torch.from_numpy(GRID.centres_N3_m()).float().reshape(1, *GRID.shape_XYZ, 3).expand(2, -1, -1, -1, -1)
    found = resample(volume, GRID, centres)
    assert torch.allclose(found[:, :3], volume, atol=1e-4) and bool((found[:, 3] == 1).all())
    outside = resample(volume, GRID, centres + torch.tensor([100.0, 0.0, 0.0]))
    assert float(outside.abs().max()) == 0.0


def test_a_voxel_appears_where_its_camera_projects_it():
    """One occupied voxel: the frustum's mass lies at the pixel and depth of its centre, for every camera of a path."""
    volume = torch.zeros(1, 1, *GRID.shape_XYZ)
    volume[0, 0, 10, 7, 3] = 1.0
    centre = GRID.metres_from_index(np.array([[10.5, 7.5, 3.5]]))
    path = drive_path(look_camera((0.0, 0.0, 0.0), math.radians(80), (24, 60)), 3, 1.5, 0.02).cameras
    depth = torch.linspace(2.0, 16.0, 57)
    seen = frustum_views(volume, GRID, CameraBatch.stack(path), depth, (24, 60))
    assert seen.shape == (1, 3, 2, 57, 24, 60)
    for camera, view in zip(path, seen[0, :, 0], strict=True):
        (pixel,), (at_depth,) = camera.project(centre)
        mass = view / view.sum()
        rows, columns = torch.arange(24) + 0.5, torch.arange(60) + 0.5
        assert float((mass.sum((1, 2)) * depth).sum()) == pytest.approx(at_depth, abs=0.3)
        assert float((mass.sum((0, 2)) * rows).sum()) == pytest.approx(pixel[1], abs=0.6)
        assert float((mass.sum((0, 1)) * columns).sum()) == pytest.approx(pixel[0], abs=0.6)


def test_frames_of_one_path_are_those_of_its_cameras_alone():
    volume, some = torch.randn(2, 3, *GRID.shape_XYZ), cameras(6)
    depth = log_depths_m(2.0, 20.0, 4)
    together = frustum_views(volume, GRID, CameraBatch.stack(some), depth, (6, 10))
    for b in range(2):
        for n in range(3):
            alone = frustum_views(volume[b : b + 1], GRID, CameraBatch.stack([some[3 * b + n]]), depth, (6, 10))
            assert torch.allclose(together[b, n], alone[0, 0], atol=1e-5)


def test_facing_forward_keeps_ahead_up_and_left():
    volume = torch.zeros(1, 3, *GRID.shape_XYZ)
    volume[0, 0, 8:], volume[0, 1, :, 6:], volume[0, 2, :, :, 4:] = 1.0, 1.0, 1.0  # far, left, high
    far, left, high = facing_forward(volume, (4, 4, 6))[0]
    assert bool((far[:2] == 0).all() and (far[2:] == 1).all())
    assert bool((left[:, :, :3] == 1).all() and (left[:, :, 3:] == 0).all())
    assert bool((high[:, :2] == 1).all() and (high[:, 2:] == 0).all())


def test_without_offsets_deformable_is_the_plain_convolution():
    torch.manual_seed(0)
    layer, volume = DeformableConv3d(4, 3), torch.randn(2, 4, 5, 6, 7)
    kernel = layer.weight_CK.reshape(4, 1, 3, 3, 3)
    assert torch.allclose(layer(volume), F.conv3d(volume, kernel, padding=1, groups=4), atol=1e-5)


def test_an_offset_of_one_cell_moves_by_one_cell():
    torch.manual_seed(0)
    layer, volume = DeformableConv3d(4, 3), torch.randn(1, 4, 5, 6, 7)
    plain = layer(volume)
    for axis in range(3):
        with torch.no_grad():
            layer.offset.bias.zero_()
            layer.offset.bias.view(-1, 3)[:, axis] = 1.0
        moved = layer(volume)
        inner = (slice(None),) * 2 + (slice(1, -2),) * 3
        assert torch.allclose(moved[inner], plain.roll(-1, axis + 2)[inner], atol=1e-5)


def test_numbers_do_not_depend_on_the_pictures_size():
    one = camera_numbers_B16(CameraBatch.stack([street_camera((64, 192))]), GRID)
    two = camera_numbers_B16(CameraBatch.stack([street_camera((64, 192)).resized((120, 400))]), GRID)
    assert torch.allclose(one, two, atol=1e-6)
    place = one[0, -3:].numpy() + 0.5
    assert np.allclose(place * GRID.extent_m + GRID.origin_m, [0.27, 0.0, -0.08], atol=1e-5)


def test_every_view_is_told_by_its_own_camera_and_all_parameters_learn():
    torch.manual_seed(0)
    for slots in (0, 3):
        encoding = CameraEncoding(CameraEncodingConfig(8, 4, slots, 3, (2, 4)), 5, GRID)
        share, some = torch.rand(2, 5, *GRID.shape_XYZ, requires_grad=True), CameraBatch.stack(cameras(6))
        views = encoding(share, some, (4, 6))
        assert views.shape == (2, 3, 8, 4, 4, 6)
        views.square().sum().backward()
        assert float(share.grad.abs().max()) > 0
        for name, p in encoding.named_parameters():
            assert p.grad is not None and float(p.grad.abs().max()) > 0, name
        other = CameraBatch.stack([*cameras(5), look_camera((3.0, 0.0, 0.0), 1.0, (24, 60))])
        changed = (encoding(share, other, (4, 6)) - views).detach().abs().flatten(2).amax(2)
        assert float(changed[1, 2]) > 0 and float(changed[0].max()) == float(changed[1, :2].max()) == 0


def test_more_frames_than_slots_are_refused():
    encoding = CameraEncoding(CameraEncodingConfig(8, 4, 2, 3, (2, 4)), 5, GRID)
    with pytest.raises(InputError, match="trained for 2 frames, got 3"):
        encoding(torch.rand(1, 5, *GRID.shape_XYZ), CameraBatch.stack(cameras(3)), (4, 6))


def test_shares_of_rays_add_up_and_are_differentiable():
    share = torch.rand(2, 5, *GRID.shape_XYZ).softmax(1).requires_grad_()
    maps = soft_raycast(share, GRID, CameraBatch.stack(cameras(6)), log_depths_m(1.0, 30.0, 24), (6, 10))
    assert maps.shape == (2, 3, 10, 6, 10)
    assert torch.allclose(maps[:, :, :5].sum(2), torch.ones(2, 3, 6, 10), atol=1e-5)
    maps.square().sum().backward()
    assert float(share.grad.abs().max()) > 0


def test_a_certain_scene_is_seen_as_the_ray_caster_sees_it():
    street = make_street(3_000_000_000).scene
    labels = street.labels_XYZ[:128, 64:192]
    grid = GridSpec((128, 128, 32), (0.2, 0.2, 0.2), (0.0, -12.8, -2.0))
    camera = street_camera((32, 96))
    view = raycast(Scene(labels, grid, SEMANTIC_KITTI), camera)
    share = F.one_hot(torch.from_numpy(labels).long(), 20).movedim(-1, 0).float()[None]
    depth = torch.arange(0.3, 30.0, 0.1)
    maps = soft_raycast(share, grid, CameraBatch.stack([camera]), depth, (32, 96))[0, 0]
    same = maps[:20].argmax(0).numpy() == view.semantic_HW
    assert same.mean() > 0.96
    hit = (view.voxel_HW >= 0) & same
    error = np.abs(maps[24].numpy() - 1.0 / np.where(hit, view.depth_HW, 1.0))[hit]
    assert np.median(error) < 0.005 and hit.mean() > 0.3
    assert np.quantile(maps[23].numpy()[hit], 0.1) > 0.199, "the edge of a voxel, for rays that surely hit one"
    normal_HW3 = maps[20:23].movedim(0, -1).numpy()
    along = (normal_HW3 * view.normal_HW3).sum(-1)[hit]
    assert np.median(along) > 0.95 and np.quantile(along, 0.1) > 0.5, "outwards; at edges between the faces"
