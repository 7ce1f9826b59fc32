"""Training on real frames, two thirds of whose voxels nobody saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occforge.core.tensors import load_tensors
from occforge.discrete.stages import CompositionConfig, TrunkConfig
from occforge.discrete.weights import load_composition
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.train.loop import LoopConfig
from occforge.train.scene_generator import Plan, train_scene_generator
from occforge.train.sources import DatasetSource
from occforge.train.tasks import DiffusionOptions

SMALL = TrunkConfig(channels=(16, 32), convs=1, depth=1, heads=2)
CONFIG = CompositionConfig(
    fusion_codes=256,
    refine_codes=256,
    background=SMALL,
    objects=SMALL,
    fusion=replace(SMALL, self_condition=False),
    refine_width=32,
    refine_depth=1,
)


@pytest.mark.real
@pytest.mark.slow
def test_every_stage_learns_from_real_frames(real_tree: Path, tmp_path: Path) -> None:
    source = DatasetSource("semantic_kitti", real_tree, "train")
    assert np.mean([source.labels(i) == 255 for i in range(len(source))]) > 0.6
    loop = LoopConfig(steps=12, batch=2, lr=3e-3, warmup=2)
    plan = Plan(
        CONFIG,
        {"text": replace(loop, steps=1), "background": loop, "objects": loop, "fusion": loop, "refine": loop},
        DiffusionOptions(queries=512),
    )
    out = tmp_path / "run"
    weights = train_scene_generator(source, plan, out, list(plan.loops), tmp_path / "cache", workers=1)
    for stage in ("background", "objects", "fusion", "refine"):
        log = (out / stage / "log.jsonl").read_text().splitlines()
        losses = [float(line.split('"loss": ')[1].rstrip("}")) for line in log]
        assert np.all(np.isfinite(losses))
        assert np.mean(losses[-3:]) < np.mean(losses[:3])
        assert load_tensors(weights / f"{stage}.safetensors")[1]["taxonomy"]["name"] == "semantic_kitti"
    made = generate_scene(
        load_composition(weights), "", 0, SamplingConfig(background_steps=2, object_steps=2, fusion_steps=2)
    )
    assert made.scene.grid == source.grid
    assert made.scene.valid_XYZ.all(), "the generator must not learn to draw unknown voxels"
