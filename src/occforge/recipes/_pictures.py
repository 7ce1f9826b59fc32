"""Training of picture generators on any dataset: `occforge train DATASET.pictures` and `DATASET.joint`."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from occforge.core.arithmetic import DtypeChoice, chosen_dtype
from occforge.core.errors import InputError
from occforge.core.taxonomy import Taxonomy
from occforge.data.pairs import DatasetPairs, WorldPairs
from occforge.data.views import DatasetViews, ViewCache, ViewSource, WorldViews
from occforge.discrete.text import ATTRIBUTE_VALUES
from occforge.latent.alignment import AlignmentConfig, Encoding
from occforge.latent.camera_encoding import GEOMETRY_MAPS
from occforge.latent.generator import GeneratorConfig
from occforge.latent.painter import PainterConfig
from occforge.latent.stable_diffusion import StableDiffusionConfig
from occforge.latent.weights import AnyConfig
from occforge.recipes._perception import SETUPS, pair_source
from occforge.train.joint import JointOptions, train_joint
from occforge.train.loop import LoopConfig
from occforge.train.painting import PaintingOptions, train_painting
from occforge.weights import EMBEDDED

STABLE_DIFFUSION_HW: dict[str, tuple[int, int]] = {
    "street": (192, 512),
    "semantic_kitti": (192, 512),
    "kitti360": (192, 512),
    "nuscenes_occ": (256, 448),
    "occ3d": (256, 448),
    "nyuv2": (448, 640),
    "rooms": (448, 640),
}
"""Picture sizes of OccScene's Table I, and for other datasets those of the nearest one there."""
MULTIPLE = 16
"""Rows and columns of the small generator's pictures come in groups of so many pixels."""


def picture_size(dataset: str, image: tuple[int, int] | None, stable_diffusion: bool) -> tuple[int, int]:
    """Height and width of pictures: those asked for, or the dataset's."""
    if image is not None or stable_diffusion:
        return image or STABLE_DIFFUSION_HW[dataset]
    height, width = SETUPS[dataset].small_HW
    return MULTIPLE * round(height / MULTIPLE), MULTIPLE * round(width / MULTIPLE)


def view_source(dataset: str, root: Path | None, size_HW: tuple[int, int], streets: int, frames: int) -> ViewSource:
    """What a generator learns from: streets of the world, or the training frames of a dataset."""
    pairs = pair_source(dataset, root, "small", size_HW, pairs=streets if dataset == "street" else None)
    if isinstance(pairs, WorldPairs):
        return WorldViews(pairs, frames)
    if frames != 1:
        raise InputError(f"--frames: expected 1 for {dataset}, got {frames}; only streets of the world have paths")
    assert isinstance(pairs, DatasetPairs)
    return DatasetViews(pairs)


def picture_config(
    taxonomy: Taxonomy, size_HW: tuple[int, int], alignment: Encoding, stable_diffusion: bool
) -> AnyConfig:
    """Sizes of a picture generator: the small one's, or what is added to Stable Diffusion."""
    if stable_diffusion:
        return StableDiffusionConfig(size_HW, AlignmentConfig(alignment))
    counts = tuple(len(values) for values in ATTRIBUTE_VALUES.values())
    painter = PainterConfig(maps=taxonomy.class_count + GEOMETRY_MAPS, alignment=AlignmentConfig(alignment))
    return GeneratorConfig(size_HW, counts, painter)


