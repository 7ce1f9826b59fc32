"""Pictures beside the frames: colour as PNG or JPEG, found and read strictly, and 16-bit PNG.

`render.picture` writes colour as PNG.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occforge.core.errors import InputError
from occforge.core.files import atomic_path

SUFFIXES = (".png", ".jpg", ".jpeg")


def find_image(folder: Path, stem: str) -> Path:
    """The picture `stem` in `folder`, PNG before JPEG; raises `InputError` if there is none."""
    for suffix in SUFFIXES:
        path = folder / f"{stem}{suffix}"
        if path.is_file():
            return path
    raise InputError(
        f"no image for frame {stem}: expected {folder / stem}.png (or .jpg); copy the images there, or open the "
        "dataset with images=False"
    )


def read_image(path: Path) -> NDArray[np.uint8]:
    """The picture as uint8 (H, W, 3); raises `InputError` if it is unreadable or not 8-bit RGB."""
    mode, array = _open(path, "a PNG or JPEG image")
    if mode != "RGB":
        raise InputError(f"{path}: expected an 8-bit RGB image, got mode {mode}; convert it to RGB")
    return array


def save_jpeg(path: Path, rgb_HW3: NDArray[np.uint8]) -> None:
    """Write a colour picture (H, W, 3) uint8 as JPEG of quality 95, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        Image.fromarray(rgb_HW3).save(stream, "JPEG", quality=95)


def read_png16(path: Path) -> NDArray[np.uint16]:
    """A grey picture of 16 bits as uint16 (H, W); raises `InputError` if it is unreadable or of another kind."""
    mode, array = _open(path, "a 16-bit grey PNG")
    if mode not in ("I;16", "I"):
        raise InputError(f"{path}: expected a 16-bit grey PNG, got mode {mode}; copy the file again")
    return array.astype(np.uint16)


def save_png16(path: Path, value_HW: NDArray[np.uint16]) -> None:
    """Inverse of `read_png16`, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        Image.fromarray(value_HW).save(stream, "PNG")


def _open(path: Path, kind: str) -> tuple[str, NDArray[Any]]:
    try:
        with Image.open(path) as image:
            return image.mode, np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: expected {kind}, cannot read it ({error}); copy it again") from error
