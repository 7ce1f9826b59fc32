"""Does the composition help? Voxel D3PM, plain cascade and ours at equal compute and data, three trainings each.

    nohup python runs/first_comparison.py --seeds 0 1 2 &

On streets of 128x128x16 voxels of 0.4 m, three generators are trained for the same CPU time on the same scenes, by the
same loop, and each makes n scenes a seed for requests drawn as the streets have them, without guidance, the first draw
taken. Steps:

    plan     codebook, scene cache, CPU seconds of a training step of every stage; writes plan.json with the
             number of steps that fill the budget, and with nothing but these numbers the rest is reproducible
    train    every stage of every generator, and the feature network of F3D and K3D
    sample   the scenes
    score    what is kept of the scenes, then table, JSON and pictures

Started again after any interruption, it goes on where it was. Plan, feature network and what is kept of each generator
and seed lie in the record, a few megabytes; seeds that are there already are not made again, so that seeds may be run
on different days, unless they were sampled in another way or more scenes are asked for. The file is long because it
holds the whole experiment, from the budget to the table.
"""

import hashlib
import json
import os
import platform
import shutil
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
from occforge.core.arithmetic import Dtype
from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.files import atomic_path, write_json, write_text
from occforge.core.grid import Scene
from occforge.core.processes import run_jobs, run_steps
from occforge.core.tensors import load_state, load_tensors
from occforge.data.procedural import TEST_FIRST_SEED, TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.discrete.calibration import Calibration
from occforge.discrete.request import RequestPrior
from occforge.discrete.stages import Composition, CompositionConfig, Levels, TrunkConfig
from occforge.discrete.weights import load_levels
from occforge.metrics.features import SceneAutoencoderConfig, load_features
from occforge.metrics.report import SceneStatistics, scene_report, side_by_side, versions
from occforge.metrics.summary_file import load_summary, save_summary
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.recipes._plans import HALF_SIZE
from occforge.recipes.street import FEATURE_SIZES
from occforge.render.oblique import oblique
from occforge.render.picture import save_rgb, sheet
from occforge.train.budget import Timed, read_plan, stage_seconds_per_step, step_seconds, steps_within
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
    "cascade": {"coarse": 0.8, "fusion": 0.2},
    "ours": {"background": 0.4, "objects": 0.45, "fusion": 0.15},
}
"""How each method divides its budget among its stages: fusion alone is at the floor of F3D long before the others."""

FUSION = TrunkConfig(channels=(48, 64, 96), depth=2, head=16, self_condition=False)
OURS = replace(
    HALF_SIZE,
    background=TrunkConfig(channels=(48, 128), depth=4, head=16),
    objects=TrunkConfig(channels=(24, 48, 128), depth=3, head=16, evidence=True),
    fusion=FUSION,
)
CASCADE = CascadeConfig(coarse=TrunkConfig(channels=(24, 48, 128), depth=4, head=16), fusion=FUSION)
VOXELS = VoxelD3PMConfig(trunk=TrunkConfig(channels=(16, 24, 48, 128), depth=4, head=8))
"""All networks half as wide as where there are hours, so that minutes of training are hundreds of steps. Evidence where
it serves (docs/lab, 2026-11-22): a voxel D3PM drowns in salt with it."""

POOLED, FEATURES = FEATURE_SIZES[0.4]
CHUNK = 16
"""Scenes a sampling job makes with one loading of the weights."""
PICTURES = 4
"""Scenes of each kind on the sheet of pictures: the first ones, none chosen."""


