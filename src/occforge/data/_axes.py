"""Labels and frames whose axes are right, forward, up, turned into ours: forward, left, up.

    forward = F,  left = -R,  up = U:   FROM_RFU_33 = [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],  determinant +1

It is a quarter turn about the vertical, no mirror: a right-handed frame stays right-handed. An axis that changes its
sign is read backwards, so the voxels' box changes its lower corner, and nothing is resampled.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

FROM_RFU_33 = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def from_rfu(array_RFU: NDArray[T]) -> NDArray[T]:
    """An array indexed [right, forward, up] as one indexed [forward, left, up], C-ordered."""
    return np.ascontiguousarray(array_RFU.transpose(1, 0, 2)[:, ::-1])


def to_rfu(array_XYZ: NDArray[T]) -> NDArray[T]:
    """Inverse of `from_rfu`."""
    return np.ascontiguousarray(array_XYZ[:, ::-1].transpose(1, 0, 2))
