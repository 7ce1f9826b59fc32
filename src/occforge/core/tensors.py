"""Tensors on disk: safetensors with JSON metadata, whole or not at all, nothing ever unpickled."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.core.files import atomic_path

FORMAT = "occforge-tensors-1"


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-ready metadata atomically."""
    text = {key: json.dumps(value) for key, value in metadata.items()}
    with atomic_path(path) as temporary:
        contiguous = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        save_file(contiguous, str(temporary), {"format": json.dumps(FORMAT), **text})
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Order the metadata in the header, which safetensors writes in random order: equal tensors give equal bytes."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
        assert len(ordered) == size
        file.seek(8)
        file.write(ordered)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file; raises `InputError` if it is missing, corrupt or of another format."""
    if not path.is_file():
        raise InputError(f"expected weights at {path}, found none; train them or give others")
    try:
        with safe_open(str(path), "pt") as file:
            text = file.metadata() or {}
            if text.get("format") != json.dumps(FORMAT):
                raise InputError(
                    f"{path}: expected format {FORMAT}, got {text.get('format')}; make it again with this version"
                )
            metadata = {key: json.loads(value) for key, value in text.items()}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path} is corrupt ({error}); delete it and train or download it again") from error
    return tensors, metadata


def load_state(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into a module; raises `InputError` if names or shapes differ or a value is not finite."""
    own = module.state_dict()
    missing, foreign = own.keys() - tensors.keys(), tensors.keys() - own.keys()
    if missing or foreign:
        example = min(missing or foreign)
        raise InputError(
            f"{path}: {len(missing)} tensors missing and {len(foreign)} unknown (first: {example}); "
            "it was written by another configuration, train it again"
        )
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, this configuration needs {tuple(own[name].shape)}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {name} holds values that are not finite; the file is damaged, make it again")
    module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})
