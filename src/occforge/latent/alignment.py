"""Mamba-based Dual Alignment: occupancy along its depth and frames along their time, in one sequence.

Around every patch of the picture, each frame gives the patches of its occupancy from near to far and then its own
latent patch; frames follow each other in time, patches row by row. So what belongs together lies a few steps apart.
Shape legend: B batch, N frames, C latent channels, O occupancy channels, D H W depth, rows and columns, d h w the same
in patches, E width of the tokens, L steps of the sequence. Source: OccScene, Sec. III-C, Eqs. 5-9, Tables IX and X.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.latent.mamba import BidirectionalMamba

Encoding = Literal["mamba", "attention", "gru", "depth", "time", "off"]


@dataclass(frozen=True)
class AlignmentConfig:
    """How occupancy is brought into the latent.

    `encoding`: bidirectional Mamba over both; attention or a GRU in its place (Table IX); Mamba along depth alone, the
    frames by 3D convolutions, or along time alone, the occupancy by 3D convolutions (Table X); or nothing.
    """

    encoding: Encoding = "mamba"
    width: int = 64
    patch: int = 2
    depth_patch: int = 2
    heads: int = 4
    state: int = 16
    blocks: int = 1

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 8:
            raise InputError(
                f"alignment: expected a width divisible by 8 and by its {self.heads} heads, got {self.width}"
            )


class Alignment(nn.Module):
    """L + ZeroConv(X_mam), Eq. 9: returns the latent itself, bit for bit, until it has been trained."""

    def __init__(self, config: AlignmentConfig, latent_channels: int, occupancy_channels: int) -> None:
        super().__init__()
        self.config = config
        if config.encoding == "off":
            return
        E, p = config.width, config.patch
        self.latent_patches = nn.Conv2d(latent_channels, E, p, p)
        self.occupancy_patches = nn.Conv3d(
            occupancy_channels, E, (config.depth_patch, p, p), (config.depth_patch, p, p)
        )
        self.kind = nn.Parameter(torch.zeros(2, E))  # of tokens: occupancy, latent
        self.blocks = nn.ModuleList(make_block(config) for _ in range(config.blocks))
        self.beside = nn.Conv3d(E, E, 3, padding=1) if config.encoding in ("depth", "time") else None
        self.unpatch = nn.ConvTranspose2d(E, latent_channels, p, p)
        self.zero = nn.Conv2d(latent_channels, latent_channels, 1)
        nn.init.zeros_(self.zero.weight)
        assert self.zero.bias is not None
        nn.init.zeros_(self.zero.bias)

    def forward(self, latent_BNCHW: Tensor, occupancy_BNODHW: Tensor) -> Tensor:
        """The aligned latent (B, N, C, H, W); the occupancy is each frame's own, of any size."""
        if self.config.encoding == "off":
            return latent_BNCHW
        B, N, _, H, W = latent_BNCHW.shape
        p = self.config.patch
        missing = (0, -W % p, 0, -H % p)  # rows and columns that no whole patch holds
        flat_MCHW = F.pad(latent_BNCHW.flatten(0, 1), missing)
        latent_MEhw = self.latent_patches(flat_MCHW)
        size_DHW = (occupancy_BNODHW.shape[3], H, W)
        occupancy_MODHW = F.interpolate(occupancy_BNODHW.flatten(0, 1), size_DHW, mode="area")
        occupancy_MEdhw = self.occupancy_patches(F.pad(occupancy_MODHW, missing))
        occupancy_BNdhwE = occupancy_MEdhw.movedim(1, -1).unflatten(0, (B, N)) + self.kind[0]
        latent_BNhwE = latent_MEhw.movedim(1, -1).unflatten(0, (B, N)) + self.kind[1]
        aligned_BNEhw = self.encode(occupancy_BNdhwE, latent_BNhwE).movedim(-1, 2)
        added_MCHW = self.zero(self.unpatch(aligned_BNEhw.flatten(0, 1)))[:, :, :H, :W]
        return latent_BNCHW + added_MCHW.unflatten(0, (B, N))

    def encode(self, occupancy_BNdhwE: Tensor, latent_BNhwE: Tensor) -> Tensor:
        """The latent's tokens (B, N, h, w, E), with what their occupancy says."""
        if self.config.encoding == "depth":
            return self.scanned(occupancy_BNdhwE).mean(2) + self.convolved(latent_BNhwE)
        if self.config.encoding == "time":
            near_to_far = self.convolved(occupancy_BNdhwE.flatten(0, 1)).unflatten(0, latent_BNhwE.shape[:2])
            return near_to_far.mean(2) + self.scanned(latent_BNhwE[:, :, None])[:, :, 0]
        together = torch.cat([occupancy_BNdhwE, latent_BNhwE[:, :, None]], 2)
        return self.scanned(together)[:, :, -1]

    def scanned(self, token_BNkhwE: Tensor) -> Tensor:
        """Tokens of k places a frame through all blocks, as one sequence; the same shape."""
        N, k, h, w = token_BNkhwE.shape[1:5]
        code_NkhwE = position_code((N, k, h, w), self.config.width).to(token_BNkhwE)
        step_BLE = as_sequence(token_BNkhwE + code_NkhwE)
        for block in self.blocks:
            step_BLE = block(step_BLE)
        return from_sequence(step_BLE, (N, k, h, w))

    def convolved(self, token_BThwE: Tensor) -> Tensor:
        """Tokens of T frames or depths through the 3D convolution that stands for the scan; the same shape."""
        assert self.beside is not None
        return token_BThwE + F.silu(self.beside(token_BThwE.movedim(-1, 1))).movedim(1, -1)


