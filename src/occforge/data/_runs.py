"""Run-length codes of label arrays: (value, count) pairs of little-endian uint32, as NYUv2's voxel files have them."""

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError


def encode_runs(labels: NDArray[np.uint8]) -> bytes:
    """The shortest runs of `labels` (any shape, C order)."""
    flat = labels.ravel()
    if not flat.size:
        return b""
    first = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    count = np.diff(np.append(first, flat.size))
    return np.stack([flat[first], count], axis=1).astype("<u4").tobytes()


def decode_runs(data: bytes, length: int, what: str) -> NDArray[np.uint8]:
    """Inverse of `encode_runs`, (length,) uint8; raises `InputError` beginning with `what` if the runs do not fit."""
    if len(data) % 8:
        raise InputError(
            f"{what}: expected runs of 8 bytes (value, count), got {len(data)} bytes; the file is truncated, copy it "
            "again"
        )
    value, count = np.frombuffer(data, "<u4").reshape(-1, 2).T
    total = int(count.sum(dtype=np.uint64))
    if total != length:
        fault = "truncated" if total < length else "of another grid"
        raise InputError(
            f"{what}: expected runs that sum to {length} voxels, got {total}; the file is {fault}, copy it again"
        )
    if value.size and value.max() > 255:
        raise InputError(f"{what}: expected run values of 0-255, got {value.max()}; copy the file again")
    return np.repeat(value.astype(np.uint8), count)
