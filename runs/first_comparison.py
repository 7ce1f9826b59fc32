"""Does the composition help? Voxel D3PM, plain cascade and ours at equal compute and data, three trainings each.

    nohup python runs/first_comparison.py --minutes 60 &

On streets of 128x128x16 voxels of 0.4 m, three generators are trained for the same CPU time on the same scenes, by the
same loop, and each makes n scenes a seed for requests drawn as the streets have them, without guidance. Steps:

    plan     codebook, scene cache, CPU seconds of a training step of every stage; writes plan.json with the
             number of steps that fill the budget, and with nothing but these numbers the rest is reproducible
    train    every stage of every generator and training, and the feature network of F3D and K3D
    sample   the scenes
    score    table, JSON and pictures

Started again after any interruption, it goes on where it was; what is done stays. The file is long because it holds the
whole experiment, from the budget to the table.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numba are loaded; workers inherit it
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image

from occforge.baselines.cascade import Cascade, CascadeConfig
from occforge.baselines.voxel_d3pm import VoxelD3PM, VoxelD3PMConfig
from occforge.core.arithmetic import DtypeChoice, chosen_dtype
from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.files import atomic_path, write_json
from occforge.core.grid import Scene
from occforge.core.processes import run_jobs
from occforge.core.tensors import load_state, load_tensors
from occforge.data.procedural import TEST_FIRST_SEED, TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.discrete.calibration import Calibration
from occforge.discrete.request import RequestPrior
from occforge.discrete.stages import Composition, CompositionConfig, Levels
from occforge.discrete.weights import load_levels
from occforge.metrics.features import SceneAutoencoderConfig, load_features
from occforge.metrics.report import SceneStatistics, SceneSummary, scene_report, side_by_side, versions
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.recipes._plans import HALF_SIZE
from occforge.recipes.street import FEATURE_SIZES
from occforge.render.oblique import oblique
from occforge.render.picture import save_rgb, sheet
from occforge.train.budget import Timed, seconds_per_step, step_seconds, steps_within
from occforge.train.calibrate import calibrate
from occforge.train.features import train_features
from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneCache, SceneSource
from occforge.train.scene_generator import prepare_levels
from occforge.train.sources import WorldSource
from occforge.train.tasks import DiffusionOptions, DiffusionTask

Method = VoxelD3PM | Cascade | Composition

SHARES: dict[str, dict[str, float]] = {
    "voxel D3PM": {"voxels": 1.0},
    "cascade": {"coarse": 0.6, "fusion": 0.4},
    "ours": {"background": 0.4, "objects": 0.35, "fusion": 0.25},
}
"""How each method divides its budget among its stages."""

POOLED, FEATURES = FEATURE_SIZES[0.4]
CHUNK = 16
"""Scenes a sampling job makes with one loading of the weights."""
PICTURES = 4
"""Scenes of each kind on the sheet of pictures: the first ones, none chosen."""


@dataclass(frozen=True)
class Settings:
    """What is compared. `minutes` of CPU time a method and training.

    The first `trainings` of the `seeds` seed a training each; the scenes of seed i come from training i modulo that.
    """

    out: Path
    report: Path
    cache: Path
    source: SceneSource
    calibration: SceneSource
    standard: SceneSource
    reference: SceneSource
    floor: SceneSource
    minutes: float
    seeds: tuple[int, ...]
    trainings: int
    workers: int
    loop: LoopConfig
    feature_loop: LoopConfig
    composition: CompositionConfig = HALF_SIZE
    voxel: VoxelD3PMConfig = field(default_factory=VoxelD3PMConfig)
    cascade: CascadeConfig = field(default_factory=CascadeConfig)
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(guidance=1.0))
    options: DiffusionOptions = field(default_factory=DiffusionOptions)
    features: SceneAutoencoderConfig = FEATURES

    def __post_init__(self) -> None:
        if not 1 <= self.trainings <= len(self.seeds):
            raise InputError(
                f"--trainings: expected 1 to {len(self.seeds)}, one or more seeds each, got {self.trainings}"
            )
        if len(self.reference) != len(self.floor) or self.n < 2:
            raise InputError(f"--n: expected 2 or more scenes on every side, got {self.n}")

    @property
    def n(self) -> int:
        """Scenes on every side."""
        return len(self.reference)

    def training_of(self, seed: int) -> int:
        """The seed of the training that makes the scenes of `seed`."""
        return self.seeds[self.seeds.index(seed) % self.trainings]

    def stage_folder(self, method: str, training: int, stage: str) -> Path:
        """Where a stage is trained."""
        return self.out / "train" / method.replace(" ", "-") / f"{training}" / stage

    def scene_path(self, method: str, seed: int, index: int) -> Path:
        """Where a generated scene lies."""
        return self.out / "scenes" / method.replace(" ", "-") / f"{seed}" / f"{index:06d}.npz"

    def identity(self) -> dict[str, Any]:
        """What weights and scenes are made from; n, seeds and trainings may grow later."""
        names = ("composition", "voxel", "cascade", "sampling", "options", "loop", "feature_loop", "features")
        made_from: dict[str, Any] = {name: asdict(getattr(self, name)) for name in names}
        made_from["scenes"] = [self.source.identity, len(self.source), self.calibration.identity]
        made_from |= {"minutes": self.minutes, "shares": SHARES}
        value: dict[str, Any] = json.loads(json.dumps(made_from))
        return value

    def read_plan(self) -> dict[str, Any]:
        """plan.json; raises `InputError` if it was made for other settings."""
        path = self.out / "plan.json"
        if not path.exists():
            raise InputError(f"expected a plan at {path}, found none; run the step plan first")
        plan: dict[str, Any] = json.loads(path.read_text())
        different = [key for key, value in self.identity().items() if plan["made_from"].get(key) != value]
        if different:
            raise InputError(f"{path} was made for other settings ({', '.join(different)}); give another --out")
        return plan


def make_method(settings: Settings, name: str, levels: Levels) -> Method:
    """A generator with fresh weights."""
    if name == "ours":
        return Composition(levels)
    if name == "voxel D3PM":
        return VoxelD3PM(settings.voxel, levels.grid, levels.taxonomy)
    assert levels.fusion_book is not None
    return Cascade(settings.cascade, levels.grid, levels.fusion_book)


def scene_cache(settings: Settings, source: SceneSource, levels: Levels) -> SceneCache:
    """The one cache that all methods learn from."""
    return SceneCache(settings.cache, source, levels)


def plan(settings: Settings) -> None:
    """Write plan.json."""
    if (settings.out / "plan.json").exists():
        settings.read_plan()
        return
    levels = prepare_levels(settings.source, settings.composition, settings.out / "books")
    scenes = scene_cache(settings, settings.source, levels)
    if settings.workers > 1:
        scenes.fill(settings.workers)
    jobs = [(settings, method, stage) for method, shares in SHARES.items() for stage in shares]
    seconds: dict[str, dict[str, float]] = {method: {} for method in SHARES}
    for (_, method, stage), value in zip(jobs, run_jobs(measure, jobs, settings.workers, "measuring"), strict=True):
        seconds[method][stage] = value
    parameters = {
        method: {
            name: sum(p.numel() for p in stage.network.parameters())
            for name, stage in make_method(settings, method, levels).stages.items()
        }
        for method in SHARES
    }
    steps = {m: steps_within(60 * settings.minutes, shares, seconds[m]) for m, shares in SHARES.items()}
    record = {
        "steps": steps,
        "cpu_seconds_per_step": seconds,
        "parameters": parameters,
        "request_prior": asdict(RequestPrior.fit(scenes.attributes())),
        "made_from": settings.identity(),
        "machine": platform.processor() or platform.machine(),
        **versions(),
    }
    write_json(settings.out / "plan.json", record)


def measure(settings: Settings, method: str, stage: str) -> float:
    """CPU seconds of a training step."""
    levels = load_levels(settings.out / "books")
    measured = make_method(settings, method, levels).stages[stage]
    scenes = scene_cache(settings, settings.source, levels)
    return seconds_per_step(measured, scenes, settings.options, settings.loop)


def train_all(settings: Settings) -> None:
    """Train every stage of every training, and the feature network, the longest first."""
    made = settings.read_plan()
    jobs = [
        (settings, method, training, stage)
        for method, shares in SHARES.items()
        for training in settings.seeds[: settings.trainings]
        for stage in shares
    ]
    jobs = [job for job in jobs if not (settings.stage_folder(*job[1:]) / "calibration.json").exists()]
    jobs.sort(key=lambda job: -made["steps"][job[1]][job[3]] * made["cpu_seconds_per_step"][job[1]][job[3]])
    if not feature_path(settings).exists():
        jobs.append((settings, "features", 0, ""))
    run_jobs(train_one, jobs, settings.workers, "trainings")


def train_one(settings: Settings, method: str, training: int, stage_name: str) -> None:
    """Train one stage with exactly the planned steps and calibrate it; or the feature network."""
    if method == "features":
        folder = feature_path(settings).parent
        train_features(settings.source, settings.standard, settings.feature_loop, folder, settings.features)
        return
    folder = settings.stage_folder(method, training, stage_name)
    levels = load_levels(settings.out / "books")
    loop = replace(settings.loop, steps=settings.read_plan()["steps"][method][stage_name], seed=training)
    torch.manual_seed(loop.seed)
    stage = make_method(settings, method, levels).stages[stage_name]
    task = DiffusionTask(stage, scene_cache(settings, settings.source, levels), settings.options)
    with Timed(task, folder / "cpu.jsonl") as timed:
        final = train(timed, loop, folder, {"method": method, "stage": stage_name, "source": settings.source.identity})
    load_state(stage.network, load_tensors(final)[0], final)
    task.scenes = scene_cache(settings, settings.calibration, levels)
    write_json(folder / "calibration.json", asdict(calibrate(task)))


def feature_path(settings: Settings) -> Path:
    """Where the feature network lies."""
    return settings.out / "features" / "features.safetensors"


def load_method(settings: Settings, name: str, training: int) -> Method:
    """A trained generator."""
    method = make_method(settings, name, load_levels(settings.out / "books"))
    for stage_name, stage in method.stages.items():
        folder = settings.stage_folder(name, training, stage_name)
        weights, factors = folder / "ema.safetensors", folder / "calibration.json"
        if not factors.exists():
            raise InputError(f"expected a trained stage in {folder}, found none; run the step train first")
        load_state(stage.network, load_tensors(weights)[0], weights)
        method.calibration[stage_name] = from_dict(Calibration, json.loads(factors.read_text()), str(factors))
    return method.eval()


def sample_all(settings: Settings) -> None:
    """Make all scenes that are not there."""
    settings.read_plan()
    jobs = []
    for method in SHARES:
        for seed in settings.seeds:
            missing = [i for i in range(settings.n) if not settings.scene_path(method, seed, i).exists()]
            jobs += [(settings, method, seed, missing[i : i + CHUNK]) for i in range(0, len(missing), CHUNK)]
    run_jobs(sample_some, jobs, settings.workers, "scenes")


def sample_some(settings: Settings, name: str, seed: int, indices: Sequence[int]) -> None:
    """Make scenes of one generator; equal seed and index ask every generator for the same."""
    method = load_method(settings, name, settings.training_of(seed))
    prior = from_dict(RequestPrior, settings.read_plan()["request_prior"], "plan.json")
    for index in indices:
        request = prior.complete({}, np.random.default_rng((seed, index)))
        start = time.process_time()
        labels_XYZ = draw_scene(method, settings.sampling, request, seed * 1_000_000 + index)
        seconds = time.process_time() - start
        path = settings.scene_path(name, seed, index)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, labels_XYZ=labels_XYZ, seconds=seconds)


def draw_scene(method: Method, sampling: SamplingConfig, request: dict[str, str], seed: int) -> NDArray[np.uint8]:
    """A scene with the requested attributes; ours by way of `generate_scene`, as the command line makes it."""
    if not isinstance(method, Composition):
        return method.sample(request, torch.Generator().manual_seed(seed))
    method.request_prior = RequestPrior.fit([request])  # certain of this one
    return generate_scene(method, "", seed, sampling).scene.labels_XYZ


def score(settings: Settings) -> str:
    """Write the table, the JSON and the pictures; returns the table."""
    plan_made = settings.read_plan()
    json_path, table_path, sheet_path = (settings.report.with_suffix(s) for s in (".json", ".md", ".png"))
    asked = {"n": settings.n, "seeds": list(settings.seeds), "trainings": settings.trainings, "plan": plan_made}
    if json_path.exists() and table_path.exists() and sheet_path.exists():
        before = json.loads(json_path.read_text())
        if all(before.get(key) == value for key, value in asked.items()):
            return table_path.read_text()
    save_rgb(sheet_path, picture_sheet(settings))
    sides = [("real", 0), ("real", 1), *((method, seed) for method in SHARES for seed in settings.seeds)]
    summaries = run_jobs(summarise, [(settings, *side) for side in sides], settings.workers, "scoring")
    found: dict[tuple[str, int], SceneSummary] = dict(zip(sides, summaries, strict=True))
    reports = {
        method: scene_report(
            found["real", 0],
            found["real", 1],
            {seed: found[method, seed] for seed in settings.seeds},
            title=method,
            settings={"reference": settings.reference.identity, "floor": settings.floor.identity},
        )
        for method in SHARES
    }
    costs = {method: cost(settings, method) for method in SHARES}
    lines = [*header(settings, plan_made), side_by_side(reports), *cost_lines(plan_made, costs), ""]
    lines.append(f"![Rows: real, {', '.join(SHARES)}; the first scenes, none chosen]({sheet_path.name})")
    table = "\n".join(lines) + "\n"
    with atomic_path(table_path) as temporary:
        temporary.write_text(table)
    write_json(json_path, {**asked, "costs": costs, "reports": {m: r.to_dict() for m, r in reports.items()}})
    return table


def summarise(settings: Settings, name: str, seed: int) -> SceneSummary:
    """Statistics of one side: the reference (real, 0), the floor (real, 1), or a method's scenes of a seed."""
    network = load_features(feature_path(settings))
    grid, taxonomy = settings.reference.grid, settings.reference.taxonomy
    statistics = SceneStatistics(grid, taxonomy, network)
    for index in range(settings.n):
        if name == "real":
            labels_XYZ = (settings.floor if seed else settings.reference).labels(index)
        else:
            labels_XYZ = load_scene(settings, name, seed, index)[0]
        statistics.add(Scene(labels_XYZ, grid, taxonomy))
    return statistics.result()


