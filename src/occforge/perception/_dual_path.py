"""OccFormer's dual-path transformer encoder: windows of every slice seen from above, and the slices' mean at large.

Shape legend: B batch, C channels, X Y Z voxels, H W rows and columns, S side of a window, N = S * S, M heads.
Source: OccFormer (Zhang et al., 2023), Sec. 3.2; windows of Swin (Liu et al., 2021), Sec. 3.2.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 6, 12, 18)


@dataclass(frozen=True)
class DualPathConfig:
    """`channels` and `blocks` of each stage; all but the first halve the volume. `window` is a side in cells.

    `groups` of the norms; `drop_path` and `dropout` are shares left out in training.
    """

    channels: tuple[int, ...] = (128, 256, 512, 1024)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    head_channels: int = 32
    window: int = 7
    groups: int = 32
    drop_path: float = 0.2
    dropout: float = 0.1


def partition_windows(x_BHWC: Tensor, side: int) -> Tensor:
    """A map cut into windows, row by row: (B, windows, N, C). Its sides must be multiples of the window's."""
    B, H, W, C = x_BHWC.shape
    blocks = x_BHWC.reshape(B, H // side, side, W // side, side, C).transpose(2, 3)
    return blocks.reshape(B, -1, side * side, C)


def merge_windows(window_BVNC: Tensor, H: int, W: int, side: int) -> Tensor:
    """Inverse of `partition_windows`."""
    B, C = len(window_BVNC), window_BVNC.shape[-1]
    blocks = window_BVNC.reshape(B, H // side, W // side, side, side, C).transpose(2, 3)
    return blocks.reshape(B, H, W, C)


def drop_path(x: Tensor, rate: float, training: bool) -> Tensor:
    """Leave the branch out for a share of the batch, and scale it up for the rest (stochastic depth)."""
    if rate == 0.0 or not training:
        return x
    keep = torch.rand(len(x), *(1,) * (x.ndim - 1), device=x.device) >= rate
    return x * keep / (1.0 - rate)


class WindowAttention(nn.Module):
    """Self-attention within windows with a learned bias for relative places; every second one shifts by half a window.

    Maps no larger than a window are not shifted. What a shift brings together from opposite borders is masked.
    """

    def __init__(self, channels: int, heads: int, side: int, shifted: bool) -> None:
        super().__init__()
        self.heads, self.side, self.shift = heads, side, side // 2 if shifted else 0
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros(heads, (2 * side - 1) ** 2))
        row_N, column_N = torch.arange(side).repeat_interleave(side), torch.arange(side).repeat(side)
        row_NN, column_NN = (at[:, None] - at[None] + side - 1 for at in (row_N, column_N))
        self.register_buffer("relative_NN", row_NN * (2 * side - 1) + column_NN, persistent=False)
        self.relative_NN: Tensor

    def forward(self, x_BHWC: Tensor) -> Tensor:
        H, W = x_BHWC.shape[1:3]
        side, shift = self.side, self.shift if max(H, W) > self.side else 0
        x = F.pad(x_BHWC, (0, 0, 0, -W % side, 0, -H % side))
        padded_H, padded_W = x.shape[1:3]
        x = x.roll((-shift, -shift), (1, 2))
        windows_BVNC = partition_windows(x, side)
        q, k, v = self.qkv(windows_BVNC).unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)  # (B, V, M, N, c)
        bias = self.bias[:, self.relative_NN][None, None]
        if shift:
            bias = bias.masked_fill(self._foreign(padded_H, padded_W)[None, :, None], -torch.inf)
        attended = F.scaled_dot_product_attention(q, k, v, bias.to(q)).transpose(2, 3).flatten(3)
        x = merge_windows(self.out(attended), padded_H, padded_W, side).roll((shift, shift), (1, 2))
        return x[:, :H, :W]

    def _foreign(self, H: int, W: int) -> Tensor:
        """Pairs (windows, N, N) of a shifted map's cells that were not neighbours before the shift."""
        device = self.relative_NN.device
        row_H = (torch.arange(H, device=device) >= H - self.shift).long()
        column_W = (torch.arange(W, device=device) >= W - self.shift).long()
        region_1HW1 = (2 * row_H[:, None] + column_W)[None, :, :, None]
        region_VN = partition_windows(region_1HW1, self.side)[0, :, :, 0]
        return region_VN[:, :, None] != region_VN[:, None]


