"""Algorithm 2 of OccScene: pictures and occupancy denoised together, by any of diffusers' samplers.

At every k-th step a perception network reads what the picture looks like so far, and what it reads conditions the
steps that follow. Shape legend: B batch, N frames, C H W picture or latent, M maps, O D H W volume, L words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.reprojection import frame_before
from occforge.latent.objective import Diffusion
from occforge.latent.painting_config import PaintingConfig, Reads, Sampler


def as_read(picture_BCHW: Tensor, reads: Reads, size_HW: tuple[int, int]) -> Tensor:
    """A decoded picture (-1 to 1) as perception reads it (0 to 1): at its size, an estimate clipped, noise as it is."""
    value_BCHW = 0.5 * (picture_BCHW + 1.0)
    if value_BCHW.shape[2:] != size_HW:
        value_BCHW = F.interpolate(value_BCHW.float(), size_HW, mode="bilinear", antialias=True)  # no bfloat16 there
    return value_BCHW.clamp(0.0, 1.0) if reads == "estimate" else value_BCHW


@dataclass(frozen=True)
class Seen:
    """What the cameras see of an occupancy: maps, and the volume of `camera_encoding.CameraEncoding`."""

    maps_BNMHW: Tensor
    volume_BNODHW: Tensor

    def nothing(self) -> "Seen":
        """As if no occupancy were known."""
        return Seen(torch.zeros_like(self.maps_BNMHW), torch.zeros_like(self.volume_BNODHW))


Paint = Callable[[Tensor, Tensor, Tensor, Seen], Tensor]
"""The generator: noisy pictures (B, N, C, H, W), their steps t (B,), words and what is seen, to its prediction."""
Perceive = Callable[[Tensor, Tensor], Seen]
"""Pictures so far and the noise level (B,) at which they are, or were estimated, to what the cameras see of the
occupancy perceived in them."""


def scheduler_of(sampler: Sampler, diffusion: Diffusion, steps: int) -> Any:
    """diffusers' scheduler for this diffusion, set to `steps`.

    DDIM is the first-order DPM-Solver++ (Lu et al. 2022, Sec. 5): diffusers' own DDIM steps from t to
    t - training steps // steps, which is not the next of its timesteps where those do not divide.
    """
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    if steps > diffusion.steps:
        raise InputError(f"--painting.steps: expected at most {diffusion.steps}, got {steps}")
    common = {
        "num_train_timesteps": diffusion.steps,
        "trained_betas": diffusion.beta_T.tolist(),
        "prediction_type": diffusion.prediction,
        "timestep_spacing": "trailing",
    }
    if sampler == "ddpm":
        scheduler: Any = DDPMScheduler(**common, clip_sample=False)
    elif sampler == "unipc":
        scheduler = UniPCMultistepScheduler(**common)
    else:
        order = 1 if sampler == "ddim" else 2
        scheduler = DPMSolverMultistepScheduler(
            **common, solver_order=order, algorithm_type="dpmsolver++", final_sigmas_type="zero"
        )
    scheduler.set_timesteps(steps)
    return scheduler


def normal(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """Noise of `shape` (B, ...), each scene's from its own generator: the same in every batch."""
    return torch.stack([torch.randn(tuple(shape[1:]), generator=g) for g in generators])


@torch.no_grad()
def sample(
    paint: Paint,
    diffusion: Diffusion,
    config: PaintingConfig,
    shape_BNCHW: tuple[int, int, int, int, int],
    words: tuple[Tensor, Tensor],
    seen: Seen,
    generators: Sequence[torch.Generator],
    perceive: Perceive | None = None,
    cameras: CameraBatch | None = None,
) -> tuple[Tensor, Seen]:
    """Pictures (B, N, C, H, W) and what was seen of their occupancy at the end.

    `words` are those asked for and those of an empty request, (B, L, E) each. `seen` conditions the first steps, and
    without `perceive` all of them: zeros, or an occupancy that is known. One generator a scene. Frames agree only
    if their `cameras` (B * N) are given.
    """
    scheduler = scheduler_of(config.sampler, diffusion, config.steps)
    y_t = normal(shape_BNCHW, generators)
    estimate: Tensor | None = None
    made_B = torch.ones(len(y_t))  # the noise level at which the estimate was made
    many, steps = shape_BNCHW[1] > 1, scheduler.timesteps.tolist()
    for i, t in enumerate(steps):
        t_B = torch.full((len(y_t),), int(t))
        level_B = (1.0 - diffusion.alpha_bar_T[t_B]).sqrt().float()
        due = config.perceive_every and (i % config.perceive_every == 0 or i == len(steps) - 1)
        if perceive is not None and due and float(level_B[0]) <= config.perceive_below:
            if config.reads == "noisy":
                seen = perceive(y_t, level_B)
            elif estimate is not None:
                seen = perceive(estimate, made_B)
        output = guided(paint, config, y_t, t_B, words, seen)
        estimate, made_B = diffusion.clean(output, y_t, t_B), level_B
        if many and cameras is not None and config.agreement and i < config.agree_until * len(steps):
            estimate = agreed(estimate, seen, cameras, config.agreement)
            output = diffusion.output_for(estimate, y_t, t_B)
        extra = {"generator": list(generators)} if config.sampler == "ddpm" else {}
        y_t = scheduler.step(output, t, y_t, **extra).prev_sample
    if perceive is not None and config.perceive_every:
        seen = perceive(y_t, torch.zeros(len(y_t)))
    return y_t, seen


def guided(
    paint: Paint, config: PaintingConfig, y_t: Tensor, t_B: Tensor, words: tuple[Tensor, Tensor], seen: Seen
) -> Tensor:
    """The prediction, and beyond it by how much words and occupancy each change it (Ho and Salimans 2021)."""
    told = [(words[0], seen)]
    excess = []
    if config.guidance != 1.0:
        told.append((words[1], seen))
        excess.append(config.guidance - 1.0)
    if config.occupancy_guidance != 1.0 and bool(seen.maps_BNMHW.any()):
        told.append((words[0], seen.nothing()))
        excess.append(config.occupancy_guidance - 1.0)
    all_words, all_seen = zip(*told, strict=True)
    maps = torch.cat([each.maps_BNMHW for each in all_seen])
    volumes = torch.cat([each.volume_BNODHW for each in all_seen])
    n = len(told)
    output, *without = paint(
        torch.cat([y_t] * n), torch.cat([t_B] * n), torch.cat(all_words), Seen(maps, volumes)
    ).chunk(n)
    return output + sum(w * (output - less) for w, less in zip(excess, without, strict=True))


def agreed(picture_BNCHW: Tensor, seen: Seen, cameras: CameraBatch, share: float) -> Tensor:
    """Frames one after the other with `share` of each point's colour from the frame before, where that shows it too.

    What is the same point follows from the inverse depths seen, the last channel of the maps; as long as nothing has
    been read, all counts as far away.
    """
    size_HW = tuple(picture_BNCHW.shape[-2:])
    inverse_BNHW = F.interpolate(seen.maps_BNMHW[:, :, -1], size_HW, mode="nearest-exact")
    before = frame_before(inverse_BNHW, cameras)
    frames = [picture_BNCHW[:, 0]]
    for i in range(picture_BNCHW.shape[1] - 1):
        weight_B1HW = share * before.same_BMHW[:, i, None].to(picture_BNCHW)
        frames.append(torch.lerp(picture_BNCHW[:, i + 1], before.brought(frames[-1], i), weight_B1HW))
    return torch.stack(frames, 1)
