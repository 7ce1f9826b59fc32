"""TPVFormer (Huang et al., CVPR 2023): three planes of queries, one across each axis, stand for the volume.

Picture -> 2D U-Net -> queries of three perpendicular planes; in each layer they attend to each other's planes
(cross-view hybrid attention) and to the picture, at the pixels of points along their pillar (image cross-attention),
both deformable -> a voxel's features are the sum of what the planes hold at its projections -> MLP -> logits.
Cross-entropy and Lovasz-softmax.

Shape legend: B batch, C channels, K classes, H W image or map, X Y Z voxels, Q queries of a plane, L levels (maps or
planes), A points along a pillar.
"""

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.perception._deformable import DeformableAttention, DeformableValues
from occforge.perception._image_encoder import SMALL_WIDTHS, ImageEncoder, ImageEncoderConfig
from occforge.perception.losses import class_weights, cross_entropy, lovasz_softmax
from occforge.perception.network import Hints, PerceptionNetwork, Prediction, Shown

PLANES = ((0, 1), (1, 2), (2, 0))
"""Axes of each plane, rows first: seen from above, from the front, from the side."""


@dataclass(frozen=True)
class Config:
    """Sizes; `image.channels` is the width C of the queries and `image.scales` are the maps they attend to.

    `plane_factor_XYZ`: voxels of the grid that one cell of a plane spans. `pillar_points`: points of a pillar that are
    looked up in the picture, one number a plane; `view_points`: those looked up in the planes. Each has `offsets`
    sampled places around it. The first `cross_layers` of `layers` attend to the picture. `checkpointing` recomputes
    activations in the backward pass.
    """

    image: ImageEncoderConfig = field(default_factory=lambda: ImageEncoderConfig(channels=96, scales=(1, 2, 4, 8)))
    plane_factor_XYZ: tuple[int, int, int] = (2, 2, 2)
    heads: int = 6
    layers: int = 5
    cross_layers: int = 3
    pillar_points: tuple[int, int, int] = (4, 32, 32)
    view_points: int = 16
    offsets: int = 2
    dropout: float = 0.1
    checkpointing: bool = False


PRESETS: dict[str, Config] = {
    "street": Config(),
    "small": Config(
        image=ImageEncoderConfig("residual", 48, SMALL_WIDTHS, scales=(4, 8, 16), noise_level=True),
        plane_factor_XYZ=(2, 2, 1),
        heads=4,
        layers=3,
        cross_layers=2,
        pillar_points=(4, 8, 8),
        view_points=4,
        dropout=0.0,
    ),
}
"""The sizes of the authors' SemanticKITTI runs, and one for 64x64x8 and pictures of about 64x192."""


def pillar_QA3(shape_XYZ: tuple[int, int, int], axes: tuple[int, int], points: int) -> Tensor:
    """Points along the pillars of a plane's cells, as shares (x, y, z) of the grid's extent: (Q, A, 3)."""
    row, column = axes
    along = 3 - row - column
    counts = {row: shape_XYZ[row], column: shape_XYZ[column], along: points}
    share = [(torch.arange(counts[axis]) + 0.5) / counts[axis] for axis in (row, column, along)]
    share_axis = dict(zip((row, column, along), torch.meshgrid(*share, indexing="ij"), strict=True))
    return torch.stack([share_axis[axis] for axis in (0, 1, 2)], -1).flatten(0, 1)


