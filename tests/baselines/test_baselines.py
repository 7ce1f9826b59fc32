"""What the composition is compared with: the same for both baselines wherever that is possible."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from occforge.baselines.cascade import Cascade
from occforge.baselines.draw import DrawConfig
from occforge.baselines.voxel_d3pm import VoxelD3PM
from occforge.core.errors import InputError
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.stages import Composition
from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneCache
from occforge.train.tasks import DiffusionOptions, DiffusionTask
from tiny_world import GRID, HALF_CASCADE, HALF_VOXELS, TinySource, labels_of, tiny_half_levels

REQUEST = {"left": "buildings", "traffic": "many"}
methods = pytest.mark.parametrize("name", ["voxel", "cascade"])
stages = pytest.mark.parametrize(("name", "stage"), [("voxel", "voxels"), ("cascade", "coarse"), ("cascade", "fusion")])


@pytest.fixture(scope="module")
def levels():
    return tiny_half_levels()


def build(name, levels, awake=True):
    torch.manual_seed(0)
    if name == "voxel":
        method = VoxelD3PM(HALF_VOXELS, levels.grid, levels.taxonomy)
    else:
        method = Cascade(HALF_CASCADE, levels.grid, levels.fusion_book)
    if awake:
        with torch.no_grad():
            for parameter in method.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return method.eval()


def sample(method, request, seed):
    return method.sample(request, torch.Generator().manual_seed(seed))


@methods
def test_a_request_and_a_seed_are_a_scene(name, levels):
    method = build(name, levels)
    torch.manual_seed(1)
    one = sample(method, REQUEST, 3)
    torch.manual_seed(2)
    assert one.tobytes() == sample(method, REQUEST, 3).tobytes()
    assert one.shape == GRID.shape_XYZ and one.dtype == np.uint8 and one.max() < 20
    assert not np.array_equal(one, sample(method, REQUEST, 4))
    assert not np.array_equal(one, sample(method, {"left": "open"}, 3))


@methods
def test_the_calibration_of_a_stage_is_used(name, levels):
    method = build(name, levels)
    plain = sample(method, REQUEST, 0)
    for key, calibration in method.calibration.items():
        method.calibration[key] = replace(calibration, factors=(1e4,))
    assert not np.array_equal(plain, sample(method, REQUEST, 0))


@stages
def test_a_training_step(name, stage, levels, tmp_path):
    learned = build(name, levels).stages[stage]
    task = DiffusionTask(learned, SceneCache(tmp_path, TinySource(4), levels), DiffusionOptions(queries=96))
    losses = task.losses(0, range(4), 4, 0)
    losses.mean().backward()
    gradients = [p.grad for p in learned.network.parameters() if p.grad is not None]
    assert torch.isfinite(losses).all() and losses.shape == (4,) and (losses > 0).all()
    assert all(torch.isfinite(g).all() for g in gradients)
    assert sum(bool(g.abs().sum() > 0) for g in gradients) > 0.9 * len(list(learned.network.parameters()))


@stages
def test_one_scene_is_learned(name, stage, levels, tmp_path):
    learned = build(name, levels, awake=False).stages[stage]
    task = DiffusionTask(learned, SceneCache(tmp_path, TinySource(1), levels), DiffusionOptions(queries=512))

    def loss():
        with torch.no_grad():
            return float(task.losses(1000, range(8), 8, 0).mean())

    before = loss()
    train(task, LoopConfig(steps=30, batch=2, lr=5e-3, warmup=4), tmp_path / "run", {})
    assert loss() < 0.5 * before


@stages
def test_what_nobody_saw_is_not_learned(name, stage, levels, tmp_path):
    learned = build(name, levels).stages[stage]
    losses = []
    for beneath in (0, 1):
        scenes = SceneCache(tmp_path, TinySource(4, 2 / 3, beneath), levels)
        losses.append(DiffusionTask(learned, scenes, DiffusionOptions(queries=96)).losses(0, range(4), 4, 0))
    assert torch.equal(*losses) and float(losses[0].detach().sum()) > 0


def test_the_stages_read_the_scene(levels):
    """Voxels are the scene; a coarse cell is what its block of voxels pools to, empty only if all of it is."""
    labels = labels_of(1)
    grids = levels.grids(labels)
    assert np.array_equal(build("voxel", levels).stages["voxels"].target(grids), labels)
    cascade = build("cascade", levels)
    coarse, fusion = cascade.stages["coarse"].target(grids), cascade.stages["fusion"].target(grids)
    assert coarse.shape == fusion.shape == cascade.stages["fusion"].grid.shape_XYZ == (16, 16, 8)
    assert np.array_equal(coarse != 0, labels.reshape(16, 2, 16, 2, 8, 2).any((1, 3, 5)))
    exact = levels.fusion_book.decode(fusion) == labels
    exact = exact.reshape(16, 2, 16, 2, 8, 2).all((1, 3, 5))
    assert exact.mean() > 0.9 and np.array_equal(levels.fusion_book.parent_K[fusion][exact], coarse[exact])
    assert {SEMANTIC_KITTI.id_of(name) for name in ("car", "person", "trunk", "building")} <= set(coarse.flat)


def test_fusion_of_the_cascade_looks_where_ours_looks(levels):
    """Emphasis follows from the one coarse grid: its background cells and its object cells."""
    grids = levels.grids(labels_of(1))
    fusion = build("cascade", levels).stages["fusion"]
    (*_, background), (*_, objects), (*_, same_objects) = fusion.emphasis
    coarse, things = fusion.given[0].read(grids), list(SEMANTIC_KITTI.objects)
    ours = Composition(levels).stages["fusion"].emphasis
    assert [rule[:2] for rule in fusion.emphasis] == [rule[:2] for rule in ours]
    assert np.array_equal(objects(grids), same_objects(grids))
    assert np.array_equal(objects(grids), np.where(np.isin(coarse, things), coarse, 0))
    assert np.array_equal(background(grids), np.where(np.isin(coarse, things), 0, coarse))


def test_settings_that_cannot_be():
    with pytest.raises(InputError, match="at least 1 step"):
        DrawConfig(0)
    with pytest.raises(InputError, match="sweeps"):
        DrawConfig(1, sweeps=-1)
