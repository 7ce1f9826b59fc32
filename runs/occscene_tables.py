"""OccScene's ablations on the street world, at equal compute: occupancy, joint training, the alignment, the sampler.

    nohup python runs/occscene_tables.py &

Tables VII (joint scheme, alignment), VIII (gradients attached or detached), IX (attention, GRU, Mamba) and XI (steps of
the sampler); before them, what occupancy is worth: a generator that is no longer told one. Steps:

    plan     the views, CPU seconds of a training step of every generator; writes plan.json
    train    stage I of every alignment, stage II of those that need it, every seed, and what they score
    table    table.md

Stage I takes `--minutes` of CPU time a generator and seed, stage II `--joint-minutes` more. Started again after any
interruption, it goes on where it was; what the tables need of an arm and seed lies in the record.

Every generator begins with the weights of `--start`, but for its alignment, which is fresh and adds nothing at first.
Paper: Stable Diffusion's. Because: minutes from fresh weights give pictures in which no alignment could show. The
embedded ones were trained beside a Mamba alignment; with `--start None` all is fresh.

Paper: without joint training, perception learns from finished pictures of the generator, and without alignment there is
cross-attention. Here: without joint training, both learn as long from the same noisy pictures, each from its own loss,
with the gradients between them detached; without alignment, the generator sees its occupancy only by the maps of the
geometric path. Because: one change an arm.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numba are loaded; workers inherit it
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
import tyro

from occforge.core.arithmetic import Dtype
from occforge.core.batch import CameraBatch
from occforge.core.camera import CameraPath
from occforge.core.errors import InputError
from occforge.core.files import file_digest, write_json, write_text
from occforge.core.processes import run_jobs, run_steps
from occforge.core.tensors import load_state
from occforge.data.pairs import WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED, TRAIN_FIRST_SEED
from occforge.data.views import ViewCache, WorldViews
from occforge.latent.alignment import Encoding
from occforge.latent.generator import PictureGenerator
from occforge.latent.painter import PATCH
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.weights import AnyConfig, AnyGenerator, build_generator, load_generator, save_generator
from occforge.metrics.occupancy import OccupancyStatistics
from occforge.metrics.picture_judge import load_judge
from occforge.metrics.report import versions
from occforge.perception.network import Hints
from occforge.perception.weights import Trained, load_network
from occforge.pipelines.evaluate_pictures import ALONE, READ, REAL, TOLD, Kind, picture_scores
from occforge.pipelines.text_to_pictures import asked_about, imagine
from occforge.recipes._pictures import picture_config
from occforge.train.augment import noisy
from occforge.train.budget import read_plan, seconds_per_step, step_seconds, steps_within
from occforge.train.joint import JointOptions, JointTask, train_joint
from occforge.train.loop import LoopConfig
from occforge.train.painting import PaintingOptions, PaintingTask, train_painting
from occforge.train.perception import image_tensor
from occforge.weights import EMBEDDED

NOISE = 0.5
"""Noise level sqrt(1 - alpha_bar) of the pictures on which perception is scored beside clean ones."""
ALIGNMENT = "painter.align."
"""Weights of the alignment."""
TRIED = 9
"""Steps of every training that the plan measures; of three, the median still differs by a fifth between two plans."""


@dataclass(frozen=True)
class Arm:
    """One generator, and how its perception network was trained beside it; `joint` None: stage I alone.

    Without `occupancy` it is not told one.
    """

    alignment: Encoding
    joint: Literal["attached", "detached"] | None = None
    occupancy: bool = True

    @property
    def name(self) -> str:
        """Of files."""
        first = self.alignment if self.occupancy else "words"
        return first if self.joint is None else f"{first}-{self.joint}"

    @property
    def first(self) -> "Arm":
        """Its stage I."""
        return replace(self, joint=None)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The pictures that tables need of it."""
        if not self.occupancy:
            return (ALONE,)
        return (TOLD,) if self.joint is None else (TOLD, READ)


