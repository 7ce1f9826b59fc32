from dataclasses import replace

import numpy as np
import pytest

from occforge.core.camera import look_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.data._transforms import downsample_scene
from occforge.pipelines.complete_scene import complete_scene, in_sight
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from tiny_world import GRID, scene_of, tiny_composition

SAMPLING = SamplingConfig(background_steps=4, object_steps=4, fusion_steps=3, refine_steps=2, attempts=1)
CAMERA = look_camera((0.2, 0.0, 0.6), 1.4, (16, 48))
WALL = 9


@pytest.fixture(scope="module")
def composition():
    return tiny_composition()


def test_sight_ends_at_the_first_wall():
    grid = GridSpec((10, 9, 9), (1.0, 1.0, 1.0), (0.0, -4.5, -4.5))
    labels = np.zeros(grid.shape_XYZ, np.uint8)
    labels[5], labels[8] = WALL, WALL
    seen = in_sight(Scene(labels, grid, SEMANTIC_KITTI), look_camera((0.5, 0.0, 0.0), 1.0, (32, 32)))
    assert seen[1:6, 4, 4].all() and not seen[6:].any(), "up to the wall and no further"
    assert not seen[1, 0].any() and not seen[0].any(), "beside the picture and behind the camera nothing"
    assert seen[5, 3:6, 3:6].all() and not seen[5, 0].any()


def test_a_hole_shows_what_lies_behind_it():
    grid = GridSpec((10, 9, 9), (1.0, 1.0, 1.0), (0.0, -4.5, -4.5))
    labels = np.zeros(grid.shape_XYZ, np.uint8)
    labels[5], labels[8] = WALL, WALL
    labels[5, 4, 4] = 0
    seen = in_sight(Scene(labels, grid, SEMANTIC_KITTI), look_camera((0.5, 0.0, 0.0), 1.0, (32, 32)))
    assert seen[:, 4, 4][1:9].all() and not seen[9].any() and seen[6:9].sum() < 3 * 9


def test_what_is_seen_stays_and_the_rest_is_drawn(composition):
    scene, levels = downsample_scene(scene_of(0), 2), composition.levels
    made = complete_scene(composition, scene, CAMERA, "trees", 1, SAMPLING)
    assert made.scene.grid == GRID and made.understood
    unseen = np.where(in_sight(scene, CAMERA), scene.labels_XYZ, 255).astype(np.uint8)
    kept = levels.coarse(unseen, (2, 2, 2))
    for grid, given, name in zip((made.background, made.objects), kept, ("background", "objects"), strict=True):
        states = composition.transitions[name].states
        assert 0.05 < (given < states).mean() < 0.95, "some is seen, some is not"
        assert np.array_equal(grid[given < states], given[given < states]) and grid.max() < states
    again = complete_scene(composition, scene, CAMERA, "trees", 1, SAMPLING)
    other = complete_scene(composition, scene, CAMERA, "trees", 2, SAMPLING)
    assert np.array_equal(made.scene.labels_XYZ, again.scene.labels_XYZ)
    free = kept[0] >= composition.transitions["background"].states
    assert not np.array_equal(made.background[free], other.background[free])


def test_what_a_prompt_leaves_open_is_what_the_scene_shows(composition, monkeypatch):
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"left": "open"})
    shown = {"layout": "straight", "left": "buildings", "right": "vegetation", "persons": "many"}
    monkeypatch.setattr("occforge.pipelines.complete_scene.measure", lambda scene: shown)
    made = complete_scene(composition, downsample_scene(scene_of(0), 2), CAMERA, "open on the left", 1, SAMPLING)
    assert made.drawn == {"layout": "straight", "right": "vegetation"}, "nothing is drawn that could contradict it"


def test_grids_of_which_nothing_is_known(composition):
    nothing = composition.levels.coarse(np.full(GRID.shape_XYZ, 255, np.uint8))
    made = generate_scene(composition, "trees", 1, SAMPLING, *nothing)
    assert made.seconds.keys() >= {"background", "objects"} and made.drawn == {}
    for grid, name in zip((made.background, made.objects), ("background", "objects"), strict=True):
        assert grid.max() < composition.transitions[name].states, "all of it is drawn"


def test_pooling_that_is_done_already(composition):
    labels = scene_of(3).labels_XYZ
    pooled = downsample_scene(scene_of(3), 2).labels_XYZ
    assert composition.levels.coarse(pooled, (2, 2, 2))[0].shape == composition.levels.coarse(labels)[0].shape
    with pytest.raises(InputError, match="can no longer be made"):
        composition.levels.coarse(pooled, (3, 2, 2))


def test_scenes_of_another_world(composition):
    scene = downsample_scene(scene_of(0), 2)
    moved = replace(scene, grid=replace(scene.grid, origin_m=(0.0, 0.0, -2.0)))
    other = Scene(np.minimum(scene.labels_XYZ, 10), scene.grid, CARLA_SC)
    for bad in (moved, other):
        with pytest.raises(InputError, match="use two of one world"):
            complete_scene(composition, bad, CAMERA, "", 0, SAMPLING)
