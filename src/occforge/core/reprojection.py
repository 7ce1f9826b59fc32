"""Where the pixels of a frame lie in the frame before it, by depth and cameras.

Shape legend: B batch, N frames, C channels, H W rows and columns.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from occforge.core.batch import CameraBatch

RELATIVE, ABSOLUTE_PER_M = 0.1, 1e-3
"""A point is seen in both frames where its inverse depths agree so far; a cell of a slanted surface holds many."""


@dataclass(frozen=True)
class Before:
    """For every frame but the first, (B, N - 1, H, W): its pixels' places in the frame before, and where those show
    the same point. `at_BMHW2` is in -1..1 as `grid_sample` takes it."""

    at_BMHW2: Tensor
    same_BMHW: Tensor

    def brought(self, frame_BCHW: Tensor, index: int) -> Tensor:
        """Frame `index` of B paths as the next frame sees it, (B, C, H, W); only `same_BMHW[:, index]` has meaning."""
        at_BHW2 = self.at_BMHW2[:, index].to(frame_BCHW)
        return F.grid_sample(frame_BCHW, at_BHW2, padding_mode="border", align_corners=False)


def frame_before(inverse_depth_BNHW: Tensor, cameras: CameraBatch) -> Before:
    """Reproject B * N views, those of a path one after the other; inverse depths in 1/m, 0 for what is infinitely far.

    The maps may be of another fineness than the cameras' pictures.
    """
    B, N, H, W = inverse_depth_BNHW.shape
    origin_F3, ray_FHW3 = cameras.rays((H, W))
    origin_BN3, ray_BNHW3 = origin_F3.unflatten(0, (B, N)), ray_FHW3.unflatten(0, (B, N))
    pose_BN44, K_BN33 = (m.unflatten(0, (B, N)) for m in (cameras.camera_from_grid_B44, cameras.K_B33))
    R_BM33, t_BM3, K_BM33 = pose_BN44[:, :-1, :3, :3], pose_BN44[:, :-1, :3, 3], K_BN33[:, :-1]
    w_BMHW1 = inverse_depth_BNHW[:, 1:, ..., None]
    moved_BM3 = (R_BM33 @ origin_BN3[:, 1:, :, None])[..., 0] + t_BM3  # a camera's place, seen from the one before
    point_BMHW3 = ray_BNHW3[:, 1:] @ R_BM33.mT[:, :, None] + w_BMHW1 * moved_BM3[:, :, None, None]
    z_BMHW = point_BMHW3[..., 2].clamp(min=1e-6)
    pixel_BMHW2 = (point_BMHW3 @ K_BM33.mT[:, :, None])[..., :2] / z_BMHW[..., None]
    rows, columns = cameras.size_HW
    at_BMHW2 = 2.0 * pixel_BMHW2 / pixel_BMHW2.new_tensor((columns, rows)) - 1.0
    expected_BMHW = w_BMHW1[..., 0] / z_BMHW
    there_BMHW = F.grid_sample(
        inverse_depth_BNHW[:, :-1].flatten(0, 1)[:, None], at_BMHW2.flatten(0, 1), mode="nearest", align_corners=False
    )[:, 0].unflatten(0, (B, N - 1))
    inside_BMHW = (at_BMHW2.abs() <= 1.0).all(-1) & (point_BMHW3[..., 2] > 1e-6)
    agrees_BMHW = (expected_BMHW - there_BMHW).abs() <= RELATIVE * expected_BMHW + ABSOLUTE_PER_M
    return Before(at_BMHW2, inside_BMHW & agrees_BMHW)


def inverse_depths(depth_HW_m: Tensor) -> Tensor:
    """1 / depth, and 0 where nothing was hit (depth 0)."""
    return torch.where(depth_HW_m > 0, 1.0 / depth_HW_m.clamp(min=1e-3), 0.0)
