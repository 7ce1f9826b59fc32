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
    return sum_in_voxels(feature_MC * probability_BDHW.flatten()[cell_M, None], voxel_M, B, grid)


def sum_in_voxels(value_MC: Tensor, voxel_M: Tensor, B: int, grid: GridSpec) -> Tensor:
    """(B, C, X, Y, Z): in each voxel the sum of what lies in it; `voxel_M` as `cells_in_voxels` gives them."""
    X, Y, Z = grid.shape_XYZ
    volume_VC = value_MC.new_zeros(B * X * Y * Z, value_MC.shape[1]).index_add(0, voxel_M, value_MC)
    return volume_VC.unflatten(0, (B, X, Y, Z)).movedim(-1, 1)


def cells_in_voxels(grid: GridSpec, cameras: CameraBatch, D: int, H: int, W: int) -> tuple[Tensor, Tensor]:
    """Flat indices (M,) into (B, X, Y, Z) and into (B, D, H, W) of the cells whose centres lie in the grid."""
    origin_B3, ray_BHW3 = cameras.rays((H, W))
    depth_BD11 = bin_centres_m(grid, cameras, D)[:, :, None, None]
    voxel_BDHW = torch.zeros(1, dtype=torch.int32, device=depth_BD11.device)
    inside_BDHW = torch.ones(1, dtype=torch.bool, device=depth_BD11.device)
    for axis, size in enumerate(grid.shape_XYZ):
        origin_B = (origin_B3[:, axis] - grid.origin_m[axis]) / grid.voxel_m[axis]
        step_B1HW = ray_BHW3[:, None, ..., axis] / grid.voxel_m[axis]
        index_BDHW = (origin_B[:, None, None, None] + depth_BD11 * step_B1HW).floor().int()
        inside_BDHW = inside_BDHW & (index_BDHW >= 0) & (index_BDHW < size)
        voxel_BDHW = voxel_BDHW * size + index_BDHW
    cell_M = inside_BDHW.flatten().nonzero()[:, 0]
    X, Y, Z = grid.shape_XYZ
    return voxel_BDHW.flatten()[cell_M] + cell_M // (D * H * W) * (X * Y * Z), cell_M


def places_in_voxels(cell_M: Tensor, grid: GridSpec, cameras: CameraBatch, D: int, H: int, W: int) -> Tensor:
    """Where within their voxels the centres of some cells lie (M, 3), from -0.5 to 0.5 along each axis."""
    origin_B3, ray_BHW3 = cameras.rays((H, W))
    batch_M, depth_M = cell_M // (D * H * W), bin_centres_m(grid, cameras, D).flatten()[cell_M // (H * W)]
    ray_M3 = ray_BHW3.flatten(0, 2)[batch_M * (H * W) + cell_M % (H * W)]
    point_M3 = origin_B3[batch_M] + depth_M[:, None] * ray_M3
    index_M3 = (point_M3 - point_M3.new_tensor(grid.origin_m)) / point_M3.new_tensor(grid.voxel_m)
    return index_M3 - index_M3.floor() - 0.5


def bin_centres_m(grid: GridSpec, cameras: CameraBatch, D: int) -> Tensor:
    """Depths (B, D) of the middles of the bins, metres along the optical axis."""
    near_B, far_B = depth_range_m(grid, cameras)
    share_D = (torch.arange(D, device=near_B.device) + 0.5) / D
    return near_B[:, None] + share_D * (far_B - near_B)[:, None]


def cell_centres_m(grid: GridSpec, cameras: CameraBatch, D: int, H: int, W: int) -> Tensor:
    """Centres of the frustum's cells in the grid frame, metres (B, D, H, W, 3)."""
    depth_BD = bin_centres_m(grid, cameras, D)
    origin_B3, ray_BHW3 = cameras.rays((H, W))
    return origin_B3[:, None, None, None] + depth_BD[..., None, None, None] * ray_BHW3[:, None]