def load_scene(settings: Settings, method: str, seed: int, index: int) -> tuple[NDArray[np.uint8], float]:
    """Labels of a generated scene and the CPU seconds it took."""
    path = settings.scene_path(method, seed, index)
    if not path.exists():
        raise InputError(f"expected a scene at {path}, found none; run the step sample first")
    with np.load(path, allow_pickle=False) as file:
        return file["labels_XYZ"], float(file["seconds"])


def cost(settings: Settings, method: str) -> dict[str, Any]:
    """CPU seconds that were really spent: by stage and training, and for a scene."""
    trained = {
        stage: [
            sum(step_seconds(settings.stage_folder(method, training, stage) / "cpu.jsonl").values())
            for training in settings.seeds[: settings.trainings]
        ]
        for stage in SHARES[method]
    }
    pairs = [(seed, index) for seed in settings.seeds for index in range(settings.n)]
    sampled = float(np.mean([load_scene(settings, method, *pair)[1] for pair in pairs]))
    return {"training_cpu_seconds": trained, "sampling_cpu_seconds_a_scene": sampled}


def header(settings: Settings, made: dict[str, Any]) -> list[str]:
    """What the table is about."""
    per = "each seed has its own training" if settings.trainings == len(settings.seeds) else "seeds share trainings"
    return [
        "# Voxel D3PM, plain cascade and composition at equal compute and data",
        "",
        f"`python runs/first_comparison.py`: {settings.minutes:g} CPU minutes of training a method and training "
        f"({per}), {len(settings.source)} training scenes, batches of {settings.loop.batch}, "
        f"{settings.reference.grid.shape_XYZ} voxels of {settings.reference.grid.voxel_m[0]:g} m, no guidance, the "
        f"same requests for all. Training commit {made['commit']}, torch {made['torch']}, {made['machine']}.",
        "",
    ]


