"""NDC-Scene (Yao et al., ICCV 2023): restore depth in front of the camera first, then move to the voxels.

Picture -> 2D encoder -> depth-adaptive dual decoder: the deepest features become a volume of a few depth bins, whose
depth and then whose whole size is doubled by deconvolutions, step by step together with a 2D decoder whose features all
bins of a pixel share -> each voxel takes the volumes' features at its normalised device coordinates, summed over scales
-> light 3D U-Net with the context relation prior at its bottom -> logits. MonoScene's five losses.

Shape legend: B batch, C channels, K classes, D depth bins, H W image or map, X Y Z voxels, N = X Y Z.
"""

from dataclasses import dataclass, field, replace

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.batch import CameraBatch
from occforge.core.config import added
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.perception._columns import ColumnUNet
from occforge.perception._frustum import sample_frustum
from occforge.perception._image_encoder import SMALL_WIDTHS, ImageEncoderConfig, ImageStages
from occforge.perception._lifting import voxel_centres_N3_m
from occforge.perception._volume import (
    ContextRelationPrior,
    SegmentationHead,
    bottom_shape,
    downsample,
    process,
    upsample,
)
from occforge.perception.losses import Entropy, TermWeights, entropy_weights, five_terms, frustum_index
from occforge.perception.network import Hints, PerceptionNetwork, Prediction, Shown


@dataclass(frozen=True)
class Config:
    """Sizes; `image.channels` is the width C of the lifted volume.

    The deepest features become `first_depth` bins of depth, doubled `depth_steps` times alone and then once for each of
    the picture's scales in `fused_scales`: 2 x 2^3 x 2^3 = 128 bins in the paper. `lift_factor`: voxels of the grid
    that one lifted voxel spans. `columns` and `entropy`: as MonoScene's. `frustums`: local frustums a side.
    `checkpointing` recomputes activations in the backward pass.
    """

    image: ImageEncoderConfig = field(default_factory=ImageEncoderConfig)
    first_depth: int = 2
    depth_steps: int = 3
    fused_scales: tuple[int, ...] = (16, 8, 4)
    lift_factor: int = 2
    columns: int = 0
    head_channels: int = 64
    frustums: int = 8
    terms: TermWeights = field(default_factory=TermWeights)
    entropy: Entropy = added("small")
    checkpointing: bool = False


PRESETS: dict[str, Config] = {
    "street": Config(entropy="street"),
    "room": Config(image=ImageEncoderConfig(channels=200), lift_factor=1, head_channels=200, entropy="room"),
    "small": Config(
        image=ImageEncoderConfig("residual", channels=20, widths=SMALL_WIDTHS, noise_level=True),
        depth_steps=2,
        fused_scales=(8, 4),
        lift_factor=1,
        columns=48,
        terms=TermWeights(3.0, 0.1, 0.3, 0.1),
    ),
}
"""The paper's sizes for streets and for rooms, and one for 64x64x8 and pictures of about 64x192."""


class DualDecoder(nn.Module):
    """Depth-adaptive dual decoder: 2D features to volumes (B, C, D, h, w) of several scales, coarsest first.

    Source: NDC-Scene, Sec. 3.3; the authors' code for its layers.
    """

    def __init__(self, config: Config, scales: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        C, self.first_depth = config.image.channels, config.first_depth
        wide = 4 * C
        self.stage_index = [max(i for i, s in enumerate(scales) if s == scale) for scale in config.fused_scales]
        self.to_bins = nn.Conv2d(widths[-1], wide * config.first_depth, 3, padding=1)
        self.deepen = nn.ModuleList(
            nn.Sequential(_double_depth(wide), FrustumBlock(wide)) for _ in range(config.depth_steps)
        )
        outputs = [max(1, 2 ** (1 - i)) * C for i in range(len(self.stage_index))]  # 2C, C, C, ...
        self.grow = nn.ModuleList(
            DualStep(volume, flat, widths[i], out)
            for volume, flat, i, out in zip(
                (wide, *outputs), (widths[-1], *outputs), self.stage_index, outputs, strict=False
            )
        )
        self.refine = nn.ModuleList(
            nn.Sequential(*(FrustumBlock(out, dilation) for dilation in (1, 2, 3))) for out in outputs[:-1]
        )
        self.settle = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(out), nn.LeakyReLU()) for out in outputs[:-1])
        self.lateral = nn.ModuleList(nn.Conv3d(c, C, 1) for c in (wide, *outputs))

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        flat = stages[-1]
        volume = self.to_bins(flat).unflatten(1, (-1, self.first_depth))
        for deepen in self.deepen:
            volume = deepen(volume)
        volumes = [self.lateral[0](volume)]
        for i, grow in enumerate(self.grow):
            volume, flat = grow(volume, flat, stages[self.stage_index[i]])
            if i < len(self.refine):
                volume, flat = self.refine[i](volume), self.settle[i](flat)
            volumes.append(self.lateral[i + 1](volume))
        return volumes


