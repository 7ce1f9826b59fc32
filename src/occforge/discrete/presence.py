"""What the coarse grids rule out: a class stands only where the coarse background or objects have it, or beside it.

Paper: fusion is free to draw anything. Here: a state (shape code or label) that holds a class is impossible more than
one coarse cell away from that class. Because: a hundred-thousandth of belief in a person, left in each of 32,768 cells,
is a person's head on every third street that was to have none, and likewise specks of leaves in the sky; on the
world's streets the rule fails for one occupied cell in 1,500.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


class Presence:
    """The rule for one scene, (N, K) for N cells of a grid of `shape_XYZ` and K states.

    `block_KV`: the labels that a state stands for. `coarse`: for each coarse grid its states (X, Y, Z) long, which are
    0 empty, 1 + c class c, 1 + C unknown (nothing is ruled out there), and the C labels of its classes. Each grid's
    size divides `shape_XYZ`.
    """

    def __init__(
        self,
        block_KV: NDArray[np.integer],
        coarse: Sequence[tuple[Tensor, Sequence[int]]],
        shape_XYZ: Sequence[int],
    ) -> None:
        self.shape_XYZ = tuple(shape_XYZ)
        labels = [label for _, classes in coarse for label in classes]
        holds_CK = torch.from_numpy(np.stack([(block_KV == label).any(1) for label in labels])).float()
        absent_NC = torch.cat([_absent_NC(grid, len(classes), shape_XYZ) for grid, classes in coarse], 1)
        # Few sets of classes are absent together: what follows from one is worked out once.
        number_N = absent_NC.double() @ 2.0 ** torch.arange(len(labels), dtype=torch.float64)
        _, first_S, set_N = np.unique(number_N.numpy(), return_index=True, return_inverse=True)
        absent_SC, self.set_N = absent_NC[torch.from_numpy(first_S)], torch.from_numpy(set_N)
        self.nothing_S = absent_SC.bool().all(1)
        self.forbidden_SK = absent_SC @ holds_CK > 0
        self.possible_S = [(~forbidden_K).nonzero()[:, 0] for forbidden_K in self.forbidden_SK]

    def certain_BXYZ(self, undecided: int) -> Tensor:
        """0 where no class is possible, so that only the empty state 0 is left, `undecided` elsewhere; (1, X, Y, Z)."""
        return torch.where(self.nothing_S[self.set_N], 0, undecided).reshape(1, *self.shape_XYZ)

    def forbidden_NK(self) -> Tensor:
        """Whether a state is impossible at each position, bool."""
        return self.forbidden_SK[self.set_N]

    def possible(self, query_N: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What is possible at flat positions: for each group of rows of the query, its states (row_n, state_m)."""
        set_N = self.set_N[query_N]
        for s in set_N.unique().tolist():
            yield (set_N == s).nonzero()[:, 0], self.possible_S[s]


def _absent_NC(state_XYZ: Tensor, classes: int, shape_XYZ: Sequence[int]) -> Tensor:
    """1 where no cell within one of `state_XYZ` holds the class, for each cell of the finer grid, float."""
    one_hot = F.one_hot(state_XYZ, classes + 2).float()
    possible_CXYZ = (one_hot[..., 1:-1] + one_hot[..., -1:]).permute(3, 0, 1, 2)
    wide = F.max_pool3d(possible_CXYZ[None], 3, 1, 1)
    return 1.0 - F.interpolate(wide, size=tuple(shape_XYZ), mode="nearest")[0].flatten(1).T
