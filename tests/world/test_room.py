"""Rooms are reproducible, soundly furnished and what their attributes say; all is counted anew from the voxels."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.errors import InputError
from occforge.core.taxonomy import NYUV2, UNKNOWN
from occforge.render.raycast import raycast
from occforge.world.room import NYU_FOCAL_PX, ROOM_SKINS, Room, make_room
from occforge.world.room_layout import CAMERA_FREE, FLOOR_Z, POOL, ROOM_GRID, SHELL
from occforge.world.room_raster import PART_NUMBERS, draw_parts

ID = {name: k for k, name in enumerate(NYUV2.names)}
TOUCHING_333 = np.ones((3, 3, 3))
CHECKED = 6
"""Rooms whose voxels are looked at one by one; the rest is only counted."""


@dataclass(frozen=True)
class Counted:
    """What is kept of a room that is not kept whole."""

    digest: str
    count_K: NDArray[np.int64]
    room: Room | None
    attributes: dict[str, str]


@pytest.fixture(scope="module")
def counted() -> list[Counted]:
    out = []
    for seed in range(64):
        room = make_room(seed)
        labels_XYZ = room.scene.labels_XYZ
        count_K = np.bincount(labels_XYZ[::2, ::2, ::2].ravel(), minlength=256)
        out.append(Counted(digest(room), count_K, room if seed < CHECKED else None, room.attributes))
    return out


@pytest.fixture(scope="module")
def rooms(counted: list[Counted]) -> list[Room]:
    return [c.room for c in counted if c.room is not None]


def digest(room: Room) -> str:
    inside = room.scene.labels_XYZ[: room.spec.depth, room.spec.right : room.spec.left]
    return hashlib.sha256(np.ascontiguousarray(inside).tobytes()).hexdigest()


def interior(room: Room) -> NDArray[np.uint8]:
    """The known columns, walls and ceiling included."""
    spec = room.spec
    box = slice(0, spec.depth + SHELL), slice(spec.right - SHELL, spec.left + SHELL), slice(0, spec.ceiling + SHELL)
    return np.ascontiguousarray(room.scene.labels_XYZ[box])


def components(labels_XYZ: NDArray[np.uint8], label: int) -> list[NDArray[np.int64]]:
    """Voxel indices (N, 3) of each connected component of a class."""
    voxel_N3 = np.argwhere(labels_XYZ == label)
    if not len(voxel_N3):
        return []
    low, high = voxel_N3.min(axis=0), voxel_N3.max(axis=0) + 1
    part_XYZ, count = ndimage.label(labels_XYZ[tuple(map(slice, low, high))] == label, TOUCHING_333)
    owner_N = part_XYZ[tuple((voxel_N3 - low).T)]
    return [voxel_N3[owner_N == n] for n in range(1, count + 1)]


def test_same_seed_same_bytes_other_seed_other_room(counted: list[Counted]) -> None:
    again = make_room(5)
    assert digest(again) == counted[5].digest
    np.testing.assert_array_equal(again.skins.labels_XYZ, counted[5].room.skins.labels_XYZ)  # type: ignore[union-attr]
    assert len({c.digest for c in counted}) == len(counted)


def test_all_classes_occur(counted: list[Counted]) -> None:
    total_K = sum(c.count_K for c in counted)
    assert (total_K[: NYUV2.class_count] > 0).all()
    share = dict(zip(NYUV2.names[1:], 100.0 * total_K[1:12] / total_K[1:12].sum(), strict=True))
    bands = {
        "ceiling": (8, 18), "floor": (8, 18), "wall": (14, 30), "window": (1, 4), "chair": (0.5, 4), "bed": (2, 12),
        "sofa": (1, 10), "table": (2, 8), "tvs": (0.02, 1), "furniture": (18, 48), "objects": (4, 20),
    }  # fmt: skip
    assert not {name: share[name] for name, (low, high) in bands.items() if not low <= share[name] <= high}
    assert 0.2 < total_K[UNKNOWN] / total_K.sum() < 0.6


def test_every_value_is_drawn(counted: list[Counted]) -> None:
    drawn = {pair for c in counted for pair in c.attributes.items()}
    assert drawn == {(name, value) for name, values in ROOM_ATTRIBUTES.items() for value in values}


def test_everything_stands_lies_or_hangs(rooms: list[Room]) -> None:
    for room in rooms:
        labels_XYZ = interior(room)
        _, count = ndimage.label(labels_XYZ > 0, TOUCHING_333)
        assert count == 1, "something floats"
        for label in NYUV2.things:
            for voxel_N3 in components(labels_XYZ, label):
                x, y, z = voxel_N3[voxel_N3[:, 2] == voxel_N3[:, 2].min()].T
                rests = bool(np.isin(labels_XYZ[x, y, z - 1], (0, label), invert=True).any())
                assert rests or _hangs(labels_XYZ, voxel_N3), (room.spec.seed, NYUV2.names[label], voxel_N3.min(axis=0))


def _hangs(labels_XYZ: NDArray[np.uint8], voxel_N3: NDArray[np.int64]) -> bool:
    """Whether a component touches a wall, a window, the ceiling, or furniture from the side or from below."""
    for step in ((1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)):
        x, y, z = np.minimum(voxel_N3 + step, np.array(labels_XYZ.shape) - 1).T
        if np.isin(labels_XYZ[x, y, z], (ID["ceiling"], ID["wall"], ID["window"])).any():
            return True
    return False


def test_nothing_intersects_or_is_cut(rooms: list[Room]) -> None:
    """Every piece has all the voxels that it has when it is drawn alone."""
    skin_ids = {name: k for k, name in enumerate(ROOM_SKINS.names)}
    for room in rooms:
        total = 0
        for stood in room.stood:
            alone_XYZ = np.zeros(ROOM_GRID.shape_XYZ, np.uint8)
            row_P12 = np.array(stood.rows(skin_ids), np.float64).reshape(-1, PART_NUMBERS)
            draw_parts(alone_XYZ, np.zeros_like(alone_XYZ), row_P12)
            x0, x1, y0, y1, z0, z1 = (int(v) for v in stood.whole)
            box = slice(x0 - 2, x1 + 3), slice(y0 - 2, y1 + 3), slice(max(z0 - 1, 0), z1 + 2)
            drawn = alone_XYZ[box] > 0
            assert drawn.sum() == np.count_nonzero(alone_XYZ)
            np.testing.assert_array_equal(room.scene.labels_XYZ[box][drawn], alone_XYZ[box][drawn])
            total += int(drawn.sum())
        things = np.isin(room.scene.labels_XYZ, NYUV2.things) & ~_doors(room)
        assert things.sum() == total


def _doors(room: Room) -> NDArray[np.bool_]:
    """Voxels in a door's place in its wall and as far as its frame stands proud."""
    spec, mask_XYZ = room.spec, np.zeros(ROOM_GRID.shape_XYZ, bool)
    for o in spec.openings:
        if o.kind == "door":
            along, up = slice(o.low, o.high), slice(o.bottom, o.top)
            if o.wall == "ahead":
                mask_XYZ[spec.depth - 3 : spec.depth + SHELL, along, up] = True
            elif o.wall == "left":
                mask_XYZ[along, spec.left - 3 : spec.left + SHELL, up] = True
            else:
                mask_XYZ[along, spec.right - SHELL : spec.right + 3, up] = True
    return mask_XYZ


