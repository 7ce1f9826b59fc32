"""Stable Diffusion 1.x as the generator: frozen, with the alignment added to its encoder by hooks.

Only what is added is trained and saved; the folder's own weights are read and never written. Shape legend: B batch,
N frames, C H W pictures in -1 to 1, c h w latents, L words. Source: OccScene, Sec. III and IV-A.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.latent.alignment import Alignment, AlignmentConfig
from occforge.latent.camera_encoding import CameraEncodingConfig
from occforge.latent.generator import Seeing
from occforge.latent.objective import Diffusion
from occforge.latent.sample import Seen
from occforge.latent.text import Asked

PARTS = ("unet", "vae", "text_encoder", "tokenizer")


@dataclass(frozen=True)
class StableDiffusionConfig:
    """`size_HW` of pictures: 192 x 512, 448 x 640 or 256 x 448 in Table I. `depths`: samples of a soft ray."""

    size_HW: tuple[int, int] = (192, 512)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    encoding: CameraEncodingConfig = field(default_factory=CameraEncodingConfig)
    diffusion: Diffusion = field(default_factory=lambda: Diffusion(1000, "scaled_linear", "epsilon"))
    depths: int = 192


@dataclass(frozen=True)
class Folder:
    """The parts of a Stable Diffusion folder, frozen."""

    path: Path
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any


def open_folder(path: Path) -> Folder:
    """Read a folder in diffusers' format, from safetensors alone; raises `InputError` naming what is wrong."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    missing = [name for name in PARTS if not (path / name).is_dir()]
    if missing:
        raise InputError(
            f"{path}: expected a Stable Diffusion 1.x folder with {', '.join(PARTS)}, it lacks {', '.join(missing)}; "
            "download one in diffusers' format"
        )
    how: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    try:
        unet = UNet2DConditionModel.from_pretrained(path / "unet", **how)
        vae = AutoencoderKL.from_pretrained(path / "vae", **how)
        text = CLIPTextModel.from_pretrained(path / "text_encoder", **how)
        tokenizer = CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: cannot be read as Stable Diffusion ({reason}); weights must be safetensors"
        ) from error
    if (
        unet.config.cross_attention_dim != text.config.hidden_size
        or unet.config.in_channels != vae.config.latent_channels
    ):
        raise InputError(
            f"{path}: the parts do not fit: words of {text.config.hidden_size} for a network of "
            f"{unet.config.cross_attention_dim}, "
            "take all of them from one model"
        )
    for part in (unet, vae, text):
        part.requires_grad_(False).eval()
    return Folder(path, unet, vae, text, tokenizer)


