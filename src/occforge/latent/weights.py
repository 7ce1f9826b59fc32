"""A trained picture generator as one file: weights in half precision, configuration, grid and classes.

Of Stable Diffusion the file holds what was added; the frozen folder stays where it is.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.latent.generator import GeneratorConfig, PictureGenerator
from occforge.latent.stable_diffusion import StableDiffusionConfig, StableDiffusionGenerator, open_folder

SMALL, STABLE_DIFFUSION = "picture_generator", "stable_diffusion"

AnyConfig = GeneratorConfig | StableDiffusionConfig
AnyGenerator = PictureGenerator | StableDiffusionGenerator
"""Both take the same conditions and samplers: `see`, `told`, `encode`, `paint`, `decode`."""


def build_generator(config: AnyConfig, grid: GridSpec, taxonomy: Taxonomy, folder: Path | None) -> AnyGenerator:
    """A generator whose own weights are fresh; `folder` is the Stable Diffusion that one of that kind builds on."""
    if isinstance(config, GeneratorConfig):
        return PictureGenerator(config, grid, taxonomy)
    if folder is None:
        raise InputError(
            "Stable Diffusion: expected the folder that the generator builds on, got none; give --stable-diffusion"
        )
    return StableDiffusionGenerator(open_folder(folder), config, grid, taxonomy)


def save_generator(generator: AnyGenerator, path: Path, made_from: dict[str, Any]) -> None:
    """Write the generator atomically; floats are kept in half precision."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in generator.state_dict().items()}
    described = {
        SMALL if isinstance(generator, PictureGenerator) else STABLE_DIFFUSION: asdict(generator.config),
        "grid": asdict(generator.grid),
        "taxonomy": generator.taxonomy.to_json(),
        "made_from": made_from,
    }
    save_tensors(path, half, described)


def load_generator(path: Path, folder: Path | None = None) -> AnyGenerator:
    """Read what `save_generator` wrote, to be used; raises `InputError` if it is missing, damaged or another."""
    tensors, metadata = load_tensors(path)
    kinds = metadata.keys() & {SMALL, STABLE_DIFFUSION}
    missing = {"grid", "taxonomy"} - metadata.keys() | (set() if kinds else {SMALL})
    if missing:
        raise InputError(f"{path} is no picture generator (it lacks {', '.join(sorted(missing))}); give another file")
    config: AnyConfig
    if SMALL in kinds:
        config = from_dict(GeneratorConfig, metadata[SMALL], str(path))
    else:
        config = from_dict(StableDiffusionConfig, metadata[STABLE_DIFFUSION], str(path))
    grid = from_dict(GridSpec, metadata["grid"], str(path))
    generator = build_generator(config, grid, Taxonomy.from_json(metadata["taxonomy"]), folder)
    load_state(generator, {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, path)
    return generator.eval()
