"""Occupancy as each camera of a path meets it: OccScene's learned encoding, and the geometric one beside it.

Shape legend: B batch, N frames of a path, K classes, C channels, X Y Z voxels (forward, left, up), D depth of a view,
H W its rows and columns. A volume of a view is (C, D, H, W): depth runs forward, rows down, columns to the right.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec

CAMERA_NUMBERS = 16
GEOMETRY_MAPS = 5
"""Maps of what a camera sees beside one a class: the normal's x, y and z, the voxels' edge in m, the inverse depth."""


@dataclass(frozen=True)
class CameraEncodingConfig:
    """Sizes.

    `depth`: slices of the volume along the view. `slots`: 0 shares one set of weights among all frames; a number gives
    each of so many frames its own. Paper: its own, so that a longer video needs another training. Here: shared by
    default. `reach`: the deformable kernel's side, 3 for 27 points.
    """

    channels: int = 16
    depth: int = 8
    slots: int = 0
    reach: int = 3
    parameter_HW: tuple[int, int] = (4, 12)


def camera_numbers_B16(cameras: CameraBatch, grid: GridSpec) -> Tensor:
    """Intrinsic and extrinsic parameters without units: focal lengths and principal point over the image's size, the
    rotation, and the camera's place in the grid from -0.5 to 0.5."""
    H, W = cameras.size_HW
    K_B33, R_B33 = cameras.K_B33, cameras.camera_from_grid_B44[:, :3, :3]
    focal_B4 = torch.stack([K_B33[:, 0, 0] / W, K_B33[:, 1, 1] / H, K_B33[:, 0, 2] / W, K_B33[:, 1, 2] / H], 1)
    place_B3 = -(R_B33.mT @ cameras.camera_from_grid_B44[:, :3, 3:])[..., 0]
    low_3, extent_3 = place_B3.new_tensor(grid.origin_m), place_B3.new_tensor(grid.extent_m)
    return torch.cat([focal_B4, R_B33.flatten(1), (place_B3 - low_3) / extent_3 - 0.5], 1)


def facing_forward(volume_BCXYZ: Tensor, size_DHW: tuple[int, int, int]) -> Tensor:
    """The grid as seen along +x by parallel rays: (B, C, D, H, W), averages of the voxels of each cell.

    Paper: interpolated. Here: averaged, as interpolation looks at eight voxels of a cell of many.
    """
    turned = volume_BCXYZ.movedim((2, 4, 3), (2, 3, 4)).flip(3, 4)  # z up becomes rows down, y left columns right
    return F.adaptive_avg_pool3d(turned, size_DHW)


class ParameterEncoder(nn.Module):
    """Eq. 3: sigma(Conv(Reshape(FC(P)))), brought to the size of the volume's rows and columns."""

    def __init__(self, channels: int, parameter_HW: tuple[int, int]) -> None:
        super().__init__()
        self.shape = (channels, *parameter_HW)
        self.fc = nn.Linear(CAMERA_NUMBERS, channels * parameter_HW[0] * parameter_HW[1])
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, numbers_B16: Tensor, size_HW: tuple[int, int]) -> Tensor:
        """(B, C, H, W) in 0-1."""
        code_BCHW = self.conv(F.silu(self.fc(numbers_B16)).unflatten(1, self.shape))
        return torch.sigmoid(F.interpolate(code_BCHW, size_HW, mode="bilinear"))