ARMS = (
    Arm("off", occupancy=False),
    Arm("mamba"),
    Arm("attention"),
    Arm("gru"),
    Arm("off", "attached"),
    Arm("mamba", "detached"),
    Arm("mamba", "attached"),
)


@dataclass(frozen=True)
class Settings:
    """What is compared; `out` takes what is big, `record` the rest."""

    out: Path
    record: Path
    cache: Path
    views: WorldViews
    painted: WorldViews
    reference: WorldViews
    perceived: WorldViews
    judge: Path
    perception: Path
    start: Path | None
    minutes: float
    joint_minutes: float
    seeds: tuple[int, ...]
    sampler_steps: tuple[int, ...]
    workers: int
    loop: LoopConfig
    joint_loop: LoopConfig
    config: Callable[[Encoding], AnyConfig]
    arms: tuple[Arm, ...] = ARMS
    painting: PaintingConfig = field(default_factory=PaintingConfig)

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InputError("occscene tables: expected a seed or more, got none")

    def folder(self, arm: Arm, seed: int) -> Path:
        """Where an arm is trained."""
        return self.out / arm.name / f"{seed}"

    def kept_path(self, arm: Arm, seed: int, steps: int) -> Path:
        """What an arm and seed scored with so many steps of the sampler."""
        return self.record / f"{arm.name}-{seed}-{steps}.json"

    def perceived_path(self, arm: Arm, seed: int) -> Path:
        """What the perception network of an arm and seed scored; without stage II, the one that all begin with."""
        return self.record / f"{f'{arm.name}-{seed}' if arm.joint else 'before'}-perception.json"

    def identity(self) -> dict[str, Any]:
        """What the numbers are made from; more seeds may follow."""
        made_from: dict[str, Any] = {
            "views": [s.identity for s in (self.views, self.painted, self.reference, self.perceived)],
            "counts": [len(s) for s in (self.views, self.painted, self.reference, self.perceived)],
            "configs": {arm.alignment: asdict(self.config(arm.alignment)) for arm in self.arms},
            "loops": [asdict(self.loop), asdict(self.joint_loop)],
            "joint": {arm.name: asdict(joint_options(self, arm)) for arm in self.arms if arm.joint},
            "judge": load_judge(self.judge).digest(),
            "begins": [file and file_digest(file) for file in (self.start, self.perception)],
            "minutes": [self.minutes, self.joint_minutes],
            "painting": asdict(self.painting),
        }
        value: dict[str, Any] = json.loads(json.dumps(made_from))
        return value

    def read_plan(self) -> dict[str, Any]:
        """plan.json; raises `InputError` if it is missing or was made for other settings."""
        return read_plan(self.record / "plan.json", self.identity())


def joint_options(settings: Settings, arm: Arm) -> JointOptions:
    """How generator and perception meet; perception reads in training what it reads when pictures are drawn."""
    return JointOptions(reads=settings.painting.reads, attached=arm.joint == "attached")


def painting_options(arm: Arm) -> PaintingOptions:
    """What a generator is told in training."""
    return PaintingOptions() if arm.occupancy else PaintingOptions(occupancy_dropout=1.0)


def plan(settings: Settings) -> None:
    """Write plan.json: how many steps fit into the minutes."""
    if (settings.record / "plan.json").exists():
        settings.read_plan()
        return
    views = ViewCache(settings.cache, settings.views)
    views.fill(settings.workers)
    pairs, steps = settings.views.pairs, {}
    for arm in dict.fromkeys(arm.first for arm in settings.arms):
        config = settings.config(arm.alignment)
        generator = PictureGenerator(config, pairs.grid, pairs.taxonomy)  # type: ignore[arg-type]
        second = seconds_per_step(PaintingTask(generator, views, painting_options(arm)), settings.loop, TRIED)
        steps |= steps_within(60 * settings.minutes, {arm.name: 1.0}, {arm.name: second})
    for arm in settings.arms:
        if arm.joint is None:
            continue
        generator = PictureGenerator(settings.config(arm.alignment), pairs.grid, pairs.taxonomy)  # type: ignore[arg-type]
        trained = load_network(settings.perception)
        task = JointTask(generator, trained.network.train(), views, joint_options(settings, arm), trained.size_HW)
        second = seconds_per_step(task, settings.joint_loop, TRIED)
        steps |= steps_within(60 * settings.joint_minutes, {arm.name: 1.0}, {arm.name: second})
    write_json(settings.record / "plan.json", {"steps": steps, "made_from": settings.identity(), **versions()})


