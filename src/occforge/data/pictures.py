"""Users' own pictures and videos as arrays: files of any common kind, refused with a reason where they are none."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from occforge.core.errors import InputError

LARGEST_PIXELS = 64_000_000
"""Pictures with more pixels are refused before they are decoded."""
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".gif"})


@dataclass(frozen=True)
class Picture:
    """RGB uint8 (H, W, 3), upright, and a name that is unique among its siblings and safe as a folder's."""

    name: str
    image_HW3: NDArray[np.uint8]


def read_picture(path: Path) -> Picture:
    """One file; raises `InputError` if it is missing, no picture, damaged, or too large to be meant."""
    if not path.is_file():
        raise InputError(f"expected a picture at {path}, found none; give the path of an image, folder or video")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged below, before decoding
            image = Image.open(path)
        with image:
            W, H = image.size
            if W * H > LARGEST_PIXELS:
                raise InputError(
                    f"{path}: expected at most {LARGEST_PIXELS // 10**6} megapixels, got {W} x {H} "
                    f"({W * H / 1e6:.0f} megapixels); resize the picture and scale its camera with it"
                )
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return Picture(path.stem, np.array(upright))
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path}: expected at most {LARGEST_PIXELS // 10**6} megapixels ({error}); resize it"
        ) from error
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: expected a picture such as PNG or JPEG, cannot read it ({reason})") from error


def count_pictures(path: Path) -> int | None:
    """How many pictures `read_pictures` will give; None where only reading tells."""
    if path.is_dir():
        return len(_files(path))
    return None if path.suffix.lower() in VIDEO_SUFFIXES else 1


def read_pictures(path: Path) -> Iterator[Picture]:
    """A picture, the pictures of a folder in order of their names, or the frames of a video.

    Raises `InputError` where there is nothing to read.
    """
    if path.is_dir():
        for file in _files(path):
            yield read_picture(file)
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        yield from _frames(path)
    else:
        yield read_picture(path)


def _files(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise InputError(f"{folder}: expected pictures ({', '.join(sorted(PICTURE_SUFFIXES))}), found none")
    for one, other in pairwise(sorted(files, key=lambda p: p.stem.lower())):
        if one.stem.lower() == other.stem.lower():
            raise InputError(f"{folder}: expected names that differ, got {one.name} and {other.name}; rename one")
    return files


def _frames(path: Path) -> Iterator[Picture]:
    if not path.is_file():
        raise InputError(f"expected a video at {path}, found none")
    try:
        import av
    except ModuleNotFoundError as error:
        raise InputError("videos need one more package; install it with: pip install 'occforge[video]'") from error
    try:
        with av.open(str(path)) as container:
            for i, frame in enumerate(container.decode(video=0)):
                turned_HW3 = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                upright_HW3 = np.rot90(turned_HW3, round(getattr(frame, "rotation", 0) / 90))
                yield Picture(f"{i:06d}", np.ascontiguousarray(upright_HW3))
    except (av.error.FFmpegError, IndexError) as error:
        raise InputError(f"{path}: expected a video, cannot read it ({' '.join(str(error).split())})") from error
