"""Headerless arrays on disk: read with the size checked, written whole or not at all."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from occforge.core.errors import InputError
from occforge.core.files import atomic_path


def read_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """The C-ordered array of `shape` that fills the file exactly; raises `InputError` with both byte counts if not."""
    data = _read_bytes(path, math.prod(shape) * np.dtype(dtype).itemsize, f"{_by(shape)} {np.dtype(dtype).name}")
    return np.frombuffer(data, dtype).reshape(shape)


def read_bits(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The C-ordered boolean array of `shape`, stored as one bit each, most significant bit first."""
    count = math.prod(shape)
    data = _read_bytes(path, (count + 7) // 8, f"{_by(shape)} bits")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count).reshape(shape).astype(bool)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write the bytes of `array` in C order, atomically; the caller chooses the byte order by its dtype."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(np.ascontiguousarray(array).tobytes())


def write_bits(path: Path, mask: NDArray[np.bool_]) -> None:
    """Inverse of `read_bits`."""
    write_array(path, np.packbits(mask))


def frame_stems(folder: Path) -> list[str]:
    """The six-digit frame numbers of which `folder` holds at least one file, in order."""
    return sorted({path.stem for path in folder.glob("[0-9]" * 6 + ".*")})


def _read_bytes(path: Path, expected: int, content: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: expected {expected} bytes ({content}), cannot read it ({error.strerror}); copy the file there"
        ) from error
    if len(data) != expected:
        fault = "truncated" if len(data) < expected else "too long"
        raise InputError(
            f"{path}: expected {expected} bytes ({content}), got {len(data)}; the file is {fault}, copy it again"
        )
    return data


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
