"""From image features to voxels: where each voxel's centre falls in the picture, and what lies there.

Shape legend: B batch, C channels, H W rows and columns of a feature map, N = X Y Z voxels in C order.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.grid import GridSpec


def voxel_centres_N3_m(grid: GridSpec) -> Tensor:
    """Centres of all voxels in the grid frame, metres, float32 (N, 3)."""
    return torch.from_numpy(grid.centres_N3_m()).float()


def gather_nearest(feature_BCHW: Tensor, pixel_BN2: Tensor, cameras: CameraBatch) -> Tensor:
    """Features (B, C, N) of the map's cell in which each pixel lies, or is nearest to: a scale of FLoSP.

    Pixels are those of the full image; the map may have any size. Source: MonoScene, Eq. 5.
    """
    H, W = feature_BCHW.shape[-2:]
    column_BN = (pixel_BN2[..., 0] * (W / cameras.size_HW[1])).long().clamp(0, W - 1)
    row_BN = (pixel_BN2[..., 1] * (H / cameras.size_HW[0])).long().clamp(0, H - 1)
    index_B1N = (row_BN * W + column_BN)[:, None].expand(-1, feature_BCHW.shape[1], -1)
    return feature_BCHW.flatten(2).gather(2, index_B1N)


def gather_bilinear(feature_BCHW: Tensor, pixel_BN2: Tensor, inside_BN: Tensor, cameras: CameraBatch) -> Tensor:
    """Features (B, C, N) interpolated at the pixels, zero outside; differentiable in the pixels."""
    size_WH = pixel_BN2.new_tensor((cameras.size_HW[1], cameras.size_HW[0]))
    at_BN12 = (2.0 * pixel_BN2 / size_WH - 1.0).clamp(-2.0, 2.0)[:, :, None]
    sampled = F.grid_sample(feature_BCHW, at_BN12.to(feature_BCHW), align_corners=False, padding_mode="border")
    return sampled[..., 0] * inside_BN[:, None]


def position_code_BCN(grid: GridSpec, cameras: CameraBatch, bands: int = 4) -> Tensor:
    """Where voxels are, as seen from their camera: (B, 2 + 4 * bands, N).

    Log depth and height, and sines and cosines of depth and height at `bands` octaves: what a ray's voxels do not
    share. Height is along the grid's z axis, from its lowest voxel.
    """
    centre_N3 = voxel_centres_N3_m(grid).to(cameras.K_B33.device)
    _, depth_BN = cameras.project(centre_N3)
    height_BN = (centre_N3[:, 2] - grid.origin_m[2]).expand_as(depth_BN)
    log_depth_BN = torch.log1p(depth_BN.clamp(min=0.0)) / 2.0
    codes = [log_depth_BN, height_BN / grid.extent_m[2]]
    for octave in range(bands):
        for value_BN in (log_depth_BN * torch.pi, height_BN / grid.extent_m[2] * torch.pi):
            codes += [torch.sin(value_BN * 2**octave), torch.cos(value_BN * 2**octave)]
    return torch.stack(codes, 1)
