"""A tiny training as a program: `tiny_run.py OUT STAGE STEPS`, or `tiny_run.py golden FILE` to pin the loss curves."""

import json
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneCache
from occforge.train.tasks import DiffusionOptions, DiffusionTask, RefineTask, TextTask
from tiny_world import TinySource, tiny_composition

GOLDEN = {"text": "adamw", "background": "adamw", "objects": "muon", "fusion": "adamw", "refine": "muon"}


def make_task(stage, cache, source=None):
    """The task of one stage of the tiny generator."""
    source = source or TinySource()
    composition = tiny_composition(awake=False)
    if stage == "text":
        return TextTask(composition, source)
    scenes = SceneCache(cache, source, composition.levels)
    if stage == "refine":
        return RefineTask(composition, scenes, queries=64)
    return DiffusionTask(composition.stages[stage], scenes, DiffusionOptions(queries=96))


def run(out, stage, steps, optimizer="muon"):
    """Train with a checkpoint after every step; the averaged weights' path."""
    torch.set_num_threads(1)
    loop = LoopConfig(steps=steps, batch=4, lr=1e-3, optimizer=optimizer, warmup=4, checkpoint_minutes=0.0)
    return train(make_task(stage, out.parent / "cache"), loop, out, {"stage": stage})


def losses(out):
    """The loss of every step in the log."""
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


def golden_curves(folder):
    """Loss curves of eight steps of every stage."""
    for stage, optimizer in GOLDEN.items():
        run(folder / stage, stage, 8, optimizer)
    return {stage: losses(folder / stage) for stage in GOLDEN}


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        with tempfile.TemporaryDirectory() as folder:
            Path(sys.argv[2]).write_text(json.dumps(golden_curves(Path(folder)), indent=1) + "\n")
    else:
        run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
