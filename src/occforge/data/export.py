"""The world written as a dataset: a tree that every reader of that layout takes for its own.

SemanticKITTI: street i becomes frame 5 i of one sequence (voxel frames are every fifth scan there). `bin` and
`occluded` come from a scan at the LiDAR's place, `invalid` from the scene.

CarlaSC: its grid lies round the car, the street ahead of it, so the sensor is put 25.6 m down the street. Classes go
through `CARLA_FROM_KITTI`. 0.375 m is no multiple of 0.2 m: `resample` counts each 0.2 m voxel in the 0.4 x 0.4 x
0.375 m voxel that holds its centre, 4 or 8 of them, and takes their majority; what lies above 1 m is cut off. Counts
are 1 where the scene is known, for no beams were counted; `velodyne` holds the centres of the 0.2 m voxels that a
scan from the sensor hits.

NYUv2: room i becomes frame i of a split, with its picture, depth and labels at 0.02 m.

Every frame is another place: poses put neighbours 1 km apart, so that no temporal model sees them overlap.
"""

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from occforge import __version__
from occforge.core.camera import street_camera
from occforge.core.errors import InputError, check_count
from occforge.core.files import write_json, write_text
from occforge.core.grid import GridSpec, Scene
from occforge.core.threads import use_one_thread
from occforge.data import carla_sc, nyuv2, semantic_kitti
from occforge.data._calib import ensure_calib, write_poses
from occforge.data._classmap import CARLA_FROM_KITTI
from occforge.data._scan import AROUND_DEG, FORWARD_DEG, scan
from occforge.data._transforms import resample
from occforge.data.dataset import Sample
from occforge.data.procedural import check_seeds, make_sample
from occforge.data.rooms import make_room_sample

Layout = Literal["semantic_kitti", "carla_sc", "nyuv2"]

PEER_SIZE_HW = (370, 1220)
"""The picture size to which SemanticKITTI's readers crop."""

DEFAULT_SIZE_HW: dict[Layout, tuple[int, int]] = {
    "semantic_kitti": PEER_SIZE_HW,
    "carla_sc": PEER_SIZE_HW,
    "nyuv2": nyuv2.SIZE_HW,
}

KITTI_FRAME_STEP = 5
PLACE_DISTANCE_M = 1000.0

MAX_FRAMES: dict[Layout, int] = {
    "semantic_kitti": 1_000_000 // KITTI_FRAME_STEP,
    "carla_sc": 1_000_000,
    "nyuv2": 10_000,
}
"""Frame numbers have six digits, NYUv2's four."""

CARLA_AHEAD_M = 25.6
"""How far down the street the sensor of a CarlaSC frame stands."""

_DEFAULT_SEQUENCE: dict[Layout, str] = {"semantic_kitti": "00", "carla_sc": "Town01_Light", "nyuv2": "train"}


@dataclass(frozen=True)
class _Job:
    """Everything that decides the bytes of the exported frames."""

    layout: Layout
    sequence: str
    first_seed: int
    images: bool
    size_HW: tuple[int, int]


