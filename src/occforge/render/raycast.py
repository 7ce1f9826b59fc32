"""What a camera sees of a scene: class, depth, normal and voxel at every pixel.

Shape legend: H, W rows and columns of the picture; X, Y, Z voxels. `o` and `d` are a ray's origin and direction
in voxel units; its parameter `t` stays in metres along the optical axis, because `d` advances one metre of
depth per unit of `t`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.grid import Scene
from occforge.core.rays import Rays
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.render._compiled import per_ray
from occforge.render._rows import for_rows


@dataclass(frozen=True)
class View:
    """A scene as one camera sees it; where a ray hits nothing: 0, 0.0, (0, 0, 0) and -1.

    `semantic_HW` uint8 class ids; `depth_HW` float32 metres along the optical axis; `normal_HW3` float32 unit
    outward normals of the hit voxel's face in the grid frame; `voxel_HW` int32 flat index of the hit voxel
    (`np.unravel_index(voxel, grid.shape_XYZ)`).
    """

    semantic_HW: NDArray[np.uint8]
    depth_HW: NDArray[np.float32]
    normal_HW3: NDArray[np.float32]
    voxel_HW: NDArray[np.int32]


def camera_rays(scene: Scene, camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origin (3,) and matrix (3, 3) so that pixel (u, v) has the ray `origin + t * matrix @ (u, v, 1)`.

    Both in voxel units of the scene's grid; `t` is the depth along the optical axis in metres.
    """
    inverse = camera.grid_from_camera_44
    origin = scene.grid.index_from_metres(inverse[None, :3, 3])[0]
    K_inverse = np.linalg.inv(camera.K_33)
    matrix = (inverse[:3, :3] @ K_inverse) / np.asarray(scene.grid.voxel_m)[:, None]
    return origin, matrix


@per_ray
def enter_box(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, low_3: NDArray, high_3: NDArray
) -> tuple[float, float, int]:
    """Where a ray enters and leaves the box `low_3`..`high_3`: (t_in, t_out, axis of entry); empty if t_in > t_out."""
    t_in, t_out, axis = -np.inf, np.inf, -1
    for a in range(3):
        o = ox if a == 0 else (oy if a == 1 else oz)
        d = dx if a == 0 else (dy if a == 1 else dz)
        if abs(d) < 1e-12:
            if o < low_3[a] or o > high_3[a]:
                return 1.0, 0.0, -1
            continue
        t0, t1 = (low_3[a] - o) / d, (high_3[a] - o) / d
        if t0 > t1:
            t0, t1 = t1, t0
        if t0 > t_in:
            t_in, axis = t0, a
        if t1 < t_out:
            t_out = t1
    return t_in, t_out, axis


@per_ray
def march(
    labels_XYZ: NDArray,
    ox: float,
    oy: float,
    oz: float,
    dx: float,
    dy: float,
    dz: float,
    low_3: NDArray,
    high_3: NDArray,
    t_max: float,
) -> tuple[float, int, int, int, int]:
    """First voxel that is neither empty nor unknown: (t, x, y, z, axis of the face), axis -1 if there is none.

    The box `low_3`..`high_3` (float, whole voxels) bounds everything occupied. The voxel that holds the origin
    never counts: a camera inside a voxel sees out of it. Amanatides and Woo, "A fast voxel traversal
    algorithm for ray tracing", 1987.
    """
    t_in, t_out, axis = enter_box(ox, oy, oz, dx, dy, dz, low_3, high_3)
    if t_out > t_max:
        t_out = t_max
    if t_in > t_out or t_out <= 0.0:
        return 0.0, -1, -1, -1, -1
    inside = t_in <= 0.0
    t = max(t_in, 0.0)
    x = min(max(int(np.floor(ox + t * dx)), int(low_3[0])), int(high_3[0]) - 1)
    y = min(max(int(np.floor(oy + t * dy)), int(low_3[1])), int(high_3[1]) - 1)
    z = min(max(int(np.floor(oz + t * dz)), int(low_3[2])), int(high_3[2]) - 1)
    step_x, step_y, step_z = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    delta_x = 1.0 / abs(dx) if abs(dx) > 1e-12 else np.inf
    delta_y = 1.0 / abs(dy) if abs(dy) > 1e-12 else np.inf
    delta_z = 1.0 / abs(dz) if abs(dz) > 1e-12 else np.inf
    next_x = (x + (dx > 0) - ox) / dx if abs(dx) > 1e-12 else np.inf
    next_y = (y + (dy > 0) - oy) / dy if abs(dy) > 1e-12 else np.inf
    next_z = (z + (dz > 0) - oz) / dz if abs(dz) > 1e-12 else np.inf
    first = inside
    while True:
        label = labels_XYZ[x, y, z]
        if label != EMPTY and label != UNKNOWN and not first:
            return t, x, y, z, axis
        first = False
        if next_x < next_y and next_x < next_z:
            t, axis = next_x, 0
            next_x += delta_x
            x += step_x
        elif next_y < next_z:
            t, axis = next_y, 1
            next_y += delta_y
            y += step_y
        else:
            t, axis = next_z, 2
            next_z += delta_z
            z += step_z
        if t >= t_out or x < 0 or y < 0 or z < 0:
            return 0.0, -1, -1, -1, -1
        if x >= labels_XYZ.shape[0] or y >= labels_XYZ.shape[1] or z >= labels_XYZ.shape[2]:
            return 0.0, -1, -1, -1, -1


