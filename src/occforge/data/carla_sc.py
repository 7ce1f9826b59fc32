"""CarlaSC's Cartesian layout, read and written to the byte.

    ROOT/Cartesian/{Train,Val,Test}/TownNN_Traffic/cartesian/{evaluation,evaluation_fine,velodyne}/F.*
    with params.json in each evaluation folder, and times.txt, poses.txt beside them

F six digits. Coarse, `evaluation/F.label` uint32 raw class ids and `evaluation/F.bin` float32 counts of the beams
that met the voxel (0: never seen, so unknown), over the grid of `params.json`, (128, 128, 8). Fine,
`evaluation_fine/F.label` uint8 raw ids, (256, 256, 16), without counts: every voxel is known. All in C order over
(x forward, y left, z up) and little-endian. Some copies call the folder `voxels` instead of `evaluation`.

CarlaSC has no pictures. Trees of our own export do: `image_2/F.png` with KITTI's `calib.txt`, and `captions/`.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.files import write_json
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, UNKNOWN, Taxonomy
from occforge.data._binary import frame_stems, read_array, write_array
from occforge.data._calib import ensure_calib, read_calib
from occforge.data._captions import read_caption
from occforge.data._images import find_image, read_image
from occforge.data.check import Check, check_view
from occforge.data.dataset import Sample
from occforge.render.picture import save_rgb

Resolution = Literal["coarse", "fine"]

COARSE_GRID = GridSpec((128, 128, 8), (0.4, 0.4, 0.375), (-25.6, -25.6, -2.0))
"""The grid of CarlaSC's coarse `params.json`: 51.2 m square round the car, -2 m to 1 m, LiDAR frame."""

FRAME_GLOB = "[0-9]" * 6 + ".label"

SPLITS = {"train": "Train", "val": "Val", "test": "Test"}
TRAIN_TOWNS = (1, 2, 3, 4, 5, 6)
VAL_TOWNS = (10,)
PUBLISHED_FRAMES = {"train": 32400}

TRAIN_FROM_RAW = (0, 1, 2, 3, 4, 5, 6, 6, 8, 9, 10, 2, 5, 3, 7, 3, 3, 2, 5, 3, 3, 3, 7)
"""Training class of CARLA's raw ids 0-22."""

RAW_FROM_TRAIN = (0, 1, 2, 3, 4, 5, 7, 14, 8, 9, 10)
"""The raw id written for each training class: building, fence, other, pedestrian, pole, road, ground, ..."""

_EVALUATION_FOLDERS: dict[Resolution, tuple[str, ...]] = {
    "coarse": ("evaluation", "voxels"),
    "fine": ("evaluation_fine",),
}


class CarlaSc:
    """The frames of one split, ordered by town folder and frame; the folders decide which towns that is."""

    def __init__(self, root: Path, split: str, images: bool = True, resolution: Resolution = "coarse") -> None:
        if split not in SPLITS or resolution not in _EVALUATION_FOLDERS:
            raise InputError(
                f"CarlaSC: expected a split of {', '.join(SPLITS)} and a resolution of "
                f"{', '.join(_EVALUATION_FOLDERS)}, got '{split}', '{resolution}'"
            )
        folders = _evaluation_folders(Path(root), split, resolution)
        self.taxonomy: Taxonomy = CARLA_SC
        self.grid = read_grid(folders[0] / "params.json")
        self._coarse = resolution == "coarse"
        self._images = images
        for folder in folders[1:]:
            if read_grid(folder / "params.json") != self.grid:
                raise InputError(
                    f"{folder}/params.json describes another grid than {folders[0]}/params.json; open them separately"
                )
        self._labels = [path for folder in folders for path in sorted(folder.glob(FRAME_GLOB))]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        path = self._labels[index]
        labels_XYZ = read_coarse(path, self.grid) if self._coarse else read_fine(path, self.grid)
        folder = path.parent.parent
        image_HW3, camera = None, None
        if self._images and (folder / "image_2").is_dir():
            image_HW3 = read_image(find_image(folder / "image_2", path.stem))
            camera = read_calib(folder / "calib.txt").camera((image_HW3.shape[0], image_HW3.shape[1]))
        caption, mentioned = read_caption(folder / "captions" / f"{path.stem}.json")
        scene = Scene(labels_XYZ, self.grid, CARLA_SC)
        return Sample(scene, image_HW3, camera, caption, mentioned, f"{folder.parent.name}/{path.stem}")


def open(root: Path | None, split: str, images: bool = True, resolution: Resolution = "coarse") -> CarlaSc:
    """The frames of `split` under `root`; the plug-in's entry point."""
    if root is None:
        raise InputError("CarlaSC: expected the folder that holds Cartesian/, got none; give its path")
    return CarlaSc(Path(root), split, images, resolution)


