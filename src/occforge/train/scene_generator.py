"""Training of the whole scene-first generator: codebooks, prompt encoder, then every stage on its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from tqdm import tqdm

from occforge.core.errors import InputError
from occforge.core.files import write_json
from occforge.core.tensors import load_state, load_tensors
from occforge.discrete.codes import fit_codes
from occforge.discrete.request import RequestPrior
from occforge.discrete.stages import Composition, CompositionConfig, Levels
from occforge.discrete.weights import (
    codes_digest,
    levels_metadata,
    load_levels,
    save_books,
    save_network,
    stage_modules,
)
from occforge.train.calibrate import calibrate
from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneCache, SceneSource
from occforge.train.tasks import DiffusionOptions, DiffusionTask, RefineTask, TextTask

BOOK_SCENES = 256

FileName = Literal["text", "background", "objects", "fusion", "refine"]


@dataclass(frozen=True)
class Plan:
    """What is trained and for how long; `loops` has one entry per file of the generator, trained in its order."""

    config: CompositionConfig
    loops: Mapping[FileName, LoopConfig]
    options: DiffusionOptions = field(default_factory=DiffusionOptions)

    def stages(self, stage: FileName | Literal["all"]) -> list[FileName]:
        """One stage or all of them; raises `InputError` for one that this generator has not."""
        if stage == "all":
            return list(self.loops)
        if stage not in self.loops:
            raise InputError(f"--stage {stage}: this generator has only {', '.join(self.loops)}")
        return [stage]


def train_scene_generator(
    source: SceneSource,
    plan: Plan,
    out: Path,
    stages: Sequence[FileName],
    cache: Path,
    workers: int,
    start: Path | None = None,
    held_out: SceneSource | None = None,
) -> Path:
    """Train the named stages (in the order of `plan.loops`) and return `out`/weights, which `load_composition` reads.

    Everything that is already there is kept: codebooks, cached scenes, finished and half-finished stages. With `start`,
    a folder of weights, training goes on from those instead of from random ones, with their codebooks. On
    `held_out` scenes the certainty of each trained stage is calibrated; without them it stays as trained.
    """
    weights = out / "weights"
    if start is not None and not (weights / "codebooks.safetensors").exists():
        save_books(weights, load_levels(start))
    levels = prepare_levels(source, plan.config, weights)
    if start is not None and codes_digest(load_levels(start)) != codes_digest(levels):
        raise InputError(f"--start {start}: its shape codes are not those in {weights}; give another --out")
    composition = Composition(levels)
    scenes = SceneCache(cache, source, levels)
    metadata = levels_metadata(levels)
    for name, loop in plan.loops.items():
        if name not in stages:
            continue
        torch.manual_seed(loop.seed)
        composition = Composition(levels)
        if start is not None:
            path = start / f"{name}.safetensors"
            load_state(stage_modules(composition)[name], load_tensors(path)[0], path)
        task: TextTask | RefineTask | DiffusionTask
        if name == "text":
            task = TextTask(composition, source)
        elif name == "refine":
            task = RefineTask(composition, scenes)
        else:
            task = DiffusionTask(composition.stages[name], scenes, plan.options)
        final = train(
            task,
            loop,
            out / name,
            {"stage": name, "source": source.identity, "start": str(start), **metadata},
            (lambda: None) if name == "text" else partial(scenes.fill, workers),
        )
        state, written = load_tensors(final)
        load_state(task.module, state, final)
        record = {**metadata, "loop": written["loop"]}
        if name == "background":
            record["request_prior"] = asdict(RequestPrior.fit(scenes.attributes()))
        if held_out is not None and not isinstance(task, TextTask):
            task.scenes = SceneCache(cache, held_out, levels)
            record["calibration"] = asdict(calibrate(task))
        save_network(weights / f"{name}.safetensors", state, record)
    write_json(out / "run.json", {"source": source.identity, "scenes": len(source), **metadata})
    return weights


def prepare_levels(source: SceneSource, config: CompositionConfig, weights: Path) -> Levels:
    """The stages' grids with codebooks fitted to the first scenes of the source, read back if they are on disk."""
    if (weights / "codebooks.safetensors").exists():
        held = load_levels(weights)
        found = held.config
        counted = replace(config, fusion_codes=found.fusion_codes, refine_codes=found.refine_codes)
        if found != counted or held.grid != source.grid:
            raise InputError(
                f"{weights} holds the codebooks of a generator of other sizes; give another --out, or the recipe that "
                "began it"
            )
        return held
    plain = Levels(config, source.grid, source.taxonomy)
    fusion_book = refine_book = None
    indices = range(min(BOOK_SCENES, len(source)))
    if config.fusion_codes:
        halves = (plain.half_scene(source.labels(i)) for i in tqdm(indices, desc="fusion codes"))
        fusion_book = fit_codes(halves, config.fusion_codes, source.taxonomy)
    if config.refine_codes:
        scenes = (source.labels(i) for i in tqdm(indices, desc="refine codes"))
        refine_book = fit_codes(scenes, config.refine_codes, source.taxonomy)
    found = replace(
        config,
        fusion_codes=0 if fusion_book is None else fusion_book.count,
        refine_codes=0 if refine_book is None else refine_book.count,
    )
    levels = Levels(found, source.grid, source.taxonomy, fusion_book, refine_book)
    save_books(weights, levels)
    return levels
