"""A scene's voxels drawn over the picture that its camera took: do labels and image belong together.

Shape legend: H, W rows and columns of the picture; X, Y, Z voxels.
"""

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.render.raycast import View, raycast

SMALLEST_EDGED_PX = 5.0
"""Voxels that look smaller than this get no edges: they would be all edge."""

_FACE_LIGHT = np.array([[0.75, 0.75], [0.88, 0.88], [0.5, 1.0]])
"""Brightness of faces that look down and up the axes x, y and z."""


def overlay(scene: Scene, camera: Camera, image_HW3: NDArray[np.uint8], opacity: float = 0.5) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8: `image_HW3` under what `camera` sees of `scene`, in class colours, with voxel edges.

    A voxel hides what lies behind it; unknown voxels are looked through. `opacity` is in 0-1; faces are shaded by the
    axis they look along. Raises `InputError` if the image has not the camera's size.
    """
    if image_HW3.dtype != np.uint8 or image_HW3.shape != (*camera.size_HW, 3):
        raise InputError(
            f"overlay: expected a uint8 image {(*camera.size_HW, 3)} as its camera says, got {image_HW3.dtype} "
            f"{image_HW3.shape}; use camera.resized(image size)"
        )
    if not 0.0 <= opacity <= 1.0:
        raise InputError(f"overlay: expected an opacity of 0-1, got {opacity}")
    view = raycast(scene, camera)
    axis_HW = np.abs(view.normal_HW3).argmax(axis=2)
    upward_HW = (view.normal_HW3.sum(axis=2) > 0).astype(int)
    color_HW3 = scene.taxonomy.palette_K3[view.semantic_HW] * _FACE_LIGHT[axis_HW, upward_HW][:, :, None]
    hit_HW = view.voxel_HW >= 0
    alpha_HW = np.where(hit_HW, opacity, 0.0)
    edge_HW = _edges(view, camera.K_33[0, 0] * min(scene.grid.voxel_m))
    color_HW3[edge_HW] *= 0.35
    alpha_HW[edge_HW] = min(1.0, opacity + 0.3)
    blended_HW3 = image_HW3 + alpha_HW[:, :, None] * (color_HW3 - image_HW3)
    return np.rint(blended_HW3).astype(np.uint8)


def _edges(view: View, pixel_metres: float) -> NDArray[np.bool_]:
    """True (H, W) where the voxel or its face changes to the right or below, and the nearer one is large enough.

    `pixel_metres` over a depth is the size of a voxel there, in pixels.
    """
    axis_HW = np.where(view.voxel_HW >= 0, np.abs(view.normal_HW3).argmax(axis=2), -1)
    depth_HW = np.where(view.voxel_HW >= 0, view.depth_HW, np.inf)
    edge_HW = np.zeros(view.voxel_HW.shape, bool)
    for here, there in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
        changes = (view.voxel_HW[here] != view.voxel_HW[there]) | (axis_HW[here] != axis_HW[there])
        near = np.minimum(depth_HW[here], depth_HW[there])
        edge_HW[here] |= changes & (pixel_metres > SMALLEST_EDGED_PX * near)
    return edge_HW
