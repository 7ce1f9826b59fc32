"""Stable Diffusion with random weights and few channels, in diffusers' folder format."""

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


def write_folder(path):
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
        attention_head_dim=8, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(path / "unet")  # fmt: skip
    AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(path / "vae")  # fmt: skip
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    ).save_pretrained(path / "text_encoder")  # fmt: skip
    tokenizer = path / "tokenizer"
    tokenizer.mkdir()
    letters = sorted({c for word in WORDS for c in word})
    names = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (tokenizer / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    (tokenizer / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 12, "pad_token": "<|endoftext|>"})
    )
