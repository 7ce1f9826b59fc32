import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI

sizes = st.tuples(*[st.integers(1, 64)] * 3)
lengths = st.tuples(*[st.floats(0.05, 4.0)] * 3)
places = st.tuples(*[st.floats(-100.0, 100.0)] * 3)
grids = st.builds(GridSpec, sizes, lengths, places)


def a_scene(taxonomy=SEMANTIC_KITTI):
    labels = np.random.default_rng(0).integers(0, taxonomy.class_count, (6, 4, 2)).astype(np.uint8)
    labels[0, 0, 0] = 255
    return Scene(labels, GridSpec((6, 4, 2), (0.2, 0.3, 0.4), (1.0, -2.0, 0.5)), taxonomy)


@given(grids, st.lists(places, min_size=1, max_size=5))
def test_metres_and_indices_are_inverse(grid, points):
    points = np.array(points)
    assert np.allclose(grid.metres_from_index(grid.index_from_metres(points)), points, atol=1e-9)


@given(grids)
def test_corners_of_the_box(grid):
    low, high = grid.metres_from_index(np.array([[0, 0, 0], grid.shape_XYZ]))
    assert np.allclose(low, grid.origin_m)
    assert np.allclose(high - low, grid.extent_m)


@given(sizes, sizes.map(lambda f: tuple(min(n, 5) for n in f)), lengths, places)
def test_pooling_keeps_the_box(shape, factor, voxel, origin):
    grid = GridSpec(tuple(n * f for n, f in zip(shape, factor, strict=True)), voxel, origin)
    pooled = grid.pooled(factor)
    assert pooled.shape_XYZ == shape and pooled.origin_m == grid.origin_m
    assert np.allclose(pooled.extent_m, grid.extent_m)


def test_pooling_that_does_not_divide():
    with pytest.raises(InputError, match="does not divide"):
        STREET_GRID.pooled((3, 2, 2))


@pytest.mark.parametrize(
    ("shape", "voxel", "origin"),
    [
        ((0, 4, 4), (0.2,) * 3, (0.0,) * 3),
        ((4, 4), (0.2,) * 3, (0.0,) * 3),
        ((4, 4, 4), (0.2, 0.2, 0.0), (0.0,) * 3),
        ((4, 4, 4), (0.2, 0.2, float("nan")), (0.0,) * 3),
        ((4, 4, 4), (0.2,) * 3, (0.0, float("inf"), 0.0)),
    ],
)
def test_impossible_grids(shape, voxel, origin):
    with pytest.raises(InputError, match=r"grid|voxel"):
        GridSpec(shape, voxel, origin)


@pytest.mark.parametrize("taxonomy", [SEMANTIC_KITTI, CARLA_SC])
def test_scenes_come_back_from_disk(tmp_path, taxonomy):
    scene = a_scene(taxonomy)
    scene.save(tmp_path / "new" / "scene.npz")
    again = Scene.load(tmp_path / "new" / "scene.npz")
    assert np.array_equal(again.labels_XYZ, scene.labels_XYZ) and again.labels_XYZ.dtype == np.uint8
    assert again.grid == scene.grid and again.taxonomy == scene.taxonomy
    assert (~scene.valid_XYZ).sum() == 1


def test_saving_is_deterministic(tmp_path):
    a_scene().save(tmp_path / "a.npz")
    a_scene().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize("label", [20, 100, 254])
def test_labels_outside_the_taxonomy(label):
    with pytest.raises(InputError, match=f"class id {label}"):
        Scene(np.full((2, 2, 2), label, np.uint8), GridSpec((2, 2, 2), (1.0,) * 3, (0.0,) * 3), SEMANTIC_KITTI)


@pytest.mark.parametrize("labels", [np.zeros((2, 2, 2), np.int64), np.zeros((2, 2, 3), np.uint8)])
def test_labels_of_another_kind_or_shape(labels):
    with pytest.raises(InputError, match="expected uint8"):
        Scene(labels, GridSpec((2, 2, 2), (1.0,) * 3, (0.0,) * 3), SEMANTIC_KITTI)


def test_scene_files_that_are_none(tmp_path):
    path = tmp_path / "scene.npz"
    with pytest.raises(InputError, match="found none"):
        Scene.load(path)
    with pytest.raises(InputError, match="found none"):
        Scene.load(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a readable"):
        Scene.load(path)
    path.write_text("labels")
    with pytest.raises(InputError, match="no file of NumPy") as refused:
        Scene.load(path)
    assert "pickle" not in str(refused.value)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(InputError, match="not a readable"):
        Scene.load(path)


@settings(max_examples=25)
@given(st.data())
def test_damaged_scene_files(tmp_path_factory, data):
    """Cut anywhere, a file is an `InputError`; with a byte changed it is that or still the scene."""
    path = tmp_path_factory.mktemp("damaged") / "scene.npz"
    a_scene().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InputError):
        Scene.load(path)
    place = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])
    try:
        again = Scene.load(path)
    except InputError:
        return
    assert np.array_equal(again.labels_XYZ, a_scene().labels_XYZ)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "scene.npz"
    a_scene().save(path)
    with zipfile.ZipFile(path, "a") as archive:
        assert "labels_XYZ.npy" in archive.namelist()
    np.savez(path, labels_XYZ=np.array([{}], object), voxel_m=np.ones(3), origin_m=np.ones(3), taxonomy=np.ones(3))
    with pytest.raises(InputError, match="not a readable"):
        Scene.load(path)


def test_the_factor_between_two_grids():
    fine = GridSpec((16, 16, 8), (0.2, 0.2, 0.1), (1.0, -1.6, 0.0))
    assert fine.factor_of(fine) == (1, 1, 1) and fine.factor_of(fine.pooled((4, 4, 2))) == (4, 4, 2)
    for other in (
        GridSpec((8, 8, 4), (0.1, 0.1, 0.05), fine.origin_m),
        GridSpec((8, 8, 4), (0.4, 0.4, 0.2), (0.0, -1.6, 0.0)),
        GridSpec((4, 8, 4), (0.4, 0.4, 0.2), fine.origin_m),
        GridSpec((5, 5, 2), (0.6, 0.6, 0.3), fine.origin_m),
        GridSpec((5, 5, 2), (0.65, 0.65, 0.4), fine.origin_m),
    ):
        assert fine.factor_of(other) is None
