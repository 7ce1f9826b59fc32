"""OccFormer (Zhang et al., ICCV 2023): lift by predicted depth, encode on two paths, decode as masks with classes.

Picture -> image encoder and neck -> a distribution over depth and a context feature a pixel -> lift and splat into a
volume -> dual-path transformer encoder (`_dual_path`) -> pixel decoder and mask-classification decoder
(`_mask_transformer`) -> for each voxel the sum over queries of class probability times mask. Trained by matching
queries with the classes present (`_mask_matching`), and by depth where it is given.

Shape legend: B batch, C channels, D depth bins, K classes, Q queries, R rounds, H W image, h w rows and columns of the
lifted map, X Y Z voxels.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import EMPTY, Taxonomy
from occforge.perception._dual_path import AtrousPyramid, DualPathConfig, DualPathEncoder
from occforge.perception._frustum import depth_range_m, splat_frustum
from occforge.perception._image_encoder import SMALL_WIDTHS, ImageEncoderConfig, ImageStages, ResidualBlock
from occforge.perception._mask_matching import MatchingConfig, mask_losses, sampling_weights
from occforge.perception._mask_transformer import MaskDecoder, MaskTransformerConfig, PixelDecoder
from occforge.perception.losses import STREET_VOXELS, TINY, class_weights
from occforge.perception.network import Hints, PerceptionNetwork, Prediction, Shown


@dataclass(frozen=True)
class Config:
    """Sizes; `image.channels` are those of each stage after the neck.

    `lift_scale`: the picture's pixels a side of a lifted one. `lift_factor_XYZ`: voxels of the grid that one lifted
    voxel spans. `depth_bins` divide the grid's depth evenly. `depth` weighs the loss of depth. `checkpointing`
    recomputes activations in the backward pass.
    """

    image: ImageEncoderConfig = field(default_factory=lambda: ImageEncoderConfig(channels=128))
    lift_scale: int = 16
    lift_factor_XYZ: tuple[int, int, int] = (2, 2, 2)
    lifted_channels: int = 128
    depth_bins: int = 112
    encoder: DualPathConfig = field(default_factory=DualPathConfig)
    decoder: MaskTransformerConfig = field(default_factory=MaskTransformerConfig)
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    depth: float = 1.0
    checkpointing: bool = False


PRESETS: dict[str, Config] = {
    "street": Config(),
    "small": Config(
        image=ImageEncoderConfig("residual", channels=16, widths=SMALL_WIDTHS, noise_level=True),
        lift_scale=4,
        lift_factor_XYZ=(2, 2, 1),
        lifted_channels=32,
        depth_bins=32,
        encoder=DualPathConfig((32, 48, 64, 96), (1, 1, 1, 1), 16, 4, 8, 0.0, 0.0),
        decoder=MaskTransformerConfig(
            channels=48, queries=32, pixel_layers=1, pixel_heads=4, layers=3, heads=4, groups=8
        ),
        matching=MatchingConfig(points=2048),
    ),
}
"""The authors' sizes for SemanticKITTI, and one for 64x64x8 and pictures of about 64x192."""


class Neck(nn.Module):
    """The encoder's stages brought to one scale by strided or transposed convolutions, and joined (as in SECOND)."""

    def __init__(self, scales: tuple[int, ...], widths: tuple[int, ...], outputs: int, scale: int) -> None:
        super().__init__()
        self.first = next(i for i, s in enumerate(scales) if 4 * s >= scale)  # finer stages are left out
        self.same = max(i for i, s in enumerate(scales) if s == scale) - self.first
        self.stages = nn.ModuleList()
        for at, width in zip(scales[self.first :], widths[self.first :], strict=True):
            ratio = max(scale // at, at // scale)
            kind = nn.Conv2d if at <= scale else nn.ConvTranspose2d
            conv = kind(width, outputs, ratio, ratio, bias=False)
            self.stages.append(nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU()))

    def forward(self, stages: list[Tensor]) -> Tensor:
        size = stages[self.first + self.same].shape[-2:]
        maps = [layer(stage) for layer, stage in zip(self.stages, stages[self.first :], strict=True)]
        return torch.cat([F.interpolate(m, size, mode="bilinear") if m.shape[-2:] != size else m for m in maps], 1)


