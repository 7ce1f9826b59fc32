"""BEDiT: the BEV-aware diffusion transformer of Comp-D3PM (Sec. 4.2), with text.

Legend: B batch, X Y bird's-eye cells, Z heights, K states, A request values, C channels.
Heights fold into channels, so that attention runs over bird's-eye patches.

Paper: plain DiT blocks over BEV patches. Here: residual convolutions around the attention, as in a U-Net, and
cross-attention to the request. Because: the mixed trunk learns faster for the same compute, and prompts need a way in.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.discrete.text import ATTRIBUTE_SIZE, ATTRIBUTE_VALUES
from occforge.discrete.transition import Transition


@dataclass(frozen=True)
class Stream:
    """A conditioning grid: `states` values (its unknown value included), `heights` cells a column.

    `coarser` is how many of the target's cells in x and y one of its columns covers.
    """

    states: int
    heights: int
    coarser: int = 1


@dataclass(frozen=True)
class BEDiTConfig:
    """Sizes of a BEDiT. `channels` has one entry per resolution, finest first; attention runs at the coarsest.

    `evidence`: the logits are `Transition.evidence` plus what the network says; absorbing kinds have none to add. In
    minutes of training it gave objects their due number of cells, but in pieces, and salt (docs/lab, 2026-11-22).
    """

    transition: Transition
    heights: int
    conditions: tuple[Stream, ...] = ()
    self_condition: bool = True
    evidence: bool = False
    channels: tuple[int, ...] = (128, 256)
    convs: int = 2
    depth: int = 6
    heads: int = 4
    request_width: int = 96
    embed: int = 8
    head: int = 32
    code_blocks: bool = False


class BEDiT(nn.Module):
    """p(x_0 | x_t, conditions, request) for every cell of a grid.

    With `code_blocks`, states are shape codes: call `set_code_blocks` once, and a code is embedded as the sum of the
    embeddings of its voxels, so that what is learned of one block serves all that resemble it.
    """

    def __init__(self, config: BEDiTConfig) -> None:
        super().__init__()
        self.config = config
        C, finest = config.channels, config.channels[0]
        self.embedding = StateEmbedding(config.transition.input_states, config.embed, config.code_blocks)
        self.condition_embeddings = nn.ModuleList(nn.Embedding(s.states, config.embed) for s in config.conditions)
        width = config.heights * config.embed * (2 if config.self_condition else 1)
        width += sum(s.heights * config.embed for s in config.conditions)
        self.enter = nn.Conv2d(width + POSITION_CHANNELS, finest, 1)
        time_width = 256
        self.time = nn.Sequential(nn.Linear(64, time_width), nn.SiLU(), nn.Linear(time_width, time_width))
        self.request = nn.Linear(ATTRIBUTE_SIZE, time_width)
        self.request_tokens = nn.Parameter(torch.randn(ATTRIBUTE_SIZE, config.request_width) * 0.3)
        self.down = nn.ModuleList(ConvStack(c, config.convs, time_width) for c in C[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(C))
        self.grow = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(C))
        self.up = nn.ModuleList(ConvStack(c, config.convs, time_width) for c in C[:-1])
        self.modulate = nn.Linear(time_width, 6 * C[-1])
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.blocks = nn.ModuleList(DiTBlock(C[-1], config.heads, config.request_width) for _ in range(config.depth))
        self.leave = nn.Conv2d(finest, config.heights * config.head, 1)
        self.skip = nn.Linear(config.embed, config.head)
        self.norm = nn.LayerNorm(config.head)
        self.head = StateHead(config.transition.states, config.head, config.code_blocks)

    def set_code_blocks(self, block_K8: Tensor) -> None:
        """Tell the embedding and the head which labels each code stands for, (K, 8) long."""
        self.embedding.set_blocks(block_K8)
        self.head.set_blocks(block_K8)

    def forward(
        self,
        x_t_BXYZ: Tensor,
        noise_level_B: Tensor,
        request_BA: Tensor,
        conditions: Sequence[Tensor] = (),
        self_condition_BXYZK: Tensor | None = None,
        query_N: Tensor | None = None,
    ) -> Tensor:
        """Logits of x_0: (N, K) at the flat positions `query_N`, or at all B X Y Z of them.

        `noise_level_B` is t / T. `conditions` are long grids in the order of the config. `self_condition_BXYZK`
        is an earlier estimate of p(x_0), or None for no estimate. `request_BA` is that of `text.request_BA`.
        """
        features = self.features(x_t_BXYZ, noise_level_B, request_BA, conditions, self_condition_BXYZK, query_N)
        return self.logits(features, x_t_BXYZ, noise_level_B, query_N)

    def logits(
        self, feature_Nh: Tensor, x_t_BXYZ: Tensor, noise_level_B: Tensor, query_N: Tensor | None = None
    ) -> Tensor:
        """Logits of x_0 (N, K) from the features of the positions `query_N`, or of all."""
        transition = self.config.transition
        logits_NK: Tensor = self.head(feature_Nh)
        if not self.config.evidence or transition.kind == "absorbing":
            return logits_NK
        evidence_NK = transition.evidence(x_t_BXYZ, noise_level_B * transition.T)
        return logits_NK + (evidence_NK if query_N is None else evidence_NK[query_N])

    def features(
        self,
        x_t_BXYZ: Tensor,
        noise_level_B: Tensor,
        request_BA: Tensor,
        conditions: Sequence[Tensor] = (),
        self_condition_BXYZK: Tensor | None = None,
        query_N: Tensor | None = None,
        reuse: "Reuse | None" = None,
    ) -> Tensor:
        """Everything before the head, which is linear: (N, head) at the positions `query_N`, or at all of them.

        `reuse` keeps what attention changed from call to call, for a sampler that asks about steps close together.
        """
        B, X, Y, _ = x_t_BXYZ.shape
        state_BXYZe = self.embedding(x_t_BXYZ)
        columns = [state_BXYZe.flatten(3)]
        if self.config.self_condition:
            if self_condition_BXYZK is None:
                columns.append(torch.zeros_like(columns[0]))
            else:
                table_Ke = self.embedding.table()[: self.config.transition.states]
                columns.append((self_condition_BXYZK.to(table_Ke.dtype) @ table_Ke).flatten(3))
        for stream, embedding, grid in zip(self.config.conditions, self.condition_embeddings, conditions, strict=True):
            column_BXYC = embedding(grid).flatten(3)
            for axis in (1, 2):
                column_BXYC = column_BXYC.repeat_interleave(stream.coarser, axis)
            columns.append(column_BXYC)
        columns.append(position_code(X, Y).to(columns[0]).expand(B, -1, -1, -1))
        h = channels_first(pointwise(self.enter, torch.cat(columns, 3)))

        emb = self.time(time_code(noise_level_B)) + self.request(request_BA)
        skips = []
        for convs, shrink in zip(self.down, self.shrink, strict=True):
            skips.append(convs(h, emb))
            h = shrink(skips[-1])
        if reuse is None:
            h = self._attend(h, emb, request_BA)
        else:
            h = reuse(h, lambda entered: self._attend(entered, emb, request_BA))
        for convs, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            h = convs(channels_first(spread(pointwise(grow, h.permute(0, 2, 3, 1)))) + skips.pop(), emb)
        feature_Nh = pointwise(self.leave, F.silu(h).permute(0, 2, 3, 1)).reshape(-1, self.config.head)
        state_Ne = state_BXYZe.flatten(0, 3)
        if query_N is not None:
            feature_Nh, state_Ne = feature_Nh[query_N], state_Ne[query_N]
        return F.silu(self.norm(feature_Nh + self.skip(state_Ne)))

    def _attend(self, h_BCXY: Tensor, emb: Tensor, request_BA: Tensor) -> Tensor:
        B, C, X, Y = h_BCXY.shape
        token_BNC = h_BCXY.flatten(2).transpose(1, 2) + sincos_2d(X, Y, C).to(h_BCXY)
        modulation_B6C = self.modulate(F.silu(emb)).unflatten(-1, (6, C))
        named = zip(request_BA.split(VALUE_COUNTS, 1), self.request_tokens.split(VALUE_COUNTS), strict=True)
        request_BLD = torch.stack([ask_Bv @ table_vD for ask_Bv, table_vD in named], 1)
        for block in self.blocks:
            token_BNC = block(token_BNC, modulation_B6C, request_BLD)
        return channels_first(token_BNC.reshape(B, X, Y, C))


class Reuse:
    """h + change, where the change is what some layers made of h at the last call that is a multiple of `every`.

    Chen et al. 2024, "Delta-DiT" (arXiv 2406.01125): from one step to the next, what blocks add changes far less than
    what they add it to. Here around the whole attention of a `BEDiT`; its convolutions are asked every time.
    """

    def __init__(self, every: int) -> None:
        self.every, self.calls = every, 0
        self.change = torch.zeros(())

    def __call__(self, h: Tensor, layers: Callable[[Tensor], Tensor]) -> Tensor:
        """Counts the call; `h` must keep its shape."""
        fresh = self.calls % self.every == 0
        self.calls += 1
        if not fresh:
            return h + self.change
        changed = layers(h)
        self.change = changed - h
        return changed


class StateEmbedding(nn.Module):
    """A vector per state; for shape codes the sum over the code's eight voxels, plus one of its own."""

    block_K8: Tensor

    def __init__(self, states: int, width: int, code_blocks: bool) -> None:
        super().__init__()
        self.own = nn.Embedding(states, width)
        self.voxel = nn.Parameter(torch.randn(8, 256, width) * 0.3) if code_blocks else None
        self.register_buffer("block_K8", torch.zeros(states, 8, dtype=torch.long), persistent=False)

    def set_blocks(self, block_K8: Tensor) -> None:
        """Labels of each code, (K, 8); further states (the mask) have none and read as label 255."""
        self.block_K8.fill_(255)
        self.block_K8[: len(block_K8)] = block_K8

    def table(self) -> Tensor:
        """All state vectors, (states, width)."""
        if self.voxel is None:
            return self.own.weight
        return self.own.weight + sum(self.voxel[v][self.block_K8[:, v]] for v in range(8))

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.table())


