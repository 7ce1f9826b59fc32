"""Your own pictures in, semantic occupancy out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from occforge import __version__
from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.files import write_json
from occforge.core.grid import GridSpec, Scene
from occforge.data.pairs import nearest
from occforge.perception.network import Hints
from occforge.perception.weights import Trained
from occforge.pipelines.write_scene import Seen, grid_in_words, write_views
from occforge.render.overlay import overlay
from occforge.render.picture import resize_rgb, save_rgb
from occforge.view.gallery import write_page

SQUASHED = 1.15
"""A picture is cut where its pixels would otherwise come out so many times as high as wide, or as wide as high: more
than any dataset's, whose pictures are brought to a network's size whole, in training and here."""
LEAST_VISIBLE = 0.01
"""Share of the grid's voxels that must lie inside the picture."""


@dataclass(frozen=True)
class Perceived:
    """What a network read in a picture, and the camera of the part of it that was read."""

    scene: Scene
    camera: Camera
    image_HW3: NDArray[np.uint8]
    read_by: Camera


def perceive(
    trained: Trained,
    image_HW3: NDArray[np.uint8],
    camera: Camera,
    grid: GridSpec | None = None,
    depth_HW_m: NDArray[np.float32] | None = None,
    mirrored: bool = False,
) -> Perceived:
    """Semantic occupancy of `grid` (default: where the network's own lies) from one picture, and its depth if known.

    The picture is brought to the network's size, its camera with it, and cut before where its shape is another
    (`framed`). `mirrored`: its mirror image is read as well, and what both say counts alike; twice the time. Raises
    `InputError` if picture and camera differ in size, if the grid has another shape or voxel than the network's, or if
    the camera hardly sees it.
    """
    if image_HW3.shape[:2] != camera.size_HW:
        raise InputError(
            f"perceive: the camera is of an image of (H, W) {camera.size_HW}, got one of {image_HW3.shape[:2]}; give "
            "the camera of this picture, or resize it"
        )
    own = trained.network.grid
    grid = own if grid is None else grid
    if grid.shape_XYZ != own.shape_XYZ or not np.allclose(grid.voxel_m, own.voxel_m):
        raise InputError(
            f"perceive: this network sees {grid_in_words(own)}, got a grid of {grid_in_words(grid)}; only the origin "
            "may differ, or train a network for that grid"
        )
    shift_44 = np.eye(4)
    shift_44[:3, 3] = np.subtract(grid.origin_m, own.origin_m)
    top, left, read_by = framed(camera, trained.size_HW)
    part = slice(top, top + read_by.size_HW[0]), slice(left, left + read_by.size_HW[1])
    seen = Camera(read_by.K_33, camera.camera_from_grid_44 @ shift_44, read_by.size_HW).resized(trained.size_HW)
    cameras = CameraBatch.stack([seen])
    pixel_BN2, depth_BN = cameras.project(torch.from_numpy(own.centres_N3_m()).float())
    visible = float(cameras.inside(pixel_BN2, depth_BN).float().mean())
    if visible < LEAST_VISIBLE:
        raise InputError(
            f"perceive: the camera sees {100 * visible:.1f} % of the grid, expected {100 * LEAST_VISIBLE:.0f} % or "
            "more; it lies behind or beside: check pose, axes (x forward, y left, z up) and grid origin"
        )
    small_HW3 = resize_rgb(image_HW3[part], trained.size_HW)
    depth = None if depth_HW_m is None else torch.from_numpy(nearest(depth_HW_m[part], trained.size_HW))[None]
    image_B3HW = torch.from_numpy(small_HW3.copy()).permute(2, 0, 1)[None].float() / 255.0
    with torch.no_grad():
        chance_KXYZ = trained.network(image_B3HW, cameras, Hints(depth)).logits_BKXYZ[0].softmax(0)
        if mirrored:
            flipped = CameraBatch.stack([seen.mirrored(own.origin_m[1] + 0.5 * own.extent_m[1])])
            hints = Hints(None if depth is None else depth.flip(2))
            logits = trained.network(image_B3HW.flip(3), flipped, hints).logits_BKXYZ
            chance_KXYZ = chance_KXYZ + logits[0].softmax(0).flip(2)
    labels_XYZ = chance_KXYZ.argmax(0).to(torch.uint8).numpy()
    return Perceived(Scene(labels_XYZ, grid, trained.network.taxonomy), camera, image_HW3, read_by)


def framed(camera: Camera, size_HW: tuple[int, int]) -> tuple[int, int, Camera]:
    """First row and column and the camera of the part of a picture that is to be brought to `size_HW`.

    All of it if it has that size already, as pictures of a dataset have when they are scored, or unless that squashed
    its pixels; then the largest part that keeps them square and has the principal point in its middle, as nearly as
    the picture goes: networks know cars that are as wide as cars are.
    """
    (H, W), (h, w) = camera.size_HW, size_HW
    squashed = (camera.K_33[1, 1] * h / H) / (camera.K_33[0, 0] * w / W)
    if (h, w) == (H, W) or 1.0 / SQUASHED <= squashed <= SQUASHED:
        return 0, 0, camera
    rows, columns = (max(1, round(H * squashed)), W) if squashed < 1.0 else (H, max(1, round(W / squashed)))
    top = min(max(round(camera.K_33[1, 2] - rows / 2), 0), H - rows)
    left = min(max(round(camera.K_33[0, 2] - columns / 2), 0), W - columns)
    return top, left, camera.cropped((top, left), (rows, columns))


def write_perceived(folder: Path, perceived: Perceived, title: str, settings: dict[str, Any]) -> None:
    """The output folder of `generate` for a perceived scene, with the voxels drawn over the picture in overlay/."""
    scene, camera = perceived.scene, perceived.camera
    frames = write_views(folder, scene, [Seen(camera, perceived.image_HW3)])
    drawn = folder / "overlay" / "000000.png"
    drawn.parent.mkdir(exist_ok=True)
    save_rgb(drawn, overlay(scene, camera, perceived.image_HW3))
    write_json(folder / "perceived.json", {"picture": title, "version": __version__, **settings})
    facts = {"grid": grid_in_words(scene.grid), **{k: str(v) for k, v in settings.items()}}
    write_page(folder, "OccForge", title, scene, [("voxels over the picture", drawn)], facts, frames)