def as_sequence(token_BNkhwE: Tensor) -> Tensor:
    """(B, L, E): patches row by row, in each patch the frames in time, in each frame its k places."""
    return token_BNkhwE.permute(0, 3, 4, 1, 2, 5).flatten(1, 4)


def from_sequence(step_BLE: Tensor, size_Nkhw: tuple[int, int, int, int]) -> Tensor:
    """Inverse of `as_sequence`."""
    N, k, h, w = size_Nkhw
    return step_BLE.unflatten(1, (h, w, N, k)).permute(0, 3, 4, 1, 2, 5)


def position_code(size: tuple[int, ...], width: int) -> Tensor:
    """Sines and cosines of each index, (*size, width); a scan knows its order, attention does not."""
    share = width // len(size)
    codes = []
    for axis, n in enumerate(size):
        rate = 1.0 / 1000.0 ** (torch.arange(share // 2) / (share // 2))
        angle = torch.arange(n)[:, None] * rate
        code = torch.cat([angle.sin(), angle.cos()], -1)
        shape = [1] * len(size) + [share]
        shape[axis] = n
        codes.append(code.view(shape).expand(*size, share))
    return torch.cat(codes, -1)


def make_block(config: AlignmentConfig) -> nn.Module:
    """What scans the sequence: (B, L, E) to the same shape."""
    if config.encoding == "attention":
        return AttentionBlock(config.width, config.heads)
    if config.encoding == "gru":
        return GRUBlock(config.width)
    return BidirectionalMamba(config.width, config.heads, config.state)


class AttentionBlock(nn.Module):
    """Self-attention and a small network, each around a residual: as many parameters as a Mamba block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.enter, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x_BLE: Tensor) -> Tensor:
        """(B, L, E) to the same shape."""
        query, key, value = self.enter(self.norm_1(x_BLE)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended_BHLP = F.scaled_dot_product_attention(query, key, value)
        x_BLE = x_BLE + self.leave(attended_BHLP.transpose(1, 2).flatten(2))
        return x_BLE + self.mlp(self.norm_2(x_BLE))


class GRUBlock(nn.Module):
    """Gated recurrent units forward and backward around a residual: as many parameters as a Mamba block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gru = nn.GRU(width, 3 * width // 4, batch_first=True, bidirectional=True)
        self.leave = nn.Linear(2 * (3 * width // 4), width)

    def forward(self, x_BLE: Tensor) -> Tensor:
        """(B, L, E) to the same shape."""
        return x_BLE + self.leave(self.gru(self.norm(x_BLE))[0])