def train_all(settings: Settings) -> None:
    """Train and score what the record lacks: stage I of all, stage II and its perception networks, then pictures."""
    settings.read_plan()
    for views in (settings.views, settings.painted, settings.reference, settings.perceived):
        ViewCache(settings.cache, views).fill(settings.workers)
    first = {(arm.first, seed): None for seed in settings.seeds for arm in settings.arms}
    run_jobs(stage_one, [(settings, *job) for job in first], settings.workers, "stage I")
    jobs = [(settings, arm, seed) for seed in settings.seeds for arm in settings.arms]
    read = [job for job in jobs if job[1].joint or job == jobs[0]]
    run_jobs(perceive, read, settings.workers, "stage II")
    run_jobs(score, jobs, settings.workers, "pictures")


def stage_one(settings: Settings, arm: Arm, seed: int) -> Path:
    """Stage I of an arm with exactly the planned steps, or what was trained before."""
    folder = settings.folder(arm.first, seed)
    if (folder / "pictures.safetensors").exists():
        return folder / "pictures.safetensors"
    loop = replace(settings.loop, steps=settings.read_plan()["steps"][arm.first.name], seed=seed)
    views = ViewCache(settings.cache, settings.views)
    config, begun = settings.config(arm.alignment), begin(settings, arm, seed)
    return train_painting(config, views, painting_options(arm), loop, folder, start=begun)


def begin(settings: Settings, arm: Arm, seed: int) -> Path | None:
    """The weights that stage I of an arm begins with: those of `settings.start`, its alignment fresh."""
    if settings.start is None:
        return None
    torch.manual_seed(seed)
    pairs, path = settings.views.pairs, settings.folder(arm.first, seed) / "start.safetensors"
    generator = build_generator(settings.config(arm.alignment), pairs.grid, pairs.taxonomy, None)
    taken = {k: v for k, v in load_generator(settings.start).state_dict().items() if not k.startswith(ALIGNMENT)}
    fresh = {k: v for k, v in generator.state_dict().items() if k.startswith(ALIGNMENT)}
    load_state(generator, taken | fresh, settings.start)
    save_generator(generator, path, {"start": settings.identity()["begins"][0]})
    return path


def stage_two(settings: Settings, arm: Arm, seed: int) -> tuple[Path, Path]:
    """Generator and perception network of an arm, trained with exactly the planned steps."""
    pictures = stage_one(settings, arm, seed)
    if arm.joint is None:
        return pictures, settings.perception
    folder = settings.folder(arm, seed)
    perceived = folder / f"{load_network(settings.perception).name.rpartition('.')[2]}.safetensors"
    if not perceived.exists():  # it is written last
        loop = replace(settings.joint_loop, steps=settings.read_plan()["steps"][arm.name], seed=seed)
        views = ViewCache(settings.cache, settings.views)
        return train_joint(pictures, settings.perception, views, joint_options(settings, arm), loop, folder)
    return folder / "pictures.safetensors", perceived


def perceive(settings: Settings, arm: Arm, seed: int) -> None:
    """Train stage II of an arm if need be, and keep what its perception network scores; without one, that before."""
    kept = settings.perceived_path(arm, seed)
    if not kept.exists():
        trained = load_network(stage_two(settings, arm, seed)[1])
        write_json(kept, {"scores": perception_scores(settings, trained), **versions()})


