"""How a scene is seen: pinhole cameras and paths of them.

Camera axes are OpenCV's (x right, y down, z forward); pixel (0, 0) has its centre at (0.5, 0.5).
Transforms read `target_from_source`. The grid frame is metric (x forward, y left, z up).
"""

import json
import math
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN

CAMERA_FROM_EGO_33 = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Rotation from forward-left-up to right-down-forward."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: `K_33` in pixels, `camera_from_grid_44` rigid in metres, `size_HW` in pixels."""

    K_33: NDArray[np.float64]
    camera_from_grid_44: NDArray[np.float64]
    size_HW: tuple[int, int]

    def __post_init__(self) -> None:
        if self.K_33.shape != (3, 3) or self.camera_from_grid_44.shape != (4, 4):
            raise InputError(
                f"camera: expected K (3, 3) and camera_from_grid (4, 4), got {self.K_33.shape} and "
                f"{self.camera_from_grid_44.shape}"
            )
        if not np.all(np.isfinite(self.K_33)) or abs(np.linalg.det(self.K_33)) < 1e-9:
            raise InputError("camera: K is singular or not finite; check focal lengths and principal point")
        if not np.allclose(self.K_33[2], (0.0, 0.0, 1.0)) or min(self.K_33[0, 0], self.K_33[1, 1]) <= 0:
            raise InputError(
                "camera: expected positive focal lengths and the last row of K 0 0 1, got a diagonal of "
                f"{_numbers(np.diag(self.K_33))} and a last row of {_numbers(self.K_33[2])}; is K transposed?"
            )
        pose_44 = self.camera_from_grid_44
        if not is_rigid(pose_44):
            raise InputError(
                "camera: expected camera_from_grid to be a rotation and a shift with the last row 0 0 0 1, got the "
                f"rows {'; '.join(_numbers(row) for row in pose_44)}; is it transposed or scaled?"
            )
        if min(self.size_HW) < 1:
            raise InputError(f"camera: expected a positive image size (H, W), got {self.size_HW}")

    @property
    def grid_from_camera_44(self) -> NDArray[np.float64]:
        """Inverse of `camera_from_grid_44`."""
        return np.asarray(np.linalg.inv(self.camera_from_grid_44), np.float64)

    def project(self, point_N3_m: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Grid-frame points (N, 3) in metres to pixels (N, 2) as (u, v) and depths (N,) along the optical axis.

        Points at or behind the camera have depth <= 0 and meaningless pixels.
        """
        R, t = self.camera_from_grid_44[:3, :3], self.camera_from_grid_44[:3, 3]
        point_camera_N3 = np.asarray(point_N3_m) @ R.T + t
        uvw_N3 = point_camera_N3 @ self.K_33.T
        depth_N = point_camera_N3[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            return uvw_N3[:, :2] / uvw_N3[:, 2:], depth_N

    def unproject(self, pixel_N2: NDArray[np.floating], depth_N_m: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (N, 2) and depths along the optical axis (N,) to grid-frame points (N, 3) in metres."""
        pixel_N3 = np.concatenate([pixel_N2, np.ones((len(pixel_N2), 1))], axis=1)
        point_camera_N3 = pixel_N3 @ np.linalg.inv(self.K_33).T
        point_camera_N3 *= (np.asarray(depth_N_m) / point_camera_N3[:, 2])[:, None]
        inverse = self.grid_from_camera_44
        return point_camera_N3 @ inverse[:3, :3].T + inverse[:3, 3]

    def resized(self, size_HW: tuple[int, int]) -> "Camera":
        """The same camera with another image size: only K scales."""
        scale_v, scale_u = size_HW[0] / self.size_HW[0], size_HW[1] / self.size_HW[1]
        return Camera(np.diag([scale_u, scale_v, 1.0]) @ self.K_33, self.camera_from_grid_44, size_HW)

    def cropped(self, top_left: tuple[float, float], size_HW: tuple[int, int]) -> "Camera":
        """The camera of the part of its image that begins at `top_left` (row, column) and has `size_HW`."""
        shift_33 = np.array([[1.0, 0.0, -top_left[1]], [0.0, 1.0, -top_left[0]], [0.0, 0.0, 1.0]])
        return Camera(shift_33 @ self.K_33, self.camera_from_grid_44, size_HW)

    def mirrored(self, centre_y_m: float) -> "Camera":
        """What sees the scene mirrored at the plane y = `centre_y_m` as this camera's image, flipped left to right."""
        flip_camera_44, flip_grid_44 = np.diag([-1.0, 1.0, 1.0, 1.0]), np.diag([1.0, -1.0, 1.0, 1.0])
        flip_grid_44[1, 3] = 2.0 * centre_y_m
        flip_pixel_33 = np.array([[-1.0, 0.0, self.size_HW[1]], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        K_33 = flip_pixel_33 @ self.K_33 @ flip_camera_44[:3, :3]
        return Camera(K_33, flip_camera_44 @ self.camera_from_grid_44 @ flip_grid_44, self.size_HW)

    def moved(self, position_m: tuple[float, float, float], yaw_rad: float = 0.0) -> "Camera":
        """The camera carried by a vehicle that moved by `position_m` and turned left by `yaw_rad` in the grid frame."""
        c, s = math.cos(yaw_rad), math.sin(yaw_rad)
        grid_from_ego = np.eye(4)
        grid_from_ego[:2, :2] = [[c, -s], [s, c]]
        grid_from_ego[:3, 3] = position_m
        return Camera(self.K_33, self.camera_from_grid_44 @ np.linalg.inv(grid_from_ego), self.size_HW)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `from_dict` reads it back."""
        return {
            "K_33": self.K_33.tolist(),
            "camera_from_grid_44": self.camera_from_grid_44.tolist(),
            "size_HW": list(self.size_HW),
        }

    @staticmethod
    def from_dict(value: dict[str, Any]) -> "Camera":
        """Inverse of `to_dict`; raises `InputError` if a field is missing or holds no numbers."""
        missing = {"K_33", "camera_from_grid_44", "size_HW"} - value.keys()
        if missing:
            raise InputError(f"camera: expected the fields K_33, camera_from_grid_44, size_HW; missing {missing}")
        try:
            height, width = (operator.index(n) for n in value["size_HW"])
            K_33, pose_44 = np.array(value["K_33"], float), np.array(value["camera_from_grid_44"], float)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"camera: expected numbers in K_33 and camera_from_grid_44 and two whole ones in size_HW ({error})"
            ) from error
        return Camera(K_33, pose_44, (height, width))


def is_rigid(pose_44: NDArray[np.floating]) -> bool:
    """Whether a finite (4, 4) is a rotation and a shift, as nearly as single precision writes one."""
    R_33 = pose_44[:3, :3]
    turns = np.allclose(R_33 @ R_33.T, np.eye(3), atol=1e-3) and np.linalg.det(R_33) > 0
    return bool(np.all(np.isfinite(pose_44)) and turns and np.allclose(pose_44[3], (0, 0, 0, 1), atol=1e-6))


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{v:.4g}" for v in values)


def look_camera(
    position_m: tuple[float, float, float],
    fov_x_rad: float,
    size_HW: tuple[int, int],
    yaw_rad: float = 0.0,
    pitch_rad: float = 0.0,
) -> Camera:
    """A camera at `position_m` that looks along +x, turned left by yaw, then nose down by pitch."""
    H, W = size_HW
    f = 0.5 * W / math.tan(0.5 * fov_x_rad)
    K_33 = np.array([[f, 0.0, 0.5 * W], [0.0, f, 0.5 * H], [0.0, 0.0, 1.0]])
    cy, sy, cp, sp = math.cos(yaw_rad), math.sin(yaw_rad), math.cos(pitch_rad), math.sin(pitch_rad)
    yaw_33 = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    pitch_33 = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    camera_from_grid_44 = np.eye(4)
    camera_from_grid_44[:3, :3] = CAMERA_FROM_EGO_33 @ (yaw_33 @ pitch_33).T
    camera_from_grid_44[:3, 3] = -camera_from_grid_44[:3, :3] @ np.asarray(position_m)
    return Camera(K_33, camera_from_grid_44, size_HW)


def street_camera(size_HW: tuple[int, int] = (192, 640)) -> Camera:
    """A camera like SemanticKITTI's left colour camera: 0.27 m ahead of and 0.08 m below the LiDAR, 82 degrees."""
    return look_camera((0.27, 0.0, -0.08), math.radians(82.0), size_HW)


@dataclass(frozen=True)
class CameraPath:
    """Cameras in the order in which they see one scene."""

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        if not self.cameras:
            raise InputError("camera path: expected at least one camera, got none")


STEP_M = 0.8
"""Way of a drive from frame to frame."""


def drive_path(camera: Camera, frames: int, step_m: float = STEP_M, curvature_per_m: float = 0.0) -> CameraPath:
    """`camera` carried forward by `step_m` a frame along an arc that turns left with `curvature_per_m`."""
    if frames < 1:
        raise InputError(f"camera path: expected at least 1 frame, got {frames}")
    cameras = []
    for i in range(frames):
        s, yaw = i * step_m, i * step_m * curvature_per_m
        if abs(curvature_per_m) < 1e-9:
            x, y = s, 0.0
        else:
            x, y = math.sin(yaw) / curvature_per_m, (1.0 - math.cos(yaw)) / curvature_per_m
        cameras.append(camera.moved((x, y, 0.0), yaw))
    return CameraPath(tuple(cameras))


PATHS = ("drive", "turn-left", "turn-right", "orbit")
"""Kinds of `camera_path` that need no file."""
TURN_PER_M = 0.04
"""Curvature of the turning paths: a street corner taken in a radius of 25 m."""
MOST_FRAMES = 1000
BODY_M = ((-0.9, 0.9), (-0.2, 1.1), (0.0, 2.5))
"""Where a car is around its camera, right, down and forward; below lie its clearance and kerbs."""


def camera_path(kind: str, camera: Camera, frames: int, grid: GridSpec, scene: Scene | None = None) -> CameraPath:
    """`frames` cameras with the picture size of `camera`, each within `grid` as seen from above.

    "drive" and the turns carry `camera` 0.8 m a frame, in a `scene` less if the car ran into something otherwise;
    "orbit" goes once around the grid, above it and looking at its middle; anything else is the path of a JSON file
    whose "cameras" (as `to_dict` has them) are taken in order. Raises `InputError` for a number of frames that cannot
    be, and where a camera would leave the grid.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise InputError(f"--frames: expected 1 to {MOST_FRAMES}, got {frames}")
    if kind == "orbit":
        path = orbit_path(camera, frames, grid)
    elif kind in PATHS:
        turn = {"drive": 0.0, "turn-left": TURN_PER_M, "turn-right": -TURN_PER_M}[kind]
        for step_m in np.linspace(STEP_M, 0.0, 17).tolist():
            path = drive_path(camera, frames, step_m, turn)
            if scene is None or is_clear(path, scene):
                break
    else:
        held = read_path(Path(kind))
        if frames > len(held.cameras):
            raise InputError(f"--path {kind}: expected {frames} cameras for --frames {frames}, got {len(held.cameras)}")
        path = CameraPath(tuple(c.resized(camera.size_HW) for c in held.cameras[:frames]))
    check_within(path, grid)
    return path


def is_clear(path: CameraPath, scene: Scene) -> bool:
    """Whether a car (`BODY_M`) with these cameras touches nothing that is known to be there, frame by frame."""
    axes = [np.arange(low, high + 1e-6, 0.1) for low, high in BODY_M]
    body_N3_m = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    for camera in path.cameras:
        pose_44 = camera.grid_from_camera_44
        index_N3 = np.floor(scene.grid.index_from_metres(body_N3_m @ pose_44[:3, :3].T + pose_44[:3, 3])).astype(int)
        index_N3 = index_N3[((index_N3 >= 0) & (index_N3 < scene.grid.shape_XYZ)).all(1)]
        if not np.isin(scene.labels_XYZ[tuple(index_N3.T)], (EMPTY, UNKNOWN)).all():
            return False
    return True


def orbit_path(camera: Camera, frames: int, grid: GridSpec) -> CameraPath:
    """Cameras with the lens of `camera` on a circle above `grid` that look at its middle; the first looks ahead."""
    if frames < 1:
        raise InputError(f"camera path: expected at least 1 frame, got {frames}")
    low_3, extent_3 = np.asarray(grid.origin_m), np.asarray(grid.extent_m)
    middle_3 = low_3 + extent_3 * (0.5, 0.5, 0.25)
    radius = 0.4 * float(min(extent_3[:2]))
    above = float(low_3[2] + extent_3[2] - middle_3[2]) + 0.25 * radius
    cameras = []
    for i in range(frames):
        yaw = 2.0 * math.pi * i / frames
        beside_3 = np.array([-radius * math.cos(yaw), -radius * math.sin(yaw), above])
        x, y, z = (middle_3 + beside_3).tolist()
        posed = look_camera((x, y, z), 1.0, camera.size_HW, yaw, math.atan2(above, radius))
        cameras.append(Camera(camera.K_33, posed.camera_from_grid_44, camera.size_HW))
    return CameraPath(tuple(cameras))


def read_path(file: Path) -> CameraPath:
    """The cameras of a JSON file with a list "cameras", such as every output folder's cameras.json."""
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        known = ", ".join(PATHS)
        raise InputError(f"--path {file}: expected {known} or a JSON file, cannot read it ({error})") from error
    cameras = value.get("cameras") if isinstance(value, dict) else None
    if not isinstance(cameras, list) or not cameras or not all(isinstance(c, dict) for c in cameras):
        raise InputError(f'--path {file}: expected {{"cameras": [...]}}, as cameras.json of any output has it')
    return CameraPath(tuple(Camera.from_dict(c) for c in cameras))


def check_within(path: CameraPath, grid: GridSpec) -> None:
    """Raise `InputError` unless every camera stands over `grid`, or at most a metre behind or right of it."""
    low_2 = np.asarray(grid.origin_m)[:2]
    high_2 = low_2 + np.asarray(grid.extent_m)[:2]
    for i, camera in enumerate(path.cameras):
        x, y = camera.grid_from_camera_44[:2, 3]
        if not (((x, y) >= low_2 - 1.0) & ((x, y) <= high_2)).all():
            raise InputError(
                f"camera path: frame {i} stands at x = {x:.1f} m, y = {y:.1f} m, outside the grid (x from {low_2[0]:g} "
                f"to {high_2[0]:g} m, y from {low_2[1]:g} to {high_2[1]:g} m); give fewer frames or another path"
            )
