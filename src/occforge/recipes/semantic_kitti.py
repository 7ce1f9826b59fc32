"""Runs on SemanticKITTI."""

from pathlib import Path
from typing import Literal

from occforge.core.arithmetic import DtypeChoice
from occforge.recipes._plans import paper_plan, scene_plan
from occforge.train.scene_generator import FileName, train_scene_generator
from occforge.train.sources import DatasetSource


def scene(
    root: Path,
    out: Path = Path("out/semantic_kitti.scene"),
    stage: FileName | Literal["all"] = "all",
    limit: int | None = None,
    effort: float = 1.0,
    dtype: DtypeChoice = "auto",
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
    source = DatasetSource("semantic_kitti", root, "train", limit)
    return train_scene_generator(source, plan, out, plan.stages(stage), cache, workers)


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
    return train_scene_generator(source, plan, out, plan.stages(stage), cache, workers)
