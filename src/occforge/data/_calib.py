"""KITTI's text files beside the frames: `calib.txt` (cameras) and `poses.txt` (where the vehicle was).

`P2` (3x4) projects rectified camera-0 coordinates into the left colour image; `Tr` (3x4) is camera0_from_lidar.
P2 = K [I | K^-1 p4] with p4 = P2[:, 3], so the colour camera sits at camera0 shifted by t = K^-1 p4 and

    camera_from_grid = [R | T + K^-1 p4]   with Tr = [R | T].

Paper: peers project with K and Tr alone. Here: the fourth column is kept. Because: leaving it out moves pixels by
1 px in the median and by hundreds of pixels near the camera.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.files import write_text


@dataclass(frozen=True)
class Calibration:
    """`P2_34` in pixels (fourth column pixel metres) and `Tr_34`, rigid, in metres."""

    P2_34: NDArray[np.float64]
    Tr_34: NDArray[np.float64]

    def camera(self, size_HW: tuple[int, int]) -> Camera:
        """The left colour camera for an image of `size_HW`; the grid frame is the LiDAR frame."""
        K_33 = self.P2_34[:, :3]
        camera_from_grid_44 = np.eye(4)
        camera_from_grid_44[:3] = self.Tr_34
        camera_from_grid_44[:3, 3] += np.linalg.solve(K_33, self.P2_34[:, 3])
        return Camera(K_33, camera_from_grid_44, size_HW)

    @staticmethod
    def from_camera(camera: Camera) -> "Calibration":
        """The calibration that `camera()` turns back into the same camera: P2 = [K | 0], Tr = camera_from_grid."""
        return Calibration(np.hstack([camera.K_33, np.zeros((3, 1))]), camera.camera_from_grid_44[:3].copy())


def read_calib(path: Path) -> Calibration:
    """P2 and Tr of a `calib.txt`; raises `InputError` if the file, one of the two or a number is missing."""
    rows = read_rows(path)
    for key in ("P2", "Tr"):
        if key not in rows:
            hint = (
                "some copies of calib.txt lack it: take the file from SemanticKITTI's own calibration archive"
                if key == "Tr"
                else "take the file from KITTI odometry's calibration archive"
            )
            raise InputError(f"{path}: expected a line '{key}: ' with 12 numbers, got {sorted(rows)}; {hint}")
    P2_34, Tr_34 = (_parse_34(path, key, rows[key]) for key in ("P2", "Tr"))
    if abs(np.linalg.det(P2_34[:, :3])) < 1e-9:
        raise InputError(f"{path}: P2 is singular, so it is no camera matrix; copy the file again")
    return Calibration(P2_34, Tr_34)


def read_rows(path: Path) -> dict[str, str]:
    """The lines `key: values` of a calibration file."""
    rows: dict[str, str] = {}
    for line in read_text(path, "calibration").splitlines():
        key, colon, values = line.partition(":")
        if colon:
            rows[key.strip()] = values
    return rows


def write_calib(path: Path, calibration: Calibration) -> None:
    """Write `calib.txt` with P0 to P3 and Tr; numbers have 17 digits, so `read_calib` gives the same bits.

    Only the left colour camera exists here: P0, P1 and P3 repeat P2 for loaders that want all four lines.
    """
    rows = [("P0", calibration.P2_34), ("P1", calibration.P2_34), ("P2", calibration.P2_34), ("P3", calibration.P2_34)]
    lines = [f"{key}: {_format_34(value)}\n" for key, value in [*rows, ("Tr", calibration.Tr_34)]]
    write_text(path, "".join(lines))


def ensure_calib(path: Path, camera: Camera) -> None:
    """Write `camera` as `calib.txt`, or raise `InputError` if the file there holds another camera."""
    if not path.is_file():
        write_calib(path, Calibration.from_camera(camera))
        return
    present = read_calib(path).camera(camera.size_HW)
    if not (
        np.allclose(present.K_33, camera.K_33, rtol=1e-9, atol=1e-9)
        and np.allclose(present.camera_from_grid_44, camera.camera_from_grid_44, rtol=1e-9, atol=1e-9)
    ):
        raise InputError(
            f"{path} holds another camera than this frame's: a sequence has one calibration; write to another sequence"
        )


def read_poses(path: Path) -> NDArray[np.float64]:
    """`poses.txt`: (N, 4, 4), line n is first_from_n of camera 0, rigid, in metres."""
    lines = [line for line in read_text(path, "poses").splitlines() if line.strip()]
    poses_N44 = np.tile(np.eye(4), (len(lines), 1, 1))
    for n, line in enumerate(lines):
        poses_N44[n, :3] = _parse_34(path, f"line {n + 1}", line)
    return poses_N44


def write_poses(path: Path, poses_N44: NDArray[np.float64]) -> None:
    """Inverse of `read_poses`, to the bit."""
    write_text(path, "".join(f"{_format_34(pose_44[:3])}\n" for pose_44 in poses_N44))


def read_text(path: Path, content: str) -> str:
    """The text of `path`; raises `InputError` naming its `content` if it cannot be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a {content} text file, cannot read it ({error}); copy it there") from error


def _parse_34(path: Path, what: str, text: str) -> NDArray[np.float64]:
    return parse_numbers(path, what, text, 12).reshape(3, 4)


def parse_numbers(path: Path, what: str, text: str, count: int) -> NDArray[np.float64]:
    """`count` finite numbers (count,) in `text`; raises `InputError` naming `path` and `what` they are."""
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise InputError(f"{path}: {what}: expected {count} numbers, {error}; copy the file again") from error
    if values.size != count or not np.all(np.isfinite(values)):
        raise InputError(f"{path}: {what}: expected {count} finite numbers, got {values.size}; copy the file again")
    return values


def _format_34(value_34: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.16e}" for value in value_34.ravel())