@njit(cache=True, nogil=True)
def occupied_box(labels_XYZ: NDArray) -> tuple[NDArray, NDArray]:
    """Lower and upper corner (3,) in voxels of the smallest box round all occupied voxels; zeros if there is none."""
    X, Y, Z = labels_XYZ.shape
    low_3, high_3 = np.array([X, Y, Z]), np.zeros(3, np.int64)
    for x in range(X):
        for y in range(Y):
            for z in range(Z):
                label = labels_XYZ[x, y, z]
                if label != EMPTY and label != UNKNOWN:
                    low_3[0], low_3[1], low_3[2] = min(low_3[0], x), min(low_3[1], y), min(low_3[2], z)
                    high_3[0], high_3[1] = max(high_3[0], x + 1), max(high_3[1], y + 1)
                    high_3[2] = max(high_3[2], z + 1)
    return np.minimum(low_3, high_3).astype(np.float64), high_3.astype(np.float64)


@per_ray
def _rows(
    first_row: int,
    last_row: int,
    labels_XYZ: NDArray,
    low_3: NDArray,
    high_3: NDArray,
    origin: NDArray,
    matrix: NDArray,
    semantic_HW: NDArray,
    depth_HW: NDArray,
    normal_HW3: NDArray,
    voxel_HW: NDArray,
) -> None:
    _, Y, Z = labels_XYZ.shape
    for row in range(first_row, last_row):
        for column in range(semantic_HW.shape[1]):
            u, v = column + 0.5, row + 0.5
            dx = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]
            dy = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]
            dz = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
            t, x, y, z, axis = march(labels_XYZ, origin[0], origin[1], origin[2], dx, dy, dz, low_3, high_3, np.inf)
            if axis < 0:
                continue
            semantic_HW[row, column] = labels_XYZ[x, y, z]
            depth_HW[row, column] = t
            along = dx if axis == 0 else (dy if axis == 1 else dz)
            normal_HW3[row, column, axis] = -1.0 if along > 0 else 1.0
            voxel_HW[row, column] = (x * Y + y) * Z + z


def _empty_view(size_HW: tuple[int, int]) -> View:
    H, W = size_HW
    return View(
        np.zeros((H, W), np.uint8),
        np.zeros((H, W), np.float32),
        np.zeros((H, W, 3), np.float32),
        np.full((H, W), -1, np.int32),
    )


def raycast(scene: Scene, camera: Camera) -> View:
    """What `camera` sees of `scene`; unknown voxels and the voxel that holds the camera are looked through."""
    view = _empty_view(camera.size_HW)
    labels_XYZ = np.ascontiguousarray(scene.labels_XYZ)
    low_3, high_3 = occupied_box(labels_XYZ)
    if high_3[0] == 0:
        return view
    origin, matrix = camera_rays(scene, camera)
    for_rows(
        _rows,
        camera.size_HW[0],
        labels_XYZ,
        low_3,
        high_3,
        origin,
        matrix,
        view.semantic_HW,
        view.depth_HW,
        view.normal_HW3,
        view.voxel_HW,
    )
    return view


def rays_of(scene: Scene, cameras: Sequence[Camera]) -> Rays:
    """What N cameras of one size see."""
    views = [raycast(scene, camera) for camera in cameras]
    return Rays(
        np.stack([view.semantic_HW for view in views]),
        np.stack([view.depth_HW for view in views]).astype(np.float16),
        np.stack([view.normal_HW3 for view in views]).astype(np.int8),
        scene.grid.voxel_m[0],
    )


def raycast_reference(scene: Scene, camera: Camera) -> View:
    """The same picture by cutting every ray with every occupied voxel's box: plain, slow, for small scenes."""
    view = _empty_view(camera.size_HW)
    H, W = camera.size_HW
    labels_XYZ = scene.labels_XYZ
    voxel_N3 = np.argwhere((labels_XYZ != EMPTY) & (labels_XYZ != UNKNOWN))
    origin, _ = camera_rays(scene, camera)
    voxel_N3 = voxel_N3[np.any(voxel_N3 != np.floor(origin), axis=1)]
    if len(voxel_N3) == 0:
        return view
    low_N3 = scene.grid.metres_from_index(voxel_N3.astype(np.float64))
    high_N3 = scene.grid.metres_from_index(voxel_N3 + 1.0)
    eye = camera.grid_from_camera_44[:3, 3]
    for row in range(H):
        for column in range(W):
            direction = camera.unproject(np.array([[column + 0.5, row + 0.5]]), np.ones(1))[0] - eye
            with np.errstate(divide="ignore", invalid="ignore"):
                a_N3, b_N3 = (low_N3 - eye) / direction, (high_N3 - eye) / direction
            near_N3, far_N3 = np.fmin(a_N3, b_N3), np.fmax(a_N3, b_N3)
            t_N = near_N3.max(axis=1)
            hit_N = (t_N < far_N3.min(axis=1)) & (t_N > 0)
            if not hit_N.any():
                continue
            first = int(np.argmin(np.where(hit_N, t_N, np.inf)))
            axis = int(np.argmax(near_N3[first]))
            x, y, z = voxel_N3[first]
            view.semantic_HW[row, column] = labels_XYZ[x, y, z]
            view.depth_HW[row, column] = t_N[first]
            view.normal_HW3[row, column, axis] = -np.sign(direction[axis])
            view.voxel_HW[row, column] = np.ravel_multi_index((x, y, z), labels_XYZ.shape)
    return view