def cost_lines(made: dict[str, Any], costs: dict[str, dict[str, Any]]) -> list[str]:
    """The table of what each stage took."""
    lines = [
        "| Stage | parameters | steps | CPU s a step, planned | CPU s of training, measured | CPU s a scene |",
        "|---|---|---|---|---|---|",
    ]
    for method, spent in costs.items():
        trained = spent["training_cpu_seconds"]
        for stage, seconds in trained.items():
            size, steps = made["parameters"][method][stage] / 1e6, made["steps"][method][stage]
            planned = made["cpu_seconds_per_step"][method][stage]
            lines.append(f"| {method}, {stage} | {size:.2f} M | {steps} | {planned:.3g} | {np.mean(seconds):.0f} | |")
        lines.append(
            f"| **{method}** | {sum(made['parameters'][method].values()) / 1e6:.2f} M | | "
            f"| {sum(np.mean(s) for s in trained.values()):.0f} | {spent['sampling_cpu_seconds_a_scene']:.2f} |"
        )
    return lines


def picture_sheet(settings: Settings) -> NDArray[np.uint8]:
    """A row of real streets, then a row of each method's first scenes of the first seed."""
    count = min(PICTURES, settings.n)
    rows = [settings.reference.labels(i) for i in range(count)]
    for method in SHARES:
        rows += [load_scene(settings, method, settings.seeds[0], i)[0] for i in range(count)]
    grid, taxonomy = settings.reference.grid, settings.reference.taxonomy
    pictures = [Image.fromarray(oblique(Scene(labels, grid, taxonomy), (480, 640))) for labels in rows]
    return sheet([np.asarray(p.resize((400, 300), Image.Resampling.LANCZOS)) for p in pictures], count)


