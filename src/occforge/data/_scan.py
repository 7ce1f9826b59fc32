"""Which voxels a scanner at one place hits and which stay hidden from it: `bin` and `occluded` of a made scene.

The scanner is a fan of pinhole cameras, 60 degrees each, a ray every 0.15 degrees, 22 degrees up and down. A voxel
is hit where a ray ends in it, free where its centre lies before the surface on the ray of its pixel, else occluded.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.camera import look_camera
from occforge.core.grid import Scene
from occforge.render.raycast import raycast

FORWARD_DEG = (60.0, 0.0, -60.0)
AROUND_DEG = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)

_FOV_DEG = 60.0
_SIZE_HW = (288, 400)


def scan(
    scene: Scene, position_m: tuple[float, float, float] = (0.0, 0.0, 0.0), yaw_deg: tuple[float, ...] = FORWARD_DEG
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Boolean (X, Y, Z) masks (hit, occluded) of a scan from `position_m` in the grid frame, disjoint.

    Unknown voxels are looked through and always occluded.
    """
    hit = np.zeros(scene.labels_XYZ.size, bool)
    free_XYZ = np.zeros(scene.grid.shape_XYZ, bool)
    for yaw in yaw_deg:
        camera = look_camera(position_m, math.radians(_FOV_DEG), _SIZE_HW, math.radians(yaw))
        view = raycast(scene, camera)
        hit[view.voxel_HW[view.voxel_HW >= 0]] = True
        pixel_from_grid_34 = camera.K_33 @ camera.camera_from_grid_44[:3]
        surface_HW = np.where(view.voxel_HW >= 0, view.depth_HW, np.float32(np.inf))
        _mark_free(
            free_XYZ, surface_HW, pixel_from_grid_34, np.array(scene.grid.voxel_m), np.array(scene.grid.origin_m)
        )
    hit_XYZ = hit.reshape(scene.grid.shape_XYZ)
    return hit_XYZ, ~(hit_XYZ | free_XYZ) | ~scene.valid_XYZ


@njit(cache=True, nogil=True)
def _mark_free(
    free_XYZ: NDArray[np.bool_],
    surface_HW: NDArray[np.float32],
    P: NDArray[np.float64],
    voxel_m: NDArray[np.float64],
    origin_m: NDArray[np.float64],
) -> None:
    """Set the voxels whose centre lies before the surface on its pixel; P (3, 4) gives (u, v, 1) times depth."""
    H, W = surface_HW.shape
    for i in range(free_XYZ.shape[0]):
        x = origin_m[0] + (i + 0.5) * voxel_m[0]
        for j in range(free_XYZ.shape[1]):
            y = origin_m[1] + (j + 0.5) * voxel_m[1]
            for k in range(free_XYZ.shape[2]):
                z = origin_m[2] + (k + 0.5) * voxel_m[2]
                depth = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
                if depth <= 0.0:
                    continue
                u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) / depth
                v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) / depth
                if 0.0 <= u < W and 0.0 <= v < H and depth < surface_HW[int(v), int(u)]:
                    free_XYZ[i, j, k] = True
