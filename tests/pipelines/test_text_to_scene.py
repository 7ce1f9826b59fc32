from dataclasses import replace

import numpy as np
import pytest
import torch

from occforge.cli.compose import KEPT
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.discrete.request import RequestPrior
from occforge.discrete.sample import Planning
from occforge.pipelines import text_to_scene
from occforge.pipelines.compose_scene import compose_scene, stood_on
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene, step_count
from tiny_world import GRID, scene_of, tiny_composition

SAMPLING = SamplingConfig(background_steps=4, object_steps=4, fusion_steps=3, refine_steps=2)


@pytest.fixture(scope="module")
def composition():
    return tiny_composition()


def test_a_prompt_and_a_seed_are_a_scene(composition):
    ticks = []
    one = generate_scene(composition, "cars on the left", 3, SAMPLING, progress=lambda: ticks.append(1))
    two = generate_scene(composition, "cars on the left", 3, SAMPLING)
    assert len(ticks) == step_count(composition, SAMPLING) == 25
    assert one.scene.grid == GRID and one.scene.taxonomy == SEMANTIC_KITTI and one.scene.labels_XYZ.max() < 20
    assert one.scene.labels_XYZ.tobytes() == two.scene.labels_XYZ.tobytes() and one.understood == two.understood
    assert not np.array_equal(
        one.scene.labels_XYZ, generate_scene(composition, "cars on the left", 4, SAMPLING).scene.labels_XYZ
    )
    assert one.seconds.keys() == {"background", "objects", "fusion", "refine"}


def test_the_state_of_global_generators_does_not_matter(composition):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    one = generate_scene(composition, "cars", 3, SAMPLING)
    torch.manual_seed(2)
    two = generate_scene(composition, "cars", 3, SAMPLING)
    assert np.array_equal(one.scene.labels_XYZ, two.scene.labels_XYZ)


def test_only_the_background_is_planned(composition, monkeypatch):
    seen, sample = [], text_to_scene.sample

    def watch(*args, planning=None, **kwargs):
        seen.append(planning)
        return sample(*args, planning=planning, **kwargs)

    monkeypatch.setattr(text_to_scene, "sample", watch)
    generate_scene(composition, "", 3, replace(SAMPLING, background_planning=Planning(0.3), attempts=1))
    assert seen == [Planning(0.3), None, None, None]


def test_the_empty_prompt_asks_for_nothing(composition):
    made = generate_scene(composition, "", 0, SAMPLING)
    assert made.understood == {} and made.scene.labels_XYZ.any()


def test_what_a_prompt_leaves_open_is_drawn(composition, monkeypatch):
    monkeypatch.setattr(composition, "request_prior", RequestPrior({"layout": (0.0, 0.0, 0.0, 0.0, 1.0)}))
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"parked": "left"})
    made = generate_scene(composition, "cars on the left", 3, SAMPLING)
    assert made.understood == {"parked": "left"} and made.drawn == {"layout": "crossing"}
    same = generate_scene(composition, "", 3, SAMPLING)
    assert same.drawn == {"layout": "crossing"}, "an empty prompt leaves everything open"
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"layout": "straight"})
    assert generate_scene(composition, "straight", 3, SAMPLING).drawn == {}
    kept = compose_scene(composition, scene_of(0), "background", "trees", 1, SAMPLING)
    assert kept.drawn == {}, "the kept background has decided already"


