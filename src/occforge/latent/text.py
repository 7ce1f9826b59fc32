"""What a prompt says, as words for cross-attention.

The small generator is told what a reader of the prompt understood, an attribute a word: left and right did not bind
through a sentence vector, and one reader serves both engines. Shape legend: B batch, A values of all attributes side by
side, L attributes, E width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Asked:
    """What B paths of pictures are asked for: sentences, and what a reader understands of them.

    `request_BA`: one-hot categories of all attributes side by side (`discrete.text.request_BA`). A generator takes what
    it can read: the small one requests, Stable Diffusion sentences. It refuses those that are too long, unless their
    ends may be `cut`.
    """

    texts: tuple[str, ...]
    request_BA: Tensor
    cut: bool = False


class RequestWords(nn.Module):
    """A word for each attribute of a request, its value's learned vector; `counts` values each, the open one first."""

    def __init__(self, counts: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.counts = counts
        self.word_AE = nn.Parameter(torch.randn(sum(counts), width))

    def forward(self, request_BA: Tensor) -> Tensor:
        """(B, L, E) from one-hot categories side by side; shares between values give words between theirs."""
        parts = zip(request_BA.split(self.counts, 1), self.word_AE.split(self.counts), strict=True)
        return torch.stack([share_BV @ word_VE for share_BV, word_VE in parts], 1)

    def nothing(self, batch: int) -> Tensor:
        """The request that leaves everything open, (batch, A): what guidance compares with."""
        hot_A = torch.zeros(sum(self.counts), device=self.word_AE.device)
        first = torch.tensor(self.counts).cumsum(0) - torch.tensor(self.counts)
        hot_A[first] = 1.0
        return hot_A.expand(batch, -1)
