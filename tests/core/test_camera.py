import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occforge.core.camera import (
    PATHS,
    Camera,
    CameraPath,
    camera_path,
    drive_path,
    look_camera,
    orbit_path,
    read_path,
    street_camera,
)
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN

near = st.floats(-20.0, 20.0)
cameras = st.builds(
    look_camera,
    st.tuples(near, near, near),
    st.floats(0.3, 2.6),
    st.tuples(st.integers(1, 400), st.integers(1, 800)),
    st.floats(-math.pi, math.pi),
    st.floats(-1.5, 1.5),
)
pixels = st.lists(st.tuples(st.floats(0, 800), st.floats(0, 400), st.floats(0.1, 80.0)), min_size=1, max_size=6)


@given(cameras, pixels)
def test_unproject_then_project(camera, values):
    value = np.array(values)
    point = camera.unproject(value[:, :2], value[:, 2])
    pixel, depth = camera.project(point)
    assert np.allclose(pixel, value[:, :2], atol=1e-4) and np.allclose(depth, value[:, 2])


@given(cameras)
def test_the_camera_sits_at_its_own_centre(camera):
    assert np.allclose(camera.camera_from_grid_44 @ camera.grid_from_camera_44, np.eye(4), atol=1e-9)
    R = camera.camera_from_grid_44[:3, :3]
    assert np.allclose(R @ R.T, np.eye(3), atol=1e-9) and np.isclose(np.linalg.det(R), 1.0)
    centre = camera.grid_from_camera_44[:3, 3]
    assert np.allclose(camera.project(centre[None])[1], 0.0, atol=1e-9)


def test_axes_of_the_street_camera():
    camera = street_camera((192, 640))
    ahead, left, up = [10.27, 0.0, -0.08], [10.27, 1.0, -0.08], [10.27, 0.0, 0.92]
    pixel, depth = camera.project(np.array([ahead, left, up, [-5.0, 0.0, 0.0]]))
    assert np.allclose(pixel[0], [320.0, 96.0]) and np.allclose(depth[:3], 10.0)
    assert pixel[1, 0] < 320.0 and np.isclose(pixel[1, 1], 96.0)
    assert pixel[2, 1] < 96.0 and np.isclose(pixel[2, 0], 320.0)
    assert depth[3] < 0
    edge = 10.0 * math.tan(math.radians(41.0))
    assert np.isclose(camera.project(np.array([[10.27, edge, 0.0]]))[0][0, 0], 0.0, atol=1e-9)


def test_yaw_turns_left_and_pitch_looks_down():
    yawed = look_camera((0.0, 0.0, 0.0), 1.0, (10, 10), yaw_rad=0.3)
    assert np.allclose(yawed.unproject(np.array([[5.0, 5.0]]), np.ones(1)), [[math.cos(0.3), math.sin(0.3), 0.0]])
    pitched = look_camera((0.0, 0.0, 0.0), 1.0, (10, 10), pitch_rad=0.3)
    assert np.allclose(pitched.unproject(np.array([[5.0, 5.0]]), np.ones(1)), [[math.cos(0.3), 0.0, -math.sin(0.3)]])


@given(cameras, st.integers(1, 900), st.integers(1, 900))
def test_resizing_scales_pixels_only(camera, height, width):
    point = camera.unproject(np.array([[1.0, 2.0], [7.0, 3.0]]), np.array([4.0, 9.0]))
    resized = camera.resized((height, width))
    (a, depth_a), (b, depth_b) = camera.project(point), resized.project(point)
    scale = np.array([width / camera.size_HW[1], height / camera.size_HW[0]])
    assert np.allclose(a * scale, b, atol=1e-6) and np.allclose(depth_a, depth_b)
    assert resized.size_HW == (height, width)
    assert np.allclose(resized.resized(camera.size_HW).K_33, camera.K_33)


@given(cameras, st.tuples(near, near, near), st.floats(-3.0, 3.0))
def test_moving_carries_the_camera_rigidly(camera, position, yaw):
    moved = camera.moved(position, yaw)
    c, s = math.cos(yaw), math.sin(yaw)
    carry = np.array([[c, -s, 0, position[0]], [s, c, 0, position[1]], [0, 0, 1, position[2]], [0, 0, 0, 1]])
    assert np.allclose(moved.grid_from_camera_44, carry @ camera.grid_from_camera_44, atol=1e-9)
    assert np.array_equal(camera.moved((0.0, 0.0, 0.0)).camera_from_grid_44, camera.camera_from_grid_44)