@dataclass(frozen=True)
class Settings:
    """What is compared: `minutes` of CPU time a generator and seed; `out` takes what is big, `record` the rest."""

    out: Path
    record: Path
    cache: Path
    source: SceneSource
    calibration: SceneSource
    standard: SceneSource
    reference: SceneSource
    floor: SceneSource
    minutes: float
    seeds: tuple[int, ...]
    workers: int
    loop: LoopConfig
    feature_loop: LoopConfig
    composition: CompositionConfig = OURS
    voxel: VoxelD3PMConfig = VOXELS
    cascade: CascadeConfig = CASCADE
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(guidance=1.0, attempts=1))
    options: DiffusionOptions = field(default_factory=DiffusionOptions)
    features: SceneAutoencoderConfig = FEATURES

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InputError("--seeds: expected at least one, got none")
        if len(self.reference) != len(self.floor) or self.n < 2:
            raise InputError(f"--n: expected 2 or more scenes on every side, got {self.n}")

    @property
    def n(self) -> int:
        """Scenes on every side."""
        return len(self.reference)

    @property
    def features_path(self) -> Path:
        """Where the feature network lies."""
        return self.record / "features.safetensors"

    def kept_path(self, side: str, seed: int) -> Path:
        """Where the summary of a generator's scenes of a seed lies; of the reference (real, 0), the floor (real, 1)."""
        return self.record / f"{side.replace(' ', '-')}-{seed}.safetensors"

    def sampled(self, side: str, seed: int) -> dict[str, Any]:
        """How a generator's scenes are drawn, or which ones the real are."""
        used: dict[str, Any] = {
            "real": {"source": (self.floor if seed else self.reference).identity},
            "voxel D3PM": {"voxels": asdict(self.voxel.sampling)},
            "cascade": {"coarse": asdict(self.cascade.coarse_sampling), "fusion": asdict(self.cascade.fusion_sampling)},
            "ours": asdict(self.sampling),
        }
        value: dict[str, Any] = json.loads(json.dumps(used[side]))
        return value

    def is_kept(self, side: str, seed: int) -> bool:
        """Whether the record holds a summary of as many scenes that were drawn in this way."""
        path = self.kept_path(side, seed)
        if not path.exists():
            return False
        summary, notes = load_summary(path)
        return summary.n == self.n and notes.get("sampled") == self.sampled(side, seed)

    def to_make(self) -> list[tuple[str, int]]:
        """Generators and seeds that the record lacks."""
        return [(method, seed) for method in SHARES for seed in self.seeds if not self.is_kept(method, seed)]

    def stage_folder(self, method: str, seed: int, stage: str) -> Path:
        """Where a stage is trained."""
        return self.out / "train" / method.replace(" ", "-") / f"{seed}" / stage

    def scene_path(self, method: str, seed: int, index: int) -> Path:
        """Where a generated scene lies; scenes drawn in another way lie elsewhere."""
        way = hashlib.sha256(json.dumps(self.sampled(method, seed), sort_keys=True).encode()).hexdigest()[:8]
        return self.out / "scenes" / method.replace(" ", "-") / f"{seed}-{way}" / f"{index:06d}.npz"

    def identity(self) -> dict[str, Any]:
        """What weights are made from; more seeds, more scenes and other ways to sample may follow."""
        names = ("composition", "voxel", "cascade", "options", "loop", "feature_loop", "features")
        made_from: dict[str, Any] = {name: asdict(getattr(self, name)) for name in names}
        for name, key in (("voxel", "sampling"), ("cascade", "coarse_sampling"), ("cascade", "fusion_sampling")):
            del made_from[name][key]
        made_from["scenes"] = [self.source.identity, len(self.source), self.calibration.identity]
        made_from |= {"minutes": self.minutes, "shares": SHARES}
        value: dict[str, Any] = json.loads(json.dumps(made_from))
        return value

    def read_plan(self) -> dict[str, Any]:
        """plan.json; raises `InputError` if it is missing or was made for other settings."""
        return read_plan(self.record / "plan.json", self.identity())


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
    if (settings.record / "plan.json").exists():
        settings.read_plan()
        return
    levels = prepare_levels(settings.source, settings.composition, settings.record)
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
    write_json(settings.record / "plan.json", record)


def measure(settings: Settings, method: str, stage: str) -> float:
    """CPU seconds of a training step."""
    levels = load_levels(settings.record)
    measured = make_method(settings, method, levels).stages[stage]
    scenes = scene_cache(settings, settings.source, levels)
    return stage_seconds_per_step(measured, scenes, settings.options, settings.loop)


def train_all(settings: Settings) -> None:
    """Train every stage of the generators that the record lacks, and the feature network, the longest first."""
    made = settings.read_plan()
    if settings.workers > 1:
        scene_cache(settings, settings.source, load_levels(settings.record)).fill(settings.workers)
    jobs = [(settings, method, seed, stage) for method, seed in settings.to_make() for stage in SHARES[method]]
    jobs = [job for job in jobs if not (settings.stage_folder(*job[1:]) / "calibration.json").exists()]
    jobs.sort(key=lambda job: -made["steps"][job[1]][job[3]] * made["cpu_seconds_per_step"][job[1]][job[3]])
    if not settings.features_path.exists():
        jobs.append((settings, "features", 0, ""))
    run_jobs(train_one, jobs, settings.workers, "trainings")


