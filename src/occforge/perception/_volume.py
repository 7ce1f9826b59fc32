"""3D blocks of MonoScene's decoder, which NDC-Scene shares: DDR bottlenecks, context relation prior, head.

Shape legend: B batch, C channels, X Y Z voxels, N voxels of the coarsest level, S supervoxels, R relations.
Source: MonoScene (Cao and de Charette, 2022), Sec. 3; DDR blocks of Li et al. (2019).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec

RELATIONS = 4


def bottom_shape(network: str, lifted: GridSpec, whole: bool) -> tuple[int, int, int]:
    """Voxels where a U-Net has halved a lifted grid twice; `InputError` if they must be `whole` and are not."""
    x, y, z = lifted.shape_XYZ
    if whole and (x % 4 or y % 4 or z % 4):
        raise InputError(
            f"{network}: the 3D U-Net expects numbers of lifted voxels divisible by 4, got {lifted.shape_XYZ}; choose "
            "another grid, or the small preset"
        )
    return x // 4, y // 4, z // 4


class Bottleneck3d(nn.Module):
    """Dimensional decomposition residual: a 3x3x3 convolution as 1x1x3, 1x3x1 and 3x1x1 whose results add up.

    With a stride the earlier results are averaged and mixed to the size of the later ones before they are added.
    """

    def __init__(self, channels: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        middle = channels // 4
        self.reduce, self.norm_in = nn.Conv3d(channels, middle, 1, bias=False), nn.BatchNorm3d(middle)
        self.along_z = _along(2, middle, stride, dilation)
        self.along_y = _along(1, middle, stride, dilation)
        self.along_x = _along(0, middle, stride, dilation)
        self.expand, self.norm_out = nn.Conv3d(middle, outputs, 1, bias=False), nn.BatchNorm3d(outputs)
        self.z_to_y = _shrink((1, stride, 1), middle, middle)
        self.z_to_x = _shrink((stride, 1, 1), middle, middle)
        self.y_to_x = _shrink((stride, 1, 1), middle, middle)
        self.shortcut = _shrink((stride, stride, stride), channels, outputs)

    def forward(self, x_BCXYZ: Tensor) -> Tensor:
        z = self.along_z(F.relu(self.norm_in(self.reduce(x_BCXYZ))))
        y = self.along_y(F.relu(z))
        z = self.z_to_y(z)
        y = y + z
        x = self.along_x(F.relu(y)) + self.z_to_x(z) + self.y_to_x(y)
        return F.relu(self.norm_out(self.expand(F.relu(x))) + self.shortcut(x_BCXYZ))


def _along(axis: int, channels: int, stride: int, dilation: int) -> nn.Sequential:
    """A convolution of three voxels along one axis, and its norm."""
    kernel, strides, padding = _axis(axis, 3, 1), _axis(axis, stride, 1), _axis(axis, dilation, 0)
    conv = nn.Conv3d(channels, channels, kernel, strides, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(channels))


def _axis(axis: int, here: int, elsewhere: int) -> tuple[int, int, int]:
    x, y, z = (here if i == axis else elsewhere for i in range(3))
    return x, y, z


def _shrink(strides: tuple[int, int, int], inputs: int, outputs: int) -> nn.Module:
    """Averaging to a coarser size and a linear mixing; nothing where no stride is."""
    if max(strides) == 1:
        return nn.Identity()
    conv = nn.Conv3d(inputs, outputs, 1, bias=False)
    return nn.Sequential(nn.AvgPool3d(strides, strides), conv, nn.BatchNorm3d(outputs))


def process(channels: int, dilations: tuple[int, ...] = (1, 2, 3)) -> nn.Sequential:
    """Bottlenecks of growing dilation."""
    return nn.Sequential(*(Bottleneck3d(channels, channels, dilation=d) for d in dilations))


def downsample(channels: int) -> Bottleneck3d:
    """Half the size, twice the channels."""
    return Bottleneck3d(channels, 2 * channels, stride=2)


def upsample(inputs: int, outputs: int) -> nn.Sequential:
    """Twice the size by a transposed convolution."""
    conv = nn.ConvTranspose3d(inputs, outputs, 3, 2, 1, output_padding=1)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU())


class DilatedSum(nn.Module):
    """Atrous pyramid: pairs of 3x3x3 convolutions of each dilation, added to the input."""

    def __init__(self, channels: int, dilations: tuple[int, ...] = (1, 2, 3)) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(channels, channels, 3, padding=d, dilation=d, bias=False),
                nn.BatchNorm3d(channels),
                nn.ReLU(),
                nn.Conv3d(channels, channels, 3, padding=d, dilation=d, bias=False),
                nn.BatchNorm3d(channels),
            )
            for d in dilations
        )

    def forward(self, x_BCXYZ: Tensor) -> Tensor:
        total = x_BCXYZ
        for branch in self.branches:
            total = total + branch(x_BCXYZ)
        return F.relu(total)


class SegmentationHead(nn.Module):
    """Features to logits: convolution, dilated sum, convolution (LMSCNet's head, as in MonoScene)."""

    def __init__(self, inputs: int, channels: int, classes: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv3d(inputs, channels, 3, padding=1)
        self.dilated = DilatedSum(channels)
        self.classify = nn.Conv3d(channels, classes, 3, padding=1)

    def forward(self, x_BCXYZ: Tensor) -> Tensor:
        return self.classify(self.dilated(F.relu(self.conv_in(x_BCXYZ))))


class ContextRelationPrior(nn.Module):
    """3D context relation prior: voxels gather supervoxel contexts along R learned relations (MonoScene, Sec. 3.2).

    Works on one grid size, whose number of supervoxels (2x2x2 voxels) is the width of its relation maps.
    """

    def __init__(self, channels: int, shape_XYZ: tuple[int, int, int]) -> None:
        super().__init__()
        self.supervoxels = (shape_XYZ[0] // 2) * (shape_XYZ[1] // 2) * (shape_XYZ[2] // 2)
        X, Y, Z = shape_XYZ
        self.context = nn.Conv3d(channels, 2 * channels, 3, 2, ((X + 1) % 2, (Y + 1) % 2, (Z + 1) % 2))
        self.relations = nn.ModuleList(nn.Conv3d(channels, self.supervoxels, 1) for _ in range(RELATIONS))
        self.dilated = DilatedSum(channels)
        self.mix = nn.Sequential(
            nn.Conv3d((2 * RELATIONS + 1) * channels, channels, 1, bias=False), Bottleneck3d(channels, channels)
        )

    def forward(self, x_BCXYZ: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the same size, and the relation logits (B, R, S, N)."""
        seen = self.dilated(x_BCXYZ)
        context_BCS = self.context(seen).flatten(2)
        logits_BRSN = torch.stack([relation(seen).flatten(2) for relation in self.relations], 1)
        gathered = torch.einsum("bcs,brsn->brcn", context_BCS, torch.sigmoid(logits_BRSN).to(context_BCS.dtype))
        gathered = gathered.reshape(len(x_BCXYZ), -1, *x_BCXYZ.shape[2:])
        return self.mix(torch.cat([x_BCXYZ, gathered], 1)), logits_BRSN
