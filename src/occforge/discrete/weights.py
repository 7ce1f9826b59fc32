"""The generator's files: one safetensors a network, in half precision, each with what it was built for."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.discrete.calibration import Calibration
from occforge.discrete.codes import ShapeCodes
from occforge.discrete.request import RequestPrior
from occforge.discrete.stages import Composition, CompositionConfig, Levels


def levels_metadata(levels: Levels) -> dict[str, Any]:
    """Geometry, classes, sizes and a digest of the shape codes of a generator, JSON-ready."""
    return {
        "codes": codes_digest(levels),
        "config": json.loads(json.dumps(asdict(levels.config))),
        "grid": json.loads(json.dumps(asdict(levels.grid))),
        "taxonomy": json.loads(levels.taxonomy.to_json()),
    }


def codes_digest(levels: Levels) -> str:
    """First 16 hex digits of SHA-256 over both codebooks: networks of one generator speak of the same codes."""
    sha = hashlib.sha256()
    for book in (levels.fusion_book, levels.refine_book):
        sha.update(b"none" if book is None else book.block_K8.tobytes())
    return sha.hexdigest()[:16]


def save_books(folder: Path, levels: Levels) -> None:
    """Write codebooks.safetensors: the label blocks of the shape codes, and the geometry they belong to."""
    tensors = {"none": torch.zeros(1)}
    for name, book in (("fusion", levels.fusion_book), ("refine", levels.refine_book)):
        if book is not None:
            tensors[name] = torch.from_numpy(book.block_K8.copy())
    save_tensors(folder / "codebooks.safetensors", tensors, levels_metadata(levels))


def load_levels(folder: Path) -> Levels:
    """Inverse of `save_books`."""
    path = folder / "codebooks.safetensors"
    tensors, metadata = load_tensors(path)
    if not {"config", "grid", "taxonomy"} <= metadata.keys():
        raise InputError(f"{path}: expected the metadata of a scene generator; give another --weights folder")
    config = from_dict(CompositionConfig, metadata["config"], str(path))
    grid = from_dict(GridSpec, metadata["grid"], str(path))
    taxonomy = Taxonomy.from_json(json.dumps(metadata["taxonomy"]))
    books = {k: ShapeCodes(v.numpy(), taxonomy) for k, v in tensors.items() if k != "none"}
    return Levels(config, grid, taxonomy, books.get("fusion"), books.get("refine"))


def stage_modules(composition: Composition) -> dict[str, nn.Module]:
    """File name -> the network that lies in it."""
    return {"text": composition.text, **dict(composition.networks.items())}


def save_network(path: Path, state: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write one network's weights, floats in half precision."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_tensors(path, half, metadata)


def load_composition(folder: Path) -> Composition:
    """The generator in `folder`; raises `InputError` if a file is missing, corrupt or of another configuration."""
    if not folder.is_dir():
        raise InputError(f"expected a folder of weights at {folder}, found none; train them or give another --weights")
    levels = load_levels(folder)
    composition = Composition(levels)
    expected = levels_metadata(levels)
    for name, module in stage_modules(composition).items():
        path = folder / f"{name}.safetensors"
        tensors, metadata = load_tensors(path)
        metadata = {"codes": expected["codes"]} | metadata  # files of before it was written down
        different = [k for k in expected if metadata.get(k) != expected[k]]
        if different:
            raise InputError(
                f"{path}: made for another {' and '.join(different)} than codebooks.safetensors beside it; "
                "train the stages together"
            )
        load_state(module, tensors, path)
        if metadata.get("calibration"):
            composition.calibration[name] = from_dict(Calibration, metadata["calibration"], str(path))
        if metadata.get("request_prior"):
            composition.request_prior = from_dict(RequestPrior, metadata["request_prior"], str(path))
    return composition.eval()
