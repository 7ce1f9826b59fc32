"""Training of perception networks: from pairs to losses, and to a file that holds all that is needed to use one."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError, check_shares
from occforge.core.files import file_digest
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.data.pairs import PairCache
from occforge.data.shards import reading_order
from occforge.metrics.occupancy import MeanScene
from occforge.perception._image_encoder import RAY_CHANNELS, ImageEncoder, ImageEncoderConfig, open_efficientnet
from occforge.perception._prior import PlacePrior
from occforge.perception._sight import SightHead, SightReader
from occforge.perception.monoscene import Config, without_details
from occforge.perception.network import Hints, PerceptionNetwork, Shown, build_network
from occforge.perception.weights import load_network, save_network
from occforge.train.augment import Augmentation, estimated, noisy
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import draws

Frozen = Literal["nothing", "backbone", "reading"]


@dataclass(frozen=True)
class PerceptionOptions:
    """How pairs are changed before they are learned from.

    `noisy` and `estimated` are the shares of pictures shown as a diffusion sees them on its way, and as its estimate of
    the clean picture, which is what perception reads while pictures are drawn; the rest is clean. Networks that see
    details (`ImageEncoderConfig`) meet them as pictures of half the size, enlarged. `frozen`: parts that keep their
    weights and statistics: the image backbone, for pretrained ones and few frames, or all that reads lines of sight.
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    noisy: float = 0.0
    estimated: float = 0.0
    frozen: Frozen = "nothing"

    def __post_init__(self) -> None:
        check_shares("--options.", noisy=self.noisy, estimated=self.estimated)


@dataclass(frozen=True)
class Beginning:
    """What a network begins with.

    `weights`: a trained file of the same network, voxels and classes. `encoder`: a file whose image encoder alone is
    taken (`train_encoder`), or a folder of transformers' EfficientNet, which then is the network's backbone whatever
    the configuration says. `scenes`: pairs whose labels a prior of places counts; None for the training pairs.
    """

    weights: Path | None = None
    encoder: Path | None = None
    scenes: PairCache | None = None


