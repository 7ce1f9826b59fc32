"""The 2D networks under the lifting: EfficientNet (transformers) with AdaBins' decoder, and a small residual one.

Shape legend: B batch, C channels, H W rows and columns; a pyramid maps 1, 2, 4, 8, 16 to features at that fraction of
the picture's size.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.config import added

Backbone = Literal["efficientnet-b7", "residual"]

EFFICIENTNET_WIDTHS, EFFICIENTNET_LAST, EFFICIENTNET_DEEPEST = [3, 32, 48, 80, 224], 640, 2560
"""Channels of the picture, of B7's stages at 1/2 to 1/16, of that at 1/32, and of its last convolution."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ImageEncoderConfig:
    """`channels` of every output scale; `widths` are those of the residual backbone at 1/1, 1/2, 1/4, 1/8 and 1/16.

    `scales` are those of the pyramid; nothing finer is decoded. `checkpointing` recomputes activations in the backward
    pass instead of keeping them. `noise_level` modulates the residual backbone by how noisy the picture is. `refine`:
    blocks after the decoder's steps to 1/2, 1/4, ... (`Refine`), as many as given.
    """

    backbone: Backbone = "efficientnet-b7"
    channels: int = 64
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    scales: tuple[int, ...] = (1, 2, 4, 8, 16)
    noise_level: bool = False
    checkpointing: bool = False
    refine: tuple[int, ...] = added(())


SMALL_WIDTHS = (16, 32, 64, 96, 112)
"""Of the residual backbone of every small preset, so that one pretrained backbone serves them all."""


class ImageEncoder(nn.Module):
    """RGB (B, 3, H, W) in 0-1 to a pyramid of `channels` features at the scales asked for."""

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: nn.Module
        if config.backbone == "efficientnet-b7":
            self.encoder = EfficientNetStages(config.checkpointing)
            skips, deepest = EFFICIENTNET_WIDTHS, EFFICIENTNET_DEEPEST
            decoded = [deepest // 2 ** (5 - i) for i in range(5)]  # 1/1 ... 1/16
            self.neck: nn.Module = nn.Conv2d(deepest, deepest, 1, padding=1)
        else:
            self.encoder = ResidualStages(config.widths, config.noise_level)
            skips, deepest, decoded = [3, *config.widths[1:-1]], config.widths[-1], list(config.widths)
            self.neck = nn.Identity()
        below = [*decoded[1:], deepest]  # channels that come up from the next coarser scale
        steps = [i for i in reversed(range(len(skips))) if 2**i >= min(config.scales)]
        self.up = nn.ModuleDict({f"{2**i}": Fuse(below[i] + skips[i], decoded[i]) for i in steps})
        self.refine = nn.ModuleDict(
            {
                f"{2**i}": nn.Sequential(*(Refine(decoded[i], 64) for _ in range(blocks)))
                for i, blocks in enumerate(config.refine, 1)
                if blocks
            }
        )
        self.resize = nn.ModuleDict(
            {f"{2**i}": nn.Conv2d(decoded[i], config.channels, 1) for i in range(5) if 2**i in config.scales}
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, image_B3HW: Tensor, noise_level_B: Tensor | None = None) -> dict[int, Tensor]:
        """The pyramid; a noise level is used only where the configuration says so."""
        x_B3HW = (image_B3HW - self.mean) / self.std
        if self.config.backbone == "residual":  # wide convolutions, twice as fast with channels last
            x_B3HW = x_B3HW.contiguous(memory_format=torch.channels_last)
        skips, deepest = self.encoder(x_B3HW, noise_level_B)
        x = self.neck(deepest)
        pyramid = {16: self.resize["16"](x)} if "16" in self.resize and "16" not in self.up else {}
        for name in self.up:
            scale = int(name)
            fuse = self.up[name]
            skip = x_B3HW if scale == 1 else skips[scale]
            keep = not (self.config.checkpointing and self.training)
            x = fuse(x, skip) if keep else checkpoint(fuse, x, skip, use_reentrant=False)
            if name in self.refine:
                x = self.refine[name](x)
            if name in self.resize:
                pyramid[scale] = self.resize[name](x)
        return pyramid


class ImageStages(nn.Module):
    """RGB (B, 3, H, W) in 0-1 to a backbone's own features, for networks with a decoder or neck of their own.

    `scales` and `widths` tell size and channels of each, finest first; with EfficientNet those of scale 32 come twice,
    before and after its last convolution.
    """

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.encoder: nn.Module
        self.scales: tuple[int, ...]
        self.widths: tuple[int, ...]
        if config.backbone == "efficientnet-b7":
            self.encoder = EfficientNetStages(config.checkpointing)
            self.scales = (2, 4, 8, 16, 32, 32)
            self.widths = (*EFFICIENTNET_WIDTHS[1:], EFFICIENTNET_LAST, EFFICIENTNET_DEEPEST)
        else:
            self.encoder = ResidualStages(config.widths, config.noise_level)
            self.scales, self.widths = (2, 4, 8, 16), config.widths[1:]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, image_B3HW: Tensor, noise_level_B: Tensor | None = None) -> list[Tensor]:
        """Features in the order of `scales`."""
        skips, deepest = self.encoder((image_B3HW - self.mean) / self.std, noise_level_B)
        return [*(skips[scale] for scale in sorted(skips)), deepest][: len(self.scales)]


