"""MonoScene's released SemanticKITTI checkpoint as weights of `monoscene`: a map of names, nothing more.

`load_released` reads the released file, a PyTorch Lightning checkpoint, without unpickling it (`core.torch_archive`),
or its state dict as safetensors. The NYUv2 checkpoint does not map: its 3D blocks run along that dataset's own axes
(right, up, forward) in that order, ours along (forward, left, up).

Left out of the map, because the released forward pass does not use them: EfficientNet's last norm (`bn2`), the
output at 1/16, the shrinking branches of 3D blocks without a stride (`downsample2` to `downsample4`), and metrics.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, Taxonomy
from occforge.core.tensors import load_state
from occforge.core.torch_archive import read_tensors
from occforge.perception.monoscene import PRESETS, MonoScene, build

SIZE_HW = (370, 1220)
"""Of the pictures that the release was trained on."""

STAGE_BLOCKS = (4, 7, 7, 10, 10, 13, 4)
"""Blocks of EfficientNet-B7's stages: released names count them by stage, ours from first to last."""

ENCODER = {
    "conv_stem": "embeddings.convolution",
    "bn1": "embeddings.batchnorm",
    "conv_head": "encoder.top_conv",
}
EXPANDING = {
    "conv_pw": "expansion.expand_conv",
    "bn1": "expansion.expand_bn",
    "conv_dw": "depthwise_conv.depthwise_conv",
    "bn2": "depthwise_conv.depthwise_norm",
    "se.conv_reduce": "squeeze_excite.reduce",
    "se.conv_expand": "squeeze_excite.expand",
    "conv_pwl": "projection.project_conv",
    "bn3": "projection.project_bn",
}
FIRST_STAGE = {
    "conv_dw": "depthwise_conv.depthwise_conv",
    "bn1": "depthwise_conv.depthwise_norm",
    "se.conv_reduce": "squeeze_excite.reduce",
    "se.conv_expand": "squeeze_excite.expand",
    "conv_pw": "projection.project_conv",
    "bn2": "projection.project_bn",
}
"""Parts of EfficientNet blocks: the first stage's blocks do not expand, so their norms are numbered otherwise."""

BOTTLENECK = {
    "conv1": "reduce",
    "bn1": "norm_in",
    "conv2": "along_z.0",
    "bn2": "along_z.1",
    "conv3": "along_y.0",
    "bn3": "along_y.1",
    "conv4": "along_x.0",
    "bn4": "along_x.1",
    "conv5": "expand",
    "bn5": "norm_out",
    "downsample2": "z_to_y",
    "downsample3": "z_to_x",
    "downsample4": "y_to_x",
    "downsample": "shortcut",
}
DILATED = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4}
"""Layers of a branch of the dilated sum."""

VOLUME = {
    "process_l1": "down_1",
    "process_l2": "down_2",
    "up_13_l2": "up_2",
    "up_12_l1": "up_1",
    "up_l1_lfull": "up_full",
}


def our_name(released: str) -> str | None:
    """Name in `MonoScene.state_dict()` of a released tensor; None if the released network does not use it.

    Raises `InputError` if the name is none of the released network's.
    """
    found = _image_name(released)
    if found is None:
        found = _volume_name(released)
        found = f"volume.{found}" if found else found
    if found is None:
        raise InputError(f"'{released}' is no tensor of MonoScene's release; expected net_rgb.* or net_3d_decoder.*")
    return found or None


def _image_name(name: str) -> str | None:
    """As `our_name` for the 2D network, '' where unused, None where it is not its."""
    if match := re.fullmatch(r"net_rgb\.encoder\.original_model\.blocks\.(\d)\.(\d+)\.([a-z_0-9.]+)\.(\w+)", name):
        stage, block, part, leaf = int(match[1]), int(match[2]), match[3], match[4]
        ours = (FIRST_STAGE if stage == 0 else EXPANDING).get(part)
        return ours and f"image_encoder.encoder.model.encoder.blocks.{sum(STAGE_BLOCKS[:stage]) + block}.{ours}.{leaf}"
    if match := re.fullmatch(r"net_rgb\.encoder\.original_model\.(conv_stem|bn1|conv_head|bn2)\.(\w+)", name):
        return "" if match[1] == "bn2" else f"image_encoder.encoder.model.{ENCODER[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"net_rgb\.decoder\.(conv2|resize_output_1_(\d+)|up(\d+)\._net\.(\d))\.(\w+)", name):
        if match[1] == "conv2":
            return f"image_encoder.neck.{match[5]}"
        if match[2] == "16":
            return ""
        part = f"resize.{match[2]}" if match[2] else f"up.{match[3]}.net.{match[4]}"
        return f"image_encoder.{part}.{match[5]}"
    return None


