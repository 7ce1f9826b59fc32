"""Training of any perception network on any dataset: `occforge train DATASET.NETWORK`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from occforge.core.arithmetic import DtypeChoice, chosen_dtype
from occforge.core.errors import InputError
from occforge.data.pairs import DatasetPairs, PairCache, PairSource, WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED, TRAIN_FIRST_SEED
from occforge.perception.network import preset
from occforge.perception.weights import load_network
from occforge.train.loop import LoopConfig
from occforge.train.perception import Beginning, PerceptionOptions, train_perception
from occforge.train.readout import tell_frames, train_readout

STREETS = 6144
"""Training streets of a network by default."""


READOUT_LOOP = LoopConfig(steps=500, batch=8, lr=4e-3, optimizer="adamw", weight_decay=0.05, ema=0.99)
"""How readouts are trained."""


@dataclass(frozen=True)
class Setup:
    """How a dataset is presented: picture size and voxels pooled along each axis, at the small and the paper's size."""

    small_HW: tuple[int, int]
    small_factor: int
    paper_HW: tuple[int, int]
    paper_preset: str = "street"


SETUPS: dict[str, Setup] = {
    "street": Setup((64, 192), 4, (370, 1220)),
    "semantic_kitti": Setup((64, 192), 4, (370, 1220)),
    "kitti360": Setup((64, 240), 4, (376, 1408)),
    "nuscenes_occ": Setup((96, 168), 8, (448, 800)),
    "occ3d": Setup((96, 168), 4, (448, 800)),
    "nyuv2": Setup((96, 128), 1, (480, 640), "room"),
    "rooms": Setup((96, 128), 1, (480, 640), "room"),
}


def perception_recipe(dataset: str, network: str) -> Callable[..., Path]:
    """The recipe that trains `network` on `dataset`; its parameters are the flags."""

    def recipe(
        out: Path | None = None,
        root: Path | None = None,
        size: Literal["small", "paper"] = "small",
        image: tuple[int, int] | None = None,
        factor: int | None = None,
        pairs: int | None = None,
        steps: int = 2000,
        batch: int = 4,
        lr: float = 1e-3,
        optimizer: Literal["muon", "adamw"] = "muon",
        dtype: DtypeChoice = "auto",
        device: str = "cpu",
        seed: int = 0,
        cache: Path = Path("out/cache"),
        workers: int = 2,
        checkpointing: bool = False,
        prior: bool = False,
        start: Path | None = None,
        encoder: Path | None = None,
        options: PerceptionOptions = PerceptionOptions(),  # noqa: B008 (frozen)
    ) -> Path:
        folder = out or Path(f"out/{dataset}.{network}")
        config = preset(network, "small" if size == "small" else SETUPS[dataset].paper_preset)
        source = pair_source(dataset, root, size, image or picture_size(config, dataset, size), factor, pairs)
        for flag, wanted in (("checkpointing", checkpointing), ("prior", prior)):
            if wanted and not hasattr(config, flag):
                raise InputError(f"--{flag}: network {network} has none; leave the flag out")
            config = replace(config, **{flag: True}) if wanted else config
        arithmetic = chosen_dtype(dtype, device)
        loop = LoopConfig(
            steps=steps,
            batch=batch,
            lr=lr,
            muon_lr=20.0 * lr,
            optimizer=optimizer,
            dtype=arithmetic,
            device=device,
            seed=seed,
        )
        beginning = Beginning(start, encoder)
        return train_perception(network, config, PairCache(cache, source), options, loop, folder, beginning, workers)

    recipe.__doc__ = f"""Train {network} on {dataset}.

    Args:
        out: Run folder; the finished network is its {network}.safetensors.
        root: Folder of the dataset; the street and room worlds need none.
        size: Sizes of the network, the picture and the grid: those of the paper, or small ones for a laptop.
        image: Height and width of the pictures, instead of those of the size; twice these where the network sees
            details (MonoScene).
        factor: Voxels that become one along each axis, instead of that of the size.
        pairs: Training pictures at most, evenly spread; default: 6,144 of the street world, all that others have.
        steps: Training steps.
        batch: Pictures of a step.
        lr: Learning rate of AdamW; Muon's is twenty times it.
        optimizer: Muon for matrices with AdamW for the rest, or AdamW for all as in the papers.
        dtype: Arithmetic in training; auto takes bfloat16 where the processor has it.
        device: Where to train.
        seed: Seed of weights, batches and augmentation.
        cache: Folder of prepared pairs, shared between runs.
        workers: Processes that fill the cache.
        checkpointing: Recompute activations in the backward pass: less memory, about a third more time.
        prior: Begin at what training scenes have at each voxel (MonoScene); for datasets of few frames.
        start: A trained file of the same network whose weights to begin with, instead of random ones.
        encoder: A file whose image encoder to begin with, such as that of `occforge train street.encoder`; or a folder
            of transformers' EfficientNet, such as google/efficientnet-b0, to have that as the image backbone.
        options: How pairs are changed before they are learned from.
    """
    return recipe