def export_world(
    root: Path,
    layout: Layout,
    count: int,
    first_seed: int = 0,
    sequence: str | None = None,
    workers: int = 1,
    images: bool = True,
    size_HW: tuple[int, int] | None = None,
) -> Path:
    """Write the streets or rooms of `count` seeds from `first_seed` into one sequence under `root`; return its folder.

    `sequence` is "00" to "21" for SemanticKITTI, `TownNN_Traffic` for CarlaSC and "train" or "test" for NYUv2. Beside
    the dataset's own files it writes pictures of `size_HW` (unless `images` is False), `calib.txt`, `poses.txt`,
    `captions/F.json`, `captions.txt` and `export.json`; NYUv2 has no calibration and poses and always pictures of one
    size. Frames that are complete are skipped, so a broken run is resumed, and a larger
    `count` adds frames; the same arguments give the same bytes with any number of `workers` (processes). Raises
    `InputError` if the sequence holds something that was not exported with these arguments.
    """
    if layout not in _DEFAULT_SEQUENCE:
        raise InputError(f"export layout: expected one of {', '.join(_DEFAULT_SEQUENCE)}, got '{layout}'")
    check_seeds(first_seed, count)
    check_count("--workers", workers)
    if count > MAX_FRAMES[layout]:
        raise InputError(f"export: a {layout} sequence has at most {MAX_FRAMES[layout]} frames, got {count}; use more")
    size_HW = size_HW or DEFAULT_SIZE_HW[layout]
    if layout == "nyuv2" and (not images or size_HW != nyuv2.SIZE_HW):
        raise InputError(f"export: nyuv2 frames have pictures of {nyuv2.SIZE_HW}, got {size_HW} and images={images}")
    job = _Job(layout, sequence or _DEFAULT_SEQUENCE[layout], first_seed, images, size_HW)
    folder = _folder(root, job)
    total = max(count, _claim(folder, job))
    write_json(folder / "export.json", {**_plain(job), "count": total})
    if layout != "nyuv2":
        if images:
            ensure_calib(folder / "calib.txt", street_camera(size_HW).moved(_sensor_shift_m(layout)))
        _write_poses(folder, layout, total)
    missing = [i for i in range(count) if not _label_path(folder, layout, i).is_file()]
    progress = tqdm(_written(Path(root), job, missing, workers), desc=layout, total=count, initial=count - len(missing))
    for _ in progress:
        pass
    _gather_captions(folder)
    return folder


