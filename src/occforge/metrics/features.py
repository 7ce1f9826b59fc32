"""The feature network of the scene distances: a 3D autoencoder whose pooled bottleneck describes a scene.

Shape legend: B batch, X forward, Y left, Z up (voxels); x, y, z the same axes after folding patches; h, w the
bird's-eye bottleneck (forward, left); K classes, E embedding, C channels, D feature dimensions, N scenes
(in `loss`: patches), M drawn patches, P voxels of a patch.

Labels -> class embedding -> patches of 4x4x4 voxels folded into channels -> two strided 3D convolutions -> height
folded into channels -> 2D convolutions -> bottleneck (B, C, h, w), one vector per column of 16x16 voxels. The
decoder has no skips, so the bottleneck alone must rebuild the labels. The feature of a scene is the bottleneck's
mean in bands from right to left (a mirrored scene differs), and beside it the column census: log(1 + voxels) of each
class in a column of the same size, averaged over columns. The census is counted, not learned, because a mean of learned
vectors turned out to be blind to salt and to single persons or poles, however clearly they stand in one column.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from occforge.core.errors import InputError
from occforge.core.files import atomic_path
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN, Taxonomy

FORMAT = "occforge-scene-features-2"


@dataclass(frozen=True)
class SceneAutoencoderConfig:
    """Sizes of the network; the grid and the classes come from `GridSpec` and `Taxonomy`.

    `patch_XYZ` voxels are folded into channels; `stride_1` and `stride_2` are those of the two convolutions.
    `loss_share` of patches is decoded in training, chosen for holding more than one class.
    """

    patch_XYZ: tuple[int, int, int] = (4, 4, 4)
    stride_1: tuple[int, int, int] = (2, 2, 2)
    stride_2: tuple[int, int, int] = (2, 2, 1)
    embedding: int = 8
    widths: tuple[int, int, int] = (48, 80, 96)
    bottleneck: int = 24
    bands: int = 3
    class_weight_power: float = 1 / 3
    census_weight: float = 1.0
    loss_share: float = 0.125


class ResidualBlock2d(nn.Module):
    """x + conv(gelu(norm(x))) twice over, at one resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BChw: Tensor) -> Tensor:
        h_BChw = self.conv_1(F.gelu(self.norm_1(x_BChw)))
        return x_BChw + self.conv_2(F.gelu(self.norm_2(h_BChw)))