class HybridLayer(nn.Module):
    """Cross-view hybrid attention, then image cross-attention where `levels` is not 0, then a feed-forward network.

    Each is followed by addition and norm (TPVFormer, Sec. 3.3). Paper's code: cross-view attention has a further
    softmax over planes. Here: one softmax over all sampled points. Because: the paper has the one, and a single module
    serves both attentions.
    """

    def __init__(self, config: Config, levels: int) -> None:
        super().__init__()
        C, heads, offsets = config.image.channels, config.heads, config.offsets
        self.view_values = nn.ModuleList(DeformableValues(C, heads) for _ in PLANES)
        self.view = nn.ModuleList(
            DeformableAttention(C, heads, len(PLANES), config.view_points, offsets, 2) for _ in PLANES
        )
        self.picture_values = DeformableValues(C, heads) if levels else None
        self.picture = nn.ModuleList(
            DeformableAttention(C, heads, levels, points, offsets, 2) for points in config.pillar_points if levels
        )
        self.feed = nn.Sequential(
            nn.Linear(C, 2 * C), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(2 * C, C), nn.Dropout(config.dropout)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(C) for _ in range(3 if levels else 2))
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        planes: list[Tensor],
        positions: list[Tensor],
        view_references: list[Tensor],
        pictures: list[Tensor],
        pixels: list[Tensor],
        seen: list[Tensor],
    ) -> list[Tensor]:
        """Planes (B, C, rows, columns) of the next layer.

        `pixels` (B, Q, A, 2) are the pillars' places in the picture, as shares of its size, and `seen` (B, Q) tells
        which pillars it shows at all.
        """
        sizes = [plane.shape[-2:] for plane in planes]
        queries = [plane.flatten(2).transpose(1, 2) for plane in planes]
        placed = [query + position for query, position in zip(queries, positions, strict=True)]
        values = [
            project(query.transpose(1, 2).unflatten(2, size))
            for project, query, size in zip(self.view_values, placed, sizes, strict=True)
        ]
        for p, attend in enumerate(self.view):
            reference_BQLA2 = view_references[p].expand(len(placed[p]), -1, -1, -1, -1)
            queries[p] = self.norms[0](queries[p] + self.dropout(attend(placed[p], reference_BQLA2, values)))
        if self.picture_values is not None:
            values = [self.picture_values(picture) for picture in pictures]
            for p, attend in enumerate(self.picture):
                reference_BQLA2 = pixels[p][:, :, None].expand(-1, -1, len(values), -1, -1)
                looked = attend(queries[p], reference_BQLA2, values) * seen[p][..., None]
                queries[p] = self.norms[1](queries[p] + self.dropout(looked))
        queries = [self.norms[-1](query + self.feed(query)) for query in queries]
        return [query.transpose(1, 2).unflatten(2, size) for query, size in zip(queries, sizes, strict=True)]


