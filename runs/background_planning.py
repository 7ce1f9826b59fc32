"""Does the way a background is sampled lose one kind of street?

python runs/background_planning.py [--weights DIR] [--n 64]

Straight streets of the world have a carriageway of one lane or two a direction, with nothing in between. For the
attributes of n validation streets, coarse backgrounds are sampled in several ways; printed are the cells of road a row
(mean and standard error), how many streets are narrow, wide and neither, a few classes' cells as a multiple of the same
streets' own, and CPU seconds a background.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from occforge.core.processes import run_jobs
from occforge.data.procedural import VAL_FIRST_SEED
from occforge.discrete.guided import Guided
from occforge.discrete.sample import Planning, sample
from occforge.discrete.text import request_BA
from occforge.weights import load_generator
from occforge.world.street import make_street

NARROW, WIDE = 4.6, 7.5
"""Cells of road a row of 1.6 m: one lane a direction has about four, two have about eight."""
COUNTED = ("sidewalk", "building", "fence", "vegetation", "terrain")


class Unaided(Guided):
    """The same network, which never sees an estimate."""

    @property
    def self_condition(self) -> bool:
        """False, whatever the network was trained with."""
        return False


@dataclass(frozen=True)
class Sampler:
    """A way to draw a background."""

    name: str
    steps: int
    planning: Planning | None = None
    aided: bool = True


SAMPLERS = (
    Sampler("the last step's estimate", 32),
    Sampler("no estimate", 32, aided=False),
    Sampler("planning", 14, Planning()),
    Sampler("planning", 30, Planning(share=0.8)),
)


def cells(states_XYZ: NDArray[np.integer], names: list[str]) -> list[float]:
    """Cells of road a row, then of each of `COUNTED`."""
    totals = [float((states_XYZ == names.index(name)).sum()) for name in ("road", *COUNTED)]
    return [totals[0] / states_XYZ.shape[0], *totals[1:]]


def draws(weights: Path | None, sampler: Sampler | None, seeds: tuple[int, ...]) -> list[list[float]]:
    """`cells` and CPU seconds of a background for each street's attributes; without a sampler, of the street itself."""
    composition = load_generator(weights)[0].eval()
    levels, transition = composition.levels, composition.transitions["background"]
    names = [levels.taxonomy.names[label] for label in levels.alphabets["background"].labels]
    rows = []
    for seed in seeds:
        street = make_street(seed, wishes={"layout": "straight"})
        start = time.process_time()
        if sampler is None:
            states_XYZ = levels.coarse(street.scene.labels_XYZ)[0]
        else:
            ask = request_BA([street.attributes])
            bind = Guided if sampler.aided else Unaided
            network = bind(composition.bedit("background"), ask, ask, (), composition.calibration["background"])
            generator, shape = torch.Generator().manual_seed(seed), (1, *levels.background_grid.shape_XYZ)
            made = sample(network, transition, shape, sampler.steps, generator, planning=sampler.planning)
            states_XYZ = made[0].numpy()
        rows.append([*cells(states_XYZ, names), time.process_time() - start])
    return rows


def main(weights: Path | None = None, n: int = 64, workers: int = 2) -> None:
    """Print the table.

    Args:
        weights: Folder of weights; the embedded ones if left out.
        n: Streets.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    seeds = tuple(range(VAL_FIRST_SEED, VAL_FIRST_SEED + n))
    print(f"| Sampler | steps | road | narrow | wide | neither | {' | '.join(COUNTED)} | CPU s |")
    print("|---" * (7 + len(COUNTED)) + "|")
    truth = np.ones(len(COUNTED))
    for sampler in (None, *SAMPLERS):
        jobs = [(weights, sampler, seeds[i : i + 8]) for i in range(0, n, 8)]
        name = "the world" if sampler is None else sampler.name
        found = np.array([row for rows in run_jobs(draws, jobs, workers, name) for row in rows])
        road, totals, seconds = found[:, 0], found[:, 1:-1].mean(0), found[:, -1].mean()
        if sampler is None:
            truth = np.maximum(totals, 1.0)
        narrow, wide = float((road < NARROW).mean()), float((road > WIDE).mean())
        columns = [
            name,
            "" if sampler is None else f"{sampler.steps}",
            f"{road.mean():.2f} ± {road.std(ddof=1) / n**0.5:.2f}",
            *(f"{share:.2f}" for share in (narrow, wide, 1.0 - narrow - wide)),
            *(f"{ratio:.2f}" for ratio in totals / truth),
            "" if sampler is None else f"{seconds:.1f}",
        ]
        print(f"| {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
