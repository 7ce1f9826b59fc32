"""NYUv2's semantic scene completion layout (SUNCG's toolbox), read and written to the byte.

    ROOT/depthbin/NYU{train,test}/NYUxxxx_0000.{bin,png} and NYUxxxx_0000_color.jpg

`.bin`: 3 float32 origin and 16 float32 world_from_camera (4x4, row-major), both metres, then runs of two uint32
(value, count) that sum to 240 * 144 * 240 voxels of 0.02 m, C order over (world x, world z, world y). The frame's
world is right-handed: x right, y forward, z up, 0 on the floor; the origin is the box's lower corner in it. `.png`:
depth in millimetres, uint16 rotated left by three bits. The camera is the same in every frame but for its pose.

The frame's box lies where the frame's camera happens to look, so that every origin differs. Here every sample has the
same grid, whose near face is x = 0, whose middle is y = 0 and whose bottom is z = -0.05 m, as in the files; the
frame's own origin goes into its camera, which is all that a projection needs. Axes: see `_axes`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera, is_rigid
from occforge.core.errors import InputError
from occforge.core.files import atomic_path
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import NYUV2, UNKNOWN, Taxonomy
from occforge.data._axes import FROM_RFU_33, from_rfu, to_rfu
from occforge.data._captions import read_caption
from occforge.data._images import find_image, read_image, read_png16, save_jpeg, save_png16
from occforge.data._runs import decode_runs, encode_runs
from occforge.data._transforms import downsample
from occforge.data.check import Check
from occforge.data.dataset import Sample

Resolution = Literal["coarse", "fine"]

GRIDS: dict[Resolution, GridSpec] = {
    "fine": GridSpec((240, 240, 144), (0.02, 0.02, 0.02), (0.0, -2.4, -0.05)),
    "coarse": GridSpec((60, 60, 36), (0.08, 0.08, 0.08), (0.0, -2.4, -0.05)),
}
"""The annotated grid, and the one that networks are trained and scored on: a room of 4.8 x 4.8 x 2.88 m."""

K_33 = np.array([[518.8579, 0.0, 320.0], [0.0, 518.8579, 240.0], [0.0, 0.0, 1.0]])
SIZE_HW = (480, 640)
"""The camera of every frame, as its authors give it."""

SPLITS = {"train": "NYUtrain", "test": "NYUtest"}
PUBLISHED_FRAMES = {"train": 795, "test": 654}

TRAIN_FROM_RAW = (
    0, 1, 2, 3, 4, 11, 5, 6, 7, 8, 8, 10, 10, 10, 11, 11, 9, 8, 11, 11, 11, 11, 11, 11, 11, 11, 11, 10, 10, 11, 8, 10,
    11, 9, 11, 11, 11,
)  # fmt: skip
"""Training class of the raw ids 0-36; 255 stays unknown."""

RAW_FROM_TRAIN = (0, 1, 2, 3, 4, 6, 7, 8, 9, 16, 11, 5)
"""The raw id written for each training class: the first that maps to it."""

_SHAPE_RUF = (240, 144, 240)
_BOX_ORIGIN_RFU = np.array([-2.4, 0.0, -0.05], np.float32)
"""Where the box of `GRIDS` begins in right, forward, up: with this origin in the file the grid frame is the world's."""
_HEADER_BYTES = 4 * (3 + 16)


@dataclass(frozen=True)
class VoxelFile:
    """A `.bin`: `origin_3` (right, forward, up) and `world_from_camera_44` float32 metres, `raw_RUF` uint8 raw ids."""

    origin_3: NDArray[np.float32]
    world_from_camera_44: NDArray[np.float32]
    raw_RUF: NDArray[np.uint8]


class NyuV2:
    """The frames of one split, ordered by number, at 60 x 60 x 36 (coarse) or 240 x 240 x 144 voxels (fine)."""

    def __init__(self, root: Path, split: str, images: bool = True, resolution: Resolution = "coarse") -> None:
        if resolution not in GRIDS:
            raise InputError(f"NYUv2 resolution: expected one of {', '.join(GRIDS)}, got '{resolution}'")
        self.taxonomy: Taxonomy = NYUV2
        self.grid = GRIDS[resolution]
        self._images = images
        self._coarse = resolution == "coarse"
        self._paths = sorted(_split_folder(root, split).glob("NYU[0-9][0-9][0-9][0-9]_0000.bin"))
        if not self._paths:
            raise InputError(
                f"no NYUv2 {split} frames under {root}: expected {root}/depthbin/{SPLITS[split]}/NYUxxxx_0000.bin "
                "(beside NYUxxxx_0000.png and NYUxxxx_0000_color.jpg); unpack depthbin there or give another root"
            )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        path = self._paths[index]
        file = read_voxels(path)
        labels_XYZ = train_labels(path, file)
        scene = Scene(downsample(labels_XYZ, 4) if self._coarse else labels_XYZ, self.grid, NYUV2)
        caption, mentioned = read_caption(path.parent / "captions" / f"{path.stem}.json")
        if not self._images:
            return Sample(scene, None, None, caption, mentioned, _name(path))
        picture, depth_HW_m = _read_picture(path), _read_depth(path)
        return Sample(scene, picture, frame_camera(file), caption, mentioned, _name(path), depth_HW_m)


