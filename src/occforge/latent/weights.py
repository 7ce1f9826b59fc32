"""A trained picture generator as one file: weights in half precision, configuration, grid and classes."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.latent.generator import GeneratorConfig, PictureGenerator


def save_generator(generator: PictureGenerator, path: Path, made_from: dict[str, Any]) -> None:
    """Write the generator atomically; floats are kept in half precision."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in generator.state_dict().items()}
    described = {
        "picture_generator": asdict(generator.config),
        "grid": asdict(generator.grid),
        "taxonomy": generator.taxonomy.to_json(),
        "made_from": made_from,
    }
    save_tensors(path, half, described)


def load_generator(path: Path) -> PictureGenerator:
    """Read what `save_generator` wrote, to be used; raises `InputError` if it is missing, damaged or another."""
    tensors, metadata = load_tensors(path)
    missing = {"picture_generator", "grid", "taxonomy"} - metadata.keys()
    if missing:
        raise InputError(f"{path} is no picture generator (it lacks {', '.join(sorted(missing))}); give another file")
    config = from_dict(GeneratorConfig, metadata["picture_generator"], str(path))
    grid = from_dict(GridSpec, metadata["grid"], str(path))
    generator = PictureGenerator(config, grid, Taxonomy.from_json(metadata["taxonomy"]))
    load_state(generator, {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, path)
    return generator.eval()