def test_the_camera_is_free_and_sees_the_room(rooms: list[Room]) -> None:
    for room in rooms:
        spec, camera = room.spec, room.camera
        y = int(spec.camera_y)
        assert not room.scene.labels_XYZ[:CAMERA_FREE, y - 20 : y + 20, FLOOR_Z : spec.ceiling].any()
        np.testing.assert_allclose(np.diag(camera.K_33), (NYU_FOCAL_PX, NYU_FOCAL_PX, 1.0))
        x_m, y_m, z_m = camera.grid_from_camera_44[:3, 3]
        assert x_m < 0.2 and abs(y_m) < 1.2 and 1.2 < z_m < 1.75
        forward = camera.grid_from_camera_44[:3, 2]
        assert abs(math.atan2(forward[1], forward[0])) < math.radians(36) and -0.3 < forward[2] < -0.05
        view = raycast(room.scene, camera.resized((24, 32)))
        assert (view.semantic_HW > 0).mean() > 0.99 and view.depth_HW[view.depth_HW > 0].min() > 0.3


def test_outside_is_unknown_and_shell_is_whole(rooms: list[Room]) -> None:
    for room in rooms:
        spec, labels_XYZ = room.spec, room.scene.labels_XYZ
        known_XY = (labels_XYZ != UNKNOWN).all(axis=2)
        assert ((labels_XYZ == UNKNOWN).all(axis=2) ^ known_XY).all()
        assert not known_XY[spec.depth + SHELL :].any() and not known_XY[:, spec.left + SHELL :].any()
        assert (labels_XYZ[known_XY][:, FLOOR_Z - 1] == ID["floor"]).all()
        assert (labels_XYZ[known_XY][:, spec.ceiling] == ID["ceiling"]).all()
        ahead = labels_XYZ[spec.depth, spec.right : spec.left, FLOOR_Z : spec.ceiling]
        assert np.isin(ahead, (ID["wall"], ID["window"], ID["objects"], UNKNOWN)).all()
        np.testing.assert_array_equal(labels_XYZ == UNKNOWN, room.skins.labels_XYZ == UNKNOWN)
        np.testing.assert_array_equal(labels_XYZ == 0, room.skins.labels_XYZ == 0)
        assert spec.depth % POOL == spec.right % POOL == spec.left % POOL == spec.ceiling % POOL == 0