STEPS: dict[str, Callable[[Settings], Any]] = {
    "plan": plan,
    "train": train_all,
    "sample": sample_all,
    "score": score,
}


def main(
    step: Literal["all", "plan", "train", "sample", "score"] = "all",
    out: Path = Path("out/first-comparison"),
    report: Path = Path("docs/comparisons/first"),
    cache: Path = Path("out/cache"),
    minutes: float = 60.0,
    n: int = 256,
    seeds: tuple[int, ...] = (0, 1, 2),
    trainings: int = 3,
    scenes: int = 4096,
    batch: int = 8,
    dtype: DtypeChoice = "auto",
    workers: int = 2,
) -> None:
    """Compare voxel D3PM, plain cascade and composition at equal compute and data.

    Args:
        step: One step, or all of them in order.
        out: Plan, trainings and scenes; a stopped run goes on from there.
        report: Table, JSON and pictures, to which endings are added.
        cache: Folder of pooled training scenes.
        minutes: CPU minutes of each method in each training.
        n: Scenes a seed, and real ones on every side; 256 or more for a claim.
        seeds: Each gives n scenes; three or more for a claim.
        trainings: How many of the seeds have a training of their own; the others take turns.
        scenes: Training streets.
        batch: Scenes of a training step, of every stage.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    arithmetic = chosen_dtype(dtype, "cpu")
    settings = Settings(
        out=out,
        report=report,
        cache=cache,
        source=WorldSource(TRAIN_FIRST_SEED, scenes, POOLED),
        calibration=WorldSource(VAL_FIRST_SEED, 64, POOLED),
        standard=WorldSource(VAL_FIRST_SEED, 512, POOLED),
        reference=WorldSource(TEST_FIRST_SEED, n, POOLED),
        floor=WorldSource(TEST_FIRST_SEED + n, n, POOLED),
        minutes=minutes,
        seeds=seeds,
        trainings=trainings,
        workers=workers,
        loop=LoopConfig(batch=batch, dtype=arithmetic),
        feature_loop=LoopConfig(steps=400, batch=2, lr=2e-3, muon_lr=0.01, dtype=arithmetic),
    )
    for name, work in STEPS.items():
        if step in ("all", name):
            print(f"== {name}", flush=True)
            result = work(settings)
            if result:
                print(result)


if __name__ == "__main__":
    tyro.cli(main)
