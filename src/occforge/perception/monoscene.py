"""MonoScene (Cao and de Charette, CVPR 2022): lift 2D features along lines of sight, then reason in 3D.

Picture -> 2D U-Net -> FLoSP: every voxel takes the features of the pixel it projects to, summed over four scales ->
3D U-Net with the context relation prior at its bottom -> logits. All five losses: weighted cross-entropy, semantic and
geometric scene-class affinity, frustum proportions, relations.

Shape legend: B batch, C channels, K classes, H W image, X Y Z voxels, N = X Y Z.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.batch import CameraBatch
from occforge.core.config import added
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.perception._columns import ColumnUNet
from occforge.perception._image_encoder import SMALL_WIDTHS, ImageEncoder, ImageEncoderConfig
from occforge.perception._lifting import gather_nearest, position_code_BCN, voxel_centres_N3_m
from occforge.perception._prior import PlacePrior
from occforge.perception._readout import Readout, ReadoutConfig
from occforge.perception._sight import SightConfig, SightHead, ray_code_B4HW
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
    """Sizes.

    `scales`: fractions of the picture's size whose features are lifted.
    `lift_factor`: voxels of the grid that one lifted voxel spans, 2 for streets and 1 for rooms in the paper.
    `sight`: where lines of sight end, read from the picture and told to the voxels they cross (`_sight`). Paper: none.
    Here: in the small preset. Because: its image encoder has no ImageNet, and learns depth from them. `terms`: weights
    of the losses; the small preset's keep rare classes from being claimed everywhere (docs/lab, 2026-11-22).
    `columns`: 0 for the paper's 3D U-Net, else the width of a 2D U-Net over columns (`_columns`), which a processor can
    train: narrow 3D convolutions run at a third of wide 2D ones' speed; `column_refine` blocks at its full size.
    `position`: add a code of depth and height to the lifted features. Paper: none. Here: in the small preset. Because:
    all voxels of a line of sight are lifted alike, and a small 3D network is slow to find out where they are.
    `prior`: begin at the classes that training scenes have at each voxel (`_prior`); for few frames. Paper: none.
    `readout`: voxels are read again by what few frames of another place taught (`_readout`). Paper: none.
    `entropy`: weights of classes (`entropy_weights`). `frustums`: local frustums a side. `checkpointing` recomputes
    activations in the backward pass.
    """

    image: ImageEncoderConfig = field(default_factory=ImageEncoderConfig)
    scales: tuple[int, ...] = (1, 2, 4, 8)
    lift_factor: int = 2
    columns: int = 0
    column_refine: int = added(0)
    head_channels: int = 32
    position: bool = False
    sight: SightConfig = field(default_factory=SightConfig)
    terms: TermWeights = field(default_factory=TermWeights)
    relation_prior: bool = True
    prior: bool = added(False)
    readout: ReadoutConfig = added(ReadoutConfig())
    entropy: Entropy = added("small")
    frustums: int = 8
    checkpointing: bool = False


PRESETS: dict[str, Config] = {
    "street": Config(entropy="street"),
    "room": Config(image=ImageEncoderConfig(channels=200), lift_factor=1, head_channels=200, entropy="room"),
    "small": Config(
        image=ImageEncoderConfig(
            "residual",
            channels=24,
            widths=(32, *SMALL_WIDTHS[1:]),
            noise_level=True,
            refine=(4, 2),
            details=16,
            rays=True,
        ),
        scales=(2, 4, 8, 16),
        lift_factor=1,
        columns=48,
        column_refine=2,
        relation_prior=False,
        position=True,
        sight=SightConfig(bins=64, scale=1, splat=True, places=True, taught="pixels", far=1.0),
        terms=TermWeights(3.0, 0.1, 0.3, 0.1),
    ),
}
"""The paper's sizes for streets and for rooms, and the embedded one, for 64x64x8 and pictures of about 64x192."""


def without_details(config: Config) -> Config:
    """The same for an image backbone that sees pictures whole: scales that counted from their half count from them."""
    image, sight = replace(config.image, details=0), replace(config.sight, scale=2 * config.sight.scale)
    return replace(config, image=image, sight=sight, scales=tuple(2 * s for s in config.scales if s <= 8))


