"""Do the perception networks learn from streets of the world, and how far beyond two baselines that do not look?

    nohup python runs/perception_comparison.py --seeds 0 1 2 &

Every network is trained for the same CPU time on the same pictures of 64 x 192 and scores the same held-out streets of
64 x 64 x 8 voxels, beside the mean scene and the scene of the nearest training picture. All start with the same image
backbone, trained on the same pictures, as the papers' start with one of ImageNet. Steps:

    plan     the pictures, CPU seconds and peak memory of training steps of each network; writes plan.json
    train    the backbone, every network and seed, and what it scores on the held-out streets
    table    baselines, table and pictures

Started again after any interruption, it goes on where it was. What the table needs of a network and seed lies in the
record, so that seeds may be run on different days.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numba are loaded; workers inherit it
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from occforge.core.arithmetic import Dtype
from occforge.core.errors import InputError
from occforge.core.files import write_json, write_text
from occforge.core.grid import Scene
from occforge.core.memory import peak_bytes
from occforge.core.processes import run_jobs, run_steps, start_worker
from occforge.data.pairs import PairCache, WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED, TRAIN_FIRST_SEED
from occforge.metrics.occupancy import OccupancyStatistics
from occforge.metrics.report import versions
from occforge.perception.monoscene import Config as MonoSceneConfig
from occforge.perception.monoscene import without_details
from occforge.perception.network import build_network, network_names, preset
from occforge.perception.weights import load_network
from occforge.pipelines.evaluate_perception import baselines
from occforge.pipelines.perceive import perceive
from occforge.render.bev import bev
from occforge.render.picture import resize_rgb, save_rgb, sheet
from occforge.train.budget import read_plan, seconds_per_step, step_seconds, steps_within
from occforge.train.loop import LoopConfig
from occforge.train.perception import (
    Beginning,
    PerceptionOptions,
    PerceptionTask,
    encoder_task,
    train_encoder,
    train_perception,
)

ENCODER = "encoder"
BASELINES = ("mean scene", "nearest picture")
PICTURES = 6
"""Streets on the sheet of pictures: the first ones, none chosen."""


@dataclass(frozen=True)
class Settings:
    """What is compared: `minutes` of CPU time a network and seed, `encoder_minutes` before it for the backbone of all.

    `out` takes what is big, `record` the rest.
    """

    out: Path
    record: Path
    cache: Path
    pairs: WorldPairs
    held_out: WorldPairs
    minutes: float
    encoder_minutes: float
    seeds: tuple[int, ...]
    commonest: int
    workers: int
    loop: LoopConfig
    networks: tuple[str, ...] = field(default_factory=lambda: tuple(network_names()))
    size: str = "small"
    options: PerceptionOptions = field(default_factory=PerceptionOptions)

    def __post_init__(self) -> None:
        if not self.seeds or len(self.held_out) < 1:
            raise InputError("perception comparison: expected a seed and a held-out street or more, got none")

    def folder(self, network: str, seed: int) -> Path:
        """Where a network is trained."""
        return self.out / network / f"{seed}"

    def kept_path(self, network: str, seed: int) -> Path:
        """What a network and seed scored and cost; the baselines' scores, which need no seed."""
        return self.record / f"{network.replace(' ', '-')}-{seed}.json"

    def identity(self) -> dict[str, Any]:
        """What the numbers are made from; more seeds may follow."""
        made_from: dict[str, Any] = {
            "pairs": [self.pairs.identity, len(self.pairs)],
            "held_out": [self.held_out.identity, len(self.held_out)],
            "networks": {name: asdict(compared(name, self.size)) for name in self.networks},
            "loop": asdict(self.loop),
            "options": asdict(self.options),
            "minutes": self.minutes,
            "encoder_minutes": self.encoder_minutes,
            "commonest": self.commonest,
        }
        value: dict[str, Any] = json.loads(json.dumps(made_from))
        return value

    @property
    def encoder_loop(self) -> LoopConfig:
        """How the backbone is trained: twice the pictures a step, as they cost a third."""
        return replace(self.loop, batch=2 * self.loop.batch)

    def read_plan(self) -> dict[str, Any]:
        """plan.json; raises `InputError` if it is missing or was made for other settings."""
        return read_plan(self.record / "plan.json", self.identity())