class WindowBlock(nn.Module):
    """Window attention and a feed-forward network of the same width, each after a norm and added to its input."""

    def __init__(self, channels: int, heads: int, side: int, shifted: bool, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.norm_1, self.attend = nn.LayerNorm(channels), WindowAttention(channels, heads, side, shifted)
        self.norm_2 = nn.LayerNorm(channels)
        self.feed = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x = x_BCHW.movedim(1, -1)
        x = x + drop_path(self.attend(self.norm_1(x)), self.drop, self.training)
        x = x + drop_path(self.feed(self.norm_2(x)), self.drop, self.training)
        return x.movedim(-1, 1)


class AtrousPyramid(nn.Module):
    """Convolutions of growing dilation and the map's mean, mixed and added to the input.

    Paper's code: a norm on the mean as well. Here: none. Because: it has one cell, too few for a norm of a small group.
    """

    def __init__(self, channels: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 1 if d == 1 else 3, padding=0 if d == 1 else d, dilation=d, bias=False),
                nn.GroupNorm(groups, channels),
                nn.ReLU(),
            )
            for d in DILATIONS
        )
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1), nn.ReLU())
        self.mix = nn.Sequential(
            nn.Conv2d((len(DILATIONS) + 1) * channels, channels, 1, bias=False),
            nn.GroupNorm(groups, channels),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        seen = [branch(x_BCHW) for branch in self.branches]
        return x_BCHW + self.mix(torch.cat([*seen, self.mean(x_BCHW).expand_as(x_BCHW)], 1))


class DualPathBlock(nn.Module):
    """Local path on every slice, global path on their mean, fused by a sigmoid of the local features (Eq. 2)."""

    def __init__(self, inputs: int, channels: int, stride: int, shifted: bool, config: DualPathConfig) -> None:
        super().__init__()
        groups, narrow = config.groups, channels // 4
        self.conv_in = nn.Sequential(
            nn.Conv3d(inputs, channels, 3, stride, 1, bias=False), nn.GroupNorm(groups, channels), nn.ReLU()
        )
        self.windows = WindowBlock(channels, channels // config.head_channels, config.window, shifted, config.drop_path)
        few = math.gcd(groups, narrow // 2)
        self.at_large = nn.Sequential(
            nn.Conv2d(channels, narrow, 1, bias=False),
            nn.GroupNorm(few, narrow),
            nn.ReLU(),
            AtrousPyramid(narrow, few, config.dropout),
            nn.Conv2d(narrow, channels, 1, bias=False),
            nn.GroupNorm(groups, channels),
            nn.ReLU(),
        )
        self.weigh = nn.Conv3d(channels, 1, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != channels:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inputs, channels, 1, stride, bias=False), nn.GroupNorm(groups, channels)
            )

    def forward(self, x_BCXYZ: Tensor) -> Tensor:
        x = self.conv_in(x_BCXYZ)
        slices = x.movedim(-1, 1)  # (B, Z, C, X, Y)
        both = torch.cat([slices, slices.mean(1, keepdim=True)], 1)  # the same windows serve both paths
        both = self.windows(both.flatten(0, 1)).unflatten(0, both.shape[:2])
        local, mean = both[:, :-1].movedim(1, -1), both[:, -1]
        wide = mean + self.at_large(mean)
        return local + torch.sigmoid(self.weigh(local)) * wide[..., None] + self.shortcut(x_BCXYZ)


class DualPathEncoder(nn.Module):
    """A lifted volume to a pyramid of volumes, finest first."""

    def __init__(self, inputs: int, config: DualPathConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        made = 0
        for stage, (channels, blocks) in enumerate(zip(config.channels, config.blocks, strict=True)):
            layers = []
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(DualPathBlock(inputs, channels, stride, made % 2 == 1, config))
                inputs, made = channels, made + 1
            self.stages.append(nn.Sequential(*layers))

    def forward(self, x_BCXYZ: Tensor) -> list[Tensor]:
        pyramid, x = [], x_BCXYZ
        for stage in self.stages:
            x = stage(x)
            pyramid.append(x)
        return pyramid
