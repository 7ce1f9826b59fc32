"""Pictures in the order in which a camera took them, as one file that plays: GIF, or MP4 where PyAV is installed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occforge.core.errors import InputError
from occforge.core.files import atomic_path

FRAMES_PER_SECOND = 8
"""Frames 0.8 m apart are then a drive at 23 km/h."""


def save_video(path: Path, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Write RGB frames (H, W, 3) uint8 of one size, atomically; the suffix says how: .gif or .mp4.

    A GIF has 256 colours a frame; an MP4 (H.264) an even number of rows and columns, the last of odd ones repeated.
    """
    write = {".gif": _write_gif, ".mp4": _write_mp4}.get(path.suffix)
    if write is None:
        raise InputError(f"video: expected a name that ends in .gif or .mp4, got {path.name}")
    with atomic_path(path) as temporary:
        write(temporary, iter(frames))


def check_video(suffix: str) -> None:
    """Raise `InputError` if a video of that kind cannot be written here."""
    if suffix == ".mp4":
        _av()


def _write_gif(path: Path, frames: Iterator[NDArray[np.uint8]]) -> None:
    pictures = (Image.fromarray(f).quantize(256, dither=Image.Dither.FLOYDSTEINBERG) for f in frames)
    with path.open("wb") as stream:
        first, duration_ms = next(pictures), 1000 // FRAMES_PER_SECOND
        first.save(stream, "GIF", save_all=True, append_images=pictures, duration=duration_ms, loop=0)


def _write_mp4(path: Path, frames: Iterator[NDArray[np.uint8]]) -> None:
    av = _av()
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for frame_HW3 in frames:
            H, W = frame_HW3.shape[:2]
            even_HW3 = np.pad(frame_HW3, ((0, H % 2), (0, W % 2), (0, 0)), mode="edge")
            if stream is None:
                stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "18", "threads": "1"})
                stream.height, stream.width, stream.pix_fmt = *even_HW3.shape[:2], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even_HW3), format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def _av():  # type: ignore[no-untyped-def]
    try:
        import av
    except ModuleNotFoundError as error:
        raise InputError("MP4 needs one more package; install it with: pip install 'occforge[video]'") from error
    return av
