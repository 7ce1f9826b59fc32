from collections import Counter

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.metrics.carriageway import smoothed_share_XY, street_coordinates, trace
from occforge.metrics.prompts import MEASURED, found, load_prompts, measurable, measure, view

ID = {name: SEMANTIC_KITTI.id_of(name) for name in SEMANTIC_KITTI.names}


def blank_street() -> np.ndarray:
    """A straight road of 8 m about y = 0 between parking strips, on open land."""
    labels = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    labels[:, :, 1] = ID["terrain"]
    labels[:, 97:159, 1] = ID["parking"]
    labels[:, 108:148, 1] = ID["road"]
    return labels


def put(labels: np.ndarray, name: str, x: int, y: int, size: tuple[int, int, int]) -> None:
    labels[x : x + size[0], y : y + size[1], 2 : 2 + size[2]] = ID[name]


def measured(labels: np.ndarray) -> dict[str, str]:
    return measure(Scene(labels, STREET_GRID, SEMANTIC_KITTI))


def mirrored(labels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(labels[:, ::-1])


def test_blank_street_has_nothing():
    assert measured(blank_street()) == {
        "layout": "straight", "parked": "none", "traffic": "none", "persons": "none", "left": "open", "right": "open",
        "bicycles": "none", "trucks": "none",
    }  # fmt: skip


def test_cars_on_the_road_and_beside_it():
    labels = blank_street()
    put(labels, "car", 60, 149, (22, 9, 7))
    assert measured(labels)["parked"] == "left" and measured(mirrored(labels))["parked"] == "right"
    assert measured(labels)["traffic"] == "none"
    put(labels, "car", 100, 98, (22, 9, 7))
    put(labels, "car", 100, 115, (22, 9, 7))
    assert measured(labels)["parked"] == "both" and measured(labels)["traffic"] == "few"
    put(labels, "car", 130, 132, (22, 9, 7))
    put(labels, "car", 155, 132, (22, 9, 7))
    assert measured(labels)["traffic"] == "many"
    labels[:, :, 1][np.isin(labels, [ID["car"]]).any(axis=2)] = 0  # generated scenes may lack the ground under cars
    assert measured(labels)["parked"] == "both" and measured(labels)["traffic"] == "many"


def test_touching_cars_count_apart_and_salt_does_not_count():
    labels = blank_street()
    put(labels, "car", 40, 115, (66, 9, 7))
    assert view(Scene(labels, STREET_GRID, SEMANTIC_KITTI)).traffic == 3
    salted = blank_street()
    rng = np.random.default_rng(0)
    hit = rng.random(salted.shape) < 0.002
    salted[hit] = rng.choice(SEMANTIC_KITTI.things, hit.sum())
    assert measured(salted) == measured(blank_street())


def test_persons_are_counted():
    for count, expected in ((1, "few"), (3, "few"), (5, "many")):
        labels = blank_street()
        for n in range(count):
            put(labels, "person", 30 + 20 * n, 100, (2, 3, 8))
        scene = Scene(labels, STREET_GRID, SEMANTIC_KITTI)
        assert view(scene).persons == count and measure(scene)["persons"] == expected
        assert found({"persons": expected}, scene) == {"persons": True}
        assert found({"persons": "none"}, scene) == {"persons": False}


def test_four_persons_are_few_and_many():
    labels = blank_street()
    for n in range(4):
        put(labels, "person", 30 + 20 * n, 100, (2, 3, 8))
    scene = Scene(labels, STREET_GRID, SEMANTIC_KITTI)
    assert found({"persons": "few"}, scene)["persons"] and found({"persons": "many"}, scene)["persons"]


def test_side_streets_make_junctions():
    labels = blank_street()
    labels[120:155, 148:, 1] = ID["road"]
    assert measured(labels)["layout"] == measured(mirrored(labels))["layout"] == "t-junction"
    labels[120:155, :108, 1] = ID["road"]
    assert measured(labels)["layout"] == "crossing"
    labels[155:, :, 1] = ID["terrain"]
    assert measured(labels)["layout"] == "t-junction"  # the street ends where it meets another


@pytest.mark.parametrize("radius_m", [25.0, 45.0])
def test_bends_turn_the_way_they_turn(radius_m):
    x, y = np.meshgrid(np.arange(256) * 0.2, np.arange(256) * 0.2 - 25.5, indexing="ij")
    off_middle = np.where(x < 6, y, radius_m - np.hypot(x - 6, y - radius_m))
    labels = blank_street()
    labels[:, :, 1] = np.where(np.abs(off_middle) < 4, ID["road"], ID["terrain"])
    assert measured(labels)["layout"] == "left-curve"
    assert measured(mirrored(labels))["layout"] == "right-curve"
    flag_XY = (labels == ID["road"]).any(axis=2)
    road = trace(smoothed_share_XY(flag_XY, 2) >= 0.5, STREET_GRID)
    assert road is not None and road.half_width_m == pytest.approx(4.0, abs=0.2)
    _, d_XY = street_coordinates(road, STREET_GRID)
    near = flag_XY & (x < 40)
    assert np.abs(d_XY - off_middle)[near].mean() < 0.4


def test_sides_are_what_lines_the_street():
    labels = blank_street()
    for x in range(0, 250, 60):
        put(labels, "building", x, 175, (50, 40, 20))
        put(labels, "vegetation", x, 60, (40, 20, 10))
    assert (measured(labels)["left"], measured(labels)["right"]) == ("buildings", "vegetation")
    assert (measured(mirrored(labels))["left"], measured(mirrored(labels))["right"]) == ("vegetation", "buildings")


def test_bicycles_and_trucks():
    labels = blank_street()
    put(labels, "bicyclist", 60, 120, (9, 2, 8))
    put(labels, "other-vehicle", 120, 120, (40, 12, 14))
    assert measured(labels)["bicycles"] == measured(labels)["trucks"] == "some"


def test_smoothed_share_is_a_plain_mean():
    flag = np.random.default_rng(0).random((9, 7)) < 0.5
    share = smoothed_share_XY(flag, 2)
    for i in range(9):
        for j in range(7):
            window = flag[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
            assert share[i, j] == pytest.approx(window.mean())


def test_without_a_road_no_layout_is_found():
    nothing = Scene(np.zeros(STREET_GRID.shape_XYZ, np.uint8), STREET_GRID, SEMANTIC_KITTI)
    asked = {"layout": "straight", "left": "open", "persons": "none"}
    assert found(asked, nothing) == {"layout": False, "left": False, "persons": True}


def test_border_errors():
    scene = Scene(blank_street(), STREET_GRID, SEMANTIC_KITTI)
    with pytest.raises(InputError, match="weather cannot be seen"):
        found({"weather": "rain"}, scene)
    with pytest.raises(InputError, match="persons=several"):
        measurable({"persons": "several"})
    with pytest.raises(InputError, match="no class"):
        measure(Scene(np.zeros(STREET_GRID.shape_XYZ, np.uint8), STREET_GRID, CARLA_SC))
    with pytest.raises(InputError, match="split"):
        load_prompts("train")


def test_packaged_prompts_cover_every_value_and_do_not_overlap():
    test, dev = load_prompts("test"), load_prompts("dev")
    assert (len(test), len(dev)) == (128, 648)
    assert len({p.text.lower() for p in test + dev}) == 776
    for split in (test, dev):
        named = Counter((name, value) for p in split for name, value in p.asks.items())
        for p in split:
            assert 1 <= len(p.asks) <= 4 and all(value in ATTRIBUTES[name] for name, value in p.asks.items())
        assert all(named[name, value] for name, values in ATTRIBUTES.items() for value in values)


def test_measured_attributes_are_the_worlds():
    """In full scenes, and nearly always in their coarse grids, by which drafts are judged."""
    world = pytest.importorskip("occforge.world.street")
    seeds = range(40)
    agree: Counter[str] = Counter()
    coarse: Counter[str] = Counter()
    wrong = []
    levels = Levels(CompositionConfig(), STREET_GRID, SEMANTIC_KITTI)
    for seed in seeds:
        street = world.make_street(seed)
        values = measure(street.scene)
        coarse_grids = levels.coarse(street.scene.labels_XYZ)
        for name in MEASURED:
            agree[name] += values[name] == street.attributes[name]
            if values[name] != street.attributes[name]:
                wrong.append((seed, name, street.attributes[name], values[name]))
        asked = {name: street.attributes[name] for name in MEASURED}
        coarse.update(name for name, seen in found(asked, levels.coarse_scene(*coarse_grids)).items() if seen)
    assert all(agree[name] >= 0.95 * len(seeds) for name in MEASURED), wrong
    assert all(coarse[name] >= 0.85 * len(seeds) for name in MEASURED), coarse
