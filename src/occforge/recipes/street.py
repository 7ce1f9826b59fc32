"""Runs on the procedural street world."""

from pathlib import Path
from typing import Literal

from occforge.core.arithmetic import DtypeChoice, chosen_dtype
from occforge.core.errors import InputError
from occforge.data.pairs import PairCache, WorldPairs
from occforge.data.procedural import TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.data.views import ViewCache, WorldViews
from occforge.discrete.separate import Factor
from occforge.metrics.features import SceneAutoencoderConfig
from occforge.metrics.picture_judge import JudgeConfig
from occforge.perception.network import preset
from occforge.recipes._plans import paper_plan, scene_plan
from occforge.train.completion import Errors, train_completion
from occforge.train.features import train_features
from occforge.train.loop import LoopConfig
from occforge.train.perception import PerceptionOptions, train_encoder
from occforge.train.picture_judge import train_judge
from occforge.train.scene_generator import FileName, train_scene_generator
from occforge.train.sources import WorldSource

FEATURE_SIZES: dict[float, tuple[Factor, SceneAutoencoderConfig]] = {
    0.2: ((1, 1, 1), SceneAutoencoderConfig()),
    0.4: ((2, 2, 2), SceneAutoencoderConfig(patch_XYZ=(2, 2, 2))),
}
"""Voxel size in metres -> pooling of the streets and feature network; patches are 0.8 m wide at either size, so that
columns, bands and dimensions are the same."""


def scene(
    out: Path = Path("out/street.scene"),
    stage: FileName | Literal["all"] = "all",
    scenes: int = 6144,
    effort: float = 1.0,
    dtype: DtypeChoice = "auto",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
    start: Path | None = None,
    rate: float = 1.0,
) -> Path:
    """Train the embedded scene generator on the street world.

    Args:
        out: Run folder; the finished generator lies in its `weights`.
        stage: One stage, or all of them in order.
        scenes: Training streets (seeds 0 to scenes - 1).
        effort: Multiplies the steps of every stage.
        dtype: Arithmetic of the networks in training; auto takes bfloat16 where the processor has it.
        device: Where to train: cpu, cuda, cuda:1.
        seed: Seed of weights, batches and noise.
        cache: Folder of pooled training scenes, shared between runs.
        workers: Processes that fill the cache.
        start: Folder of weights to go on from instead of random ones.
        rate: Multiplies the learning rates; below 1 to go on from trained weights without losing what they know first.
    """
    plan = scene_plan(effort, dtype, device, seed, rate=rate)
    source, held_out = WorldSource(TRAIN_FIRST_SEED, scenes), WorldSource(VAL_FIRST_SEED, 64)
    return train_scene_generator(source, plan, out, plan.stages(stage), cache, workers, start, held_out)


def paper(
    out: Path = Path("out/street.paper"),
    stage: FileName | Literal["all"] = "all",
    scenes: int = 6144,
    epochs: int = 500,
    device: str = "cuda",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 8,
) -> Path:
    """Train Comp-D3PM on the street world with its paper's settings: AdamW, 500 epochs, one fusion step.

    Args:
        out: Run folder; the finished generator lies in its weights.
        stage: One stage, or all of them in order.
        scenes: Training streets (seeds 0 to scenes - 1).
        epochs: Passes over the streets; the rate falls tenfold at 64 % and 84 % of them (320 and 420 of 500).
        device: Where to train.
        seed: Seed of weights, batches and noise.
        cache: Folder of pooled training scenes.
        workers: Processes that fill the cache.
    """
    plan = paper_plan(scenes, epochs, device, seed)
    source, held_out = WorldSource(TRAIN_FIRST_SEED, scenes), WorldSource(VAL_FIRST_SEED, 64)
    return train_scene_generator(source, plan, out, plan.stages(stage), cache, workers, held_out=held_out)


def features(
    out: Path = Path("out/street.features"),
    voxel_m: float = 0.2,
    scenes: int = 4096,
    steps: int = 400,
    dtype: DtypeChoice = "auto",
    device: str = "cpu",
    seed: int = 0,
) -> Path:
    """Train the frozen feature network of F3D and K3D on the street world.

    Args:
        out: Run folder; the finished network is its features.safetensors.
        voxel_m: Voxels of the streets: 0.2, or 0.4 for half-resolution scenes.
        scenes: Training streets.
        steps: Training steps of two scenes.
        dtype: Arithmetic in training.
        device: Where to train.
        seed: Seed of weights and batches.
    """
    arithmetic = chosen_dtype(dtype, device)
    loop = LoopConfig(steps=steps, batch=2, lr=2e-3, muon_lr=0.01, dtype=arithmetic, device=device, seed=seed)
    if voxel_m not in FEATURE_SIZES:
        raise InputError(f"--voxel-m: expected {' or '.join(map(str, FEATURE_SIZES))}, got {voxel_m}")
    pooled, config = FEATURE_SIZES[voxel_m]
    source, held_out = WorldSource(TRAIN_FIRST_SEED, scenes, pooled), WorldSource(VAL_FIRST_SEED, 512, pooled)
    return train_features(source, held_out, loop, out, config)