class DepthNet(nn.Module):
    """Depth logits (B, D, h, w) and context (B, C, h, w) of a map, both aware of the camera (BEVDepth, Sec. 3.3).

    Paper's code: a deformable convolution before the depth logits, dropout and batch norms in the atrous pyramid and on
    the camera's numbers. Here: a plain convolution, group norms, and numbers without units. Because: pure PyTorch has
    no deformable convolution, and a batch of one camera has no variance.
    """

    def __init__(self, channels: int, outputs: int, depth_bins: int, groups: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())
        self.gates = nn.ModuleList(
            nn.Sequential(
                nn.Linear(16, channels),
                nn.ReLU(),
                nn.Linear(channels, channels),
                nn.Linear(channels, channels),
                nn.ReLU(),
                nn.Linear(channels, channels),
                nn.Sigmoid(),
            )
            for _ in range(2)
        )
        self.context = nn.Conv2d(channels, outputs, 1)
        self.depth = nn.Sequential(
            *(ResidualBlock(channels) for _ in range(3)),
            AtrousPyramid(channels, groups, 0.0),
            nn.Conv2d(channels, channels, 3, padding=1, groups=4),
            nn.Conv2d(channels, depth_bins, 1),
        )

    def forward(self, x_BChw: Tensor, camera_B16: Tensor) -> tuple[Tensor, Tensor]:
        x = self.reduce(x_BChw)
        for_depth, for_context = (x * gate(camera_B16)[..., None, None] for gate in self.gates)
        return self.depth(for_depth), self.context(for_context)


def camera_code_B16(grid: GridSpec, cameras: CameraBatch) -> Tensor:
    """A camera in numbers without units: K as shares of the picture, rotation, place as shares of the grid's extent."""
    H, W = cameras.size_HW
    K, pose = cameras.K_B33, cameras.camera_from_grid_B44
    lens_B4 = torch.stack([K[:, 0, 0] / W, K[:, 1, 1] / H, K[:, 0, 2] / W, K[:, 1, 2] / H], 1)
    return torch.cat([lens_B4, pose[:, :3, :3].flatten(1), pose[:, :3, 3] / max(grid.extent_m)], 1)