def plan(settings: Settings) -> None:
    """Write plan.json; each network is measured in a process of its own, whose peak memory is the network's."""
    if (settings.record / "plan.json").exists():
        settings.read_plan()
        return
    PairCache(settings.cache, settings.pairs).fill(settings.workers)
    measured = {}
    for name in settings.networks:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=start_worker) as pool:
            measured[name] = pool.submit(measure, settings, name).result()
    pairs = PairCache(settings.cache, settings.pairs)
    task = encoder_task(compared("monoscene"), pairs, settings.options)
    second = seconds_per_step(task, settings.encoder_loop)
    steps = steps_within(60 * settings.encoder_minutes, {ENCODER: 1.0}, {ENCODER: second})
    for name, m in measured.items():
        steps |= steps_within(60 * settings.minutes, {name: 1.0}, {name: m["cpu_seconds_per_step"]})
    write_json(
        settings.record / "plan.json",
        {"steps": steps, "measured": measured, "made_from": settings.identity(), **versions()},
    )


def compared(name: str, size: str = "small") -> Any:
    """The configuration of a network, for pictures that all of them see whole."""
    config = preset(name, size)
    return without_details(config) if isinstance(config, MonoSceneConfig) and config.image.details else config


def measure(settings: Settings, name: str) -> dict[str, float]:
    """Parameters, CPU seconds of a training step, and bytes that training adds to this process."""
    pairs = PairCache(settings.cache, settings.pairs)
    pairs[0]
    before = peak_bytes()
    network = build_network(name, compared(name, settings.size), pairs.source.grid, pairs.source.taxonomy)
    seconds = seconds_per_step(PerceptionTask(network, pairs, settings.options), settings.loop)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "cpu_seconds_per_step": seconds,
        "peak_bytes": peak_bytes() - before,
    }


def train_all(settings: Settings) -> None:
    """Train and score what the record lacks, the longest first."""
    settings.read_plan()
    PairCache(settings.cache, settings.pairs).fill(settings.workers)
    PairCache(settings.cache, settings.held_out).fill(settings.workers)
    train_backbone(settings)
    jobs = [(settings, name, seed) for seed in settings.seeds for name in settings.networks]
    jobs = [job for job in jobs if not settings.kept_path(*job[1:]).exists()]
    run_jobs(train_one, jobs, settings.workers, "networks")


def train_backbone(settings: Settings) -> Path:
    """Train the backbone of all with exactly the planned steps, or find it trained."""
    path = settings.out / ENCODER / "encoder.safetensors"
    if not path.exists():
        loop = replace(settings.encoder_loop, steps=settings.read_plan()["steps"][ENCODER])
        pairs = PairCache(settings.cache, settings.pairs)
        train_encoder(compared("monoscene"), pairs, settings.options, loop, path.parent)
    return path


def train_one(settings: Settings, name: str, seed: int) -> None:
    """Train one network with exactly the planned steps, score it and keep the scores."""
    loop = replace(settings.loop, steps=settings.read_plan()["steps"][name], seed=seed)
    pairs, folder = PairCache(settings.cache, settings.pairs), settings.folder(name, seed)
    config, encoder = compared(name, settings.size), train_backbone(settings)
    beginning = Beginning(encoder=encoder)
    trained = load_network(train_perception(name, config, pairs, settings.options, loop, folder, beginning))
    seconds = []

    def predict(image_HW3: NDArray[np.uint8], camera: Any) -> NDArray[np.uint8]:
        start = time.process_time()
        labels_XYZ = perceive(trained, image_HW3, camera).scene.labels_XYZ
        seconds.append(time.process_time() - start)
        return labels_XYZ

    scores = scored(settings, predict)
    costs = {"training": sum(step_seconds(folder / "cpu.jsonl").values()), "picture": float(np.median(seconds))}
    write_json(settings.kept_path(name, seed), {**scores, "cpu_seconds": costs, **versions()})