def all_scales(config: Config) -> tuple[int, ...]:
    """The image encoder's scales: those that are lifted, and that at which lines of sight are read."""
    read = {config.sight.scale} if config.sight.bins else set()
    return tuple(sorted({*config.scales, *read}))


class VolumeUNet(nn.Module):
    """The paper's 3D U-Net: features (B, C, x, y, z) to logits of the whole grid and, with the prior, relation logits.

    The context relation prior sits at its bottom, where a voxel spans four of those that come in.
    """

    def __init__(self, config: Config, shape_XYZ: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.checkpointing = config.checkpointing
        C = config.image.channels
        x, y, z = shape_XYZ
        self.down_1 = nn.Sequential(*process(C), downsample(C))
        self.down_2 = nn.Sequential(*process(2 * C), downsample(2 * C))
        self.relation_prior = ContextRelationPrior(4 * C, (x // 4, y // 4, z // 4)) if config.relation_prior else None
        self.up_2, self.up_1 = upsample(4 * C, 2 * C), upsample(2 * C, C)
        self.up_full = upsample(C, C // 2) if config.lift_factor == 2 else None
        self.head = SegmentationHead(C // config.lift_factor, config.head_channels, classes)

    def forward(self, fine: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """See the class."""
        middle = self._run(self.down_1, fine)
        coarse = self._run(self.down_2, middle)
        extras = {}
        if self.relation_prior is not None:
            coarse, extras["relation_logits_BRSN"] = self.relation_prior(coarse)
        up = self.up_1(self.up_2(coarse) + middle) + fine
        if self.up_full is not None:
            up = self.up_full(up)
        return self._run(self.head, up), extras

    def _run(self, block: nn.Module, x: Tensor) -> Tensor:
        if self.checkpointing and self.training:
            return checkpoint(block, x, use_reentrant=False)
        return block(x)


class MonoScene(PerceptionNetwork):
    """See the module. With the 3D U-Net the grid must be divisible by 4 * lift_factor along each axis."""

    def __init__(self, config: Config, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__(grid, taxonomy)
        self.config = config
        factor = config.lift_factor
        if config.sight.splat and factor != 1:
            raise InputError(f"monoscene: sight.splat tells voxels of the grid itself, got a lift factor of {factor}")
        self.lifted_grid = grid.pooled((factor, factor, factor))
        self.relation_shape_XYZ = bottom_shape("MonoScene", self.lifted_grid, whole=not config.columns)
        self.image_encoder = ImageEncoder(
            replace(config.image, scales=all_scales(config), checkpointing=config.checkpointing)
        )
        C, shape_XYZ, classes = config.image.channels, self.lifted_grid.shape_XYZ, taxonomy.class_count
        self.position = nn.Conv1d(18, C, 1) if config.position else None
        self.sight = SightHead(config.sight, C, grid, taxonomy) if config.sight.bins else None
        self.modulate = nn.Conv1d(2, 2 * C, 1) if config.sight.bins else None
        self.told = nn.Conv3d(self.sight.evidence_channels, C, 1) if self.sight and config.sight.splat else None
        self.volume = (
            ColumnUNet(C, shape_XYZ[2], config.columns, classes, config.column_refine)
            if config.columns
            else VolumeUNet(config, shape_XYZ, classes)
        )
        self.prior = PlacePrior(grid, taxonomy) if config.prior else None
        said = classes + (2 if self.sight else 0) + (self.sight.evidence_channels if self.sight and self.told else 0)
        self.readout = Readout(config.readout, said, grid, taxonomy) if config.readout.units else None
        self.register_buffer("lifted_N3_m", voxel_centres_N3_m(self.lifted_grid), persistent=False)
        self.register_buffer("centre_N3_m", voxel_centres_N3_m(grid), persistent=False)
        self.register_buffer("weight_K", entropy_weights(config.entropy, taxonomy), persistent=False)
        self.lifted_N3_m: Tensor
        self.centre_N3_m: Tensor
        self.weight_K: Tensor

    def lift(self, pyramid: dict[int, Tensor], cameras: CameraBatch) -> Tensor:
        """FLoSP, Eq. 5: features (B, C, x, y, z) of `lifted_grid`, the sum over scales of the pixel's features."""
        pixel_BN2, depth_BN = cameras.project(self.lifted_N3_m)
        inside_BN = cameras.inside(pixel_BN2, depth_BN)
        gathered = [gather_nearest(pyramid[scale], pixel_BN2, cameras) for scale in self.config.scales]
        lifted_BCN = sum(gathered[1:], gathered[0]) * inside_BN[:, None]
        return self.placed(cameras) + lifted_BCN.unflatten(2, self.lifted_grid.shape_XYZ)

    def placed(self, cameras: CameraBatch) -> Tensor:
        """What voxels are told without a picture (B, C or 1, x, y, z): the code of their places, or zeros."""
        if self.position is None:
            code_BCN = self.lifted_N3_m.new_zeros(len(cameras), 1, len(self.lifted_N3_m))
        else:
            code_BCN = self.position(position_code_BCN(self.lifted_grid, cameras))
        return code_BCN.unflatten(2, self.lifted_grid.shape_XYZ)

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """See `PerceptionNetwork`."""
        prediction = self.volumes(image_B3HW, cameras, hints)
        if self.readout is None:
            return prediction
        read_BKN = self.readout(self.said(prediction, cameras), image_B3HW, cameras)
        logits_BKN = torch.where(self.readout.taught_N, read_BKN, prediction.logits_BKXYZ.flatten(2))
        return replace(prediction, logits_BKXYZ=logits_BKN.unflatten(2, self.grid.shape_XYZ))

    def volumes(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """The prediction of the volume network, not read again."""
        self.check(image_B3HW, cameras, hints)
        ray_B4HW = ray_code_B4HW(cameras, self.grid, cameras.size_HW) if self.config.image.rays else None
        pyramid = self.image_encoder(image_B3HW, hints.noise_level_B, ray_B4HW)
        sight = None if self.sight is None else self.sight(pyramid, cameras)
        return self.complete(self.lift(pyramid, cameras), sight, cameras)

    def said(self, prediction: Prediction, cameras: CameraBatch) -> Tensor:
        """What a readout is told of every voxel (B, F, N): its logits, and what lines of sight say of it."""
        parts = [prediction.logits_BKXYZ.flatten(2)]
        if self.sight is not None:
            sight_BSHW = prediction.extras["sight_logits_BSHW"]
            parts.append(self.sight.ends(sight_BSHW, self.centre_N3_m, cameras))
            if self.told is not None:
                parts.append(self.sight.evidence(sight_BSHW, cameras).flatten(2))
        return torch.cat(parts, 1)

    def complete(self, lifted_BCXYZ: Tensor, sight_BSHW: Tensor | None, cameras: CameraBatch) -> Prediction:
        """The grid from lifted features and, with a sight head, from where lines of sight end (B, D + 1 + K, H, W)."""
        extras = {}
        if self.sight is not None and self.modulate is not None and sight_BSHW is not None:
            extras["sight_logits_BSHW"] = sight_BSHW
            ends_B2N = self.sight.ends(sight_BSHW, self.lifted_N3_m, cameras)
            scale, shift = self.modulate(ends_B2N).unflatten(2, self.lifted_grid.shape_XYZ).chunk(2, 1)
            lifted_BCXYZ = lifted_BCXYZ * (1.0 + scale) + shift
            if self.told is not None:
                lifted_BCXYZ = lifted_BCXYZ + self.told(self.sight.evidence(sight_BSHW, cameras))
        logits, more = self.volume(lifted_BCXYZ)
        if self.prior is not None:
            logits = self.prior(logits)
        return Prediction(logits, extras | more)

    def loss(
        self, prediction: Prediction, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """See `PerceptionNetwork`: MonoScene's five terms."""
        frustum_BN = frustum_index(cameras, self.centre_N3_m, self.config.frustums)
        relations = prediction.extras.get("relation_logits_BRSN")
        shape, weighted = self.relation_shape_XYZ, self.config.entropy != "small"
        terms = five_terms(prediction.logits_BKXYZ, target_BXYZ, self.weight_K, frustum_BN, relations, shape, weighted)
        terms = self.config.terms.weighed(terms)
        if self.sight is not None:
            terms |= self.sight.loss(prediction.extras["sight_logits_BSHW"], target_BXYZ, cameras, shown)
        return terms


def build(config: Config, grid: GridSpec, taxonomy: Taxonomy) -> MonoScene:
    """A network with fresh weights."""
    return MonoScene(config, grid, taxonomy)
