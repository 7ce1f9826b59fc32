"""Checking a copy: clean trees say so, every fault is one line that names its file, and one frame is drawn."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occforge.core.camera import Camera, look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, Scene
from occforge.core.taxonomy import CARLA_SC, NYUV2, SEMANTIC_KITTI
from occforge.data import carla_sc, nyuv2, semantic_kitti
from occforge.data.check import check_dataset, checkable_names, draw_frame
from occforge.render.picture import save_rgb

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nuscenes_tree import SIZE_HW as NUSCENES_HW
from nuscenes_tree import write_nuscenes, write_occ3d, write_occupancy

SIZE_HW = (74, 244)


def street() -> Scene:
    labels_XYZ = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    labels_XYZ[:, :, 1] = SEMANTIC_KITTI.id_of("road")
    labels_XYZ[40:60, 120:130, 2:9] = SEMANTIC_KITTI.id_of("car")
    return Scene(labels_XYZ, STREET_GRID, SEMANTIC_KITTI)


def kitti(root: Path) -> None:
    for frame in (0, 5):
        image = np.full((*SIZE_HW, 3), 90, np.uint8)
        semantic_kitti.write_frame(root, "00", frame, street(), image, street_camera(SIZE_HW))
    folder = root / "dataset" / "sequences" / "00"
    semantic_kitti.write_poses(folder / "poses.txt", np.tile(np.eye(4), (6, 1, 1)))


def carla(root: Path) -> None:
    labels_XYZ = np.zeros((128, 128, 8), np.uint8)
    labels_XYZ[:, :, 0] = CARLA_SC.id_of("road")
    for frame in (0, 1):
        carla_sc.write_frame(root, "Town01_Light", frame, Scene(labels_XYZ, carla_sc.COARSE_GRID, CARLA_SC))


def nyu(root: Path) -> None:
    grid = nyuv2.GRIDS["fine"]
    labels_XYZ = np.zeros(grid.shape_XYZ, np.uint8)
    labels_XYZ[200:204] = NYUV2.id_of("wall")
    pose = look_camera((0.0, 0.0, 1.2), 1.0, nyuv2.SIZE_HW).camera_from_grid_44
    image, depth = np.full((480, 640, 3), 90, np.uint8), np.full((480, 640), 4.0, np.float32)
    camera = Camera(nyuv2.K_33, pose, nyuv2.SIZE_HW)
    nyuv2.write_frame(root, "train", 1, Scene(labels_XYZ, grid, NYUV2), image, depth, camera)


def kitti360(root: Path) -> None:
    folder = root / "data_2d_raw" / "2013_05_28_drive_0006_sync"
    (folder / "voxels").mkdir(parents=True)
    np.full(STREET_GRID.shape_XYZ, 40, "<u2").tofile(folder / "voxels" / "000000.label")
    np.zeros(STREET_GRID.shape_XYZ, np.uint8).tofile(folder / "voxels" / "000000.invalid")
    save_rgb(folder / "image_00" / "data_rect" / "000000.png", np.full((376, 1408, 3), 90, np.uint8))


def nuscenes(root: Path) -> None:
    write_nuscenes(root, {"a": "scene-0001", "b": "scene-0001"})
    for token in ("a", "b"):
        write_occupancy(root, token, "scene-0001", np.array([[23, 306, 256, 4]]))


def occ3d(root: Path) -> None:
    write_nuscenes(root, {"a": "scene-0001"})
    write_occ3d(root, "a", "scene-0001")


TREES: dict[str, Callable[[Path], None]] = {
    "semantic_kitti": kitti,
    "carla_sc": carla,
    "nyuv2": nyu,
    "kitti360": kitti360,
    "nuscenes_occ": nuscenes,
    "occ3d": occ3d,
}
FRAMES = {"semantic_kitti": 2, "carla_sc": 2, "nyuv2": 1, "kitti360": 1, "nuscenes_occ": 2, "occ3d": 1}

FAULTS: list[tuple[str, str, bytes | None, str]] = [
    # dataset, file, its new content (None removes it, b"" cuts it), what the line says
    ("semantic_kitti", "000005.label", b"", "expected 4194304 bytes"),
    ("semantic_kitti", "000005.invalid", b"", "expected 262144 bytes"),
    ("semantic_kitti", "000000.bin", None, "cannot read it"),
    ("semantic_kitti", "000000.occluded", b"", "expected 262144 bytes"),
    ("semantic_kitti", "000000.png", b"no picture", "expected a PNG or JPEG image"),
    ("semantic_kitti", "calib.txt", None, "expected a calibration text file"),
    ("semantic_kitti", "calib.txt", b"P2: " + b"1 " * 12 + b"\nTr: 0", "Tr: expected 12 finite numbers, got 1"),
    ("semantic_kitti", "poses.txt", b"1 0 0\n", "expected 12 finite numbers"),
    ("semantic_kitti", "poses.txt", b"1 0 0 0 0 1 0 0 0 0 1 0\n", "expected a pose for every scan to 000005, got 1"),
    ("carla_sc", "000001.label", b"", "expected 524288 bytes"),
    ("carla_sc", "000001.bin", None, "cannot read it"),
    ("carla_sc", "params.json", b"{}", "expected JSON with three grid_size"),
    ("nyuv2", "NYU0001_0000.bin", b"", "expected runs"),
    ("nyuv2", "NYU0001_0000.bin", None, "expected NYUv2 voxels"),
    ("nyuv2", "NYU0001_0000.png", None, "expected a 16-bit grey PNG"),
    ("nyuv2", "NYU0001_0000_color.jpg", None, "no image for frame"),
    ("kitti360", "000000.label", b"", "expected 4194304 bytes"),
    ("kitti360", "000000.invalid", None, "expected 262144 bytes"),
    ("kitti360", "000000.png", b"\x89PNG", "expected a PNG or JPEG image"),
    ("nuscenes_occ", "LIDAR_TOP-a.npy", b"", "expected a NumPy array"),
    ("nuscenes_occ", "LIDAR_TOP-b.npy", None, "expected voxels of every key frame, found none of this and of 0 more"),
    ("nuscenes_occ", "samples/CAM_FRONT/a.png", None, "expected a PNG or JPEG image"),
    ("nuscenes_occ", "ego_pose.json", b"[]", "expected the pose"),
    ("occ3d", "labels.npz", b"", "expected an archive of semantics"),
    ("occ3d", "sensor.json", None, "expected a nuScenes table"),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One whole tree of every dataset; not to be changed."""
    roots = {name: tmp_path_factory.mktemp(name) for name in TREES}
    for name, write in TREES.items():
        write(roots[name])
    return roots


