"""Runs on the procedural street world."""

from pathlib import Path
from typing import Literal

from occforge.discrete.stages import CompositionConfig
from occforge.train.loop import LoopConfig
from occforge.train.scene_generator import Plan, train_scene_generator
from occforge.train.sources import WorldSource

Stage = Literal["all", "text", "background", "objects", "fusion", "refine"]


def scene(
    out: Path = Path("out/street.scene"),
    stage: Stage = "all",
    scenes: int = 6144,
    effort: float = 1.0,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
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

    def loop(steps: int, batch: int, **changes: float) -> LoopConfig:
        return LoopConfig(
            steps=max(1, round(steps * effort)), batch=batch, dtype=dtype, device=device, seed=seed, **changes
        )

    plan = Plan(
        CompositionConfig(),
        {
            "text": LoopConfig(steps=max(1, round(3000 * effort)), batch=64, lr=1e-3, seed=seed, device=device),
            "background": loop(1500, 16),
            "objects": loop(1500, 16),
            "fusion": loop(1200, 8),
            "refine": loop(1000, 4),
        },
    )
    stages = list(plan.loops) if stage == "all" else [stage]
    return train_scene_generator(WorldSource(0, scenes), plan, out, stages, cache, workers)