def open(root: Path | None, split: str, images: bool = True, resolution: Resolution = "coarse") -> NyuV2:
    """The frames of `split` (`"train"` or `"test"`) under `root`; the plug-in's entry point."""
    if root is None:
        raise InputError("NYUv2: expected the folder that holds depthbin, got none; give its path")
    return NyuV2(Path(root), split, images, resolution)


def read_voxels(path: Path) -> VoxelFile:
    """The content of a `.bin`; raises `InputError` if it is truncated, its runs do not sum or its pose is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected NYUv2 voxels, cannot read it ({error.strerror}); copy it there") from error
    if len(data) < _HEADER_BYTES:
        raise InputError(
            f"{path}: expected {_HEADER_BYTES} bytes of origin and pose, got {len(data)}; the file is truncated, copy "
            "it again"
        )
    header = np.frombuffer(data[:_HEADER_BYTES], "<f4")
    origin_3, pose_44 = header[:3], header[3:].reshape(4, 4)
    if not np.all(np.isfinite(header)) or not is_rigid(pose_44.astype(np.float64)):
        raise InputError(f"{path}: expected a finite origin and a rigid camera pose, got others; copy the file again")
    raw = decode_runs(data[_HEADER_BYTES:], int(np.prod(_SHAPE_RUF)), str(path))
    return VoxelFile(origin_3, pose_44, raw.reshape(_SHAPE_RUF))


def write_voxels(path: Path, file: VoxelFile) -> None:
    """Inverse of `read_voxels`, atomically."""
    header = np.concatenate([file.origin_3, file.world_from_camera_44.ravel()]).astype("<f4")
    with atomic_path(path) as temporary:
        temporary.write_bytes(header.tobytes() + encode_runs(file.raw_RUF))


def train_labels(path: Path, file: VoxelFile) -> NDArray[np.uint8]:
    """Training labels (240, 240, 144), x forward, y left, z up; raises `InputError` at a raw id that is not NYUv2's."""
    table = np.full(256, _NOT_A_RAW_ID, np.uint8)
    table[: len(TRAIN_FROM_RAW)] = TRAIN_FROM_RAW
    table[UNKNOWN] = UNKNOWN
    labels_RUF = table[file.raw_RUF]
    if np.any(labels_RUF == _NOT_A_RAW_ID):
        raise InputError(
            f"{path}: raw class id {file.raw_RUF[labels_RUF == _NOT_A_RAW_ID][0]} is not NYUv2's; expected 0-"
            f"{len(TRAIN_FROM_RAW) - 1} or 255; copy the file again"
        )
    return from_rfu(labels_RUF.transpose(0, 2, 1))


def frame_camera(file: VoxelFile) -> Camera:
    """The frame's camera in the frame of `GRIDS`."""
    grid_from_camera_44 = file.world_from_camera_44.astype(np.float64)
    grid_from_camera_44[:3, 3] += (_BOX_ORIGIN_RFU - file.origin_3).astype(np.float64)
    grid_from_camera_44[:3] = FROM_RFU_33 @ grid_from_camera_44[:3]
    return Camera(K_33, np.asarray(np.linalg.inv(grid_from_camera_44), np.float64), SIZE_HW)