@given(st.integers(2, 12), st.floats(0.1, 2.0), st.floats(-0.2, 0.2))
def test_a_drive_has_equal_steps_along_its_arc(frames, step, curvature):
    path = drive_path(street_camera(), frames, step, curvature).cameras
    assert len(path) == frames
    assert np.allclose(path[0].camera_from_grid_44, street_camera().camera_from_grid_44)
    ego = [camera.grid_from_camera_44 @ path[0].camera_from_grid_44 for camera in path]
    chord = step if abs(curvature) < 1e-9 else 2 * math.sin(abs(curvature) * step / 2) / abs(curvature)
    for i, (a, b) in enumerate(pairwise(ego)):
        assert np.isclose(np.linalg.norm(b[:3, 3] - a[:3, 3]), chord, atol=1e-6)
        forward = b[:3, 0]
        assert np.allclose(forward[:2], [math.cos((i + 1) * step * curvature), math.sin((i + 1) * step * curvature)])


@given(st.floats(-1e-6, 1e-6))
def test_nearly_straight_drives_agree_with_straight_ones(curvature):
    bent, straight = (drive_path(street_camera(), 4, 0.8, c).cameras[-1] for c in (curvature, 0.0))
    assert np.allclose(bent.camera_from_grid_44, straight.camera_from_grid_44, atol=1e-4)


@given(cameras)
def test_json_round_trip(camera):
    again = Camera.from_dict(camera.to_dict())
    assert np.array_equal(again.K_33, camera.K_33) and again.size_HW == camera.size_HW
    assert np.array_equal(again.camera_from_grid_44, camera.camera_from_grid_44)


def test_bad_cameras():
    K, pose = np.diag([100.0, 100.0, 1.0]), np.eye(4)
    for bad in (lambda: Camera(K[:2], pose, (4, 4)), lambda: Camera(K, pose[:3], (4, 4))):
        with pytest.raises(InputError, match="camera: expected K"):
            bad()
    with pytest.raises(InputError, match="singular"):
        Camera(np.diag([0.0, 100.0, 1.0]), pose, (4, 4))
    with pytest.raises(InputError, match="not finite"):
        Camera(np.diag([np.nan, 100.0, 1.0]), pose, (4, 4))
    shifted = np.eye(4)
    shifted[:3, 3] = 1.0, 2.0, 3.0
    for bad in (np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 1.0, -1.0, 1.0]), 2.0 * pose, shifted.T):
        with pytest.raises(InputError, match="to be a rotation and a shift"):
            Camera(K, bad, (4, 4))
    lens = np.array([[100.0, 0.0, 50.0], [0.0, 100.0, 20.0], [0.0, 0.0, 1.0]])
    for bad in (lens.T, np.diag([-100.0, 100.0, 1.0]), np.diag([100.0, 100.0, 2.0])):
        with pytest.raises(InputError, match="positive focal lengths and the last row of K 0 0 1"):
            Camera(bad, pose, (4, 4))
    for size in ([float("inf"), 3], [4.5, 3], ["a", 3], 7):
        with pytest.raises(InputError, match="two whole ones in size_HW"):
            Camera.from_dict(street_camera().to_dict() | {"size_HW": size})
    with pytest.raises(InputError, match="positive image size"):
        Camera(K, pose, (0, 4))
    with pytest.raises(InputError, match="missing"):
        Camera.from_dict({"K_33": K.tolist()})
    with pytest.raises(InputError, match="at least one"):
        CameraPath(())
    with pytest.raises(InputError, match="at least 1"):
        drive_path(street_camera(), 0)


@given(cameras, st.integers(1, 9))
def test_an_orbit_looks_at_the_middle_from_all_sides(camera, frames):
    path = orbit_path(camera, frames, STREET_GRID).cameras
    positions = np.array([c.grid_from_camera_44[:3, 3] for c in path])
    middle = np.add(STREET_GRID.origin_m, STREET_GRID.extent_m * np.array([0.5, 0.5, 0.25]))
    for seen in path:
        in_camera = seen.camera_from_grid_44 @ np.append(middle, 1.0)
        assert np.allclose(in_camera[:2], 0.0, atol=1e-9) and in_camera[2] > 0
        assert np.array_equal(seen.K_33, camera.K_33) and seen.size_HW == camera.size_HW
    assert np.allclose(np.linalg.norm(positions - middle, axis=1), np.linalg.norm(positions[0] - middle))
    assert (positions[:, 2] > STREET_GRID.origin_m[2] + STREET_GRID.extent_m[2]).all()
    assert np.allclose(positions.mean(0)[:2], middle[:2]) or frames == 1
    assert path[0].grid_from_camera_44[0, 2] > 0.5  # the first looks ahead


