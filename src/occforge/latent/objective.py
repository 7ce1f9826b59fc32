"""The diffusion of pictures in closed form, what its network predicts, and the joint objective of OccScene.

Names of predictions are those of diffusers' schedulers. Shape legend: B batch, T steps; pictures or latents are
(B, ...). Source: DDPM (Ho et al. 2020); velocity: Salimans and Ho 2022; OccScene, Eq. 1.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "sample", "v_prediction"]
LEAST_NOISE = 0.3
"""Noise levels below it weigh a clean-picture loss as this one does: the velocity is 0 / 0 at none, and a network that
says pictures spends most of a small budget on copying them where there is hardly any noise (docs/lab)."""


@dataclass(frozen=True)
class Diffusion:
    """q(y_t given y_0) = N(sqrt(alpha_bar_t) y_0, 1 - alpha_bar_t), and what the network says about y_t.

    `schedule`: "cosine" (Nichol and Dhariwal 2021), or "scaled_linear", that of Stable Diffusion 1.
    """

    steps: int = 1000
    schedule: Literal["cosine", "scaled_linear"] = "cosine"
    prediction: PredictionType = "sample"

    @cached_property
    def beta_T(self) -> Tensor:
        """Variance that each step adds, float64."""
        if self.schedule == "scaled_linear":
            return torch.linspace(0.00085**0.5, 0.012**0.5, self.steps, dtype=torch.float64) ** 2
        u = torch.arange(self.steps + 1, dtype=torch.float64) / self.steps
        alpha_bar = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1.0 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)

    @cached_property
    def alpha_bar_T(self) -> Tensor:
        """Share of the variance that is still the picture's, float64."""
        return torch.cumprod(1.0 - self.beta_T, 0)

    def alpha_bar(self, t_B: Tensor, like: Tensor) -> Tensor:
        """alpha_bar of steps 0 .. T-1 as (B, 1, ...) of `like`'s type, for products with it."""
        value_B = self.alpha_bar_T[t_B.cpu()].to(like)
        return value_B.view(-1, *[1] * (like.ndim - 1))

    def noised(self, y_0: Tensor, noise: Tensor, t_B: Tensor) -> Tensor:
        """y_t, drawn in one step with the given noise."""
        alpha_bar = self.alpha_bar(t_B, y_0)
        return alpha_bar.sqrt() * y_0 + (1.0 - alpha_bar).sqrt() * noise

    def target(self, y_0: Tensor, noise: Tensor, t_B: Tensor) -> Tensor:
        """What the network ought to say: the noise, the picture, or the velocity sqrt(a) noise - sqrt(1 - a) y_0."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return y_0
        alpha_bar = self.alpha_bar(t_B, y_0)
        return alpha_bar.sqrt() * noise - (1.0 - alpha_bar).sqrt() * y_0

    def clean(self, output: Tensor, y_t: Tensor, t_B: Tensor) -> Tensor:
        """The picture that the network's output means: the estimate that perception reads."""
        if self.prediction == "sample":
            return output
        alpha_bar = self.alpha_bar(t_B, y_t)
        if self.prediction == "epsilon":
            return (y_t - (1.0 - alpha_bar).sqrt() * output) / alpha_bar.sqrt()
        return alpha_bar.sqrt() * y_t - (1.0 - alpha_bar).sqrt() * output

    def output_for(self, clean: Tensor, y_t: Tensor, t_B: Tensor) -> Tensor:
        """Inverse of `clean`: what the network would have said to mean this picture."""
        if self.prediction == "sample":
            return clean
        alpha_bar = self.alpha_bar(t_B, y_t)
        noise = (y_t - alpha_bar.sqrt() * clean) / (1.0 - alpha_bar).sqrt()
        return self.target(clean, noise, t_B)

    def reconstruction_loss_B(self, output: Tensor, y_0: Tensor, noise: Tensor, t_B: Tensor) -> Tensor:
        """L_LDM of each picture, (B,): squared error of the noise, or of the velocity that a picture or velocity means.

        A clean picture's error counts 1 / (1 - alpha_bar) of itself: given y_t, that is the velocity's.
        """
        error_B = (output - self.target(y_0, noise, t_B)).float().square().flatten(1).mean(1)
        if self.prediction != "sample":
            return error_B
        return error_B / (1.0 - self.alpha_bar(t_B, error_B)).clamp(min=LEAST_NOISE**2)


def held_to_less(value_B: Tensor, alpha_bar_B: Tensor) -> Tensor:
    """`value_B` (B, ...) itself; of its gradient sqrt(alpha_bar_t) goes on to each picture: the weight of L_p in Eq. 1.

    Paper: L_LDM + sqrt(alpha_bar_t) L_p of each picture. Here: the weight is one of gradients. Because: MonoScene's
    affinities pool what they count over a batch; of one picture at a time they teach to claim rare classes everywhere
    (docs/lab, 2026-11-23, a stage II that loses nothing). Of a mean over pictures the gradients are Eq. 1's.
    """
    held_B = value_B.view_as(value_B)
    if held_B.requires_grad:
        weight_B = alpha_bar_B.sqrt().to(value_B).view(-1, *[1] * (value_B.dim() - 1))
        held_B.register_hook(lambda gradient_B: weight_B * gradient_B)
    return held_B
