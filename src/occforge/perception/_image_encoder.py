"""The 2D networks under the lifting: EfficientNet (transformers) with AdaBins' decoder, and a small residual one.

Shape legend: B batch, C channels, H W rows and columns; a pyramid maps 1, 2, 4, 8, 16 to features at that fraction of
the picture's size.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from occforge.core.config import added
from occforge.core.errors import InputError
from occforge.core.tensors import load_state

Backbone = Literal["efficientnet", "residual"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class EfficientNetSize:
    """What tells EfficientNets apart: B0's channels and blocks times how many, and the activation; B7 by default."""

    width: float = 2.0
    depth: float = 3.1
    activation: str = "swish"


@dataclass(frozen=True)
class ImageEncoderConfig:
    """`channels` of every output scale; `widths` are those at 1/1, 1/2, 1/4, 1/8 and 1/16 of the residual backbone and
    of the decoder. With EfficientNet they are the decoder's alone; none: the last convolution's, halved at every step,
    as in the paper. `efficientnet`: which one.

    `scales` are those of the pyramid; nothing finer is decoded. `checkpointing` recomputes activations in the backward
    pass instead of keeping them. `noise_level` modulates the residual backbone by how noisy the picture is. `refine`:
    blocks after the decoder's steps to 1/2, 1/4, ... (`Refine`), as many as given. `details`: the residual backbone
    sees the picture at half its size, which all scales count from, and beside it that many channels of what is lost so
    (`Details`); 0 for the picture as it is. `rays`: the decoder's steps are also told how their pixels' rays run
    (CAM-Convs, Facil et al. 2019), for depth that follows from the row in which a thing meets the ground.
    """

    backbone: Backbone = "efficientnet"
    channels: int = 64
    widths: tuple[int, ...] = ()
    scales: tuple[int, ...] = (1, 2, 4, 8, 16)
    noise_level: bool = False
    checkpointing: bool = False
    refine: tuple[int, ...] = added(())
    efficientnet: EfficientNetSize = added(EfficientNetSize())
    details: int = added(0)
    rays: bool = added(False)


RAY_CHANNELS = 4
"""Of the code of a pixel's ray (`_sight.ray_code_B4HW`)."""

SMALL_WIDTHS = (16, 32, 64, 96, 112)
"""Of the residual backbone of every small preset, so that one pretrained backbone serves them all."""


