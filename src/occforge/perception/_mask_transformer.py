"""OccFormer's decoder: a pyramid whose scales attend to each other, and queries that each claim a class and a mask.

Shape legend: B batch, C channels, K classes, Q queries, N positions of a volume, M heads, x y z voxels of the finest
volume, R rounds of prediction (before the first and after each layer).
Source: OccFormer (Zhang et al., 2023), Sec. 3.3; Mask2Former (Cheng et al., 2022), Sec. 3.2.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.perception._deformable import DeformableAttention, DeformableValues


@dataclass(frozen=True)
class MaskTransformerConfig:
    """`channels` must be divisible by 6 and by both numbers of heads; `points` are those of deformable attention."""

    channels: int = 192
    queries: int = 100
    pixel_layers: int = 6
    pixel_heads: int = 8
    points: int = 4
    layers: int = 9
    heads: int = 6
    groups: int = 32


def place_code_1CN(shape_xyz: tuple[int, ...], channels: int, device: torch.device) -> Tensor:
    """Sines and cosines of each voxel's place along x, y and z, a third of the channels each (DETR's code in 3D)."""
    count = channels // 6
    rate_c = 10000.0 ** (-torch.arange(count, device=device) / count)
    codes = []
    for axis, size in enumerate(shape_xyz):
        angle_Nc = (torch.arange(size, device=device) + 0.5)[:, None] / size * (2.0 * torch.pi) * rate_c
        code_CN = torch.cat([angle_Nc.sin(), angle_Nc.cos()], 1).T
        view = [2 * count, *(size if i == axis else 1 for i in range(3))]
        codes.append(code_CN.reshape(view).expand(-1, *shape_xyz))
    return torch.cat(codes).flatten(1)[None]


class PixelDecoder(nn.Module):
    """Coarser volumes attend to each other by 3D deformable attention; the finest joins as in a feature pyramid.

    Returns volumes of one width, finest first, the finest as features of masks.
    """

    def __init__(self, inputs: tuple[int, ...], config: MaskTransformerConfig) -> None:
        super().__init__()
        C, groups, levels = config.channels, config.groups, len(inputs) - 1
        self.project = nn.ModuleList(nn.Sequential(nn.Conv3d(c, C, 1), nn.GroupNorm(groups, C)) for c in inputs[1:])
        self.level = nn.Parameter(torch.randn(levels, C))
        self.layers = nn.ModuleList(PixelLayer(config, levels) for _ in range(config.pixel_layers))
        self.lateral = nn.Sequential(nn.Conv3d(inputs[0], C, 1, bias=False), nn.GroupNorm(groups, C))
        self.smooth = nn.Sequential(nn.Conv3d(C, C, 3, padding=1, bias=False), nn.GroupNorm(groups, C), nn.ReLU())
        self.mask_features = nn.Conv3d(C, C, 1)

    def forward(self, pyramid: list[Tensor]) -> list[Tensor]:
        volumes = [project(volume) for project, volume in zip(self.project, pyramid[1:], strict=True)]
        shapes = [volume.shape[2:] for volume in volumes]
        C, device = volumes[0].shape[1], volumes[0].device
        place_1NC = torch.cat(
            [
                (place_code_1CN(shape, C, device) + level[:, None]).transpose(1, 2)
                for shape, level in zip(shapes, self.level, strict=True)
            ],
            1,
        )
        centre_N3 = torch.cat([_centres_N3(shape, device) for shape in shapes])
        x_BNC = torch.cat([volume.flatten(2).transpose(1, 2) for volume in volumes], 1)
        for layer in self.layers:
            x_BNC = layer(x_BNC, place_1NC, centre_N3, shapes)
        volumes = _volumes(x_BNC, shapes)
        finest = self.lateral(pyramid[0])
        finest = finest + F.interpolate(volumes[0], finest.shape[2:], mode="trilinear", align_corners=False)
        return [self.mask_features(self.smooth(finest)), *volumes]


def _volumes(x_BNC: Tensor, shapes: list[torch.Size]) -> list[Tensor]:
    """Positions of all levels, split into one volume a level."""
    parts = x_BNC.transpose(1, 2).split([shape.numel() for shape in shapes], 2)
    return [part.unflatten(2, shape) for part, shape in zip(parts, shapes, strict=True)]


def _centres_N3(shape_xyz: torch.Size, device: torch.device) -> Tensor:
    """Voxel centres as shares of the volume, last axis first."""
    share = [(torch.arange(n, device=device) + 0.5) / n for n in shape_xyz]
    return torch.stack(torch.meshgrid(*share, indexing="ij")[::-1], -1).flatten(0, 2)


class PixelLayer(nn.Module):
    """Deformable self-attention over all levels, then a feed-forward network; norms after addition."""

    def __init__(self, config: MaskTransformerConfig, levels: int) -> None:
        super().__init__()
        C = config.channels
        self.values = DeformableValues(C, config.pixel_heads)
        self.attend = DeformableAttention(C, config.pixel_heads, levels, 1, config.points, 3)
        self.norm_1, self.norm_2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.feed = nn.Sequential(nn.Linear(C, 4 * C), nn.ReLU(), nn.Linear(4 * C, C))

    def forward(self, x_BNC: Tensor, place_1NC: Tensor, centre_N3: Tensor, shapes: list[torch.Size]) -> Tensor:
        values = [self.values(volume) for volume in _volumes(x_BNC, shapes)]
        reference_BNLA3 = centre_N3[None, :, None, None].expand(len(x_BNC), -1, len(shapes), 1, -1)
        x = self.norm_1(x_BNC + self.attend(x_BNC + place_1NC, reference_BNLA3, values))
        return self.norm_2(x + self.feed(x))


class Attention(nn.Module):
    """Multi-head attention; `allowed_BQN` tells which positions a query may look at."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.value, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)

    def forward(self, query_BQC: Tensor, key_BNC: Tensor, value_BNC: Tensor, allowed_BQN: Tensor | None) -> Tensor:
        q, k, v = (
            project(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for project, x in ((self.query, query_BQC), (self.key, key_BNC), (self.value, value_BNC))
        )
        allowed = None if allowed_BQN is None else allowed_BQN[:, None]
        return self.out(F.scaled_dot_product_attention(q, k, v, allowed).transpose(1, 2).flatten(2))


class QueryLayer(nn.Module):
    """Masked cross-attention, self-attention, feed-forward network; norms after addition."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.cross, self.own = Attention(channels, heads), Attention(channels, heads)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.feed = nn.Sequential(nn.Linear(channels, 8 * channels), nn.ReLU(), nn.Linear(8 * channels, channels))

    def forward(
        self, x_BQC: Tensor, query_QC: Tensor, memory_BNC: Tensor, place_1NC: Tensor, allowed_BQN: Tensor
    ) -> Tensor:
        x = self.norms[0](x_BQC + self.cross(x_BQC + query_QC, memory_BNC + place_1NC, memory_BNC, allowed_BQN))
        x = self.norms[1](x + self.own(x + query_QC, x + query_QC, x, None))
        return self.norms[2](x + self.feed(x))


class MaskDecoder(nn.Module):
    """Queries to classes and masks, in rounds; each layer looks only where the round before saw its mask.

    Class K means no class. Returns class logits (R, B, Q, K + 1) and mask logits (R, B, Q, x, y, z).
    """

    def __init__(self, classes: int, levels: int, config: MaskTransformerConfig) -> None:
        super().__init__()
        C = config.channels
        self.feature = nn.Parameter(torch.randn(config.queries, C))
        self.query = nn.Parameter(torch.randn(config.queries, C))  # added to features where they attend
        self.level = nn.Parameter(torch.randn(levels, C))
        self.layers = nn.ModuleList(QueryLayer(C, config.heads) for _ in range(config.layers))
        self.norm, self.classify = nn.LayerNorm(C), nn.Linear(C, classes + 1)
        self.embed = nn.Sequential(nn.Linear(C, C), nn.ReLU(), nn.Linear(C, C), nn.ReLU(), nn.Linear(C, C))

    def forward(self, volumes: list[Tensor]) -> tuple[Tensor, Tensor]:
        features_BCxyz, memories = volumes[0], volumes[:0:-1]  # coarsest first
        x_BQC = self.feature.expand(len(features_BCxyz), -1, -1)
        rounds = [self._predict(x_BQC, features_BCxyz)]
        for i, layer in enumerate(self.layers):
            at = i % len(memories)
            memory = memories[at]
            memory_BNC = memory.flatten(2).transpose(1, 2) + self.level[at]
            place_1NC = place_code_1CN(memory.shape[2:], memory.shape[1], memory.device).transpose(1, 2)
            allowed_BQN = attention_mask(rounds[-1][1].detach(), memory.shape[2:])
            x_BQC = layer(x_BQC, self.query, memory_BNC, place_1NC, allowed_BQN)
            rounds.append(self._predict(x_BQC, features_BCxyz))
        classes, masks = zip(*rounds, strict=True)
        return torch.stack(classes), torch.stack(masks)

    def _predict(self, x_BQC: Tensor, features_BCxyz: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm(x_BQC)
        return self.classify(x), torch.einsum("bqc,bcxyz->bqxyz", self.embed(x), features_BCxyz)


def attention_mask(mask_BQxyz: Tensor, shape_xyz: torch.Size) -> Tensor:
    """Where a query may look on a coarser volume: (B, Q, N), true where any voxel of a cell belongs to its mask.

    Preserve-pooling: the maximum keeps small objects that interpolation would lose (OccFormer, Sec. 3.3). A query whose
    mask is empty may look everywhere.
    """
    allowed_BQN = (F.adaptive_max_pool3d(mask_BQxyz.float(), list(shape_xyz)) >= 0.0).flatten(2)
    return allowed_BQN | ~allowed_BQN.any(-1, keepdim=True)