class TPVFormer(PerceptionNetwork):
    """See the module; one camera a scene. The grid must be divisible by `plane_factor_XYZ`, C by 3 and by `heads`.

    Paper: ResNet-101 with deformable convolutions on nuScenes. Here: MonoScene's image encoder. Because: the authors
    take it for SemanticKITTI, where there is one camera.
    """

    def __init__(self, config: Config, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__(grid, taxonomy)
        C = config.image.channels
        if C % 3 or C % config.heads:
            raise InputError(f"TPVFormer: expected channels divisible by 3 and by {config.heads} heads, got {C}")
        self.config = config
        shape_XYZ = grid.pooled(config.plane_factor_XYZ).shape_XYZ
        levels = len(config.image.scales)
        self.image_encoder = ImageEncoder(replace(config.image, checkpointing=config.checkpointing))
        self.level = nn.Parameter(torch.randn(levels, C))
        self.planes = nn.ParameterList(torch.randn(C, shape_XYZ[row], shape_XYZ[column]) for row, column in PLANES)
        self.position = nn.ParameterList(torch.rand(n, C // 3) for n in shape_XYZ)
        self.layers = nn.ModuleList(
            HybridLayer(config, levels if i < config.cross_layers else 0) for i in range(config.layers)
        )
        self.mlp = nn.Sequential(
            nn.Linear(C, 2 * C), nn.Softplus(), nn.Linear(2 * C, C), nn.Linear(C, taxonomy.class_count)
        )
        for p, axes in enumerate(PLANES):
            pillar = pillar_QA3(shape_XYZ, axes, config.pillar_points[p])
            self.register_buffer(
                f"pillar_{p}_QA3_m",
                pillar * torch.tensor(grid.extent_m) + torch.tensor(grid.origin_m),
                persistent=False,
            )
            view_QA3 = pillar_QA3(shape_XYZ, axes, config.view_points)
            view_QLA2 = torch.stack([view_QA3[..., [column, row]] for row, column in PLANES], 1)
            self.register_buffer(f"view_{p}_1QLA2", view_QLA2[None], persistent=False)
        self.register_buffer("weight_K", class_weights(taxonomy), persistent=False)
        self.weight_K: Tensor

    def positions(self) -> list[Tensor]:
        """Position codes (1, Q, C) of the planes: a learned third for each of its axes, zeros for the other."""
        codes = []
        for axes in PLANES:
            rows, columns = (len(self.position[axis]) for axis in axes)
            thirds = [self.position[0].new_zeros(rows, columns, p.shape[1]) for p in self.position]
            thirds[axes[0]] = self.position[axes[0]][:, None].expand(-1, columns, -1)
            thirds[axes[1]] = self.position[axes[1]][None].expand(rows, -1, -1)
            codes.append(torch.cat(thirds, -1).flatten(0, 1)[None])
        return codes

    def look(self, cameras: CameraBatch) -> tuple[list[Tensor], list[Tensor]]:
        """For each plane, where its pillars' points lie in the picture, (B, Q, A, 2), and which it shows, (B, Q).

        Points behind the camera are put outside.
        """
        pixels, seen = [], []
        size_2 = self.weight_K.new_tensor((cameras.size_HW[1], cameras.size_HW[0]))
        for p in range(len(PLANES)):
            point_QA3 = self.get_buffer(f"pillar_{p}_QA3_m")
            pixel_BN2, depth_BN = cameras.project(point_QA3.flatten(0, 1))
            share_BN2 = torch.where(depth_BN[..., None] > 0, pixel_BN2 / size_2, -1.0).clamp(-1.0, 2.0)
            pixels.append(share_BN2.unflatten(1, point_QA3.shape[:2]))
            seen.append(cameras.inside(pixel_BN2, depth_BN).unflatten(1, point_QA3.shape[:2]).any(-1))
        return pixels, seen

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """See `PerceptionNetwork`."""
        self.check(image_B3HW, cameras, hints)
        pyramid = self.image_encoder(image_B3HW, hints.noise_level_B)
        pictures = [
            pyramid[scale] + level[:, None, None]
            for scale, level in zip(self.config.image.scales, self.level, strict=True)
        ]
        pixels, seen = self.look(cameras)
        positions, views = self.positions(), [self.get_buffer(f"view_{p}_1QLA2") for p in range(len(PLANES))]
        planes = [plane.expand(len(image_B3HW), -1, -1, -1) for plane in self.planes]
        for layer in self.layers:
            arguments = (planes, positions, views, pictures, pixels, seen)
            if self.config.checkpointing and self.training:
                planes = checkpoint(layer, *arguments, use_reentrant=False)
            else:
                planes = layer(*arguments)
        if self.config.checkpointing and self.training:
            return Prediction(checkpoint(self.classify, planes, use_reentrant=False))
        return Prediction(self.classify(planes))

    def classify(self, planes: list[Tensor]) -> Tensor:
        """Logits (B, K, X, Y, Z): planes at the grid's resolution, added up along their pillars, then the MLP."""
        shape = self.grid.shape_XYZ
        xy, yz, zx = (
            F.interpolate(plane, (shape[row], shape[column]), mode="bilinear", align_corners=False)
            for plane, (row, column) in zip(planes, PLANES, strict=True)
        )
        total_BCXYZ = xy[..., None] + yz[:, :, None] + zx.transpose(2, 3)[:, :, :, None]
        return self.mlp(total_BCXYZ.movedim(1, -1)).movedim(-1, 1)

    def loss(
        self, prediction: Prediction, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """See `PerceptionNetwork`: cross-entropy and Lovasz-softmax (TPVFormer, Sec. 3.4).

        Paper: on SemanticKITTI the authors' code takes MonoScene's terms instead. Here: the two everywhere. Because:
        they are the ones that the paper states.
        """
        logits = prediction.logits_BKXYZ
        return {
            "cross_entropy": cross_entropy(logits, target_BXYZ, self.weight_K),
            "lovasz": lovasz_softmax(logits, target_BXYZ),
        }


def build(config: Config, grid: GridSpec, taxonomy: Taxonomy) -> TPVFormer:
    """A network with fresh weights."""
    return TPVFormer(config, grid, taxonomy)
