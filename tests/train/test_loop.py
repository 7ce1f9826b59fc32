import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from occforge.core.arithmetic import device_of
from occforge.core.errors import InputError
from occforge.core.tensors import load_tensors
from occforge.train.distributed import average
from occforge.train.loop import LoopConfig, rate, train

LOOP = LoopConfig(steps=12, batch=4, lr=1e-2, optimizer="adamw", warmup=3)


class Line:
    """Fits a line; can be told to stop or to break at a step."""

    def __init__(self, stop=None, value=None):
        torch.manual_seed(0)
        self.module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 1))
        self.stop, self.value, self.seen = stop, value, []

    def losses(self, step, slots, batch, seed):
        self.seen.append((step, tuple(slots)))
        if step == self.stop:
            if self.value is None:
                raise KeyboardInterrupt
            return self.module[0].weight.sum() * torch.full((len(slots),), self.value)
        generator = torch.Generator().manual_seed(seed * 1000 + step)
        x = torch.rand(batch, 2, generator=generator)[list(slots)]
        return (self.module(x)[:, 0] - x.sum(1)) ** 2


def test_a_stopped_training_ends_as_an_unbroken_one(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop=7), replace(LOOP, checkpoint_minutes=0.0), tmp_path / "broken", {})
    task = Line()
    final = train(task, LOOP, tmp_path / "broken", {})  # the rhythm of checkpoints may change
    assert [step for step, _ in task.seen] == list(range(7, 12))
    whole = train(Line(), LOOP, tmp_path / "whole", {})
    assert final.read_bytes() == whole.read_bytes()
    assert (tmp_path / "broken" / "log.jsonl").read_text() == (tmp_path / "whole" / "log.jsonl").read_text()


def test_muon_without_matrices_is_adamw(tmp_path):
    """A line has none that Muon would take; its rate must not matter."""
    one, two = (
        load_tensors(train(Line(), replace(LOOP, optimizer="muon", muon_lr=rate), tmp_path / f"{rate}", {}))[0]
        for rate in (0.01, 0.5)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_a_run_leaves(tmp_path):
    task = Line()
    final = train(task, LOOP, tmp_path / "run", {"stage": "line"})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"ema.safetensors", "checkpoint.safetensors", "log.jsonl"}
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    tensors, metadata = load_tensors(final)
    assert metadata["step"] == 12 and metadata["stage"] == "line" and metadata["loop"]["steps"] == 12
    assert tensors.keys() == task.module.state_dict().keys()
    assert task.seen == [(step, (0, 1, 2, 3)) for step in range(12)]


def test_a_finished_run_is_kept(tmp_path):
    before = train(Line(), LOOP, tmp_path, {}).read_bytes()
    task = Line()
    assert train(task, LOOP, tmp_path, {}).read_bytes() == before and task.seen == []


@pytest.mark.parametrize(
    ("loop", "metadata", "says"),
    [
        (replace(LOOP, lr=2e-2), {"stage": "line"}, "loop"),
        (replace(LOOP, steps=20), {"stage": "line"}, "loop"),
        (LOOP, {"stage": "other"}, "stage"),
        (LOOP, {}, "stage"),
    ],
)
def test_another_configuration_does_not_continue(tmp_path, loop, metadata, says):
    train(Line(), LOOP, tmp_path, {"stage": "line"})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(InputError, match=rf"another configuration \(differs in {says}\)"):
        train(Line(), loop, tmp_path, metadata)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * len(b)])
def test_a_corrupt_checkpoint_is_named(tmp_path, damage):
    train(Line(), LOOP, tmp_path, {})
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"checkpoint.safetensors is corrupt"):
        train(Line(), LOOP, tmp_path, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops(tmp_path, value):
    with pytest.raises(FloatingPointError, match="at step 5"):
        train(Line(stop=5, value=value), replace(LOOP, checkpoint_minutes=0.0), tmp_path, {})
    tensors, metadata = load_tensors(tmp_path / "checkpoint.safetensors")
    assert metadata["step"] == 5 and all(torch.isfinite(v.float()).all() for v in tensors.values())


def test_settings_that_cannot_be():
    for change in ({"steps": 0}, {"batch": 0}, {"seed": -1}, {"lr": -1.0}, {"lr": float("nan")}):
        with pytest.raises(InputError, match=f"--{next(iter(change))}"):
            replace(LOOP, **change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="--device cpu"):
        train(Line(), replace(LOOP, device="cuda"), tmp_path, {})


def test_each_process_takes_its_own_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("cuda") == torch.device("cuda:0") and device_of("cuda:3") == torch.device("cuda:3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert device_of("cuda") == torch.device("cuda:2") and device_of("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="expected cpu, cuda or cuda:1, got banana"):
        device_of("banana")


def test_what_is_needed_is_prepared_once_all_else_is_good(tmp_path):
    asked: list[None] = []
    with pytest.raises(InputError, match="expected cpu, cuda"):
        train(Line(), replace(LOOP, device="banana"), tmp_path, {}, lambda: asked.append(None))
    assert asked == []
    for _ in range(2):
        train(Line(), LOOP, tmp_path, {}, lambda: asked.append(None))
    assert len(asked) == 1, "a finished run needs nothing"


def test_rates():
    cosine = replace(LOOP, steps=100, warmup=10)
    assert rate(cosine, 0) == pytest.approx(0.1) and rate(cosine, 9) == 1.0 and rate(cosine, 10) == 1.0
    tail = [rate(cosine, step) for step in range(10, 100)]
    assert tail == sorted(tail, reverse=True) and tail[45] == pytest.approx(0.5) and tail[-1] < 0.01
    steps = replace(cosine, schedule="steps")
    assert [rate(steps, s) for s in (63, 64, 83, 84)] == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert rate(replace(cosine, schedule="constant"), 99) == 1.0


def test_one_process_averages_nothing():
    tensors = [torch.ones(2), torch.zeros(3)]
    average(tensors, 1)
    average([], 2)
    assert tensors[0].tolist() == [1, 1]


def test_the_average_follows_the_weights(tmp_path):
    tensors, _ = load_tensors(train(Line(), replace(LOOP, ema=0.0), tmp_path, {}))
    checkpoint, _ = load_tensors(tmp_path / "checkpoint.safetensors")
    assert all(torch.equal(value, checkpoint[f"module.{name}"]) for name, value in tensors.items())
