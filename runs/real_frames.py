"""Does a network learn from real frames what it can use on a street it has not seen?

    python runs/real_frames.py SEMANTIC_KITTI

For every sequence of a SemanticKITTI tree that is held out, a network learns from all the others and reads the held-out
one, beside two baselines that do not look: the mean scene, and the scene of the nearest training picture, both of the
real frames. Counts are pooled over the held-out sequences before any division. Pictures stay in --out, the record holds
numbers alone. Started again after an interruption, it goes on where it was.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numba are loaded; workers inherit it
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
import tyro

from occforge.core.errors import InputError
from occforge.core.files import write_json, write_text
from occforge.core.processes import run_jobs
from occforge.data.pairs import DatasetPairs, JoinedPairs, PairCache, PairSource, WorldPairs
from occforge.data.procedural import TRAIN_FIRST_SEED
from occforge.data.semantic_kitti import SemanticKitti
from occforge.metrics.iou import iou_scores
from occforge.metrics.report import versions
from occforge.perception.network import preset
from occforge.perception.weights import load_network
from occforge.pipelines.evaluate_perception import evaluate_perception
from occforge.recipes._perception import READOUT_LOOP, SETUPS, picture_size
from occforge.train.augment import Augmentation
from occforge.train.loop import LoopConfig
from occforge.train.perception import Beginning, PerceptionOptions, train_perception
from occforge.train.readout import tell_frames, train_readout


def frames_of(root: Path) -> dict[str, list[int]]:
    """Sequence -> indices of its frames in the training split."""
    frames: dict[str, list[int]] = {}
    dataset = SemanticKitti(root, "train", images=False)
    for index in range(len(dataset)):
        frames.setdefault(dataset[index].name.split("/")[0], []).append(index)
    return frames


def pairs_of(root: Path, indices: list[int], image_HW: tuple[int, int]) -> DatasetPairs:
    """Those frames as small networks take them, with pictures of that size."""
    return DatasetPairs(
        "semantic_kitti", root, "train", image_HW, SETUPS["semantic_kitti"].small_factor, tuple(indices)
    )


@dataclass(frozen=True)
class Learning:
    """How each fold learns; `world`: streets of the world among the pictures, one for each real frame at 1.

    `sight_scale`: lines of sight are read at this fraction of the picture's size. `readout`: the network of `start`
    stays as it is and gets a readout, which sees with `eyes`, too, if there are any.
    """

    network: str
    loop: LoopConfig
    options: PerceptionOptions
    start: Path | None
    encoder: Path | None
    image_HW: tuple[int, int]
    sight_scale: int
    world: float
    prior: bool
    readout: bool
    eyes: Path | None

    @property
    def config(self) -> Any:
        """The network's configuration."""
        config = preset(self.network, "small")
        if self.prior:
            config = replace(config, prior=True)
        return replace(config, sight=replace(config.sight, scale=self.sight_scale)) if self.sight_scale else config


def run_fold(
    root: Path, held_out: str, learning: Learning, seeds: tuple[int, ...], out: Path, cache: Path
) -> list[dict[str, Any]]:
    """Train on all sequences but one and score that one; what `evaluate_perception` records, for every seed."""
    folders = {seed: out / held_out / f"seed-{seed}" for seed in seeds}
    missing = {seed: into for seed, into in folders.items() if not (into / "scores" / "perception.json").exists()}
    if missing:
        frames = frames_of(root)
        learned = [index for sequence, indices in frames.items() if sequence != held_out for index in indices]
        real = pairs_of(root, learned, learning.image_HW)
        streets = round(learning.world * len(learned))
        mixed: PairSource = real
        if streets:
            factor = SETUPS["street"].small_factor
            mixed = JoinedPairs((real, WorldPairs(TRAIN_FIRST_SEED, streets, learning.image_HW, factor)))
        held, known = pairs_of(root, frames[held_out], learning.image_HW), PairCache(cache, real)
        if learning.readout:
            assert learning.start is not None
            told = tell_frames(learning.start, known, learning.eyes)
        beginning, training = Beginning(learning.start, learning.encoder, known), PairCache(cache, mixed)
        for seed, into in missing.items():
            loop = replace(learning.loop, seed=seed)
            if learning.readout:
                path = train_readout(told, loop, into)
            else:
                path = train_perception(
                    learning.network, learning.config, training, learning.options, loop, into, beginning
                )
            evaluate_perception(load_network(path), held, known, into / "scores", "skip")
    return [json.loads((into / "scores" / "perception.json").read_text()) for into in folders.values()]