def read_coarse(path: Path, grid: GridSpec = COARSE_GRID) -> NDArray[np.uint8]:
    """Training labels of a coarse `F.label` with the counts of the `F.bin` beside it: uint8, 255 where count is 0."""
    labels_XYZ = _train_labels(path, read_array(path, "<u4", grid.shape_XYZ))
    labels_XYZ[read_counts(path, grid) == 0] = UNKNOWN
    return labels_XYZ


def read_counts(path: Path, grid: GridSpec = COARSE_GRID) -> NDArray[np.float32]:
    """The beam counts beside a coarse `F.label`, float32; raises `InputError` if one is negative or not finite."""
    count_XYZ = read_array(path.with_suffix(".bin"), "<f4", grid.shape_XYZ)
    if not np.all(count_XYZ >= 0) or not np.all(np.isfinite(count_XYZ)):
        raise InputError(f"{path.with_suffix('.bin')}: expected counts of 0 or more, got others; copy the file again")
    return count_XYZ


def read_fine(path: Path, grid: GridSpec) -> NDArray[np.uint8]:
    """Training labels of a fine `F.label`, uint8; `grid` comes from the `params.json` beside it."""
    return _train_labels(path, read_array(path, np.uint8, grid.shape_XYZ))


def read_grid(path: Path) -> GridSpec:
    """The grid of a `params.json` (fields grid_size, min_bound, max_bound)."""
    try:
        value = json.loads(path.read_text())
        shape = tuple(int(n) for n in value["grid_size"])
        low, high = np.array(value["min_bound"], float), np.array(value["max_bound"], float)
        voxel = np.round((high - low) / np.array(shape), 9)
        X, Y, Z = shape
        (vx, vy, vz), (x0, y0, z0) = voxel.tolist(), low.tolist()
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            f"{path}: expected JSON with three grid_size, min_bound (m) and max_bound (m), got {error!r}; copy the "
            "dataset's params.json there"
        ) from error
    return GridSpec((X, Y, Z), (vx, vy, vz), (x0, y0, z0))


def write_frame(
    root: Path,
    sequence: str,
    frame: int,
    scene: Scene,
    image_HW3: NDArray[np.uint8] | None = None,
    camera: Camera | None = None,
    count_XYZ: NDArray[np.float32] | None = None,
    point_N4: NDArray[np.float32] | None = None,
) -> Path:
    """Write one coarse frame into the split folder of town folder `sequence` and return the path of its `.label`.

    `sequence` reads `TownNN_Traffic`; `scene` has CarlaSC's taxonomy and a (128, 128, 8) grid, which goes into
    `params.json`. `count_XYZ` must be 0 exactly where the scene is unknown; without it known voxels count 1.
    `point_N4` (x, y, z in metres, intensity) is the scan in `velodyne/`. `.label` comes last: a frame that has it
    is complete.
    """
    _check_scene(scene, COARSE_GRID.shape_XYZ, frame)
    if (image_HW3 is None) != (camera is None):
        raise InputError("CarlaSC frame: expected image and camera together, got one of them; pass both or none")
    if count_XYZ is None:
        count_XYZ = scene.valid_XYZ.astype(np.float32)
    if count_XYZ.shape != scene.grid.shape_XYZ or not np.array_equal(count_XYZ > 0, scene.valid_XYZ):
        raise InputError(
            f"CarlaSC frame: expected counts {scene.grid.shape_XYZ} of 0 exactly where the scene is unknown, got "
            f"{count_XYZ.shape}; mask the scene by the counts"
        )
    folder = scene_folder(root, sequence)
    stem = f"{frame:06d}"
    path = folder / "evaluation" / f"{stem}.label"
    path.unlink(missing_ok=True)
    if image_HW3 is not None and camera is not None:
        ensure_calib(folder / "calib.txt", camera)
        save_rgb(folder / "image_2" / f"{stem}.png", image_HW3)
    if point_N4 is not None:
        write_array(folder / "velodyne" / f"{stem}.bin", point_N4.astype("<f4"))
    _write_grid(folder / "evaluation" / "params.json", scene.grid)
    write_array(path.with_suffix(".bin"), count_XYZ.astype("<f4"))
    write_array(path, _raw_labels(scene).astype("<u4"))
    return path


def write_fine(root: Path, sequence: str, frame: int, scene: Scene) -> Path:
    """Write the fine labels of a frame; raises `InputError` if a voxel is unknown, which fine files cannot say."""
    _check_scene(scene, (256, 256, 16), frame)
    if not np.all(scene.valid_XYZ):
        raise InputError("CarlaSC fine frame: expected every voxel known, got unknown ones; write coarse frames")
    path = scene_folder(root, sequence) / "evaluation_fine" / f"{frame:06d}.label"
    _write_grid(path.parent / "params.json", scene.grid)
    write_array(path, _raw_labels(scene))
    return path


