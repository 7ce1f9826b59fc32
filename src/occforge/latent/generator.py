"""A picture generator as a whole: painter, camera encoding and words, with the diffusion that it was made for.

Shape legend: B batch, N frames, K classes, C H W pictures in -1 to 1, X Y Z voxels.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.rays import Rays
from occforge.core.taxonomy import Taxonomy
from occforge.latent.camera_encoding import (
    GEOMETRY_MAPS,
    CameraEncoding,
    CameraEncodingConfig,
    camera_numbers_B16,
    ray_depths_m,
    soft_raycast,
)
from occforge.latent.objective import Diffusion
from occforge.latent.painter import PATCH, Painter, PainterConfig
from occforge.latent.sample import Seen
from occforge.latent.text import Asked, RequestWords


@dataclass(frozen=True)
class GeneratorConfig:
    """`size_HW` of its pictures; `counts` of values of each attribute of a request; `depths` samples of a soft ray."""

    size_HW: tuple[int, int] = (64, 192)
    counts: tuple[int, ...] = ()
    painter: PainterConfig = field(default_factory=PainterConfig)
    encoding: CameraEncodingConfig = field(default_factory=CameraEncodingConfig)
    diffusion: Diffusion = field(default_factory=Diffusion)
    depths: int = 96

    def __post_init__(self) -> None:
        if any(n % PATCH or n < 2 * PATCH for n in self.size_HW):
            raise InputError(
                f"generator: expected rows and columns divisible by {PATCH}, {2 * PATCH} or more, got "
                f"{self.size_HW[0]} x {self.size_HW[1]}; choose another size"
            )
        if self.painter.volume != self.encoding.channels:
            raise InputError(
                f"generator: the painter expects a volume of {self.painter.volume} channels, the camera encoding gives "
                f"{self.encoding.channels}; set them equal"
            )


class Seeing(nn.Module):
    """What every generator sees of an occupancy: `depths` samples of a soft ray, maps and volume of given sizes."""

    def __init__(
        self,
        encoding: CameraEncodingConfig,
        grid: GridSpec,
        taxonomy: Taxonomy,
        depths: int,
        maps_HW: tuple[int, int],
        volume_HW: tuple[int, int],
    ) -> None:
        super().__init__()
        self.grid, self.taxonomy, self.depths, self.maps_HW, self.volume_HW = grid, taxonomy, depths, maps_HW, volume_HW
        self.maps = taxonomy.class_count + GEOMETRY_MAPS
        self.encoding = CameraEncoding(encoding, taxonomy.class_count, grid)

    def see(self, share_BKXYZ: Tensor, cameras: CameraBatch, maps_BNMHW: Tensor | None = None) -> Seen:
        """What B * N cameras see of class shares, those of one scene one after the other.

        `maps_BNMHW` are a ray caster's (`maps_of_rays`), where no gradient has to reach the shares.
        """
        if maps_BNMHW is None:
            maps_BNMHW = self.soft_maps(share_BKXYZ, cameras)
        return Seen(maps_BNMHW, self.encoding(share_BKXYZ, cameras, self.volume_HW))

    def soft_maps(self, share_BKXYZ: Tensor, cameras: CameraBatch) -> Tensor:
        """Maps (B, N, M, H, W) of soft rays, whose gradient reaches the shares."""
        depth_D_m = ray_depths_m(self.grid, self.depths).to(share_BKXYZ.device)
        return soft_raycast(share_BKXYZ, self.grid, cameras, depth_D_m, self.maps_HW)

    def nothing_seen(self, batch: int, frames: int) -> Seen:
        """For pictures of no known occupancy."""
        device, encoding = next(self.parameters()).device, self.encoding.config
        maps = torch.zeros(batch, frames, self.maps, *self.maps_HW, device=device)
        volume = torch.zeros(batch, frames, encoding.channels, encoding.depth, *self.volume_HW, device=device)
        return Seen(maps, volume)


class PictureGenerator(Seeing):
    """Paints what cameras see of an occupancy of `grid`, as a request says."""

    def __init__(self, config: GeneratorConfig, grid: GridSpec, taxonomy: Taxonomy) -> None:
        H, W = config.size_HW
        volume_HW = H // (2 * PATCH), W // (2 * PATCH)
        super().__init__(config.encoding, grid, taxonomy, config.depths, (H // 2, W // 2), volume_HW)
        if config.painter.maps != taxonomy.class_count + GEOMETRY_MAPS:
            raise InputError(
                f"generator: maps of {taxonomy.name} have {taxonomy.class_count} channels, a class each, and "
                f"{GEOMETRY_MAPS} of geometry; the painter expects {config.painter.maps}"
            )
        self.config = config
        self.painter = Painter(config.painter)
        self.words = RequestWords(config.counts, config.painter.words)
        self.picture_CHW = (config.painter.channels, *config.size_HW)

    def told(self, asked: Asked) -> Tensor:
        """Words (B, L, E) of what is asked for."""
        return self.words(asked.request_BA)

    def told_nothing(self, batch: int) -> Tensor:
        """Words of a request that leaves everything open: what guidance compares with."""
        return self.words(self.words.nothing(batch))

    def encode(self, picture_BNCHW: Tensor) -> Tensor:
        """Pictures in -1 to 1 as the diffusion has them: as they are."""
        return picture_BNCHW

    def decode(self, y_BNCHW: Tensor) -> Tensor:
        """Inverse of `encode`."""
        return y_BNCHW

    def paint(self, y_BNCHW: Tensor, t_B: Tensor, words_BLE: Tensor, cameras: CameraBatch, seen: Seen) -> Tensor:
        """The prediction for pictures of B * N cameras at steps t of the diffusion."""
        level_B = (1.0 - self.config.diffusion.alpha_bar_T[t_B.cpu()]).sqrt().to(y_BNCHW)
        camera_BN16 = camera_numbers_B16(cameras, self.grid).unflatten(0, y_BNCHW.shape[:2])
        return self.painter(y_BNCHW, level_B, words_BLE, camera_BN16, seen.maps_BNMHW, seen.volume_BNODHW)


def picture_tensor(images_NHW3: NDArray[np.uint8]) -> Tensor:
    """RGB pictures as the generator has them: (N, 3, H, W) in -1 to 1."""
    return torch.from_numpy(images_NHW3).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def shares_of(labels_BXYZ: Tensor, classes: int) -> Tensor:
    """Class shares (B, K, X, Y, Z) of labels; unknown ones count as empty, as a ray looks through them."""
    known_BXYZ = torch.where(labels_BXYZ < classes, labels_BXYZ, 0)
    return F.one_hot(known_BXYZ.long(), classes).movedim(-1, 1).float()


def maps_of_rays(rays: Rays, classes: int) -> Tensor:
    """Maps (N, K + 5, H, W) as of `soft_raycast`, from what a ray caster's rays hit."""
    hot_NKHW = F.one_hot(torch.from_numpy(rays.semantic_NHW).long(), classes).movedim(-1, 1).float()
    depth_N1HW_m = torch.from_numpy(rays.depth_NHW_m)[:, None].float()
    hit_N1HW = depth_N1HW_m > 0
    inverse_N1HW = torch.where(hit_N1HW, 1.0 / depth_N1HW_m.clamp(min=0.1), 0.0)
    normal_N3HW = torch.from_numpy(rays.normal_NHW3).movedim(-1, 1).float()
    return torch.cat([hot_NKHW, normal_N3HW, rays.voxel_m * hit_N1HW, inverse_N1HW], 1)


def kept_where(seen: Seen, given_B: Tensor) -> Seen:
    """What is seen, zero for the scenes whose occupancy is not given."""
    kept = given_B.to(seen.maps_BNMHW)
    return Seen(seen.maps_BNMHW * kept.view(-1, 1, 1, 1, 1), seen.volume_BNODHW * kept.view(-1, 1, 1, 1, 1, 1))