def train_one(settings: Settings, method: str, seed: int, stage_name: str) -> None:
    """Train one stage with exactly the planned steps and calibrate it; or the feature network."""
    if method == "features":
        folder = settings.out / "features"
        train_features(settings.source, settings.standard, settings.feature_loop, folder, settings.features)
        with atomic_path(settings.features_path) as temporary:
            shutil.copyfile(folder / "features.safetensors", temporary)
        return
    folder = settings.stage_folder(method, seed, stage_name)
    levels = load_levels(settings.record)
    loop = replace(settings.loop, steps=settings.read_plan()["steps"][method][stage_name], seed=seed)
    torch.manual_seed(loop.seed)
    stage = make_method(settings, method, levels).stages[stage_name]
    task = DiffusionTask(stage, scene_cache(settings, settings.source, levels), settings.options)
    with Timed(task, folder / "cpu.jsonl") as timed:
        final = train(timed, loop, folder, {"method": method, "stage": stage_name, "source": settings.source.identity})
    load_state(stage.network, load_tensors(final)[0], final)
    task.scenes = scene_cache(settings, settings.calibration, levels)
    write_json(folder / "calibration.json", asdict(calibrate(task)))


def load_method(settings: Settings, name: str, seed: int) -> Method:
    """A trained generator."""
    method = make_method(settings, name, load_levels(settings.record))
    for stage_name, stage in method.stages.items():
        folder = settings.stage_folder(name, seed, stage_name)
        weights, factors = folder / "ema.safetensors", folder / "calibration.json"
        if not factors.exists():
            raise InputError(f"expected a trained stage in {folder}, found none; run the step train first")
        load_state(stage.network, load_tensors(weights)[0], weights)
        method.calibration[stage_name] = from_dict(Calibration, json.loads(factors.read_text()), str(factors))
    return method.eval()


def sample_all(settings: Settings) -> None:
    """Make all scenes that are neither there nor in the record."""
    settings.read_plan()
    jobs = []
    for method, seed in settings.to_make():
        missing = [i for i in range(settings.n) if not settings.scene_path(method, seed, i).exists()]
        jobs += [(settings, method, seed, missing[i : i + CHUNK]) for i in range(0, len(missing), CHUNK)]
    run_jobs(sample_some, jobs, settings.workers, "scenes")


def sample_some(settings: Settings, name: str, seed: int, indices: Sequence[int]) -> None:
    """Make scenes of one generator; equal seed and index ask every generator for the same."""
    method = load_method(settings, name, seed)
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
    """Keep what the scores need of all scenes; write table, JSON and pictures. Returns the table."""
    made = settings.read_plan()
    sides = [("real", 0), ("real", 1), *((method, seed) for method in SHARES for seed in settings.seeds)]
    missing = [side for side in sides if not settings.is_kept(*side)]
    run_jobs(keep, [(settings, *side) for side in missing], settings.workers, "scoring")
    found, costs = {}, {}
    for side in sides:
        found[side], costs[side] = load_summary(settings.kept_path(*side))
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
    sheet_path = settings.record / "sheet.png"
    if not sheet_path.exists() or any(seed == settings.seeds[0] for side, seed in missing if side != "real"):
        save_rgb(sheet_path, picture_sheet(settings))
    spent = {method: [costs[method, seed] for seed in settings.seeds] for method in SHARES}
    lines = [*header(settings, made), side_by_side(reports), *cost_lines(made, spent), ""]
    rows = f"Rows: real, {', '.join(SHARES)}; the first scenes of seed {settings.seeds[0]}, none chosen"
    lines.append(f"![{rows}]({sheet_path.name})")
    table = "\n".join(lines) + "\n"
    write_text(settings.record / "table.md", table)
    scores = {method: report.to_dict() for method, report in reports.items()}
    write_json(settings.record / "table.json", {"costs": spent, "reports": scores})
    return table


def keep(settings: Settings, side: str, seed: int) -> None:
    """Write what the scores need of one side's scenes, and what these cost, into the record."""
    network = load_features(settings.features_path)
    grid, taxonomy = settings.reference.grid, settings.reference.taxonomy
    statistics = SceneStatistics(grid, taxonomy, network)
    for index in range(settings.n):
        if side == "real":
            labels_XYZ = (settings.floor if seed else settings.reference).labels(index)
        else:
            labels_XYZ = load_scene(settings, side, seed, index)[0]
        statistics.add(Scene(labels_XYZ, grid, taxonomy))
    notes = {"sampled": settings.sampled(side, seed)} | ({} if side == "real" else cost(settings, side, seed))
    save_summary(settings.kept_path(side, seed), statistics.result(), notes)


