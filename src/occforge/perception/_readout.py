"""Two perceptrons that read a trained network's voxels again: whether something is there, and what it is.

What a hundred frames of another place and another look can teach a network is how to weigh what it already says; taught
whole, it learns the frames by heart (docs/lab, 2026-11-22). Two questions, because weights of rare classes, which the
second needs, make them claim empty voxels. Shape legend: B batch, F features, K classes, N voxels of the grid.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.perception._image_encoder import IMAGENET_MEAN, IMAGENET_STD, EfficientNetSize, EfficientNetStages
from occforge.perception._lifting import gather_nearest, voxel_centres_N3_m
from occforge.perception._prior import PlacePrior

DROPOUT = 0.1


@dataclass(frozen=True)
class ReadoutConfig:
    """`units` between inputs and outputs of each perceptron, 0 for none of this. A voxel is occupied above a chance of
    `threshold`; an IoU of J is highest at J / (1 + J). `eyes`: a pretrained image encoder whose features what is there
    is read from, too; of width 0 for none.
    """

    units: int = 0
    threshold: float = 0.4
    eyes: EfficientNetSize = field(default_factory=lambda: EfficientNetSize(width=0.0))


class Readout(nn.Module):
    """Both perceptrons, what they are told beside the network's own `said` features, and the inputs' statistics.

    Those are where a voxel lies and whether the picture shows it, what training scenes have there (`PlacePrior`) and,
    for the classes, what the eyes see at its pixel. `taught_N`: voxels that some training frame knew. Of others, such
    as those above a LiDAR's reach, the perceptrons can say nothing, and the network's own answer stays.
    """

    def __init__(self, config: ReadoutConfig, said: int, grid: GridSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config, self.grid, self.classes = config, grid, taxonomy.class_count
        self.prior = PlacePrior(grid, taxonomy).requires_grad_(False)
        self.eyes: EfficientNetStages | None = None
        if config.eyes.width:
            self.eyes = EfficientNetStages(config.eyes, checkpointing=False).requires_grad_(False)
        self.plain = said + 4 + self.classes
        inputs = self.plain + (sum(self.eyes.widths) if self.eyes else 0)
        self.occupied = _perceptron(self.plain, config.units, 1)
        self.kind = _perceptron(inputs, config.units, self.classes - 1)
        self.register_buffer("taught_N", torch.ones(math.prod(grid.shape_XYZ), dtype=torch.bool))
        self.register_buffer("mean_F", torch.zeros(inputs))
        self.register_buffer("spread_F", torch.ones(inputs))
        self.register_buffer("centre_N3_m", voxel_centres_N3_m(grid), persistent=False)
        self.taught_N: Tensor
        self.mean_F: Tensor
        self.spread_F: Tensor
        self.centre_N3_m: Tensor

    def train(self, mode: bool = True) -> "Readout":
        """As of any module, but the eyes' statistics stay."""
        super().train(mode)
        if self.eyes is not None:
            self.eyes.eval()
        return self

    def forget(self) -> None:
        """Fresh weights of both perceptrons."""
        for layer in (*self.occupied, *self.kind):
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()

    def inputs(self, said_BFN: Tensor, image_B3HW: Tensor, cameras: CameraBatch) -> Tensor:
        """All inputs (B, F, N), `plain` first; not yet standardised."""
        pixel_BN2, depth_BN = cameras.project(self.centre_N3_m)
        inside_B1N = cameras.inside(pixel_BN2, depth_BN)[:, None].to(said_BFN)
        place_3N = (self.centre_N3_m / self.centre_N3_m.new_tensor(self.grid.extent_m)).T
        share_KN = self.prior.log_share_KXYZ.flatten(1)
        plain = torch.cat([place_3N, share_KN]).expand(len(said_BFN), -1, -1)
        parts = [said_BFN, inside_B1N, plain]
        if self.eyes is not None:
            mean, std = (image_B3HW.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
            with torch.no_grad():
                seen, _ = self.eyes((image_B3HW - mean) / std)
            parts += [gather_nearest(seen[scale], pixel_BN2, cameras) * inside_B1N for scale in sorted(seen)]
        return torch.cat(parts, 1)

    def is_there(self, input_MF: Tensor) -> Tensor:
        """Logits (M,) of being occupied, for voxels' inputs, of which the plain ones are enough."""
        occupied: Tensor = self.occupied(self.standard(input_MF[:, : self.plain]))
        return occupied[:, 0]

    def what_is_there(self, input_MF: Tensor) -> Tensor:
        """Logits (M, K - 1) of each class but empty, for voxels' inputs."""
        kind: Tensor = self.kind(self.standard(input_MF))
        return kind

    def standard(self, input_MF: Tensor) -> Tensor:
        """Inputs, all or the first of them, as training voxels' have mean 0 and deviation 1."""
        return (input_MF - self.mean_F[: input_MF.shape[1]]) / self.spread_F[: input_MF.shape[1]]

    def forward(self, said_BFN: Tensor, image_B3HW: Tensor, cameras: CameraBatch) -> Tensor:
        """Logits (B, K, N) whose largest is empty's unless the chance of being occupied exceeds the threshold."""
        input_BFN = self.inputs(said_BFN, image_B3HW, cameras)
        input_MF = input_BFN.movedim(1, -1).flatten(0, 1)
        occupied_M, kind_MK = self.is_there(input_MF), self.what_is_there(input_MF)
        odds = math.log(self.config.threshold / (1.0 - self.config.threshold))
        best_M1 = kind_MK.amax(1, keepdim=True)
        logits_MK = torch.cat([torch.full_like(best_M1, odds), occupied_M[:, None] + kind_MK - best_M1], 1)
        return logits_MK.unflatten(0, (len(said_BFN), -1)).movedim(-1, 1)


def _perceptron(inputs: int, units: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(inputs, units), nn.SiLU(), nn.Linear(units, outputs))
