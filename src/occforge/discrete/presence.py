"""What coarse objects rule out: an object of a class stands only where the coarse grid has that class or beside it.

Paper: fusion is free to draw anything. Here: codes (or labels) that hold an object class are impossible more than one
coarse cell away from that class. Because: a hundred-thousandth of belief in a person, left in each of 32,768 cells, is
a person's head on every third street that was to have none; on real streets the rule fails for one cell in 10,000.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


class ObjectPresence:
    """The rule for one scene.

    `holds_KC`: whether state k of the finer grid holds object class c. `objects_XYZ`: coarse states, 0 empty, 1 + c an
    object, 1 + C unknown, where nothing is ruled out. `shape_XYZ`: the finer grid, a whole multiple of the coarse one.
    """

    def __init__(self, holds_KC: Tensor, objects_XYZ: Tensor, shape_XYZ: Sequence[int]) -> None:
        self.holds_CK = holds_KC.float().T
        one_hot = F.one_hot(objects_XYZ, len(self.holds_CK) + 2).float()
        possible_CXYZ = (one_hot[..., 1:-1] + one_hot[..., -1:]).permute(3, 0, 1, 2)
        wide = F.max_pool3d(possible_CXYZ[None], 3, 1, 1)
        absent = 1.0 - F.interpolate(wide, size=tuple(shape_XYZ), mode="nearest")[0]
        self.absent_NC = absent.flatten(1).T.contiguous()

    def forbidden_NK(self, query_N: Tensor | None) -> Tensor:
        """Whether a state is impossible at flat positions of the finer grid (None: all), bool."""
        absent_NC = self.absent_NC if query_N is None else self.absent_NC[query_N]
        return absent_NC @ self.holds_CK > 0


def codes_that_hold(block_KV: NDArray[np.integer], objects: Sequence[int]) -> Tensor:
    """`holds_KC` of states that stand for blocks of labels (K, V), or for single labels (K, 1)."""
    return torch.from_numpy(np.stack([(block_KV == label).any(1) for label in objects], 1))