def _volume_name(name: str) -> str | None:
    """As `_image_name` for the 3D network."""
    if re.match(r"(train|val|test)_metrics\.|projects\.", name):
        return ""
    if match := re.fullmatch(r"net_3d_decoder\.(process_l\d)\.0\.main\.(\d)\.(.+)", name):
        return _bottleneck(f"{VOLUME[match[1]]}.{match[2]}", match[3], strided=False)
    if match := re.fullmatch(r"net_3d_decoder\.(process_l\d)\.1\.main\.(.+)", name):
        return _bottleneck(f"{VOLUME[match[1]]}.3", match[2], strided=True)
    if match := re.fullmatch(r"net_3d_decoder\.(up_\w+)\.main\.(\d)\.(\w+)", name):
        return f"{VOLUME[match[1]]}.{match[2]}.{match[3]}" if match[1] in VOLUME else None
    if match := re.fullmatch(r"net_3d_decoder\.ssc_head\.(conv0|conv_classes)\.(\w+)", name):
        return f"head.{'conv_in' if match[1] == 'conv0' else 'classify'}.{match[2]}"
    if match := re.fullmatch(r"net_3d_decoder\.(ssc_head|CP_mega_voxels\.aspp)\.(\w+)\.(\d)\.(\w+)", name):
        room = "head" if match[1] == "ssc_head" else "relation_prior"
        return f"{room}.dilated.branches.{match[3]}.{DILATED[match[2]]}.{match[4]}" if match[2] in DILATED else None
    if match := re.fullmatch(r"net_3d_decoder\.CP_mega_voxels\.mega_context\.0\.(\w+)", name):
        return f"relation_prior.context.{match[1]}"
    if match := re.fullmatch(r"net_3d_decoder\.CP_mega_voxels\.context_prior_logits\.(\d)\.0\.(\w+)", name):
        return f"relation_prior.relations.{match[1]}.{match[2]}"
    if match := re.fullmatch(r"net_3d_decoder\.CP_mega_voxels\.resize\.0\.(\w+)", name):
        return f"relation_prior.mix.0.{match[1]}"
    if match := re.fullmatch(r"net_3d_decoder\.CP_mega_voxels\.resize\.1\.main\.0\.(.+)", name):
        return _bottleneck("relation_prior.mix.1", match[1], strided=False)
    return None


def _bottleneck(block: str, part: str, strided: bool) -> str | None:
    layer, _, leaf = part.partition(".")
    if layer not in BOTTLENECK:
        return None
    if layer.startswith("downsample") and not strided:
        return ""
    return f"{block}.{BOTTLENECK[layer]}.{leaf}"


def map_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released state dict under our names; raises `InputError` at a name that is none of the released network's."""
    named = ((our_name(name), tensor) for name, tensor in state.items())
    return {name: tensor for name, tensor in named if name is not None}


def load_released(path: Path, grid: GridSpec = STREET_GRID, taxonomy: Taxonomy = SEMANTIC_KITTI) -> MonoScene:
    """The street network with a released checkpoint (.ckpt, or its state dict as safetensors), in evaluation mode.

    Raises `InputError` if the file is missing or damaged, or if names or shapes differ.
    """
    if not path.is_file():
        raise InputError(f"expected MonoScene's released checkpoint at {path}, found none")
    if zipfile.is_zipfile(path):
        tensors = read_tensors(path)
        state = {k.removeprefix("state_dict."): v for k, v in tensors.items() if k.startswith("state_dict.")}
    else:
        try:
            state = load_file(str(path))
        except (SafetensorError, OSError) as error:
            raise InputError(
                f"{path}: expected a checkpoint or a safetensors file, cannot read it ({error})"
            ) from error
    network = build(PRESETS["street"], grid, taxonomy)
    load_state(network, map_released(state), path)
    return network.eval()
