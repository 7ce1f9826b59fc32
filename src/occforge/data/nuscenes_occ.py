"""nuScenes-Occupancy (OpenOccupancy v0.1): sparse voxels round the vehicle in the LiDAR's frame.

    ROOT/nuScenes-Occupancy/scene_{scene_token}/occupancy/{lidar_token}.npy
    ROOT/nuscenes/{v1.0-trainval, samples}

Both folders may also be ROOT itself. `.npy`: N rows (z, y, x, class) over (512, 512, 40) = [x, y, z], 0.2 m, -51.2 to
51.2 m on x and y and -5 to 3 m on z, in the frame of LIDAR_TOP: x right, y forward, z up, turned here as in `_axes`.
Class 0 is noise: unknown. Voxels without a row are empty; where a voxel has several rows the most frequent class
counts, the lowest on a tie (noise last).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.files import check_numpy
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import NUSCENES_OCC, UNKNOWN, Taxonomy
from occforge.data._axes import from_rfu
from occforge.data._nuscenes import PUBLISHED_FRAMES, SPLITS, find_tables, in_split, read_scenes, read_tables
from occforge.data.check import Check
from occforge.data.dataset import Sample

__all__ = ["GRID", "PUBLISHED_FRAMES", "SPLITS", "NuScenesOcc", "checks", "open", "read_labels"]

GRID = GridSpec((512, 512, 40), (0.2, 0.2, 0.2), (-51.2, -51.2, -5.0))

_NOISE = 0


class NuScenesOcc:
    """The frames of one split that are on disk, ordered by scene name and LiDAR token (which is not time)."""

    def __init__(self, root: Path, split: str, images: bool = True, camera: str = "CAM_FRONT") -> None:
        self.taxonomy: Taxonomy = NUSCENES_OCC
        self.grid = GRID
        folder = find_tables(root)
        self._frames = _list_frames(root, folder, split)
        if not self._frames:
            raise InputError(
                f"no nuScenes-Occupancy {split} frames under {root}: expected {root}/nuScenes-Occupancy/"
                "scene_TOKEN/occupancy/TOKEN.npy of a scene in that split; unpack the archive there or give "
                "another root"
            )
        self._tables = read_tables(folder, camera) if images else None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        name, path = self._frames[index]
        scene = Scene(read_labels(path), self.grid, NUSCENES_OCC)
        if self._tables is None:
            return Sample(scene, None, None, None, None, name)
        image, view = self._tables.view(path, self._tables.sample_of_scan.get(path.stem), "lidar")
        return Sample(scene, image, view, None, None, name)


def open(root: Path | None, split: str, images: bool = True, camera: str = "CAM_FRONT") -> NuScenesOcc:
    """The frames of `split` (`"train"` or `"val"`) seen by `camera`; the plug-in's entry point."""
    if root is None:
        raise InputError("nuScenes-Occupancy: expected the folder that holds it and nuScenes, got none; give its path")
    return NuScenesOcc(Path(root), split, images, camera)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Training labels of a frame, uint8 (512, 512, 40), x forward, y left, z up; 255 where there is noise."""
    try:
        check_numpy(path)
        row_N4 = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged file raises anything: ValueError, EOFError, UnpicklingError
        raise InputError(f"{path}: expected a NumPy array, cannot read it ({error}); copy the file again") from error
    X, Y, Z = GRID.shape_XYZ
    if not isinstance(row_N4, np.ndarray) or row_N4.ndim != 2 or row_N4.shape[1] != 4 or row_N4.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: expected rows of four numbers (z, y, x, class), got {getattr(row_N4, 'dtype', '')} "
            f"{getattr(row_N4, 'shape', '')}; copy the file of version 0.1"
        )
    value_N4 = row_N4.astype(np.int64)
    limits = np.array([Z, Y, X, NUSCENES_OCC.class_count])
    bad_N = np.any((value_N4 != row_N4) | (value_N4 < 0) | (value_N4 >= limits), axis=1)
    if bad_N.any():
        raise InputError(
            f"{path}: expected whole rows (z, y, x, class) below {tuple(limits.tolist())}, got "
            f"{row_N4[bad_N][0].tolist()} and {int(bad_N.sum()) - 1} more; copy the file again"
        )
    z_N, y_N, x_N, label_N = value_N4.T
    label_N = np.where(label_N == _NOISE, UNKNOWN, label_N)
    pair_M, count_M = np.unique(((x_N * Y + y_N) * Z + z_N) * 256 + label_N, return_counts=True)
    # The last of each voxel's rows in this order wins: most frequent, then lowest class.
    pair_M = pair_M[np.lexsort((-(pair_M % 256), count_M))]
    labels = np.zeros(X * Y * Z, np.uint8)
    labels[pair_M // 256] = pair_M % 256
    return from_rfu(labels.reshape(X, Y, Z))


def checks(root: Path, split: str) -> Iterator[Check]:
    """Every frame's voxels, the tables, every frame's front picture, and the files that scenes on disk lack."""
    folder = find_tables(root)
    frames = _list_frames(root, folder, split)
    for name, path in frames:
        yield Check(name, partial(read_labels, path))
    if not frames:
        return
    tables = read_tables(folder, "CAM_FRONT")
    for name, path in frames:
        yield Check(name, partial(tables.view, path, tables.sample_of_scan.get(path.stem), "lidar"))

    def files(scene_token: str, sample_token: str) -> tuple[Path, Path]:
        scene = _scene_folder(root, scene_token)
        return scene, scene / f"{tables.scans[sample_token].token}.npy"

    yield Check(None, partial(tables.check_complete, split, files))


def _scene_folder(root: Path, scene_token: str) -> Path:
    names = ("nuScenes-Occupancy", "nuScenes-Occupancy-v0.1")
    base = next((root / name for name in names if (root / name).is_dir()), root)
    return base / f"scene_{scene_token}" / "occupancy"


def _list_frames(root: Path, tables: Path, split: str) -> list[tuple[str, Path]]:
    """(name, path) of the frames on disk of the scenes in `split`."""
    return sorted(
        (f"{name}/{path.stem}", path)
        for token, name in read_scenes(tables).items()
        if in_split(name, split, tables)
        for path in _scene_folder(root, token).glob("*.npy")
    )
