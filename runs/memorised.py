"""Does a stage know the streets that it was trained on better than others?

python runs/memorised.py [--weights DIR] [--scenes 4096] [--n 40]

Cross-entropy of x_0, true attributes asked for, at three noise levels, on training streets and on validation streets,
mean and standard error over n. A gap says that the stage has memorised: more streets, not more steps, will help it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro

from occforge.core.processes import run_jobs
from occforge.data.procedural import TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.discrete.text import request_BA
from occforge.pipelines.text_to_scene import as_batch
from occforge.weights import load_generator
from occforge.world.street import make_street

LEVELS = (0.3, 0.6, 0.9)
STAGES = ("background", "objects", "fusion")


@dataclass(frozen=True)
class Job:
    """Some seeds of one side."""

    weights: Path | None
    seeds: tuple[int, ...]


def losses(job: Job) -> list[list[float]]:
    """Cross-entropy of each stage and level, a row a street; the noise is the same for the same seed."""
    composition = load_generator(job.weights)[0].eval()
    rows = []
    for seed in job.seeds:
        street = make_street(seed)
        grids, generator = composition.levels.grids(street.scene.labels_XYZ), torch.Generator().manual_seed(seed)
        ask, row = request_BA([street.attributes]), []
        for name in STAGES:
            stage = composition.stages[name]
            x_0 = as_batch(stage.target(grids))
            given = [as_batch(condition.read(grids)) for condition in stage.given]
            for level in LEVELS:
                x_t = stage.transition.q_sample(x_0, torch.tensor([level * stage.transition.T]), generator)
                with torch.no_grad():
                    logits_NK = stage.network(x_t, torch.tensor([level]), ask, given)
                asked_N = torch.ones_like(x_0, dtype=torch.bool).flatten()
                if stage.transition.kind == "absorbing":
                    asked_N = (x_t == stage.transition.states).flatten()
                row.append(float(F.cross_entropy(logits_NK[asked_N], x_0.flatten()[asked_N])))
        rows.append(row)
    return rows


def main(weights: Path | None = None, scenes: int = 4096, n: int = 40, workers: int = 2) -> None:
    """Print the table.

    Args:
        weights: Folder of weights; the embedded ones if left out.
        scenes: How many streets the stages were trained on.
        n: Streets a side, spread evenly.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    sides = {"trained on": (TRAIN_FIRST_SEED, scenes), "never seen": (VAL_FIRST_SEED, n)}
    found = {}
    for side, (first, count) in sides.items():
        seeds = [first + i * count // n for i in range(n)]
        jobs = [(Job(weights, tuple(seeds[i : i + 8])),) for i in range(0, n, 8)]
        found[side] = np.array([row for rows in run_jobs(losses, jobs, workers, side) for row in rows])
    print("| Stage | noise level | trained on | never seen | difference in standard errors |\n|---|---|---|---|---|")
    for column, (stage, level) in enumerate((s, u) for s in STAGES for u in LEVELS):
        a, b = (found[side][:, column] for side in sides)
        error_a, error_b = (x.std(ddof=1) / len(x) ** 0.5 for x in (a, b))
        apart = (b.mean() - a.mean()) / np.hypot(error_a, error_b)
        print(f"| {stage} | {level} | {a.mean():.4f} ± {error_a:.4f} | {b.mean():.4f} ± {error_b:.4f} | {apart:.1f} |")
    print(json.dumps({"n": n, "weights": "embedded" if weights is None else str(weights)}))


if __name__ == "__main__":
    tyro.cli(main)
