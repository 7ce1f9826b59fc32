"""A scene as a model on a white table: class colours, one sun, soft shadows, seen obliquely from above.

Shape legend: H, W rows and columns of the picture; X, Y, Z voxels. Lengths are in voxel units of the x axis where
nothing else is said.
"""

import math

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera, look_camera
from occforge.core.grid import Scene
from occforge.render._compiled import per_ray
from occforge.render._rows import for_rows
from occforge.render.raycast import camera_rays, march, occupied_box

AZIMUTH_RAD = math.radians(27.0)
ELEVATION_RAD = math.radians(38.0)
FOV_X_RAD = math.radians(24.0)
SAMPLES = 2
"""Sub-pixels along each edge of a pixel."""


def oblique_camera(scene: Scene, size_HW: tuple[int, int], occupied: bool = True) -> Camera:
    """The camera of `oblique`: behind and right of the scene, far enough to see its whole box with a small margin."""
    extent = np.asarray(scene.grid.extent_m)
    low, high = np.asarray(scene.grid.origin_m), np.asarray(scene.grid.origin_m) + extent
    if occupied:  # the sky above the highest voxel needs no room in the picture
        low_3, high_3 = occupied_box(np.ascontiguousarray(scene.labels_XYZ))
        if high_3[0] > 0:
            low, high = scene.grid.metres_from_index(np.stack([low_3, high_3]))
    corners_83 = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    centre = corners_83.mean(axis=0)
    forward = np.array(
        [
            math.cos(AZIMUTH_RAD) * math.cos(ELEVATION_RAD),
            math.sin(AZIMUTH_RAD) * math.cos(ELEVATION_RAD),
            -math.sin(ELEVATION_RAD),
        ]
    )
    H, W = size_HW
    near, far = 0.5 * float(np.linalg.norm(high - low)), 1000.0 * float(np.linalg.norm(high - low))
    for _ in range(40):
        distance = math.sqrt(near * far)
        eye = centre - distance * forward
        camera = look_camera((eye[0], eye[1], eye[2]), FOV_X_RAD, size_HW, AZIMUTH_RAD, ELEVATION_RAD)
        pixel_82, depth_8 = camera.project(corners_83)
        spans = (np.ptp(pixel_82[:, 0]) <= 0.94 * W, np.ptp(pixel_82[:, 1]) <= 0.94 * H)
        if all(spans) and depth_8.min() > 0:
            far = distance
        else:
            near = distance
    K_33 = camera.K_33.copy()
    middle_2 = 0.5 * (pixel_82.min(axis=0) + pixel_82.max(axis=0))
    K_33[:2, 2] += np.array([0.5 * W, 0.5 * H]) - middle_2
    return Camera(K_33, camera.camera_from_grid_44, size_HW)


@per_ray
def _hash(a: int, b: int) -> float:
    """A number in [0, 1) that depends on two integers without visible order."""
    h = (a * 73856093) ^ (b * 19349663)
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    h = ((h ^ (h >> 16)) * 73856093) & 0x7FFFFFFF
    return (h & 0xFFFFFF) / 16777216.0