def load_scene(settings: Settings, method: str, seed: int, index: int) -> tuple[NDArray[np.uint8], float]:
    """Labels of a generated scene and the CPU seconds it took."""
    path = settings.scene_path(method, seed, index)
    if not path.exists():
        raise InputError(f"expected a scene at {path}, found none; run the step sample first")
    with np.load(path, allow_pickle=False) as file:
        return file["labels_XYZ"], float(file["seconds"])


def cost(settings: Settings, method: str, seed: int) -> dict[str, Any]:
    """CPU seconds that were really spent: by stage, and for a scene."""
    folders = {stage: settings.stage_folder(method, seed, stage) for stage in SHARES[method]}
    trained = {stage: sum(step_seconds(folder / "cpu.jsonl").values()) for stage, folder in folders.items()}
    sampled = float(np.mean([load_scene(settings, method, seed, index)[1] for index in range(settings.n)]))
    return {"training": trained, "scene": sampled, **versions()}


def header(settings: Settings, made: dict[str, Any]) -> list[str]:
    """What the table is about."""
    return [
        "# Voxel D3PM, plain cascade and composition at equal compute and data",
        "",
        f"`python runs/first_comparison.py`: {settings.minutes:g} CPU minutes of training a method and seed, "
        f"{len(settings.source)} training scenes, batches of {settings.loop.batch}, "
        f"{settings.reference.grid.shape_XYZ} voxels of {settings.reference.grid.voxel_m[0]:g} m, no guidance, first "
        f"draws, the same requests for all. Planned at commit {made['commit']}, torch {made['torch']}, "
        f"{made['machine']}.",
        "",
    ]


def cost_lines(made: dict[str, Any], spent: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The table of what each stage took, means over seeds."""
    lines = [
        "| Stage | parameters | steps | CPU s a step, planned | CPU s of training, measured | CPU s a scene |",
        "|---|---|---|---|---|---|",
    ]
    for method, seeds in spent.items():
        total_s = 0.0
        for stage in SHARES[method]:
            seconds = float(np.mean([cost["training"][stage] for cost in seeds]))
            total_s += seconds
            size, steps = made["parameters"][method][stage] / 1e6, made["steps"][method][stage]
            planned = made["cpu_seconds_per_step"][method][stage]
            lines.append(f"| {method}, {stage} | {size:.2f} M | {steps} | {planned:.3g} | {seconds:.0f} | |")
        lines.append(
            f"| **{method}** | {sum(made['parameters'][method].values()) / 1e6:.2f} M | | "
            f"| {total_s:.0f} | {np.mean([cost['scene'] for cost in seeds]):.2f} |"
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
    record: Path = Path("docs/comparisons/first"),
    cache: Path = Path("out/cache"),
    minutes: float = 20.0,
    n: int = 256,
    seeds: tuple[int, ...] = (0, 1, 2),
    scenes: int = 4096,
    batch: int = 4,
    dtype: Dtype = "float32",
    workers: int = 2,
) -> None:
    """Compare voxel D3PM, plain cascade and composition at equal compute and data.

    Args:
        step: One step, or all of them in order.
        out: Trainings and scenes; a stopped run goes on from there.
        record: Plan, feature network, what is kept of all scenes, table, JSON and pictures.
        cache: Folder of pooled training scenes.
        minutes: CPU minutes of each method for each seed.
        n: Scenes a seed, and real ones on every side; 256 or more for a claim.
        seeds: Each has its own training and gives n scenes; three or more for a claim.
        scenes: Training streets.
        batch: Scenes of a training step, of every stage.
        dtype: Arithmetic in training; the same for all seeds, whatever the processor of the day is good at.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    settings = Settings(
        out=out,
        record=record,
        cache=cache,
        source=WorldSource(TRAIN_FIRST_SEED, scenes, POOLED),
        calibration=WorldSource(VAL_FIRST_SEED, 64, POOLED),
        standard=WorldSource(VAL_FIRST_SEED, 512, POOLED),
        reference=WorldSource(TEST_FIRST_SEED, n, POOLED),
        floor=WorldSource(TEST_FIRST_SEED + n, n, POOLED),
        minutes=minutes,
        seeds=seeds,
        workers=workers,
        loop=LoopConfig(batch=batch, dtype=dtype),
        feature_loop=LoopConfig(steps=400, batch=2, lr=2e-3, muon_lr=0.01, dtype=dtype),
    )
    run_steps(STEPS, step, settings)


if __name__ == "__main__":
    tyro.cli(main)
