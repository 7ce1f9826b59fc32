import numpy as np
import pytest
import tiny_run
import torch

from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import corrupt, draws, near, with_typos
from tiny_world import TinySource

STAGES = ("background", "objects", "fusion", "refine")
stages = pytest.mark.parametrize("stage", STAGES)
every = pytest.mark.parametrize("stage", ("text", *STAGES))


@every
def test_a_slot_has_its_own_randomness(tmp_path, stage):
    """The loss of a slot is the same alone, in the whole batch, and when asked again; text shares one mean."""
    task = tiny_run.make_task(stage, tmp_path)
    task.module.eval()
    with torch.no_grad():
        whole = task.losses(3, range(4), 4, 0)
        assert torch.equal(whole, task.losses(3, range(4), 4, 0)) and whole.shape == (4,)
        halves = torch.cat([task.losses(3, slots, 4, 0) for slots in (range(2), range(2, 4))])
        assert torch.allclose(halves.mean(), whole.mean(), rtol=1e-5)
        if stage != "text":
            assert torch.allclose(halves, whole, rtol=1e-4)
        for other in (task.losses(4, range(4), 4, 0), task.losses(3, range(4), 4, 1)):
            assert not torch.allclose(other, whole)


@stages
def test_what_lies_beneath_the_unknown_does_not_matter(tmp_path, stage):
    losses = []
    for beneath in (0, 1, 2):
        task = tiny_run.make_task(stage, tmp_path, TinySource(4, 2 / 3, beneath))
        losses.append(task.losses(0, range(4), 4, 0))
    assert torch.isfinite(losses[0]).all() and float(losses[0].detach().sum()) > 0
    assert torch.equal(losses[0], losses[1]) and torch.equal(losses[0], losses[2])


@stages
@pytest.mark.parametrize("hidden", [2 / 3, 1.0])
def test_training_on_mostly_unknown_scenes(tmp_path, stage, hidden):
    task = tiny_run.make_task(stage, tmp_path / "cache", TinySource(8, hidden))
    train(task, LoopConfig(steps=4, batch=2, warmup=1), tmp_path / "run", {})
    curve = tiny_run.losses(tmp_path / "run")
    assert np.isfinite(curve).all() and (max(curve) > 0) == (hidden < 1)


@pytest.mark.slow
@every
def test_a_short_training_learns(tmp_path, stage):
    task = tiny_run.make_task(stage, tmp_path / "cache")
    train(task, LoopConfig(steps=40, batch=4, lr=5e-3, warmup=5), tmp_path / "run", {})
    curve = tiny_run.losses(tmp_path / "run")
    assert np.mean(curve[-8:]) < 0.85 * np.mean(curve[:4])


def test_absorbing_stages_learn_from_masked_cells(tmp_path):
    task = tiny_run.make_task("fusion", tmp_path)
    scenes, rngs = [task.scenes[i] for i in (0, 1)], [draws(0, 0, slot) for slot in (0, 1)]
    x_0 = torch.from_numpy(np.stack([s.grids.fusion for s in scenes]).astype(np.int64))
    x_t = torch.where(torch.rand(x_0.shape, generator=rngs[0].torch) < 0.8, task.transition.states, x_0)
    query = task.queries(x_0, x_t, scenes, rngs)
    assert len(query) == 2 * 96 == len(query.unique())
    assert (x_t.flatten()[query] == task.transition.states).all()
    assert (query[:96] < x_0[0].numel()).all() and (query[96:] >= x_0[0].numel()).all()


def test_near_reaches_the_neighbouring_cells():
    grid = np.zeros((4, 4, 4), np.uint8)
    assert not near(grid, (8, 8, 4), 1).any()
    grid[1, 1, 0] = 3
    marked = near(grid, (8, 8, 4), 1)
    assert marked[:6, :6, :2].all() and float(marked.sum()) == 6 * 6 * 2


def test_corruption_is_rare_and_local():
    grid = torch.randint(9, (1, 40, 40, 8), generator=torch.Generator().manual_seed(0))
    noisy = corrupt(grid, 9, 0.1, torch.Generator().manual_seed(1))
    assert 0.07 < float((noisy != grid).float().mean()) < 0.11 and noisy.max() < 9
    assert torch.equal(corrupt(grid, 9, 0.0, torch.Generator().manual_seed(1)), grid)


def test_typos_keep_letters():
    text = "vegetation along the carriageway and several parked vehicles"
    changed = [with_typos(text, np.random.default_rng(seed)) for seed in range(80)]
    assert any(c != text for c in changed) and all(sorted(c) == sorted(text) for c in changed)