@per_ray
def _rows(
    first_row: int,
    last_row: int,
    labels_XYZ: NDArray,
    low_3: NDArray,
    high_3: NDArray,
    albedo_K3: NDArray,
    origin: NDArray,
    matrix: NDArray,
    size_3: NDArray,
    sun_3: NDArray,
    out_HW3: NDArray,
) -> None:
    """`size_3` voxel edges in metres; `sun_3` unit vector to the sun in metres; `out_HW3` linear light."""
    W = out_HW3.shape[1]
    reach_m = 3.5
    table = low_3[2] - 0.02
    for row in range(first_row, last_row):
        for column in range(W):
            red, green, blue = 0.0, 0.0, 0.0
            for s in range(SAMPLES * SAMPLES):
                u = column + (s % SAMPLES + 0.5) / SAMPLES
                v = row + (s // SAMPLES + 0.5) / SAMPLES
                dx = matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]
                dy = matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]
                dz = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
                ox, oy, oz = origin[0], origin[1], origin[2]
                t, x, y, z, axis = march(labels_XYZ, ox, oy, oz, dx, dy, dz, low_3, high_3, np.inf)
                nx, ny, nz = 0.0, 0.0, 0.0
                on_table = axis < 0
                if on_table:
                    if dz > -1e-9:
                        red, green, blue = red + 0.955, green + 0.955, blue + 0.95
                        continue
                    t = (table - oz) / dz
                    nz = 1.0
                    albedo_r, albedo_g, albedo_b = 0.93, 0.93, 0.925
                elif axis == 0:
                    nx = -1.0 if dx > 0 else 1.0
                elif axis == 1:
                    ny = -1.0 if dy > 0 else 1.0
                else:
                    nz = -1.0 if dz > 0 else 1.0
                if not on_table:
                    k = labels_XYZ[x, y, z]
                    albedo_r, albedo_g, albedo_b = albedo_K3[k, 0], albedo_K3[k, 1], albedo_K3[k, 2]
                px, py, pz = ox + t * dx + 1e-3 * nx, oy + t * dy + 1e-3 * ny, oz + t * dz + 1e-3 * nz

                jitter = _hash(row * 2 + s // SAMPLES, column * 2 + s % SAMPLES)
                jitter_2 = _hash(column * 2 + s % SAMPLES + 7919, row * 2 + s // SAMPLES)
                lx = sun_3[0] + 0.10 * (jitter - 0.5)
                ly = sun_3[1] + 0.10 * (jitter_2 - 0.5)
                lz = sun_3[2]
                facing = nx * lx + ny * ly + nz * lz
                lit = 0.0
                if facing > 0.0:
                    hit = march(
                        labels_XYZ, px, py, pz, lx / size_3[0], ly / size_3[1], lz / size_3[2], low_3, high_3, np.inf
                    )
                    if hit[4] < 0:
                        lit = facing
                opening = 1.0
                near = 16.0
                if (
                    low_3[0] - near < px < high_3[0] + near
                    and low_3[1] - near < py < high_3[1] + near
                    and pz < high_3[2] + near
                ):  # far from everything nothing can hide the sky
                    opening = 0.0
                    for a in range(4):
                        turn = 2.0 * np.pi * ((a + jitter) / 4.0)
                        share = (a + jitter_2) / 4.0
                        radius, up = math.sqrt(share), math.sqrt(1.0 - share)
                        p, q = radius * math.cos(turn), radius * math.sin(turn)
                        if axis == 0 and not on_table:
                            rx, ry, rz = up * nx, p, q
                        elif axis == 1 and not on_table:
                            rx, ry, rz = p, up * ny, q
                        else:
                            rx, ry, rz = p, q, up * nz
                        hit = march(
                            labels_XYZ,
                            px,
                            py,
                            pz,
                            rx / size_3[0],
                            ry / size_3[1],
                            rz / size_3[2],
                            low_3,
                            high_3,
                            reach_m,
                        )
                        if hit[4] < 0:
                            opening += 0.25
                        else:  # near things hide more than things at the end of the reach
                            opening += 0.25 * (hit[0] / reach_m) ** 2
                if on_table:
                    shine = 0.60 * opening + 0.455 * lit / max(sun_3[2], 1e-3)
                    red += min(albedo_r * shine, 0.955)
                    green += min(albedo_g * shine, 0.955)
                    blue += min(albedo_b * shine * 1.003, 0.95)
                else:
                    sky = 0.44 * opening * (0.80 + 0.20 * nz)
                    red += albedo_r * (sky * 0.97 + 0.86 * lit)
                    green += albedo_g * (sky * 0.99 + 0.84 * lit)
                    blue += albedo_b * (sky * 1.06 + 0.80 * lit)
            n = 1.0 / (SAMPLES * SAMPLES)
            out_HW3[row, column, 0], out_HW3[row, column, 1], out_HW3[row, column, 2] = red * n, green * n, blue * n


def oblique(scene: Scene, size_HW: tuple[int, int] = (480, 640)) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 of the whole scene in class colours from a fixed high view; driving goes up-right.

    Unknown voxels are left out. The same scene always gives the same picture.
    """
    labels_XYZ = np.ascontiguousarray(scene.labels_XYZ)
    low_3, high_3 = occupied_box(labels_XYZ)
    camera = oblique_camera(scene, size_HW)
    origin, matrix = camera_rays(scene, camera)
    palette_K3 = scene.taxonomy.palette_K3.astype(np.float64) / 255.0
    grey_K1 = palette_K3 @ np.array([[0.3], [0.6], [0.1]])
    albedo_K3 = 0.04 + 0.92 * (0.90 * palette_K3 + 0.10 * grey_K1) ** 1.9
    sun_3 = np.array([-0.28, 0.62, 0.95])
    sun_3 /= np.linalg.norm(sun_3)
    out_HW3 = np.empty((*size_HW, 3))
    size_3 = np.asarray(scene.grid.voxel_m)
    for_rows(_rows, size_HW[0], labels_XYZ, low_3, high_3, albedo_K3, origin, matrix, size_3, sun_3, out_HW3)
    return np.rint(255.0 * np.clip(out_HW3, 0.0, 1.0) ** (1.0 / 2.2)).astype(np.uint8)
