"""The small generator: pictures from noise, words and what their camera sees of an occupancy.

An hourglass of transformer blocks on patches of the picture itself, no autoencoder: the inner ones work on groups of
2 x 2 patches. Words enter by cross-attention, the noise level and the camera by modulation. The occupancy enters twice:
as maps that the camera sees (`camera_encoding.soft_raycast`, or a ray caster's) at half the picture's fineness, and by
the dual alignment in the middle, which is also the only place where frames meet.

Shape legend: B batch, N frames, M maps, H W rows and columns, h w the same in patches, L words, E width, T tokens.
Source: hourglass of Crowson et al. 2024 (HDiT); modulation shared by blocks: Chen et al. 2023 (PixArt-alpha).
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.latent.alignment import Alignment, AlignmentConfig, position_code
from occforge.latent.camera_encoding import CAMERA_NUMBERS


@dataclass(frozen=True)
class PainterConfig:
    """Sizes. `fine` are the channels of the convolutions at the picture's own fineness. `maps` are the channels that a camera sees of an occupancy, `volume` those of the camera encoding."""

    channels: int = 3
    patch: int = 8
    width: int = 192
    inner_width: int = 288
    outer_blocks: int = 2
    inner_blocks: int = 3
    head: int = 32
    fine: int = 16
    words: int = 128
    maps: int = 21
    volume: int = 16
    alignment: AlignmentConfig = field(default_factory=lambda: AlignmentConfig(patch=1))

    def __post_init__(self) -> None:
        for name in ("width", "inner_width"):
            if getattr(self, name) % self.head:
                raise InputError(
                    f"painter: expected {name} divisible by a head's {self.head}, got {getattr(self, name)}"
                )


