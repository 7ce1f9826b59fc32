"""What stands where, whatever the picture shows: the classes of every voxel over the training scenes, as logits.

A network that begins at the mean scene has only to learn where a picture differs from it, which is what it can learn
from a hundred frames. Shape legend: B batch, K classes, X Y Z voxels.
"""

import torch
from torch import Tensor, nn

from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy

SMOOTHING = 2.0
"""Scenes' worth of the classes' overall shares that is added to the counts of every voxel."""


class PlacePrior(nn.Module):
    """Adds a share of the log frequency of each class at each voxel to logits (B, K, X, Y, Z); the shares are learned.

    It adds nothing until `count` has been called.
    """

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy, strength: float = 0.5) -> None:
        super().__init__()
        self.strength_K = nn.Parameter(torch.full((taxonomy.class_count,), strength))
        self.register_buffer("log_share_KXYZ", torch.zeros(taxonomy.class_count, *grid.shape_XYZ))
        self.log_share_KXYZ: Tensor

    def forward(self, logits_BKXYZ: Tensor) -> Tensor:
        """See the class."""
        return logits_BKXYZ + self.strength_K[:, None, None, None] * self.log_share_KXYZ

    def count(self, count_XYZK: Tensor) -> None:
        """Set the frequencies from how often each class was seen at each voxel; unknown labels are not counted."""
        count_XYZK = count_XYZK.double()
        overall_K = count_XYZK.flatten(0, 2).sum(0) + 1.0
        smoothed = count_XYZK + SMOOTHING * overall_K / overall_K.sum()
        share_XYZK = smoothed / smoothed.sum(-1, keepdim=True)
        self.log_share_KXYZ.copy_(share_XYZK.log().movedim(-1, 0))