def score(settings: Settings, arm: Arm, seed: int) -> None:
    """Keep what the pictures of an arm score; of the last arm with every number of the sampler's steps.

    With other numbers than the usual one, pictures are drawn in the paper's way alone: read as they go.
    """
    wanted = settings.sampler_steps if arm == settings.arms[-1] else (settings.painting.steps,)
    missing = [steps for steps in wanted if not settings.kept_path(arm, seed, steps).exists()]
    if not missing:
        return
    pictures, perception = stage_two(settings, arm, seed)
    generator, trained, judge = load_generator(pictures), load_network(perception), load_judge(settings.judge)
    folder = settings.folder(arm, seed)
    painted, reference = (ViewCache(settings.cache, views) for views in (settings.painted, settings.reference))
    for steps in missing:
        start = time.process_time()
        config, out = replace(settings.painting, steps=steps), folder / f"{steps}"
        kinds = arm.kinds if steps == settings.painting.steps else (READ,)
        scores = picture_scores(generator, judge, trained, painted, reference, config, out, seed, kinds)
        costs = {
            "training": sum(step_seconds(folder / "cpu.jsonl").values()),
            "scoring": time.process_time() - start,
            "alignment_step": alignment_seconds(generator),
            "picture": picture_seconds(generator, trained, painted, config),
        }
        kept = {"scores": scores, "cpu_seconds": costs, **versions()}
        write_json(settings.kept_path(arm, seed, steps), json.loads(json.dumps(kept)))


def perception_scores(settings: Settings, trained: Trained) -> dict[str, dict[str, float]]:
    """IoU and mean IoU on clean held-out pictures and on noisy ones."""
    held = ViewCache(settings.cache, settings.perceived)
    grid, taxonomy = settings.perceived.pairs.grid, settings.perceived.pairs.taxonomy
    scores = {}
    for name, level in (("clean", 0.0), ("noisy", NOISE)):
        counted = OccupancyStatistics(grid, taxonomy)
        for index in range(len(held)):
            scene = held[index]
            image_3HW = noisy(image_tensor(scene.images_NHW3[0]), level, torch.Generator().manual_seed(index))
            with torch.no_grad():
                cameras, hints = CameraBatch.stack(scene.cameras), Hints(noise_level_B=torch.tensor([level]))
                logits = trained.network(image_3HW[None], cameras, hints).logits_BKXYZ
            counted.add(logits[0].argmax(0).to(torch.uint8).numpy(), scene.labels_XYZ, scene.cameras[0])
        result = counted.result("zero")
        scores[name] = {"iou": float(result.iou()), "miou": float(result.miou())}
    return scores


