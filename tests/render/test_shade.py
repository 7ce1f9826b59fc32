"""Colour pictures: the surface they show, what depends on the seed and weather, and every taxonomy."""

from dataclasses import replace

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES
from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI, Taxonomy
from occforge.render.materials import MATERIALS, Kind, material_table
from occforge.render.parts import BOTTOM, COS, HALF_LENGTH, HALF_WIDTH, KIND, TOP
from occforge.render.raycast import camera_rays, raycast
from occforge.render.shade import shade, shade_stage
from occforge.render.stage import set_stage
from occforge.render.surface import interpolated, trace

SIZE_HW = (24, 80)


def test_same_seed_same_picture_other_seed_other_picture(street: Scene) -> None:
    camera = street_camera(SIZE_HW)
    picture = shade(street, camera, "clear", 3)
    assert picture.shape == (*SIZE_HW, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, shade(street, camera, "clear", 3))
    assert (picture != shade(street, camera, "clear", 4)).mean() > 0.2


def test_every_weather_looks_different(street: Scene) -> None:
    stage = set_stage(street, 1)
    pictures = {w: shade_stage(stage, street_camera(SIZE_HW), w).astype(int) for w in ATTRIBUTES["weather"]}
    for a, first in pictures.items():
        assert first.std() > 8, f"{a} shows nothing"
        for b, second in pictures.items():
            assert a == b or np.abs(first - second).mean() > 4, f"{a} looks like {b}"
    spread = {w: np.ptp(picture, axis=2).mean() for w, picture in pictures.items()}
    assert spread["clear"] > spread["overcast"] > spread["fog"]
    warmth = {w: (picture[..., 0] - picture[..., 2]).mean() for w, picture in pictures.items()}
    assert warmth["sunset"] > warmth["clear"]


def test_unknown_weather_and_sampling_are_refused(street: Scene) -> None:
    with pytest.raises(InputError, match="weathers: clear"):
        shade(street, street_camera(SIZE_HW), "snow")
    with pytest.raises(InputError, match="at least 1 sample"):
        shade(street, street_camera(SIZE_HW), supersample=0)


def test_the_surface_stays_at_the_voxels(street: Scene) -> None:
    """Where the voxels' picture shows level ground, the smooth surface has the same depth."""
    camera = street_camera(SIZE_HW)
    view = raycast(street, camera)
    stage = set_stage(street, 0)
    origin, matrix = camera_rays(street, camera)
    road = street.taxonomy.id_of("road")
    compared = 0
    for row, column in np.argwhere((view.semantic_HW == road) & (view.normal_HW3[..., 2] > 0)):
        d = matrix @ np.array([column + 0.5, row + 0.5, 1.0])
        t = trace(stage, origin[0], origin[1], origin[2], d[0], d[1], d[2], 1e9)
        if abs(t - view.depth_HW[row, column]) > 1e-3:
            # Only beside things, whose cut corners reach over the border of their voxels.
            assert t < 0 or t < view.depth_HW[row, column] + 1.0
        else:
            compared += 1
    assert compared > 0.8 * ((view.semantic_HW == road) & (view.normal_HW3[..., 2] > 0)).sum()


def test_corner_bits_interpolate_trilinearly() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        bits = rng.integers(0, 2, (2, 2, 2))
        mask = sum(int(bits[a, b, c]) << (4 * a + 2 * b + c) for a in (0, 1) for b in (0, 1) for c in (0, 1))
        u, v, w = rng.random(3)
        weights = np.einsum("a,b,c->abc", [1 - u, u], [1 - v, v], [1 - w, w])
        assert interpolated(mask, u, v, w) == pytest.approx(float((weights * bits).sum()))


def test_parts_have_the_axis_and_size_of_their_things(street: Scene) -> None:
    stage = set_stage(street, 0)
    cars = stage.parts[stage.parts[:, KIND] == Kind.CAR]
    assert len(cars) == 1
    assert abs(cars[0, COS]) == pytest.approx(1.0, abs=0.02)
    assert cars[0, HALF_LENGTH] == pytest.approx(2.2, abs=0.05)
    assert cars[0, HALF_WIDTH] == pytest.approx(1.0, abs=0.05)
    assert cars[0, TOP] - cars[0, BOTTOM] == pytest.approx(1.6, abs=0.01)


def test_what_the_top_of_the_grid_cuts_is_carried_on(street: Scene) -> None:
    stage = set_stage(street, 0)
    assert stage.labels_XYZ.shape[2] > street.grid.shape_XYZ[2]
    above = stage.labels_XYZ[:, :, street.grid.shape_XYZ[2] :]
    assert set(np.unique(above)) == {0, SEMANTIC_KITTI.id_of("building")}
    assert (stage.labels_XYZ[:, :, : street.grid.shape_XYZ[2]] == street.labels_XYZ).all()


def test_every_known_class_has_a_material_and_others_their_palette_colour() -> None:
    for taxonomy in (SEMANTIC_KITTI, CARLA_SC):
        assert set(taxonomy.names[1:]) <= MATERIALS.keys()
    own = Taxonomy("own", ("empty", "lava"), ((0, 0, 0), (255, 0, 0)), (), (), (1.0, 1.0))
    kind_K, albedo_K3 = material_table(own)
    assert kind_K[1] == Kind.PLAIN and albedo_K3[1, 0] > 0.5 and albedo_K3[1, 1] == 0.0


def test_classes_without_material_keep_their_hue(street: Scene) -> None:
    own = replace(SEMANTIC_KITTI, name="own", names=tuple(f"class-{k}" for k in range(20)))
    picture = shade(Scene(street.labels_XYZ, street.grid, own), street_camera(SIZE_HW), "overcast").astype(int)
    road = picture[-3, 38:42].mean(axis=0)
    assert road[0] > road[1] + 40 and road[2] > road[1] + 40  # magenta


def test_cameras_anywhere_and_grids_without_voxels(street: Scene) -> None:
    for position in ((-30.0, 0.0, 3.0), (10.0, 20.0, 30.0), (11.0, 12.0, 1.0)):  # outside, above, in the house
        picture = shade(street, look_camera(position, 1.2, (8, 12), 0.3, 0.4), "clear")
        assert picture.shape == (8, 12, 3)
    nothing = Scene(np.zeros_like(street.labels_XYZ), street.grid, street.taxonomy)
    assert shade(nothing, street_camera((8, 12)), "rain").std() > 1