class PerceptionTask:
    """A perception network, or the image encoder of one: its own losses on augmented pairs."""

    def __init__(self, network: PerceptionNetwork | SightReader, pairs: PairCache, options: PerceptionOptions) -> None:
        self.network, self.pairs, self.options = network, pairs, options
        self.module: nn.Module = network
        self.frozen = nn.ModuleList(frozen_parts(network, options.frozen)).requires_grad_(False)
        image = getattr(network, "image_encoder", None)
        self.halved = isinstance(image, ImageEncoder) and image.details is not None

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`. The terms pool over this process's slots, as batch norms do."""
        device = next(self.network.parameters()).device
        self.frozen.eval()  # after the loop's train()
        images, cameras, targets, levels, pairs = [], [], [], [], []
        for slot, index in zip(slots, reading_order(len(self.pairs), step, slots, batch, seed), strict=True):
            rng = draws(seed, step, slot)
            pair = self.options.augmentation(self.pairs[index], self.pairs.source.grid, rng.numpy)
            image_3HW = image_tensor(pair.image_HW3)
            level, kind = float(rng.numpy.random()), rng.numpy.random()
            if kind < self.options.noisy:
                image_3HW = self.painted(noisy, image_3HW, level, rng.torch)
            elif kind < self.options.noisy + self.options.estimated:
                image_3HW = self.painted(estimated, image_3HW, level, rng.torch)
            else:
                level = 0.0
            images.append(image_3HW)
            cameras.append(pair.camera)
            targets.append(torch.from_numpy(pair.labels_XYZ))
            levels.append(level)
            pairs.append(pair)
        camera_batch = CameraBatch.stack(cameras).to(device)
        depth_BHW_m = stacked([pair.depth_HW_m for pair in pairs], device)
        surface_BHW_m = stacked([pair.surface_HW_m for pair in pairs], device)
        class_BHW = stacked([pair.class_HW for pair in pairs], device)
        shown = None if surface_BHW_m is None or class_BHW is None else Shown(surface_BHW_m, class_BHW)
        if shown is None and isinstance(self.network, SightReader) and self.network.sight.config.taught == "pixels":
            raise InputError("image encoder: expected pairs that say what pixels show, got none; train it on streets")
        hints = Hints(depth_BHW_m, torch.tensor(levels, device=device))
        prediction = self.network(torch.stack(images).to(device), camera_batch, hints)
        terms = self.network.loss(prediction, torch.stack(targets).to(device), camera_batch, shown)
        return torch.stack(list(terms.values())).sum().expand(len(slots))

    def painted(
        self,
        change: Callable[[Tensor, float, torch.Generator], Tensor],
        image_3HW: Tensor,
        level: float,
        generator: torch.Generator,
    ) -> Tensor:
        """A changed picture, changed at the size at which a picture generator paints for this network."""
        if not self.halved:
            return change(image_3HW, level, generator)
        small_3HW = change(F.avg_pool2d(image_3HW, 2), level, generator)
        return F.interpolate(small_3HW[None], image_3HW.shape[1:], mode="bilinear")[0]


def frozen_parts(network: PerceptionNetwork | SightReader, which: Frozen) -> list[nn.Module]:
    """The parts of a network that `which` names; raises `InputError` where it reads no lines of sight.

    What is lifted beside the readings may learn all the same.
    """
    if which != "reading":
        return [backbone(network)] if which == "backbone" else []
    image, sight = getattr(network, "image_encoder", None), getattr(network, "sight", None)
    if not isinstance(image, ImageEncoder) or not isinstance(sight, SightHead):
        raise InputError("--options.frozen reading: this network reads no lines of sight; choose backbone or nothing")
    parts = [part for name, part in image.named_children() if name != "resize"]
    return [*parts, image.resize[f"{sight.config.scale}"], sight]


def stacked(maps: Sequence[np.ndarray | None], device: torch.device) -> Tensor | None:
    """One tensor of the maps of a batch; None if one of them is missing."""
    known = [torch.from_numpy(one) for one in maps if one is not None]
    return torch.stack(known).to(device) if len(known) == len(maps) else None


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
    beginning: Beginning = Beginning(),
    workers: int = 1,
) -> Path:
    """Train network `name` on `pairs` and return the path of the usable file, `out`/NAME.safetensors.

    Continues where a stopped run of the same configuration was; `out`/cpu.jsonl has the CPU seconds of every step.
    Raises `InputError` where what it shall begin with is of another network, voxels or classes.
    """
    torch.manual_seed(loop.seed)
    source = pairs.source
    pretrained = None
    if beginning.encoder is not None and beginning.encoder.is_dir():
        if not isinstance(getattr(config, "image", None), ImageEncoderConfig):
            raise InputError(f"--encoder {beginning.encoder}: network {name} has no such image encoder; leave it out")
        pretrained = open_efficientnet(beginning.encoder)
        config = without_details(config) if config.image.details else config
        config = replace(config, image=replace(config.image, backbone="efficientnet", efficientnet=pretrained.size))
    network = build_network(name, config, source.grid, source.taxonomy)
    prior, scenes = getattr(network, "prior", None), beginning.scenes or pairs
    if isinstance(prior, PlacePrior):
        prior.count(class_counts_XYZK(scenes))
    if pretrained is not None:
        backbone(network).load_state_dict(pretrained.tensors)
    if beginning.weights is not None:
        start_from(network, name, beginning.weights, other_encoder=beginning.encoder is not None)
    if beginning.encoder is not None and pretrained is None:
        start_encoder(network, beginning.encoder)
    made_from = {
        "network": name,
        "config": asdict(config),
        "source": source.identity,
        "pairs": len(source),
        "options": asdict(options),
    }
    for what, given in (("start", beginning.weights), ("encoder", beginning.encoder)):
        if given is not None:
            made_from[what] = file_digest(given / "model.safetensors" if given.is_dir() else given)
    if prior is not None:
        made_from["prior"] = scenes.source.identity
    with Timed(PerceptionTask(network, pairs, options), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)), partial(pairs.fill, workers))
    network.to("cpu")
    load_state(network, load_tensors(final)[0], final)
    path = out / f"{name.rpartition('.')[2]}.safetensors"
    size_HW = pairs[0].camera.size_HW
    save_network(network, name, config, size_HW, path, {"source": source.identity, "steps": loop.steps})
    return path


def start_from(network: PerceptionNetwork, name: str, path: Path, other_encoder: bool = False) -> None:
    """Give `network` the weights of a trained file; the grids of the two may lie at different places.

    With `other_encoder` the file's image encoder may be another: what it lacks stays as it is in `network`.
    """
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
    fresh = network.state_dict()
    later = ("prior.", "told.", "readout.")
    added = {k: v for k, v in fresh.items() if k.startswith(later) or ".refine." in k}
    kept = {k: v for k, v in fresh.items() if k == "prior.log_share_KXYZ"}  # never those of the start's scenes
    weights = {k: v for k, v in trained.network.state_dict().items() if not k.startswith("readout.")}
    if "told.weight" in fresh and "told.weight" in weights:
        weights["told.weight"] = with_inputs(weights["told.weight"], fresh["told.weight"].shape[1])
    if other_encoder:
        image = {k for k in fresh.keys() | weights.keys() if k.startswith("image_")}
        fits = {k for k in image if k in fresh and k in weights and fresh[k].shape == weights[k].shape}
        weights = {k: v for k, v in weights.items() if k not in image - fits}
        added |= {k: fresh[k] for k in image & fresh.keys()}
    load_state(network, added | weights | kept, path)


def backbone(network: PerceptionNetwork | SightReader) -> nn.Module:
    """The image backbone of a network, which all may begin with and none has to learn."""
    image = network.image_stages if hasattr(network, "image_stages") else network.image_encoder
    encoder: nn.Module = image.encoder  # type: ignore[union-attr, assignment]
    return encoder


def class_counts_XYZK(pairs: PairCache) -> Tensor:
    """How often each class lies at each voxel over all pairs."""
    counted = MeanScene(pairs.source.grid, pairs.source.taxonomy)
    for index in range(len(pairs)):
        counted.add(pairs[index].labels_XYZ)
    return torch.from_numpy(counted.counts_XYZK)


def encoder_task(
    config: Config, pairs: PairCache, options: PerceptionOptions, start: Path | None = None
) -> PerceptionTask:
    """MonoScene's image encoder and what it learns from; its weights are fresh, or those of a file."""
    image, source = replace(config.image, scales=(config.sight.scale,)), pairs.source
    reader = SightReader(image, config.sight, source.grid, source.taxonomy)
    if start is not None:
        start_encoder(reader, start)
    return PerceptionTask(reader, pairs, options)


def train_encoder(
    config: Config,
    pairs: PairCache,
    options: PerceptionOptions,
    loop: LoopConfig,
    out: Path,
    start: Path | None = None,
    workers: int = 1,
) -> Path:
    """Train MonoScene's image encoder alone to read where lines of sight end; the file is `out`/encoder.safetensors.

    A third of a whole network's time a picture, and what the papers have pretraining on ImageNet for: all small
    networks share the backbone. Begins with the image encoder of `start`, an encoder's file or a network's. Continues
    where a stopped run of the same configuration was.
    """
    torch.manual_seed(loop.seed)
    source = pairs.source
    made_from = {
        "config": asdict(config),
        "source": source.identity,
        "pairs": len(source),
        "options": asdict(options),
    }
    if start is not None:
        made_from["start"] = file_digest(start)
    with Timed(encoder_task(config, pairs, options, start), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)), partial(pairs.fill, workers))
    tensors, metadata = load_tensors(final)
    path = out / "encoder.safetensors"
    save_tensors(path, {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}, metadata)
    return path


def start_encoder(network: PerceptionNetwork | SightReader, path: Path) -> None:
    """Give `network` the image encoder of a file: its backbone, and what else there has the same name and shape.

    Where only one of the two sees details or is told rays, it begins, or goes on, without them. Raises `InputError`
    if the file has no backbone of the network's kind and widths.
    """
    tensors, _ = load_tensors(path)
    own = network.state_dict()
    within = "image_stages.encoder." if hasattr(network, "image_stages") else "image_encoder.encoder."
    kept = {}
    for name, tensor in tensors.items():
        name = re.sub(r"^image_(encoder|stages)\.encoder\.", within, name)
        if name == f"{within}stages.0.0.conv.weight" and name in own:
            tensor = with_inputs(tensor, own[name].shape[1])
        if re.fullmatch(r"image_encoder\.up\.\d+\.net\.0\.weight", name) and name in own:
            inputs = own[name].shape[1]
            if abs(inputs - tensor.shape[1]) == RAY_CHANNELS:  # one of the two is not told rays
                tensor = with_inputs(tensor, inputs)
        if name.startswith(("image_", "sight.")) and name in own and own[name].shape == tensor.shape:
            kept[name] = tensor.to(own[name].dtype)
    missing = [name for name in own if name.startswith(within) and name not in kept]
    if missing:
        raise InputError(
            f"--encoder {path}: expected the network's backbone, but {missing[0]} is missing or of another shape; give "
            "a file of `occforge train street.encoder`, or leave the flag out"
        )
    load_state(network, own | kept, path)


def with_inputs(weight_OI: Tensor, inputs: int) -> Tensor:
    """A convolution's weights (O, I, ...) with the first `inputs` of its inputs; zeros for those it does not have."""
    missing = max(0, inputs - weight_OI.shape[1])
    return F.pad(weight_OI, (*(0, 0) * (weight_OI.ndim - 2), 0, missing))[:, :inputs].contiguous()
