"""A generated scene as files: labels, mesh, pictures with their labels and depth, cameras, and a page to look at."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occforge import __version__
from occforge.core.camera import Camera, CameraPath
from occforge.core.errors import InputError
from occforge.core.files import write_json
from occforge.core.grid import GridSpec, Scene
from occforge.core.memory import available_bytes
from occforge.pipelines.text_to_scene import GeneratedScene
from occforge.render.mesh import write_glb
from occforge.render.picture import load_rgb, save_depth, save_rgb, save_semantic
from occforge.render.raycast import raycast
from occforge.render.shade import shade_stage
from occforge.render.stage import set_stage
from occforge.render.video import save_video
from occforge.view.gallery import Frame, write_page

BYTES_PER_PIXEL = 64
"""Working memory of rendering, generously: colours at several samples, depth, normals, labels."""

Video = Literal["gif", "mp4", "none"]


def check_picture_size(size_HW: tuple[int, int]) -> None:
    """Raise `InputError` if pictures of that size cannot be made on this machine."""
    if min(size_HW) < 16:
        raise InputError(f"--image-size: expected at least 16 16 (height width), got {size_HW[0]} {size_HW[1]}")
    needed, available = size_HW[0] * size_HW[1] * BYTES_PER_PIXEL, available_bytes()
    if needed > available:
        raise InputError(
            f"--image-size {size_HW[0]} {size_HW[1]} needs about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} GiB "
            "are free; choose a smaller size"
        )


def in_words(values: dict[str, Any]) -> str:
    """Attributes or settings as one line; what lies in an inner dictionary stands in brackets behind its name."""
    parts = []
    for name, value in values.items():
        words = f"({in_words(value)})" if isinstance(value, dict) else str(value)
        parts.append(f"{name.replace('_', ' ')} {words}")
    return ", ".join(parts)


@dataclass(frozen=True)
class Seen:
    """A camera and the picture that belongs to it."""

    camera: Camera
    image_HW3: NDArray[np.uint8]


def write_views(folder: Path, scene: Scene, views: Iterable[Seen]) -> list[Frame]:
    """Write scene.npz, scene.glb, images/, semantic/, depth/ (uint16 mm) and cameras.json into `folder`.

    Labels and depth are what each camera sees of the scene.
    """
    scene.save(folder / "scene.npz")
    write_glb(scene, folder / "scene.glb")
    for name in ("images", "semantic", "depth"):
        (folder / name).mkdir(exist_ok=True)
    frames: list[Frame] = []
    for i, seen in enumerate(views):
        view = raycast(scene, seen.camera)
        image, semantic = folder / "images" / f"{i:06d}.png", folder / "semantic" / f"{i:06d}.png"
        save_rgb(image, seen.image_HW3)
        save_semantic(semantic, view.semantic_HW, scene.taxonomy)
        save_depth(folder / "depth" / f"{i:06d}.png", view.depth_HW)
        frames.append(Frame(seen.camera, image, semantic))
    write_json(folder / "cameras.json", {"cameras": [frame.camera.to_dict() for frame in frames]})
    return frames


def shaded(made: GeneratedScene, path: CameraPath) -> Iterator[Seen]:
    """What the cameras see of a scene, shaded in its weather."""
    weather = (made.understood | made.drawn).get("weather", "clear")
    stage = set_stage(made.scene, made.seed)
    for camera in path.cameras:
        yield Seen(camera, shade_stage(stage, camera, weather))


def write_scene(
    folder: Path,
    made: GeneratedScene,
    path: CameraPath,
    views: Iterable[Seen],
    settings: dict[str, Any],
    video: Video = "none",
) -> None:
    """Write everything that `generate` promises into `folder`, which exists and is the caller's to make atomic.

    What `write_views` writes of what the cameras of `path` see, video.gif or video.mp4 of several frames, prompt.json
    and index.html.
    """
    scene = made.scene
    frames = write_views(folder, scene, views)
    films = []
    if video != "none" and len(frames) > 1:
        film = folder / f"video.{video}"
        save_video(film, (load_rgb(frame.image) for frame in frames))
        films.append((f"{len(frames)} frames", film))
    record = {
        "prompt": made.prompt,
        "seed": made.seed,
        "understood": made.understood,
        "drawn": made.drawn,
        "missing": list(made.missing),
        "attempts": made.attempts,
        "version": __version__,
        **described(settings),
        "frames": len(path.cameras),
        "image_size": list(path.cameras[0].size_HW),
    }
    write_json(folder / "prompt.json", record)
    facts = {
        "seed": str(made.seed),
        "understood": in_words(made.understood) or "nothing in particular",
        "asked for, but not there": in_words({name: made.understood[name] for name in made.missing}) or "nothing",
        "left open, drawn by chance": in_words(made.drawn) or "nothing",
        "grid": grid_in_words(scene.grid),
        "settings": in_words({k: record[k] for k in settings}),
    }
    write_page(folder, "OccForge", made.prompt, scene, films, facts, frames)


def described(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with dataclasses as plain dictionaries."""
    return {k: asdict(v) if hasattr(v, "__dataclass_fields__") else v for k, v in settings.items()}


def grid_in_words(grid: GridSpec) -> str:
    """Shape and voxel size as one line."""
    return " x ".join(map(str, grid.shape_XYZ)) + f" voxels of {grid.voxel_m[0]:g} m"