class Fuse(nn.Module):
    """Upsample to the skip's size, concatenate, two 3x3 convolutions: a decoder step of AdaBins, as in MonoScene."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(),
        )

    def forward(self, x_BCHW: Tensor, skip_BCHW: Tensor) -> Tensor:
        up_BCHW = F.interpolate(x_BCHW, skip_BCHW.shape[-2:], mode="bilinear", align_corners=True)
        return self.net(torch.cat([up_BCHW, skip_BCHW], 1))


class EfficientNetStages(nn.Module):
    """EfficientNet-B7 without its classifier, random weights; features after its stages and after its last convolution.

    Paper: features of the last convolution before its norm (MonoScene's release); here as well.
    """

    def __init__(self, checkpointing: bool) -> None:
        super().__init__()
        self.model = _efficientnet_b7()
        self.checkpointing = checkpointing
        widths = [block.projection.project_bn.num_features for block in self.model.encoder.blocks]
        last = [
            max(i for i, w in enumerate(widths) if w == width)
            for width in (*EFFICIENTNET_WIDTHS[1:], EFFICIENTNET_LAST)
        ]
        self.scale_of_block = {block: 2 ** (i + 1) for i, block in enumerate(last)}

    def forward(self, x_B3HW: Tensor, noise_level_B: Tensor | None = None) -> tuple[dict[int, Tensor], Tensor]:
        """Skips by scale, and the deepest features (B, 2560, H / 32, W / 32)."""
        x = self.model.embeddings(x_B3HW)
        skips = {}
        for i, block in enumerate(self.model.encoder.blocks):
            keep = not (self.checkpointing and self.training)
            x = block(x) if keep else checkpoint(block, x, use_reentrant=False)
            if i in self.scale_of_block:
                skips[self.scale_of_block[i]] = x
        return skips, self.model.encoder.top_conv(x)


def _efficientnet_b7() -> Any:
    """The network of transformers, padded as the release was and without the norm that nothing uses."""
    from transformers import EfficientNetConfig, EfficientNetModel

    # B7 is the default; its momentum is TensorFlow's 0.99, of which torch's is the complement
    model = cast(Any, EfficientNetModel(EfficientNetConfig(batch_norm_momentum=0.01)))
    model.embeddings.padding = SamePad2d(model.embeddings.convolution)
    model.encoder.top_bn = nn.Identity()  # features are taken before it
    for block in model.encoder.blocks:
        if block.depthwise_conv.stride == 2:
            block.depthwise_conv.depthwise_conv_pad = SamePad2d(block.depthwise_conv.depthwise_conv)
    return model


class SamePad2d(nn.Module):
    """Zeros around a map so that a strided convolution gives ceil(size / stride): TensorFlow's "same".

    Paper: the release was trained so. transformers: always one pixel right and below, which is the same for even sizes
    only; streets of 370 rows meet odd ones.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.kernel, self.stride = int(conv.kernel_size[0]), int(conv.stride[0])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        padding: list[int] = []
        for size in reversed(x_BCHW.shape[-2:]):
            missing = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            padding += [missing // 2, missing - missing // 2]
        return F.pad(x_BCHW, padding)


class ResidualStages(nn.Module):
    """A small encoder: a strided convolution and two residual blocks a scale, at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self, widths: tuple[int, ...], noise_level: bool) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(Down(a, b), ResidualBlock(b), ResidualBlock(b))
            for a, b in zip((3, *widths[1:-1]), widths[1:], strict=True)
        )
        self.modulate = nn.ModuleList(nn.Linear(8, 2 * w) for w in widths[1:]) if noise_level else None

    def forward(self, x_B3HW: Tensor, noise_level_B: Tensor | None = None) -> tuple[dict[int, Tensor], Tensor]:
        """Skips by scale, and the deepest features (B, C, H / 16, W / 16)."""
        x, skips = x_B3HW, {}
        if noise_level_B is None:
            noise_level_B = x_B3HW.new_zeros(len(x_B3HW))
        octave_4 = torch.arange(4, device=x.device)
        angle_B4 = noise_level_B[:, None] * torch.pi * 2.0**octave_4
        code_B8 = torch.cat([torch.sin(angle_B4), torch.cos(angle_B4)], 1)
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if self.modulate is not None:
                scale_BC, shift_BC = self.modulate[i](code_B8).to(x.dtype).chunk(2, 1)
                x = x * (1.0 + scale_BC[..., None, None]) + shift_BC[..., None, None]
            skips[2 ** (i + 1)] = x
        return skips, x


class Down(nn.Module):
    """Half the size: 4x4 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, outputs, 4, 2, 1), nn.BatchNorm2d(outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.silu(self.norm(self.conv(x_BCHW)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1, self.norm_1 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.conv_2, self.norm_2 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_BCHW = F.silu(self.norm_1(self.conv_1(x_BCHW)))
        return F.silu(x_BCHW + self.norm_2(self.conv_2(h_BCHW)))


class Refine(nn.Module):
    """Two 3x3 convolutions around which the input is added; at first they add nothing, so that what was there stays."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv_1, self.norm_1 = nn.Conv2d(channels, hidden, 3, padding=1), nn.BatchNorm2d(hidden)
        self.conv_2 = nn.Conv2d(hidden, channels, 3, padding=1)
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)  # type: ignore[arg-type]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.conv_2(F.silu(self.norm_1(self.conv_1(x_BCHW))))
