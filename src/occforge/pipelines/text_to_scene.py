"""A prompt becomes a labelled scene: background, objects, fusion, refinement, each one call of `sample`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occforge.core.errors import InputError, check_count, check_guidance
from occforge.core.grid import Scene
from occforge.discrete.guided import Guided
from occforge.discrete.sample import SWEEP_BLOCKS, Planning, sample
from occforge.discrete.stages import Composition, StageName
from occforge.discrete.text import check_prompt, request_BA
from occforge.discrete.transition import layered_order
from occforge.metrics.prompts import MEASURED, can_measure, found

STAGES: tuple[StageName, ...] = ("background", "objects", "fusion", "refine")

Grid = NDArray[np.uint8]

BESIDE = ("layout", "left", "right")
STANDING = ("parked", "traffic", "persons", "bicycles", "trucks")
"""Which attributes the coarse background and the coarse objects decide."""


@dataclass(frozen=True)
class SamplingConfig:
    """How the stages are sampled.

    `guidance` w mixes logits as null + w (prompt - null) in background and objects (classifier-free guidance, Ho &
    Salimans 2022), while the noise level lies in `guided_levels`; w = 1 asks the network once a step instead of twice.
    `background_planning`: how the background's plan is drawn (`Planning`); objects need none, their numbers are right.
    `object_attention_every`: of how many object steps one evaluates the attention anew (`Reuse`): 30 % less work.
    `fusion_sweeps`, `refine_sweeps`: how often these draw everything again (`discrete.sample.sweep`). The refinement
    draws from the ground upwards (`layered_order`), by default in steps of less than a layer; those in the air cost
    nothing. `attempts`: how often a coarse grid is drawn at most (`_Run.first_that_shows`); 1 takes the first as it is.
    """

    background_steps: int = 14
    object_steps: int = 48
    object_attention_every: int = 3
    fusion_steps: int = 10
    fusion_sweeps: int = 1
    refine_steps: int = 32
    refine_sweeps: int = 2
    guidance: float = 1.0
    guided_levels: tuple[float, float] = (0.3, 0.95)
    background_planning: Planning | None = field(default_factory=Planning)
    attempts: int = 4

    def __post_init__(self) -> None:
        counts = (
            "background_steps",
            "object_steps",
            "object_attention_every",
            "fusion_steps",
            "refine_steps",
            "attempts",
        )
        for name in counts:
            check_count(f"--{name.replace('_', '-')}", getattr(self, name))
        for name in ("fusion_sweeps", "refine_sweeps"):
            check_count(f"--{name.replace('_', '-')}", getattr(self, name), 0)
        check_guidance("--guidance", self.guidance)


@dataclass(frozen=True)
class GeneratedScene:
    """A scene with what it was made from; `seconds` is CPU time by stage, of all threads.

    `understood` is what the prompt names, `drawn` what was drawn for the attributes that it leaves open (or is shown by
    what was kept), `missing` the named attributes that the scene does not show. `attempts` counts the draws of each
    coarse grid; these are None where the scene was read in a picture.
    """

    scene: Scene
    prompt: str
    seed: int
    understood: dict[str, str]
    drawn: dict[str, str]
    background: NDArray[np.uint8] | None
    objects: NDArray[np.uint8] | None
    missing: tuple[str, ...] = ()
    attempts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(compare=False, default_factory=dict)


def generate_scene(
    composition: Composition,
    prompt: str,
    seed: int,
    config: SamplingConfig,
    background: NDArray[np.uint8] | None = None,
    objects: NDArray[np.uint8] | None = None,
    progress: Callable[[], object] = lambda: None,
    shown: dict[str, str] | None = None,
) -> GeneratedScene:
    """The scene that a prompt and a seed make; the empty prompt is allowed here and asks for nothing.

    `background` and `objects` are states of the coarse grids (`Levels.coarse`) that are kept; cells of theirs that are
    unknown are sampled around the rest (Eq. 9), without a grid all are. What the prompt leaves open is drawn, unless a
    kept background has decided it; `shown` says what such a background shows.
    """
    run = _Run(composition, prompt, seed, config, progress)
    kept = background, objects
    if background is None:
        run.drawn = drawn_for(composition, run.understood, seed)
    elif shown is not None:
        run.drawn = {name: value for name, value in shown.items() if name not in run.understood}
    if background is None or run.has_gaps("background", background):
        background = run.timed("background", lambda: run.background(kept[0]))
    if objects is None or run.has_gaps("objects", objects):
        objects = run.timed("objects", lambda: run.objects(background, kept[1]))
    half = run.timed("fusion", lambda: run.fusion(background, objects))
    labels = half if "refine" not in composition.networks else run.timed("refine", lambda: run.refine(half))
    levels = composition.levels
    scene = Scene(labels, levels.grid, levels.taxonomy)
    return GeneratedScene(
        scene,
        prompt,
        seed,
        run.understood,
        run.drawn,
        background,
        objects,
        missing(among(MEASURED, run.understood), scene),
        run.attempts,
        run.seconds,
    )


def understood_of(composition: Composition, prompt: str, seed: int) -> dict[str, str]:
    """The attributes that a prompt names, none for an empty one; raises `InputError` if prompt or seed cannot be."""
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed: expected 0 to 2^63 - 1, got {seed}")
    if not prompt:
        return {}
    check_prompt(prompt)
    return composition.text.understood(prompt)


def drawn_for(composition: Composition, understood: dict[str, str], seed: int) -> dict[str, str]:
    """Values drawn for the attributes that a prompt leaves open, as often as training scenes have them."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, len(STAGES))))
    whole = composition.request_prior.complete(understood, rng)
    return {name: value for name, value in whole.items() if name not in understood}


