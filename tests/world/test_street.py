"""Streets are reproducible, solid, and what their attributes say; everything is counted anew from the voxels."""

import hashlib
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.world.street import Instance, Street, make_street

ID = {name: k for k, name in enumerate(SEMANTIC_KITTI.names)}
GROUND = [ID[name] for name in ("road", "parking", "sidewalk", "other-ground", "terrain")]
TOUCHING_333 = np.ones((3, 3, 3))


@pytest.fixture(scope="module")
def streets() -> list[Street]:
    return [make_street(seed) for seed in range(40)]


def digest(street: Street) -> str:
    return hashlib.sha256(street.scene.labels_XYZ.tobytes()).hexdigest()


def components(labels_XYZ: NDArray[np.uint8], label: int) -> list[NDArray[np.int64]]:
    """Voxel indices (N, 3) of each connected component of a class."""
    voxel_N3 = np.stack(np.unravel_index(np.flatnonzero(labels_XYZ == label), labels_XYZ.shape), axis=1)
    if not len(voxel_N3):
        return []
    low, high = voxel_N3.min(axis=0), voxel_N3.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    component_XYZ, count = ndimage.label(labels_XYZ[box] == label, TOUCHING_333)
    owner_N = component_XYZ[tuple((voxel_N3 - low).T)]
    return [voxel_N3[owner_N == n] for n in range(1, count + 1)]


