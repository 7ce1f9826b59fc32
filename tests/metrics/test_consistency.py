"""Frames of one world agree where they see the same points, and nothing else does."""

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import camera_path, drive_path, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.reprojection import frame_before, inverse_depths
from occforge.metrics.consistency import inconsistency
from occforge.render.raycast import raycast
from occforge.render.shade import set_stage, shade_stage
from occforge.world.street import make_street

SIZE_HW, FRAMES = (48, 144), 4


@pytest.fixture(scope="module")
def drive():
    street = make_street(3_000_000_700)
    path = drive_path(street_camera(SIZE_HW), FRAMES)
    stage = set_stage(street.scene, 3_000_000_700)
    images = np.stack([shade_stage(stage, camera, street.weather) for camera in path.cameras])
    depth = np.stack([raycast(street.scene, camera).depth_HW for camera in path.cameras])
    return street, path, images, depth


@pytest.mark.parametrize("kind", ["drive", "turn-left", "orbit"])
def test_places_in_the_frame_before_are_those_of_the_points_themselves(drive, kind):
    street = drive[0]
    path = camera_path(kind, street_camera(SIZE_HW), 3, STREET_GRID)
    depth_NHW = np.stack([raycast(street.scene, camera).depth_HW for camera in path.cameras])
    before = frame_before(inverse_depths(torch.from_numpy(depth_NHW))[None], CameraBatch.stack(path.cameras))
    v, u = np.indices(SIZE_HW) + 0.5
    shared = 0
    for i in range(1, 3):
        hit = (depth_NHW[i] > 0) & before.same_BMHW[0, i - 1].numpy()
        point_N3 = path.cameras[i].unproject(np.stack([u[hit], v[hit]], 1), depth_NHW[i][hit])
        pixel_N2, depth_N = path.cameras[i - 1].project(point_N3)
        at_N2 = 0.5 * (before.at_BMHW2[0, i - 1][torch.from_numpy(hit)].numpy() + 1.0) * SIZE_HW[::-1]
        assert np.abs(at_N2 - pixel_N2).max() < 0.02
        column, row = np.minimum(pixel_N2, np.array(SIZE_HW[::-1]) - 1e-3).astype(int).T
        assert (np.abs(1 / depth_NHW[i - 1][row, column] - 1 / depth_N) < 0.11 / depth_N + 2e-3).mean() > 0.99
        shared += int(hit.sum())
    assert shared > 1000


def test_what_is_infinitely_far_moves_with_rotation_alone():
    path = drive_path(street_camera(SIZE_HW), 2, 5.0)
    before = frame_before(torch.zeros(1, 2, *SIZE_HW), CameraBatch.stack(path.cameras))
    rows, columns = (2.0 * (torch.arange(n) + 0.5) / n - 1.0 for n in SIZE_HW)
    here_HW2 = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    assert torch.allclose(before.at_BMHW2[0, 0], here_HW2, atol=1e-4) and before.same_BMHW.all()


def test_the_worlds_own_frames_agree_and_foreign_ones_do_not(drive):
    _, path, images, depth = drive
    own = inconsistency(images, path.cameras, depth)
    rng = np.random.default_rng(0)
    jittered = np.clip(images.astype(int) + rng.integers(-40, 41, (FRAMES, 1, 1, 3)), 0, 255).astype(np.uint8)
    still = np.repeat(images[:1], FRAMES, 0)
    assert inconsistency(images[:, :, ::-1].copy(), path.cameras, depth) > 2 * own
    assert inconsistency(jittered, path.cameras, depth) > own + 5
    assert inconsistency(still, path.cameras, depth) > own, "a picture that stands still does not show a drive"
    assert inconsistency(np.full_like(images, 90), path.cameras, depth) < 1e-5, "one colour: hence sharpness"


def test_frames_that_cannot_be_compared(drive):
    _, path, images, depth = drive
    with pytest.raises(InputError, match="2 frames"):
        inconsistency(images[:1], path.cameras[:1], depth[:1])
    with pytest.raises(InputError, match="share no point"):
        inconsistency(images, path.cameras, np.zeros_like(depth))
