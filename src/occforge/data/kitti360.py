"""SSCBench-KITTI-360: SemanticKITTI's packing under KITTI-360's folders, with its own classes, camera and splits.

    ROOT/data_2d_raw/2013_05_28_drive_00SS_sync/{image_00/data_rect/F.png, voxels/F.{bin,label,invalid}}
    ROOT/calibration/{perspective.txt, calib_cam_to_velo.txt}

F six digits. `.label` holds little-endian uint16 raw ids in C order over (256, 256, 32) = (x forward, y left, z up);
the grid frame is the LiDAR frame, the grid SemanticKITTI's. `.invalid` marks what no scan ever saw, one byte or one
bit a voxel; it is cleared where the raw label is not 0, so that it only ever hides empty voxels.

    camera_from_grid = R_rect_00 inverse(cam_to_velo),   K = P_rect_00[:, :3]

Paper: peers leave R_rect_00 out. Here: it is kept. Because: the pictures are rectified; it turns the camera by 0.45
degrees, 5 px at the edge of the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import KITTI360, UNKNOWN, Taxonomy
from occforge.data._binary import frame_stems, read_array, read_bits
from occforge.data._calib import parse_numbers, read_rows, read_text
from occforge.data._images import find_image, read_image
from occforge.data._rawlabels import RawLabels
from occforge.data.check import Check, check_view
from occforge.data.dataset import Sample

SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("00", "02", "03", "04", "05", "07", "10"),
    "val": ("06",),
    "test": ("09",),
}
LABELS = "[0-9]" * 6 + ".label"
PUBLISHED_FRAMES = {"train": 8487, "val": 1812, "test": 2566}

RAW_LABELS = RawLabels(
    "SSCBench-KITTI-360",
    KITTI360,
    {
        "empty": (0,),
        "car": (10, 252),
        "bicycle": (11,),
        "motorcycle": (15,),
        "truck": (18, 258),
        "other-vehicle": (20, 13, 16, 256, 257, 259),
        "person": (30, 254),
        "road": (40, 60),
        "parking": (44,),
        "sidewalk": (48,),
        "other-ground": (49,),
        "building": (50,),
        "fence": (51,),
        "vegetation": (70,),
        "terrain": (72,),
        "pole": (80,),
        "traffic-sign": (81,),
        "other-structure": (52,),
        "other-object": (99,),
    },
    unlabelled=(1, 31, 32, 71, 253, 255),
)


@dataclass(frozen=True)
class Perspective:
    """Camera 0: `P_34` in pixels, `R_rect_33`, `cam_to_velo_34` (grid from unrectified camera) in metres."""

    P_34: NDArray[np.float64]
    R_rect_33: NDArray[np.float64]
    cam_to_velo_34: NDArray[np.float64]
    size_HW: tuple[int, int]

    def camera(self) -> Camera:
        """The rectified camera in the LiDAR frame."""
        velo_from_camera_44, rectified_44 = np.eye(4), np.eye(4)
        velo_from_camera_44[:3] = self.cam_to_velo_34
        rectified_44[:3, :3] = self.R_rect_33
        camera_from_grid_44 = rectified_44 @ np.linalg.inv(velo_from_camera_44)
        camera_from_grid_44[:3, 3] += np.linalg.solve(self.P_34[:, :3], self.P_34[:, 3])
        return Camera(self.P_34[:, :3], camera_from_grid_44, self.size_HW)


PUBLISHED_PERSPECTIVE = Perspective(
    P_34=np.array([[552.554261, 0, 682.049453, 0], [0, 552.554261, 238.769549, 0], [0, 0, 1, 0]], float),
    R_rect_33=np.array(
        [[0.999974, -0.007141, -0.000089], [0.007141, 0.999969, -0.003247], [0.000112, 0.003247, 0.999995]]
    ),
    cam_to_velo_34=np.array(
        [
            [0.04307104361, -0.08829286498, 0.995162929, 0.8043914418],
            [-0.999004371, 0.007784614041, 0.04392796942, 0.2993489574],
            [-0.01162548558, -0.9960641394, -0.08786966659, -0.1770225824],
        ]
    ),
    size_HW=(376, 1408),
)
"""KITTI-360's own numbers, the same for every drive; used where a copy has no `calibration` folder."""


