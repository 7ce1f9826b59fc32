import json
import time

import pytest
import torch

from occforge.core.errors import InputError
from occforge.train.budget import Timed, stage_seconds_per_step, step_seconds, steps_within
from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneCache
from occforge.train.tasks import DiffusionOptions
from tiny_world import TinySource, tiny_composition


class Busy:
    """A task whose steps take about 20 ms of CPU time; stops at a step."""

    def __init__(self, stop=None):
        torch.manual_seed(0)
        self.module, self.stop = torch.nn.Linear(1, 1), stop

    def losses(self, step, slots, batch, seed):
        if step == self.stop:
            raise KeyboardInterrupt
        start = time.process_time()
        while time.process_time() - start < 0.02:
            pass
        return self.module(torch.ones(len(slots), 1))[:, 0]


def test_every_step_is_noted_once_however_often_a_run_stops(tmp_path):
    loop, notes = LoopConfig(steps=6, batch=2, optimizer="adamw", checkpoint_minutes=60.0), tmp_path / "cpu.jsonl"
    with pytest.raises(KeyboardInterrupt), Timed(Busy(stop=4), notes) as timed:
        train(timed, loop, tmp_path / "run", {})
    with notes.open("a") as file:
        file.write('{"step": 4, "sec')  # a kill in the middle of a line
    start = time.process_time()
    with Timed(Busy(), notes) as timed:  # no checkpoint was written: all steps anew
        train(timed, loop, tmp_path / "run", {})
    total = time.process_time() - start
    seconds = step_seconds(notes)
    assert seconds.keys() == set(range(6)) and min(seconds.values()) >= 0.02
    assert sum(seconds.values()) == pytest.approx(total, abs=0.05)


def test_a_finished_run_adds_nothing(tmp_path):
    loop, notes = LoopConfig(steps=2, batch=2, optimizer="adamw"), tmp_path / "cpu.jsonl"
    for _ in range(2):
        with Timed(Busy(), notes) as timed:
            train(timed, loop, tmp_path / "run", {})
    assert len(notes.read_text().splitlines()) == 2


def test_of_processes_side_by_side_one_notes(tmp_path):
    for slots in (range(2), range(2, 4)):
        with Timed(Busy(), tmp_path / "cpu.jsonl") as timed:
            timed.losses(0, slots, 4, 0)
    assert len((tmp_path / "cpu.jsonl").read_text().splitlines()) == 1


def test_timing_changes_no_weight(tmp_path):
    loop = LoopConfig(steps=2, batch=2, optimizer="adamw")
    with Timed(Busy(), tmp_path / "cpu.jsonl") as timed:
        one = train(timed, loop, tmp_path / "timed", {})
    assert one.read_bytes() == train(Busy(), loop, tmp_path / "plain", {}).read_bytes()


def test_a_measurement_mixes_steps_with_and_without_self_conditioning(tmp_path, monkeypatch):
    composition = tiny_composition()
    scenes, asked = SceneCache(tmp_path, TinySource(8), composition.levels), []

    def seconds(path):
        return {step: 1.0 if step < 2 else 2.0 + asked[-1] for step in range(6)}

    class Watch(Timed):
        def __init__(self, task, path):
            asked.append(task.options.self_condition)
            super().__init__(task, path)

    monkeypatch.setattr("occforge.train.budget.Timed", Watch)
    monkeypatch.setattr("occforge.train.budget.step_seconds", seconds)
    loop, options = LoopConfig(batch=2, warmup=1), DiffusionOptions(self_condition=0.25, queries=64)
    measured = {
        name: stage_seconds_per_step(composition.stages[name], scenes, options, loop) for name in composition.stages
    }
    assert measured == {"background": 2.25, "objects": 2.25, "fusion": 2.0}
    assert asked == [0.0, 1.0, 0.0, 1.0, 0.0]


def test_budgets_are_equal():
    seconds = {"voxels": 4.1, "coarse": 1.15, "fusion": 1.35, "background": 0.8, "objects": 1.1}
    methods = [{"voxels": 1.0}, {"coarse": 0.6, "fusion": 0.4}, {"background": 0.4, "objects": 0.35, "fusion": 0.25}]
    for shares in methods:
        steps = steps_within(3600.0, shares, seconds)
        spent = {stage: count * seconds[stage] for stage, count in steps.items()}
        assert sum(spent.values()) == pytest.approx(3600.0, abs=0.5 * sum(seconds[s] for s in shares))
        assert all(spent[s] == pytest.approx(3600.0 * share, abs=0.5 * seconds[s]) for s, share in shares.items())
    assert json.loads(json.dumps(steps)) == steps


def test_budgets_that_cannot_be():
    with pytest.raises(InputError, match="add up to 1"):
        steps_within(60.0, {"a": 0.5, "b": 0.4}, {"a": 1.0, "b": 1.0})
    with pytest.raises(InputError, match="not a step of every stage"):
        steps_within(1.0, {"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 1.0})