def write_frame(
    root: Path,
    split: str,
    number: int,
    scene: Scene,
    image_HW3: NDArray[np.uint8],
    depth_HW_m: NDArray[np.floating],
    camera: Camera,
) -> Path:
    """Write frame NYU`number` of `split` ("train", "test") under `root`/depthbin and return the path of its `.bin`.

    `scene` has NYUv2's 12 classes in 240 x 240 x 144 voxels of 0.02 m (x forward, y left, z up; the file holds them as
    240 x 144 x 240) and any origin; a reader moves it to that of `GRIDS` and the camera with it. `camera` has NYUv2's
    `K_33` and `SIZE_HW` (the layout holds neither) and any pose, stored in float32. `depth_HW_m` ends at 65.535 m,
    0 is no depth. Labels and depth in whole millimetres come back exactly, the picture as JPEG. `.bin` comes last: a
    frame that has it is complete.
    """
    if split not in SPLITS or not 0 <= number <= 9999:
        raise InputError(f"NYUv2 frame: expected split train or test and a number of 0-9999, got '{split}', {number}")
    _check_frame(scene, image_HW3, depth_HW_m, camera)
    folder = Path(root) / "depthbin" / SPLITS[split]
    path = folder / f"NYU{number:04d}_0000.bin"
    path.unlink(missing_ok=True)
    save_jpeg(folder / f"{path.stem}_color.jpg", image_HW3)
    millimetres_HW = np.rint(np.asarray(depth_HW_m, np.float64) * 1000).astype(np.uint16)
    save_png16(path.with_suffix(".png"), ((millimetres_HW << 3) | (millimetres_HW >> 13)).astype(np.uint16))
    forward_m, left_m, up_m = scene.grid.origin_m
    origin_3 = np.array([-(left_m + scene.grid.extent_m[1]), forward_m, up_m], np.float32)
    world_from_camera_44 = camera.grid_from_camera_44
    world_from_camera_44[:3] = FROM_RFU_33.T @ world_from_camera_44[:3]
    # An inverse leaves 1e-17 or -0 where 0 was; without them a frame read and written again has the same bytes.
    world_from_camera_44 = np.round(world_from_camera_44, 12) + 0.0
    raw_table = np.full(256, UNKNOWN, np.uint8)
    raw_table[: NYUV2.class_count] = RAW_FROM_TRAIN
    raw_RUF = to_rfu(raw_table[scene.labels_XYZ]).transpose(0, 2, 1)
    write_voxels(path, VoxelFile(origin_3, world_from_camera_44.astype(np.float32), raw_RUF))
    return path


def checks(root: Path, split: str) -> Iterator[Check]:
    """Every file of every frame of which at least one file is there."""
    folder = _split_folder(root, split)
    for stem in sorted({path.name[:12] for path in folder.glob("NYU[0-9][0-9][0-9][0-9]_0000*")}):
        path = folder / f"{stem}.bin"
        name = _name(path)
        yield Check(name, partial(_check_voxels, path))
        yield Check(name, partial(_read_picture, path))
        yield Check(name, partial(_read_depth, path))


_NOT_A_RAW_ID = 254


def _split_folder(root: Path, split: str) -> Path:
    if split not in SPLITS:
        raise InputError(f"NYUv2: expected split {' or '.join(SPLITS)} (peers validate on test), got '{split}'")
    return (root / "depthbin" if (root / "depthbin").is_dir() else root) / SPLITS[split]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _read_picture(path: Path) -> NDArray[np.uint8]:
    image_path = find_image(path.parent, f"{path.stem}_color")
    image_HW3 = read_image(image_path)
    if image_HW3.shape[:2] != SIZE_HW:
        raise InputError(
            f"{image_path}: expected {SIZE_HW} pixels, for which the camera is given, got {image_HW3.shape[:2]}; copy "
            "the picture in its own size"
        )
    return image_HW3


def _read_depth(path: Path) -> NDArray[np.float32]:
    stored_HW = read_png16(path.with_suffix(".png"))
    if stored_HW.shape != SIZE_HW:
        raise InputError(
            f"{path.with_suffix('.png')}: expected {SIZE_HW} pixels of depth, got {stored_HW.shape}; copy it again"
        )
    return (((stored_HW >> 3) | (stored_HW << 13)) / 1000).astype(np.float32)


def _check_voxels(path: Path) -> None:
    train_labels(path, read_voxels(path))


def _check_frame(scene: Scene, image_HW3: NDArray[np.uint8], depth_HW_m: NDArray[np.floating], camera: Camera) -> None:
    fine = GRIDS["fine"]
    if scene.taxonomy.names != NYUV2.names:
        raise InputError(f"NYUv2 frame: expected its 12 classes, got taxonomy {scene.taxonomy.name}; map them")
    if scene.grid.shape_XYZ != fine.shape_XYZ or not np.allclose(scene.grid.voxel_m, fine.voxel_m):
        raise InputError(
            f"NYUv2 frame: expected {fine.shape_XYZ} voxels of 0.02 m, got {scene.grid.shape_XYZ} of "
            f"{scene.grid.voxel_m} m; resample the scene"
        )
    if camera.size_HW != SIZE_HW or not np.allclose(camera.K_33, K_33):
        raise InputError(
            f"NYUv2 frame: expected a camera with nyuv2.K_33 and {SIZE_HW} pixels, which the layout does not "
            f"hold, got {camera.size_HW} pixels and K {camera.K_33.tolist()}; use that camera"
        )
    if image_HW3.dtype != np.uint8 or image_HW3.shape != (*SIZE_HW, 3):
        raise InputError(
            f"NYUv2 frame: expected a uint8 image {(*SIZE_HW, 3)}, got {image_HW3.dtype} {image_HW3.shape}; render "
            "it so"
        )
    if depth_HW_m.shape != SIZE_HW or not np.all((depth_HW_m >= 0) & (depth_HW_m <= 65.535)):
        raise InputError(
            f"NYUv2 frame: expected depth {SIZE_HW} of 0-65.535 m, got {depth_HW_m.shape}; give metres, 0 for no depth"
        )