LOGIT_GAIN = 10.0
"""Normalised features and slowly growing weights alone leave a hundredth of the probability on wrong states, and a
sampler draws it: salt. With a gain, small weights reach certainty (docs/lab, 2026-11-20)."""


class StateHead(nn.Module):
    """Logits by inner product with a vector per state, built as `StateEmbedding` builds its own."""

    def __init__(self, states: int, width: int, code_blocks: bool) -> None:
        super().__init__()
        self.table = StateEmbedding(states, width, code_blocks)
        for parameter in self.table.parameters():
            parameter.data.mul_(0.02)
        self.bias = nn.Parameter(torch.zeros(states))

    def set_blocks(self, block_K8: Tensor) -> None:
        """See `StateEmbedding.set_blocks`."""
        self.table.set_blocks(block_K8)

    def rows(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Vectors (K, width) and biases (K,) of the states."""
        return (LOGIT_GAIN * self.table.table()).to(dtype), (LOGIT_GAIN * self.bias).to(dtype)

    def forward(self, feature_Nh: Tensor) -> Tensor:
        return F.linear(feature_Nh, *self.rows(feature_Nh.dtype))


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with adaptive group norm, residual."""

    def __init__(self, C: int, time_width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, C), nn.GroupNorm(8, C)
        self.conv1, self.conv2 = nn.Conv2d(C, C, 3, padding=1), nn.Conv2d(C, C, 3, padding=1)
        self.modulate = nn.Linear(time_width, 2 * C)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.modulate.weight)

    def forward(self, h_BCXY: Tensor, emb: Tensor) -> Tensor:
        scale, shift = self.modulate(F.silu(emb))[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(h_BCXY)))
        return h_BCXY + self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))


