"""The last stage: every occupied coarse voxel becomes a 2x2x2 shape code, by a network over occupied cells only.

Legend: N cells, X Y Z the coarse grid, K codes, L labels. What pools to a cell's label is known beforehand, so a cell's
states are ranks: M places, the codes of its label in their order.

Paper: fusion reaches the full grid in one dense stage. Here: fusion stops at twice the voxel size and this stage draws
the rest. Because: dense fusion at 256x256x32 takes 0.9 s a step on two cores; nine of ten cells are empty and need no
network.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.discrete.bedit import StateEmbedding, StateHead

LABEL_REACH = 2
CODE_REACH = 1


@dataclass(frozen=True)
class RefineConfig:
    """Sizes of the sparse network; `labels` counts the taxonomy's classes, the unknown label comes on top."""

    labels: int
    states: int
    heights: int
    width: int = 192
    depth: int = 2
    embed: int = 8
    code_embed: int = 16
    head: int = 48


class SparseRefiner(nn.Module):
    """p(code | coarse labels around, codes drawn so far around) for chosen cells of one scene.

    Only codes that pool to the cell's coarse label are asked about, so the result always pools back to its input.
    """

    code_LM: Tensor
    rank_K: Tensor
    count_L: Tensor

    def __init__(self, config: RefineConfig) -> None:
        super().__init__()
        self.config = config
        self.labels = nn.Embedding(config.labels + 2, config.embed)
        self.codes = StateEmbedding(config.states + 1, config.code_embed, code_blocks=True)
        self.height = nn.Embedding(config.heights, config.width)
        size = (2 * LABEL_REACH + 1) ** 3 * config.embed + (2 * CODE_REACH + 1) ** 3 * config.code_embed
        self.enter = nn.Linear(size, config.width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.width),
                nn.Linear(config.width, 2 * config.width),
                nn.GELU(),
                nn.Linear(2 * config.width, config.width),
            )
            for _ in range(config.depth)
        )
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.head), nn.SiLU())
        self.head = StateHead(config.states, config.head, code_blocks=True)
        self.register_buffer("code_LM", torch.zeros(config.labels + 1, 1, dtype=torch.long), persistent=False)
        self.register_buffer("rank_K", torch.zeros(config.states, dtype=torch.long), persistent=False)
        self.register_buffer("count_L", torch.zeros(config.labels + 1, dtype=torch.long), persistent=False)

    def set_code_blocks(self, block_K8: Tensor, parent_K: Tensor) -> None:
        """Tell which labels each code stands for, (K, 8), and the label it pools to, (K,)."""
        self.codes.set_blocks(block_K8)
        self.head.set_blocks(block_K8)
        self.count_L = torch.bincount(parent_K, minlength=self.config.labels + 1)
        self.code_LM = torch.zeros(len(self.count_L), int(self.count_L.max()), dtype=torch.long)
        for label, count in enumerate(self.count_L.tolist()):
            code_m = (parent_K == label).nonzero()[:, 0]
            self.code_LM[label, :count] = code_m
            self.rank_K[code_m] = torch.arange(count)

    def codes_of(self, label_XYZ: Tensor, rank_XYZ: Tensor) -> Tensor:
        """Codes of cells from their ranks; a rank of M, not yet drawn, gives `states`."""
        not_drawn = rank_XYZ == self.code_LM.shape[1]
        return torch.where(not_drawn, self.config.states, self.code_LM[label_XYZ, rank_XYZ.masked_fill(not_drawn, 0)])

    def forward(self, label_XYZ: Tensor, code_XYZ: Tensor, query_N: Tensor) -> Tensor:
        """Logits (N, M) of the ranks of the cells at flat positions `query_N`; -1e4 beyond the codes of a label.

        `label_XYZ` are the coarse labels (long, `labels` = unknown); `code_XYZ` the codes drawn so far (`states` =
        not yet drawn). Outside the grid counts as a label of its own and as the empty code.
        """
        Z = label_XYZ.shape[2]
        outside = self.config.labels + 1
        label_N125 = neighbours(label_XYZ, query_N, LABEL_REACH, outside)
        code_N27 = neighbours(code_XYZ, query_N, CODE_REACH, 0)
        h = self.enter(torch.cat([self.labels(label_N125).flatten(1), self.codes(code_N27).flatten(1)], 1))
        h = h + self.height(query_N % Z)
        for block in self.blocks:
            h = h + block(h)
        feature_Nh, label_N = self.leave(h), label_XYZ.reshape(-1)[query_N]
        table_Kh, bias_K = self.head.rows(feature_Nh.dtype)
        logits_NM = feature_Nh.new_full((len(query_N), self.code_LM.shape[1]), -1e4)
        for label in label_N.unique().tolist():
            row_n, code_m = (label_N == label).nonzero()[:, 0], self.code_LM[label, : self.count_L[label]]
            logits_NM[row_n, : len(code_m)] = F.linear(feature_Nh[row_n], table_Kh[code_m], bias_K[code_m])
        return logits_NM


def neighbours(grid_XYZ: Tensor, query_N: Tensor, reach: int, outside: int) -> Tensor:
    """Values in the cube of `reach` cells around flat positions, (N, (2 reach + 1)^3); `outside` beyond the grid."""
    _, Y, Z = grid_XYZ.shape
    r, w = reach, 2 * reach + 1
    padded = F.pad(grid_XYZ, (r, r, r, r, r, r), value=outside)
    PY, PZ = Y + 2 * r, Z + 2 * r
    offset = torch.arange(w, device=grid_XYZ.device)
    offset_w3 = (offset[:, None, None] * PY + offset[None, :, None]) * PZ + offset[None, None, :]
    x, y, z = query_N // (Y * Z), query_N // Z % Y, query_N % Z
    start_N = (x * PY + y) * PZ + z
    return padded.reshape(-1)[start_N[:, None] + offset_w3.reshape(1, -1)]
