"""The fast ray traversal against cutting every ray with every voxel, and against the camera's own geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.camera import Camera, look_camera
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, UNKNOWN
from occforge.render.raycast import raycast, raycast_reference


def camera_at(position_m: tuple[float, float, float], yaw: float, pitch: float, fov: float = 1.3) -> Camera:
    return look_camera(position_m, fov, (12, 17), yaw, pitch)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    position=st.tuples(st.floats(-4, 6), st.floats(-4, 4), st.floats(-2, 4)),
    yaw=st.floats(-3.1, 3.1),
    pitch=st.floats(-1.4, 1.4),
    fov=st.floats(0.3, 2.2),
)
def test_same_as_reference(
    seed: int, position: tuple[float, float, float], yaw: float, pitch: float, fov: float
) -> None:
    rng = np.random.default_rng(seed)
    grid = GridSpec((8, 6, 5), (0.5, 0.4, 0.3), (-1.0, -1.2, 0.2))
    labels_XYZ = rng.integers(1, CARLA_SC.class_count, grid.shape_XYZ).astype(np.uint8)
    labels_XYZ[rng.random(grid.shape_XYZ) < 0.8] = 0
    labels_XYZ[rng.random(grid.shape_XYZ) < 0.1] = UNKNOWN
    scene = Scene(labels_XYZ, grid, CARLA_SC)
    camera = camera_at(position, yaw, pitch, fov)
    fast, slow = raycast(scene, camera), raycast_reference(scene, camera)
    same_HW = fast.voxel_HW == slow.voxel_HW
    # Rays through an edge may count for either of its voxels.
    assert same_HW.mean() > 0.985
    np.testing.assert_allclose(fast.depth_HW[same_HW], slow.depth_HW[same_HW], atol=1e-4)
    np.testing.assert_array_equal(fast.semantic_HW[same_HW], slow.semantic_HW[same_HW])
    assert (fast.normal_HW3[same_HW] == slow.normal_HW3[same_HW]).all(axis=1).mean() > 0.985


def test_depth_unprojects_onto_the_face_of_the_hit_voxel(scatter: Scene) -> None:
    camera = camera_at((-3.0, 0.2, 1.0), 0.1, 0.05)
    view = raycast(scatter, camera)
    row_N, column_N = np.nonzero(view.voxel_HW >= 0)
    assert len(row_N) > 20
    pixel_N2 = np.stack([column_N + 0.5, row_N + 0.5], axis=1)
    point_N3 = camera.unproject(pixel_N2, view.depth_HW[row_N, column_N])
    pixel_again_N2, depth_again_N = camera.project(point_N3)
    np.testing.assert_allclose(pixel_again_N2, pixel_N2, atol=1e-3)
    np.testing.assert_allclose(depth_again_N, view.depth_HW[row_N, column_N], atol=1e-4)
    voxel_N3 = np.stack(np.unravel_index(view.voxel_HW[row_N, column_N], scatter.grid.shape_XYZ), axis=1)
    inside_N3 = scatter.grid.index_from_metres(point_N3) - voxel_N3
    assert inside_N3.min() > -1e-3 and inside_N3.max() < 1.001
    normal_N3 = view.normal_HW3[row_N, column_N]
    face_N3 = np.where(normal_N3 > 0, 1.0, 0.0)
    on_face = np.abs(inside_N3 - face_N3)[normal_N3 != 0]
    assert len(on_face) == len(row_N) and on_face.max() < 1e-3
    assert (scatter.labels_XYZ[tuple(voxel_N3.T)] == view.semantic_HW[row_N, column_N]).all()


def test_nothing_hit_says_so(scatter: Scene) -> None:
    away = camera_at((-3.0, 0.0, 1.0), np.pi, 0.0)
    view = raycast(scatter, away)
    assert not view.semantic_HW.any() and not view.depth_HW.any() and not view.normal_HW3.any()
    assert (view.voxel_HW == -1).all()
    nothing = Scene(np.zeros_like(scatter.labels_XYZ), scatter.grid, scatter.taxonomy)
    assert (raycast(nothing, camera_at((0.0, 0.0, 1.0), 0.0, 0.0)).voxel_HW == -1).all()


def test_the_voxel_that_holds_the_camera_is_looked_through(scatter: Scene) -> None:
    labels_XYZ = np.ones_like(scatter.labels_XYZ)
    scene = Scene(labels_XYZ, scatter.grid, scatter.taxonomy)
    middle = scene.grid.metres_from_index(np.array([[4.5, 3.5, 2.5]]))[0]
    view = raycast(scene, camera_at((middle[0], middle[1], middle[2]), 0.0, 0.0))
    own = np.ravel_multi_index((4, 3, 2), scene.grid.shape_XYZ)
    assert (view.voxel_HW >= 0).all() and not (view.voxel_HW == own).any()


@pytest.mark.parametrize("rows", [1, 9])
def test_pictures_of_any_height(scatter: Scene, rows: int) -> None:
    camera = look_camera((-3.0, 0.0, 1.0), 1.2, (rows, 11))
    assert raycast(scatter, camera).semantic_HW.shape == (rows, 11)
