"""Runs on the procedural street world."""

from pathlib import Path
from typing import Literal

from occforge.data.procedural import TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.recipes._plans import scene_plan
from occforge.train.features import train_features
from occforge.train.loop import LoopConfig
from occforge.train.scene_generator import FileName, train_scene_generator
from occforge.train.sources import WorldSource


def scene(
    out: Path = Path("out/street.scene"),
    stage: FileName | Literal["all"] = "all",
    scenes: int = 6144,
    effort: float = 1.0,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
    start: Path | None = None,
) -> Path:
    """Train the embedded scene generator on the street world.

    Args:
        out: Run folder; the finished generator lies in its `weights`.
        stage: One stage, or all of them in order.
        scenes: Training streets (seeds 0 to scenes - 1).
        effort: Multiplies the steps of every stage.
        dtype: Arithmetic of the networks in training; bfloat16 is twice as fast where the processor has it.
        device: Where to train: cpu, cuda, cuda:1.
        seed: Seed of weights, batches and noise.
        cache: Folder of pooled training scenes, shared between runs.
        workers: Processes that fill the cache.
    """

    plan = scene_plan(effort, dtype, device, seed)
    stages = list(plan.loops) if stage == "all" else [stage]
    source, held_out = WorldSource(TRAIN_FIRST_SEED, scenes), WorldSource(VAL_FIRST_SEED, 64)
    return train_scene_generator(source, plan, out, stages, cache, workers, start, held_out)


def features(
    out: Path = Path("out/street.features"),
    scenes: int = 4096,
    steps: int = 400,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    device: str = "cpu",
    seed: int = 0,
) -> Path:
    """Train the frozen feature network of F3D and K3D on the street world.

    Args:
        out: Run folder; the finished network is its features.safetensors.
        scenes: Training streets.
        steps: Training steps of two scenes.
        dtype: Arithmetic in training.
        device: Where to train.
        seed: Seed of weights and batches.
    """
    loop = LoopConfig(steps=steps, batch=2, lr=2e-3, muon_lr=0.01, dtype=dtype, device=device, seed=seed)
    held_out = WorldSource(VAL_FIRST_SEED, 512)
    return train_features(WorldSource(TRAIN_FIRST_SEED, scenes), held_out, loop, out)
