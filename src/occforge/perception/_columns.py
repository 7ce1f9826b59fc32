"""A volume network for small grids: heights folded into channels, a 2D U-Net over columns, heights unfolded again.

As in LMSCNet (Roldao et al. 2020), whose segmentation head MonoScene borrows: one wide 2D product costs a processor a
third of what narrow 3D ones do. Shape legend: B batch, C channels, K classes, X Y Z voxels.
"""

import torch
from torch import Tensor, nn

from occforge.perception._image_encoder import Down, Fuse, Refine, ResidualBlock


class ColumnUNet(nn.Module):
    """Features (B, C, X, Y, Z) to logits (B, K, X, Y, Z); `refine` blocks three times as wide before the classifier."""

    def __init__(self, channels: int, heights: int, width: int, classes: int, refine: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.enter = nn.Sequential(nn.Conv2d(channels * heights, width, 1), nn.BatchNorm2d(width), nn.SiLU())
        self.down_1 = nn.Sequential(Down(width, 2 * width), ResidualBlock(2 * width))
        self.down_2 = nn.Sequential(Down(2 * width, 3 * width), ResidualBlock(3 * width), ResidualBlock(3 * width))
        self.up_1, self.up_full = Fuse(5 * width, 2 * width), Fuse(3 * width, width)
        self.refine = nn.Sequential(*(Refine(width, 3 * width) for _ in range(refine)))
        self.classify = nn.Conv2d(width, classes * heights, 1)

    def forward(self, x_BCXYZ: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """See the class."""
        x_BCXY = x_BCXYZ.permute(0, 1, 4, 2, 3).flatten(1, 2)
        fine = self.enter(x_BCXY.contiguous(memory_format=torch.channels_last))
        middle = self.down_1(fine)
        up = self.up_full(self.up_1(self.down_2(middle), middle), fine)
        return self.classify(self.refine(up)).unflatten(1, (self.classes, -1)).permute(0, 1, 3, 4, 2), {}