class SceneAutoencoder(nn.Module):
    """Labels (B, X, Y, Z) uint8 -> features (B, D); D = bottleneck * bands + K - 1, 91 for SemanticKITTI.

    Train with `loss`, then call `standardise` once on real scenes, so that no feature outweighs another by its
    unit alone. Raises `InputError` where the grid is not divisible by `stride_XYZ`.
    """

    def __init__(self, config: SceneAutoencoderConfig, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config, self.grid, self.taxonomy = config, grid, taxonomy
        self.stride_XYZ = tuple(
            p * a * b for p, a, b in zip(config.patch_XYZ, config.stride_1, config.stride_2, strict=True)
        )
        if any(n % s for n, s in zip(grid.shape_XYZ, self.stride_XYZ, strict=True)):
            raise InputError(
                f"scene features: a grid of {grid.shape_XYZ} is not divisible by the stride {self.stride_XYZ}; "
                "crop or pool the scenes, or choose other strides"
            )
        K, E, P = taxonomy.class_count, config.embedding, int(np.prod(config.patch_XYZ))
        width_1, width_2, width_3 = config.widths
        self.levels_z = grid.shape_XYZ[2] // self.stride_XYZ[2]
        if grid.shape_XYZ[1] // self.stride_XYZ[1] < config.bands:
            raise InputError(f"scene features: a grid of {grid.shape_XYZ} is too narrow for {config.bands} bands")

        self.embedding = nn.Embedding(K + 1, E)  # the last row is unknown
        self.fold = nn.Linear(P * E, width_1)
        self.down_1 = nn.Conv3d(width_1, width_2, 3, config.stride_1, padding=1)
        self.down_2 = nn.Conv3d(width_2, width_3, 3, config.stride_2, padding=1)
        self.fold_z = nn.Conv2d(width_3 * self.levels_z, width_3, 1)
        self.encoder_block = ResidualBlock2d(width_3)
        self.to_bottleneck = nn.Conv2d(width_3, config.bottleneck, 1)

        self.from_bottleneck = nn.Conv2d(config.bottleneck, width_3, 3, padding=1)
        self.decoder_block = ResidualBlock2d(width_3)
        self.unfold_z = nn.Conv2d(width_3, width_2 * self.levels_z, 1)
        self.up_2 = nn.ConvTranspose3d(width_2, width_2, config.stride_2, config.stride_2)
        self.up_1 = nn.ConvTranspose3d(width_2, width_1, config.stride_1, config.stride_1)
        self.mix = nn.Conv3d(width_1, width_1, 3, padding=1)
        self.unfold = nn.Linear(width_1, P * K)
        self.census = nn.Conv2d(config.bottleneck, K - 1, 1)

        frequency_K = torch.tensor(taxonomy.frequency).clamp(min=1e-5)
        frequency_K[EMPTY] = 1.0
        self.register_buffer("class_weight_K", frequency_K**-config.class_weight_power)
        self.register_buffer("feature_mean_D", torch.zeros(self.feature_dimensions))
        self.register_buffer("feature_std_D", torch.ones(self.feature_dimensions))
        self.class_weight_K: Tensor
        self.feature_mean_D: Tensor
        self.feature_std_D: Tensor

    @property
    def feature_dimensions(self) -> int:
        """D: one mean for each bottleneck channel in each band, one for each class but empty."""
        return self.config.bottleneck * self.config.bands + self.taxonomy.class_count - 1

    def patches_BxyzP(self, labels_BXYZ: Tensor) -> Tensor:
        """Labels (B, X, Y, Z) to (B, x, y, z, P) with the voxels of a patch last; unknown becomes id K."""
        if tuple(labels_BXYZ.shape[1:]) != self.grid.shape_XYZ:
            raise InputError(
                f"scene features: the network was made for grids of {self.grid.shape_XYZ}, "
                f"got labels {tuple(labels_BXYZ.shape)}"
            )
        p, q, r = self.config.patch_XYZ
        B, X, Y, Z = labels_BXYZ.shape
        folded = labels_BXYZ.reshape(B, X // p, p, Y // q, q, Z // r, r).permute(0, 1, 3, 5, 2, 4, 6)
        patches = folded.reshape(B, X // p, Y // q, Z // r, p * q * r)
        return torch.where(patches == UNKNOWN, self.taxonomy.class_count, patches.int())

    def encode_BChw(self, labels_BXYZ: Tensor) -> Tensor:
        """Bottleneck (B, C, h, w): one vector per column of `stride_XYZ` voxels, h forward, w left."""
        return self._encode_patches(self.patches_BxyzP(labels_BXYZ))

    def _encode_patches(self, patches_BxyzP: Tensor) -> Tensor:
        embedded = self.embedding(patches_BxyzP)
        h_BCxyz = self.fold(embedded.flatten(-2)).permute(0, 4, 1, 2, 3)
        h_BCxyz = self.down_1(F.gelu(h_BCxyz))
        h_BCxyz = self.down_2(F.gelu(h_BCxyz))
        h_BChw = self.fold_z(F.gelu(h_BCxyz).permute(0, 1, 4, 2, 3).flatten(1, 2))
        return self.to_bottleneck(F.gelu(self.encoder_block(h_BChw)))

    def census_BhwK(self, labels_BXYZ: Tensor) -> Tensor:
        """log(1 + voxels) of the classes 1..K-1 in each column of `stride_XYZ` voxels, (B, h, w, K - 1)."""
        B, X, Y = labels_BXYZ.shape[:3]
        p, q = self.stride_XYZ[:2]
        h, w = X // p, Y // q
        column_XY = torch.arange(h).repeat_interleave(p)[:, None] * w + torch.arange(w).repeat_interleave(q)
        column_BXY = torch.arange(B)[:, None, None] * (h * w) + column_XY
        bin_BXYZ = column_BXY.to(labels_BXYZ.device)[..., None] * 256 + labels_BXYZ
        count_BhwK = torch.bincount(bin_BXYZ.flatten(), minlength=B * h * w * 256).view(B, h, w, 256)
        return torch.log1p(count_BhwK[..., 1 : self.taxonomy.class_count].float())

    def forward(self, labels_BXYZ: Tensor) -> Tensor:
        """Features (B, D) of labels (B, X, Y, Z), uint8 with 255 where unknown."""
        bands = torch.tensor_split(self.encode_BChw(labels_BXYZ), self.config.bands, dim=3)
        pooled = [band.mean(dim=(2, 3)) for band in bands]
        features_BD = torch.cat([*pooled, self.census_BhwK(labels_BXYZ).mean(dim=(1, 2))], dim=1)
        return (features_BD - self.feature_mean_D) / self.feature_std_D

    def _decode_patches(self, bottleneck_BChw: Tensor) -> Tensor:
        """Bottleneck to the vectors (B, x, y, z, C) from which `unfold` reads the logits of one patch each."""
        h_BChw = F.gelu(self.unfold_z(self.decoder_block(self.from_bottleneck(bottleneck_BChw))))
        B, _, h, w = h_BChw.shape
        h_BCxyz = h_BChw.reshape(B, -1, self.levels_z, h, w).permute(0, 1, 3, 4, 2)
        h_BCxyz = F.gelu(self.up_1(F.gelu(self.up_2(h_BCxyz))))
        return (h_BCxyz + F.gelu(self.mix(h_BCxyz))).permute(0, 2, 3, 4, 1)

    @torch.no_grad()
    def reconstruct(self, labels_BXYZ: Tensor) -> Tensor:
        """Most likely labels (B, X, Y, Z) uint8 given the bottleneck alone: what the features can know."""
        vector_BxyzC = self._decode_patches(self.encode_BChw(labels_BXYZ))
        x, y, z = vector_BxyzC.shape[1:4]
        p, q, r = self.config.patch_XYZ
        scenes = []
        for vector_xyzC in vector_BxyzC:  # one scene at a time: logits of a street are 160 MB
            best = self.unfold(vector_xyzC).unflatten(-1, (p, q, r, self.taxonomy.class_count)).argmax(-1)
            scenes.append(best.permute(0, 3, 1, 4, 2, 5).reshape(x * p, y * q, z * r).to(torch.uint8))
        return torch.stack(scenes)

    def loss(self, labels_BXYZ: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """`loss` = `reconstruction` + census_weight * `census`, scalars to be minimised.

        Reconstruction: cross-entropy weighted by class frequency^-1/3, unknown never scored, on a random
        `loss_share` of patches; patches of several classes are drawn ten times as often as others and weighted by
        the inverse of that, so that the mean is that over all patches. Census: `census_BhwK` read linearly from the
        bottleneck, so that rare classes leave a trace in its mean.
        `generator` lives on the device of the labels.
        """
        patches_BxyzP = self.patches_BxyzP(labels_BXYZ)
        bottleneck_BChw = self._encode_patches(patches_BxyzP)
        K = self.taxonomy.class_count
        vector_NC = self._decode_patches(bottleneck_BChw).flatten(0, 3)
        patch_NP = patches_BxyzP.flatten(0, 3)
        mixed_N = (patch_NP != patch_NP[:, :1]).any(1)
        chance_N = torch.where(mixed_N, 1.0, 0.1)
        count = max(1, round(len(patch_NP) * self.config.loss_share))
        drawn_M = torch.multinomial(chance_N, count, replacement=True, generator=generator)
        logits_MPK = self.unfold(vector_NC[drawn_M]).unflatten(-1, (-1, K))
        target_MP = patch_NP[drawn_M].long()
        known_MP = target_MP < K
        weight_MP = self.class_weight_K[target_MP.clamp(max=K - 1)] * known_MP / chance_N[drawn_M, None]
        target_MP = torch.where(known_MP, target_MP, -100)
        entropy_MP = F.cross_entropy(logits_MPK.flatten(0, 1), target_MP.flatten(), reduction="none").view_as(weight_MP)
        reconstruction = (entropy_MP * weight_MP).sum() / weight_MP.sum().clamp(min=1e-6)
        predicted_BhwK = self.census(bottleneck_BChw).permute(0, 2, 3, 1)
        error_BhwK = F.smooth_l1_loss(predicted_BhwK, self.census_BhwK(labels_BXYZ), reduction="none")
        census = (error_BhwK * self.class_weight_K[1:] / self.class_weight_K[1:].mean()).mean()
        total = reconstruction + self.config.census_weight * census
        return {"loss": total, "reconstruction": reconstruction.detach(), "census": census.detach()}

    @torch.no_grad()
    def standardise(self, scenes: Iterable[Scene]) -> None:
        """Set mean and scale so that features of `scenes` (real, n >= 2) have mean 0 and standard deviation 1.

        Weights are first rounded to fp16, as they are stored, so that the saved network gives the same features. A
        feature that hardly varies is scaled by a tenth of the median deviation of its kind instead of amplified.
        """
        for parameter in self.parameters():
            parameter.copy_(parameter.half().float())
        self.feature_mean_D.zero_()
        self.feature_std_D.fill_(1.0)
        features_ND = torch.from_numpy(scene_features_ND(self, scenes)).float()
        if len(features_ND) < 2:
            raise InputError(f"scene features: expected at least 2 scenes to standardise on, got {len(features_ND)}")
        kinds = features_ND.std(0).split([self.config.bottleneck * self.config.bands, self.taxonomy.class_count - 1])
        least = [0.1 * float(std[std > 0].median()) if (std > 0).any() else 1.0 for std in kinds]
        std_D = torch.cat([std.clamp(min=low) for std, low in zip(kinds, least, strict=True)])
        self.feature_mean_D.copy_(features_ND.mean(0))
        self.feature_std_D.copy_(std_D)

    def digest(self) -> str:
        """First 16 hex digits of SHA-256 over configuration and stored weights: names the network in a report."""
        sha = hashlib.sha256(json.dumps(_metadata(self), sort_keys=True).encode())
        for name, tensor in sorted(_stored_state(self).items()):
            sha.update(name.encode() + tensor.numpy().tobytes())
        return sha.hexdigest()[:16]


def build(config: SceneAutoencoderConfig, grid: GridSpec, taxonomy: Taxonomy) -> SceneAutoencoder:
    """A network with fresh weights."""
    return SceneAutoencoder(config, grid, taxonomy)


def _metadata(model: SceneAutoencoder) -> dict[str, str]:
    return {
        "format": FORMAT,
        "config": json.dumps(asdict(model.config)),
        "grid": json.dumps(asdict(model.grid)),
        "taxonomy": model.taxonomy.to_json(),
    }


def _stored_state(model: SceneAutoencoder) -> dict[str, Tensor]:
    """Weights in fp16, buffers (class weights, standardisation) in fp32."""
    buffers = {name for name, _ in model.named_buffers()}
    return {
        name: (tensor.detach().cpu() if name in buffers else tensor.detach().cpu().half()).contiguous()
        for name, tensor in model.state_dict().items()
    }


def save_features(model: SceneAutoencoder, path: Path) -> None:
    """Write weights as fp16 safetensors, with configuration, grid and taxonomy as JSON in its metadata."""
    with atomic_path(path) as temporary:
        save_file(_stored_state(model), temporary, metadata=_metadata(model))


def load_features(path: Path) -> SceneAutoencoder:
    """Read what `save_features` wrote, frozen: fp32, evaluation mode, no gradients to its weights."""
    if not path.is_file():
        raise InputError(f"expected a feature network at {path}, found none; train one or give another path")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file ({error}); make it again") from error
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: expected the format {FORMAT}, got {metadata.get('format')}")
    config: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(metadata["config"]).items()
    }
    grid = {k: tuple(v) for k, v in json.loads(metadata["grid"]).items()}
    model = build(SceneAutoencoderConfig(**config), GridSpec(**grid), Taxonomy.from_json(metadata["taxonomy"]))
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def scene_feature_D(model: SceneAutoencoder, scene: Scene) -> NDArray[np.float64]:
    """Feature (D,) of one scene; raises `InputError` if its grid or taxonomy is not the network's."""
    if scene.taxonomy.names != model.taxonomy.names:
        raise InputError(f"scene features: expected taxonomy {model.taxonomy.name}, got {scene.taxonomy.name}")
    if scene.grid.voxel_m != model.grid.voxel_m:
        raise InputError(f"scene features: expected voxels of {model.grid.voxel_m} m, got {scene.grid.voxel_m} m")
    labels = torch.from_numpy(np.ascontiguousarray(scene.labels_XYZ))[None].to(model.feature_mean_D.device)
    return model(labels)[0].double().cpu().numpy()


def scene_features_ND(model: SceneAutoencoder, scenes: Iterable[Scene]) -> NDArray[np.float64]:
    """Features (N, D) of scenes, one at a time, so that an iterator of any length fits in memory."""
    rows = [scene_feature_D(model, scene) for scene in scenes]
    return np.stack(rows) if rows else np.zeros((0, model.feature_dimensions))