class DualStep(nn.Module):
    """Double volume and map together; the map, joined by the encoder's features, is context for all bins of a pixel."""

    def __init__(self, volume: int, flat: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.grow_2d = nn.ConvTranspose2d(flat, outputs, 3, 2, 1, output_padding=1)
        self.grow_3d = nn.ConvTranspose3d(volume, outputs, 3, 2, 1, output_padding=1)
        self.skip = nn.Conv2d(skip, outputs, 3, padding=1)
        self.join = nn.Sequential(nn.BatchNorm2d(outputs), nn.LeakyReLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.norm_3d = nn.Sequential(nn.BatchNorm3d(outputs), nn.LeakyReLU())

    def forward(self, volume_BCDHW: Tensor, flat_BCHW: Tensor, skip_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        size_HW = skip_BCHW.shape[-2:]
        flat = self.join(_fit(self.grow_2d(flat_BCHW), size_HW) + self.skip(skip_BCHW))
        volume = self.grow_3d(volume_BCDHW)
        volume = self.norm_3d(_fit(volume.flatten(1, 2), size_HW).unflatten(1, volume.shape[1:3]) + flat[:, :, None])
        return volume, flat


def _fit(map_BCHW: Tensor, size_HW: tuple[int, ...]) -> Tensor:
    """The map at another size, for pictures whose sides are not multiples of the coarsest scale."""
    if map_BCHW.shape[-2:] == size_HW:
        return map_BCHW
    return F.interpolate(map_BCHW, size_HW, mode="bilinear", align_corners=False)


def _double_depth(channels: int) -> nn.Sequential:
    """Twice the bins of depth, pixel by pixel."""
    conv = nn.ConvTranspose3d(channels, channels, (3, 1, 1), (2, 1, 1), (1, 0, 0), output_padding=(1, 0, 0))
    return nn.Sequential(conv, nn.BatchNorm3d(channels), nn.LeakyReLU())


class FrustumBlock(nn.Module):
    """A residual bottleneck with a 3x3x3 convolution."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        middle = channels // 4
        self.net = nn.Sequential(
            nn.Conv3d(channels, middle, 1),
            nn.ReLU(),
            nn.Conv3d(middle, middle, 3, padding=dilation, dilation=dilation),
            nn.ReLU(),
            nn.Conv3d(middle, channels, 1),
            nn.BatchNorm3d(channels),
        )

    def forward(self, x_BCDHW: Tensor) -> Tensor:
        return F.relu(x_BCDHW + self.net(x_BCDHW))


class VolumeUNet(nn.Module):
    """Features (B, C, x, y, z) to logits of the whole grid, and relation logits.

    Paper: the 3D U-Net keeps its height and its relation prior has relations to 9x9x9 neighbours (authors' code).
    Here: MonoScene's blocks and prior, on a U-Net that halves its size before it works. Because: the paper describes
    MonoScene's prior, and both networks then share one.
    """

    def __init__(self, config: Config, shape_XYZ: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.checkpointing = config.checkpointing
        C = config.image.channels
        x, y, z = shape_XYZ
        self.down_1 = nn.Sequential(downsample(C), *process(2 * C))
        self.down_2 = nn.Sequential(downsample(2 * C), *process(4 * C))
        self.relation_prior = ContextRelationPrior(4 * C, (x // 4, y // 4, z // 4))
        self.up_2, self.up_1 = upsample(4 * C, 2 * C), upsample(2 * C, C)
        self.up_full = upsample(C, C) if config.lift_factor == 2 else None
        self.head = SegmentationHead(C, config.head_channels, classes)

    def forward(self, fine: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """See the class."""
        middle = self._run(self.down_1, fine)
        coarse, relation_logits_BRSN = self.relation_prior(self._run(self.down_2, middle))
        up = self.up_1(self.up_2(coarse) + middle) + fine
        if self.up_full is not None:
            up = self.up_full(up)
        return self._run(self.head, up), {"relation_logits_BRSN": relation_logits_BRSN}

    def _run(self, block: nn.Module, x: Tensor) -> Tensor:
        if self.checkpointing and self.training:
            return checkpoint(block, x, use_reentrant=False)
        return block(x)


class NDCScene(PerceptionNetwork):
    """See the module. With the 3D U-Net the grid must be divisible by 4 * lift_factor along each axis."""

    def __init__(self, config: Config, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__(grid, taxonomy)
        self.config = config
        C, factor = config.image.channels, config.lift_factor
        self.lifted_grid = grid.pooled((factor, factor, factor))
        self.relation_shape_XYZ = bottom_shape("NDC-Scene", self.lifted_grid, whole=not config.columns)
        self.image_stages = ImageStages(replace(config.image, checkpointing=config.checkpointing))
        self.decoder = DualDecoder(config, self.image_stages.scales, self.image_stages.widths)
        self.mix = nn.Sequential(nn.Conv3d(C, C, 1), nn.BatchNorm3d(C), nn.LeakyReLU())
        shape_XYZ, classes = self.lifted_grid.shape_XYZ, taxonomy.class_count
        self.volume = (
            ColumnUNet(C, shape_XYZ[2], config.columns, classes)
            if config.columns
            else VolumeUNet(config, shape_XYZ, classes)
        )
        self.register_buffer("lifted_N3_m", voxel_centres_N3_m(self.lifted_grid), persistent=False)
        self.register_buffer("centre_N3_m", voxel_centres_N3_m(grid), persistent=False)
        self.register_buffer("weight_K", entropy_weights(config.entropy, taxonomy), persistent=False)
        self.lifted_N3_m: Tensor
        self.centre_N3_m: Tensor
        self.weight_K: Tensor

    def lift(self, volumes: list[Tensor], cameras: CameraBatch) -> Tensor:
        """Features (B, C, x, y, z) of `lifted_grid`: the sum over scales of what lies at each voxel's coordinates."""
        sampled = [sample_frustum(volume, self.lifted_N3_m, cameras, self.grid) for volume in volumes]
        lifted_BCN = sum(sampled[1:], sampled[0])
        return lifted_BCN.unflatten(2, self.lifted_grid.shape_XYZ)

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """See `PerceptionNetwork`."""
        self.check(image_B3HW, cameras, hints)
        stages = self.image_stages(image_B3HW, hints.noise_level_B)
        if self.config.checkpointing and self.training:
            volumes = checkpoint(self.decoder, stages, use_reentrant=False)
        else:
            volumes = self.decoder(stages)
        return Prediction(*self.volume(self.mix(self.lift(volumes, cameras))))

    def loss(
        self, prediction: Prediction, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """See `PerceptionNetwork`: MonoScene's five terms."""
        frustum_BN = frustum_index(cameras, self.centre_N3_m, self.config.frustums)
        relations = prediction.extras.get("relation_logits_BRSN")
        shape, weighted = self.relation_shape_XYZ, self.config.entropy != "small"
        terms = five_terms(prediction.logits_BKXYZ, target_BXYZ, self.weight_K, frustum_BN, relations, shape, weighted)
        return self.config.terms.weighed(terms)


def build(config: Config, grid: GridSpec, taxonomy: Taxonomy) -> NDCScene:
    """A network with fresh weights."""
    return NDCScene(config, grid, taxonomy)
