"""The smallest picture generator, and the smallest network that reads its pictures, without training."""

import torch

from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.text import ATTRIBUTE_VALUES
from occforge.latent.alignment import AlignmentConfig
from occforge.latent.camera_encoding import CameraEncodingConfig
from occforge.latent.generator import GeneratorConfig, PictureGenerator
from occforge.latent.objective import Diffusion
from occforge.latent.painter import PainterConfig
from occforge.perception._image_encoder import ImageEncoderConfig
from occforge.perception.monoscene import Config, build
from occforge.perception.weights import Trained

PAINTER = PainterConfig(
    widths=(8, 16), width=32, blocks=1, head=16, words=16, told=16, volume=4,
    alignment=AlignmentConfig(width=16, heads=2, state=4, patch=1),
)  # fmt: skip
READER = Config(
    image=ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8), noise_level=True),
    scales=(2, 4, 8),
    lift_factor=1,
    columns=8,
    relation_prior=False,
)


def untrained_generator(grid: GridSpec, size_HW: tuple[int, int]) -> PictureGenerator:
    """With fresh weights: it says nothing yet."""
    counts = tuple(len(values) for values in ATTRIBUTE_VALUES.values())
    encoding = CameraEncodingConfig(channels=4, depth=4, parameter_HW=(2, 4))
    config = GeneratorConfig(size_HW, counts, PAINTER, encoding, Diffusion(100), depths=16)
    return PictureGenerator(config, grid, SEMANTIC_KITTI).eval()


def tiny_generator(grid: GridSpec, size_HW: tuple[int, int]) -> PictureGenerator:
    """As if trained: what it is told reaches its pictures."""
    torch.manual_seed(0)
    made = untrained_generator(grid, size_HW)
    torch.nn.init.normal_(made.painter.leave.weight, std=0.3)
    torch.nn.init.normal_(made.painter.align.zero.weight)
    return made


def tiny_reader(grid: GridSpec, size_HW: tuple[int, int]) -> Trained:
    """A MonoScene of random weights."""
    torch.manual_seed(1)
    return Trained(build(READER, grid, SEMANTIC_KITTI).eval(), "monoscene", size_HW, {})
