"""nuScenes' own JSON tables: which picture goes with a sample, and the camera in the frame of its voxels.

    ROOT/v1.0-{trainval,mini,test}/{scene,sample,sample_data,sensor,calibrated_sensor,ego_pose}.json

Each table is read once, record by record, and only what the key frames of one camera and of the LiDAR need is kept:
the tables of the whole dataset are gigabytes. Rotations are quaternions (w, x, y, z), translations metres:

    camera_from_grid = ego_from_camera^-1 global_from_ego(camera)^-1 global_from_ego(LiDAR) ego_from_grid

for the vehicle moves between the LiDAR's time and the camera's. `ego_from_grid` is 1 where the grid frame is the ego
frame, and ego_from_lidar where it is the LiDAR's, whose axes are right, forward, up and are turned as in `_axes`.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.data._axes import FROM_RFU_33
from occforge.data._images import read_image
from occforge.data.check import check_view

GridFrame = Literal["lidar", "ego"]

LIDAR = "LIDAR_TOP"
CAMERAS = ("CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_BACK_RIGHT")

SPLITS = ("train", "val")
PUBLISHED_FRAMES = {"train": 28130, "val": 6019}

_VAL_RANGES = (
    (3, 3), (12, 18), (35, 36), (38, 39), (92, 110), (221, 221), (268, 278), (329, 332), (344, 346), (519, 524),
    (552, 565), (625, 627), (629, 630), (632, 638), (770, 771), (775, 775), (777, 778), (780, 784), (794, 800),
    (802, 802), (904, 917), (919, 931), (962, 963), (966, 969), (971, 972), (1059, 1073),
)  # fmt: skip
"""First and last number of the 150 validation scenes; every other labelled scene trains."""
_MINI_VAL = (103, 916)

_FIELDS: dict[str, tuple[str, ...]] = {
    "scene": ("token", "name"),
    "sample": ("token", "scene_token"),
    "sensor": ("token", "channel"),
    "calibrated_sensor": ("token", "sensor_token", "translation", "rotation", "camera_intrinsic"),
    "sample_data": (
        "token", "sample_token", "ego_pose_token", "calibrated_sensor_token", "is_key_frame", "filename", "height",
        "width",
    ),
    "ego_pose": ("token", "translation", "rotation"),
}  # fmt: skip


@dataclass(frozen=True)
class KeyFrame:
    """What one sensor recorded at a sample: its file, its pose and the vehicle's at that moment."""

    token: str
    filename: str
    size_HW: tuple[int, int]
    K_33: NDArray[np.float64]
    ego_from_sensor_44: NDArray[np.float64]
    global_from_ego_44: NDArray[np.float64]


@dataclass(frozen=True)
class Tables:
    """Key frames by sample token, of one camera (`views`) and of the LiDAR (`scans`); scene names by scene token."""

    folder: Path
    scene_name: dict[str, str]
    scene_of_sample: dict[str, str]
    views: dict[str, KeyFrame]
    scans: dict[str, KeyFrame]

    def camera(self, sample_token: str, grid: GridFrame) -> Camera:
        """The camera of a sample in the frame of its voxels."""
        view, scan = self.views[sample_token], self.scans[sample_token]
        ego_from_grid_44 = np.eye(4)
        if grid == "lidar":
            ego_from_grid_44 = scan.ego_from_sensor_44.copy()
            ego_from_grid_44[:3, :3] = ego_from_grid_44[:3, :3] @ FROM_RFU_33.T
        global_from_grid_44 = scan.global_from_ego_44 @ ego_from_grid_44
        global_from_camera_44 = view.global_from_ego_44 @ view.ego_from_sensor_44
        camera_from_grid_44 = np.linalg.inv(global_from_camera_44) @ global_from_grid_44
        return Camera(view.K_33, np.asarray(camera_from_grid_44, np.float64), view.size_HW)

    def view(self, path: Path, sample_token: str | None, grid: GridFrame) -> tuple[NDArray[np.uint8], Camera]:
        """Picture and camera of the sample whose voxels are at `path`.

        Raises `InputError` if the tables do not know it, or if the picture is missing, unreadable or of another size.
        """
        if sample_token not in self.views or sample_token not in self.scans:
            raise InputError(
                f"{path}: expected its LiDAR scan and its picture in {self.folder}/sample_data.json, found none; take "
                "tables and voxels of one release"
            )
        image_path = self.folder.parent / self.views[sample_token].filename
        camera = self.camera(sample_token, grid)
        image_HW3 = read_image(image_path)
        check_view(image_path, image_HW3, camera)
        return image_HW3, camera

    @cached_property
    def sample_of_scan(self) -> dict[str, str]:
        """Sample tokens by the token of the LiDAR's key frame."""
        return {scan.token: sample for sample, scan in self.scans.items()}

    def check_complete(self, split: str, files: Callable[[str, str], tuple[Path, Path]]) -> None:
        """Raise `InputError` if a scene of `split` has some of its voxel files and lacks others.

        `files(scene_token, sample_token)` gives the scene's folder and the sample's file.
        """
        missing = []
        for sample_token in self.scans:
            scene_token = self.scene_of_sample.get(sample_token, "")
            if in_split(self.scene_name.get(scene_token, ""), split, self.folder):
                scene_folder, path = files(scene_token, sample_token)
                if scene_folder.is_dir() and not path.is_file():
                    missing.append(path)
        if missing:
            raise InputError(
                f"{missing[0]}: expected voxels of every key frame, found none of this and of {len(missing) - 1} more; "
                "copy the scene's folder again"
            )


