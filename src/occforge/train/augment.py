"""Changes of a pair that move picture, camera and grid together, and of a picture alone.

Shape legend: H W image rows and columns, X Y Z voxels. Geometry: the camera of the result always sees the result's
scene as its picture shows it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from occforge.core.grid import GridSpec
from occforge.core.taxonomy import UNKNOWN
from occforge.data.pairs import MAPS, Pair, nearest


@dataclass(frozen=True)
class Augmentation:
    """How much: chance of mirroring, chance and largest factor of a zoom into the picture, largest gain of brightness
    and colour.

    Zooming resamples: a network that meets nothing else reads the depth of sharp pictures worse (docs/lab, 2026-11-22).
    `restyled`: share of pictures whose look `restyle` changes, for pictures of another look than those learned from.
    `turn_deg` and `shift_m`: how far the grid is turned about the camera and moved at most, under the same picture.
    """

    mirror: float = 0.5
    zoomed: float = 0.5
    zoom: float = 1.15
    color: float = 0.15
    restyled: float = 0.0
    turn_deg: float = 0.0
    shift_m: float = 0.0

    def __call__(self, pair: Pair, grid: GridSpec, rng: np.random.Generator) -> Pair:
        """A changed pair of the same sizes; the same generator state gives the same pair."""
        if rng.random() < self.mirror:
            pair = mirror(pair, grid)
        if self.zoom > 1.0 and rng.random() < self.zoomed:
            pair = zoom(pair, float(rng.uniform(1.0, self.zoom)), (float(rng.random()), float(rng.random())))
        if self.turn_deg > 0.0 or self.shift_m > 0.0:
            yaw = math.radians(self.turn_deg) * float(rng.uniform(-1.0, 1.0))
            pair = turn(pair, grid, yaw, tuple(self.shift_m * rng.uniform(-1.0, 1.0, 2)))
        if self.color > 0.0:
            pair = replace(pair, image_HW3=recolor(pair.image_HW3, self.color, rng))
        if rng.random() < self.restyled:
            pair = replace(pair, image_HW3=restyle(pair.image_HW3, rng))
        return pair


def mirror(pair: Pair, grid: GridSpec) -> Pair:
    """Left and right swapped in picture, camera and voxels."""
    centre_y_m = grid.origin_m[1] + 0.5 * grid.extent_m[1]
    image_HW3, labels_XYZ = (np.ascontiguousarray(a[:, ::-1]) for a in (pair.image_HW3, pair.labels_XYZ))
    maps = {name: np.ascontiguousarray(a[:, ::-1]) for name, a in maps_of(pair).items()}
    return Pair(image_HW3, pair.camera.mirrored(centre_y_m), labels_XYZ, **maps)


def maps_of(pair: Pair) -> dict[str, Any]:
    """What a pair says of every pixel beside its picture, by the names of the fields."""
    return {name: getattr(pair, name) for name in MAPS if getattr(pair, name) is not None}


def zoom(pair: Pair, factor: float, at: tuple[float, float]) -> Pair:
    """A part of the picture, 1 / `factor` as large, brought back to its size; `at` places it from (0, 0) to (1, 1)."""
    H, W = pair.camera.size_HW
    part_HW = max(1, round(H / factor)), max(1, round(W / factor))
    top, left = round(at[0] * (H - part_HW[0])), round(at[1] * (W - part_HW[1]))
    part = slice(top, top + part_HW[0]), slice(left, left + part_HW[1])
    image_HW3 = np.asarray(Image.fromarray(pair.image_HW3[part]).resize((W, H), Image.Resampling.BILINEAR))
    camera = pair.camera.cropped((top, left), part_HW).resized((H, W))
    maps = {name: nearest(a[part], (H, W)) for name, a in maps_of(pair).items()}
    return Pair(image_HW3, camera, pair.labels_XYZ, **maps)


def turn(pair: Pair, grid: GridSpec, yaw_rad: float, shift_2_m: tuple[float, float]) -> Pair:
    """The same picture and camera over a grid turned left about the camera by `yaw_rad` and moved by `shift_2_m`.

    Voxels take the label of the old voxel at their centre; what lay outside the old grid is unknown.
    """
    at_3 = pair.camera.grid_from_camera_44[:3, 3]
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    old_from_new_44 = np.eye(4)
    old_from_new_44[:2, :2] = [[c, -s], [s, c]]
    old_from_new_44[:2, 3] = at_3[:2] - old_from_new_44[:2, :2] @ at_3[:2] + shift_2_m
    centre_N3 = grid.centres_N3_m() @ old_from_new_44[:3, :3].T + old_from_new_44[:3, 3]
    index_N3 = np.floor((centre_N3 - grid.origin_m) / grid.voxel_m + 1e-6).astype(np.int64)
    inside_N = ((index_N3 >= 0) & (index_N3 < grid.shape_XYZ)).all(1)
    label_N = np.full(len(index_N3), UNKNOWN, np.uint8)
    label_N[inside_N] = pair.labels_XYZ[tuple(index_N3[inside_N].T)]
    camera = replace(pair.camera, camera_from_grid_44=pair.camera.camera_from_grid_44 @ old_from_new_44)
    return replace(pair, camera=camera, labels_XYZ=label_N.reshape(grid.shape_XYZ))


def recolor(image_HW3: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gain, offset, saturation and tint changed by up to `amount`."""
    value = image_HW3.astype(np.float32) / 255.0
    grey = value.mean(-1, keepdims=True)
    value = grey + (value - grey) * (1.0 + rng.uniform(-2.0, 2.0) * amount)
    value = (
        value * (1.0 + rng.uniform(-amount, amount, 3) + rng.uniform(-amount, amount)) + rng.uniform(-0.5, 0.5) * amount
    )
    return np.asarray(np.clip(value, 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def restyle(image_HW3: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same things in another look: a random filter's colours and textures, light, contrast, curve and grain.

    Random convolutions mixed with the picture (Xu et al., "Robust and generalizable visual representation learning via
    random convolutions", ICLR 2021): shapes stay, colours and fine textures do not.
    """
    size = int(rng.choice([1, 3, 5]))
    filter_33SS = rng.normal(0.0, 1.0 / math.sqrt(3 * size * size), (3, 3, size, size))
    share, tint_3, light = rng.uniform(0.0, 0.8), rng.normal(0.0, 0.08, 3), rng.normal(0.0, 0.08)
    contrast, curve = np.exp(rng.normal(0.0, 0.3)), np.exp(rng.normal(0.0, 0.25))
    saturation, grain = rng.uniform(0.0, 1.0) if rng.random() < 0.3 else 1.0, rng.uniform(0.0, 0.03)

    x_1CHW = torch.from_numpy(image_HW3).permute(2, 0, 1)[None].float() / 255.0
    mean, spread = float(x_1CHW.mean()), float(x_1CHW.std())
    x_1CHW = _normed(x_1CHW)
    padded = F.pad(x_1CHW, [size // 2] * 4, mode="reflect")
    x_1CHW = _normed((1.0 - share) * x_1CHW + share * F.conv2d(padded, torch.from_numpy(filter_33SS).float()))
    tint_C11 = torch.from_numpy(tint_3 + light).float()[:, None, None]
    x_1CHW = (mean + tint_C11 + spread * contrast * x_1CHW).clamp(0.0, 1.0) ** curve
    grey_11HW = x_1CHW.mean(1, keepdim=True)
    value_HW3 = (grey_11HW + saturation * (x_1CHW - grey_11HW))[0].permute(1, 2, 0).numpy()
    value_HW3 = value_HW3 + grain * rng.normal(size=value_HW3.shape)
    return np.asarray(np.clip(value_HW3, 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def _normed(x_1CHW: Tensor) -> Tensor:
    """Every channel with mean 0 and deviation 1."""
    return (x_1CHW - x_1CHW.mean((2, 3), keepdim=True)) / (x_1CHW.std((2, 3), keepdim=True) + 1e-3)


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
