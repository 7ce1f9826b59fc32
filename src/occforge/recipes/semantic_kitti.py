"""Runs on SemanticKITTI."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from occforge.discrete.stages import CompositionConfig, TrunkConfig
from occforge.recipes.street import scene_plan
from occforge.train.loop import LoopConfig
from occforge.train.scene_generator import FileName, Plan, train_scene_generator
from occforge.train.sources import DatasetSource


def scene(
    root: Path,
    out: Path = Path("out/semantic_kitti.scene"),
    stage: FileName | Literal["all"] = "all",
    limit: int | None = None,
    effort: float = 1.0,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    device: str = "cpu",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 2,
) -> Path:
    """Train the scene generator on SemanticKITTI's training split, unknown voxels never in the loss.

    Args:
        root: The folder that holds dataset/sequences.
        out: Run folder; the finished generator lies in its weights.
        stage: One stage, or all of them in order.
        limit: Use only this many frames.
        effort: Multiplies the steps of every stage.
        dtype: Arithmetic of the networks in training.
        device: Where to train.
        seed: Seed of weights, batches and noise.
        cache: Folder of pooled training scenes.
        workers: Processes that fill the cache.
    """
    plan = scene_plan(effort, dtype, device, seed)
    stages = list(plan.loops) if stage == "all" else [stage]
    source = DatasetSource("semantic_kitti", root, "train", limit)
    return train_scene_generator(source, plan, out, stages, cache, workers)


def paper(
    root: Path,
    out: Path = Path("out/semantic_kitti.paper"),
    stage: FileName | Literal["all"] = "all",
    epochs: int = 500,
    device: str = "cuda",
    seed: int = 0,
    cache: Path = Path("out/cache"),
    workers: int = 8,
) -> Path:
    """Train Comp-D3PM as its paper says: both streams at 1/8 x 1/8 x 1/4, one fusion step to the full grid, AdamW.

    Args:
        root: The folder that holds dataset/sequences.
        out: Run folder; the finished generator lies in its weights.
        stage: One stage, or all of them in order.
        epochs: Passes over the training split; the rate falls tenfold at 64 % and 84 % of them (320 and 420 of 500).
        device: Where to train.
        seed: Seed of weights, batches and noise.
        cache: Folder of pooled training scenes.
        workers: Processes that fill the cache.
    """
    source = DatasetSource("semantic_kitti", root, "train")
    plan = paper_plan(len(source), epochs, device, seed)
    stages = list(plan.loops) if stage == "all" else [stage]
    return train_scene_generator(source, plan, out, stages, cache, workers)


def paper_plan(scenes: int, epochs: int, device: str, seed: int) -> Plan:
    """Comp-D3PM A.2: batch 4, AdamW at 1e-4, 500 epochs, /10 at 320 and 420; BEDiT at 32 x 32 tokens."""
    batch = 4
    loop = LoopConfig(
        steps=max(1, scenes * epochs // batch),
        batch=batch,
        lr=1e-4,
        optimizer="adamw",
        schedule="steps",
        warmup=1,
        weight_decay=0.01,
        seed=seed,
        device=device,
        dtype="bfloat16",
    )
    transformer = TrunkConfig(channels=(384,), convs=0, depth=12, heads=6)
    config = CompositionConfig(
        object_factor=(8, 8, 4),
        object_threshold=0.95,
        fusion_factor=(1, 1, 1),
        fusion_codes=0,
        refine_codes=0,
        fusion_kind="uniform",
        background=transformer,
        objects=replace(transformer, self_condition=False),
        fusion=TrunkConfig(channels=(64, 128, 192, 384), convs=1, depth=12, heads=6, self_condition=False),
    )
    text = LoopConfig(steps=1200, batch=64, lr=2e-3, seed=seed, device=device)
    return Plan(config, {"text": text, "background": loop, "objects": loop, "fusion": loop})
