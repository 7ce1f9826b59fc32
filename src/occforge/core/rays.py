"""What cameras see of a scene, pixel by pixel, as it is kept and handed on.

Shape legend: N frames, H W rows and columns of a picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rays:
    """What the ray of each pixel's centre hits in a scene of voxels `voxel_m` wide.

    `semantic_NHW` uint8 class ids, 0 where it hits nothing; `depth_NHW_m` float16 along the optical axis, 0 there;
    `normal_NHW3` int8, the outward normal of the face in the grid's frame, (0, 0, 0) there.
    """

    semantic_NHW: NDArray[np.uint8]
    depth_NHW_m: NDArray[np.float16]
    normal_NHW3: NDArray[np.int8]
    voxel_m: float
