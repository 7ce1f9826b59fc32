"""Volumes in front of a camera: between pixels and depths, where pictures live, and the voxels of a grid.

Bins of depth divide what the grid spans along the optical axis evenly; neither picture size nor depth is a literal.

Shape legend: B batch, C channels, D depth bins, H W rows and columns of a feature map, N points, X Y Z voxels.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.grid import GridSpec


def depth_range_m(grid: GridSpec, cameras: CameraBatch) -> tuple[Tensor, Tensor]:
    """Least and greatest depth (B,) at which each camera can see the grid: its corners', no nearer than a voxel."""
    nearest = max(grid.voxel_m)
    origin_13 = cameras.K_B33.new_tensor([grid.origin_m])
    corner_83 = origin_13 + cameras.K_B33.new_tensor(list(itertools.product(*((0.0, e) for e in grid.extent_m))))
    _, depth_B8 = cameras.project(corner_83)
    far_B = depth_B8.amax(1).clamp(min=2.0 * nearest)
    near_B = depth_B8.amin(1).clamp(min=nearest)
    return near_B, far_B


def sample_frustum(volume_BCDHW: Tensor, point_N3_m: Tensor, cameras: CameraBatch, grid: GridSpec) -> Tensor:
    """Features (B, C, N) of a frustum volume at points of the grid, interpolated; zero where no pixel sees the point.

    Normalised device coordinates (u / width, v / height, share of the depth range): NDC-Scene, Sec. 3.2.
    """
    near_B, far_B = depth_range_m(grid, cameras)
    pixel_BN2, depth_BN = cameras.project(point_N3_m)
    inside_BN = cameras.inside(pixel_BN2, depth_BN)
    H, W = cameras.size_HW
    share_BN = (depth_BN - near_B[:, None]) / (far_B - near_B)[:, None]
    at_BN3 = torch.stack([pixel_BN2[..., 0] / W, pixel_BN2[..., 1] / H, share_BN], -1)
    at_BN113 = (2.0 * at_BN3 - 1.0).clamp(-2.0, 2.0)[:, :, None, None].to(volume_BCDHW)
    sampled = F.grid_sample(volume_BCDHW, at_BN113, align_corners=False, padding_mode="border")
    return sampled[..., 0, 0] * inside_BN[:, None]


def splat_frustum(
    feature_BCHW: Tensor,
    probability_BDHW: Tensor,
    grid: GridSpec,
    cameras: CameraBatch,
    cells: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Lift and splat: (B, C, X, Y, Z), in each voxel the sum of features times probabilities of the cells it holds.

    A cell is a bin of depth of a map's pixel and lies in the voxel that contains its centre (Philion and Fidler, 2020,
    Eq. 1 and Sec. 3.2). `cells`: what `cells_in_voxels` says, where it is known already.
    """
    B, D, H, W = probability_BDHW.shape
    voxel_M, cell_M = cells_in_voxels(grid, cameras, D, H, W) if cells is None else cells
    pixel_M = cell_M // (D * H * W) * (H * W) + cell_M % (H * W)
    feature_MC = feature_BCHW.flatten(2).transpose(1, 2).flatten(0, 1)[pixel_M]
    lifted_MC = feature_MC * probability_BDHW.flatten()[cell_M, None]
    N = grid.shape_XYZ[0] * grid.shape_XYZ[1] * grid.shape_XYZ[2]
    volume_VC = lifted_MC.new_zeros(B * N, lifted_MC.shape[1]).index_add(0, voxel_M, lifted_MC)
    return volume_VC.unflatten(0, (B, *grid.shape_XYZ)).movedim(-1, 1)


def cells_in_voxels(grid: GridSpec, cameras: CameraBatch, D: int, H: int, W: int) -> tuple[Tensor, Tensor]:
    """Flat indices (M,) into (B, X, Y, Z) and into (B, D, H, W) of the cells that lie in the grid."""
    centre_BDHW3 = cell_centres_m(grid, cameras, D, H, W)
    index_BDHW3 = (centre_BDHW3 - centre_BDHW3.new_tensor(grid.origin_m)) / centre_BDHW3.new_tensor(grid.voxel_m)
    shape_3 = index_BDHW3.new_tensor(grid.shape_XYZ)
    cell_M = ((index_BDHW3 >= 0) & (index_BDHW3 < shape_3)).all(-1).flatten().nonzero()[:, 0]
    x_M, y_M, z_M = index_BDHW3.flatten(0, 3)[cell_M].long().unbind(-1)
    X, Y, Z = grid.shape_XYZ
    voxel_M = ((cell_M // (D * H * W) * X + x_M) * Y + y_M) * Z + z_M
    return voxel_M, cell_M


def cell_centres_m(grid: GridSpec, cameras: CameraBatch, D: int, H: int, W: int) -> Tensor:
    """Centres of the frustum's cells in the grid frame, metres (B, D, H, W, 3)."""
    near_B, far_B = depth_range_m(grid, cameras)
    share_D = (torch.arange(D, device=near_B.device) + 0.5) / D
    depth_BD = near_B[:, None] + share_D * (far_B - near_B)[:, None]
    origin_B3, ray_BHW3 = cameras.rays((H, W))
    return origin_B3[:, None, None, None] + depth_BD[..., None, None, None] * ray_BHW3[:, None]
