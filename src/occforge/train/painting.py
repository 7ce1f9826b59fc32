"""Training of a picture generator, stage I of OccScene: perception stays out, occupancy is true."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera
from occforge.core.errors import InputError, check_shares
from occforge.core.files import file_digest
from occforge.core.rays import Rays
from occforge.core.tensors import load_state, load_tensors
from occforge.data.shards import reading_order
from occforge.data.views import ViewCache
from occforge.discrete.text import request_BA
from occforge.latent.generator import kept_where, maps_of_rays, picture_tensor, shares_of
from occforge.latent.text import Asked
from occforge.latent.weights import AnyConfig, AnyGenerator, build_generator, load_generator, save_generator
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import draws, told_request
from occforge.world.captions import caption


@dataclass(frozen=True)
class PaintingOptions:
    """What a picture is told while it is learned from.

    Shares of pictures: without a request, with a random part of it, without occupancy, with the view of the fine
    voxels; the rest sees its occupancy as coarse as perception gives it.
    """

    request_dropout: float = 0.1
    request_partial: float = 0.3
    occupancy_dropout: float = 0.2
    fine: float = 0.6

    def __post_init__(self) -> None:
        check_shares("--options.", **asdict(self))


class PaintingTask:
    """The generator: L_LDM of pictures whose occupancy is known (Eq. 1 without its second term)."""

    def __init__(self, generator: AnyGenerator, views: ViewCache, options: PaintingOptions) -> None:
        self.generator, self.views, self.options = generator, views, options
        self.module: nn.Module = generator

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        generator, diffusion = self.generator, self.generator.config.diffusion
        drawn = drawn_batch(generator, self.views, self.options, step, slots, batch, seed)
        share = shares_of(drawn.labels_BXYZ, generator.taxonomy.class_count).to(drawn.y_0)
        maps_BNMHW = torch.stack([maps_of_rays(rays, generator.taxonomy.class_count) for rays in drawn.rays]).to(share)
        seen = kept_where(generator.see(share, drawn.cameras, maps_BNMHW), drawn.given_B)
        output = generator.paint(drawn.y_t, drawn.t_B, drawn.words_BLE, drawn.cameras, seen)
        return diffusion.reconstruction_loss_B(output, drawn.y_0, drawn.noise, drawn.t_B)


@dataclass(frozen=True)
class DrawnBatch:
    """Pictures at drawn steps of the diffusion, and all that is known of them.

    `given_B` says for which scenes the generator is told an occupancy; rays are those through the true one. `paths` are
    the cameras of each scene, `cameras` all of them.
    """

    y_0: Tensor
    y_t: Tensor
    noise: Tensor
    t_B: Tensor
    words_BLE: Tensor
    paths: tuple[tuple[Camera, ...], ...]
    cameras: CameraBatch
    labels_BXYZ: Tensor
    rays: tuple[Rays, ...]
    given_B: Tensor


def drawn_batch(
    generator: AnyGenerator,
    views: ViewCache,
    options: PaintingOptions,
    step: int,
    slots: Sequence[int],
    batch: int,
    seed: int,
) -> DrawnBatch:
    """The pictures of `slots` at a step: a function of its arguments alone."""
    diffusion, device = generator.config.diffusion, next(generator.parameters()).device
    rngs = [draws(seed, step, slot) for slot in slots]
    shown = [views[i] for i in reading_order(len(views), step, slots, batch, seed)]
    with torch.no_grad():
        y_0 = generator.encode(torch.stack([picture_tensor(v.images_NHW3) for v in shown]).to(device))
    t_B = torch.tensor([int(r.numpy.integers(diffusion.steps)) for r in rngs])
    noise = torch.stack([torch.randn(y_0.shape[1:], generator=r.torch) for r in rngs]).to(device)
    told = [
        told_request(v.attributes, options.request_dropout, options.request_partial, r)
        for v, r in zip(shown, rngs, strict=True)
    ]
    fine = [r.numpy.random() < options.fine for r in rngs]
    given_B = torch.tensor([r.numpy.random() >= options.occupancy_dropout for r in rngs], device=device)
    texts = tuple(
        caption(v.attributes, r.numpy)[0] if request else "" for v, request, r in zip(shown, told, rngs, strict=True)
    )
    return DrawnBatch(
        y_0,
        diffusion.noised(y_0, noise, t_B),
        noise,
        t_B,
        generator.told(Asked(texts, request_BA(told).to(device), cut=True)),
        tuple(v.cameras for v in shown),
        CameraBatch.stack([c for v in shown for c in v.cameras]).to(device),
        torch.stack([torch.from_numpy(v.labels_XYZ) for v in shown]).to(device),
        tuple(v.fine if exact else v.coarse for v, exact in zip(shown, fine, strict=True)),
        given_B,
    )


def train_painting(
    config: AnyConfig,
    views: ViewCache,
    options: PaintingOptions,
    loop: LoopConfig,
    out: Path,
    folder: Path | None = None,
    start: Path | None = None,
    workers: int = 1,
) -> Path:
    """Train the generator on `views` and return the path of the usable file, `out`/pictures.safetensors.

    `folder` is the Stable Diffusion that a generator of that kind builds on, `start` a trained generator of the same
    configuration whose weights to begin with. Continues where a stopped run of the same configuration was.
    `out`/cpu.jsonl has the CPU seconds of every step.
    """
    torch.manual_seed(loop.seed)
    pairs = views.source.pairs
    generator = build_generator(config, pairs.grid, pairs.taxonomy, folder)
    made_from = {
        "config": asdict(config),
        "source": views.source.identity,
        "views": len(views),
        "options": asdict(options),
    }
    if folder is not None:
        made_from["folder"] = str(folder.resolve())
    if start is not None:
        begun = load_generator(start, folder)
        if (begun.config, begun.grid, begun.taxonomy.names) != (config, pairs.grid, pairs.taxonomy.names):
            raise InputError(
                f"--start {start}: expected a generator of these settings, voxels and classes, got another; train with "
                "the settings of that file, or leave the flag out"
            )
        load_state(generator, begun.state_dict(), start)
        made_from["start"] = file_digest(start)
    with Timed(PaintingTask(generator, views, options), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)), partial(views.fill, workers))
    generator.to("cpu")
    load_state(generator, load_tensors(final)[0], final)
    path = out / "pictures.safetensors"
    save_generator(generator, path, {"source": views.source.identity, "steps": loop.steps})
    return path
