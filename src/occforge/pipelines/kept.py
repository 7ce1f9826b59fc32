"""Long evaluations keep what they have made, so that a stopped one goes on where it was."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from occforge.core.errors import InputError
from occforge.core.files import atomic_path, write_json

Arrays = dict[str, NDArray[Any]]


def claim_folder(folder: Path, made_from: dict[str, Any]) -> None:
    """Remember in `folder` what its content is made from; raises `InputError` if it holds what was made otherwise."""
    record = json.loads(json.dumps(made_from))
    path = folder / "run.json"
    if path.exists() and json.loads(path.read_text()) != record:
        raise InputError(f"{folder} holds results of other weights or settings; give another --out or delete it")
    write_json(path, record)


def digest_of(network: nn.Module) -> str:
    """First 16 hex digits of SHA-256 over the names and values of a network's state."""
    sha = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        sha.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of an .npz file; where it is missing or damaged they are made and written, whole or not at all."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception:  # a damaged archive raises anything: zlib.error, BadZipFile, NotImplementedError
        pass
    arrays = make()
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    return arrays
