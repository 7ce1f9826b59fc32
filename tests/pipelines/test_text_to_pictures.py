"""Pictures of a known occupancy, and pictures and occupancy together, by networks without training."""

from dataclasses import replace

import numpy as np
import pytest

from occforge.core.camera import CameraPath, drive_path, look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.latent.painting_config import PaintingConfig
from occforge.perception.monoscene import build
from occforge.pipelines.text_to_pictures import asked_for, imagine, paint_scene, pooled_to
from tiny_pictures import tiny_generator, tiny_reader

GRID = STREET_GRID.pooled((8, 8, 8))
SIZE_HW = (16, 48)
PAINTING = PaintingConfig(steps=3, perceive_every=1, perceive_below=1.0)
PATH = drive_path(street_camera(SIZE_HW), 2)


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(GRID, SIZE_HW)


@pytest.fixture(scope="module")
def perception():
    return tiny_reader(GRID, SIZE_HW)


def asked(request: dict[str, str]):
    return asked_for("a street", request)


def street(seed: int = 0) -> Scene:
    labels = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    labels[:, :, :2] = 9
    rng = np.random.default_rng(seed)
    for _ in range(6):
        x, y = rng.integers(60, 200), rng.integers(60, 190)
        labels[x : x + 30, y : y + 16, 2:20] = 13
    return Scene(labels, STREET_GRID, SEMANTIC_KITTI)


def test_a_seed_paints_the_same_bytes_and_scene_request_and_seed_matter(generator):
    first = paint_scene(generator, street(), PATH, asked({"weather": "fog"}), 3, PAINTING)
    assert first.shape == (2, *SIZE_HW, 3) and first.dtype == np.uint8
    assert np.array_equal(first, paint_scene(generator, street(), PATH, asked({"weather": "fog"}), 3, PAINTING))
    others = (
        paint_scene(generator, street(1), PATH, asked({"weather": "fog"}), 3, PAINTING),
        paint_scene(generator, street(), PATH, asked({"weather": "rain"}), 3, PAINTING),
        paint_scene(generator, street(), PATH, asked({"weather": "fog"}), 4, PAINTING),
    )
    assert not any(np.array_equal(first, other) for other in others)


def test_guidance_of_nothing_changes_nothing(generator):
    guided = replace(PAINTING, guidance=3.0)
    plain = paint_scene(generator, street(), PATH, asked({}), 3, PAINTING)
    assert np.abs(paint_scene(generator, street(), PATH, asked({}), 3, guided).astype(int) - plain).max() <= 1
    assert not np.array_equal(plain, paint_scene(generator, street(), PATH, asked({"weather": "fog"}), 3, guided))


def test_pictures_and_occupancy_come_together_and_the_occupancy_is_what_the_last_picture_shows(generator, perception):
    made = imagine(generator, perception, PATH, asked({"weather": "fog"}), 5, PAINTING)
    again = imagine(generator, perception, PATH, asked({"weather": "fog"}), 5, PAINTING)
    assert np.array_equal(made.images_NHW3, again.images_NHW3)
    assert np.array_equal(made.scene.labels_XYZ, again.scene.labels_XYZ)
    assert made.images_NHW3.shape == (2, *SIZE_HW, 3) and made.scene.grid == GRID
    from occforge.pipelines.perceive import perceive

    read = perceive(perception, made.images_NHW3[0], PATH.cameras[0]).scene.labels_XYZ
    assert (read == made.scene.labels_XYZ).mean() > 0.9  # the picture is rounded to bytes in between
    less = imagine(generator, perception, PATH, asked({"weather": "fog"}), 5, replace(PAINTING, perceive_every=3))
    assert not np.array_equal(less.images_NHW3, made.images_NHW3)  # what is read conditions what follows


def test_scenes_are_pooled_to_the_generators_voxels():
    assert pooled_to(street(), GRID).grid == GRID
    scene = street()
    assert pooled_to(scene, STREET_GRID) is scene
    moved = Scene(street().labels_XYZ, replace(STREET_GRID, origin_m=(1.0, 0.0, 0.0)), SEMANTIC_KITTI)
    with pytest.raises(InputError, match="expected a scene whose voxels"):
        pooled_to(moved, GRID)


def test_what_does_not_fit_is_refused_in_a_line(generator, perception):
    far = CameraPath((look_camera((60.0, 0.0, 0.0), 1.4, SIZE_HW),))
    large = drive_path(street_camera(), 1)
    blind = replace(PAINTING, perceive_every=0)
    other = replace(perception, network=build(perception.network.config, GRID, CARLA_SC))
    cases = [
        ("outside the grid", lambda: paint_scene(generator, street(), far, asked({}), 0, PAINTING)),
        ("the generator paints", lambda: paint_scene(generator, street(), large, asked({}), 0, PAINTING)),
        ("no occupancy would be read", lambda: imagine(generator, perception, PATH, asked({}), 0, blind)),
        ("two of one world", lambda: imagine(generator, other, PATH, asked({}), 0, PAINTING)),
    ]
    for message, call in cases:
        with pytest.raises(InputError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