def _written(root: Path, job: _Job, indices: list[int], workers: int) -> Iterator[int]:
    """Write the frames `indices`, in this process or in others, and yield each when it is done."""
    if workers == 1 or len(indices) < 2:
        for index in indices:
            yield _write_frame(root, job, index)
        return
    # Spawned, not forked: a fork after numba or torch started their threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(indices)), mp_context=context, initializer=use_one_thread)
    try:
        for future in as_completed([pool.submit(_write_frame, root, job, index) for index in indices]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _write_frame(root: Path, job: _Job, index: int) -> int:
    seed = job.first_seed + index
    if job.layout == "nyuv2":
        sample = make_room_sample(seed, job.size_HW, "fine")
    else:
        sample = make_sample(seed, street_camera(job.size_HW) if job.images else None)
    folder = _folder(root, job)
    path = _label_path(folder, job.layout, index)
    caption = {"caption": sample.caption, "mentioned": sample.mentioned, "seed": seed}
    write_json(folder / "captions" / f"{path.stem}.json", caption)
    if job.layout == "nyuv2":
        assert sample.image_HW3 is not None and sample.depth_HW_m is not None and sample.camera is not None
        nyuv2.write_frame(root, job.sequence, index, sample.scene, sample.image_HW3, sample.depth_HW_m, sample.camera)
    elif job.layout == "semantic_kitti":
        _write_kitti(root, job, int(path.stem), sample)
    else:
        _write_carla(root, job, int(path.stem), sample)
    return index


def _write_kitti(root: Path, job: _Job, frame: int, sample: Sample) -> None:
    hit_XYZ, occluded_XYZ = scan(sample.scene, yaw_deg=FORWARD_DEG)
    masks = semantic_kitti.Masks(hit_XYZ, occluded_XYZ, ~sample.scene.valid_XYZ)
    semantic_kitti.write_frame(root, job.sequence, frame, sample.scene, sample.image_HW3, sample.camera, masks)


def _write_carla(root: Path, job: _Job, frame: int, sample: Sample) -> None:
    fine = _round_sensor(CARLA_FROM_KITTI.scene(sample.scene))
    camera = None if sample.camera is None else sample.camera.moved(_sensor_shift_m("carla_sc"))
    coarse = resample(fine, carla_sc.COARSE_GRID)
    hit_XYZ, _ = scan(fine, yaw_deg=AROUND_DEG)
    point_N4 = np.zeros((int(hit_XYZ.sum()), 4), np.float32)
    point_N4[:, :3] = fine.grid.metres_from_index(np.argwhere(hit_XYZ) + 0.5)
    carla_sc.write_frame(root, job.sequence, frame, coarse, sample.image_HW3, camera, point_N4=point_N4)


def _round_sensor(scene: Scene) -> Scene:
    """The same voxels in the frame of a sensor `CARLA_AHEAD_M` down the street."""
    x, y, z = scene.grid.origin_m
    dx, dy, dz = _sensor_shift_m("carla_sc")
    grid = GridSpec(scene.grid.shape_XYZ, scene.grid.voxel_m, (x + dx, y + dy, z + dz))
    return Scene(scene.labels_XYZ, grid, scene.taxonomy)


def _sensor_shift_m(layout: Layout) -> tuple[float, float, float]:
    """The street frame's origin in the layout's frame."""
    return (-CARLA_AHEAD_M, 0.0, 0.0) if layout == "carla_sc" else (0.0, 0.0, 0.0)


def _folder(root: Path, job: _Job) -> Path:
    if job.layout == "carla_sc":
        return carla_sc.scene_folder(root, job.sequence)
    if job.layout == "nyuv2":
        if job.sequence not in nyuv2.SPLITS:
            raise InputError(f"export: expected NYUv2's split {' or '.join(nyuv2.SPLITS)}, got '{job.sequence}'")
        return Path(root) / "depthbin" / nyuv2.SPLITS[job.sequence]
    return semantic_kitti.sequence_folder(root, job.sequence)


def _label_path(folder: Path, layout: Layout, index: int) -> Path:
    if layout == "carla_sc":
        return folder / "evaluation" / f"{index:06d}.label"
    if layout == "nyuv2":
        return folder / f"NYU{index:04d}_0000.bin"
    return folder / "voxels" / f"{KITTI_FRAME_STEP * index:06d}.label"


def _plain(job: _Job) -> dict[str, Any]:
    return {**asdict(job), "size_HW": list(job.size_HW), "version": __version__}


def _claim(folder: Path, job: _Job) -> int:
    """Frames that an earlier export promised here; raises `InputError` if the folder is not this export's."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return 0
    path = folder / "export.json"
    if not path.is_file():
        raise InputError(f"{folder} holds files that no export wrote; export to another root or sequence")
    try:
        present: dict[str, Any] = json.loads(path.read_text())
        count = int(present.pop("count"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not readable ({error!r}); remove {folder} and export again") from error
    differing = sorted(key for key, value in _plain(job).items() if present.get(key) != value)
    if differing:
        raise InputError(
            f"{folder} was exported with another {', '.join(differing)} ({[present.get(key) for key in differing]}); "
            "export to another root or sequence, or pass the same"
        )
    return count


def _write_poses(folder: Path, layout: Layout, count: int) -> None:
    """One pose a scan, also for the scans between the frames; KITTI's run along camera 0's z, CarlaSC's along x."""
    step = KITTI_FRAME_STEP if layout == "semantic_kitti" else 1
    poses_N44 = np.tile(np.eye(4), (step * (count - 1) + 1, 1, 1))
    poses_N44[:, 2 if layout == "semantic_kitti" else 0, 3] = PLACE_DISTANCE_M / step * np.arange(len(poses_N44))
    write_poses(folder / "poses.txt", poses_N44)
    write_text(folder / "times.txt", "".join(f"{0.1 * n:.6e}\n" for n in range(len(poses_N44))))


def _gather_captions(folder: Path) -> None:
    """`captions.txt`: one line a frame, its number, a tab and its caption."""
    lines = []
    for path in sorted((folder / "captions").glob("*.json")):
        text = json.loads(path.read_text())["caption"]
        lines.append(f"{path.stem}\t{text}\n")
    write_text(folder / "captions.txt", "".join(lines))
