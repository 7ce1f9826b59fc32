"""EfficientNets of transformers' folder format as image backbones."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from occforge.core.errors import InputError
from occforge.perception._image_encoder import EfficientNetStages, ImageEncoder, ImageEncoderConfig, open_efficientnet
from tiny_efficientnet import SIZE, save_efficientnet


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_efficientnet(tmp_path_factory.mktemp("efficientnet"))


def test_a_folder_gives_the_features_that_transformers_has(folder):
    from transformers import EfficientNetModel

    pretrained = open_efficientnet(folder)
    assert pretrained.size == SIZE
    stages = EfficientNetStages(pretrained.size, checkpointing=False).eval()
    stages.load_state_dict(pretrained.tensors)
    image_B3HW = torch.randn(2, 3, 64, 96)
    reference = EfficientNetModel.from_pretrained(folder).eval()
    with torch.no_grad():
        skips, deepest = stages(image_B3HW)
        hidden = reference(image_B3HW, output_hidden_states=True).hidden_states
        convolved = reference.encoder.top_conv(hidden[-1])
    assert list(skips) == [2, 4, 8, 16, 32]
    for (block, scale), width in zip(stages.scale_of_block.items(), stages.widths, strict=True):
        torch.testing.assert_close(skips[scale], hidden[block + 1], rtol=1e-4, atol=1e-5)
        assert skips[scale].shape[1:] == (width, 64 // scale, 96 // scale)
    torch.testing.assert_close(deepest, convolved, rtol=1e-4, atol=1e-5)


def test_the_decoder_has_the_widths_it_is_given_or_halves_them_as_in_the_paper():
    paper = ImageEncoder(ImageEncoderConfig(efficientnet=SIZE))
    deepest = paper.encoder.deepest
    assert [paper.resize[f"{2**i}"].in_channels for i in range(5)] == [deepest // 2 ** (5 - i) for i in range(5)]
    widths = (4, 8, 12, 16, 20)
    own = ImageEncoder(ImageEncoderConfig(efficientnet=SIZE, widths=widths))
    assert tuple(own.resize[f"{2**i}"].in_channels for i in range(5)) == widths
    pyramid = own(torch.rand(2, 3, 64, 96))
    assert {s: tuple(x.shape[2:]) for s, x in pyramid.items()} == {2**i: (64 // 2**i, 96 // 2**i) for i in range(5)}


def test_what_is_no_such_folder_is_refused_in_one_line(folder, tmp_path):
    with pytest.raises(InputError, match="expected transformers' EfficientNet"):
        open_efficientnet(tmp_path)
    unpicklable = tmp_path / "bin"
    shutil.copytree(folder, unpicklable)
    torch.save(load_file(unpicklable / "model.safetensors"), unpicklable / "pytorch_model.bin")
    (unpicklable / "model.safetensors").unlink()
    with pytest.raises(InputError, match="safetensors"):
        open_efficientnet(unpicklable)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"depth_coefficient": 1.0}))
    with pytest.raises(InputError, match="another configuration"):
        open_efficientnet(other)
    (other / "config.json").write_text(json.dumps(config | {"model_type": "resnet"}))
    with pytest.raises(InputError, match="resnet"):
        open_efficientnet(other)
    spoilt = tmp_path / "spoilt"
    shutil.copytree(folder, spoilt)
    tensors = load_file(spoilt / "model.safetensors")
    tensors["embeddings.convolution.weight"][0] = torch.nan
    save_file(tensors, spoilt / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="finite"):
        open_efficientnet(spoilt)
