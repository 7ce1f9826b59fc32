"""What the coarse grids rule out: a class stands only where the coarse background or objects have it, or beside it.

Paper: fusion is free to draw anything. Here: a state (shape code or label) that holds a class is impossible more than
one coarse cell away from that class. Because: a hundred-thousandth of belief in a person, left in each of 32,768 cells,
is a person's head on every third street that was to have none, and likewise specks of leaves in the sky; on the
world's streets the rule fails for one occupied cell in 1,500.
"""

from collections.abc import Sequence

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
        self.holds_CK = torch.from_numpy(np.stack([(block_KV == label).any(1) for label in labels])).float()
        self.absent_NC = torch.cat([_absent_NC(grid, len(classes), shape_XYZ) for grid, classes in coarse], 1)

    def certain_BXYZ(self, undecided: int) -> Tensor:
        """0 where no class is possible, so that only the empty state 0 is left, `undecided` elsewhere; (1, X, Y, Z)."""
        return torch.where(self.absent_NC.bool().all(1), 0, undecided).reshape(1, *self.shape_XYZ)

    def forbidden_NK(self, query_N: Tensor | None) -> Tensor:
        """Whether a state is impossible at flat positions (None: all), bool."""
        absent_NC = self.absent_NC if query_N is None else self.absent_NC[query_N]
        return absent_NC @ self.holds_CK > 0


def _absent_NC(state_XYZ: Tensor, classes: int, shape_XYZ: Sequence[int]) -> Tensor:
    """1 where no cell within one of `state_XYZ` holds the class, for each cell of the finer grid, float."""
    one_hot = F.one_hot(state_XYZ, classes + 2).float()
    possible_CXYZ = (one_hot[..., 1:-1] + one_hot[..., -1:]).permute(3, 0, 1, 2)
    wide = F.max_pool3d(possible_CXYZ[None], 3, 1, 1)
    return 1.0 - F.interpolate(wide, size=tuple(shape_XYZ), mode="nearest")[0].flatten(1).T