def test_attributes_are_true(rooms: list[Room]) -> None:
    for room in rooms:
        labels_XYZ = interior(room)
        spec, attributes = room.spec, room.attributes
        number = {name: len(components(labels_XYZ, ID[name])) for name in ("bed", "sofa", "table", "chair", "tvs")}
        width = spec.left - spec.right
        window_XYZ = labels_XYZ == ID["window"]
        walls = {
            "left": window_XYZ[: spec.depth - 4, width + SHELL :].any(),
            "right": window_XYZ[: spec.depth - 4, :SHELL].any(),
            "ahead": window_XYZ[spec.depth :].any(),
        }  # fmt: skip
        where = [wall for wall, there in walls.items() if there]
        assert (attributes["bed"], attributes["sofa"]) == tuple(
            "some" if number[n] else "none" for n in ("bed", "sofa")
        )
        assert attributes["tables"] == ("none", "one", "several")[min(number["table"], 2)]
        assert attributes["chairs"] == ("none" if not number["chair"] else "few" if number["chair"] <= 2 else "many")
        assert (attributes["screen"] == "none") == (number["tvs"] == 0)
        assert attributes["window"] == ("none" if not where else where[0] if len(where) == 1 else "several")


def test_chairs_face_tables_beds_and_sofas_have_their_backs_at_walls(counted: list[Counted], rooms: list[Room]) -> None:
    for room in rooms:
        tables = [i for i in room.instances if i.label == ID["table"]]
        for i in room.instances:
            front = np.array([math.cos(i.yaw_rad), math.sin(i.yaw_rad)])
            if i.kind in ("chair", "office-chair"):
                nearest = min(tables, key=lambda t: math.dist(t.centre_m[:2], i.centre_m[:2]))
                toward = np.subtract(nearest.centre_m[:2], i.centre_m[:2])
                assert front @ toward > 0.5 * np.linalg.norm(toward), (room.spec.seed, i)
            if i.label in (ID["bed"], ID["sofa"]):
                assert i.where.endswith(" wall")
            if i.label == ID["sofa"]:
                for tv in (t for t in room.instances if t.kind in ("tv", "wall-tv")):
                    assert front @ np.subtract(tv.centre_m[:2], i.centre_m[:2]) > 0.7


@pytest.mark.parametrize(
    "wishes",
    [
        {"room": "kitchen", "chairs": "many"}, {"bed": "some", "window": "ahead"}, {"sofa": "some", "screen": "tv"},
        {"screen": "monitor", "tables": "several"}, {"light": "evening", "window": "several"}, {"room": "dining-room"},
    ],
)  # fmt: skip
def test_wishes_are_honoured(wishes: dict[str, str]) -> None:
    room = make_room(100, wishes)
    assert wishes.items() <= room.attributes.items()


def test_bad_input_is_explained() -> None:
    with pytest.raises(InputError, match="seed"):
        make_room(-1)
    with pytest.raises(InputError, match="no attribute 'beds'"):
        make_room(0, {"beds": "some"})
    with pytest.raises(InputError, match="bed cannot be 'two'"):
        make_room(0, {"bed": "two"})
    with pytest.raises(InputError, match="no kind of room has room kitchen, bed some"):
        make_room(0, {"room": "kitchen", "bed": "some"})
