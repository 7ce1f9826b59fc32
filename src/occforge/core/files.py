"""How files reach the disk: whole or not at all."""

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from occforge.core.errors import InputError

CANNOT_WRITE = {
    errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
    errno.ENAMETOOLONG, errno.EISDIR, errno.ELOOP,
}  # fmt: skip
"""What the place decides, not the program."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits; raises `InputError` if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"expected a file at {path}, cannot read it ({error.strerror}); give another") from error


def check_numpy(path: Path) -> None:
    """Raise `ValueError` unless a file begins as one of NumPy does, which takes others for pickles and tells how to
    load them unsafely."""
    with path.open("rb") as stream:
        if not stream.read(6).startswith((b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")):
            raise ValueError("it is no file of NumPy")


def make_folder(folder: Path) -> None:
    """Create a folder if it is not there; raises `InputError` where it cannot be, so that nothing long is lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; choose a folder that you may write to") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary neighbour of `path` that replaces it when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise InputError(
            f"cannot write {path}: {error.strerror}; choose a folder that you may write to, on a disk with room"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def without_nan(value: Any) -> Any:
    """The value with null for every number within that is not finite, which JSON has no words for."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def atomic_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder` when the block ends without an error.

    Raises `InputError` before anything is done if `folder` is not empty (unless `overwrite`) or
    cannot be written. With `overwrite` the old content goes only after the new one is complete.
    """
    folder = folder.resolve()  # a link stays, and "." has a name
    temporary = folder.parent / f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    created: list[Path] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"expected a folder at {folder}, found a file; choose another --out")
        if folder.is_mount():
            raise InputError(
                f"{folder} is where a disk is mounted, and stays; choose a folder in it, as {folder / 'out'}"
            )
        if folder.is_dir() and any(folder.iterdir()) and not overwrite:
            raise InputError(f"{folder} is not empty; choose another --out or pass --overwrite")
        created += [parent for parent in folder.parents if not parent.exists()]
        temporary.mkdir(parents=True)
    except OSError as error:
        _remove_empty(created)
        raise InputError(f"cannot write {folder}: {error.strerror}; choose a folder that you may write to") from error
    try:
        yield temporary
        if folder.exists():
            old = temporary.with_suffix(".old")
            folder.replace(old)
            try:
                temporary.replace(folder)
            except OSError:
                old.replace(folder)
                raise
            shutil.rmtree(old)
        else:
            temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(created)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
