"""One page that shows a generated scene: pictures, facts and a 3D view, all in a single file that opens offline.

The page asks no host for anything: pictures and labels are inside it, and its content security policy forbids
the rest. `page.html` is its frame, `viewer.js` draws the voxels.
"""

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from occforge.core.errors import InputError
from occforge.core.files import write_text
from occforge.core.grid import Scene

MEDIA = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}
MAX_SIDE = 65535
"""Voxels along an edge that the page's 16-bit vertices can count."""


def scene_json(scene: Scene) -> str:
    """The scene as `viewer.js` reads it: shape, voxel size in metres, names, colours and zlib-packed labels."""
    if max(scene.grid.shape_XYZ) > MAX_SIDE:
        raise InputError(f"page: expected at most {MAX_SIDE} voxels along an edge, got {scene.grid.shape_XYZ}")
    return json.dumps(
        {
            "shape": list(scene.grid.shape_XYZ),
            "voxel_m": list(scene.grid.voxel_m),
            "names": list(scene.taxonomy.names),
            "colors": [list(color) for color in scene.taxonomy.colors],
            "labels": base64.b64encode(zlib.compress(scene.labels_XYZ.tobytes(), 9)).decode(),
        },
        separators=(",", ":"),
    ).replace("<", "\\u003c")  # a class name must not be able to end the script element


def _figure(caption: str, path: Path) -> str:
    if not path.is_file():
        raise InputError(f"page: expected a picture at {path}, found none; write the pictures first")
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    source = f'src="data:{MEDIA[path.suffix]};base64,{data}"'
    if path.suffix == ".mp4":
        image = f'<video {source} aria-label="{text}" autoplay loop muted playsinline controls></video>'
    else:
        image = f'<img {source} alt="{text}" loading="lazy">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"


def write_page(
    folder: Path,
    title: str,
    prompt: str,
    scene: Scene,
    images: Sequence[tuple[str, Path]] = (),
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write `folder/index.html` and return its path; `images` are captions with PNG, GIF or MP4 files."""
    rows = [
        f"<div><dt>{html.escape(str(name))}</dt><dd>{html.escape(str(value))}</dd></div>"
        for name, value in (facts or {}).items()
    ]
    parts = {
        "title": html.escape(title),
        "prompt": f'<p class="prompt">{html.escape(prompt)}</p>' if prompt else "",
        "images": "".join(_figure(caption, path) for caption, path in images),
        "facts": f"<dl>{''.join(rows)}</dl>" if rows else "",
        "scene": scene_json(scene),
        "viewer": (files("occforge.view") / "viewer.js").read_text(encoding="utf-8"),
    }
    page = (files("occforge.view") / "page.html").read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found.group(1)], page)
    path = folder / "index.html"
    write_text(path, page)
    return path