def find_tables(root: Path) -> Path:
    """The folder of tables under `root` or `root`/nuscenes, the whole dataset's before the mini set's."""
    for base in (root, root / "nuscenes"):
        for version in ("v1.0-trainval", "v1.0-mini"):
            if (base / version).is_dir():
                return base / version
    raise InputError(
        f"expected nuScenes' tables in {root}/v1.0-trainval (or v1.0-mini, or below {root}/nuscenes), found none; "
        "unpack nuScenes' metadata archive there"
    )


def in_split(scene_name: str, split: str, tables: Path) -> bool:
    """Whether a scene belongs to `split`, by nuScenes' own lists; raises `InputError` if there is no such split.

    The mini set, which the name of the folder `tables` tells, has a list of its own.
    """
    if split not in SPLITS:
        raise InputError(f"nuScenes: expected split train or val (test has no labels), got '{split}'; name one of them")
    digits = scene_name.removeprefix("scene-")
    if not digits.isdecimal():
        return False
    number = int(digits)
    if tables.name == "v1.0-mini":
        return (number in _MINI_VAL) == (split == "val")
    return any(first <= number <= last for first, last in _VAL_RANGES) == (split == "val")


def read_scenes(folder: Path) -> dict[str, str]:
    """Scene names by token."""
    return {record["token"]: record["name"] for record in _records(folder, "scene")}


def read_tables(folder: Path, camera: str) -> Tables:
    """Every table that pictures need; raises `InputError` naming the table if one is missing or malformed."""
    if camera not in CAMERAS:
        raise InputError(f"nuScenes camera: expected one of {', '.join(CAMERAS)}, got '{camera}'; name one of them")
    scene_name = read_scenes(folder)
    scene_of_sample = {record["token"]: record["scene_token"] for record in _records(folder, "sample")}
    channel = {record["token"]: record["channel"] for record in _records(folder, "sensor")}
    sensors = {
        record["token"]: record
        for record in _records(folder, "calibrated_sensor")
        if channel.get(record["sensor_token"]) in (camera, LIDAR)
    }
    data = [
        record
        for record in _records(folder, "sample_data")
        if record["is_key_frame"] and record["calibrated_sensor_token"] in sensors
    ]
    wanted = {record["ego_pose_token"] for record in data}
    poses = {record["token"]: record for record in _records(folder, "ego_pose") if record["token"] in wanted}
    views: dict[str, KeyFrame] = {}
    scans: dict[str, KeyFrame] = {}
    for record in data:
        sensor = sensors[record["calibrated_sensor_token"]]
        if record["ego_pose_token"] not in poses:
            raise InputError(
                f"{folder / 'ego_pose.json'}: expected the pose {record['ego_pose_token']} of {record['filename']}, "
                "found none; take all tables from one archive"
            )
        is_camera = channel[sensor["sensor_token"]] == camera
        (views if is_camera else scans)[record["sample_token"]] = KeyFrame(
            record["token"],
            record["filename"],
            (record["height"], record["width"]),
            _matrix(folder / "calibrated_sensor.json", sensor["camera_intrinsic"]) if is_camera else np.eye(3),
            _rigid(folder / "calibrated_sensor.json", sensor),
            _rigid(folder / "ego_pose.json", poses[record["ego_pose_token"]]),
        )
    return Tables(folder, scene_name, scene_of_sample, views, scans)


def _records(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    """The records of a table, one at a time."""
    path = folder / f"{table}.json"
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a nuScenes table, cannot read it ({error}); copy it there") from error
    between: Callable[[str, int], Any] = re.compile(r"[\s,]*").match
    decode = json.JSONDecoder().raw_decode
    position = between(text, 0).end()
    if text[position : position + 1] != "[":
        raise InputError(f"{path}: expected a JSON list of records, got {text[:20]!r}; copy the table again")
    position = between(text, position + 1).end()
    while text[position : position + 1] != "]":
        try:
            record, position = decode(text, position)
            missing = [field for field in _FIELDS[table] if field not in record]
        except (json.JSONDecodeError, TypeError) as error:
            raise InputError(f"{path}: expected a JSON list of records ({error}); copy the table again") from error
        if missing:
            raise InputError(f"{path}: expected records with {', '.join(missing)}, got one without; copy it again")
        yield record
        position = between(text, position).end()


def _matrix(path: Path, value: Any) -> NDArray[np.float64]:
    try:
        matrix = np.asarray(value, float)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)) or abs(np.linalg.det(matrix)) < 1e-9:
        raise InputError(f"{path}: expected a 3x3 camera_intrinsic, got {value}; copy the table again")
    return matrix


def _rigid(path: Path, record: dict[str, Any]) -> NDArray[np.float64]:
    """The transform of a record: parent_from_child (4, 4) of its unit quaternion and translation."""
    try:
        w, x, y, z = (float(number) for number in record["rotation"])
        t_3 = np.array([float(number) for number in record["translation"]])
    except (TypeError, ValueError):
        w = x = y = z = np.nan
        t_3 = np.zeros(0)
    if not abs(w * w + x * x + y * y + z * z - 1) < 1e-3 or t_3.shape != (3,) or not np.all(np.isfinite(t_3)):
        raise InputError(
            f"{path}: record {record['token']}: expected a unit quaternion and three metres, got {record['rotation']} "
            f"and {record['translation']}; copy the table again"
        )
    pose_44 = np.eye(4)
    pose_44[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose_44[:3, 3] = t_3
    return pose_44