class OccFormer(PerceptionNetwork):
    """See the module. The grid must be divisible by `lift_factor_XYZ`; depth hints are used by the loss alone.

    Paper: depths from 2 to 58 m. Here: as far as the grid reaches from the camera. Because: geometry comes from grid
    and camera. Paper: semantic scores are the result. Here: their logarithms. Because: softmax then gives shares that
    add up to one, and the order is the same.
    """

    def __init__(self, config: Config, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__(grid, taxonomy)
        if config.decoder.queries < taxonomy.class_count:
            raise InputError(
                f"OccFormer: expected at least a query a class ({taxonomy.class_count}), got {config.decoder.queries}"
            )
        self.config = config
        self.lifted_grid = grid.pooled(config.lift_factor_XYZ)
        self.image_stages = ImageStages(replace(config.image, checkpointing=config.checkpointing))
        scales, widths = self.image_stages.scales, self.image_stages.widths
        self.neck = Neck(scales, widths, config.image.channels, config.lift_scale)
        channels = config.image.channels * len(self.neck.stages)
        self.depth_net = DepthNet(channels, config.lifted_channels, config.depth_bins, config.encoder.groups)
        self.encoder = DualPathEncoder(config.lifted_channels, config.encoder)
        self.pixel_decoder = PixelDecoder(config.encoder.channels, config.decoder)
        levels = len(config.encoder.channels) - 1
        self.mask_decoder = MaskDecoder(taxonomy.class_count, levels, config.decoder)
        weight_K = class_weights(taxonomy, voxels=STREET_VOXELS)
        self.register_buffer("weight_K", weight_K / weight_K[EMPTY], persistent=False)
        self.register_buffer("sampling_K", sampling_weights(taxonomy, config.matching.gamma), persistent=False)
        self.weight_K: Tensor
        self.sampling_K: Tensor

    def forward(self, image_B3HW: Tensor, cameras: CameraBatch, hints: Hints) -> Prediction:
        """See `PerceptionNetwork`."""
        self.check(image_B3HW, cameras, hints)
        flat = self.neck(self.image_stages(image_B3HW, hints.noise_level_B))
        depth_BDhw, context_BChw = self.depth_net(flat, camera_code_B16(self.grid, cameras).to(flat))
        lifted = splat_frustum(context_BChw, depth_BDhw.softmax(1), self.lifted_grid, cameras)
        volumes = self._run(self.pixel_decoder, self._run(self.encoder, lifted))
        class_RBQK, mask_RBQxyz = self._run(self.mask_decoder, volumes)
        logits = semantic_logits(class_RBQK[-1], mask_RBQxyz[-1], self.grid.shape_XYZ)
        rounds = {"class_BRQK": class_RBQK.transpose(0, 1), "mask_BRQxyz": mask_RBQxyz.transpose(0, 1)}
        extras = {**rounds, "depth_logits_BDhw": depth_BDhw}
        if hints.depth_BHW_m is not None:
            extras["depth_BHW_m"] = hints.depth_BHW_m
        return Prediction(logits, extras)

    def _run(self, block: nn.Module, x: Any) -> Any:
        if self.config.checkpointing and self.training:
            return checkpoint(block, x, use_reentrant=False)
        return block(x)

    def loss(
        self, prediction: Prediction, target_BXYZ: Tensor, cameras: CameraBatch, shown: Shown | None = None
    ) -> dict[str, Tensor]:
        """See `PerceptionNetwork`: classes, masks and Dice of the matched queries of every round; depth where given."""
        extras, config = prediction.extras, self.config
        class_RBQK, mask_RBQxyz = (extras[name].transpose(0, 1) for name in ("class_BRQK", "mask_BRQxyz"))
        terms = mask_losses(class_RBQK, mask_RBQxyz, target_BXYZ, self.weight_K, self.sampling_K, config.matching)
        if "depth_BHW_m" in extras:
            depth = depth_loss(extras["depth_logits_BDhw"], extras["depth_BHW_m"], self.lifted_grid, cameras)
            terms["depth"] = config.depth * depth
        return terms


def semantic_logits(class_BQK: Tensor, mask_BQxyz: Tensor, shape_XYZ: tuple[int, int, int]) -> Tensor:
    """Logarithms (B, K, X, Y, Z) of the sum over queries of class probability times mask (Mask2Former's inference)."""
    fine_BQXYZ = F.interpolate(mask_BQxyz, shape_XYZ, mode="trilinear", align_corners=False)
    probability_BQK = class_BQK.softmax(-1)[..., :-1]  # without "no class"
    score_BKXYZ = torch.einsum("bqk,bqxyz->bkxyz", probability_BQK, fine_BQXYZ.sigmoid())
    return torch.log(score_BKXYZ + TINY)


def depth_loss(logits_BDhw: Tensor, depth_BHW_m: Tensor, grid: GridSpec, cameras: CameraBatch) -> Tensor:
    """Binary cross-entropy of the depth distribution, summed over bins, mean over lifted pixels with a known depth.

    A lifted pixel's depth is the least of its pixels'; 0 is unknown (BEVDepth, Sec. 3.2).
    """
    near_B, far_B = depth_range_m(grid, cameras)
    D, size = logits_BDhw.shape[1], logits_BDhw.shape[-2:]
    far_away = torch.where(depth_BHW_m > 0, depth_BHW_m, torch.inf)
    least_Bhw = -F.adaptive_max_pool2d(-far_away[:, None], size)[:, 0]
    share_Bhw = (least_Bhw - near_B[:, None, None]) / (far_B - near_B)[:, None, None]
    known_Bhw = (share_Bhw >= 0) & (share_Bhw < 1)
    if not bool(known_Bhw.any()):
        return logits_BDhw.sum() * 0.0
    hot_MD = F.one_hot((share_Bhw[known_Bhw] * D).long(), D).float()
    probability_MD = logits_BDhw.float().softmax(1).movedim(1, -1)[known_Bhw].clamp(0.0, 1.0)
    return F.binary_cross_entropy(probability_MD, hot_MD, reduction="none").sum(1).mean()


def build(config: Config, grid: GridSpec, taxonomy: Taxonomy) -> OccFormer:
    """A network with fresh weights."""
    return OccFormer(config, grid, taxonomy)
