"""How pictures reach the disk and share a page: PNG files and contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occforge.core.errors import InputError
from occforge.core.files import atomic_path
from occforge.core.taxonomy import Taxonomy

DEPTH_UNIT_M = 0.001
"""One step of a depth PNG; its 16 bits end at 65.535 m."""


def _write(path: Path, image: Image.Image) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        image.save(stream, "PNG", optimize=True)


def save_rgb(path: Path, rgb_HW3: NDArray[np.uint8]) -> None:
    """Write a colour picture (H, W, 3) uint8 as PNG, atomically."""
    if rgb_HW3.dtype != np.uint8 or rgb_HW3.ndim != 3 or rgb_HW3.shape[2] != 3:
        raise InputError(f"colour picture: expected uint8 (H, W, 3), got {rgb_HW3.dtype} {rgb_HW3.shape}")
    _write(path, Image.fromarray(rgb_HW3))


def load_rgb(path: Path) -> NDArray[np.uint8]:
    """Inverse of `save_rgb`."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def save_depth(path: Path, depth_HW_m: NDArray[np.floating]) -> None:
    """Write depth (H, W) in metres as a 16-bit PNG in millimetres; beyond 65.535 m it is clamped, 0 is no depth."""
    if depth_HW_m.ndim != 2:
        raise InputError(f"depth picture: expected (H, W) in metres, got shape {depth_HW_m.shape}")
    steps_HW = np.clip(np.rint(np.asarray(depth_HW_m, np.float64) / DEPTH_UNIT_M), 0, 65535)
    _write(path, Image.fromarray(steps_HW.astype(np.uint16)))


def load_depth(path: Path) -> NDArray[np.float32]:
    """Inverse of `save_depth`: metres (H, W) float32."""
    with Image.open(path) as image:
        return (np.asarray(image, np.float64) * DEPTH_UNIT_M).astype(np.float32)


def save_semantic(path: Path, semantic_HW: NDArray[np.uint8], taxonomy: Taxonomy) -> None:
    """Write class ids (H, W) uint8 as a PNG whose pixels are the ids and whose palette is the taxonomy's colours."""
    if semantic_HW.dtype != np.uint8 or semantic_HW.ndim != 2:
        raise InputError(f"semantic picture: expected uint8 (H, W), got {semantic_HW.dtype} {semantic_HW.shape}")
    image = Image.fromarray(semantic_HW)
    image.putpalette(taxonomy.palette_K3.tobytes())
    _write(path, image)


def sheet(
    images: Sequence[NDArray[np.uint8]], columns: int, gap: int = 8, background: tuple[int, int, int] = (255, 255, 255)
) -> NDArray[np.uint8]:
    """Contact sheet of colour pictures (H, W, 3) uint8, row by row, each centred in a cell of the largest size."""
    if not images or columns < 1:
        raise InputError(f"sheet: expected at least one picture and one column, got {len(images)} and {columns}")
    H, W = max(image.shape[0] for image in images), max(image.shape[1] for image in images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    out = np.empty((rows * (H + gap) + gap, columns * (W + gap) + gap, 3), np.uint8)
    out[:] = background
    for i, image in enumerate(images):
        h, w = image.shape[:2]
        top = gap + (i // columns) * (H + gap) + (H - h) // 2
        left = gap + (i % columns) * (W + gap) + (W - w) // 2
        out[top : top + h, left : left + w] = image
    return out


def resize_rgb(rgb_HW3: NDArray[np.uint8], size_HW: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture at another size, smoothed where it shrinks; its camera is `camera.resized(size_HW)`."""
    if rgb_HW3.shape[:2] == size_HW:
        return rgb_HW3
    return np.array(Image.fromarray(rgb_HW3).resize((size_HW[1], size_HW[0]), Image.Resampling.BICUBIC))