def alignment_seconds(generator: AnyGenerator, repeats: int = 5) -> float:
    """CPU seconds of one forward and backward pass of the alignment on a picture, the median."""
    H, W = generator.config.size_HW
    latent = torch.randn(1, 1, generator.config.painter.width, H // PATCH, W // PATCH, requires_grad=True)
    encoding = generator.config.encoding
    volume = torch.randn(1, 1, encoding.channels, encoding.depth, *generator.volume_HW)
    laps = []
    for _ in range(repeats + 1):
        start = time.process_time()
        generator.painter.align(latent, volume).sum().backward()
        laps.append(time.process_time() - start)
    return float(np.median(laps[1:]))


def picture_seconds(generator: AnyGenerator, trained: Trained, views: ViewCache, config: PaintingConfig) -> float:
    """CPU seconds to draw one picture and read its occupancy as it goes, median of three."""
    scene, laps = views[0], []
    path, asked = CameraPath(scene.cameras[:1]), asked_about(scene.attributes, 0)
    for seed in range(3):
        start = time.process_time()
        imagine(generator, trained, path, asked, seed, config)
        laps.append(time.process_time() - start)
    return float(np.median(laps))


def table(settings: Settings) -> str:
    """Write table.md into the record and return it."""
    made, steps = settings.read_plan(), settings.painting.steps

    def cells(arm: Arm, at: int, *reads: Callable[[dict[str, Any]], float]) -> str:
        kept = [json.loads(settings.kept_path(arm, seed, at).read_text()) for seed in settings.seeds]
        return " | ".join(with_spread([read(row) for row in kept]) for read in reads)

    def distance(side: str) -> Callable[[dict[str, Any]], float]:
        return lambda row: float(row["scores"][side]["distance"])

    def perceived(arm: Arm, *scores: str) -> str:
        kept = [json.loads(settings.perceived_path(arm, seed).read_text())["scores"] for seed in settings.seeds]
        values = [[100.0 * row[on][score] for row in kept] for on in ("clean", "noisy") for score in scores]
        return " | ".join(with_spread(value) for value in values)

    def paired(side: str, which: str = "pairing") -> Callable[[dict[str, Any]], float]:
        return lambda row: 100.0 * float(row["scores"][side][which]["miou"])

    whole = settings.arms[-1]
    floor = cells(whole, steps, distance(REAL))
    begun = f"from {settings.start.name} with a fresh alignment" if settings.start else "from fresh weights"
    lines = [
        "# OccScene's ablations on the street world",
        "",
        f"`python runs/occscene_tables.py`: stage I {settings.minutes:g} CPU minutes a generator and seed, stage II "
        f"{settings.joint_minutes:g} more in {settings.loop.dtype}, {begun}; {len(settings.views)} training streets; "
        f"{len(settings.painted)} held-out ones are painted, {len(settings.perceived)} perceived; seeds "
        f"{', '.join(map(str, settings.seeds))}, mean ± standard deviation. Distances (lower is better) are in the "
        f"judge's features; that of real pictures is {floor}. Perception: mean IoU in percent, in Table VIII IoU too, "
        f"on clean held-out pictures and at noise level {NOISE:g} (noisy). Planned at commit {made['commit']}, torch "
        f"{made['torch']}.",
        "",
        "| Occupancy | distance | pairing | with another |",
        "|---|---|---|---|",
    ]
    for arm in settings.arms:
        if arm in (Arm("off", occupancy=False), Arm("mamba")):
            kind = arm.kinds[0]
            read = [paired(kind, which) for which in ("pairing", "pairing_with_another")]
            title = "told of it" if arm.occupancy else "not told"
            lines.append(f"| {title} | {cells(arm, steps, distance(kind), *read)} |")
    lines += [
        "",
        "| Table VII | distance, reads as it goes | distance, told its occupancy | perception, clean | noisy |",
        "|---|---|---|---|---|",
    ]
    reads = distance(READ), distance(TOLD)
    titles = {"mamba-detached": "no joint training", "off-attached": "no alignment", "mamba-attached": "both"}
    for arm in settings.arms:
        if arm.name in titles:
            lines.append(f"| {titles[arm.name]} | {cells(arm, steps, *reads)} | {perceived(arm, 'miou')} |")
    lines += ["", "| Table VIII | IoU, clean | mIoU, clean | IoU, noisy | mIoU, noisy |", "|---|---|---|---|---|"]
    for name, title in (
        (settings.arms[0].name, "before"),
        ("mamba-detached", "detached"),
        ("mamba-attached", "attached"),
    ):
        for arm in settings.arms:
            if arm.name == name:
                lines.append(f"| {title} | {perceived(arm, 'iou', 'miou')} |")
    lines += [
        "",
        "| Table IX | distance, told its occupancy | pairing | ms of an alignment's step |",
        "|---|---|---|---|",
    ]
    for arm in settings.arms:
        if arm.joint is None and arm.occupancy:
            milliseconds = cells(arm, steps, lambda row: 1000.0 * row["cpu_seconds"]["alignment_step"])
            lines.append(f"| {arm.alignment} | {cells(arm, steps, distance(TOLD), paired(TOLD))} | {milliseconds} |")
    lines += ["", "| Table XI, steps | distance, reads as it goes | CPU seconds a picture |", "|---|---|---|"]
    for at in settings.sampler_steps:
        lines.append(f"| {at} | {cells(whole, at, distance(READ), lambda row: row['cpu_seconds']['picture'])} |")
    text = "\n".join(lines) + "\n"
    write_text(settings.record / "table.md", text)
    return text


def with_spread(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation."""
    mean = f"{np.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2f}"


STEPS: dict[str, Callable[[Settings], Any]] = {"plan": plan, "train": train_all, "table": table}


def main(
    step: Literal["all", "plan", "train", "table"] = "all",
    judge: Path = EMBEDDED / "judge.safetensors",
    perception: Path = EMBEDDED / "monoscene.safetensors",
    start: Path | None = EMBEDDED / "pictures.safetensors",
    out: Path = Path("out/occscene-tables"),
    record: Path = Path("docs/comparisons/occscene"),
    cache: Path = Path("out/cache"),
    minutes: float = 8.0,
    joint_minutes: float = 8.0,
    n: int = 96,
    perceived: int = 512,
    seeds: tuple[int, ...] = (0, 1, 2),
    streets: int = 6144,
    batch: int = 8,
    joint_batch: int = 8,
    sampler_steps: tuple[int, ...] = (5, 10, 20, 50),
    dtype: Dtype = "float32",
    workers: int = 2,
) -> None:
    """Compare alignments and ways of training at equal compute and data.

    Args:
        step: One step, or all of them in order.
        judge: File of the frozen judge of pictures; default: the one that ships.
        perception: Perception network that stage II begins with; default: the one that ships.
        start: Generator whose weights stage I begins with; default: the one that ships.
        out: Trainings; a stopped run goes on from there.
        record: Plan, what is kept of each arm and seed, and the tables.
        cache: Folder of rendered views.
        minutes: CPU minutes of stage I for each alignment and seed.
        joint_minutes: CPU minutes of stage II.
        n: Held-out streets to paint, and as many others as the reference of the distance.
        perceived: Held-out streets on which perception is scored.
        seeds: Each has its own trainings; three or more for a claim.
        streets: Training streets.
        batch: Streets of a training step of stage I.
        joint_batch: Streets of a training step of stage II.
        sampler_steps: Numbers of sampler steps of Table XI; the first tables take 20 of them.
        dtype: Arithmetic in training; the same for all seeds, whatever the processor of the day is good at.
        workers: Processes side by side, one thread each.
    """
    torch.set_num_threads(1)
    painting = PaintingConfig(reads="noisy")  # as in the paper
    painted, reference = (WorldViews(WorldPairs(first, n)) for first in (TEST_FIRST_SEED, TEST_FIRST_SEED + n))
    views = WorldViews(WorldPairs(TRAIN_FIRST_SEED, streets, varied=0.5))
    settings = Settings(
        out=out,
        record=record,
        cache=cache,
        views=views,
        painted=painted,
        reference=reference,
        perceived=WorldViews(WorldPairs(TEST_FIRST_SEED, perceived)),
        judge=judge,
        perception=perception,
        start=start,
        minutes=minutes,
        joint_minutes=joint_minutes,
        seeds=seeds,
        sampler_steps=tuple(sorted({*sampler_steps, painting.steps})),
        workers=workers,
        loop=LoopConfig(batch=batch, lr=1e-3, muon_lr=0.02, warmup=20, dtype=dtype),
        joint_loop=LoopConfig(  # rates: docs/lab, 2026-11-23, a stage II that loses nothing
            batch=joint_batch, lr=1e-5, muon_lr=0.0002, warmup=10, dtype=dtype
        ),
        config=partial(picture_config, views.pairs.taxonomy, views.pairs.size_HW, stable_diffusion=False),
        painting=painting,
    )
    run_steps(STEPS, step, settings)


if __name__ == "__main__":
    tyro.cli(main)
