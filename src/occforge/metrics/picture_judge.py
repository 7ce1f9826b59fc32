"""The frozen judge of street pictures: features for the image distance, and the attributes that a picture shows.

A small convolutional network, trained on the world to tell a street's attributes and which classes fill which part of
the picture. Its features are means of two scales in bands from left to right (a mirrored picture differs): the fine one
knows textures, the coarse one things. Blur hardly moves them, so `sharpness` stands beside every distance. Attributes
are also told from what it sees in every 4 x 4 pixels, for a person far away is no larger.
Shape legend: B batch, N pictures, H W rows and columns, h w those of its cells, C channels, D features, G parts of the
census, K classes, V values of an attribute.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from occforge.core.attributes import ATTRIBUTES
from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_state, load_tensors, save_tensors


@dataclass(frozen=True)
class JudgeConfig:
    """`widths` at 1/2, 1/4, 1/8 and 1/16 of the picture; `fine` and `coarse` features a band at 1/4 and 1/16.

    `evidence` channels of what speaks for attributes, at 1/4.
    """

    size_HW: tuple[int, int] = (64, 192)
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    fine: int = 8
    coarse: int = 24
    bands: int = 3
    census_rows: int = 2
    evidence: int = 64


@dataclass(frozen=True)
class Judged:
    """`feature_BD`; `logits` (B, V) by attribute; `census_BGK`, log(1 + 100 share) of classes in parts of a picture;
    `class_BKhw`, logits of the classes in each cell of 4 x 4 pixels."""

    feature_BD: Tensor
    logits: dict[str, Tensor]
    census_BGK: Tensor
    class_BKhw: Tensor


class PictureJudge(nn.Module):
    """Pictures (B, 3, H, W) in 0-1 to what they show; D = (fine + coarse) * bands, 96 with the default sizes."""

    def __init__(self, config: JudgeConfig, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config, self.taxonomy = config, taxonomy
        a, b, c, d = config.widths
        self.enter = nn.Conv2d(3, a, 4, 2, 1)
        self.stage_4 = nn.Sequential(Residual(a), Down(a, b), Residual(b))
        self.stage_16 = nn.Sequential(Down(b, c), Residual(c), Residual(c), Down(c, d), Residual(d), Residual(d))
        self.fine, self.coarse = nn.Conv2d(b, config.fine, 1), nn.Conv2d(d, config.coarse, 1)
        features, bands = self.feature_dimensions, config.bands
        values = sum(len(v) for v in ATTRIBUTES.values())
        K = taxonomy.class_count
        self.cells = nn.Sequential(nn.Conv2d(b + d, b, 1), Residual(b))
        self.classes = nn.Conv2d(b, K, 1)
        self.evidence = nn.Conv2d(b + K, config.evidence, 3, padding=1)
        told = features + (d + 2 * config.evidence) * bands
        self.attributes = nn.Sequential(nn.Linear(told, 256), nn.SiLU(), nn.Linear(256, values))
        self.census = nn.Linear(features, config.census_rows * bands * taxonomy.class_count)
        self.register_buffer("feature_mean_D", torch.zeros(features))
        self.register_buffer("feature_std_D", torch.ones(features))
        self.feature_mean_D: Tensor
        self.feature_std_D: Tensor

    @property
    def feature_dimensions(self) -> int:
        """D."""
        return (self.config.fine + self.config.coarse) * self.config.bands

    def forward(self, image_B3HW: Tensor) -> Judged:
        """Raises `InputError` for pictures of another size."""
        if tuple(image_B3HW.shape[2:]) != self.config.size_HW:
            raise InputError(
                f"picture judge: expected pictures of (H, W) {self.config.size_HW}, got {tuple(image_B3HW.shape[2:])}; "
                "resize them"
            )
        fine = self.stage_4(self.enter(2.0 * image_B3HW - 1.0))
        coarse = self.stage_16(fine)
        raw_BD = torch.cat([self.banded(self.fine(fine)), self.banded(self.coarse(coarse))], 1)
        around = F.interpolate(coarse, tuple(fine.shape[2:]), mode="bilinear")
        cell = self.cells(torch.cat([fine, around], 1))
        class_BKhw = self.classes(F.silu(cell))
        evidence = F.relu(self.evidence(torch.cat([F.silu(cell), class_BKhw.softmax(1)], 1)))
        much, most = torch.log1p(100.0 * self.banded(evidence)), F.adaptive_max_pool2d(evidence, (1, self.config.bands))
        told = self.attributes(torch.cat([raw_BD, self.banded(coarse), much, most.flatten(1)], 1))
        parts = told.split([len(v) for v in ATTRIBUTES.values()], 1)
        census_BGK = self.census(raw_BD).unflatten(1, (-1, self.taxonomy.class_count))
        feature_BD = (raw_BD - self.feature_mean_D) / self.feature_std_D
        return Judged(feature_BD, dict(zip(ATTRIBUTES, parts, strict=True)), census_BGK, class_BKhw)

    def banded(self, x_BCHW: Tensor) -> Tensor:
        """Means (B, C * bands) from left to right."""
        return F.adaptive_avg_pool2d(x_BCHW, (1, self.config.bands)).flatten(1)

    def census_of(self, semantic_BHW: Tensor) -> Tensor:
        """What `Judged.census_BGK` should be, from the classes (B, H, W) that a picture shows."""
        K, cells = self.taxonomy.class_count, (self.config.census_rows, self.config.bands)
        hot_BKHW = F.one_hot(semantic_BHW.long(), K).movedim(-1, 1).float()
        return torch.log1p(100.0 * F.adaptive_avg_pool2d(hot_BKHW, cells)).flatten(2).mT

    def loss(self, judged: Judged, request_B: list[dict[str, str]], semantic_BHW: Tensor) -> Tensor:
        """Mean cross-entropy of the attributes and of the cells' classes and mean error of the census, a scalar.

        Cells are held to the shares of their classes. A class weighs by the inverse root of its share in the batch:
        bicycles fill a five-hundredth of the pixels that the sky does.
        """
        terms = [(judged.census_BGK - self.census_of(semantic_BHW)).abs().mean()]
        hot_BKHW = F.one_hot(semantic_BHW.long(), self.taxonomy.class_count).movedim(-1, 1).float()
        h, w = judged.class_BKhw.shape[2:]
        share_BKhw = F.adaptive_avg_pool2d(hot_BKHW, (h, w))
        weighed = share_BKhw * share_BKhw.mean((0, 2, 3), keepdim=True).clamp(min=1e-6).rsqrt()
        terms.append(-(weighed * judged.class_BKhw.log_softmax(1)).sum() / weighed.sum())
        for name, values in ATTRIBUTES.items():
            target_B = torch.tensor([values.index(r[name]) for r in request_B], device=judged.feature_BD.device)
            terms.append(F.cross_entropy(judged.logits[name], target_B) / len(ATTRIBUTES))
        return torch.stack(terms).sum()

    @torch.no_grad()
    def standardise(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Set mean and scale so that features of `images` (real, n >= 2) have mean 0 and deviation 1.

        Weights are first rounded to fp16, as they are stored, so that the saved network gives the same features.
        """
        for parameter in self.parameters():
            parameter.copy_(parameter.half().float())
        self.feature_mean_D.zero_()
        self.feature_std_D.fill_(1.0)
        feature_ND = torch.from_numpy(picture_features_ND(self, images)).float()
        if len(feature_ND) < 2:
            raise InputError(f"picture judge: expected at least 2 pictures to standardise on, got {len(feature_ND)}")
        self.feature_mean_D.copy_(feature_ND.mean(0))
        self.feature_std_D.copy_(feature_ND.std(0).clamp(min=1e-4))

    def digest(self) -> str:
        """First 16 hex digits of SHA-256 over configuration and stored weights: names the network in a report."""
        sha = hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode())
        for name, tensor in sorted(_stored(self).items()):
            sha.update(name.encode() + tensor.numpy().tobytes())
        return sha.hexdigest()[:16]