def readout_recipe(dataset: str) -> Callable[..., Path]:
    """The recipe that trains a readout of a trained MonoScene on `dataset`; its parameters are the flags."""

    def recipe(
        start: Path,
        out: Path | None = None,
        root: Path | None = None,
        eyes: Path | None = None,
        pairs: int | None = None,
        units: int = 64,
        steps: int = READOUT_LOOP.steps,
        batch: int = READOUT_LOOP.batch,
        lr: float = READOUT_LOOP.lr,
        seed: int = 0,
        cache: Path = Path("out/cache"),
        workers: int = 2,
    ) -> Path:
        trained = load_network(start)
        factor = SETUPS[dataset].small_factor
        source = pair_source(dataset, root, "small", trained.size_HW, factor, pairs)
        loop = replace(READOUT_LOOP, steps=steps, batch=batch, lr=lr, seed=seed)
        folder = out or Path(f"out/{dataset}.readout")
        return train_readout(tell_frames(start, PairCache(cache, source), eyes, units, workers), loop, folder)

    recipe.__doc__ = f"""Teach a trained MonoScene to read {dataset} again, from few frames and in minutes.

    Two small perceptrons on what the network says of every voxel; the network itself stays as it is.

    Args:
        start: A trained file of monoscene at its small size, for the same voxels and classes.
        out: Run folder; the finished network, with its readout, is its monoscene.safetensors.
        root: Folder of the dataset; the street and room worlds need none.
        eyes: Folder of transformers' EfficientNet, such as google/efficientnet-b0, whose features tell classes apart.
        pairs: Training frames at most, evenly spread; default: 6,144 of the street world, all that others have.
        units: Units of each perceptron.
        steps: Training steps.
        batch: Times 512 voxels, of a step.
        lr: Learning rate of AdamW.
        seed: Seed of weights and batches.
        cache: Folder of prepared pairs, shared between runs.
        workers: Processes that fill the cache.
    """
    return recipe


def held_out_source(
    dataset: str,
    root: Path | None,
    size: Literal["small", "paper"],
    n: int | None,
    split: str,
    image: tuple[int, int] | None = None,
) -> PairSource:
    """At most `n` pairs that no training saw: streets of test seeds and the standard camera, rooms of test seeds, or
    a split of a dataset; by default 500 of a world and all of a split, with pictures of the size's."""
    if dataset not in SETUPS:
        raise InputError(f"--dataset: expected one of {', '.join(SETUPS)}, got '{dataset}'")
    if n is not None and n < 1:
        raise InputError(f"--n: expected 1 or more, got {n}")
    if dataset not in ("street", "rooms"):
        return pair_source(dataset, root, size, image, pairs=n, split=split)
    n = 500 if n is None else n
    if dataset == "rooms":
        return pair_source(dataset, root, size, image, pairs=n, split="test")
    setup = SETUPS[dataset]
    size_HW, factor = (setup.small_HW, setup.small_factor) if size == "small" else (setup.paper_HW, 1)
    return WorldPairs(TEST_FIRST_SEED, n, image or size_HW, factor)


def picture_size(config: Any, dataset: str, size: Literal["small", "paper"]) -> tuple[int, int]:
    """Pictures of a size for a network: twice the small ones where it sees details beside a picture's half."""
    if size == "paper":
        return SETUPS[dataset].paper_HW
    height, width = SETUPS[dataset].small_HW
    doubled = 2 if getattr(getattr(config, "image", None), "details", 0) else 1
    return doubled * height, doubled * width


def pictures_for(dataset: str, size: Literal["small", "paper"], read_HW: tuple[int, int]) -> tuple[int, int] | None:
    """Picture size of a dataset for a network that reads `read_HW`: the small one doubled until it has as many rows.

    None, the size's own, at the papers' size or for an unknown dataset.
    """
    if size == "paper" or dataset not in SETUPS:
        return None
    height, width = SETUPS[dataset].small_HW
    doubled = 1
    while doubled * height < read_HW[0] and doubled * height < SETUPS[dataset].paper_HW[0]:
        doubled *= 2
    return doubled * height, doubled * width


def pair_source(
    dataset: str,
    root: Path | None,
    size: Literal["small", "paper"],
    image: tuple[int, int] | None = None,
    factor: int | None = None,
    pairs: int | None = None,
    split: str = "train",
) -> PairSource:
    """Pairs of a dataset as a recipe presents them, at most so many; default: `STREETS`, or all of a dataset."""
    setup = SETUPS[dataset]
    size_HW = image or (setup.small_HW if size == "small" else setup.paper_HW)
    pooled = factor or (setup.small_factor if size == "small" else 1)
    if dataset == "street":
        return WorldPairs(TRAIN_FIRST_SEED, STREETS if pairs is None else pairs, size_HW, pooled, varied=0.5)
    if root is None and dataset != "rooms":
        raise InputError(f"{dataset}: expected the folder of the dataset, got none; give --root")
    return DatasetPairs(dataset, root, split, size_HW, pooled).some(pairs)
