"""Rooms in colour: lights read off the labels, textures for every material, light that makes a difference."""

import numpy as np
import pytest

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.camera import look_camera
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import NYUV2, SEMANTIC_KITTI, Taxonomy
from occforge.render.materials import FIRST_INDOOR, MATERIALS, SKINS, Kind, material_table
from occforge.render.shade import shade, shade_stage
from occforge.render.stage import set_stage

GRID = GridSpec((40, 40, 26), (0.1, 0.1, 0.1), (0.0, -2.0, 0.0))
CAMERA = look_camera((0.15, 0.3, 1.4), 1.1, (24, 32), 0.0, 0.15)


@pytest.fixture(scope="module")
def box() -> Scene:
    """A box room with a window on the left and a table, in NYUv2's classes."""
    of = NYUV2.id_of
    labels_XYZ = np.zeros(GRID.shape_XYZ, np.uint8)
    labels_XYZ[:, :, 0], labels_XYZ[:, :, -1] = of("floor"), of("ceiling")
    labels_XYZ[-1], labels_XYZ[:, 0], labels_XYZ[:, -1] = of("wall"), of("wall"), of("wall")
    labels_XYZ[18:34, -1, 10:20] = of("window")
    labels_XYZ[20:30, 12:26, 1:8] = of("table")
    return Scene(labels_XYZ, GRID, NYUV2)


def test_every_class_and_skin_has_a_material() -> None:
    assert set(NYUV2.names[1:]) <= MATERIALS.keys() and not MATERIALS.keys() & SKINS.keys()
    names = ("empty", *SKINS)
    none = (0,) * len(names)
    kind_K, _ = material_table(Taxonomy("skins", names, tuple((k, 0, 0) for k in none), (), (), (1.0,) * len(names)))
    assert (kind_K[1 : len(names)] >= FIRST_INDOOR).all()
    assert set(kind_K[1 : len(names)]) == set(range(FIRST_INDOOR, max(Kind) + 1))


def test_lights_are_read_off_the_labels(box: Scene) -> None:
    window, open_side, lamp = set_stage(box).lights
    np.testing.assert_allclose(window[:9], (2.6, 1.95, 1.5, 0.8, 0.05, 0.5, 0.0, -1.0, 0.0))
    assert tuple(open_side[6:9]) == (1.0, 0.0, 0.0) and open_side[9] < window[9]
    assert tuple(lamp[6:9]) == (0.0, 0.0, 0.0) and lamp[2] > 2.0
    street = Scene(box.labels_XYZ, GRID, SEMANTIC_KITTI)
    assert set_stage(street).lights.shape == (0, 10)


def test_lights_look_different_and_pictures_repeat(box: Scene) -> None:
    stage = set_stage(box, 3)
    pictures = {light: shade_stage(stage, CAMERA, light, 1).astype(int) for light in ROOM_ATTRIBUTES["light"]}
    for a, first in pictures.items():
        assert first.std() > 8 and 30 < first.mean() < 220
        assert all(a == b or np.abs(first - second).mean() > 4 for b, second in pictures.items())
    np.testing.assert_array_equal(pictures["daylight"], shade(box, CAMERA, "daylight", 3, 1))
    warmth = {light: (picture[..., 0] - picture[..., 2]).mean() for light, picture in pictures.items()}
    assert warmth["lamps"] > warmth["daylight"]


def test_the_window_lights_the_wall_that_it_faces(box: Scene) -> None:
    """By day the right wall, opposite the window, is lighter than the table's side that is turned away."""
    picture = shade(box, CAMERA, "daylight", 3, 2).astype(float).mean(axis=2)
    assert picture[8:12, 26:31].mean() > picture[16:19, 14:18].mean()