def scored(settings: Settings, predict: Callable[[NDArray[np.uint8], Any], NDArray[np.uint8]]) -> dict[str, Any]:
    """Scores on all held-out streets, over the commonest classes and over all; absent classes count as zero."""
    held = PairCache(settings.cache, settings.held_out)
    counted = OccupancyStatistics(held.source.grid, held.source.taxonomy)
    for index in range(len(held)):
        pair = held[index]
        counted.add(predict(pair.image_HW3, pair.camera), pair.labels_XYZ, pair.camera)
    value: dict[str, Any] = json.loads(
        json.dumps(
            {"commonest": counted.result("zero", settings.commonest).to_dict(), "all": counted.result().to_dict()}
        )
    )
    return value


def score_baselines(settings: Settings) -> None:
    """Keep what the two baselines score."""
    if all(settings.kept_path(name, 0).exists() for name in BASELINES):
        return
    mean, nearest = baselines(PairCache(settings.cache, settings.pairs))
    predictors = (lambda image, _: mean, lambda image, _: nearest.predict(image))
    for name, predict in zip(BASELINES, predictors, strict=True):
        write_json(settings.kept_path(name, 0), scored(settings, predict))


def table(settings: Settings) -> str:
    """Write table.md and, unless it is there, sheet.png into the record. Returns the table."""
    made = settings.read_plan()
    score_baselines(settings)
    kept = {name: [json.loads(settings.kept_path(name, 0).read_text())] for name in BASELINES}
    for name in settings.networks:
        kept[name] = [json.loads(settings.kept_path(name, seed).read_text()) for seed in settings.seeds]
    few, sides = settings.commonest, len(settings.held_out)
    height, width = settings.pairs.size_HW
    columns = ("IoU ↑", f"mIoU, {few} commonest ↑", "mIoU, all ↑", f"mIoU in view, {few} commonest ↑")
    columns += ("parameters", "steps", "CPU s of training", "peak GiB", "CPU s a picture")
    lines = [
        "# Four perception networks on the street world, at equal compute",
        "",
        f"`python runs/perception_comparison.py`: {settings.minutes:g} CPU minutes of training a network and seed, "
        f"on a backbone that all share ({settings.encoder_minutes:g} CPU minutes, {made['steps'][ENCODER]} steps), "
        f"{len(settings.pairs)} training pictures of {height} x {width}, batches of {settings.loop.batch}, "
        f"{sides} held-out streets of {settings.held_out.grid.shape_XYZ} voxels; seeds "
        f"{', '.join(map(str, settings.seeds))}, mean ± "
        "standard deviation over seeds; in percent. Peak memory is what training adds to its process. Planned at "
        f"commit {made['commit']}, torch {made['torch']}.",
        "",
        f"| | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    for name, rows in kept.items():
        cells = [
            with_spread([row[over]["regions"][region][score] for row in rows])
            for over, region, score in (
                ("all", "all voxels", "iou"),
                ("commonest", "all voxels", "miou"),
                ("all", "all voxels", "miou"),
                ("commonest", "inside the view", "miou"),
            )
        ]
        if name in settings.networks:
            measured = made["measured"][name]
            trained_s = np.mean([row["cpu_seconds"]["training"] for row in rows])
            picture_s = np.mean([row["cpu_seconds"]["picture"] for row in rows])
            cells += [f"{measured['parameters'] / 1e6:.2f} M", f"{made['steps'][name]}", f"{trained_s:.0f}"]
            cells += [f"{measured['peak_bytes'] / 2**30:.2f}", f"{picture_s:.3f}"]
        else:
            cells += [""] * 5
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    names = list(kept["mean scene"][0]["all"]["class_iou"])
    lines += ["", "| IoU of a class | " + " | ".join(kept) + " |", "|---|" + "---|" * len(kept)]
    for class_name in names:
        cells = [with_spread([row["all"]["class_iou"][class_name] for row in rows]) for rows in kept.values()]
        mark = "" if class_name in kept["mean scene"][0]["commonest"]["classes"] else " (not among the commonest)"
        lines.append(f"| {class_name}{mark} | " + " | ".join(cells) + " |")
    sheet_path = settings.record / "sheet.png"
    if not sheet_path.exists():
        save_rgb(sheet_path, picture_sheet(settings))
    shown = f"picture, truth, {', '.join(settings.networks)}"
    lines += ["", f"![Columns: {shown}; the first streets, seed {settings.seeds[0]}, none chosen]({sheet_path.name})"]
    text = "\n".join(lines) + "\n"
    write_text(settings.record / "table.md", text)
    return text


def with_spread(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation of shares, in percent."""
    mean = f"{100 * np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * np.std(values, ddof=1):.1f}"


def picture_sheet(settings: Settings) -> NDArray[np.uint8]:
    """A row a held-out street: picture, labels from above, and what each network of the first seed makes of it."""
    held = PairCache(settings.cache, settings.held_out)
    grid, taxonomy = held.source.grid, held.source.taxonomy
    folders = [settings.folder(name, settings.seeds[0]) / f"{name}.safetensors" for name in settings.networks]
    networks = [load_network(path) for path in folders]
    rows = []
    for index in range(min(PICTURES, len(held))):
        pair = held[index]
        scenes = [Scene(pair.labels_XYZ, grid, taxonomy)]
        scenes += [perceive(trained, pair.image_HW3, pair.camera, grid).scene for trained in networks]
        gap = np.full((192, 8, 3), 255, np.uint8)
        row = [resize_rgb(pair.image_HW3, (192, 576))]
        for scene in scenes:
            row += [gap, resize_rgb(bev(scene), (192, 192))]
        rows.append(np.concatenate(row, axis=1))
    return sheet(rows, 1)


STEPS: dict[str, Callable[[Settings], Any]] = {"plan": plan, "train": train_all, "table": table}


def main(
    step: Literal["all", "plan", "train", "table"] = "all",
    out: Path = Path("out/perception-comparison"),
    record: Path = Path("docs/comparisons/perception"),
    cache: Path = Path("out/cache"),
    minutes: float = 20.0,
    encoder_minutes: float = 20.0,
    n: int = 200,
    seeds: tuple[int, ...] = (0, 1, 2),
    pairs: int = 6144,
    batch: int = 4,
    dtype: Dtype = "float32",
    commonest: int = 11,
    workers: int = 2,
) -> None:
    """Compare all perception networks and two baselines at equal compute and data.

    Args:
        step: One step, or all of them in order.
        out: Trainings; a stopped run goes on from there.
        record: Plan, what is kept of each network and seed, table and pictures.
        cache: Folder of prepared pictures.
        minutes: CPU minutes of each network for each seed.
        encoder_minutes: CPU minutes of the image backbone that all networks start with.
        n: Held-out streets.
        seeds: Each has its own trainings; three or more for a claim.
        pairs: Training pictures.
        batch: Pictures of a training step.
        dtype: Arithmetic in training; the same for all seeds, whatever the processor of the day is good at.
        commonest: How many of the commonest classes the narrower mean IoU is taken over.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    settings = Settings(
        out=out,
        record=record,
        cache=cache,
        pairs=WorldPairs(TRAIN_FIRST_SEED, pairs, varied=0.5),
        held_out=WorldPairs(TEST_FIRST_SEED, n),
        minutes=minutes,
        encoder_minutes=encoder_minutes,
        seeds=seeds,
        commonest=commonest,
        workers=workers,
        loop=LoopConfig(batch=batch, dtype=dtype),
    )
    run_steps(STEPS, step, settings)


if __name__ == "__main__":
    tyro.cli(main)
