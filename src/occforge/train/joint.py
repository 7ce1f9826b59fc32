"""Stage II of OccScene (Algorithm 1): the generator and a perception network are trained together.

Perception reads the picture on its way, what it reads conditions the generator, and both losses are one (Eq. 1):
L_LDM + sqrt(alpha_bar_t) L_p. The generator sees what it will see when it draws (`pipelines.text_to_pictures.imagine`):
rays cast through the likeliest classes. They carry no gradient, so that of soft rays stands in for it.
Shape legend: B batch, N frames, C H W pictures in -1 to 1, K classes, X Y Z voxels.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera
from occforge.core.errors import InputError, check_shares
from occforge.core.files import file_digest
from occforge.core.grid import Scene, check_one_world
from occforge.core.tensors import load_state, load_tensors
from occforge.data.views import ViewCache
from occforge.latent.generator import kept_where, maps_of_rays, shares_of
from occforge.latent.objective import held_to_less
from occforge.latent.painting_config import Reads
from occforge.latent.sample import as_read
from occforge.latent.weights import AnyGenerator, load_generator, save_generator
from occforge.perception.network import Hints, PerceptionNetwork, Prediction
from occforge.perception.weights import load_network, save_network
from occforge.render.raycast import rays_of
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.painting import DrawnBatch, PaintingOptions, drawn_batch


@dataclass(frozen=True)
class JointOptions:
    """How the two meet.

    `reads`: the noisy picture y_t, or the generator's estimate of the clean one, made without occupancy and without
    gradient first. Paper: the noisy one. Here: the estimate. Because: it is what is read when pictures are drawn
    (`PaintingConfig.reads`; draw with what was trained with). `attached`: L_LDM reaches perception through what the
    cameras see of its occupancy; else each network learns from its own loss alone. `frozen`: parts of the generator
    that keep their weights beside those of a Stable Diffusion, whose base always does. Paper: the base UNet. Here:
    none by default. Because: the small generator has no pretrained base.

    `read_below`: up to which noise level, 1 at the start, the generator is shown what was read; above it is shown the
    true occupancy, as in stage I. Paper: what was read, always. Here: as when pictures are drawn, where nothing is read
    above `PaintingConfig.perceive_below`. Because: from what is read in noise a generator learns to trust no occupancy.
    `clean`: share of pictures that perception reads without noise. Paper: none. Because: what it had learned of clean
    pictures was lost (docs/lab, 2026-11-23, both, and a stage II that loses nothing).
    """

    reads: Reads = "estimate"
    attached: bool = True
    frozen: tuple[Literal["painter", "encoding", "words"], ...] = ()
    read_below: float = 0.5
    clean: float = 0.6
    painting: PaintingOptions = field(default_factory=PaintingOptions)

    def __post_init__(self) -> None:
        check_shares("--options.", read_below=self.read_below, clean=self.clean)


class JointTask:
    """Both networks: Eq. 1 on pictures whose occupancy perception reads, at `read_HW` or as they are painted."""

    def __init__(
        self,
        generator: AnyGenerator,
        perception: PerceptionNetwork,
        views: ViewCache,
        options: JointOptions,
        read_HW: tuple[int, int] | None = None,
    ) -> None:
        check_one_world(
            "joint training", picture_generator=generator, perception_network=perception, views=views.source.pairs
        )
        self.generator, self.perception, self.views, self.options = generator, perception, views, options
        self.read_HW = read_HW or generator.config.size_HW
        for part in options.frozen:
            if not isinstance(getattr(generator, part, None), nn.Module):
                raise InputError(f"--options.frozen: this generator has no {part} of its own; leave it out")
            getattr(generator, part).requires_grad_(False)
        self.module: nn.Module = nn.ModuleDict({"generator": generator, "perception": perception})

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        generator, diffusion = self.generator, self.generator.config.diffusion
        drawn = drawn_batch(generator, self.views, self.options.painting, step, slots, batch, seed)
        keep_statistics(self.perception)
        clean_B = torch.tensor([share_drawn(seed, step, slot) < self.options.clean for slot in slots])
        t_B = torch.where(clean_B, 0, drawn.t_B)
        y_BNCHW = torch.where(as_wide(clean_B, drawn.y_0), drawn.y_0, drawn.y_t)
        prediction = self.read(y_BNCHW, t_B, drawn.words_BLE, drawn.cameras)
        level_B = (1.0 - diffusion.alpha_bar_T[drawn.t_B]).sqrt()
        read_B = (level_B <= self.options.read_below) & drawn.given_B.cpu()
        share_BKXYZ, maps_BNMHW = self.shown(prediction.logits_BKXYZ, drawn, read_B)
        seen = kept_where(generator.see(share_BKXYZ, drawn.cameras, maps_BNMHW), drawn.given_B)
        output = generator.paint(drawn.y_t, drawn.t_B, drawn.words_BLE, drawn.cameras, seen)
        reconstruction_B = diffusion.reconstruction_loss_B(output, drawn.y_0, drawn.noise, drawn.t_B)
        held = prediction.mapped(partial(held_to_less, alpha_bar_B=diffusion.alpha_bar_T[t_B]))
        terms = self.perception.loss(held, drawn.labels_BXYZ, self.key_cameras(drawn.cameras, drawn.y_0.shape[1]))
        return reconstruction_B + torch.stack(list(terms.values())).sum()

    def read(self, y_BNCHW: Tensor, t_B: Tensor, words_BLE: Tensor, cameras: CameraBatch) -> Prediction:
        """What perception makes of the key frames, the first of each path."""
        generator, diffusion = self.generator, self.generator.config.diffusion
        level_B = (1.0 - diffusion.alpha_bar_T[t_B]).sqrt().to(y_BNCHW)
        if self.options.reads == "estimate":
            with torch.no_grad():
                nothing = generator.nothing_seen(*y_BNCHW.shape[:2])
                output = generator.paint(y_BNCHW, t_B, words_BLE, cameras, nothing)
                y_BNCHW = diffusion.clean(output, y_BNCHW, t_B)
        image_B3HW = as_read(generator.decode(y_BNCHW[:, :1])[:, 0], self.options.reads, self.read_HW)
        return self.perception(image_B3HW, self.key_cameras(cameras, y_BNCHW.shape[1]), Hints(noise_level_B=level_B))

    def key_cameras(self, cameras: CameraBatch, frames: int) -> CameraBatch:
        """The first of each `frames` cameras, as perception reads its picture."""
        return CameraBatch(cameras.K_B33[::frames], cameras.camera_from_grid_B44[::frames], cameras.size_HW).resized(
            self.read_HW
        )

    def shown(self, logits_BKXYZ: Tensor, drawn: DrawnBatch, read_B: Tensor) -> tuple[Tensor, Tensor]:
        """Class shares and a ray caster's maps: of what was read where `read_B` says so, else of the true occupancy.

        Attached, the maps of what was read have the gradient of what soft rays see of its shares.
        """
        generator, classes = self.generator, self.generator.taxonomy.class_count
        share_BKXYZ = shares_of(drawn.labels_BXYZ, classes)
        maps_BNMHW = torch.stack([maps_of_rays(rays, classes) for rays in drawn.rays]).to(share_BKXYZ)
        read_R = read_B.nonzero().flatten()
        if not len(read_R):
            return share_BKXYZ, maps_BNMHW
        paths = [drawn.paths[b] for b in read_R.tolist()]
        read_R = read_R.to(share_BKXYZ.device)
        share_RKXYZ = logits_BKXYZ[read_R].float().softmax(1)
        maps_RNMHW = self.cast(share_RKXYZ, paths)
        if self.options.attached:
            cameras = CameraBatch.stack([camera for path in paths for camera in path]).to(share_BKXYZ.device)
            soft_RNMHW = generator.soft_maps(share_RKXYZ, cameras).to(maps_RNMHW)
            near = F.interpolate(soft_RNMHW.flatten(0, 1), tuple(maps_RNMHW.shape[3:]), mode="nearest-exact")
            maps_RNMHW = maps_RNMHW + straight_through(near.unflatten(0, maps_RNMHW.shape[:2]))
        else:
            share_RKXYZ = share_RKXYZ.detach()
        return share_BKXYZ.index_copy(0, read_R, share_RKXYZ), maps_BNMHW.index_copy(0, read_R, maps_RNMHW)

    def cast(self, share_BKXYZ: Tensor, paths: Sequence[tuple[Camera, ...]]) -> Tensor:
        """Maps (B, N, M, H, W) of rays through the likeliest classes of each scene, from the cameras of its path."""
        generator = self.generator
        label_BXYZ = share_BKXYZ.argmax(1).to("cpu", torch.uint8).numpy()
        cast = [
            rays_of(Scene(labels_XYZ, generator.grid, generator.taxonomy), path)
            for labels_XYZ, path in zip(label_BXYZ, paths, strict=True)
        ]
        return torch.stack([maps_of_rays(rays, generator.taxonomy.class_count) for rays in cast]).to(share_BKXYZ)


def keep_statistics(network: nn.Module) -> None:
    """Batch norms go on with the statistics they have: a few noisy pictures would spoil them for clean ones."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.eval()