class Residual(nn.Module):
    """x + two normed 3 x 3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_BCHW = self.conv_1(F.silu(self.norm_1(x_BCHW)))
        return x_BCHW + self.conv_2(F.silu(self.norm_2(h_BCHW)))


class Down(nn.Module):
    """Half the rows and columns."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 4, 2, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.conv(F.silu(self.norm(x_BCHW)))


def build(config: JudgeConfig, taxonomy: Taxonomy) -> PictureJudge:
    """A network with fresh weights."""
    return PictureJudge(config, taxonomy)


def _stored(judge: PictureJudge) -> dict[str, Tensor]:
    """Weights in fp16, the standardisation in fp32."""
    buffers = {name for name, _ in judge.named_buffers()}
    state = judge.state_dict().items()
    return {k: (v if k in buffers else v.half()).detach().cpu().contiguous() for k, v in state}


def save_judge(judge: PictureJudge, path: Path) -> None:
    """Write the network atomically, with its configuration and classes."""
    save_tensors(path, _stored(judge), {"judge": asdict(judge.config), "taxonomy": judge.taxonomy.to_json()})


def load_judge(path: Path) -> PictureJudge:
    """Read what `save_judge` wrote, frozen; raises `InputError` if it is missing, damaged or another."""
    tensors, metadata = load_tensors(path)
    if "judge" not in metadata:
        raise InputError(f"{path} is no judge of pictures; give another file")
    judge = build(from_dict(JudgeConfig, metadata["judge"], str(path)), Taxonomy.from_json(metadata["taxonomy"]))
    load_state(judge, {k: v.float() for k, v in tensors.items()}, path)
    return judge.eval().requires_grad_(False)


def as_batch(images: Iterable[NDArray[np.uint8]]) -> Tensor:
    """RGB uint8 (H, W, 3) each to (B, 3, H, W) in 0-1."""
    return torch.from_numpy(np.stack(list(images))).movedim(-1, 1).float() / 255.0


@torch.no_grad()
def picture_features_ND(judge: PictureJudge, images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Features (N, D) of RGB uint8 pictures, one at a time, so that an iterator of any length fits in memory."""
    rows = [judge(as_batch([image])).feature_BD[0].double().cpu().numpy() for image in images]
    return np.stack(rows) if rows else np.zeros((0, judge.feature_dimensions))


@torch.no_grad()
def shown(judge: PictureJudge, image_HW3: NDArray[np.uint8]) -> dict[str, str]:
    """The likeliest value of every attribute in a picture."""
    logits = judge(as_batch([image_HW3])).logits
    return {name: ATTRIBUTES[name][int(value_BV[0].argmax())] for name, value_BV in logits.items()}


def sharpness(image_HW3: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian of the grey picture, in levels of 0-255: what blur takes away and noise adds."""
    grey_HW = image_HW3.astype(np.float64).mean(-1)
    middle = grey_HW[1:-1, 1:-1]
    around = grey_HW[:-2, 1:-1] + grey_HW[2:, 1:-1] + grey_HW[1:-1, :-2] + grey_HW[1:-1, 2:]
    return float(np.abs(4.0 * middle - around).mean())