class ConvStack(nn.Module):
    """`count` ConvBlocks in a row."""

    def __init__(self, C: int, count: int, time_width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(C, time_width) for _ in range(count))

    def forward(self, h_BCXY: Tensor, emb: Tensor) -> Tensor:
        for block in self.blocks:
            h_BCXY = block(h_BCXY, emb)
        return h_BCXY


class DiTBlock(nn.Module):
    """Self-attention, cross-attention to the request and an MLP, modulated by adaLN-zero (Peebles & Xie 2023).

    The time embedding makes one modulation for all blocks, and each block adds its own constant (adaLN-single).
    """

    def __init__(self, C: int, heads: int, request_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(C, elementwise_affine=False) for _ in range(3))
        self.qkv, self.merge = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.q_request, self.kv_request, self.merge_request = (
            nn.Linear(C, C),
            nn.Linear(request_width, 2 * C),
            nn.Linear(C, C),
        )
        self.mlp = nn.Sequential(nn.Linear(C, 3 * C), nn.GELU(), nn.Linear(3 * C, C))
        self.modulation_6C = nn.Parameter(torch.zeros(6, C))
        nn.init.zeros_(self.merge_request.weight)

    def forward(self, h_BNC: Tensor, modulation_B6C: Tensor, request_BLD: Tensor) -> Tensor:
        s1, b1, g1, s2, b2, g2 = (modulation_B6C + self.modulation_6C).unsqueeze(2).unbind(1)
        q, k, v = self.qkv(self.norm1(h_BNC) * (1 + s1) + b1).chunk(3, -1)
        h_BNC = h_BNC + g1 * self.merge(self._attention(q, k, v))
        q = self.q_request(self.norm2(h_BNC))
        k, v = self.kv_request(request_BLD).chunk(2, -1)
        h_BNC = h_BNC + self.merge_request(self._attention(q, k, v))
        return h_BNC + g2 * self.mlp(self.norm3(h_BNC) * (1 + s2) + b2)

    def _attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        B, N, C = q.shape
        q, k, v = (x.reshape(B, x.shape[1], self.heads, C // self.heads).transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, C)


POSITION_CHANNELS = 16
VALUE_COUNTS = [len(values) for values in ATTRIBUTE_VALUES.values()]


def channels_first(value_BXYC: Tensor) -> Tensor:
    """(B, C, X, Y) for convolutions; in memory the channels stay last, which costs no copy."""
    return value_BXYC.permute(0, 3, 1, 2)


def pointwise(convolution: nn.Module, value_BXYC: Tensor) -> Tensor:
    """A 1x1 convolution as the matrix product that it is, (B, X, Y, C')."""
    assert isinstance(convolution, nn.Conv2d)
    return F.linear(value_BXYC, convolution.weight.flatten(1), convolution.bias)


def spread(value_BXYc: Tensor) -> Tensor:
    """Four channels' groups become a cell's quarters: (B, X, Y, 4 C) to (B, 2 X, 2 Y, C), as `F.pixel_shuffle`."""
    B, X, Y, c = value_BXYc.shape
    quarters = value_BXYc.reshape(B, X, Y, c // 4, 2, 2).permute(0, 1, 4, 2, 5, 3)
    return quarters.reshape(B, 2 * X, 2 * Y, c // 4)


def position_code(X: int, Y: int) -> Tensor:
    """Fourier features of the place in the grid, (X, Y, POSITION_CHANNELS), equal for grids of any resolution."""
    x = (torch.arange(X) + 0.5) / X
    y = (torch.arange(Y) + 0.5) / Y
    frequency = math.pi * 2.0 ** torch.arange(POSITION_CHANNELS // 4)
    wave_x = torch.cat([torch.sin(x[:, None] * frequency), torch.cos(x[:, None] * frequency)], 1)
    wave_y = torch.cat([torch.sin(y[:, None] * frequency), torch.cos(y[:, None] * frequency)], 1)
    return torch.cat([wave_x[:, None].expand(X, Y, -1), wave_y[None].expand(X, Y, -1)], -1)


def sincos_2d(X: int, Y: int, C: int) -> Tensor:
    """The transformer's sine-cosine code of patch positions, (X Y, C)."""
    frequency = 100.0 ** (-torch.arange(C // 4) / (C // 4))
    x, y = torch.arange(X)[:, None] * frequency, torch.arange(Y)[:, None] * frequency
    code_x = torch.cat([x.sin(), x.cos()], 1)[:, None].expand(X, Y, -1)
    code_y = torch.cat([y.sin(), y.cos()], 1)[None].expand(X, Y, -1)
    return torch.cat([code_x, code_y], -1).reshape(X * Y, C)


def time_code(noise_level_B: Tensor) -> Tensor:
    """Fourier features of t / T, (B, 64)."""
    frequency = torch.exp(torch.linspace(0.0, math.log(200.0), 32, device=noise_level_B.device))
    angle = noise_level_B.float()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)
