"""Training of a readout: what few frames of another place teach a trained MonoScene, which stays as it is.

Everything that the perceptrons are told of a voxel is computed once and kept in memory; then a step takes milliseconds.
What training scenes have at a voxel is told without the scenes of the frame's own place, as it will be on a place that
no frame is from. Shape legend: F features, K classes, M voxels of all frames, N voxels of a grid.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.files import file_digest
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.core.tensors import load_state, load_tensors
from occforge.data.pairs import PairCache
from occforge.metrics.occupancy import MeanScene
from occforge.perception._image_encoder import open_efficientnet
from occforge.perception._readout import Readout, ReadoutConfig
from occforge.perception.monoscene import MonoScene, build
from occforge.perception.network import Hints
from occforge.perception.weights import load_network, save_network
from occforge.train.loop import LoopConfig, train
from occforge.train.perception import image_tensor, start_from
from occforge.train.tasks import draws

MOST_VOXELS = 16384
"""Known voxels of a frame that are kept at most, drawn evenly."""
LEAST_SPREAD = 0.05
"""Inputs that hardly vary are not blown up: what half precision loses of them would be."""
RARITY = 0.25
"""Classes weigh by their frequency to the power of minus this."""


class ReadoutTask:
    """The perceptrons of a readout, on `voxels` voxels a slot: as many for each question."""

    def __init__(self, readout: Readout, input_MF: Tensor, label_M: Tensor, voxels: int = 512) -> None:
        self.readout, self.input_MF, self.label_M, self.voxels = readout, input_MF, label_M, voxels
        self.module: nn.Module = nn.ModuleList([readout.occupied, readout.kind])
        self.there_O = (label_M != EMPTY).nonzero()[:, 0]
        if not len(self.there_O):
            raise InputError("readout: expected frames with occupied voxels, got none; give other frames")
        count_K = torch.bincount(label_M[self.there_O].long(), minlength=readout.classes).double() + 1.0
        self.weight_K = (count_K / count_K.sum()).pow(-RARITY).float()

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        terms = []
        for slot in slots:
            generator = draws(seed, step, slot).torch
            any_V = torch.randint(len(self.label_M), (self.voxels,), generator=generator)
            there_V = self.there_O[torch.randint(len(self.there_O), (self.voxels,), generator=generator)]
            occupied_V = self.readout.is_there(self.input_MF[any_V, : self.readout.plain].float())
            kind_VK = self.readout.what_is_there(self.input_MF[there_V].float())
            there = (self.label_M[any_V] != EMPTY).float()
            is_there = F.binary_cross_entropy_with_logits(occupied_V, there)
            terms.append(is_there + F.cross_entropy(kind_VK, self.label_M[there_V].long() - 1, self.weight_K[1:]))
        return torch.stack(terms)


def told(network: MonoScene, pairs: PairCache) -> tuple[Tensor, Tensor]:
    """Inputs (M, F) in half precision and labels (M,) of known voxels of all pairs.

    Leaves in the readout the prior of all pairs and which voxels they know. Where all are of one place, the prior says
    nothing: what it is worth elsewhere cannot be learned. Raises `InputError` if no voxel is known.
    """
    readout = network.readout
    assert readout is not None
    everywhere = MeanScene(pairs.source.grid, pairs.source.taxonomy)
    of_place: dict[str, list[int]] = {}
    for index in range(len(pairs)):
        everywhere.add(pairs[index].labels_XYZ)
        of_place.setdefault(pairs.source.place(index), []).append(index)
    inputs, labels = [], []
    bar = tqdm(total=len(pairs), desc="what is told of voxels")
    for indices in of_place.values():
        own = MeanScene(pairs.source.grid, pairs.source.taxonomy)
        for index in indices:
            own.add(pairs[index].labels_XYZ)
        readout.prior.count(torch.from_numpy(everywhere.counts_XYZK - own.counts_XYZK))
        for index in indices:
            pair = pairs[index]
            label_N = torch.from_numpy(pair.labels_XYZ).flatten()
            known_M = (label_N != UNKNOWN).nonzero()[:, 0]
            if len(known_M) > MOST_VOXELS:
                order = torch.randperm(len(known_M), generator=torch.Generator().manual_seed(index))
                known_M = known_M[order[:MOST_VOXELS]]
            inputs.append(inputs_of(network, image_tensor(pair.image_HW3), CameraBatch.stack([pair.camera]), known_M))
            labels.append(label_N[known_M])
            bar.update()
    bar.close()
    if len(of_place) > 1:
        readout.prior.count(torch.from_numpy(everywhere.counts_XYZK))
    readout.taught_N.copy_(torch.from_numpy(everywhere.counts_XYZK.any(-1).ravel()))
    input_MF, label_M = torch.cat(inputs), torch.cat(labels)
    if not len(label_M):
        raise InputError("readout: expected frames with known voxels, got none; give other frames")
    return input_MF, label_M


@torch.no_grad()
def inputs_of(network: MonoScene, image_3HW: Tensor, camera: CameraBatch, voxel_M: Tensor) -> Tensor:
    """What the readout is told of some voxels of a picture (M, F), in half precision."""
    readout = network.readout
    assert readout is not None
    said_1FN = network.said(network.volumes(image_3HW[None], camera, Hints()), camera)
    return readout.inputs(said_1FN, image_3HW[None], camera)[0, :, voxel_M].T.half()


@dataclass(frozen=True)
class ToldFrames:
    """A trained MonoScene with a readout yet to learn, and what that is told of voxels of its training frames."""

    network: MonoScene
    input_MF: Tensor
    label_M: Tensor
    size_HW: tuple[int, int]
    made_from: dict[str, object]


def tell_frames(
    start: Path, pairs: PairCache, eyes: Path | None = None, units: int = 64, workers: int = 1
) -> ToldFrames:
    """What a readout of the MonoScene in `start` learns from; `train_readout` may use it with several seeds.

    `eyes`: a folder of transformers' EfficientNet whose features the classes are read from, too. Raises `InputError`
    where `start` is no MonoScene of the pairs' voxels and classes.
    """
    base, source = load_network(start), pairs.source
    if not isinstance(base.network, MonoScene):
        raise InputError(f"--start {start}: expected a trained monoscene to read again, got {base.name}; give another")
    seen = None if eyes is None else open_efficientnet(eyes)
    readout = ReadoutConfig(units) if seen is None else ReadoutConfig(units, eyes=seen.size)
    config = replace(base.network.config, readout=readout)
    network = build(config, source.grid, source.taxonomy)
    start_from(network, "monoscene", start)
    network.eval()
    assert network.readout is not None
    if seen is not None and network.readout.eyes is not None:
        network.readout.eyes.load_state_dict(seen.tensors)
    pairs.fill(workers)
    input_MF, label_M = told(network, pairs)
    spread_F, mean_F = torch.std_mean(input_MF.float(), 0)
    network.readout.mean_F.copy_(mean_F)
    network.readout.spread_F.copy_(spread_F.clamp(min=LEAST_SPREAD))
    made_from = {"config": asdict(config), "source": source.identity, "pairs": len(source), "start": file_digest(start)}
    if eyes is not None:
        made_from["eyes"] = file_digest(eyes / "model.safetensors")
    return ToldFrames(network, input_MF, label_M, base.size_HW, json.loads(json.dumps(made_from)))


def train_readout(frames: ToldFrames, loop: LoopConfig, out: Path) -> Path:
    """Train a readout from fresh weights of the loop's seed; the whole network is `out`/monoscene.safetensors.

    Continues where a stopped run of the same configuration was.
    """
    network = frames.network
    assert network.readout is not None
    torch.manual_seed(loop.seed)
    network.readout.forget()
    task = ReadoutTask(network.readout, frames.input_MF, frames.label_M)
    final = train(task, loop, out, frames.made_from)
    load_state(task.module, load_tensors(final)[0], final)
    path = out / "monoscene.safetensors"
    made_from = {"source": frames.made_from["source"], "steps": loop.steps}
    save_network(network, "monoscene", network.config, frames.size_HW, path, made_from)
    return path
