"""The networks that ship with the package, and how they are found."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from occforge.discrete.stages import Composition
    from occforge.latent.weights import AnyGenerator
    from occforge.metrics.picture_judge import PictureJudge
    from occforge.perception.weights import Trained

EMBEDDED = Path(__file__).parent
"""Folder of the embedded scene generator."""


def load_generator(folder: Path | None) -> tuple["Composition", str]:
    """(generator, where it came from): the one in `folder`, or the embedded one."""
    from occforge.discrete.weights import load_composition

    return load_composition(EMBEDDED if folder is None else folder), "embedded" if folder is None else str(folder)


def load_perception(path: Path | None) -> "Trained":
    """The perception network of a file, or the embedded one."""
    from occforge.perception.weights import load_network

    return load_network(EMBEDDED / "monoscene.safetensors" if path is None else path)


def load_judge(path: Path | None) -> "PictureJudge":
    """The frozen judge of pictures of a file, or the embedded one."""
    from occforge.metrics.picture_judge import load_judge as load

    return load(EMBEDDED / "judge.safetensors" if path is None else path)


def load_pictures(path: Path | None, stable_diffusion: Path | None = None) -> "AnyGenerator":
    """The picture generator of a file, or the embedded one.

    `stable_diffusion`: the folder that the file's generator builds on, if it builds on one.
    """
    from occforge.latent.weights import load_generator

    return load_generator(EMBEDDED / "pictures.safetensors" if path is None else path, stable_diffusion)


def better_engine() -> Literal["scene", "image"] | None:
    """The engine that `occforge evaluate engines` found better on the embedded weights; None where none was scored."""
    path = EMBEDDED / "engines.json"
    if not path.is_file():
        return None
    return "image" if json.loads(path.read_text())["better"] == "image" else "scene"
