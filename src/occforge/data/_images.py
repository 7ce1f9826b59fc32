"""Colour pictures beside the frames, as PNG or JPEG: found and read strictly (`render.picture` writes them)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occforge.core.errors import InputError

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
    try:
        with Image.open(path) as image:
            mode = image.mode
            array = np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: expected a PNG or JPEG image, cannot read it ({error}); copy it again") from error
    if mode != "RGB":
        raise InputError(f"{path}: expected an 8-bit RGB image, got mode {mode}; convert it to RGB")
    return array
