"""Scores of generated scenes: what the evaluate verbs run."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.errors import InputError, check_count
from occforge.core.files import write_json, write_text
from occforge.core.grid import Scene
from occforge.core.processes import run_jobs
from occforge.data.procedural import TEST_FIRST_SEED
from occforge.discrete.stages import Composition
from occforge.discrete.weights import stage_modules
from occforge.metrics.features import load_features
from occforge.metrics.prompts import found, load_prompts, measurable
from occforge.metrics.report import SceneReport, SceneStatistics, SceneSummary, scene_report, versions
from occforge.pipelines.kept import Arrays, claim_folder, kept
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.weights import EMBEDDED, load_generator
from occforge.world.street import make_street

_GENERATOR: tuple[Path | None, Composition] | None = None
"""One generator a worker process, kept between its scenes."""


DRAWN = ("background", "objects")
"""The coarse grids, which may be drawn several times."""


@dataclass(frozen=True)
class Job:
    """One scene to make: which weights, prompt, seed and settings, and where it goes."""

    weights: Path | None
    prompt: str
    seed: int
    config: SamplingConfig
    path: Path


def make(job: Job) -> None:
    """Generate the scene of a job and write its labels; a file that is there already is kept."""
    torch.set_num_threads(1)
    kept(job.path, lambda: _made(job))


def _made(job: Job) -> Arrays:
    global _GENERATOR
    if _GENERATOR is None or _GENERATOR[0] != job.weights:
        _GENERATOR = job.weights, load_generator(job.weights)[0]
    made = generate_scene(_GENERATOR[1], job.prompt, job.seed, job.config)
    seconds, draws = sum(made.seconds.values()), [made.attempts[name] for name in DRAWN]
    return {"labels_XYZ": made.scene.labels_XYZ, "seconds": np.array(seconds), "draws": np.array(draws)}


def generate_all(jobs: list[Job], workers: int) -> Iterator[NDArray[np.uint8]]:
    """`labels_XYZ` of every job in order; scenes made before are read back, so a stopped run continues."""
    run_jobs(make, [(job,) for job in jobs], workers, "scenes")
    for job in jobs:
        with np.load(job.path, allow_pickle=False) as file:
            yield file["labels_XYZ"]


def mean_costs(jobs: list[Job]) -> dict[str, float]:
    """What the scenes of finished jobs took: CPU seconds a scene, and draws of each coarse grid."""
    rows = []
    for job in jobs:
        with np.load(job.path, allow_pickle=False) as file:
            rows.append([float(file["seconds"]), *file["draws"]])
    return dict(zip(("cpu_seconds", *DRAWN), np.mean(rows, axis=0).tolist(), strict=True))


def cost_in_words(costs: dict[str, float]) -> str:
    """What `mean_costs` found, as part of a sentence."""
    return (
        f"on average {costs['background']:.2f} draws of the coarse background, {costs['objects']:.2f} of the objects; "
        f"{costs['cpu_seconds']:.1f} CPU-seconds"
    )


def digest_of_prompts(split: str) -> str:
    """Of the packaged prompts of a split and what they ask for: kept scenes are numbered by them."""
    said = json.dumps([(prompt.text, prompt.asks) for prompt in load_prompts(split)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def made_from(composition: Composition, weights: Path | None, config: SamplingConfig) -> dict[str, Any]:
    """What names the scenes of `generate_all`, for `claim_folder`; `composition` is that of the folder `weights`."""
    folder, names = EMBEDDED if weights is None else weights, sorted(["codebooks", *stage_modules(composition)])
    digests = (hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).digest() for name in names)
    return {"weights": hashlib.sha256(b"".join(digests)).hexdigest(), "config": asdict(config)}


def check_seeds(seeds: tuple[int, ...]) -> None:
    """Raise `InputError` unless there is one seed or more, none negative and none twice."""
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds: expected one or more different seeds of 0 or more, got {' '.join(map(str, seeds))}")


def evaluate_unprompted(
    out: Path,
    n: int,
    seeds: tuple[int, ...],
    config: SamplingConfig,
    weights: Path | None,
    features: Path | None,
    workers: int,
) -> SceneReport:
    """Scores of `n` scenes a seed against held-out streets; writes scenes.json and scenes.md into `out`.

    Reference and floor are streets of the world from disjoint seeds that no training saw.
    """
    check_count("--n", n, 2)
    check_seeds(seeds)
    network = load_features(EMBEDDED / "features.safetensors" if features is None else features)
    composition, _ = load_generator(weights)
    claim_folder(out, made_from(composition, weights, config))
    levels = composition.levels

    def real(first_seed: int) -> SceneSummary:
        statistics = SceneStatistics(levels.grid, levels.taxonomy, network)
        for seed in tqdm(range(first_seed, first_seed + n), desc="real scenes"):
            statistics.add(make_street(seed).scene)
        return statistics.result()

    generated = {}
    all_jobs: list[Job] = []
    for seed in seeds:
        jobs = [Job(weights, "", seed * 1_000_000 + i, config, out / f"{seed}" / f"{i:06d}.npz") for i in range(n)]
        all_jobs += jobs
        statistics = SceneStatistics(levels.grid, levels.taxonomy, network)
        for labels_XYZ in generate_all(jobs, workers):
            statistics.add(Scene(labels_XYZ, levels.grid, levels.taxonomy))
        generated[seed] = statistics.result()
    settings = {
        "reference": f"world seeds {TEST_FIRST_SEED} to {TEST_FIRST_SEED + n - 1}",
        "floor": f"world seeds {TEST_FIRST_SEED + n} to {TEST_FIRST_SEED + 2 * n - 1}",
        "sampling": json.dumps(asdict(config)),
        "cost of a scene": cost_in_words(mean_costs(all_jobs)),
        "weights": "embedded" if weights is None else str(weights),
    }
    report = scene_report(real(TEST_FIRST_SEED), real(TEST_FIRST_SEED + n), generated, settings=settings)
    report.save(out)
    return report


def evaluate_prompted(
    out: Path,
    split: str,
    seeds: tuple[int, ...],
    config: SamplingConfig,
    weights: Path | None,
    workers: int,
    n: int | None = None,
) -> str:
    """Faithfulness to the packaged prompts as a Markdown table; writes prompts.json and prompts.md into `out`.

    Beside what is found in the voxels stands what the prompt encoder understood, which says where a miss comes from.
    """
    prompts = load_prompts(split)
    if n is not None and not 1 <= n <= len(prompts):
        raise InputError(f"--n: expected 1 to {len(prompts)}, got {n}")
    check_seeds(seeds)
    prompts = prompts[:n]
    composition, _ = load_generator(weights)
    claim_folder(out / split, made_from(composition, weights, config) | {"prompts": digest_of_prompts(split)})
    levels = composition.levels
    rows: dict[str, list[int]] = {}
    misses = []
    all_jobs: list[Job] = []
    for seed in seeds:
        jobs = [
            Job(weights, p.text, seed * 1_000_000 + i, config, out / split / f"{seed}" / f"{i:06d}.npz")
            for i, p in enumerate(prompts)
        ]
        all_jobs += jobs
        for prompt, labels_XYZ in zip(prompts, generate_all(jobs, workers), strict=True):
            asked = measurable(prompt.asks)
            seen = found(asked, Scene(labels_XYZ, levels.grid, levels.taxonomy))
            understood = composition.text.understood(prompt.text)
            for name, value in asked.items():
                row = rows.setdefault(name, [0, 0, 0])
                row[0] += seen[name]
                row[1] += understood.get(name) == value
                row[2] += 1
                if not seen[name]:
                    misses.append({"prompt": prompt.text, "asked": f"{name}={value}", "read": understood.get(name)})
    total = [sum(column) for column in zip(*rows.values(), strict=True)]
    costs = mean_costs(all_jobs)
    lines = [
        f"{len(prompts)} prompts ({split}), seeds {', '.join(map(str, seeds))}; at most {config.attempts} draws of a "
        f"coarse grid; a scene took {cost_in_words(costs)}.",
        "",
        "| Attribute | found in the voxels | understood in the words | asked |",
        "|---|---|---|---|",
        *(f"| {k} | {100 * f / t:.1f} % | {100 * u / t:.1f} % | {t} |" for k, (f, u, t) in sorted(rows.items())),
        f"| **all** | **{100 * total[0] / total[2]:.1f} %** | {100 * total[1] / total[2]:.1f} % | {total[2]} |",
    ]
    table = "\n".join(lines) + "\n"
    settings = {"sampling": asdict(config), "weights": "embedded" if weights is None else str(weights), **versions()}
    counts = {k: {"found": f, "understood": u, "asked": t} for k, (f, u, t) in rows.items()}
    write_json(
        out / "prompts.json", {"attributes": counts, "costs": costs, "misses": misses, "seeds": list(seeds), **settings}
    )
    write_text(out / "prompts.md", table)
    return table