class Painter(nn.Module):
    """What of a noisy picture is the picture (or its noise, or velocity: `objective.Diffusion` says which)."""

    def __init__(self, config: PainterConfig) -> None:
        super().__init__()
        self.config = config
        p, E, inner = config.patch, config.width, config.inner_width
        self.enter = nn.Conv2d(config.channels, E, p, p)
        cells = p // 2  # of the maps a patch: one for two pixels
        self.look = nn.Sequential(nn.Conv2d(config.maps, 64, 1), nn.SiLU(), nn.Conv2d(64, E, cells, cells))
        self.modulate_outer = Modulation(E)
        self.modulate_inner = Modulation(inner)
        self.down = nn.ModuleList(Block(E, config.head, config.words) for _ in range(config.outer_blocks))
        self.merge = nn.Linear(4 * E, inner)
        self.inner = nn.ModuleList(Block(inner, config.head, config.words) for _ in range(config.inner_blocks))
        self.align = Alignment(config.alignment, inner, config.volume)
        self.split = nn.Linear(inner, 4 * E)
        self.up = nn.ModuleList(Block(E, config.head, config.words) for _ in range(config.outer_blocks))
        self.norm = nn.LayerNorm(E)
        self.leave = nn.Linear(E, p * p * (config.channels + config.fine // 2))
        self.fine = Fine(config.channels, config.fine, 64)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(
        self,
        y_BNCHW: Tensor,
        level_B: Tensor,
        words_BLE: Tensor,
        camera_BN16: Tensor,
        maps_BNMHW: Tensor,
        volume_BNODHW: Tensor,
    ) -> Tensor:
        """The prediction (B, N, C, H, W). `level_B` is the noise's share sqrt(1 - alpha_bar) in 0-1.

        `maps_BNMHW` (of any size) and `volume_BNODHW` (as `CameraEncoding` gives it) are zero where no occupancy is
        known. Raises `InputError` for a picture that whole groups of patches do not fill.
        """
        B, N, C, H, W = y_BNCHW.shape
        p = self.config.patch
        if H % (2 * p) or W % (2 * p):
            raise InputError(
                f"painter: expected rows and columns divisible by {2 * p}, got {H} x {W}; choose another size"
            )
        h, w = H // p, W // p
        maps_FMHW = F.interpolate(maps_BNMHW.flatten(0, 1), (H // 2, W // 2), mode="area")
        looked = self.look[:2](maps_FMHW)
        x_FEhw = self.enter(y_BNCHW.flatten(0, 1)) + self.look[2](looked)
        told_F = level_B.repeat_interleave(N), camera_BN16.flatten(0, 1)
        words_FLE = words_BLE.repeat_interleave(N, 0)
        outer = self.modulate_outer(*told_F)

        x_FTE = x_FEhw.flatten(2).mT + position_code((h, w), self.config.width).to(x_FEhw).flatten(0, 1)
        for block in self.down:
            x_FTE = block(x_FTE, words_FLE, outer)
        x_FTI = self.merge(grouped(x_FTE, h, w))
        x_FTI = x_FTI + position_code((h // 2, w // 2), self.config.inner_width).to(x_FTI).flatten(0, 1)
        inner = self.modulate_inner(*told_F)
        for i, block in enumerate(self.inner):
            x_FTI = block(x_FTI, words_FLE, inner)
            if i == 0:
                latent_BNIhw = x_FTI.mT.unflatten(2, (h // 2, w // 2)).unflatten(0, (B, N))
                x_FTI = self.align(latent_BNIhw, volume_BNODHW).flatten(0, 1).flatten(2).mT
        x_FTE = x_FTE + ungrouped(self.split(x_FTI), h // 2, w // 2)
        for block in self.up:
            x_FTE = block(x_FTE, words_FLE, outer)
        patch_FTP = self.leave(self.norm(x_FTE))
        picture, feature = F.pixel_shuffle(patch_FTP.mT.unflatten(2, (h, w)), p).split([C, self.config.fine // 2], 1)
        return (picture + self.fine(y_BNCHW.flatten(0, 1), feature, looked, *told_F)).unflatten(0, (B, N))


class Fine(nn.Module):
    """What a patch cannot hold, edges and what crosses into the next one: two convolutions at the picture's fineness."""

    def __init__(self, channels: int, width: int, looked: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(looked, width // 2, 1)
        self.modulate = Modulation(width, 2)
        self.conv_1 = nn.Conv2d(channels + width // 2 + width // 2, width, 3, padding=1)
        self.conv_2 = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.conv_2.weight)
        assert self.conv_2.bias is not None
        nn.init.zeros_(self.conv_2.bias)

    def forward(
        self, y_FCHW: Tensor, feature_FEHW: Tensor, looked_FEhw: Tensor, level_F: Tensor, camera_F16: Tensor
    ) -> Tensor:
        """What to add to the picture (F, C, H, W): from the noisy one, features of its patches and half as fine maps."""
        seen_FEHW = F.interpolate(self.look(looked_FEhw), y_FCHW.shape[-2:], mode="nearest")
        scale, shift = self.modulate(level_F, camera_F16)[..., None, None].unbind(1)
        return self.conv_2(F.silu(self.conv_1(torch.cat([y_FCHW, feature_FEHW, seen_FEHW], 1)) * (1.0 + scale) + shift))


def grouped(x_FTE: Tensor, h: int, w: int) -> Tensor:
    """Patches of (h, w) in groups of 2 x 2: (F, T / 4, 4 E)."""
    return F.pixel_unshuffle(x_FTE.mT.unflatten(2, (h, w)), 2).flatten(2).mT


def ungrouped(x_FTE: Tensor, h: int, w: int) -> Tensor:
    """Inverse of `grouped`; (h, w) counts the groups."""
    return F.pixel_shuffle(x_FTE.mT.unflatten(2, (h, w)), 2).flatten(2).mT


class Modulation(nn.Module):
    """Noise level and camera as vectors that every block of a width scales, shifts and gates by: (F, vectors, E)."""

    def __init__(self, width: int, vectors: int = 6, bands: int = 16) -> None:
        super().__init__()
        self.vectors, self.bands = vectors, bands
        told = 2 * bands + CAMERA_NUMBERS
        self.net = nn.Sequential(nn.Linear(told, width), nn.SiLU(), nn.Linear(width, vectors * width))

    def forward(self, level_F: Tensor, camera_F16: Tensor) -> Tensor:
        """`level_F` in 0-1."""
        rate = torch.logspace(0.0, 3.0, self.bands, device=level_F.device) * (0.5 * math.pi)
        angle = level_F[:, None].float() * rate  # in float32: the fastest turn 160 times
        told = torch.cat([angle.sin(), angle.cos(), camera_F16.float()], 1)
        return self.net(told.to(level_F)).unflatten(1, (self.vectors, -1))


class Block(nn.Module):
    """Self-attention among patches, cross-attention to words, and a network, each around a residual."""

    def __init__(self, width: int, head: int, words: int) -> None:
        super().__init__()
        self.head = head
        self.own_6E = nn.Parameter(torch.zeros(6, width))  # what this block adds to the shared modulation
        self.norm_1, self.norm_2, self.norm_3 = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.query_key_value, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(words, 2 * width)
        self.told = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, x_FTE: Tensor, words_FLE: Tensor, modulation_F6E: Tensor) -> Tensor:
        """(F, T, E) to the same shape."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (modulation_F6E + self.own_6E)[:, :, None].unbind(1)
        h_FTE = self.norm_1(x_FTE) * (1.0 + scale_1) + shift_1
        query, key, value = (self.heads(a) for a in self.query_key_value(h_FTE).chunk(3, -1))
        x_FTE = x_FTE + (1.0 + gate_1) * self.mixed(attend(query, key, value))
        query = self.heads(self.query(self.norm_2(x_FTE)))
        key, value = (self.heads(a) for a in self.key_value(words_FLE).chunk(2, -1))
        x_FTE = x_FTE + self.told(attend(query, key, value))
        h_FTE = self.norm_3(x_FTE) * (1.0 + scale_2) + shift_2
        return x_FTE + (1.0 + gate_2) * self.mlp(h_FTE)

    def heads(self, x_FTE: Tensor) -> Tensor:
        """(F, heads, T, head)."""
        return x_FTE.unflatten(-1, (-1, self.head)).transpose(1, 2)


def attend(query_FHTD: Tensor, key_FHLD: Tensor, value_FHLD: Tensor) -> Tensor:
    """Attention of normed queries and keys, (F, T, E): norms keep it stable at large learning rates."""
    query, key = (F.rms_norm(a, a.shape[-1:]) for a in (query_FHTD, key_FHLD))
    return F.scaled_dot_product_attention(query, key, value_FHLD).transpose(1, 2).flatten(2)