class MapStem(nn.Module):
    """What cameras see of the occupancy, at half a picture's fineness, to something added to the first features."""

    def __init__(self, maps: int, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(maps, 32, 1), nn.SiLU(), nn.Conv2d(32, 64, 4, 4), nn.SiLU(), nn.Conv2d(64, channels, 1)
        )
        last = self.net[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, maps_BNMHW: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """(B * N, C, h, w); zero until it has been trained."""
        return self.net(F.interpolate(maps_BNMHW.flatten(0, 1), (4 * size_hw[0], 4 * size_hw[1]), mode="area"))


class StableDiffusionGenerator(Seeing):
    """The conditions of the small generator. Its state is what was added; the frozen parts are no submodules."""

    def __init__(self, folder: Folder, config: StableDiffusionConfig, grid: GridSpec, taxonomy: Taxonomy) -> None:
        shrink = 2 ** (len(folder.vae.config.block_out_channels) - 1)
        deepest = shrink * 2 ** (len(folder.unet.config.block_out_channels) - 1)
        if any(n % deepest for n in config.size_HW):
            raise InputError(f"size: expected rows and columns divisible by {deepest}, got {config.size_HW}")
        H, W = config.size_HW
        volume_HW = H // shrink, W // shrink
        super().__init__(config.encoding, grid, taxonomy, config.depths, (H // 2, W // 2), volume_HW)
        self.config = config
        self._frozen = (folder,)  # a tuple hides it from parameters() and state_dict()
        self.picture_CHW = (int(folder.unet.config.in_channels), *volume_HW)
        widths = folder.unet.config.block_out_channels
        self.stem = MapStem(self.maps, widths[0])
        places = {f"down_{i}": width for i, width in enumerate(widths)} | {"mid": widths[-1]}
        self.alignments = nn.ModuleDict(
            {name: Alignment(config.alignment, width, config.encoding.channels) for name, width in places.items()}
        )
        self._seen: Seen | None = None
        folder.unet.conv_in.register_forward_hook(self._first)
        for i, block in enumerate(folder.unet.down_blocks):
            block.register_forward_hook(lambda _m, _i, out, name=f"down_{i}": self._after_block(name, out))
        folder.unet.mid_block.register_forward_hook(lambda _m, _i, out: self._aligned("mid", out))

    @property
    def folder(self) -> Folder:
        """The frozen parts."""
        return self._frozen[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """The frozen parts go where the added ones go."""
        for part in (self.folder.unet, self.folder.vae, self.folder.text_encoder):
            part._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def _first(self, _module: nn.Module, _inputs: Any, out_FCHW: Tensor) -> Tensor:
        if self._seen is None:
            return out_FCHW
        return out_FCHW + self.stem(self._seen.maps_BNMHW, tuple(out_FCHW.shape[2:]))

    def _after_block(self, name: str, out: tuple[Tensor, tuple[Tensor, ...]]) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden, skips = out
        aligned = self._aligned(name, hidden)
        return aligned, (*skips[:-1], aligned if skips[-1] is hidden else skips[-1])

    def _aligned(self, name: str, hidden_FCHW: Tensor) -> Tensor:
        """Eq. 9 for the frames that fold into the batch."""
        if self._seen is None:
            return hidden_FCHW
        folded = self._seen.volume_BNODHW.shape[:2]
        aligned = self.alignments[name](hidden_FCHW.unflatten(0, folded), self._seen.volume_BNODHW)
        return aligned.flatten(0, 1)

    def told(self, asked: Asked) -> Tensor:
        """Words (B, L, E) of what is asked for; see `words`."""
        return self.words(asked.texts, asked.cut)

    def told_nothing(self, batch: int) -> Tensor:
        """Words of the empty prompt: what guidance compares with."""
        return self.words([""] * batch)

    def words(self, prompts: Sequence[str], cut: bool = False) -> Tensor:
        """(B, L, E); raises `InputError` for a prompt that the tokenizer would cut, saying what, unless it may."""
        tokenizer = self.folder.tokenizer
        limit = tokenizer.model_max_length
        for prompt in prompts:
            ids = tokenizer(prompt, verbose=False).input_ids
            if len(ids) > limit and not cut:
                lost = tokenizer.decode(ids[limit - 1 : -1])
                raise InputError(
                    f"prompt: expected at most {limit - 2} tokens, got {len(ids) - 2}; cut would be '{lost}'"
                )
        ids_BL = tokenizer(
            list(prompts), padding="max_length", max_length=limit, truncation=cut, return_tensors="pt"
        ).input_ids
        with torch.no_grad():
            hidden: Tensor = self.folder.text_encoder(ids_BL.to(self.folder.text_encoder.device)).last_hidden_state
        return hidden

    def encode(self, picture_BNCHW: Tensor) -> Tensor:
        """Latents (B, N, c, h, w) of unit scale: the mean of the autoencoder's posterior."""
        vae = self.folder.vae
        mean = vae.encode(picture_BNCHW.flatten(0, 1)).latent_dist.mode()
        return (mean * vae.config.scaling_factor).unflatten(0, picture_BNCHW.shape[:2])

    def decode(self, latent_BNchw: Tensor) -> Tensor:
        """Pictures (B, N, C, H, W) in about -1 to 1."""
        vae = self.folder.vae
        picture = vae.decode(latent_BNchw.flatten(0, 1) / vae.config.scaling_factor).sample
        return picture.unflatten(0, latent_BNchw.shape[:2])

    def paint(self, y_BNchw: Tensor, t_B: Tensor, words_BLE: Tensor, cameras: CameraBatch, seen: Seen | None) -> Tensor:
        """The prediction for latents of B * N cameras at steps t; the bare network's where nothing is seen."""
        N = y_BNchw.shape[1]
        self._seen = seen
        try:
            said = self.folder.unet(
                y_BNchw.flatten(0, 1), t_B.to(y_BNchw.device).repeat_interleave(N), words_BLE.repeat_interleave(N, 0)
            ).sample
        finally:
            self._seen = None
        return said.unflatten(0, y_BNchw.shape[:2])