def test_every_dataset_on_disk_can_be_checked() -> None:
    assert checkable_names() == sorted(TREES)


@pytest.mark.parametrize("name", TREES)
def test_a_whole_copy_is_all_well(clean: dict[str, Path], name: str) -> None:
    lines: list[str] = []
    report = check_dataset(name, clean[name], found=lines.append)
    assert lines == [] and report.findings == () and sum(report.frames.values()) == FRAMES[name]
    assert report.summary().endswith("checks, all well") and "\n" not in report.summary()
    drawn = draw_frame(name, clean[name])
    assert drawn is not None and drawn[1].dtype == np.uint8 and drawn[1].ndim == 3
    assert (drawn[1].std() > 0.5) == (name != "occ3d")  # whose one frame is empty, its picture grey


@pytest.mark.parametrize(("name", "file", "content", "says"), FAULTS, ids=lambda value: str(value)[:40])
def test_every_fault_is_one_line(
    clean: dict[str, Path], tmp_path: Path, name: str, file: str, content: bytes | None, says: str
) -> None:
    for path in clean[name].rglob("*"):  # links, but for the one file
        if path.is_file():
            copy = tmp_path / path.relative_to(clean[name])
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not str(path).endswith(f"/{file}"):
                copy.symlink_to(path)
            elif content is not None:
                copy.write_bytes(content or path.read_bytes()[:-7])
    lines: list[str] = []
    report = check_dataset(name, tmp_path, found=lines.append)
    mine = [line for line in lines if says in line]
    assert len(mine) == 1 and Path(file).stem.removesuffix("_color") in mine[0], lines
    assert tuple(lines) == report.findings and all("\n" not in line for line in lines)
    assert report.summary().endswith(f"{len(lines)} at fault")


def test_a_picture_of_another_camera_is_named(tmp_path: Path) -> None:
    kitti(tmp_path)
    save_rgb(tmp_path / "dataset" / "sequences" / "00" / "image_2" / "000005.png", np.zeros((20, 60, 3), np.uint8))
    (line,) = check_dataset("semantic_kitti", tmp_path, "train", found=lambda line: None).findings
    assert "000005.png: expected the calibration's principal point (122, 37) near the middle of its image" in line


def test_nothing_there_and_bad_arguments(tmp_path: Path, clean: dict[str, Path]) -> None:
    for name in TREES:
        report = check_dataset(name, tmp_path, found=lambda line: None)
        assert len(report.findings) >= 1 and str(tmp_path) in report.findings[0] and draw_frame(name, tmp_path) is None
    for arguments, says in [
        (("procedural", tmp_path), "no dataset 'procedural' to check; expected one of carla_sc, "),
        (("occ3d", tmp_path / "nowhere"), "expected the folder of occ3d at .*nowhere, found none"),
        (("kitti360", tmp_path, "dev"), "kitti360: expected a split of train, val, test, got 'dev'"),
    ]:
        with pytest.raises(InputError, match=says):
            check_dataset(*arguments)


def test_sizes_of_the_picture(clean: dict[str, Path]) -> None:
    for name, size_HW in [("semantic_kitti", SIZE_HW), ("nuscenes_occ", NUSCENES_HW), ("carla_sc", (256, 256))]:
        drawn = draw_frame(name, clean[name])
        assert drawn is not None and drawn[1].shape == (*size_HW, 3)