class ImageEncoder(nn.Module):
    """RGB (B, 3, H, W) in 0-1 to a pyramid of `channels` features at the scales asked for."""

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: nn.Module
        self.neck: nn.Module = nn.Identity()
        self.details = Details(config.details) if config.details else None
        if config.backbone == "efficientnet":
            self.encoder = stages = EfficientNetStages(config.efficientnet, config.checkpointing)
            skips, deepest = [3, *stages.widths[:-1]], stages.deepest
            decoded = list(config.widths) or [deepest // 2 ** (5 - i) for i in range(5)]  # 1/1 ... 1/16
            if not config.widths:
                self.neck = nn.Conv2d(deepest, deepest, 1, padding=1)
        else:
            self.encoder = ResidualStages(config.widths, config.noise_level, 3 + config.details)
            skips, deepest = [3 + config.details, *config.widths[1:-1]], config.widths[-1]
            decoded = list(config.widths)
        below = [*decoded[1:], deepest]  # channels that come up from the next coarser scale
        rays = RAY_CHANNELS if config.rays else 0
        steps = [i for i in reversed(range(len(skips))) if 2**i >= min(config.scales)]
        self.up = nn.ModuleDict({f"{2**i}": Fuse(below[i] + skips[i] + rays, decoded[i]) for i in steps})
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

    def forward(
        self, image_B3HW: Tensor, noise_level_B: Tensor | None = None, ray_B4HW: Tensor | None = None
    ) -> dict[int, Tensor]:
        """The pyramid; noise level and rays, at any size, are used only where the configuration says so."""
        x_B3HW = (image_B3HW - self.mean) / self.std
        if self.config.backbone == "residual":  # wide convolutions, twice as fast with channels last
            x_B3HW = x_B3HW.contiguous(memory_format=torch.channels_last)
        if self.details is not None:
            x_B3HW = torch.cat([F.avg_pool2d(x_B3HW, 2), self.details(x_B3HW)], 1)
        skips, deepest = self.encoder(x_B3HW, noise_level_B)
        x = self.neck(deepest)
        pyramid = {16: self.resize["16"](x)} if "16" in self.resize and "16" not in self.up else {}
        for name in self.up:
            scale = int(name)
            fuse = self.up[name]
            skip = x_B3HW if scale == 1 else skips[scale]
            if self.config.rays:
                assert ray_B4HW is not None, "an encoder that is told rays needs them"
                skip = torch.cat([skip, F.interpolate(ray_B4HW.to(skip), skip.shape[-2:], mode="area")], 1)
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
        if config.backbone == "efficientnet":
            self.encoder = stages = EfficientNetStages(config.efficientnet, config.checkpointing)
            self.scales, self.widths = (2, 4, 8, 16, 32, 32), (*stages.widths, stages.deepest)
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
    """EfficientNet without its classifier, random weights; features after its stages and after its last convolution.

    Paper: features of the last convolution before its norm (MonoScene's release); here as well. `widths` are the
    channels at 1/2 to 1/32, `deepest` those of the last convolution.
    """

    def __init__(self, size: EfficientNetSize, checkpointing: bool) -> None:
        super().__init__()
        self.model = _efficientnet(size)
        self.checkpointing = checkpointing
        blocks = list(self.model.encoder.blocks)
        halving = [i for i, block in enumerate(blocks) if block.depthwise_conv.stride == 2]
        last = [*(i - 1 for i in halving), len(blocks) - 1]
        self.scale_of_block = {block: 2 ** (i + 1) for i, block in enumerate(last)}
        self.widths = tuple(int(blocks[i].projection.project_bn.num_features) for i in last)
        self.deepest = int(self.model.encoder.top_conv.out_channels)

    def forward(self, x_B3HW: Tensor, noise_level_B: Tensor | None = None) -> tuple[dict[int, Tensor], Tensor]:
        """Skips by scale, and the deepest features (B, `deepest`, H / 32, W / 32)."""
        x = self.model.embeddings(x_B3HW)
        skips = {}
        for i, block in enumerate(self.model.encoder.blocks):
            keep = not (self.checkpointing and self.training)
            x = block(x) if keep else checkpoint(block, x, use_reentrant=False)
            if i in self.scale_of_block:
                skips[self.scale_of_block[i]] = x
        return skips, self.model.encoder.top_conv(x)


def _efficientnet(size: EfficientNetSize) -> Any:
    """The network of transformers, padded as the release was and without the norm that nothing uses."""
    from transformers import EfficientNetConfig, EfficientNetModel

    # the momentum is TensorFlow's 0.99, of which torch's is the complement
    config = EfficientNetConfig(
        width_coefficient=size.width,
        depth_coefficient=size.depth,
        hidden_act=size.activation,
        batch_norm_momentum=0.01,
    )
    model = cast(Any, EfficientNetModel(config))
    model.embeddings.padding = SamePad2d(model.embeddings.convolution)
    model.encoder.top_bn = nn.Identity()  # features are taken before it
    for block in model.encoder.blocks:
        if block.depthwise_conv.stride == 2:
            block.depthwise_conv.depthwise_conv_pad = SamePad2d(block.depthwise_conv.depthwise_conv)
    return model


@dataclass(frozen=True)
class PretrainedEfficientNet:
    """An EfficientNet of transformers' folder format: its size, and its tensors under `EfficientNetStages`' names."""

    size: EfficientNetSize
    tensors: dict[str, Tensor]


def open_efficientnet(path: Path) -> PretrainedEfficientNet:
    """Read such a folder, config.json and model.safetensors; raises `InputError` where they are not what they say.

    Not by transformers' `from_pretrained`, which draws anew what is missing or of another shape.
    """
    try:
        config = json.loads((path / "config.json").read_text())
        if config["model_type"] != "efficientnet":
            raise ValueError(f"its model_type is {config['model_type']}")
        width, depth = float(config["width_coefficient"]), float(config["depth_coefficient"])
        size = EfficientNetSize(width, depth, str(config["hidden_act"]))
        stages = EfficientNetStages(size, checkpointing=False)
        loaded = load_file(path / "model.safetensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"{path}: expected transformers' EfficientNet, config.json and model.safetensors, cannot read it "
            f"({error}); download one, such as google/efficientnet-b0"
        ) from error
    named = {f"model.{name.removeprefix('efficientnet.')}": tensor for name, tensor in loaded.items()}
    unused = ("model.classifier.", "model.encoder.top_bn.")
    tensors = {name: tensor for name, tensor in named.items() if not name.startswith(unused)}
    load_state(stages, tensors, path)
    return PretrainedEfficientNet(size, tensors)


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


class Details(nn.Module):
    """What a picture (B, 3, H, W) shows that its half does not: (B, C, H / 2, W / 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter, self.refine = Down(3, channels), Refine(channels, 2 * channels)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        fine: Tensor = self.refine(self.enter(x_B3HW))
        return fine


class ResidualStages(nn.Module):
    """A small encoder: a strided convolution and two residual blocks a scale, at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self, widths: tuple[int, ...], noise_level: bool, inputs: int = 3) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(Down(a, b), ResidualBlock(b), ResidualBlock(b))
            for a, b in zip((inputs, *widths[1:-1]), widths[1:], strict=True)
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
