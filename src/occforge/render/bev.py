"""A scene from straight above: the colour of the topmost class, shaded by height and slope."""

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN

BACKGROUND = (246, 246, 244)
"""Where a column holds nothing."""
UNKNOWN_COLOR = (222, 222, 220)
"""Where a column holds nothing known."""


def top_labels(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Class of the topmost occupied voxel (X, Y), 0 where there is none, and its height index (X, Y), -1 there."""
    labels_XYZ = scene.labels_XYZ
    occupied_XYZ = (labels_XYZ != EMPTY) & (labels_XYZ != UNKNOWN)
    Z = labels_XYZ.shape[2]
    any_XY = occupied_XYZ.any(axis=2)
    height_XY = np.where(any_XY, Z - 1 - occupied_XYZ[:, :, ::-1].argmax(axis=2), -1)
    label_XY = np.take_along_axis(labels_XYZ, np.maximum(height_XY, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(any_XY, label_XY, EMPTY).astype(np.uint8), height_XY


def bev(scene: Scene, scale: int = 2) -> NDArray[np.uint8]:
    """Map (X * scale, Y * scale, 3) uint8: forward is up, left is left; higher is brighter, light from the left top."""
    if scale < 1:
        raise InputError(f"bird's-eye picture: expected a scale of at least 1 pixel a voxel, got {scale}")
    label_XY, height_XY = top_labels(scene)
    height_XY_m = np.maximum(height_XY, 0) * scene.grid.voxel_m[2]
    rise_XY = np.zeros(label_XY.shape)
    rise_XY[:-1] += height_XY_m[:-1] - height_XY_m[1:]  # faces forward, that is up in the picture
    rise_XY[:, :-1] += height_XY_m[:, :-1] - height_XY_m[:, 1:]  # faces left
    light_XY = 0.90 + 0.14 * height_XY_m / max(float(height_XY_m.max()), 1e-6) + 0.16 * np.tanh(rise_XY / 1.5)
    color_XY3 = scene.taxonomy.palette_K3[label_XY] * np.clip(light_XY, 0.45, 1.15)[:, :, None]
    nothing_XY = height_XY < 0
    unknown_XY = nothing_XY & (scene.labels_XYZ == UNKNOWN).all(axis=2)
    color_XY3[nothing_XY] = BACKGROUND
    color_XY3[unknown_XY] = UNKNOWN_COLOR
    map_HW3 = np.clip(color_XY3, 0, 255).astype(np.uint8)[::-1, ::-1]
    return np.ascontiguousarray(map_HW3.repeat(scale, axis=0).repeat(scale, axis=1))
