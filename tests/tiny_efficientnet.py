"""An EfficientNet of a few thousand weights in transformers' folder format."""

from pathlib import Path

import torch

from occforge.perception._image_encoder import EfficientNetSize

SIZE = EfficientNetSize(0.25, 0.3, "relu6")


def save_efficientnet(path: Path) -> Path:
    """Random weights, norms that have seen noise."""
    from transformers import EfficientNetConfig, EfficientNetModel

    torch.manual_seed(0)
    model = EfficientNetModel(
        EfficientNetConfig(
            width_coefficient=SIZE.width,
            depth_coefficient=SIZE.depth,
            hidden_dim=round(1280 * SIZE.width),
            hidden_act=SIZE.activation,
            batch_norm_momentum=0.01,
        )
    )
    model.train()(torch.randn(8, 3, 64, 64))
    model.save_pretrained(path)
    return path