def test_a_grid_is_drawn_again_until_it_shows_what_is_asked(composition, monkeypatch):
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"left": "buildings", "persons": "many"})
    seen = []

    def answers(*draws: dict[str, bool]):
        """The given answers, one a look, and after them whatever the last one was."""
        left = list(draws)
        seen.clear()

        def found(asked, scene):
            seen.append((set(asked), scene.grid))
            answer = left.pop(0) if len(left) > 1 else left[0]
            return {name: answer[name] for name in asked}

        monkeypatch.setattr(text_to_scene, "found", found)

    def make(attempts):
        ticks = []
        made = generate_scene(
            composition, "x", 3, replace(SAMPLING, attempts=attempts), progress=lambda: ticks.append(1)
        )
        assert len(ticks) == step_count(composition, SAMPLING), "the bar counts one draw of each stage"
        return made

    yes, no = {"left": True, "persons": True}, {"left": False, "persons": False}
    answers(yes)
    first = make(4)
    levels = composition.levels
    assert [names for names, _ in seen] == [{"left"}, {"persons"}, {"left", "persons"}]
    assert [grid for _, grid in seen] == [levels.background_grid, levels.object_grid, levels.grid]
    assert first.attempts == {"background": 1, "objects": 1} and first.missing == ()
    answers(no)
    plain = make(1)
    assert plain.attempts == {"background": 1, "objects": 1} and plain.missing == ("left", "persons")
    assert np.array_equal(plain.scene.labels_XYZ, first.scene.labels_XYZ), "looking changes nothing"
    answers(no, no, yes)
    third = make(4)
    assert third.attempts == {"background": 3, "objects": 1} and third.missing == ()
    assert not np.array_equal(third.background, first.background)
    answers(no)
    never = make(3)
    assert never.attempts == {"background": 3, "objects": 3} and never.missing == ("left", "persons")
    assert np.array_equal(never.background, first.background), "of equally bad draws the first"
    answers(yes, no, yes, no)
    assert make(4).missing == ("left", "persons"), "the finished scene has the last word"
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"weather": "rain"})
    answers(no)
    assert make(4).attempts == {"background": 1, "objects": 1} and not seen, "nothing was asked that voxels show"
    prior = RequestPrior({"persons": (0.0, 0.0, 1.0), "left": (1.0, 0.0, 0.0)})
    monkeypatch.setattr(composition, "request_prior", prior)
    monkeypatch.setattr(composition.text, "understood", lambda prompt: {"right": "open"})
    drawn, named = {"left": True, "right": False}, {"left": False, "right": True, "persons": False}
    answers(named, drawn, named)
    both = make(3)
    assert seen[0][0] == {"left", "right"}, "what was drawn counts for the background"
    assert both.attempts == {"background": 3, "objects": 1}, "and not for objects"
    answers(named)
    assert make(3).missing == (), "only what the prompt names is said to be missing"
    assert np.array_equal(both.background, make(1).background), "and what it names comes first"


@pytest.mark.parametrize("keep", ["background", "objects", "both"])
def test_kept_parts_stay(composition, keep):
    scene = scene_of(0)
    background, objects = composition.levels.coarse(scene.labels_XYZ)
    ticks: list[None] = []
    made = compose_scene(composition, scene, keep, "trees", 1, SAMPLING, lambda: ticks.append(None))
    assert len(ticks) == step_count(composition, SAMPLING, KEPT[keep])
    assert np.array_equal(made.background, background) == (keep != "objects")
    assert np.array_equal(made.objects, objects) == (keep != "background")
    assert ("background" in made.seconds) == (keep == "objects")
    if keep == "objects":
        stood = stood_on(composition.levels, background, objects)
        known = stood < composition.levels.alphabets["background"].states
        assert known.any() and not known.all(), "the tiny scene has objects, and a street between them"
        assert np.array_equal(made.background[known], background[known]), "what they stand on stays"


def test_scenes_of_another_generator(composition):
    labels = scene_of(0).labels_XYZ
    moved = Scene(labels, GridSpec(GRID.shape_XYZ, (0.2,) * 3, GRID.origin_m), SEMANTIC_KITTI)
    other = Scene(np.minimum(labels, 10), GRID, CARLA_SC)
    for scene in (moved, other):
        with pytest.raises(InputError, match="use a scene that this generator made"):
            compose_scene(composition, scene, "both", "trees", 1, SAMPLING)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"background_steps": 0}, "--background-steps"),
        ({"refine_steps": -1}, "--refine-steps"),
        ({"refine_sweeps": -1}, "--refine-sweeps"),
        ({"fusion_sweeps": -1}, "--fusion-sweeps"),
        ({"guidance": float("nan")}, "--guidance"),
        ({"guidance": float("inf")}, "--guidance"),
    ],
)
def test_settings_that_cannot_be(change, says):
    with pytest.raises(InputError, match=says):
        replace(SAMPLING, **change)


def test_seeds_and_prompts_that_cannot_be(composition):
    with pytest.raises(InputError, match="--seed"):
        generate_scene(composition, "cars", -1, SAMPLING)
    with pytest.raises(InputError, match="prompt"):
        generate_scene(composition, "car " * 65, 1, SAMPLING)
    with pytest.raises(InputError, match="prompt"):
        generate_scene(composition, "   ", 1, SAMPLING)
