"""Changes of a pair that move picture, camera and grid together, and of a picture alone.

Shape legend: H W image rows and columns, X Y Z voxels. Geometry: the camera of the result always sees the result's
scene as its picture shows it.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from occforge.core.grid import GridSpec
from occforge.data.pairs import Pair


@dataclass(frozen=True)
class Augmentation:
    """How much: chance of mirroring, largest zoom into the picture, largest gain of brightness and colour."""

    mirror: float = 0.5
    zoom: float = 1.15
    color: float = 0.15

    def __call__(self, pair: Pair, grid: GridSpec, rng: np.random.Generator) -> Pair:
        """A changed pair of the same sizes; the same generator state gives the same pair."""
        if rng.random() < self.mirror:
            pair = mirror(pair, grid)
        if self.zoom > 1.0:
            pair = zoom(pair, float(rng.uniform(1.0, self.zoom)), (float(rng.random()), float(rng.random())))
        if self.color > 0.0:
            pair = Pair(recolor(pair.image_HW3, self.color, rng), pair.camera, pair.labels_XYZ)
        return pair


def mirror(pair: Pair, grid: GridSpec) -> Pair:
    """Left and right swapped in picture, camera and voxels."""
    centre_y_m = grid.origin_m[1] + 0.5 * grid.extent_m[1]
    image_HW3 = np.ascontiguousarray(pair.image_HW3[:, ::-1])
    return Pair(image_HW3, pair.camera.mirrored(centre_y_m), np.ascontiguousarray(pair.labels_XYZ[:, ::-1]))


def zoom(pair: Pair, factor: float, at: tuple[float, float]) -> Pair:
    """A part of the picture, 1 / `factor` as large, brought back to its size; `at` places it from (0, 0) to (1, 1)."""
    H, W = pair.camera.size_HW
    part_HW = max(1, round(H / factor)), max(1, round(W / factor))
    top, left = round(at[0] * (H - part_HW[0])), round(at[1] * (W - part_HW[1]))
    picture = Image.fromarray(pair.image_HW3[top : top + part_HW[0], left : left + part_HW[1]])
    image_HW3 = np.asarray(picture.resize((W, H), Image.Resampling.BILINEAR))
    return Pair(image_HW3, pair.camera.cropped((top, left), part_HW).resized((H, W)), pair.labels_XYZ)


def recolor(image_HW3: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gain, offset, saturation and tint changed by up to `amount`."""
    value = image_HW3.astype(np.float32) / 255.0
    grey = value.mean(-1, keepdims=True)
    value = grey + (value - grey) * (1.0 + rng.uniform(-2.0, 2.0) * amount)
    value = (
        value * (1.0 + rng.uniform(-amount, amount, 3) + rng.uniform(-amount, amount)) + rng.uniform(-0.5, 0.5) * amount
    )
    return np.asarray(np.clip(value, 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def noisy(image_3HW: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """The picture as a diffusion sees it at noise level sqrt(1 - alpha_bar) = `level`, in the value range of pictures.

    x_t = sqrt(alpha_bar) x + level * noise in -1 to 1, mapped back to 0 to 1 without clipping.
    """
    noise_3HW = torch.randn(image_3HW.shape, generator=generator)
    x_3HW = (1.0 - level**2) ** 0.5 * (2.0 * image_3HW - 1.0) + level * noise_3HW
    return 0.5 * (x_3HW + 1.0)


def estimated(image_3HW: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """What a denoiser's estimate of the clean picture looks like at that noise level: what blur leaves of it.

    The noisy picture, averaged over cells that grow with the noise until it is bearable, is the best linear estimate
    of a picture whose neighbouring pixels are alike; a trained denoiser's is sharper, but errs in the same places.
    """
    if level <= 0.0:
        return image_3HW
    x_3HW = noisy(image_3HW, level, generator) * 2.0 - 1.0
    kept = max(1.0 - level**2, 1e-4) ** 0.5
    variance = (level / kept) ** 2
    cell = int(np.clip(np.ceil(4.0 * variance**0.5), 1, 16))
    x_3HW = x_3HW / kept
    if cell > 1:
        small = F.avg_pool2d(x_3HW[None], cell, cell, ceil_mode=True, count_include_pad=False)
        x_3HW = F.interpolate(small, image_3HW.shape[-2:], mode="bilinear", align_corners=False)[0]
    shrink = 0.25 / (0.25 + variance / cell**2)  # towards grey: pictures' own variance is about 0.25
    return (0.5 * (shrink * x_3HW + 1.0)).clamp(0.0, 1.0)
