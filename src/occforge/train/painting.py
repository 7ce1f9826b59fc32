"""Training of the small picture generator, stage I of OccScene: perception stays out, occupancy is true."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.tensors import load_state, load_tensors
from occforge.data.shards import reading_order
from occforge.data.views import ViewCache, Views
from occforge.discrete.text import request_BA
from occforge.latent.generator import GeneratorConfig, PictureGenerator, kept_where, maps_of_views
from occforge.latent.weights import save_generator
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import draws, told_request


@dataclass(frozen=True)
class PaintingOptions:
    """What a picture is told while it is learned from.

    Shares of pictures: without a request, with a random part of it, without occupancy, with the view of the fine
    voxels; the rest sees its occupancy as coarse as perception gives it.
    """

    request_dropout: float = 0.1
    request_partial: float = 0.3
    occupancy_dropout: float = 0.2
    fine: float = 0.4


class PaintingTask:
    """The generator: L_LDM of pictures whose occupancy is known (Eq. 1 without its second term)."""

    def __init__(self, generator: PictureGenerator, views: ViewCache, options: PaintingOptions) -> None:
        self.generator, self.views, self.options = generator, views, options
        self.module: nn.Module = generator

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        generator, diffusion = self.generator, self.generator.config.diffusion
        device = next(generator.parameters()).device
        rngs = [draws(seed, step, slot) for slot in slots]
        shown = [self.views[i] for i in reading_order(len(self.views), step, slots, batch, seed)]
        y_0 = torch.stack([pictures(v) for v in shown]).to(device)
        t_B = torch.tensor([int(r.numpy.integers(diffusion.steps)) for r in rngs])
        noise = torch.stack([torch.randn(y_0.shape[1:], generator=r.torch) for r in rngs]).to(device)
        y_t = diffusion.noised(y_0, noise, t_B)
        cameras = CameraBatch.stack([c for v in shown for c in v.cameras]).to(device)
        options = self.options
        told = [
            told_request(v.attributes, options.request_dropout, options.request_partial, r)
            for v, r in zip(shown, rngs, strict=True)
        ]
        request = request_BA(told).to(device)
        fine = [r.numpy.random() < options.fine for r in rngs]
        given = torch.tensor([r.numpy.random() >= options.occupancy_dropout for r in rngs], device=device)
        classes = generator.taxonomy.class_count
        semantic, depth = zip(*(view_of(v, f) for v, f in zip(shown, fine, strict=True)), strict=True)
        maps = maps_of_views(torch.stack(semantic).to(device), torch.stack(depth).to(device), classes)
        labels_BXYZ = torch.stack([torch.from_numpy(v.labels_XYZ) for v in shown]).to(device)
        share = F.one_hot(labels_BXYZ.long(), classes).movedim(-1, 1).to(y_0)
        seen = kept_where(generator.see(share, cameras, maps), given)
        output = generator.paint(y_t, t_B, generator.words(request), cameras, seen)
        return diffusion.reconstruction_loss_B(output, y_0, noise, t_B)


def pictures(shown: Views) -> Tensor:
    """Frames (N, 3, H, W) in -1 to 1."""
    return torch.from_numpy(shown.images_NHW3).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def view_of(shown: Views, fine: bool) -> tuple[Tensor, Tensor]:
    """Classes and depths (N, h, w) of the fine or of the coarse voxels."""
    if fine:
        return torch.from_numpy(shown.semantic_fine_Nhw), torch.from_numpy(shown.depth_fine_Nhw)
    return torch.from_numpy(shown.semantic_coarse_Nhw), torch.from_numpy(shown.depth_coarse_Nhw)


def train_painting(
    config: GeneratorConfig, views: ViewCache, options: PaintingOptions, loop: LoopConfig, out: Path
) -> Path:
    """Train the generator on `views` and return the path of the usable file, `out`/pictures.safetensors.

    Continues where a stopped run of the same configuration was. `out`/cpu.jsonl has the CPU seconds of every step.
    """
    torch.manual_seed(loop.seed)
    pairs = views.source.pairs
    generator = PictureGenerator(config, pairs.grid, pairs.taxonomy)
    made_from = {
        "config": asdict(config),
        "source": views.source.identity,
        "views": len(views),
        "options": asdict(options),
    }
    with Timed(PaintingTask(generator, views, options), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)))
    generator.to("cpu")
    load_state(generator, load_tensors(final)[0], final)
    path = out / "pictures.safetensors"
    save_generator(generator, path, {"source": views.source.identity, "steps": loop.steps})
    return path