def table(folds: dict[str, list[dict[str, Any]]], title: str) -> tuple[str, dict[str, Any]]:
    """Markdown and numbers: IoU and mean IoU (classes there are) of each held-out sequence, and of all pooled.

    Means over the seeds and, where they differ, their standard deviation; the numbers are those of every seed.
    """
    sides = list(next(iter(folds.values()))[0]["scores"])
    rows: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name, pooled in (*((name, [fold]) for name, fold in folds.items()), ("all", list(folds.values()))):
        rows[name] = {}
        for side in sides:
            by_seed = zip(*([record["scores"][side]["confusion"] for record in fold] for fold in pooled), strict=True)
            scores = [iou_scores(np.sum(confusions, axis=0), "skip") for confusions in by_seed]
            rows[name][side] = [(s.completion_iou, s.miou) for s in scores]
    lines = [title, "", "| Held out | " + " | ".join(f"{side}: IoU | mIoU" for side in sides) + " |"]
    lines.append("|---|" + "---|" * (2 * len(sides)))
    for name, row in rows.items():
        cells = [said(values) for side in row.values() for values in zip(*side, strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n", {"rows": rows, **versions()}


def said(values: tuple[float, ...]) -> str:
    """Mean and standard deviation in percent."""
    mean = f"{100 * np.mean(values):.1f}"
    return mean if len(set(values)) == 1 else f"{mean} ± {100 * np.std(values, ddof=1):.1f}"


def main(
    root: tyro.conf.Positional[Path],
    network: str = "monoscene",
    steps: int = 400,
    batch: int = 4,
    rate: float = 1.0,
    world: float = 0.0,
    prior: bool = False,
    readout: bool = False,
    eyes: Path | None = None,
    held_out: tuple[str, ...] = (),
    start: Path | None = None,
    encoder: Path | None = None,
    image: tuple[int, int] | None = None,
    sight_scale: int = 0,
    options: PerceptionOptions = PerceptionOptions(),  # noqa: B008 (frozen)
    seeds: tuple[int, ...] = (0,),
    out: Path = Path("out/real-frames"),
    record: Path = Path("docs/comparisons/real"),
    cache: Path = Path("out/cache"),
    workers: int = 2,
) -> None:
    """Train on all sequences but one, score that one, for each in turn.

    Args:
        root: Folder that holds dataset/sequences.
        network: Perception network, at its small size.
        steps: Training steps of each.
        batch: Frames of a step.
        rate: Multiplies the learning rates; below 1 to go on from given weights without losing what they know first.
        world: Streets of the world among the training pictures, for each real frame.
        prior: Begin at what training scenes have at each voxel (MonoScene).
        readout: Leave the network of --start as it is and teach it a readout, with the settings that readouts have.
        eyes: Folder of transformers' EfficientNet that the readout sees with, too.
        held_out: Sequences to hold out, one after the other; default: all there are.
        start: Trained file whose weights to begin with, instead of random ones.
        encoder: Image encoder to begin with, a file or a folder of transformers' EfficientNet.
        image: Height and width of the pictures, instead of those of the network's small size.
        sight_scale: Read lines of sight at one of so many pixels along each axis; 0: as the network's small size has.
        options: How pairs are changed before they are learned from.
        seeds: Of weights, batches and augmentation; every sequence is learned once with each.
        out: Trainings, and pictures of real frames.
        record: Folder of the table and its numbers.
        cache: Folder of prepared pairs.
        workers: Sequences side by side, one thread each.
    """
    torch.set_num_threads(1)
    sequences = held_out or tuple(frames_of(root))
    unknown = set(sequences) - set(frames_of(root))
    if unknown or len(frames_of(root)) < 2:
        raise InputError(f"real frames: expected two sequences or more and --held-out among them, got {sequences}")
    if len(set(seeds)) != len(seeds) or not seeds:
        raise InputError(f"real frames: expected --seeds that differ, got {seeds}")
    if readout and start is None:
        raise InputError("real frames: a readout reads a trained network; give --start")
    if readout and (world or prior or encoder or image or sight_scale):
        raise InputError("real frames: --readout leaves the network as it is; leave out what trains or changes it")
    if eyes is not None and not readout:
        raise InputError("real frames: --eyes are a readout's; give --readout, or --encoder instead")
    plain = LoopConfig(steps=steps, batch=batch, warmup=max(1, steps // 8))
    loop = replace(plain, lr=rate * plain.lr, muon_lr=rate * plain.muon_lr)
    loop = READOUT_LOOP if readout else loop
    began = "fresh" if start is None else start.stem
    name = f"{network}-{began}"
    if readout:
        name += "-readout" + ("" if eyes is None else f"-{eyes.stem}")
    else:
        name += f"-{steps}" + ("" if rate == 1.0 else f"-rate-{rate:g}")
    name += (f"-world-{world:g}" if world else "") + ("-prior" if prior else "")
    name += "" if encoder is None else f"-{encoder.stem}"
    name += "" if image is None else f"-{image[0]}x{image[1]}"
    if readout and start is not None:
        image = load_network(start).size_HW
    image = image or picture_size(preset(network, "small"), "semantic_kitti", "small")
    name += f"-sight-{sight_scale}" if sight_scale else ""
    learning = Learning(network, loop, options, start, encoder, image, sight_scale, world, prior, readout, eyes)
    jobs = [(root, sequence, learning, seeds, out / name, cache) for sequence in sequences]
    folds = dict(zip(sequences, run_jobs(run_fold, jobs, workers, "sequences"), strict=True))
    numbered = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    title = f"{network}, {began} weights, pictures of {image[0]} x {image[1]}, "
    if readout:
        title += "kept as they are, and a readout" + ("" if eyes is None else f" that sees with {eyes.stem}")
        title += f", {loop.steps} steps, {numbered}; "
    else:
        title += f"{steps} steps of {batch} frames at {rate:g} of the usual rates, {numbered}; "
    if world:
        title += f"{world:g} streets of the world for each real frame among the training pictures; "
    title += "" if encoder is None else f"image encoder of {encoder.stem}; "
    title += "beginning at what training scenes have at each voxel; " if prior else ""
    changed = {k: v for k, v in asdict(options.augmentation).items() if v != getattr(Augmentation(), k)}
    if changed:
        title += "augmentation " + ", ".join(f"{k} {v:g}" for k, v in changed.items()) + "; "
    title += "in percent, mIoU over the classes there are, counts pooled over frames."
    text, numbers = table(folds, title)
    write_text(record / f"{name}.md", text)
    write_json(record / f"{name}.json", numbers)
    print(text)


if __name__ == "__main__":
    tyro.cli(main)
