"""Batches as networks take them: tensors with the geometry that they belong to.

Shape legend: B batch, N points, H W image rows and columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from occforge.core.camera import Camera
from occforge.core.errors import InputError


@dataclass(frozen=True)
class CameraBatch:
    """Pinhole cameras of equal image size: `K_B33` in pixels, `camera_from_grid_B44` in metres, float32."""

    K_B33: Tensor
    camera_from_grid_B44: Tensor
    size_HW: tuple[int, int]

    @staticmethod
    def stack(cameras: Sequence[Camera]) -> "CameraBatch":
        """Cameras of one batch; raises `InputError` if there are none or if their image sizes differ."""
        sizes = {camera.size_HW for camera in cameras}
        if len(sizes) != 1:
            raise InputError(
                f"camera batch: expected cameras of one image size, got {sorted(sizes) or 'none'}; resize the images "
                "and use camera.resized"
            )
        K_B33 = torch.from_numpy(np.stack([c.K_33 for c in cameras])).float()
        camera_from_grid_B44 = torch.from_numpy(np.stack([c.camera_from_grid_44 for c in cameras])).float()
        return CameraBatch(K_B33, camera_from_grid_B44, sizes.pop())

    def __len__(self) -> int:
        return len(self.K_B33)

    def to(self, device: torch.device | str) -> "CameraBatch":
        """The same cameras on a device."""
        return CameraBatch(self.K_B33.to(device), self.camera_from_grid_B44.to(device), self.size_HW)

    def resized(self, size_HW: tuple[int, int]) -> "CameraBatch":
        """The same cameras with another image size: only K scales, see `Camera.resized`."""
        scale_v, scale_u = size_HW[0] / self.size_HW[0], size_HW[1] / self.size_HW[1]
        scale_31 = self.K_B33.new_tensor([[scale_u], [scale_v], [1.0]])
        return CameraBatch(scale_31 * self.K_B33, self.camera_from_grid_B44, size_HW)

    def project(self, point_N3_m: Tensor) -> tuple[Tensor, Tensor]:
        """Grid-frame points (N, 3) in metres to pixels (B, N, 2) as (u, v) and depths (B, N) along the optical axis.

        Where the depth is not positive the pixel has no meaning, but is finite.
        """
        R_B33, t_B3 = self.camera_from_grid_B44[:, :3, :3], self.camera_from_grid_B44[:, :3, 3]
        point_BN3 = point_N3_m @ R_B33.transpose(1, 2) + t_B3[:, None]
        uvw_BN3 = point_BN3 @ self.K_B33.transpose(1, 2)
        depth_BN = point_BN3[..., 2]
        return uvw_BN3[..., :2] / depth_BN.clamp(min=1e-4)[..., None], depth_BN

    def inside(self, pixel_BN2: Tensor, depth_BN: Tensor) -> Tensor:
        """True (B, N) where a projected point lies in front of its camera and within its image."""
        H, W = self.size_HW
        u_BN, v_BN = pixel_BN2.unbind(-1)
        return (depth_BN > 0) & (u_BN >= 0) & (u_BN < W) & (v_BN >= 0) & (v_BN < H)

    def rays(self, cells_HW: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Origins (B, 3) and directions (B, H, W, 3) in the grid frame of the rays through the cells of a map.

        The map divides the image into `cells_HW` cells, rays run through their centres; a direction has a depth of one
        metre along the optical axis.
        """
        H, W = cells_HW
        scale_2 = self.K_B33.new_tensor((self.size_HW[1] / W, self.size_HW[0] / H))
        rows, columns = (torch.arange(n, device=self.K_B33.device) + 0.5 for n in (H, W))
        pixel_HW2 = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1) * scale_2
        pixel_HW3 = torch.cat([pixel_HW2, torch.ones_like(pixel_HW2[..., :1])], -1)
        R_B33, t_B3 = self.camera_from_grid_B44[:, :3, :3], self.camera_from_grid_B44[:, :3, 3]
        direction_BHW3 = pixel_HW3 @ torch.linalg.inv(self.K_B33).mT[:, None] @ R_B33[:, None]
        return -(R_B33.mT @ t_B3[..., None])[..., 0], direction_BHW3
