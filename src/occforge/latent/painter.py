"""The small generator: pictures from noise, words and what their camera sees of an occupancy.

Convolutions at half and a quarter of the picture's fineness, transformer blocks at an eighth, and back: edges are
decided where the camera's maps have them, the rest where each place sees all others. Words enter by cross-attention,
the noise level and the camera by modulation. The occupancy enters twice: beside the noisy picture as maps that the
camera sees (`camera_encoding.soft_raycast`, or a ray caster's), and by the dual alignment in the middle, the only place
where frames meet.

Shape legend: B batch, N frames, F = B N, M maps, H W rows and columns, h w the same in patches, L words, E width,
T tokens.
Source: U-ViT of Hoogeboom et al. 2023 (simple diffusion); modulation shared by blocks: Chen et al. 2023 (PixArt-alpha).
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.latent.alignment import Alignment, AlignmentConfig, position_code
from occforge.latent.camera_encoding import CAMERA_NUMBERS

PATCH = 8
"""Rows and columns of the picture that one token stands for."""
NEAR_M = 10.0
"""Inverse depths enter as shares of that at so many metres: about as large as the other maps."""
GROUPS = 8
"""Groups of channels that are normed together."""


@dataclass(frozen=True)
class PainterConfig:
    """Sizes. `widths` of the convolutions at a half and a quarter, `width` of the tokens, `told` of what modulates
    convolutions. `maps` are the channels that a camera sees of an occupancy, `volume` those of the camera encoding."""

    channels: int = 3
    widths: tuple[int, int] = (48, 96)
    width: int = 256
    blocks: int = 4
    head: int = 32
    words: int = 128
    told: int = 128
    maps: int = 25
    volume: int = 16
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)

    def __post_init__(self) -> None:
        if self.width % self.head:
            raise InputError(f"painter: expected a width divisible by a head's {self.head}, got {self.width}")
        if any(width % GROUPS for width in self.widths):
            raise InputError(f"painter: expected widths divisible by {GROUPS}, got {self.widths}")


class Painter(nn.Module):
    """What of a noisy picture is the picture (or its noise, or velocity: `objective.Diffusion` says which)."""

    def __init__(self, config: PainterConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, E = *config.widths, config.width
        self.enter = nn.Conv2d(4 * (config.channels + config.maps), half, 3, padding=1)
        self.modulate_told = Modulation(config.told, 1)
        self.modulate = Modulation(E)
        self.down_half = Local(half, config.told)
        self.to_quarter = nn.Conv2d(half, quarter, 2, 2)
        self.down_quarter = Local(quarter, config.told)
        self.to_tokens = nn.Conv2d(quarter, E, 2, 2)
        self.blocks = nn.ModuleList(Block(E, config.head, config.words) for _ in range(config.blocks))
        self.align = Alignment(config.alignment, E, config.volume)
        self.from_tokens = nn.Linear(E, 4 * quarter)
        self.up_quarter = nn.ModuleList(Local(quarter, config.told) for _ in range(2))
        self.from_quarter = nn.Conv2d(quarter, 4 * half, 1)
        self.up_half = nn.ModuleList(Local(half, config.told) for _ in range(2))
        self.norm = nn.GroupNorm(GROUPS, half)
        self.leave = nn.Conv2d(half, 4 * config.channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
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
        known. Raises `InputError` for a picture that whole patches do not fill.
        """
        B, N, _, H, W = y_BNCHW.shape
        if H % PATCH or W % PATCH:
            raise InputError(
                f"painter: expected rows and columns divisible by {PATCH}, got {H} x {W}; choose another size"
            )
        maps_FMHW = F.interpolate(maps_BNMHW.flatten(0, 1), (H, W), mode="nearest-exact")
        maps_FMHW = torch.cat([maps_FMHW[:, :-1], NEAR_M * maps_FMHW[:, -1:]], 1)
        level_F, camera_F16 = level_B.repeat_interleave(N), camera_BN16.flatten(0, 1)
        told_FE = self.modulate_told(level_F, camera_F16)[:, 0]

        half = self.enter(F.pixel_unshuffle(torch.cat([y_BNCHW.flatten(0, 1), maps_FMHW], 1), 2))
        half = self.down_half(half, told_FE)
        quarter = self.down_quarter(self.to_quarter(half), told_FE)
        token_FEhw = self.through_tokens(self.to_tokens(quarter), level_F, camera_F16, words_BLE, volume_BNODHW)
        quarter = quarter + F.pixel_shuffle(self.from_tokens(token_FEhw.movedim(1, -1)).movedim(-1, 1), 2)
        for local in self.up_quarter:
            quarter = local(quarter, told_FE)
        half = half + F.pixel_shuffle(self.from_quarter(quarter), 2)
        for local in self.up_half:
            half = local(half, told_FE)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(half))), 2).unflatten(0, (B, N))

    def through_tokens(
        self, x_FEhw: Tensor, level_F: Tensor, camera_F16: Tensor, words_BLE: Tensor, volume_BNODHW: Tensor
    ) -> Tensor:
        """The blocks and, after the first, the alignment; the same shape."""
        B, N, size_hw = *volume_BNODHW.shape[:2], tuple(x_FEhw.shape[-2:])
        words_FLE, modulation = words_BLE.repeat_interleave(N, 0), self.modulate(level_F, camera_F16)
        x_FTE = x_FEhw.flatten(2).mT + position_code(size_hw, self.config.width).to(x_FEhw).flatten(0, 1)
        for i, block in enumerate(self.blocks):
            x_FTE = block(x_FTE, words_FLE, modulation)
            if i == 0:
                latent_BNEhw = x_FTE.mT.unflatten(2, size_hw).unflatten(0, (B, N))
                x_FTE = self.align(latent_BNEhw, volume_BNODHW).flatten(0, 1).flatten(2).mT
        return x_FTE.mT.unflatten(2, size_hw)


class Local(nn.Module):
    """Two convolutions around a residual, the second modulated by noise level and camera."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(GROUPS, width), nn.GroupNorm(GROUPS, width)
        self.conv_1, self.conv_2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.told = nn.Linear(told, 2 * width)

    def forward(self, x_FEHW: Tensor, told_FE: Tensor) -> Tensor:
        """(F, E, H, W) to the same shape."""
        h_FEHW = self.norm_2(self.conv_1(F.silu(self.norm_1(x_FEHW))))
        scale, shift = self.told(F.silu(told_FE))[..., None, None].chunk(2, 1)
        return x_FEHW + self.conv_2(F.silu(h_FEHW * (1.0 + scale) + shift))


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
        angle = level_F[:, None].float() * rate  # in float32: the fastest turn 250 times
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