def share_drawn(seed: int, step: int, slot: int) -> float:
    """A number of 0 to 1 for a slot of a step, independent of all others that are drawn for it."""
    return float(np.random.default_rng((seed, step, slot, 29)).random())


def as_wide(value_B: Tensor, like: Tensor) -> Tensor:
    """(B,) with as many axes as `like`, where it lies."""
    return value_B.to(like.device).view(-1, *[1] * (like.dim() - 1))


def straight_through(value: Tensor) -> Tensor:
    """Zero, with the gradient of `value` (Bengio et al. 2013): added to something, it lends it a gradient."""
    return value - value.detach()


def train_joint(
    generator_path: Path,
    perception_path: Path,
    views: ViewCache,
    options: JointOptions,
    loop: LoopConfig,
    out: Path,
    folder: Path | None = None,
    workers: int = 1,
) -> tuple[Path, Path]:
    """Train both from given weights; returns the usable files `out`/pictures.safetensors and `out`/NAME.safetensors.

    `folder` is the Stable Diffusion that a generator of that kind builds on. Continues where a stopped run of the same
    configuration was. `out`/cpu.jsonl has the CPU seconds of every step.
    """
    torch.manual_seed(loop.seed)
    generator, trained = load_generator(generator_path, folder).train(), load_network(perception_path)
    network = trained.network.train()
    if views.source.pairs.size_HW != generator.config.size_HW:
        raise InputError(
            f"joint training: the generator paints {generator.config.size_HW}, the views are "
            f"{views.source.pairs.size_HW}; give --image {' '.join(map(str, generator.config.size_HW))}"
        )
    made_from: dict[str, object] = {
        "generator": file_digest(generator_path),
        "perception": file_digest(perception_path),
        "source": views.source.identity,
        "views": len(views),
        "options": asdict(options),
    }
    if folder is not None:
        made_from["folder"] = str(folder.resolve())
    task = JointTask(generator, network, views, options, trained.size_HW)
    with Timed(task, out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)), partial(views.fill, workers))
    task.module.to("cpu")
    load_state(task.module, load_tensors(final)[0], final)
    pictures, perceived = out / "pictures.safetensors", out / f"{trained.name.rpartition('.')[2]}.safetensors"
    said = {"source": views.source.identity, "steps": loop.steps}
    save_generator(generator, pictures, said)
    save_network(network, trained.name, network.config, trained.size_HW, perceived, said)
    return pictures, perceived
