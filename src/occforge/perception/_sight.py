"""Where lines of sight end: read from the picture, taught by what it shows, and told to the voxels they cross.

All voxels of a line of sight are lifted alike; which of them is the surface that the picture shows is for the 3D
network to find out. Depth distributions settle it (ISO's dual FLoSP, Yu et al. 2024, with a pretrained depth network).
Here they are learned from depth and class of every pixel, or from the labels: along a line the first occupied voxel is
then taken for what the picture shows, though a voxel hides what lies beyond its empty corners.

Shape legend: B batch, C channels, K classes, D bins of depth (`_frustum`), H W rows and columns of a feature map,
R pixels looked at in each of its cells, N voxels.
"""

from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.config import added
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy
from occforge.perception._frustum import (
    cells_in_voxels,
    depth_range_m,
    places_in_voxels,
    sample_frustum,
    splat_frustum,
    sum_in_voxels,
)
from occforge.perception._image_encoder import ImageEncoder, ImageEncoderConfig
from occforge.perception.losses import class_weights
from occforge.perception.network import Hints, Shown

LEAST_CHANCE = 1.0 / 256
"""Chance of ending in a bin below which a line tells its voxel no class, which saves most of the sums."""
IGNORED = -100
"""Target of a line whose first voxel that is not empty is unknown."""


@dataclass(frozen=True)
class SightConfig:
    """`bins` of depth, even parts of what the grid spans, and the fraction of the picture's size they are told at.

    0 bins: no reading of lines of sight, as in the papers. `splat`: voxels are told the sum over all lines that cross
    them (`SightHead.evidence`) beside what the line through their centre says. Because: lines meet the ground at so
    flat an angle that one which ends in a voxel rarely runs through its centre. `places`: voxels are also told where
    within them lines end, for the height of the ground between lines that are metres apart. `taught`: by what pixels
    show, where a pair says so and not at all where it does not, or by the voxels. `far`: a cell's losses weigh by that
    power of its depth where pixels teach it; 0 for all alike, 2 for by the surface that it stands for.
    """

    bins: int = 0
    scale: int = 2
    splat: bool = added(False)
    places: bool = added(False)
    taught: Literal["voxels", "pixels"] = added("voxels")
    far: float = added(0.0)