@pytest.mark.parametrize("kind", PATHS)
def test_paths_by_name_have_the_frames_asked_for(kind):
    path = camera_path(kind, street_camera((24, 40)), 6, STREET_GRID).cameras
    assert len(path) == 6 and {c.size_HW for c in path} == {(24, 40)}
    assert len({c.camera_from_grid_44.tobytes() for c in path}) == 6


def test_turns_go_to_their_sides():
    ends = {k: camera_path(k, street_camera(), 9, STREET_GRID).cameras[-1].grid_from_camera_44 for k in PATHS[:3]}
    assert ends["turn-left"][1, 3] > 0.5 and ends["turn-right"][1, 3] < -0.5 and abs(ends["drive"][1, 3]) < 1e-9
    assert ends["turn-left"][1, 2] > 0.2 and ends["turn-right"][1, 2] < -0.2  # and look there


@pytest.mark.parametrize("ahead_m", [2.0, 5.0, 9.0, 30.0])
def test_drives_stop_behind_what_stands_in_the_way(ahead_m):
    labels_XYZ = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    wall = int(STREET_GRID.index_from_metres(np.array([[ahead_m, 0.0, 0.0]]))[0, 0])
    scene = Scene(labels_XYZ, STREET_GRID, SEMANTIC_KITTI)
    labels_XYZ[:, :, 0] = SEMANTIC_KITTI.id_of("road")
    labels_XYZ[:, :, 2:] = UNKNOWN  # which is in no way
    free = camera_path("drive", street_camera(), 9, STREET_GRID)
    assert same(camera_path("drive", street_camera(), 9, STREET_GRID, scene), free)
    labels_XYZ[wall, :, :16] = SEMANTIC_KITTI.id_of("car")
    path = camera_path("drive", street_camera(), 9, STREET_GRID, scene)
    way_m = np.array([c.grid_from_camera_44[0, 3] for c in path.cameras])
    front_m = way_m[-1] + 2.5
    assert np.allclose(np.diff(way_m), way_m[1] - way_m[0]) and 0.0 <= way_m[1] - way_m[0] <= 0.8
    if ahead_m == 30.0:
        assert same(path, free)
    elif ahead_m == 2.0:
        assert way_m[0] == way_m[-1]  # it stands there already
    else:
        assert ahead_m - 9 * 0.05 - 0.3 <= front_m <= ahead_m
    orbit = camera_path("orbit", street_camera(), 9, STREET_GRID, scene)
    assert same(orbit, camera_path("orbit", street_camera(), 9, STREET_GRID))


def same(one: CameraPath, other: CameraPath) -> bool:
    pairs = zip(one.cameras, other.cameras, strict=True)
    return all(np.array_equal(a.camera_from_grid_44, b.camera_from_grid_44) for a, b in pairs)


def test_a_path_from_a_file_is_taken_in_order(tmp_path):
    made = camera_path("turn-left", street_camera((24, 40)), 5, STREET_GRID)
    file = tmp_path / "cameras.json"
    file.write_text(json.dumps({"cameras": [c.to_dict() for c in made.cameras]}))
    read = camera_path(str(file), street_camera((48, 80)), 3, STREET_GRID).cameras
    assert len(read) == 3 and len(read_path(file).cameras) == 5
    for a, b in zip(read, made.cameras, strict=False):
        assert np.array_equal(a.camera_from_grid_44, b.camera_from_grid_44)
        assert a.size_HW == (48, 80) and np.allclose(a.K_33, b.resized((48, 80)).K_33)


def test_paths_that_cannot_be(tmp_path):
    lens, file = street_camera((24, 40)), tmp_path / "cameras.json"

    def refused(says, kind="drive", frames=1):
        with pytest.raises(InputError, match=says):
            camera_path(kind, lens, frames, STREET_GRID)

    refused("--frames: expected 1 to 1000, got 0", frames=0)
    refused("--frames: expected 1 to 1000, got 1001", frames=1001)
    refused("frame 64 stands at x = 51.5 m", frames=65)
    refused("outside the grid", "turn-right", 60)
    refused("expected drive, turn-left, turn-right, orbit or a JSON file", "nowhere")
    for content in ("{", "[]", "{}", '{"cameras": []}', '{"cameras": [1]}', '{"cameras": [{}]}'):
        file.write_text(content)
        refused("expected", str(file))
    broken = lens.to_dict() | {"K_33": "wide"}
    file.write_text(json.dumps({"cameras": [broken]}))
    refused("expected numbers in K_33", str(file))
    file.write_text(json.dumps({"cameras": [lens.to_dict()]}))
    refused("expected 2 cameras for --frames 2, got 1", str(file), 2)
