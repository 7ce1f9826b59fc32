"""Occ3D-nuScenes: dense voxels round the vehicle in the ego frame, with masks of what LiDAR and cameras saw.

    ROOT/gts/{scene_name}/{sample_token}/labels.npz and nuScenes' {v1.0-trainval, samples} in ROOT or ROOT/nuscenes

`labels.npz` holds `semantics`, `mask_lidar` and `mask_camera`, uint8 (200, 200, 16) in x forward, y left, z up, 0.4 m,
-40 to 40 m on x and y and -1 to 5.4 m on z, in the ego frame at the LiDAR's time. Raw 17 is free and becomes 0, raw 0
(others) becomes 17, 1-16 stay. A free voxel outside both masks was never observed: unknown. The benchmark
scores `mask_camera`; labels outside it stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.files import check_numpy
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import OCC3D, UNKNOWN, Taxonomy
from occforge.data._nuscenes import PUBLISHED_FRAMES, SPLITS, find_tables, in_split, read_tables
from occforge.data.check import Check
from occforge.data.dataset import Sample

__all__ = ["GRID", "PUBLISHED_FRAMES", "SPLITS", "Occ3d", "checks", "open", "read_frame"]

GRID = GridSpec((200, 200, 16), (0.4, 0.4, 0.4), (-40.0, -40.0, -1.0))

RAW_OTHERS, RAW_FREE = 0, 17


@dataclass(frozen=True)
class Frame:
    """A `labels.npz`: `labels_XYZ` uint8 of the taxonomy OCC3D, and what LiDAR and cameras observed, bool."""

    labels_XYZ: NDArray[np.uint8]
    mask_lidar_XYZ: NDArray[np.bool_]
    mask_camera_XYZ: NDArray[np.bool_]


class Occ3d:
    """The frames of one split that are on disk, ordered by scene name and sample token (which is not time)."""

    def __init__(self, root: Path, split: str, images: bool = True, camera: str = "CAM_FRONT") -> None:
        self.taxonomy: Taxonomy = OCC3D
        self.grid = GRID
        self._paths = _list_frames(root, split)
        if not self._paths:
            raise InputError(
                f"no Occ3D {split} frames under {root}: expected {root}/gts/SCENE/TOKEN/labels.npz with SCENE such as "
                "scene-0001, of that split; unpack gts there or give another root"
            )
        self._tables = read_tables(find_tables(root), camera) if images else None

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        path = self._paths[index]
        frame = read_frame(path)
        scene = Scene(frame.labels_XYZ, self.grid, OCC3D)
        image, view = (None, None) if self._tables is None else self._tables.view(path, path.parent.name, "ego")
        return Sample(scene, image, view, None, None, _name(path), scored_XYZ=frame.mask_camera_XYZ)


def open(root: Path | None, split: str, images: bool = True, camera: str = "CAM_FRONT") -> Occ3d:
    """The frames of `split` (`"train"` or `"val"`) seen by `camera`; the plug-in's entry point."""
    if root is None:
        raise InputError("Occ3D: expected the folder that holds gts, got none; give its path")
    return Occ3d(Path(root), split, images, camera)


def read_frame(path: Path) -> Frame:
    """Labels and masks of a `labels.npz`; raises `InputError` if an array is missing or has other values."""
    arrays = {}
    try:
        check_numpy(path)
        with np.load(path, allow_pickle=False) as file:
            for key in ("semantics", "mask_lidar", "mask_camera"):
                arrays[key] = file[key]
    except Exception as error:  # a damaged archive raises anything: zlib.error, BadZipFile, KeyError
        raise InputError(
            f"{path}: expected an archive of semantics, mask_lidar and mask_camera, cannot read it ({error}); copy the "
            "file again"
        ) from error
    for key, array in arrays.items():
        highest = RAW_FREE if key == "semantics" else 1
        if array.dtype.kind not in "iub" or array.shape != GRID.shape_XYZ or array.min() < 0 or array.max() > highest:
            raise InputError(
                f"{path}: {key}: expected integers of 0-{highest} {GRID.shape_XYZ}, got {array.dtype} {array.shape} of "
                f"{array.min() if array.size else 'nothing'}-{array.max() if array.size else ''}; copy the file again"
            )
    seen_XYZ, scored_XYZ = arrays["mask_lidar"].astype(bool), arrays["mask_camera"].astype(bool)
    table = np.arange(RAW_FREE + 1, dtype=np.uint8)
    table[[RAW_OTHERS, RAW_FREE]] = OCC3D.id_of("others"), OCC3D.id_of("empty")
    labels_XYZ = table[arrays["semantics"]]
    labels_XYZ[(labels_XYZ == 0) & ~seen_XYZ & ~scored_XYZ] = UNKNOWN
    return Frame(labels_XYZ, seen_XYZ, scored_XYZ)


def checks(root: Path, split: str) -> Iterator[Check]:
    """Every frame's voxels, the tables, every frame's front picture, and the files that scenes on disk lack."""
    paths = _list_frames(root, split)
    for path in paths:
        yield Check(_name(path), partial(read_frame, path))
    if not paths:
        return
    tables = read_tables(find_tables(root), "CAM_FRONT")
    for path in paths:
        yield Check(_name(path), partial(tables.view, path, path.parent.name, "ego"))

    def files(scene_token: str, sample_token: str) -> tuple[Path, Path]:
        scene = root / "gts" / tables.scene_name[scene_token]
        return scene, scene / sample_token / "labels.npz"

    yield Check(None, partial(tables.check_complete, split, files))


def _list_frames(root: Path, split: str) -> list[Path]:
    """Paths of the frames on disk of the scenes in `split`; the mini set is told by its tables, if it has any."""
    try:
        tables = find_tables(root)
    except InputError:  # without pictures no table is needed
        tables = Path("v1.0-trainval")
    return sorted(path for path in root.glob("gts/*/*/labels.npz") if in_split(path.parts[-3], split, tables))


def _name(path: Path) -> str:
    return f"{path.parts[-3]}/{path.parts[-2]}"