class DeformableConv3d(nn.Module):
    """Eq. 4 without its last factor: sum over k of w_k X(p + p_k + delta p_k), the offsets read from X.

    Starts as the plain convolution of its weights: offsets are zero. `w_k` is one number a point and channel.
    """

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        steps = torch.arange(reach) - (reach - 1) / 2
        self.register_buffer("kernel_K3", torch.cartesian_prod(steps, steps, steps), persistent=False)
        self.kernel_K3: Tensor
        points = reach**3
        self.offset = nn.Conv3d(channels, 3 * points, 3, padding=1)
        nn.init.zeros_(self.offset.weight)
        assert self.offset.bias is not None
        nn.init.zeros_(self.offset.bias)
        self.weight_CK = nn.Parameter(torch.randn(channels, points) / points**0.5)

    def forward(self, volume_BCDHW: Tensor) -> Tensor:
        """The same shape; zeros lie around the volume."""
        size_DHW = volume_BCDHW.shape[2:]
        axes = [torch.arange(n, device=volume_BCDHW.device) + 0.5 for n in size_DHW]
        cell_DHW3 = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        offset_BKDHW3 = self.offset(volume_BCDHW).unflatten(1, (-1, 3)).movedim(2, -1)
        size_3 = cell_DHW3.new_tensor(size_DHW)
        total = torch.zeros_like(volume_BCDHW)
        for k, step_3 in enumerate(self.kernel_K3):
            at_BDHW3 = 2.0 * (cell_DHW3 + step_3 + offset_BKDHW3[:, k]) / size_3 - 1.0
            sampled = F.grid_sample(volume_BCDHW, at_BDHW3.flip(-1).to(volume_BCDHW), align_corners=False)
            total = total + self.weight_CK[:, k, None, None, None] * sampled
        return total


class CameraEncoding(nn.Module):
    """Cross-view camera encoding, Eqs. 3 and 4: one occupancy of the key frame, one volume for each camera.

    Paper: occupancy as one channel of class numbers. Here: class shares through a linear embedding, as class numbers
    have no order, and because shares carry gradients back to the network that perceived them.
    """

    def __init__(self, config: CameraEncodingConfig, classes: int, grid: GridSpec) -> None:
        super().__init__()
        self.config, self.grid = config, grid
        C = config.channels
        self.embed = nn.Conv3d(classes, C, 1)
        sets = max(1, config.slots)
        self.parameters_of = nn.ModuleList(ParameterEncoder(C, config.parameter_HW) for _ in range(sets))
        self.deform = nn.ModuleList(DeformableConv3d(C, config.reach) for _ in range(sets))

    def forward(self, share_BKXYZ: Tensor, cameras: CameraBatch, size_HW: tuple[int, int]) -> Tensor:
        """(B, N, C, D, H, W) from class shares and the B * N cameras, those of one path after the other.

        Raises `InputError` for more frames than the weights have slots.
        """
        frames = len(cameras) // len(share_BKXYZ)
        slots = self.config.slots
        if slots and frames > slots:
            raise InputError(f"camera encoding: trained for {slots} frames, got {frames}; ask for fewer")
        volume = self.embed(facing_forward(share_BKXYZ, (self.config.depth, *size_HW)))
        numbers_BN16 = camera_numbers_B16(cameras, self.grid).unflatten(0, (len(share_BKXYZ), frames))
        shared = None if slots else self.deform[0](volume)
        views = []
        for i in range(frames):
            deformed = self.deform[i](volume) if shared is None else shared
            code_BCHW = self.parameters_of[i if slots else 0](numbers_BN16[:, i].to(volume.dtype), size_HW)
            views.append(deformed * code_BCHW[:, :, None])
        return torch.stack(views, 1)


def frustum_points_BDHW3_m(cameras: CameraBatch, depth_D_m: Tensor, size_HW: tuple[int, int]) -> Tensor:
    """Points of the grid frame at each depth behind the centres of (H, W) cells of each camera's image, in metres."""
    origin_B3, ray_BHW3 = cameras.rays(size_HW)
    depth_D111 = depth_D_m.to(ray_BHW3)[:, None, None, None]
    return origin_B3[:, None, None, None] + depth_D111 * ray_BHW3[:, None]


def resample(volume_BCXYZ: Tensor, grid: GridSpec, point_BDHW3_m: Tensor) -> Tensor:
    """Values of a grid at points of its frame, (B, C + 1, D, H, W): interpolated between voxel centres, zero outside.

    The last channel is one inside the grid. The points may hold several frames' of one grid one after the other in D.
    Differentiable in the values, so that a perception network can learn from what its occupancy did.
    """
    low_3, extent_3 = point_BDHW3_m.new_tensor(grid.origin_m), point_BDHW3_m.new_tensor(grid.extent_m)
    at_BDHW3 = 2.0 * (point_BDHW3_m - low_3) / extent_3 - 1.0
    inside_BDHW = (at_BDHW3.abs() <= 1.0).all(-1)
    sampled = F.grid_sample(
        volume_BCXYZ, at_BDHW3.flip(-1).to(volume_BCXYZ), align_corners=False, padding_mode="border"
    )
    inside = inside_BDHW[:, None].to(sampled)
    return torch.cat([sampled * inside, inside], 1)