def below(labels_XYZ: NDArray[np.uint8], voxel_N3: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Labels right below the voxels of a component."""
    x, y, z = voxel_N3[voxel_N3[:, 2] > 0].T
    return labels_XYZ[x, y, z - 1]


def across_XY_m(street: Street) -> NDArray[np.float64]:
    """Distance of each column from the middle of the carriageway, left positive."""
    spec = street.spec
    x, y = (axis * 0.2 + 0.1 for axis in np.mgrid[0:256, 0:256])
    y = y - 25.6 - spec.middle_y_m
    if spec.curvature_per_m == 0.0:
        return y
    radius = 1.0 / spec.curvature_per_m
    bent = radius - math.copysign(1.0, radius) * np.hypot(x - spec.lead_m, radius - y)
    return np.where(x < spec.lead_m, y, bent)


def test_same_seed_same_bytes() -> None:
    assert digest(make_street(7)) == digest(make_street(7))
    code = (
        "import hashlib; from occforge.world.street import make_street; "
        "print(hashlib.sha256(make_street(7).scene.labels_XYZ.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(make_street(7))


def test_seeds_differ(streets: list[Street]) -> None:
    assert len({digest(street) for street in streets}) == len(streets)


def test_all_classes_occur_with_shares_like_real_frames(streets: list[Street]) -> None:
    total_K = sum(np.bincount(s.scene.labels_XYZ.ravel(), minlength=20) for s in streets).astype(float)
    assert (total_K > 0).all()
    share = dict(zip(SEMANTIC_KITTI.names, 100.0 * total_K / total_K[1:].sum(), strict=True))
    bands = {
        "road": (8, 26), "sidewalk": (4, 12), "parking": (1, 4), "terrain": (9, 27), "vegetation": (24, 40),
        "building": (7, 20), "fence": (1.5, 4), "car": (2.5, 6), "trunk": (0.4, 1.0), "pole": (0.08, 0.7),
        "traffic-sign": (0.01, 0.2), "person": (0.04, 0.2), "bicycle": (0.01, 0.1), "other-ground": (0.5, 2),
    }  # fmt: skip
    outside = {name: share[name] for name, (low, high) in bands.items() if not low <= share[name] <= high}
    assert not outside
    assert 0.06 <= total_K[1:].sum() / total_K.sum() <= 0.09
    assert 0.91 <= total_K[list(SEMANTIC_KITTI.background)].sum() / total_K[1:].sum() <= 0.96


def test_objects_are_separate_and_stand_on_the_ground(streets: list[Street]) -> None:
    for street in streets[:16]:
        labels_XYZ = street.scene.labels_XYZ
        for label in SEMANTIC_KITTI.things:
            found = components(labels_XYZ, label)
            owners = (label, ID["traffic-sign"]) if label == ID["pole"] else (label,)
            assert len(found) == sum(i.label in owners for i in street.instances), SEMANTIC_KITTI.names[label]
            base = [ID["pole"]] if label == ID["traffic-sign"] else GROUND
            for voxel_N3 in found:
                assert np.isin(below(labels_XYZ, voxel_N3), base).any()
                cut = voxel_N3[:, 2].max() == labels_XYZ.shape[2] - 1
                assert label == ID["trunk"] or not cut, SEMANTIC_KITTI.names[label]


def test_nothing_floats_and_the_ground_has_no_hole(streets: list[Street]) -> None:
    for street in streets[:16]:
        labels_XYZ = street.scene.labels_XYZ
        _, count = ndimage.label(labels_XYZ > 0, TOUCHING_333)
        assert count == 1
        # Every column holds ground, or is a building with a roof: the world is closed from above.
        closed_XY = np.isin(labels_XYZ, [*GROUND, ID["building"]]).any(axis=2)
        assert closed_XY.all()
        ground_XYZ = np.isin(labels_XYZ, GROUND)
        level_XY = np.where(ground_XYZ.any(axis=2), ground_XYZ.argmax(axis=2), -1)
        top_XY = 31 - ground_XYZ[:, :, ::-1].argmax(axis=2)
        for a, b, top in (
            (level_XY[1:], level_XY[:-1], top_XY[:-1]),
            (level_XY[:-1], level_XY[1:], top_XY[1:]),
            (level_XY[:, 1:], level_XY[:, :-1], top_XY[:, :-1]),
            (level_XY[:, :-1], level_XY[:, 1:], top_XY[:, 1:]),
        ):
            both = (a >= 0) & (b >= 0)
            assert (a[both] <= top[both] + 1).all()


def test_own_lane_is_free_and_the_road_lies_below_the_sensor(streets: list[Street]) -> None:
    for street in streets:
        labels_XYZ = street.scene.labels_XYZ
        assert not labels_XYZ[:30, 124:132, 3:10].any()
        assert (labels_XYZ[:15, 128, 1] == ID["road"]).all()


def corners_43(instance: Instance) -> NDArray[np.float64]:
    length, width, _ = instance.size_m
    c, s = math.cos(instance.yaw_rad), math.sin(instance.yaw_rad)
    local = 0.5 * np.array([[length, width], [-length, width], [-length, -width], [length, -width]])
    return local @ np.array([[c, s], [-s, c]]) + instance.centre_m[:2]


def overlap(a: Instance, b: Instance) -> bool:
    """Whether two footprints share ground: no side of either separates them."""
    p, q = corners_43(a), corners_43(b)
    for edge in (p[1] - p[0], p[2] - p[1], q[1] - q[0], q[2] - q[1]):
        u, v = p @ edge, q @ edge
        if u.max() <= v.min() or v.max() <= u.min():
            return False
    return True


def test_footprints_do_not_overlap(streets: list[Street]) -> None:
    for street in streets:
        for a, b in itertools.combinations(street.instances, 2):
            if math.dist(a.centre_m[:2], b.centre_m[:2]) < 12.0:
                assert not overlap(a, b), (a, b)


def counted(street: Street) -> dict[str, str]:
    """The attributes as the voxels show them."""
    labels_XYZ = street.scene.labels_XYZ
    d_XY = across_XY_m(street)
    number = {name: len(components(labels_XYZ, k)) for k, name in enumerate(SEMANTIC_KITTI.names) if k in range(1, 9)}
    moving, sides = 0, set()
    for voxel_N3 in components(labels_XYZ, ID["car"]):
        under = below(labels_XYZ, voxel_N3)
        if (under == ID["parking"]).sum() > (under == ID["road"]).sum():
            sides.add("left" if d_XY[voxel_N3[:, 0], voxel_N3[:, 1]].mean() > 0 else "right")
        else:
            moving += 1
    persons = number["person"]
    attributes = {
        "parked": "both" if len(sides) == 2 else sides.pop() if sides else "none",
        "traffic": "none" if moving == 0 else "few" if moving < 3 else "many",
        "persons": "none" if persons == 0 else "few" if persons < 4 else "many" if persons > 4 else "four",
        "bicycles": "some" if number["bicycle"] + number["bicyclist"] else "none",
        "trucks": "some" if number["truck"] + number["other-vehicle"] else "none",
    }
    for side, sign in (("left", 1), ("right", -1)):
        there = labels_XYZ[d_XY * sign > 0]
        buildings, plants = (there == ID["building"]).sum(), (there == ID["vegetation"]).sum()
        attributes[side] = "buildings" if buildings > 8000 else "vegetation" if plants > 8000 else "open"
        assert attributes[side] == "buildings" or buildings == 0
        assert attributes[side] != "open" or plants < 3000
    road_XY = (labels_XYZ == ID["road"]).any(axis=2)
    spec = street.spec
    arms = [(road_XY & (d_XY * sign > spec.half_width_m + 5.5)).sum() > 200 for sign in (1, -1)]
    near, far = (np.flatnonzero(road_XY[x : x + 5].any(axis=0)).mean() for x in (5, 128))
    if any(arms):
        attributes["layout"] = "crossing" if all(arms) else "t-junction"
    else:
        attributes["layout"] = "straight" if abs(far - near) < 3 else "left-curve" if far > near else "right-curve"
    return attributes


def test_attributes_are_true(streets: list[Street]) -> None:
    for street in streets[:16]:
        assert counted(street) | {"weather": street.weather} == street.attributes, street.spec.seed


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in ATTRIBUTES.items() for v in values])
def test_wishes_are_honoured(name: str, value: str) -> None:
    for seed in (100, 101):
        street = make_street(seed, {name: value})
        assert street.attributes[name] == value
        if name != "weather" and seed == 100:
            assert counted(street)[name] == value


def test_hard_wishes_have_room() -> None:
    wishes = {"parked": "both", "traffic": "many", "persons": "many", "bicycles": "some", "trucks": "some"}
    for layout, sides, seed in itertools.product(ATTRIBUTES["layout"], ATTRIBUTES["left"], (200, 201)):
        wanted = wishes | {"layout": layout, "left": sides, "right": sides, "weather": "fog"}
        assert make_street(seed, wanted).attributes == wanted


def test_every_value_is_frequent() -> None:
    drawn = [make_street(seed).attributes for seed in range(300, 370)]
    for name, values in ATTRIBUTES.items():
        for value in values:
            assert sum(a[name] == value for a in drawn) >= 0.06 * len(drawn), (name, value)


def test_taller_grid_holds_the_same_street() -> None:
    tall = GridSpec((256, 256, 48), STREET_GRID.voxel_m, STREET_GRID.origin_m)
    assert make_street(3, grid=tall).scene.labels_XYZ.shape == (256, 256, 48)


def test_bad_input_is_explained() -> None:
    with pytest.raises(InputError, match="seed"):
        make_street(-1)
    with pytest.raises(InputError, match="no attribute 'cars'"):
        make_street(0, {"cars": "many"})
    with pytest.raises(InputError, match="persons cannot be 'four'"):
        make_street(0, {"persons": "four"})
    with pytest.raises(InputError, match="pool it"):
        make_street(0, grid=STREET_GRID.pooled((2, 2, 2)))
