"""Multi-scale deformable attention on maps and on volumes, by `grid_sample`: no compiled operator.

Shape legend: B batch, Q queries, M heads, L levels, P sampled points of a level, D dimensions of the maps (2 or 3),
C channels. Coordinates run from 0 to 1 over a map and name its last axis first, as `grid_sample` does.
Source: Deformable DETR (Zhu et al., 2021), Eq. 3.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def deformable_sample(values: Sequence[Tensor], at_BQMLPD: Tensor, weight_BQMLP: Tensor) -> Tensor:
    """Weighted sum over levels and points of each head's own channels: (B, Q, M * C).

    `values` holds a (B, M, C, *size) tensor a level. Sampling is linear; what lies outside a map is zero.
    """
    total: Tensor | None = None
    for level, value in enumerate(values):
        at = (2.0 * at_BQMLPD[:, :, :, level] - 1.0).transpose(1, 2).flatten(0, 1)  # (B M, Q, P, D)
        if at.shape[-1] == 3:
            at = at[:, :, :, None]
        sampled = F.grid_sample(value.flatten(0, 1), at.to(value), align_corners=False).flatten(3)  # (B M, C, Q, P)
        weight = weight_BQMLP[:, :, :, level].transpose(1, 2).flatten(0, 1)
        summed = torch.einsum("ncqp,nqp->nqc", sampled, weight.to(sampled))
        total = summed if total is None else total + summed
    assert total is not None
    return total.unflatten(0, (len(at_BQMLPD), -1)).transpose(1, 2).flatten(2)


class DeformableAttention(nn.Module):
    """Queries look at `anchors` reference points of each level, at `offsets` learned places around each.

    Values come projected (`DeformableValues`), so that several attentions can share them.
    """

    def __init__(self, channels: int, heads: int, levels: int, anchors: int, offsets: int, dimensions: int) -> None:
        super().__init__()
        self.layout = (heads, levels, anchors * offsets)
        self.offsets, self.dimensions = offsets, dimensions
        points = heads * levels * anchors * offsets
        self.offset = nn.Linear(channels, points * dimensions)
        self.weight = nn.Linear(channels, points)
        self.out = nn.Linear(channels, channels)
        with torch.no_grad():
            direction_MD = _directions(heads, dimensions)
            step_MLAOD = direction_MD[:, None, None, None] * torch.arange(1.0, offsets + 1.0)[:, None]
            self.offset.bias.copy_(step_MLAOD.expand(heads, levels, anchors, offsets, dimensions).flatten())
            for tensor in (self.offset.weight, self.weight.weight, self.weight.bias, self.out.bias):
                tensor.zero_()
            nn.init.xavier_uniform_(self.out.weight)

    def forward(self, query_BQC: Tensor, reference_BQLAD: Tensor, values: Sequence[Tensor]) -> Tensor:
        """Attended values (B, Q, C); offsets are in cells of each level's map."""
        layout = self.layout
        size_LD = reference_BQLAD.new_tensor([value.shape[:2:-1] for value in values])
        offset_BQMLPD = self.offset(query_BQC).unflatten(2, (*layout, self.dimensions)).to(reference_BQLAD)
        at_BQMLPD = reference_BQLAD.repeat_interleave(self.offsets, 3)[:, :, None] + offset_BQMLPD / size_LD[:, None]
        weight_BQMP = self.weight(query_BQC).unflatten(2, (layout[0], -1)).softmax(-1)
        return self.out(deformable_sample(values, at_BQMLPD, weight_BQMP.unflatten(3, layout[1:])))


class DeformableValues(nn.Module):
    """A linear projection of maps (B, C, *size) whose channels are dealt out to heads: (B, M, C / M, *size)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.project = heads, nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, map_BC: Tensor) -> Tensor:
        return self.project(map_BC.movedim(1, -1)).movedim(-1, 1).unflatten(1, (self.heads, -1))


def _directions(heads: int, dimensions: int) -> Tensor:
    """Directions (heads, D) spread over the circle or the sphere, the largest component one."""
    turn_M = torch.arange(heads, dtype=torch.float32)
    if dimensions == 2:
        angle_M = turn_M * (2.0 * math.pi / heads)
        direction_MD = torch.stack([angle_M.cos(), angle_M.sin()], -1)
    else:  # a golden spiral
        height_M = 1.0 - 2.0 * (turn_M + 0.5) / heads
        angle_M, radius_M = turn_M * (math.pi * (3.0 - math.sqrt(5.0))), (1.0 - height_M**2).sqrt()
        direction_MD = torch.stack([radius_M * angle_M.cos(), radius_M * angle_M.sin(), height_M], -1)
    return direction_MD / direction_MD.abs().amax(-1, keepdim=True)