def frustum_views(
    volume_BCXYZ: Tensor, grid: GridSpec, cameras: CameraBatch, depth_D_m: Tensor, size_HW: tuple[int, int]
) -> Tensor:
    """The geometric path: occupancy in the frustum of each of B * N cameras, (B, N, C + 1, D, H, W)."""
    B, frames = len(volume_BCXYZ), len(cameras) // len(volume_BCXYZ)
    point = frustum_points_BDHW3_m(cameras, depth_D_m, size_HW)
    point = point.unflatten(0, (B, frames)).flatten(1, 2)
    return resample(volume_BCXYZ, grid, point).unflatten(2, (frames, -1)).transpose(1, 2)


def ray_depths_m(grid: GridSpec, count: int) -> Tensor:
    """`count` even depths up to the grid's diagonal, (D,): fine enough where their step is less than a voxel."""
    diagonal_m = sum(e**2 for e in grid.extent_m) ** 0.5
    return torch.linspace(0.0, diagonal_m, count + 1)[1:]


def soft_raycast(
    share_BKXYZ: Tensor, grid: GridSpec, cameras: CameraBatch, depth_D_m: Tensor, size_HW: tuple[int, int]
) -> Tensor:
    """What each of B * N cameras sees of class shares: maps (B, N, K + 5, H, W), differentiable in the shares.

    Along a ray each sample is hit with the share that is not empty (class 0), if none before it was. Channels are the
    share of rays that end at each class, 0 for those that hit nothing; the mean normal where they end, in the grid's
    frame; the voxels' edge, in m; and the inverse of the depth they end at, in 1/m; all zero for what hits
    nothing. With certain shares and fine depths it is the ray caster's view.
    """
    volume = torch.cat([share_BKXYZ, outward(share_BKXYZ[:, 0])], 1)
    seen = frustum_views(volume, grid, cameras, depth_D_m, size_HW)
    share_BNKDHW, normal_BN3DHW, inside_BN1DHW = seen.split([share_BKXYZ.shape[1], 3, 1], 2)
    open_BN1DHW = share_BNKDHW[:, :, :1] + (1.0 - inside_BN1DHW)
    reached_BN1DHW = open_BN1DHW.clamp(0.0, 1.0).cumprod(3)
    before_BN1DHW = torch.cat([torch.ones_like(reached_BN1DHW[:, :, :, :1]), reached_BN1DHW[:, :, :, :-1]], 3)
    ends_BNKDHW = share_BNKDHW[:, :, 1:] * before_BN1DHW
    end_BN1DHW = ends_BNKDHW.sum(2, keepdim=True)
    normal = (end_BN1DHW * F.normalize(normal_BN3DHW, dim=2, eps=1e-6)).sum(3)
    inverse_D11 = (1.0 / depth_D_m).to(ends_BNKDHW)[:, None, None]
    inverse_depth, edge = (end_BN1DHW * inverse_D11).sum(3), grid.voxel_m[0] * end_BN1DHW.sum(3)
    return torch.cat([reached_BN1DHW[:, :, :, -1], ends_BNKDHW.sum(3), normal, edge, inverse_depth], 2)


def outward(open_BXYZ: Tensor) -> Tensor:
    """The direction in which an open share grows, (B, 3, X, Y, Z): central differences, outside as at the border."""
    padded = F.pad(open_BXYZ[:, None], (1,) * 6, mode="replicate")[:, 0]
    inner = slice(1, -1)
    return torch.stack(
        [
            padded[:, 2:, inner, inner] - padded[:, :-2, inner, inner],
            padded[:, inner, 2:, inner] - padded[:, inner, :-2, inner],
            padded[:, inner, inner, 2:] - padded[:, inner, inner, :-2],
        ],
        1,
    )