class SightHead(nn.Module):
    """Image features and their rays to logits of where lines of sight end, and at what."""

    def __init__(self, config: SightConfig, channels: int, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config, self.grid = config, grid
        self.net = nn.Sequential(
            nn.Conv2d(channels + 4, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.SiLU(),
            nn.Conv2d(2 * channels, config.bins + 1 + taxonomy.class_count, 1),
        )
        self.register_buffer("weight_K", class_weights(taxonomy), persistent=False)
        self.weight_K: Tensor

    def forward(self, pyramid: dict[int, Tensor], cameras: CameraBatch) -> Tensor:
        """(B, D + 1 + K, H, W): bins, the last for lines that meet nothing, then classes."""
        feature_BCHW = pyramid[self.config.scale]
        ray_B4HW = ray_code_B4HW(cameras, self.grid, (feature_BCHW.shape[2], feature_BCHW.shape[3]))
        hidden_BCHW = self.net[:-1](torch.cat([feature_BCHW, ray_B4HW.to(feature_BCHW)], 1))
        # the last convolution is of single pixels: a matrix, for which torch has faster code; channels stay last
        last = cast(nn.Conv2d, self.net[-1])
        return F.linear(hidden_BCHW.movedim(1, -1), last.weight.flatten(1), last.bias).movedim(-1, 1)

    def ends(self, logits_BSHW: Tensor, point_N3_m: Tensor, cameras: CameraBatch) -> Tensor:
        """(B, 2, N): chances that the line of sight through a point ends there and that it ended before; 0 unseen."""
        ends_BDHW = logits_BSHW[:, : self.config.bins + 1].softmax(1)[:, :-1]
        before_BDHW = ends_BDHW.cumsum(1) - ends_BDHW
        return sample_frustum(torch.stack([ends_BDHW, before_BDHW], 1), point_N3_m, cameras, self.grid)

    def evidence(self, logits_BSHW: Tensor, cameras: CameraBatch) -> Tensor:
        """(B, `evidence_channels`, X, Y, Z): what the lines of sight that cross a voxel say of it; 0 where none does.

        The logarithm of how many end there; the shares of them that end there, that pass on and that ended before; the
        classes of those that end there; with `places`, where in the voxel they do (-0.5 to 0.5). Lines are sampled at
        the centres of their bins (lift and splat), classes and places only where a line ends with a chance of
        `LEAST_CHANCE` or more.
        """
        bins = self.config.bins
        depth, kind_BKHW = logits_BSHW.tensor_split([bins + 1], 1)
        ends_BDHW = depth.softmax(1)[:, :-1]
        ended_BDHW = ends_BDHW.cumsum(1)
        cells = cells_in_voxels(self.grid, cameras, bins, *ends_BDHW.shape[2:])
        chance_BDHW3 = torch.stack([ends_BDHW, 1.0 - ended_BDHW, ended_BDHW - ends_BDHW], -1)
        voxel_M, cell_M = cells
        share_B3XYZ = sum_in_voxels(chance_BDHW3.flatten(0, 3)[cell_M], voxel_M, len(depth), self.grid)
        likely_M = ends_BDHW.flatten()[cell_M] >= LEAST_CHANCE
        likely = voxel_M[likely_M], cell_M[likely_M]
        kinds_BKXYZ = splat_frustum(kind_BKHW.softmax(1), ends_BDHW, self.grid, cameras, likely)
        end_B1XYZ = share_B3XYZ[:, :1]
        share_B3XYZ = share_B3XYZ / share_B3XYZ.sum(1, keepdim=True).clamp(min=1e-6)
        said = [torch.log1p(end_B1XYZ), share_B3XYZ, kinds_BKXYZ / end_B1XYZ.clamp(min=0.05)]
        if self.config.places:
            place_M3 = places_in_voxels(likely[1], self.grid, cameras, bins, *ends_BDHW.shape[2:])
            place_M3 = place_M3 * ends_BDHW.flatten()[likely[1], None]
            said += [sum_in_voxels(place_M3, likely[0], len(depth), self.grid) / end_B1XYZ.clamp(min=0.05)]
        return torch.cat(said, 1)

    @property
    def evidence_channels(self) -> int:
        """How many numbers `evidence` says of a voxel."""
        return 4 + len(self.weight_K) + (3 if self.config.places else 0)

    def loss(
        self, logits_BSHW: Tensor, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """Cross-entropies of where lines of sight end and, weighted by class, of what they end at."""
        bins, size_HW = self.config.bins, (logits_BSHW.shape[2], logits_BSHW.shape[3])
        if self.config.taught == "voxels":
            bin_BRHW, class_BRHW = first_hits(target_BXYZ, bins, size_HW, cameras, self.grid)
        elif shown is not None:
            bin_BRHW, class_BRHW = shown_ends(shown, bins, size_HW, cameras, self.grid)
        else:
            return {}
        bin_BHWR, class_BHWR = bin_BRHW.movedim(1, -1), class_BRHW.movedim(1, -1)
        known_BHWR = bin_BHWR != IGNORED
        far_BHWR = known_BHWR.float()
        if self.config.far:  # those that meet nothing weigh as the middle of what the grid spans
            share_BHWR = (bin_BHWR.clamp(min=0) + 0.5) / bins
            share_BHWR = torch.where(bin_BHWR == bins, 0.5, share_BHWR)
            far_BHWR = far_BHWR * share_BHWR**self.config.far
        far_BHWR = far_BHWR / far_BHWR.sum().clamp(min=1e-6)
        weight_BHWR = self.weight_K[class_BHWR.clamp(min=0)] * far_BHWR
        # channels last, as convolutions leave them: what is summed over lies side by side
        depth, kind = (
            part.log_softmax(-1)
            for part in logits_BSHW.float()
            .movedim(1, -1)
            .split_with_sizes([bins + 1, logits_BSHW.shape[1] - bins - 1], -1)
        )
        return {
            "sight_depth": -(depth.gather(-1, bin_BHWR.clamp(min=0)) * far_BHWR).sum(),
            "sight_class": -(kind.gather(-1, class_BHWR.clamp(min=0)) * weight_BHWR).sum(),
        }


class SightReader(nn.Module):
    """An image encoder and its sight head alone: what an encoder learns before there is a volume.

    Its tensors have the names they have in a network that reads lines of sight.
    """

    def __init__(self, image: ImageEncoderConfig, sight: SightConfig, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.image_encoder = ImageEncoder(image)
        self.sight = SightHead(sight, image.channels, grid, taxonomy)

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Tensor:
        """See `SightHead.forward`."""
        ray_B4HW = ray_code_B4HW(cameras, self.sight.grid, cameras.size_HW)
        return self.sight(self.image_encoder(image_B3HW, hints.noise_level_B, ray_B4HW), cameras)

    def loss(
        self, prediction: Tensor, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """See `SightHead.loss`."""
        return self.sight.loss(prediction, target_BXYZ, cameras, shown)


def ray_code_B4HW(cameras: CameraBatch, grid: GridSpec, size_HW: tuple[int, int]) -> Tensor:
    """How the rays of a map's cells run: their direction in the grid for a unit of depth, and 10 m over the depth at
    which they meet the grid's floor, 0 where they never do.

    Without it a network has to guess focal length and pitch before it can tell depth from a row of the picture.
    """
    origin_B3, ray_BHW3 = cameras.rays(size_HW)
    height_B = origin_B3[:, 2] - grid.origin_m[2]
    floor_BHW = (-ray_BHW3[..., 2] / height_B.clamp(min=0.1)[:, None, None]).clamp(min=0.0)
    return torch.cat([ray_BHW3.movedim(-1, 1), 10.0 * floor_BHW[:, None]], 1)


def first_hits(
    target_BXYZ: Tensor, bins: int, size_HW: tuple[int, int], cameras: CameraBatch, grid: GridSpec
) -> tuple[Tensor, Tensor]:
    """Bin (B, 1, H, W) of the first occupied voxel behind each cell of a map, `bins` if there is none; its class."""
    voxel_M, cell_M = cells_in_voxels(grid, cameras, bins, *size_HW)
    label_BDHW = torch.full((len(target_BXYZ), bins, *size_HW), EMPTY, device=target_BXYZ.device)
    label_BDHW.view(-1)[cell_M] = target_BXYZ.flatten()[voxel_M].long()
    none_B1HW = torch.full_like(label_BDHW[:, :1], EMPTY)
    hit_BDHW = torch.cat([label_BDHW != EMPTY, torch.ones_like(none_B1HW, dtype=torch.bool)], 1)
    bin_B1HW = hit_BDHW.int().argmax(1, keepdim=True)
    class_B1HW = torch.cat([label_BDHW, none_B1HW], 1).gather(1, bin_B1HW)
    unknown_B1HW = class_B1HW == UNKNOWN
    return bin_B1HW.masked_fill(unknown_B1HW, IGNORED), class_B1HW.masked_fill(unknown_B1HW, IGNORED)


def shown_ends(
    shown: Shown, bins: int, size_HW: tuple[int, int], cameras: CameraBatch, grid: GridSpec
) -> tuple[Tensor, Tensor]:
    """Bin and class (B, R, H, W) of what R = 4 pixels of each cell of a map show, at the quarters of its edges.

    Four, not the one at the middle: at 20 m a cell's ground spans metres of depth, and all of them are what it shows.
    """
    near_B, far_B = (edge[:, None, None] for edge in depth_range_m(grid, cameras))
    share_BHW = (shown.depth_BHW_m - near_B) / (far_B - near_B)
    bin_BHW = (share_BHW * bins).long().clamp(0, bins - 1)
    class_BHW = shown.class_BHW.long()
    bin_BHW = bin_BHW.masked_fill(class_BHW == EMPTY, bins).masked_fill(class_BHW == UNKNOWN, IGNORED)
    class_BHW = class_BHW.masked_fill(class_BHW == UNKNOWN, IGNORED)
    row_2H, column_2W = (
        ((torch.arange(n) + torch.tensor([[0.25], [0.75]])) * m / n).long().to(bin_BHW.device)
        for n, m in zip(size_HW, bin_BHW.shape[1:], strict=True)
    )
    bin_BRHW, class_BRHW = (
        at[:, row_2H[:, None, :, None], column_2W[None, :, None, :]].flatten(1, 2) for at in (bin_BHW, class_BHW)
    )
    return bin_BRHW, class_BRHW
