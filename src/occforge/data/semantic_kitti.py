"""SemanticKITTI's semantic scene completion layout, read and written to the byte.

    ROOT/dataset/sequences/SS/{calib.txt, poses.txt, image_2/F.png, voxels/F.{bin,label,invalid,occluded}}

SS two digits, F six digits. `.label` holds little-endian uint16 raw class ids, the other three one bit a voxel, all
in C order over (256, 256, 32) = (x forward, y left, z up). `bin` is what one scan hit, `occluded` what that scan
could not see, `invalid` what no scan ever saw: unknown here. The grid frame is the LiDAR frame.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN, Taxonomy
from occforge.data._binary import frame_stems, read_array, read_bits, write_array, write_bits
from occforge.data._calib import Calibration, ensure_calib, read_calib, read_poses, write_calib, write_poses
from occforge.data._captions import read_caption
from occforge.data._images import find_image, read_image
from occforge.data._rawlabels import RawLabels
from occforge.data.check import Check, check_view
from occforge.data.dataset import Sample
from occforge.render.picture import save_rgb

__all__ = [
    "GRIDS", "PUBLISHED_FRAMES", "SPLITS", "Calibration", "InputFrame", "Masks", "SemanticKitti",
    "SemanticKittiInputs", "checks", "open", "open_inputs", "read_calib", "read_labels", "read_masks", "read_poses",
    "sequence_folder", "write_calib", "write_frame", "write_poses",
]  # fmt: skip

Version = Literal["v1.1", "v1.0"]

GRIDS: dict[Version, GridSpec] = {
    "v1.1": STREET_GRID,
    "v1.0": GridSpec(STREET_GRID.shape_XYZ, STREET_GRID.voxel_m, (0.0, -25.6, -2.2)),
}
"""v1.0 frames fit their LiDAR scans with the grid one voxel (0.2 m) lower than v1.1's."""

SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10"),
    "val": ("08",),
    "test": tuple(f"{sequence}" for sequence in range(11, 22)),
}

PUBLISHED_FRAMES = {"train": 3824, "val": 815}

RAW_LABELS = RawLabels(
    "SemanticKITTI",
    SEMANTIC_KITTI,
    {
        "empty": (0,),
        "car": (10, 252),
        "bicycle": (11,),
        "motorcycle": (15,),
        "truck": (18, 258),
        "other-vehicle": (20, 13, 16, 256, 257, 259),
        "person": (30, 254),
        "bicyclist": (31, 253),
        "motorcyclist": (32, 255),
        "road": (40, 60),
        "parking": (44,),
        "sidewalk": (48,),
        "other-ground": (49,),
        "building": (50,),
        "fence": (51,),
        "vegetation": (70,),
        "trunk": (71,),
        "terrain": (72,),
        "pole": (80,),
        "traffic-sign": (81,),
    },
    unlabelled=(1, 52, 99),
)


@dataclass(frozen=True)
class Masks:
    """Boolean (256, 256, 32) masks of a frame; in real files `invalid` lies in `occluded` and outside `bin`."""

    bin_XYZ: NDArray[np.bool_]
    occluded_XYZ: NDArray[np.bool_]
    invalid_XYZ: NDArray[np.bool_]


@dataclass(frozen=True)
class InputFrame:
    """What a completion network gets to see of a frame: the voxels hit by the scan, and the picture."""

    bin_XYZ: NDArray[np.bool_]
    image_HW3: NDArray[np.uint8] | None
    camera: Camera | None
    name: str