def pictures_recipe(dataset: str) -> Callable[..., Path]:
    """The recipe of stage I on `dataset`; its parameters are the flags."""

    def recipe(
        out: Path | None = None,
        root: Path | None = None,
        streets: int = 6144,
        frames: int = 1,
        alignment: Encoding = "mamba",
        start: Path | None = None,
        stable_diffusion: Path | None = None,
        image: tuple[int, int] | None = None,
        steps: int = 6000,
        batch: int = 16,
        lr: float = 2e-3,
        optimizer: Literal["muon", "adamw"] = "muon",
        dtype: DtypeChoice = "auto",
        device: str = "cpu",
        seed: int = 0,
        cache: Path = Path("out/cache"),
        workers: int = 2,
        options: PaintingOptions = PaintingOptions(),  # noqa: B008 (frozen)
    ) -> Path:
        size_HW = picture_size(dataset, image, stable_diffusion is not None)
        views = ViewCache(cache, view_source(dataset, root, size_HW, streets, frames))
        config = picture_config(views.source.pairs.taxonomy, size_HW, alignment, stable_diffusion is not None)
        arithmetic = chosen_dtype(dtype, device)
        loop = LoopConfig(
            steps=steps,
            batch=batch,
            lr=lr,
            muon_lr=20.0 * lr,
            optimizer=optimizer,
            dtype=arithmetic,
            device=device,
            seed=seed,
        )
        folder = out or Path(f"out/{dataset}.pictures")
        return train_painting(config, views, options, loop, folder, stable_diffusion, start, workers)

    recipe.__doc__ = f"""Train a picture generator on {dataset}: stage I of OccScene, on true occupancy.

    Args:
        out: Run folder, default out/{dataset}.pictures; the finished generator is its pictures.safetensors.
        root: Folder of the dataset; the worlds need none.
        streets: Training streets of the world, half of them seen by a camera of their own.
        frames: Frames of a street's path, 0.8 m apart.
        alignment: What aligns occupancy and pictures: mamba, attention, gru, depth or time alone, or off.
        start: A trained generator of the same settings to begin with, instead of random weights.
        stable_diffusion: Folder of a Stable Diffusion 1.x in diffusers' format, to which the alignment is added;
            default: the small generator.
        image: Height and width of pictures; default: the dataset's small ones, with Stable Diffusion Table I's.
        steps: Training steps.
        batch: Scenes of a step.
        lr: Learning rate of AdamW; Muon's is twenty times that.
        optimizer: Muon for matrices with AdamW for the rest, or AdamW for all.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        device: Where to train.
        seed: Seed of weights, batches and noise.
        cache: Folder of rendered views, shared between runs.
        workers: Processes that fill the cache.
        options: What pictures are told while they are learned from.
    """
    return recipe


def joint_recipe(dataset: str) -> Callable[..., Path]:
    """The recipe of stage II on `dataset`; its parameters are the flags."""

    def recipe(
        generator: Path = Path(f"out/{dataset}.pictures/pictures.safetensors"),
        perception: Path | None = None,
        out: Path | None = None,
        root: Path | None = None,
        streets: int = 6144,
        frames: int = 1,
        stable_diffusion: Path | None = None,
        image: tuple[int, int] | None = None,
        steps: int = 2000,
        batch: int = 8,
        lr: float = 1e-5,
        muon_lr: float = 0.0002,
        dtype: DtypeChoice = "auto",
        device: str = "cpu",
        seed: int = 0,
        cache: Path = Path("out/cache"),
        workers: int = 2,
        options: JointOptions = JointOptions(),  # noqa: B008 (frozen)
    ) -> Path:
        size_HW = picture_size(dataset, image, stable_diffusion is not None)
        views = ViewCache(cache, view_source(dataset, root, size_HW, streets, frames))
        arithmetic = chosen_dtype(dtype, device)
        loop = LoopConfig(steps=steps, batch=batch, lr=lr, muon_lr=muon_lr, dtype=arithmetic, device=device, seed=seed)
        reader, folder = perception or EMBEDDED / "monoscene.safetensors", out or Path(f"out/{dataset}.joint")
        return train_joint(generator, reader, views, options, loop, folder, stable_diffusion, workers)[0]

    recipe.__doc__ = f"""Train a picture generator and a perception network together on {dataset}: stage II of OccScene.

    Args:
        generator: The picture generator to begin with.
        perception: The perception network to begin with; default: the one that ships, for SemanticKITTI's grid.
        out: Run folder, default out/{dataset}.joint; the finished networks are its pictures.safetensors and, for
            MonoScene, monoscene.safetensors.
        root: Folder of the dataset; the worlds need none.
        streets: Training streets of the world, half of them seen by a camera of their own.
        frames: Frames of a street's path, 0.8 m apart.
        stable_diffusion: Folder of the Stable Diffusion that the generator builds on, if it builds on one.
        image: Height and width of pictures, those of the generator; default as of {dataset}.pictures.
        steps: Training steps.
        batch: Scenes of a step.
        lr: Learning rate of AdamW.
        muon_lr: Learning rate of Muon, which trains the matrices.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        device: Where to train.
        seed: Seed of batches and noise.
        cache: Folder of rendered views, shared between runs.
        workers: Processes that fill the cache.
        options: How the two meet, and what pictures are told.
    """
    return recipe