class Kitti360:
    """The labelled frames of one split, ordered by drive and frame."""

    def __init__(self, root: Path, split: str, images: bool = True) -> None:
        self.taxonomy: Taxonomy = KITTI360
        self.grid: GridSpec = STREET_GRID
        self._labels = [path for drive in _drives(root, split) for path in sorted((drive / "voxels").glob(LABELS))]
        if not self._labels:
            raise InputError(
                f"no KITTI-360 {split} frames under {root}: expected {root}/data_2d_raw/2013_05_28_drive_00SS_sync/"
                f"voxels/FFFFFF.label with SS one of {', '.join(SPLITS[split])} (beside image_00/data_rect/); unpack "
                "SSCBench's archive there or give another root"
            )
        self._camera = read_perspective(root).camera() if images else None

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        path = self._labels[index]
        scene = Scene(read_labels(path), self.grid, KITTI360)
        image = None if self._camera is None else _read_image(path, self._camera)
        return Sample(scene, image, self._camera, None, None, _name(path))


def open(root: Path | None, split: str, images: bool = True) -> Kitti360:
    """The labelled frames of `split` under `root`; the plug-in's entry point."""
    if root is None:
        raise InputError("KITTI-360: expected the folder that holds data_2d_raw, got none; give its path")
    return Kitti360(Path(root), split, images)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Training labels of `F.label` with the `F.invalid` beside it: uint8 (256, 256, 32), 255 where unknown."""
    raw_XYZ = read_array(path, "<u2", STREET_GRID.shape_XYZ)
    labels_XYZ = RAW_LABELS.train(path, raw_XYZ)
    labels_XYZ[read_invalid(path.with_suffix(".invalid")) & (raw_XYZ == 0)] = UNKNOWN
    return labels_XYZ


def read_invalid(path: Path) -> NDArray[np.bool_]:
    """The mask of a `.invalid` file, (256, 256, 32): bytes of 0 and 1, as SSCBench's own tools read it, or bits."""
    shape_XYZ = STREET_GRID.shape_XYZ
    if path.is_file() and path.stat().st_size == int(np.prod(shape_XYZ)):
        byte_XYZ = read_array(path, np.uint8, shape_XYZ)
        if byte_XYZ.max() > 1:
            raise InputError(f"{path}: expected bytes of 0 and 1, got {byte_XYZ.max()}; copy the file again")
        return byte_XYZ.astype(bool)
    return read_bits(path, shape_XYZ)


def read_perspective(root: Path) -> Perspective:
    """Camera 0 of `root`/calibration, or the published one where the copy has no such folder."""
    folder = root / "calibration"
    if not folder.is_dir():
        return PUBLISHED_PERSPECTIVE
    path, velo_path = folder / "perspective.txt", folder / "calib_cam_to_velo.txt"
    rows = read_rows(path)
    for key in ("P_rect_00", "R_rect_00", "S_rect_00"):
        if key not in rows:
            raise InputError(f"{path}: expected a line '{key}: ', got {sorted(rows)}; copy KITTI-360's file again")
    W, H = parse_numbers(path, "S_rect_00", rows["S_rect_00"], 2).astype(int).tolist()
    P_34 = parse_numbers(path, "P_rect_00", rows["P_rect_00"], 12).reshape(3, 4)
    if abs(np.linalg.det(P_34[:, :3])) < 1e-9:
        raise InputError(f"{path}: P_rect_00 is singular, so it is no camera matrix; copy the file again")
    return Perspective(
        P_34,
        parse_numbers(path, "R_rect_00", rows["R_rect_00"], 9).reshape(3, 3),
        parse_numbers(velo_path, "the only line", read_text(velo_path, "calibration"), 12).reshape(3, 4),
        (H, W),
    )


def checks(root: Path, split: str) -> Iterator[Check]:
    """The calibration, and every file of every frame of which one voxel file is there."""
    yield Check(None, partial(read_perspective, root))
    for drive in _drives(root, split):
        for stem in frame_stems(drive / "voxels"):
            path = drive / "voxels" / f"{stem}.label"
            yield Check(_name(path), partial(read_labels, path))
            yield Check(_name(path), partial(read_invalid, path.with_suffix(".invalid")))
            yield Check(_name(path), partial(_check_image, path, root))


def _drives(root: Path, split: str) -> list[Path]:
    if split not in SPLITS:
        raise InputError(f"KITTI-360 split: expected one of {', '.join(SPLITS)}, got '{split}'")
    base = root / "data_2d_raw" if (root / "data_2d_raw").is_dir() else root
    return [base / f"2013_05_28_drive_00{sequence}_sync" for sequence in SPLITS[split]]


def _name(path: Path) -> str:
    return f"{path.parent.parent.name[-7:-5]}/{path.stem}"


def _read_image(path: Path, camera: Camera) -> NDArray[np.uint8]:
    image_path = find_image(path.parent.parent / "image_00" / "data_rect", path.stem)
    image_HW3 = read_image(image_path)
    check_view(image_path, image_HW3, camera)
    return image_HW3


def _check_image(path: Path, root: Path) -> None:
    _read_image(path, read_perspective(root).camera())
