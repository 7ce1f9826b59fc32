"""Which stage costs how much F3D? Real coarse grids stand in for the first stages, one stage less at a time.

python runs/stage_attribution.py [--n 64] [--weights DIR] [--out out/attribution]

Reference are streets that no training saw; the real grids come from other such streets, and so does the floor. Where
both coarse grids are a street's own, the features of the drawn scene can be set against those of that very street: the
mean of the differences, squared and freed of its noise, is what fusion and refinement alone add to F3D, far below what
F3D of so few scenes can tell. Two processes; scenes that are there already are kept.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.files import atomic_path, write_text
from occforge.core.grid import Scene
from occforge.core.processes import run_jobs
from occforge.data.procedural import TEST_FIRST_SEED
from occforge.discrete.request import RequestPrior
from occforge.metrics.features import load_features
from occforge.metrics.frechet import frechet_distance
from occforge.metrics.report import SceneStatistics, SceneSummary
from occforge.metrics.shares import share_distance
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.weights import EMBEDDED, load_generator
from occforge.world.layout import PRIOR
from occforge.world.street import make_street

VARIANTS = {
    "real streets (the floor)": "",
    "fusion and refinement drawn": "fusion",
    "objects drawn too": "objects",
    "background drawn too": "background",
    "the same, open attributes left open": "open",
}
COUNTED = ("car", "person", "pole", "traffic-sign", "bicycle")


@dataclass(frozen=True)
class Job:
    """One scene: from which stage on it is drawn ("" for none), its index, the weights and its file."""

    first_drawn: str
    index: int
    weights: Path | None
    guidance: float
    path: Path


def make(job: Job) -> None:
    """Write the labels of a job."""
    if job.path.exists():
        return
    composition = load_generator(job.weights)[0]
    if job.first_drawn == "open":
        composition.request_prior = RequestPrior()
    elif not composition.request_prior.shares:
        composition.request_prior = RequestPrior(PRIOR)
    street = make_street(TEST_FIRST_SEED + 5000 + job.index)
    labels_XYZ = street.scene.labels_XYZ
    if job.first_drawn:
        background, objects = composition.levels.coarse(labels_XYZ)
        made = generate_scene(
            composition,
            "",
            job.index,
            SamplingConfig(guidance=job.guidance),
            background if job.first_drawn in ("fusion", "objects") else None,
            objects if job.first_drawn == "fusion" else None,
        )
        labels_XYZ = made.scene.labels_XYZ
    with atomic_path(job.path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, labels_XYZ=labels_XYZ)


def squared_mean(difference_ND: NDArray[np.float64]) -> float:
    """|mean|^2 of the distribution that the rows are drawn from, without bias."""
    noise = difference_ND.var(0, ddof=1).sum() / len(difference_ND)
    return float((difference_ND.mean(0) ** 2).sum() - noise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("out/attribution"))
    arguments = parser.parse_args()
    levels = load_generator(arguments.weights)[0].levels
    network = load_features(EMBEDDED / "features.safetensors")

    def summary(scenes: list[Scene]) -> SceneSummary:
        statistics = SceneStatistics(levels.grid, levels.taxonomy, network)
        for scene in scenes:
            statistics.add(scene)
        return statistics.result()

    reference = summary([make_street(TEST_FIRST_SEED + i).scene for i in range(arguments.n)])
    lines = [
        f"| n = {arguments.n} | F3D | things, L1 | " + " | ".join(COUNTED) + " |",
        "|---" * (3 + len(COUNTED)) + "|",
        "| real | | | " + " | ".join(f"{reference.objects.classes[c].per_scene:.2f}" for c in COUNTED) + " |",
    ]
    for name, first_drawn in VARIANTS.items():
        folder = arguments.out / (first_drawn or "real")
        jobs = [
            Job(first_drawn, i, arguments.weights, arguments.guidance, folder / f"{i}.npz") for i in range(arguments.n)
        ]
        run_jobs(make, [(job,) for job in jobs], 2, name)
        labels = [np.load(job.path, allow_pickle=False)["labels_XYZ"] for job in jobs]
        side = summary([Scene(x, levels.grid, levels.taxonomy) for x in labels])
        assert side.features_ND is not None and reference.features_ND is not None
        if first_drawn == "":
            own_ND = side.features_ND
        elif first_drawn == "fusion":
            shift = squared_mean(side.features_ND - own_ND)
        distance = frechet_distance(side.features_ND, reference.features_ND)
        things = share_distance(side.counts_K, reference.counts_K, levels.taxonomy.things).things
        counts = " | ".join(f"{side.objects.classes[c].per_scene:.2f}" for c in COUNTED)
        lines.append(f"| {name} | {distance:.1f} | {things:.2f} | {counts} |")
        print("\n".join(lines), flush=True)
    lines += ["", f"Squared mean difference of fused streets from the same streets: {shift:.2f}"]
    print(lines[-1])
    write_text(arguments.out / "attribution.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
