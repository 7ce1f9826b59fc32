"""Do the frames of a video show one world: colours of the same point in neighbouring frames.

Shape legend: N frames, H W rows and columns.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.reprojection import frame_before, inverse_depths


def inconsistency(
    images_NHW3: NDArray[np.uint8], cameras: Sequence[Camera], depth_NHW_m: NDArray[np.floating]
) -> float:
    """Mean absolute difference of colour, 0-255, between each frame's pixels and the same points in the frame before.

    Depths are the scene's along the optical axis, 0 where a ray hits nothing: the sky, which is left out. Points that
    one of two frames does not see are left out too; their colour is interpolated in the frame before. Raises
    `InputError` for fewer than two frames, or frames that share no point.
    """
    if len(images_NHW3) < 2:
        raise InputError(f"consistency: expected 2 frames or more, got {len(images_NHW3)}")
    depth_NHW = torch.from_numpy(np.asarray(depth_NHW_m, np.float32))
    before = frame_before(inverse_depths(depth_NHW)[None], CameraBatch.stack(cameras))
    counted_MHW = before.same_BMHW[0] & (depth_NHW[1:] > 0)
    if not counted_MHW.any():
        raise InputError("consistency: the frames share no point; give neighbouring frames of one scene")
    image_N3HW = torch.from_numpy(images_NHW3).movedim(-1, 1).float()
    differences = [
        (image_N3HW[i + 1] - before.brought(image_N3HW[i][None], i)[0]).abs().mean(0)[counted_HW]
        for i, counted_HW in enumerate(counted_MHW)
    ]
    return float(torch.cat(differences).mean())
