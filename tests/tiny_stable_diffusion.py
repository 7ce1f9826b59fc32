"""Stable Diffusion with random weights in diffusers' folder format: with few channels, or of 1.5's true shapes."""

import json

import torch

from occforge.latent.alignment import AlignmentConfig
from occforge.latent.camera_encoding import CameraEncodingConfig
from occforge.latent.stable_diffusion import StableDiffusionConfig

CONFIG = StableDiffusionConfig(
    size_HW=(32, 64),
    alignment=AlignmentConfig(width=16, heads=2, state=4),
    encoding=CameraEncodingConfig(channels=4, depth=4, parameter_HW=(2, 4)),
    depths=16,
)
WORDS = ("a", "street", "with", "cars", "in", "fog")


TINY = (
    {
        "sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8,
        "cross_attention_dim": 32, "attention_head_dim": 8, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    },
    {
        "block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4, "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    },
    {
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "max_position_embeddings": 12, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
    },
)  # fmt: skip
"""Network, autoencoder, text encoder."""

TRUE_SHAPES = (
    {
        "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
        "cross_attention_dim": 768, "attention_head_dim": 8,
        "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    },
    {
        "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
        "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    },
    {
        "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 1,
        "pad_token_id": 1,
    },
)  # fmt: skip
"""Stable Diffusion 1.5."""


def write_folder(path, sizes=TINY):
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet, vae, text = sizes
    UNet2DConditionModel(**unet).save_pretrained(path / "unet")
    AutoencoderKL(**vae).save_pretrained(path / "vae")
    CLIPTextModel(CLIPTextConfig(**text)).save_pretrained(path / "text_encoder")
    tokenizer = path / "tokenizer"
    tokenizer.mkdir()
    letters = sorted({c for word in WORDS for c in word})
    names = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (tokenizer / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    limit = text["max_position_embeddings"]
    (tokenizer / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": limit, "pad_token": "<|endoftext|>"})
    )
