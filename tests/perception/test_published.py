"""The map of MonoScene's released names: every tensor of the release has its place, and ours are all filled."""

import zipfile

import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.perception import published
from occforge.perception._image_encoder import SamePad2d
from occforge.perception.monoscene import PRESETS, build
from occforge.perception.weights import load_network

BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def released_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the SemanticKITTI checkpoint's state dict, from the published architecture's own sizes."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, *shape: int, bias: bool = False) -> None:
        shapes[f"{name}.weight"] = shape
        if bias:
            shapes[f"{name}.bias"] = (shape[0],)

    def norm(name: str, channels: int) -> None:
        for leaf in BN:
            shapes[f"{name}.{leaf}"] = () if leaf == "num_batches_tracked" else (channels,)

    def bottleneck(name: str, inputs: int, outputs: int, strided: bool) -> None:
        middle = inputs // 4
        conv(f"{name}.conv1", middle, inputs, 1, 1, 1)
        for i, kernel in enumerate(((1, 1, 3), (1, 3, 1), (3, 1, 1))):
            conv(f"{name}.conv{i + 2}", middle, middle, *kernel)
            conv(f"{name}.downsample{i + 2}.1", middle, middle, 1, 1, 1)
            norm(f"{name}.downsample{i + 2}.2", middle)
        for i in range(1, 5):
            norm(f"{name}.bn{i}", middle)
        conv(f"{name}.conv5", outputs, middle, 1, 1, 1)
        norm(f"{name}.bn5", outputs)
        if strided:
            conv(f"{name}.downsample.1", outputs, inputs, 1, 1, 1)
            norm(f"{name}.downsample.2", outputs)

    def dilated(name: str, channels: int) -> None:
        for i in range(3):
            for j in (1, 2):
                conv(f"{name}.conv{j}.{i}", channels, channels, 3, 3, 3)
                norm(f"{name}.bn{j}.{i}", channels)

    encoder = "net_rgb.encoder.original_model"
    conv(f"{encoder}.conv_stem", 64, 3, 3, 3)
    norm(f"{encoder}.bn1", 64)
    stages = [
        (32, 3, 1, 4),
        (48, 3, 6, 7),
        (80, 5, 6, 7),
        (160, 3, 6, 10),
        (224, 5, 6, 10),
        (384, 5, 6, 13),
        (640, 3, 6, 4),
    ]
    inputs = 64
    for s, (width, kernel, expand, count) in enumerate(stages):
        for b in range(count):
            name, middle = f"{encoder}.blocks.{s}.{b}", inputs * expand
            if expand > 1:
                conv(f"{name}.conv_pw", middle, inputs, 1, 1)
                norm(f"{name}.bn1", middle)
            conv(f"{name}.conv_dw", middle, 1, kernel, kernel)
            norm(f"{name}.bn{2 if expand > 1 else 1}", middle)
            conv(f"{name}.se.conv_reduce", inputs // 4, middle, 1, 1, bias=True)
            conv(f"{name}.se.conv_expand", middle, inputs // 4, 1, 1, bias=True)
            conv(f"{name}.{'conv_pwl' if expand > 1 else 'conv_pw'}", width, middle, 1, 1)
            norm(f"{name}.bn{3 if expand > 1 else 2}", width)
            inputs = width
    conv(f"{encoder}.conv_head", 2560, 640, 1, 1)
    norm(f"{encoder}.bn2", 2560)
    decoder = "net_rgb.decoder"
    conv(f"{decoder}.conv2", 2560, 2560, 1, 1, bias=True)
    below = 2560
    for scale, skip in ((16, 224), (8, 80), (4, 48), (2, 32), (1, 3)):
        width = below // 2
        conv(f"{decoder}.up{scale}._net.0", width, below + skip, 3, 3, bias=True)
        norm(f"{decoder}.up{scale}._net.1", width)
        conv(f"{decoder}.up{scale}._net.3", width, width, 3, 3, bias=True)
        norm(f"{decoder}.up{scale}._net.4", width)
        conv(f"{decoder}.resize_output_1_{scale}", 64, width, 1, 1, bias=True)
        below = width
    volume = "net_3d_decoder"
    for level, channels in ((1, 64), (2, 128)):
        for i in range(3):
            bottleneck(f"{volume}.process_l{level}.0.main.{i}", channels, channels, False)
        bottleneck(f"{volume}.process_l{level}.1.main", channels, 2 * channels, True)
    for name, wide, narrow in (("up_13_l2", 256, 128), ("up_12_l1", 128, 64), ("up_l1_lfull", 64, 32)):
        conv(f"{volume}.{name}.main.0", wide, narrow, 3, 3, 3)
        shapes[f"{volume}.{name}.main.0.bias"] = (narrow,)
        norm(f"{volume}.{name}.main.1", narrow)
    conv(f"{volume}.ssc_head.conv0", 32, 32, 3, 3, 3, bias=True)
    dilated(f"{volume}.ssc_head", 32)
    conv(f"{volume}.ssc_head.conv_classes", 20, 32, 3, 3, 3, bias=True)
    prior = f"{volume}.CP_mega_voxels"
    conv(f"{prior}.mega_context.0", 512, 256, 3, 3, 3, bias=True)
    for r in range(4):
        conv(f"{prior}.context_prior_logits.{r}.0", 512, 256, 1, 1, 1, bias=True)
    dilated(f"{prior}.aspp", 256)
    conv(f"{prior}.resize.0", 256, 4 * 512 + 256, 1, 1, 1)
    bottleneck(f"{prior}.resize.1.main.0", 256, 256, False)
    return shapes


def test_every_released_tensor_has_its_place_and_ours_are_all_filled():
    with torch.device("meta"):
        network = build(PRESETS["street"], STREET_GRID, SEMANTIC_KITTI)
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    released = released_shapes()
    mapped = {published.our_name(name): shape for name, shape in released.items()}
    mapped.pop(None)
    assert mapped == own
    dropped = [name for name in released if published.our_name(name) is None]
    assert all("original_model.bn2." in n or ".downsample" in n or "resize_output_1_16" in n for n in dropped)
    assert not [n for n in dropped if "process" in n and ".1.main.downsample" in n]  # blocks with a stride use them


def test_foreign_names_are_refused():
    for name in ("net_rgb.encoder.original_model.blocks.0.0.conv_pwx.weight", "backbone.conv1.weight",
                 "net_3d_decoder.up_99.main.0.weight"):  # fmt: skip
        with pytest.raises(InputError, match="is no tensor of MonoScene's release"):
            published.our_name(name)


def test_a_checkpoint_is_read_by_its_names(tmp_path):
    path = tmp_path / "monoscene_kitti.ckpt"
    torch.save({"epoch": 3, "state_dict": {"backbone.conv1.weight": torch.zeros(2)}}, path)
    with pytest.raises(InputError, match=r"'backbone\.conv1\.weight' is no tensor of MonoScene's release"):
        load_network(path)
    torch.save({"epoch": 3, "state_dict": {"net_rgb.decoder.conv2.bias": torch.zeros(2560)}}, path)
    with pytest.raises(InputError, match="tensors missing and 0 unknown"):
        load_network(path)


def test_damaged_checkpoints_are_refused(tmp_path):
    path = tmp_path / "monoscene_kitti.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"whatever a checkpoint holds")
    with pytest.raises(InputError, match=r"expected a file of torch\.save"):
        published.load_released(path)
    path.write_bytes(b"neither")
    with pytest.raises(InputError, match="expected a checkpoint or a safetensors file"):
        published.load_released(path)
    with pytest.raises(InputError, match="found none"):
        published.load_released(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(("size", "kernel"), [(7, 3), (8, 3), (93, 5), (370, 3), (5, 5)])
def test_same_padding_gives_the_rounded_up_half(size, kernel):
    conv = torch.nn.Conv2d(1, 1, kernel, 2)
    assert conv(SamePad2d(conv)(torch.zeros(1, 1, size, size + 1))).shape[-2:] == (-(-size // 2), -(-(size + 1) // 2))
