"""One page that shows a scene: pictures, facts, and a 3D view that is also the cameras'; a single file, opens offline.

The page asks no host for anything: pictures and labels are inside it, and its content security policy forbids
the rest. `page.html` is its frame, `viewer.js` draws the voxels.
"""

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.files import write_text
from occforge.core.grid import GridSpec, Scene

MEDIA = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}
MAX_SIDE = 65535
"""Voxels along an edge that the page's 16-bit vertices can count."""


@dataclass(frozen=True)
class Frame:
    """A camera, and what it sees as PNG files: the picture and the labels' colours."""

    camera: Camera
    image: Path
    labels: Path


def clip_from_view_44(camera: Camera, grid: GridSpec) -> NDArray[np.float64]:
    """OpenGL's clip space from metres around the middle of the grid, so that the camera's picture fills it.

    Depth runs from a twentieth of a metre to beyond the grid.
    """
    (H, W), K_33 = camera.size_HW, camera.K_33
    middle_m = np.asarray(grid.origin_m) + 0.5 * np.asarray(grid.extent_m)
    near = 0.05
    far = float(np.linalg.norm(camera.grid_from_camera_44[:3, 3] - middle_m) + np.linalg.norm(grid.extent_m))
    clip_from_camera_44 = np.zeros((4, 4))
    clip_from_camera_44[0, :3] = 2.0 / W * K_33[0] - K_33[2]
    clip_from_camera_44[1, :3] = K_33[2] - 2.0 / H * K_33[1]
    clip_from_camera_44[2, 2:] = (far + near) / (far - near), -2.0 * far * near / (far - near)
    clip_from_camera_44[3, :3] = K_33[2]
    grid_from_view_44 = np.eye(4)
    grid_from_view_44[:3, 3] = middle_m
    clip_from_view: NDArray[np.float64] = clip_from_camera_44 @ camera.camera_from_grid_44 @ grid_from_view_44
    return clip_from_view


def _camera_json(camera: Camera, grid: GridSpec) -> dict[str, object]:
    """A camera as `viewer.js` reads it; matrices by column, position in metres from the middle of the grid."""
    grid_from_camera_44 = camera.grid_from_camera_44
    eye = grid_from_camera_44[:3, 3] - np.asarray(grid.origin_m) - 0.5 * np.asarray(grid.extent_m)
    return {
        "clip_from_view": clip_from_view_44(camera, grid).T.ravel().round(6).tolist(),
        "eye": eye.round(4).tolist(),
        "forward": grid_from_camera_44[:3, 2].round(6).tolist(),
        "aspect": camera.size_HW[1] / camera.size_HW[0],
    }


def scene_json(scene: Scene, cameras: Sequence[Camera] = ()) -> str:
    """The scene as `viewer.js` reads it: shape, voxel size in metres, names, colours, zlib-packed labels, cameras."""
    if max(scene.grid.shape_XYZ) > MAX_SIDE:
        raise InputError(f"page: expected at most {MAX_SIDE} voxels along an edge, got {scene.grid.shape_XYZ}")
    return json.dumps(
        {
            "shape": list(scene.grid.shape_XYZ),
            "voxel_m": list(scene.grid.voxel_m),
            "names": list(scene.taxonomy.names),
            "colors": [list(color) for color in scene.taxonomy.colors],
            "labels": base64.b64encode(zlib.compress(scene.labels_XYZ.tobytes(), 9)).decode(),
            "cameras": [_camera_json(camera, scene.grid) for camera in cameras],
        },
        separators=(",", ":"),
    ).replace("<", "\\u003c")  # a class name must not be able to end the script element


def _figure(caption: str, path: Path, frame: int | None = None) -> str:
    """A picture with its caption; `frame` says which camera's it is."""
    if not path.is_file():
        raise InputError(f"page: expected a picture at {path}, found none; write the pictures first")
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    source = f'src="data:{MEDIA[path.suffix]};base64,{data}"'
    if path.suffix == ".mp4":
        image = f'<video {source} aria-label="{text}" autoplay loop muted playsinline controls></video>'
    else:
        image = f'<img {source} alt="{text}" loading="lazy">'
    mark = "" if frame is None else f' data-frame="{frame}"'
    return f"<figure{mark}>{image}<figcaption>{text}</figcaption></figure>"


def write_page(
    folder: Path,
    title: str,
    prompt: str,
    scene: Scene,
    images: Sequence[tuple[str, Path]] = (),
    facts: Mapping[str, object] | None = None,
    frames: Sequence[Frame] = (),
) -> Path:
    """Write `folder/index.html` and return its path; `images` are captions with PNG, GIF or MP4 files.

    `frames` are looked at one at a time, below the 3D view and, laid over the voxels, in it.
    """
    rows = [
        f"<div><dt>{html.escape(str(name))}</dt><dd>{html.escape(str(value))}</dd></div>"
        for name, value in (facts or {}).items()
    ]
    figures = []
    for i, frame in enumerate(frames):
        figures += [_figure(f"camera {i}", frame.image, i), _figure(f"labels {i}", frame.labels, i)]
    figures += [_figure(caption, path) for caption, path in images]
    parts = {
        "title": html.escape(title),
        "prompt": f'<p class="prompt">{html.escape(prompt)}</p>' if prompt else "",
        "images": "".join(figures),
        "facts": f"<dl>{''.join(rows)}</dl>" if rows else "",
        "scene": scene_json(scene, [frame.camera for frame in frames]),
        "viewer": (files("occforge.view") / "viewer.js").read_text(encoding="utf-8"),
    }
    page = (files("occforge.view") / "page.html").read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found.group(1)], page)
    path = folder / "index.html"
    write_text(path, page)
    return path
