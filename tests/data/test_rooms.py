"""Rooms as a dataset: coarse is pooled fine, pictures match, and the export is what NYUv2's reader reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.taxonomy import NYUV2, UNKNOWN
from occforge.data import Sample, export, nyuv2, open_dataset, procedural, rooms
from occforge.data._transforms import downsample
from occforge.data.export import export_world
from occforge.data.rooms import Rooms, make_room_sample
from occforge.render.raycast import raycast
from occforge.world.room import NYU_SIZE_HW, make_room
from occforge.world.room_layout import ROOM_GRID


def test_rooms_are_a_dataset() -> None:
    dataset = open_dataset("rooms", None, "val", images=False)
    first, again = dataset[0], Rooms(procedural.VAL_FIRST_SEED, 1)[0]
    np.testing.assert_array_equal(first.scene.labels_XYZ, again.scene.labels_XYZ)
    assert first.scene.grid == dataset.grid and dataset.grid.shape_XYZ == (60, 60, 36) and dataset.taxonomy == NYUV2
    assert first.caption == again.caption and first.mentioned == again.mentioned and first.name == "2000000000"
    assert first.image_HW3 is None and first.camera is None and first.depth_HW_m is None
    assert dataset.grid == nyuv2.GRIDS["coarse"] and nyuv2.GRIDS["fine"] == ROOM_GRID
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    with pytest.raises(InputError, match="rooms split: expected one of train, val, test"):
        open_dataset("rooms", None, "dev")
    with pytest.raises(InputError, match="expected resolution coarse or fine"):
        Rooms(0, 1, resolution="medium")  # type: ignore[arg-type]


def test_coarse_is_pooled_fine() -> None:
    fine, coarse = (Rooms(11, 1, resolution=resolution)[0].scene for resolution in ("fine", "coarse"))
    assert fine.grid == ROOM_GRID
    np.testing.assert_array_equal(downsample(fine.labels_XYZ, 4), coarse.labels_XYZ)
    # Floor and walls stay one coarse voxel thick: the room's planes lie on coarse faces.
    spec = make_room(11).spec
    known_XY = coarse.labels_XYZ[:, :, 4] != UNKNOWN
    assert (coarse.labels_XYZ[known_XY][:, 0] == NYUV2.id_of("floor")).all()
    assert (coarse.labels_XYZ[: spec.depth // 4, spec.left // 4, 5] != UNKNOWN).all()
    assert (coarse.labels_XYZ[:, spec.left // 4 + 1 :] == UNKNOWN).all()


def test_pictures_and_depth_are_the_cameras() -> None:
    sample = make_room_sample(2, (24, 32))
    assert sample.image_HW3 is not None and sample.image_HW3.shape == (24, 32, 3) and sample.image_HW3.std() > 10
    assert sample.camera is not None and sample.depth_HW_m is not None
    room = make_room(2)
    np.testing.assert_array_equal(sample.depth_HW_m, raycast(room.scene, room.camera.resized((24, 32))).depth_HW)
    again = make_room_sample(2, (24, 32))
    np.testing.assert_array_equal(sample.image_HW3, again.image_HW3)


def plain_room(seed: int, size_HW: tuple[int, int] | None, resolution: str) -> Sample:
    """The room without its picture's light: grey, as deep as it is."""
    room = make_room(seed)
    depth_HW_m = raycast(room.scene, room.camera).depth_HW
    image_HW3 = np.full((*NYU_SIZE_HW, 3), 90 + seed % 100, np.uint8)
    return Sample(room.scene, image_HW3, room.camera, f"room {seed}", {"room": "office"}, f"{seed}", depth_HW_m)


def test_export_is_what_its_reader_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(seed: int, size_HW: tuple[int, int] | None, resolution: rooms.Resolution) -> Sample:
        made.append(seed)
        return plain_room(seed, size_HW, resolution)

    monkeypatch.setattr(export, "make_room_sample", make)
    folder = export_world(tmp_path, "nyuv2", 2, first_seed=4, sequence="test")
    dataset = nyuv2.NyuV2(tmp_path, "test", resolution="fine")
    assert len(dataset) == 2 and dataset.grid == ROOM_GRID
    room = make_room(5)
    sample = dataset[1]
    np.testing.assert_array_equal(sample.scene.labels_XYZ, room.scene.labels_XYZ)
    assert sample.camera is not None and sample.depth_HW_m is not None and sample.image_HW3 is not None
    np.testing.assert_allclose(sample.camera.camera_from_grid_44, room.camera.camera_from_grid_44, atol=1e-5)
    np.testing.assert_allclose(sample.camera.K_33, room.camera.K_33)
    np.testing.assert_allclose(sample.depth_HW_m, raycast(room.scene, room.camera).depth_HW, atol=6e-4)
    assert (
        sample.caption == "room 5" and json.loads((folder / "captions" / "NYU0001_0000.json").read_text())["seed"] == 5
    )
    assert (folder / "captions.txt").read_text().splitlines()[0] == "NYU0000_0000\troom 4"
    (folder / "NYU0001_0000.bin").unlink()
    export_world(tmp_path, "nyuv2", 2, first_seed=4, sequence="test")
    assert made == [4, 5, 5]


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    for arguments, message in [
        ({"sequence": "val"}, "expected NYUv2's split train or test, got 'val'"),
        ({"images": False}, "frames have pictures"),
        ({"size_HW": (24, 32)}, "frames have pictures"),
        ({"count": 10_001}, "at most 10000 frames"),
    ]:
        with pytest.raises(InputError, match=message):
            export_world(tmp_path, "nyuv2", **{"count": 1, **arguments})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