def step_count(composition: Composition, config: SamplingConfig, kept: Sequence[StageName] = ()) -> int:
    """How often `generate_scene` calls `progress`; `kept` are the coarse grids that it is given whole."""
    refine = config.refine_steps + SWEEP_BLOCKS * config.refine_sweeps if "refine" in composition.networks else 0
    sweeps = config.fusion_sweeps if composition.transitions["fusion"].kind == "absorbing" else 0
    fusion = config.fusion_steps + SWEEP_BLOCKS * sweeps
    background = 0 if "background" in kept else config.background_steps
    return background + (0 if "objects" in kept else config.object_steps) + fusion + refine


def among(names: tuple[str, ...], request: dict[str, str]) -> dict[str, str]:
    """The part of a request that is about `names`."""
    return {name: value for name, value in request.items() if name in names}


def missing(asked: dict[str, str], scene: Scene) -> tuple[str, ...]:
    """Which of the attributes asked for a scene does not show; none where its classes cannot tell."""
    if not asked or not can_measure(scene.taxonomy):
        return ()
    return tuple(name for name, seen in found(asked, scene).items() if not seen)


class _Run:
    """One scene in the making: what the prompt asks for and a generator of random numbers per stage."""

    def __init__(
        self, composition: Composition, prompt: str, seed: int, config: SamplingConfig, progress: Callable[[], object]
    ) -> None:
        self.composition, self.seed, self.config, self.progress = composition, seed, config, progress
        self.levels = composition.levels
        composition.eval()
        self.understood = understood_of(composition, prompt, seed)
        self.drawn: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.generators: dict[StageName, torch.Generator] = {}
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, stage: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        start = time.process_time()
        result = stage()
        self.seconds[name] = time.process_time() - start
        return result

    def generator(self, stage: StageName) -> torch.Generator:
        """One a stage: a second draw goes on where the first ended."""
        if stage not in self.generators:
            mixed = np.random.SeedSequence((self.seed, STAGES.index(stage))).generate_state(2, np.uint32)
            self.generators[stage] = torch.Generator().manual_seed(int(mixed[0]) << 32 | int(mixed[1]))
        return self.generators[stage]

    @property
    def request(self) -> dict[str, str]:
        """What every stage is asked for: what the prompt names, and what was drawn for the rest."""
        return self.understood | self.drawn

    def first_that_shows(
        self, asked: dict[str, str], draw: Callable[[], Grid], look: Callable[[Grid], Scene]
    ) -> tuple[Grid, int]:
        """The first draw that shows what is asked for, and how many it took.

        If none does, the one that lacks fewest, those that the prompt names counting before all others.
        """
        draws: list[tuple[tuple[int, int], Grid]] = []
        while len(draws) < self.config.attempts and (not draws or any(draws[-1][0])):
            states = draw()
            lacking = missing(asked, look(states))
            draws.append(((len(self.understood.keys() & lacking), len(lacking)), states))
        return min(draws, key=lambda made: made[0])[1], len(draws)

    def has_gaps(self, stage: StageName, grid: Grid) -> bool:
        """Whether a coarse grid has unknown cells."""
        return bool((grid >= self.composition.transitions[stage].states).any())

    def diffuse(self, stage: StageName, steps: int, *conditions: Tensor, kept: Grid | None = None) -> Tensor:
        transition, shape = self.composition.transitions[stage], self.composition.stages[stage].grid.shape_XYZ
        fusion = stage == "fusion"
        absorbing = transition.kind == "absorbing"
        presence = self.levels.presence(*(grid[0] for grid in conditions)) if fusion else None
        network = Guided(
            self.composition.bedit(stage),
            request_BA([self.request]),
            request_BA([{}]),
            conditions,
            self.composition.calibration[stage],
            1.0 if fusion else self.config.guidance,
            self.config.guided_levels,
            presence,
            self.config.object_attention_every if stage == "objects" else 1,
        )
        certain = None
        if presence is not None and absorbing:
            certain = presence.certain_BXYZ(transition.states)
        sweeps = self.config.fusion_sweeps if fusion and absorbing else 0
        progress = self.progress if stage not in self.generators else lambda: None  # the bar counts one draw a stage
        generator = self.generator(stage)
        planning = self.config.background_planning if stage == "background" else None
        return sample(
            network,
            transition,
            (1, *shape),
            steps,
            generator,
            None if kept is None else as_batch(kept),
            certain,
            sweeps=sweeps,
            planning=planning,
            progress=progress,
        )[0]

    def background(self, kept: Grid | None) -> Grid:
        def draw() -> Grid:
            return self.diffuse("background", self.config.background_steps, kept=kept).numpy().astype(np.uint8)

        asked = among(BESIDE, self.request)
        grid, self.attempts["background"] = self.first_that_shows(asked, draw, self.levels.coarse_scene)
        return grid

    def objects(self, background: Grid, kept: Grid | None) -> Grid:
        def draw() -> Grid:
            states = self.diffuse("objects", self.config.object_steps, as_batch(background), kept=kept)
            return states.numpy().astype(np.uint8)

        def look(objects: Grid) -> Scene:
            return self.levels.coarse_scene(background, objects)

        asked = among(STANDING, self.understood)  # not what was drawn: another draw costs a third of a scene
        grid, self.attempts["objects"] = self.first_that_shows(asked, draw, look)
        return grid

    def fusion(self, background: NDArray[np.uint8], objects: NDArray[np.uint8]) -> NDArray[np.uint8]:
        conditions = as_batch(background), as_batch(objects)
        states = self.diffuse("fusion", self.config.fusion_steps, *conditions).numpy()
        book = self.levels.fusion_book
        return self.levels.alphabets["labels"].decode(states) if book is None else book.decode(states)

    def refine(self, half: NDArray[np.uint8]) -> NDArray[np.uint8]:
        book, transition = self.levels.refine_book, self.composition.transitions["refine"]
        assert book is not None
        label = torch.from_numpy(self.levels.alphabets["labels"].encode(half).astype(np.int64))
        known = torch.where(label == 0, 0, transition.states)[None]
        network, generator = Refining(self.composition, label), self.generator("refine")
        rank = sample(
            network,
            transition,
            (1, *self.levels.half_grid.shape_XYZ),
            self.config.refine_steps,
            generator,
            known,
            sweeps=self.config.refine_sweeps,
            progress=self.progress,
            order=layered_order,
        )[0]
        return book.decode(self.composition.refiner.codes_of(label, rank).numpy())


@dataclass(frozen=True)
class Refining:
    """The refinement network with its coarse labels bound, as `sample` wants it: states are ranks."""

    composition: Composition
    label_XYZ: Tensor
    self_condition: bool = False

    def __call__(self, x_t_BXYZ: Tensor, noise_level: float, estimate: Tensor | None, query_N: Tensor | None) -> Tensor:
        assert query_N is not None
        factor, refiner = self.composition.calibration["refine"](noise_level), self.composition.refiner
        return factor * refiner(self.label_XYZ, refiner.codes_of(self.label_XYZ, x_t_BXYZ[0]), query_N)


def as_batch(grid: NDArray[np.uint8]) -> Tensor:
    """A condition grid as (1, X, Y, Z) long."""
    return torch.from_numpy(grid.astype(np.int64))[None]
