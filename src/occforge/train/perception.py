"""Training of perception networks: from pairs to losses, and to a file that holds all that is needed to use one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.tensors import load_state, load_tensors
from occforge.data.pairs import PairCache
from occforge.data.shards import reading_order
from occforge.perception.network import Hints, PerceptionNetwork, build_network
from occforge.perception.weights import load_network, save_network
from occforge.train.augment import Augmentation, estimated, noisy
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import draws


@dataclass(frozen=True)
class PerceptionOptions:
    """How pairs are changed before they are learned from.

    `noisy` and `estimated` are the shares of pictures shown as a diffusion sees them on its way, and as its estimate of
    the clean picture (METHOD: perception reads estimates); the rest is clean.
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    noisy: float = 0.0
    estimated: float = 0.0


class PerceptionTask:
    """A perception network: its own losses on augmented pairs."""

    def __init__(self, network: PerceptionNetwork, pairs: PairCache, options: PerceptionOptions) -> None:
        self.network, self.pairs, self.options = network, pairs, options
        self.module: nn.Module = network

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`. The terms pool over this process's slots, as batch norms do."""
        device = next(self.network.parameters()).device
        images, cameras, targets, levels = [], [], [], []
        for slot, index in zip(slots, reading_order(len(self.pairs), step, slots, batch, seed), strict=True):
            rng = draws(seed, step, slot)
            pair = self.options.augmentation(self.pairs[index], self.pairs.source.grid, rng.numpy)
            image_3HW = image_tensor(pair.image_HW3)
            level, kind = float(rng.numpy.random()), rng.numpy.random()
            if kind < self.options.noisy:
                image_3HW = noisy(image_3HW, level, rng.torch)
            elif kind < self.options.noisy + self.options.estimated:
                image_3HW = estimated(image_3HW, level, rng.torch)
            else:
                level = 0.0
            images.append(image_3HW)
            cameras.append(pair.camera)
            targets.append(torch.from_numpy(pair.labels_XYZ))
            levels.append(level)
        camera_batch = CameraBatch.stack(cameras).to(device)
        hints = Hints(noise_level_B=torch.tensor(levels, device=device))
        prediction = self.network(torch.stack(images).to(device), camera_batch, hints)
        terms = self.network.loss(prediction, torch.stack(targets).to(device), camera_batch)
        return torch.stack(list(terms.values())).sum().expand(len(slots))


def image_tensor(image_HW3: np.ndarray) -> Tensor:
    """RGB uint8 (H, W, 3) to float (3, H, W) in 0-1."""
    return torch.from_numpy(np.ascontiguousarray(image_HW3)).permute(2, 0, 1).float() / 255.0


def train_perception(
    name: str,
    config: Any,
    pairs: PairCache,
    options: PerceptionOptions,
    loop: LoopConfig,
    out: Path,
    start: Path | None = None,
) -> Path:
    """Train network `name` on `pairs` and return the path of the usable file, `out`/NAME.safetensors.

    `start` is a trained file whose weights are the first ones instead of random numbers; raises `InputError` unless it
    is of the same network, voxels and classes. Continues where a stopped run of the same configuration was.
    `out`/cpu.jsonl has the CPU seconds of every step.
    """
    torch.manual_seed(loop.seed)
    source = pairs.source
    network = build_network(name, config, source.grid, source.taxonomy)
    if start is not None:
        start_from(network, name, start)
    made_from = {
        "network": name,
        "config": asdict(config),
        "source": source.identity,
        "pairs": len(source),
        "options": asdict(options),
    }
    if start is not None:
        made_from["start"] = hashlib.sha256(start.read_bytes()).hexdigest()
    with Timed(PerceptionTask(network, pairs, options), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)))
    network.to("cpu")
    load_state(network, load_tensors(final)[0], final)
    path = out / f"{name.rpartition('.')[2]}.safetensors"
    size_HW = pairs[0].camera.size_HW
    save_network(network, name, config, size_HW, path, {"source": source.identity, "steps": loop.steps})
    return path


def start_from(network: PerceptionNetwork, name: str, path: Path) -> None:
    """Give `network` the weights of a trained file; the grids of the two may lie at different places."""
    trained = load_network(path)

    def described(known_as: str, of: PerceptionNetwork) -> dict[str, str]:
        voxels = f"{of.grid.shape_XYZ} voxels of {of.grid.voxel_m} m"
        return {"network": known_as, "grid": voxels, "classes": ", ".join(of.taxonomy.names)}

    expected, found = described(name, network), described(trained.name, trained.network)
    for what, value in expected.items():
        if found[what] != value:
            raise InputError(
                f"--start {path}: expected {what} {value}, got {found[what]}; train with the settings of that file, or "
                "leave the flag out"
            )
    load_state(network, trained.network.state_dict(), path)