def encoder(
    out: Path = Path("out/street.encoder"),
    image: tuple[int, int] = (128, 384),
    pairs: int = 6144,
    steps: int = 2000,
    batch: int = 8,
    lr: float = 1e-3,
    dtype: DtypeChoice = "auto",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
    start: Path | None = None,
    options: PerceptionOptions = PerceptionOptions(),  # noqa: B008 (frozen)
) -> Path:
    """Train the image encoder of the small perception networks on the street world.

    Args:
        out: Run folder; the finished encoder is its encoder.safetensors, for the flag --encoder of the networks.
        image: Height and width of the pictures.
        pairs: Training pictures.
        steps: Training steps.
        batch: Pictures of a step.
        lr: Learning rate of AdamW; Muon, which trains the matrices, has twenty times it.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        device: Where to train.
        seed: Seed of weights, batches and augmentation.
        cache: Folder of prepared pairs, shared between runs.
        workers: Processes that fill the cache.
        start: A file of an encoder or of a trained MonoScene whose image encoder to begin with, not random weights.
        options: How pairs are changed before they are learned from.
    """
    held = PairCache(cache, WorldPairs(TRAIN_FIRST_SEED, pairs, image, varied=0.5))
    loop = LoopConfig(
        steps=steps, batch=batch, lr=lr, muon_lr=20.0 * lr, dtype=chosen_dtype(dtype, device), device=device, seed=seed
    )
    return train_encoder(preset("monoscene", "small"), held, options, loop, out, start, workers)


def completion(
    out: Path = Path("out/street.completion"),
    image: tuple[int, int] = (128, 384),
    pairs: int = 24576,
    steps: int = 2000,
    batch: int = 8,
    lr: float = 1e-3,
    dtype: DtypeChoice = "auto",
    device: str = "cpu",
    seed: int = 0,
    start: Path | None = None,
    errors: Errors = Errors(),  # noqa: B008 (frozen)
) -> Path:
    """Train the volume network of the small MonoScene on streets whose lines of sight it is told; no pictures.

    Args:
        out: Run folder; the finished network is its monoscene.safetensors, for --start of street.monoscene beside
            --encoder.
        image: Height and width of the pictures whose lines of sight it is told.
        pairs: Training streets.
        steps: Training steps.
        batch: Streets of a step.
        lr: Learning rate of AdamW; Muon, which trains the matrices, has twenty times it.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        device: Where to train.
        seed: Seed of weights, batches and errors.
        start: A file of a trained MonoScene whose volume to begin with, not random weights.
        errors: How wrong the lines of sight are.
    """
    streets = WorldPairs(TRAIN_FIRST_SEED, pairs, image, varied=0.25)
    loop = LoopConfig(
        steps=steps, batch=batch, lr=lr, muon_lr=20.0 * lr, dtype=chosen_dtype(dtype, device), device=device, seed=seed
    )
    return train_completion(preset("monoscene", "small"), streets, errors, loop, out, start)


def judge(
    out: Path = Path("out/street.judge"),
    streets: int = 6144,
    steps: int = 4000,
    batch: int = 16,
    lr: float = 1e-3,
    dtype: DtypeChoice = "auto",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
) -> Path:
    """Train the frozen judge of street pictures: features of the image distance, attributes that a picture shows.

    Args:
        out: Run folder; the finished network is its judge.safetensors.
        streets: Training streets, half of them seen by a camera of their own.
        steps: Training steps.
        batch: Pictures of a step.
        lr: Learning rate of AdamW; Muon trains the matrices.
        dtype: Arithmetic in training.
        device: Where to train.
        seed: Seed of weights and batches.
        cache: Folder of rendered streets, shared between runs.
        workers: Processes that fill the cache.
    """
    views = ViewCache(cache, WorldViews(WorldPairs(TRAIN_FIRST_SEED, streets, varied=0.5)))
    held_out = ViewCache(cache, WorldViews(WorldPairs(VAL_FIRST_SEED, 512)))
    loop = LoopConfig(steps=steps, batch=batch, lr=lr, dtype=chosen_dtype(dtype, device), device=device, seed=seed)
    return train_judge(JudgeConfig(), views, held_out, loop, out, workers)
