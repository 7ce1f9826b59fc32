"""Equal compute: how many steps of which stage fit into so many CPU seconds, and how many seconds they took."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from occforge.core.errors import InputError
from occforge.discrete.stages import Stage
from occforge.train.loop import LoopConfig, Task, train
from occforge.train.scene_cache import SceneCache
from occforge.train.tasks import DiffusionOptions, DiffusionTask

WARMUP = 2
"""First steps of a measurement, which allocate and compile."""


class Timed:
    """A task that notes in a file how many CPU seconds each step took, forward to checkpoint.

    They are those of the process that has the first slots of the batch; others beside it (torchrun) note nothing.
    The file survives the process: a step that is repeated after a kill counts as it went the last time. Use as a
    context around `train`, which ends the last step.
    """

    def __init__(self, task: Task, path: Path) -> None:
        self.task, self.module, self.path = task, task.module, path
        self._running: tuple[int, float] | None = None

    def __enter__(self) -> "Timed":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._lap()

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        self._lap()
        if slots[0] == 0:
            self._running = step, time.process_time()
        return self.task.losses(step, slots, batch, seed)

    def _lap(self) -> None:
        if self._running is not None:
            step, start = self._running
            with self.path.open("a") as file:
                file.write(json.dumps({"step": step, "seconds": time.process_time() - start}) + "\n")
        self._running = None


def step_seconds(path: Path) -> dict[int, float]:
    """Step -> CPU seconds, as `Timed` noted them; a line cut off by a kill is left out."""
    seconds = {}
    for line in path.read_text().splitlines():
        try:
            note = json.loads(line)
        except json.JSONDecodeError:
            continue
        seconds[int(note["step"])] = float(note["seconds"])
    return seconds


def seconds_per_step(task: Task, loop: LoopConfig, steps: int = 3) -> float:
    """CPU seconds of one training step, median of `steps`; the weights of `task` are spoilt by it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cpu.jsonl"
        with Timed(task, path) as timed:
            train(timed, replace(loop, steps=WARMUP + steps + 1), Path(folder) / "run", {})
        laps = step_seconds(path)  # the last one holds the final save, too
    return median(laps[step] for step in range(WARMUP, WARMUP + steps))


def stage_seconds_per_step(stage: Stage, scenes: SceneCache, options: DiffusionOptions, loop: LoopConfig) -> float:
    """`seconds_per_step` of a diffused stage.

    Steps with and without self-conditioning are measured apart and mixed as `options` will mix them.
    """
    share = options.self_condition if stage.network.config.self_condition else 0.0
    kinds = {kind: part for kind, part in ((0.0, 1.0 - share), (1.0, share)) if part}
    return sum(
        part * seconds_per_step(DiffusionTask(stage, scenes, replace(options, self_condition=kind)), loop)
        for kind, part in kinds.items()
    )


def steps_within(budget_s: float, shares: Mapping[str, float], seconds: Mapping[str, float]) -> dict[str, int]:
    """Steps of each stage for a method to take `budget_s` CPU seconds in all, at `seconds` a step.

    `shares` says how the stages divide the budget; raises `InputError` unless they add up to one.
    """
    if abs(sum(shares.values()) - 1.0) > 1e-6:
        raise InputError(f"budget: expected shares that add up to 1, got {dict(shares)}")
    steps = {stage: round(budget_s * share / seconds[stage]) for stage, share in shares.items()}
    if min(steps.values()) < 1:
        raise InputError(f"budget: {budget_s:.0f} CPU seconds are not a step of every stage ({steps}); give more")
    return steps


def read_plan(path: Path, made_from: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of a comparison; raises `InputError` if it is missing or its "made_from" says other settings."""
    if not path.exists():
        raise InputError(f"expected a plan at {path}, found none; run the step plan first")
    plan: dict[str, Any] = json.loads(path.read_text())
    different = [key for key, value in made_from.items() if plan["made_from"].get(key) != value]
    if different:
        raise InputError(
            f"{path} was made for other settings ({', '.join(different)}); give another --record and --out"
        )
    return plan
