"""The recipes' plans, and CarlaSC from the world's export to a sampled scene."""

import json
from dataclasses import replace

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, NYUV2, UNKNOWN
from occforge.data import carla_sc
from occforge.data.export import export_world
from occforge.data.views import DatasetViews
from occforge.discrete.stages import CompositionConfig, TrunkConfig
from occforge.discrete.weights import load_composition
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.recipes._pictures import joint_recipe, picture_config, picture_size, pictures_recipe, view_source
from occforge.recipes._plans import HALF_SIZE, paper_plan, scene_plan
from occforge.train.loop import LoopConfig, rate
from occforge.train.scene_generator import Plan, train_scene_generator
from occforge.train.sources import DatasetSource
from occforge.train.tasks import DiffusionOptions
from occforge.weights import load_perception, load_pictures

TINY = TrunkConfig(channels=(8, 16), convs=1, depth=1, heads=2, head=8)


def test_the_papers_plan_is_the_papers():
    plan = paper_plan(scenes=3824, epochs=500, device="cpu", seed=0)
    assert plan.config.background_factor == plan.config.object_factor == (8, 8, 4)
    assert plan.config.fusion_factor == (1, 1, 1) and plan.config.fusion_codes == plan.config.refine_codes == 0
    for name in ("background", "objects", "fusion"):
        loop = plan.loops[name]
        assert (loop.optimizer, loop.lr, loop.batch, loop.steps) == ("adamw", 1e-4, 4, 3824 * 500 // 4)
        assert loop.ema == plan.options.corruption == 0.0
        per_epoch = loop.steps / 500
        rates = [rate(loop, round(epoch * per_epoch)) for epoch in (1, 319, 321, 419, 421, 499)]
        assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_effort_multiplies_every_stage():
    one, half = scene_plan(1.0, "float32", "cpu", 0), scene_plan(0.5, "float32", "cpu", 0)
    assert all(2 * half.loops[name].steps == one.loops[name].steps for name in one.loops)


def test_rate_multiplies_every_learning_rate():
    one, fifth = scene_plan(1.0, "float32", "cpu", 0), scene_plan(1.0, "float32", "cpu", 0, rate=0.2)
    for name, loop in one.loops.items():
        slower = fifth.loops[name]
        assert (slower.lr, slower.muon_lr) == pytest.approx((0.2 * loop.lr, 0.2 * loop.muon_lr))
        assert replace(slower, lr=loop.lr, muon_lr=loop.muon_lr) == loop


@pytest.mark.parametrize("factors", [{"effort": 0.0}, {"effort": float("nan")}, {"rate": -1.0}, {"rate": float("inf")}])
def test_factors_that_cannot_be(factors):
    with pytest.raises(InputError, match=f"--{next(iter(factors))}: expected a number above 0"):
        scene_plan(**{"effort": 1.0, "dtype": "float32", "device": "cpu", "seed": 0, **factors})


def test_a_stage_that_the_generator_has_not():
    plan = scene_plan(1.0, "float32", "cpu", 0, HALF_SIZE)
    assert plan.stages("all") == ["text", "background", "objects", "fusion"] and plan.stages("text") == ["text"]
    with pytest.raises(InputError, match="--stage refine: this generator has only text, background"):
        plan.stages("refine")


@pytest.mark.parametrize(("dataset", "config"), [("carla_sc", HALF_SIZE), ("carla_sc_fine", CompositionConfig())])
def test_carla_sc_trains_and_samples(tmp_path, dataset, config):
    export_world(tmp_path / "data", "carla_sc", 2, images=False)
    source = DatasetSource("carla_sc", tmp_path / "data", "train")
    if dataset == "carla_sc_fine":
        for frame in range(2):
            labels = source.labels(frame).repeat(2, 0).repeat(2, 1).repeat(2, 2)
            labels[labels == UNKNOWN] = 0
            fine = GridSpec(labels.shape, (0.2, 0.2, 0.1875), source.grid.origin_m)
            carla_sc.write_fine(tmp_path / "fine", "Town01_Light", frame, Scene(labels, fine, CARLA_SC))
        source = DatasetSource(dataset, tmp_path / "fine", "train")
    config = replace(config, background=TINY, objects=TINY, fusion=replace(TINY, self_condition=False), refine_width=32)
    loop = LoopConfig(steps=2, batch=1, warmup=1)
    names = ["text", "background", "objects", "fusion", *(["refine"] if config.refine_codes else [])]
    plan = Plan(config, {name: loop for name in names}, DiffusionOptions(queries=64))
    weights = train_scene_generator(source, plan, tmp_path / "run", names, tmp_path / "cache", workers=1)
    sampling = SamplingConfig(background_steps=2, object_steps=2, fusion_steps=2, refine_steps=2)
    made = generate_scene(load_composition(weights), "", 0, sampling)
    assert made.scene.grid == source.grid and made.scene.taxonomy.name == "carla_sc"
    assert made.drawn == {} and np.all(made.scene.labels_XYZ < made.scene.taxonomy.class_count)


def test_what_pictures_are_trained_on():
    assert picture_size("nuscenes_occ", None, False) == (96, 160), "patches are whole"
    assert picture_size("nyuv2", None, True) == (448, 640) and picture_size("nyuv2", (32, 64), True) == (32, 64)
    assert picture_config(NYUV2, (96, 128), "mamba", False).painter.maps == NYUV2.class_count + 5
    assert isinstance(view_source("rooms", None, (96, 128), 1, 1), DatasetViews)
    with pytest.raises(InputError, match="--frames: expected 1 for rooms"):
        view_source("rooms", None, (96, 128), 1, 2)
    with pytest.raises(InputError, match="expected the folder of the dataset"):
        view_source("semantic_kitti", None, (64, 192), 1, 1)


@pytest.mark.real
@pytest.mark.slow
def test_pictures_are_learned_from_real_frames(real_tree, tmp_path):
    """Both stages, on frames two thirds of whose voxels nobody saw."""
    common = {"root": real_tree, "image": (32, 96), "cache": tmp_path, "workers": 1, "batch": 2, "steps": 2}
    pictures = pictures_recipe("semantic_kitti")(out=tmp_path / "pictures", **common)
    joint = joint_recipe("semantic_kitti")(generator=pictures, out=tmp_path / "joint", **common)
    assert load_pictures(joint).taxonomy.name == "semantic_kitti"
    assert load_perception(tmp_path / "joint" / "monoscene.safetensors").size_HW == load_perception(None).size_HW
    for run in ("pictures", "joint"):
        losses = [json.loads(line)["loss"] for line in (tmp_path / run / "log.jsonl").read_text().splitlines()]
        assert losses and np.all(np.isfinite(losses))
