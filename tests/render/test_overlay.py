"""Voxels over a picture: they lie where they project to, hide each other, and leave the rest of the picture alone."""

import numpy as np
import pytest

from occforge.core.camera import look_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.render.overlay import overlay

GRID = GridSpec((20, 20, 10), (0.5, 0.5, 0.5), (0.0, -5.0, -2.5))
CAMERA = look_camera((0.0, 0.0, 0.0), 1.2, (60, 80))
IMAGE = np.full((60, 80, 3), 100, np.uint8)


def scene_of(*voxels: tuple[int, int, int, int]) -> Scene:
    labels_XYZ = np.zeros(GRID.shape_XYZ, np.uint8)
    for x, y, z, label in voxels:
        labels_XYZ[x, y, z] = label
    return Scene(labels_XYZ, GRID, SEMANTIC_KITTI)


def test_a_voxel_is_drawn_where_it_projects_to() -> None:
    changed_HW = np.any(overlay(scene_of((10, 7, 6, 13)), CAMERA, IMAGE) != IMAGE, axis=2)
    corner_N3 = GRID.metres_from_index(np.array([10, 7, 6]) + np.array(list(np.ndindex(2, 2, 2))))
    (u0, v0), (u1, v1) = (f(CAMERA.project(corner_N3)[0], axis=0) for f in (np.min, np.max))
    row_N, column_N = np.nonzero(changed_HW)
    assert abs(row_N.min() - v0) < 2 and abs(row_N.max() + 1 - v1) < 2
    assert abs(column_N.min() - u0) < 2 and abs(column_N.max() + 1 - u1) < 2


def test_the_nearer_voxel_hides_and_unknown_is_looked_through() -> None:
    far = scene_of((15, 9, 5, 13))
    for before, hides in [((5, 9, 5, 1), True), ((5, 9, 5, 255), False)]:
        both = overlay(scene_of((15, 9, 5, 13), before), CAMERA, IMAGE)
        assert np.array_equal(both, overlay(far, CAMERA, IMAGE)) != hides


def test_opacity_and_edges() -> None:
    scene = scene_of((4, 9, 5, 13), (4, 10, 5, 13))
    opaque = overlay(scene, CAMERA, IMAGE, opacity=1.0)
    colors = {tuple(color) for color in opaque.reshape(-1, 3).tolist()}
    face = np.rint(np.array(SEMANTIC_KITTI.colors[13]) * 0.75)
    edge = np.rint(np.array(SEMANTIC_KITTI.colors[13]) * 0.75 * 0.35)
    assert tuple(face) in colors and tuple(edge) in colors and (100, 100, 100) in colors
    half = overlay(scene, CAMERA, IMAGE, opacity=0.5)
    assert np.any(np.all(half == np.rint(0.5 * face + 50), axis=2))
    small = overlay(
        scene_of((19, 9, 5, 13), (19, 10, 5, 13)), look_camera((0, 0, 0), 1.2, (12, 16)), IMAGE[:12, :16], 1.0
    )
    assert not np.any(np.all(small == edge, axis=2))  # so small that it would be all edge


def test_what_does_not_fit_is_refused() -> None:
    scene = scene_of()
    np.testing.assert_array_equal(overlay(scene, CAMERA, IMAGE), IMAGE)
    with pytest.raises(InputError, match=r"overlay: expected a uint8 image \(60, 80, 3\)"):
        overlay(scene, CAMERA, IMAGE[1:])
    with pytest.raises(InputError, match=r"opacity of 0-1, got 1\.5"):
        overlay(scene, CAMERA, IMAGE, 1.5)
