"""`occforge perceive IMAGE`: semantic occupancy from your own picture, folder of pictures or video."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from occforge.cli._parse import call
from occforge.core.errors import InputError

if TYPE_CHECKING:
    from occforge.core.camera import Camera
    from occforge.core.grid import GridSpec

FIELDS_OF_VIEW = {"street": 82.0, "semantic_kitti": 82.0, "kitti360": 103.8, "nuscenes": 64.6, "nyuv2": 63.3}
"""Horizontal degrees of the cameras of known datasets, whose principal point is near the middle."""
KITTI_POSE = (0.27, 0.0, -0.08, 0.0, 0.0)
"""Of SemanticKITTI's left colour camera, as --pose takes it."""


def perceive(
    image: Annotated[Path, tyro.conf.Positional],
    /,
    out: Path | None = None,
    camera: Path | None = None,
    fov: float | None = None,
    like: str = "street",
    pose: tuple[float, float, float, float, float] | None = None,
    grid: tuple[float, float, float] | None = None,
    weights: Path | None = None,
    mirrored: bool = False,
    complete: bool = False,
    prompt: str = "",
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Read semantic occupancy in a picture, in every picture of a folder, or in every frame of a video.

    Args:
        image: A picture, a folder of pictures, or a video.
        out: Folder for the files; default out/perceived-<name>. Several pictures get a folder each within it.
        camera: JSON with K_33, and camera_from_grid_44 if --pose shall not count; a cameras.json of ours will do.
        fov: Horizontal field of view in degrees, instead of a camera file.
        like: Known dataset whose field of view the picture has: street, semantic_kitti, kitti360, nuscenes, nyuv2.
        pose: Camera in the grid's frame (x forward, y left, z up): x, y, z in metres, degrees left, degrees down.
            Default: KITTI's, for networks of its grid.
        grid: Lower corner of the grid in metres, instead of the network's own, in the same frame.
        weights: File of a trained network; default: the one that ships.
        mirrored: Read the mirror image of every picture, too, and let both count alike: better, at twice the time.
        complete: What the camera could not see is composed by the scene generator, in its voxels of 0.2 m.
        prompt: With --complete: what the street is like where the picture does not show it.
        seed: With --complete: the same seed gives the same files again.
        overwrite: Replace the content of a folder that is not empty.
    """
    from tqdm import tqdm

    from occforge.core.files import atomic_folder
    from occforge.core.grid import GridSpec
    from occforge.data.pictures import count_pictures, read_pictures
    from occforge.pipelines.complete_scene import complete_scene
    from occforge.pipelines.perceive import perceive as read_scene
    from occforge.pipelines.perceive import write_perceived
    from occforge.pipelines.text_to_scene import SamplingConfig
    from occforge.weights import load_generator, load_perception

    trained = load_perception(weights)
    if (prompt or seed) and not complete:
        raise InputError("--prompt and --seed: expected --complete with them, got none; add it or leave them out")
    composition = load_generator(None)[0] if complete else None
    own = trained.network.grid
    asked = own if grid is None else GridSpec(own.shape_XYZ, own.voxel_m, grid)
    folder = Path("out") / f"perceived-{image.stem}" if out is None else out
    count = count_pictures(image)
    with atomic_folder(folder, overwrite) as files:
        for picture in tqdm(read_pictures(image), total=count, desc="pictures", disable=count == 1):
            size_HW = (picture.image_HW3.shape[0], picture.image_HW3.shape[1])
            seen_by = read_camera(camera, size_HW, fov, like, pose, own)
            target = files if count == 1 else files / picture.name
            target.mkdir(exist_ok=True)
            perceived = read_scene(trained, picture.image_HW3, seen_by, asked, mirrored=mirrored)
            settings: dict[str, Any] = {
                "network": trained.name,
                "weights": str(weights or "embedded"),
                "mirrored": mirrored,
                "camera": seen_by.to_dict(),
                "read_by": perceived.read_by.to_dict(),
            }
            if composition is not None:
                whole = complete_scene(composition, perceived.scene, perceived.read_by, prompt, seed, SamplingConfig())
                perceived = replace(perceived, scene=whole.scene)
                settings |= {"complete": True, "prompt": prompt, "seed": seed}
            write_perceived(target, perceived, picture.name, settings)
    print(f"look at it: {folder / 'index.html' if count == 1 else folder}")


def read_camera(
    file: Path | None,
    size_HW: tuple[int, int],
    fov_deg: float | None,
    like: str,
    pose: tuple[float, float, float, float, float] | None,
    grid: "GridSpec",
) -> "Camera":
    """The camera of a picture of `size_HW`: from a file, or from a field of view and a pose.

    Without a pose it stands where KITTI's does, if `grid` is KITTI's or coarser; else `InputError`.
    """
    from occforge.core.camera import Camera, look_camera
    from occforge.core.grid import STREET_GRID

    if like not in FIELDS_OF_VIEW:
        raise InputError(f"--like: expected one of {', '.join(FIELDS_OF_VIEW)}, got '{like}'")
    if fov_deg is not None and not 1.0 <= fov_deg <= 170.0:
        raise InputError(f"--fov: expected 1 to 170 degrees, got {fov_deg:g}")
    if pose is not None and not all(map(math.isfinite, pose)):
        raise InputError(f"--pose: expected five finite numbers, got {' '.join(map(str, pose))}")
    pose = pose or (KITTI_POSE if STREET_GRID.factor_of(grid) else None)
    said = {} if file is None else read_camera_file(file)
    if pose is None and "camera_from_grid_44" not in said:
        raise InputError(
            "perceive: expected --pose or a --camera file with camera_from_grid_44, got neither; the default is where "
            f"KITTI's camera stands, and this network's grid begins at {grid.origin_m}"
        )
    x, y, z, yaw_deg, pitch_deg = pose or KITTI_POSE
    fov_rad = math.radians(FIELDS_OF_VIEW[like] if fov_deg is None else fov_deg)
    posed = look_camera((x, y, z), fov_rad, size_HW, math.radians(yaw_deg), math.radians(pitch_deg))
    try:
        return Camera.from_dict(posed.to_dict() | said)
    except InputError as error:
        raise InputError(f"--camera {file}: {error}") from error


def read_camera_file(file: Path) -> dict[str, Any]:
    """What a JSON file says of a camera, or of the first of its cameras."""
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"--camera {file}: expected a JSON file, cannot read it ({error})") from error
    cameras = value.get("cameras") if isinstance(value, dict) else None
    value = cameras[0] if isinstance(cameras, list) and cameras else value
    if not isinstance(value, dict) or "K_33" not in value:
        got = f"only {', '.join(value)}" if isinstance(value, dict) and value else "none"
        raise InputError(
            f'--camera {file}: expected an object with K_33, as {{"K_33": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]}}, got '
            + got
        )
    return value


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(perceive, program, arguments)