class SemanticKitti:
    """The labelled frames of one split, ordered by sequence and frame.

    A split may lack sequences as long as one frame is there. Frames without a `.label` are left out.
    """

    def __init__(self, root: Path, split: str, images: bool = True, version: Version = "v1.1") -> None:
        if split == "test":
            raise InputError(
                "SemanticKITTI's test sequences 11-21 have no labels: expected split train or val, got test; read "
                "their inputs with semantic_kitti.open_inputs(root)"
            )
        self.taxonomy: Taxonomy = SEMANTIC_KITTI
        self.grid = _grid(version)
        self._images = images
        self._labels = _list_frames(root, split, ".label")
        self._calib = _read_calibs(self._labels) if images else {}

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`; raises `InputError` naming the file if one of its files is missing or wrong."""
        path = self._labels[index]
        scene = Scene(read_labels(path), self.grid, SEMANTIC_KITTI)
        image, camera = _read_view(path, self._calib) if self._images else (None, None)
        caption, mentioned = read_caption(_folder_of(path) / "captions" / f"{path.stem}.json")
        return Sample(scene, image, camera, caption, mentioned, _name(path))


class SemanticKittiInputs:
    """The inputs of one split, labelled or not: every frame with a `.bin`, as `InputFrame`s."""

    def __init__(self, root: Path, split: str, images: bool, version: Version) -> None:
        self.grid = _grid(version)
        self._images = images
        self._bins = _list_frames(root, split, ".bin")
        self._calib = _read_calibs(self._bins) if images else {}

    def __len__(self) -> int:
        return len(self._bins)

    def __getitem__(self, index: int) -> InputFrame:
        path = self._bins[index]
        image, camera = _read_view(path, self._calib) if self._images else (None, None)
        return InputFrame(read_bits(path, self.grid.shape_XYZ), image, camera, _name(path))


def open(root: Path | None, split: str, images: bool = True) -> SemanticKitti:
    """The labelled frames of `split` (`"train"` or `"val"`) under `root`, grid v1.1; the plug-in's entry point."""
    if root is None:
        raise InputError("SemanticKITTI: expected the folder that holds dataset/sequences, got none; give its path")
    return SemanticKitti(Path(root), split, images)


def open_inputs(root: Path, split: str = "test", images: bool = True, version: Version = "v1.1") -> SemanticKittiInputs:
    """Scan voxels and pictures of `split` without labels: all that the test sequences 11-21 have."""
    return SemanticKittiInputs(Path(root), split, images, version)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Training labels of `F.label` with the `F.invalid` beside it: uint8 (256, 256, 32), 255 where unknown.

    Raw 0 is empty, a raw id without a training class is unknown, and so is every voxel that `F.invalid` marks.
    Raises `InputError` if a file has another size or a raw id is not SemanticKITTI's.
    """
    raw_XYZ = read_array(path, "<u2", STREET_GRID.shape_XYZ)
    labels_XYZ = RAW_LABELS.train(path, raw_XYZ)
    labels_XYZ[read_bits(path.with_suffix(".invalid"), STREET_GRID.shape_XYZ)] = UNKNOWN
    return labels_XYZ


def read_masks(path: Path) -> Masks:
    """The three masks beside `F.label` (any suffix of the frame's voxel files will do)."""
    bin_XYZ, occluded_XYZ, invalid_XYZ = (
        read_bits(path.with_suffix(suffix), STREET_GRID.shape_XYZ) for suffix in (".bin", ".occluded", ".invalid")
    )
    return Masks(bin_XYZ, occluded_XYZ, invalid_XYZ)


def write_frame(
    root: Path,
    sequence: str,
    frame: int,
    scene: Scene,
    image_HW3: NDArray[np.uint8] | None = None,
    camera: Camera | None = None,
    masks: Masks | None = None,
) -> Path:
    """Write one frame under `root`/dataset/sequences and return the path of its `.label`.

    `scene` has SemanticKITTI's taxonomy and one of `GRIDS` (the files do not say which). Unknown voxels become
    raw 0 with their `invalid` bit set, so reading gives the same labels back. Without `masks`, `bin` is every
    occupied voxel and `occluded` equals `invalid`. The first picture of a sequence also writes `calib.txt`; later
    ones must have the same camera. `.label` comes last: a frame that has it is complete.
    """
    if scene.taxonomy.names != SEMANTIC_KITTI.names:
        raise InputError(f"SemanticKITTI frame: expected its 20 classes, got taxonomy {scene.taxonomy.name}; map them")
    if not any(_same_grid(scene.grid, grid) for grid in GRIDS.values()):
        raise InputError(f"SemanticKITTI frame: expected grid {STREET_GRID}, got {scene.grid}; resample the scene")
    if not 0 <= frame <= 999_999:
        raise InputError(f"SemanticKITTI frame: expected a frame in 0-999999, got {frame}")
    if (image_HW3 is None) != (camera is None):
        raise InputError("SemanticKITTI frame: expected image and camera together, got one of them; pass both or none")
    unknown_XYZ = ~scene.valid_XYZ
    if masks is None:
        masks = Masks(scene.valid_XYZ & (scene.labels_XYZ != 0), unknown_XYZ, unknown_XYZ)
    _check_masks(masks, unknown_XYZ)
    folder = sequence_folder(root, sequence)
    stem = f"{frame:06d}"
    label_path = folder / "voxels" / f"{stem}.label"
    label_path.unlink(missing_ok=True)
    if image_HW3 is not None and camera is not None:
        if image_HW3.dtype != np.uint8 or image_HW3.shape != (*camera.size_HW, 3):
            raise InputError(
                f"SemanticKITTI frame: expected a uint8 image {(*camera.size_HW, 3)} as its camera says, got "
                f"{image_HW3.dtype} {image_HW3.shape}"
            )
        ensure_calib(folder / "calib.txt", camera)
        save_rgb(folder / "image_2" / f"{stem}.png", image_HW3)
    write_bits(label_path.with_suffix(".bin"), masks.bin_XYZ)
    write_bits(label_path.with_suffix(".invalid"), masks.invalid_XYZ)
    write_bits(label_path.with_suffix(".occluded"), masks.occluded_XYZ)
    write_array(label_path, RAW_LABELS.raw(scene.labels_XYZ))
    return label_path


def checks(root: Path, split: str) -> Iterator[Check]:
    """The calibration and poses of every sequence, and every file of every frame of which one voxel file is there."""
    for sequence in SPLITS[split]:
        folder = _sequences(root) / sequence
        stems = frame_stems(folder / "voxels")
        for stem in stems:
            name, path = f"{sequence}/{stem}", folder / "voxels" / f"{stem}.label"
            if split != "test":
                yield Check(name, partial(read_labels, path))
            for suffix in (".bin",) if split == "test" else (".bin", ".invalid", ".occluded"):
                yield Check(name, partial(read_bits, path.with_suffix(suffix), STREET_GRID.shape_XYZ))
            yield Check(name, partial(_check_image, path))
        if stems:
            yield Check(None, partial(read_calib, folder / "calib.txt"))
            yield Check(None, partial(_check_poses, folder / "poses.txt", int(stems[-1])))


def sequence_folder(root: Path, sequence: str) -> Path:
    """Where the files of a two-digit `sequence` are written."""
    if not re.fullmatch(r"\d\d", sequence):
        raise InputError(f"SemanticKITTI: expected a two-digit sequence such as 00, got '{sequence}'")
    return Path(root) / "dataset" / "sequences" / sequence


def _grid(version: Version) -> GridSpec:
    if version not in GRIDS:
        raise InputError(f"SemanticKITTI version: expected one of {', '.join(GRIDS)}, got '{version}'")
    return GRIDS[version]


def _list_frames(root: Path, split: str, suffix: str) -> list[Path]:
    if split not in SPLITS:
        raise InputError(f"SemanticKITTI split: expected one of {', '.join(SPLITS)}, got '{split}'")
    paths = [
        path
        for sequence in SPLITS[split]
        for path in sorted((_sequences(root) / sequence / "voxels").glob("[0-9]" * 6 + suffix))
    ]
    if not paths:
        raise InputError(
            f"no SemanticKITTI {split} frames under {root}: expected {root}/dataset/sequences/SS/voxels/"
            f"FFFFFF{suffix} with SS one of {', '.join(SPLITS[split])} (beside calib.txt and image_2/); unpack the "
            "voxel archive there or give another root"
        )
    return paths


def _sequences(root: Path) -> Path:
    sequences = root / "dataset" / "sequences"
    return root / "sequences" if not sequences.is_dir() and (root / "sequences").is_dir() else sequences


def _folder_of(path: Path) -> Path:
    return path.parent.parent


def _name(path: Path) -> str:
    return f"{_folder_of(path).name}/{path.stem}"


def _read_calibs(paths: list[Path]) -> dict[Path, Calibration]:
    return {folder: read_calib(folder / "calib.txt") for folder in sorted({_folder_of(path) for path in paths})}


def _read_view(path: Path, calib: dict[Path, Calibration]) -> tuple[NDArray[np.uint8], Camera]:
    folder = _folder_of(path)
    image_HW3 = read_image(find_image(folder / "image_2", path.stem))
    return image_HW3, calib[folder].camera((image_HW3.shape[0], image_HW3.shape[1]))


def _check_image(path: Path) -> None:
    image_path = find_image(_folder_of(path) / "image_2", path.stem)
    image_HW3 = read_image(image_path)
    calib = _folder_of(path) / "calib.txt"
    check_view(image_path, image_HW3, read_calib(calib).camera((image_HW3.shape[0], image_HW3.shape[1])))


def _check_poses(path: Path, last: int) -> None:
    count = len(read_poses(path))
    if count <= last:
        raise InputError(f"{path}: expected a pose for every scan to {last:06d}, got {count}; copy the file again")


def _same_grid(a: GridSpec, b: GridSpec) -> bool:
    return a.shape_XYZ == b.shape_XYZ and np.allclose((*a.voxel_m, *a.origin_m), (*b.voxel_m, *b.origin_m))


def _check_masks(masks: Masks, unknown_XYZ: NDArray[np.bool_]) -> None:
    for name, mask in vars(masks).items():
        if mask.dtype != np.bool_ or mask.shape != STREET_GRID.shape_XYZ:
            raise InputError(
                f"SemanticKITTI masks: expected bool {STREET_GRID.shape_XYZ} {name}, got {mask.dtype} {mask.shape}"
            )
    if not np.array_equal(masks.invalid_XYZ, unknown_XYZ):
        raise InputError("SemanticKITTI masks: expected invalid exactly where the scene is unknown; mask the scene so")
    if np.any(masks.invalid_XYZ & ~masks.occluded_XYZ) or np.any(masks.invalid_XYZ & masks.bin_XYZ):
        raise InputError("SemanticKITTI masks: expected invalid voxels to be occluded and not in bin; mend the masks")