def checks(root: Path, split: str) -> Iterator[Check]:
    """The grid of every folder of voxels, coarse and fine, and every file of every frame of which one is there."""
    for scene in _scenes(root, split):
        for resolution, names in _EVALUATION_FOLDERS.items():
            for folder in (scene / name for name in names if (scene / name).is_dir()):
                yield Check(None, partial(read_grid, folder / "params.json"))
                for stem in frame_stems(folder):
                    name = f"{scene.parent.name}/{stem}"
                    yield Check(name, partial(_check_voxels, folder / f"{stem}.label", resolution))
                    if (scene / "image_2").is_dir():
                        yield Check(name, partial(_check_image, scene, stem))
        if (scene / "image_2").is_dir():
            yield Check(None, partial(read_calib, scene / "calib.txt"))


def scene_folder(root: Path, sequence: str) -> Path:
    """The `cartesian` folder of town folder `sequence`, in the split that its town belongs to."""
    match = re.fullmatch(r"Town(\d\d)_(Light|Medium|Heavy)", sequence)
    if not match:
        raise InputError(f"CarlaSC sequence: expected TownNN_Light, _Medium or _Heavy, got '{sequence}'")
    town = int(match[1])
    split = "train" if town in TRAIN_TOWNS else "val" if town in VAL_TOWNS else "test"
    return Path(root) / "Cartesian" / SPLITS[split] / sequence / "cartesian"


def _evaluation_folders(root: Path, split: str, resolution: Resolution) -> list[Path]:
    names = _EVALUATION_FOLDERS[resolution]
    folders = []
    for scene in _scenes(root, split):
        present = [scene / name for name in names if next((scene / name).glob(FRAME_GLOB), None)]
        folders += present[:1]
    if not folders:
        raise InputError(
            f"no CarlaSC {split} frames under {root}: expected {root}/Cartesian/{SPLITS[split]}/TownNN_Traffic/"
            f"cartesian/{' or '.join(names)}/FFFFFF.label with params.json; unpack the Cartesian archive there "
            "or give another root"
        )
    return folders


def _scenes(root: Path, split: str) -> list[Path]:
    base = root / "Cartesian" if (root / "Cartesian").is_dir() else root
    return sorted((base / SPLITS[split]).glob("*/cartesian"))


def _check_voxels(path: Path, resolution: Resolution) -> None:
    grid = read_grid(path.with_name("params.json"))
    if resolution == "coarse":
        read_coarse(path, grid)
    else:
        read_fine(path, grid)


def _check_image(scene: Path, stem: str) -> None:
    path = find_image(scene / "image_2", stem)
    image_HW3 = read_image(path)
    check_view(path, image_HW3, read_calib(scene / "calib.txt").camera((image_HW3.shape[0], image_HW3.shape[1])))


def _train_labels(path: Path, raw_XYZ: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    highest = int(raw_XYZ.max())
    if highest >= len(TRAIN_FROM_RAW):
        raise InputError(
            f"{path}: raw class id {highest} is not CarlaSC's; expected ids 0-{len(TRAIN_FROM_RAW) - 1}; check that "
            "the file is a label file of this resolution"
        )
    return np.array(TRAIN_FROM_RAW, np.uint8)[raw_XYZ]


def _raw_labels(scene: Scene) -> NDArray[np.uint8]:
    return np.array(RAW_FROM_TRAIN, np.uint8)[np.where(scene.valid_XYZ, scene.labels_XYZ, 0)]


def _write_grid(path: Path, grid: GridSpec) -> None:
    if path.is_file():
        if read_grid(path) != grid:
            raise InputError(f"{path} describes another grid than this frame's; write to another sequence")
        return
    high = [round(low + length, 9) for low, length in zip(grid.origin_m, grid.extent_m, strict=True)]
    value = {
        "grid_size": list(grid.shape_XYZ),
        "min_bound": list(grid.origin_m),
        "max_bound": high,
        "num_channels": CARLA_SC.class_count,
        "coordinates": "cartesian",
    }
    write_json(path, value)


def _check_scene(scene: Scene, shape_XYZ: tuple[int, int, int], frame: int) -> None:
    if scene.taxonomy.names != CARLA_SC.names:
        raise InputError(f"CarlaSC frame: expected its 11 classes, got taxonomy {scene.taxonomy.name}; map them")
    if scene.grid.shape_XYZ != shape_XYZ:
        raise InputError(f"CarlaSC frame: expected {shape_XYZ} voxels, got {scene.grid.shape_XYZ}; resample the scene")
    if not 0 <= frame <= 999_999:
        raise InputError(f"CarlaSC frame: expected a frame in 0-999999, got {frame}")
