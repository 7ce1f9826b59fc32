"""CarlaSC: what is written is read back to the bit, and bad files are named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.data import carla_sc, open_dataset

SIZE_HW = (37, 122)
FINE_GRID = GridSpec((256, 256, 16), (0.2, 0.2, 0.1875), (-25.6, -25.6, -2.0))


def random_scene(seed: int, unknown_share: float = 0.5, grid: GridSpec = carla_sc.COARSE_GRID) -> Scene:
    rng = np.random.default_rng(seed)
    labels_XYZ = rng.integers(0, CARLA_SC.class_count, grid.shape_XYZ, dtype=np.uint8)
    labels_XYZ[rng.random(grid.shape_XYZ) < unknown_share] = 255
    return Scene(labels_XYZ, grid, CARLA_SC)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One frame, Town01_Light/000000, without a picture."""
    carla_sc.write_frame(tmp_path, "Town01_Light", 0, random_scene(0))
    return tmp_path


def evaluation(tree: Path) -> Path:
    return tree / "Cartesian" / "Train" / "Town01_Light" / "cartesian" / "evaluation"


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    unknown_share=st.sampled_from([0.0, 0.5, 1.0]),
    frame=st.integers(0, 999_999),
    max_z_m=st.sampled_from([1.0, 2.2, 6.0]),
)
def test_coarse_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, unknown_share: float, frame: int, max_z_m: float
) -> None:
    root = tmp_path_factory.mktemp("carla")
    grid = GridSpec((128, 128, 8), (0.4, 0.4, round((max_z_m + 2) / 8, 9)), (-25.6, -25.6, -2.0))
    scene = random_scene(seed, unknown_share, grid)
    rng = np.random.default_rng(seed)
    count_XYZ = (rng.integers(1, 99, grid.shape_XYZ) * scene.valid_XYZ).astype(np.float32)
    image, camera = rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8), street_camera(SIZE_HW)
    path = carla_sc.write_frame(root, "Town10_Heavy", frame, scene, image, camera, count_XYZ)
    dataset = open_dataset("carla_sc", root, "val")
    sample = dataset[0]
    assert len(dataset) == 1 and sample.name == f"Town10_Heavy/{frame:06d}"
    np.testing.assert_array_equal(sample.scene.labels_XYZ, scene.labels_XYZ)
    np.testing.assert_array_equal(carla_sc.read_counts(path, grid), count_XYZ)
    np.testing.assert_array_equal(sample.image_HW3, image)
    np.testing.assert_array_equal(sample.camera.camera_from_grid_44, camera.camera_from_grid_44)
    assert dataset.grid == grid and dataset.taxonomy == CARLA_SC
    shutil.rmtree(root)


def test_fine_round_trip_is_exact(tmp_path: Path) -> None:
    scene = random_scene(1, 0.0, FINE_GRID)
    carla_sc.write_fine(tmp_path, "Town02_Medium", 3, scene)
    sample = carla_sc.CarlaSc(tmp_path, "train", resolution="fine")[0]
    np.testing.assert_array_equal(sample.scene.labels_XYZ, scene.labels_XYZ)
    assert sample.scene.grid == FINE_GRID and sample.image_HW3 is None
    with pytest.raises(InputError, match="expected every voxel known"):
        carla_sc.write_fine(tmp_path, "Town02_Medium", 4, random_scene(1, 0.5, FINE_GRID))


def test_bytes_on_disk(tmp_path: Path) -> None:
    labels_XYZ = np.zeros((128, 128, 8), np.uint8)
    labels_XYZ[0, 0, 1] = 6  # road: raw 7, the second voxel in C order
    labels_XYZ[0, 0, 2] = 255
    points_N4 = np.array([[1, 2, 3, 0.5]], np.float32)
    scene = Scene(labels_XYZ, carla_sc.COARSE_GRID, CARLA_SC)
    path = carla_sc.write_frame(tmp_path, "Town01_Light", 7, scene, point_N4=points_N4)
    label, count = path.read_bytes(), path.with_suffix(".bin").read_bytes()
    assert len(label) == len(count) == 524_288
    assert label[4:8] == b"\x07\0\0\0"
    np.testing.assert_array_equal(np.frombuffer(count[:12], "<f4"), [1, 1, 0])
    velodyne = path.parent.parent / "velodyne" / "000007.bin"
    np.testing.assert_array_equal(np.fromfile(velodyne, "<f4").reshape(-1, 4), points_N4)
    params = json.loads((path.parent / "params.json").read_text())
    assert params["grid_size"] == [128, 128, 8]
    assert params["min_bound"] == [-25.6, -25.6, -2] and params["max_bound"] == [25.6, 25.6, 1]


def test_every_raw_id_maps_as_published(tree: Path) -> None:
    published = [0, 1, 2, 3, 4, 5, 6, 6, 8, 9, 10, 2, 5, 3, 7, 3, 3, 2, 5, 3, 3, 3, 7]
    np.resize(np.arange(23, dtype="<u4"), (128, 128, 8)).tofile(evaluation(tree) / "000000.label")
    np.ones((128, 128, 8), "<f4").tofile(evaluation(tree) / "000000.bin")
    np.testing.assert_array_equal(
        carla_sc.read_coarse(evaluation(tree) / "000000.label"), np.resize(published, (128, 128, 8))
    )


def test_both_folder_names_and_town_order(tree: Path) -> None:
    carla_sc.write_frame(tree, "Town01_Heavy", 2, random_scene(1))
    carla_sc.write_frame(tree, "Town07_Light", 0, random_scene(2))
    evaluation(tree).rename(evaluation(tree).with_name("voxels"))
    assert [sample.name for sample in open_dataset("carla_sc", tree, "train")] == [
        "Town01_Heavy/000002",
        "Town01_Light/000000",
    ]
    assert [sample.name for sample in open_dataset("carla_sc", tree / "Cartesian", "test")] == ["Town07_Light/000000"]


def test_bad_files_are_named(tree: Path) -> None:
    dataset = open_dataset("carla_sc", tree, "train")
    label, count = evaluation(tree) / "000000.label", evaluation(tree) / "000000.bin"
    good_label, good_count = label.read_bytes(), count.read_bytes()
    label.write_bytes(good_label[:-4])
    with pytest.raises(InputError, match=r"000000\.label: expected 524288 bytes .* got 524284; the file is truncated"):
        dataset[0]
    label.write_bytes(b"\x17\0\0\0" + good_label[4:])
    with pytest.raises(InputError, match=r"000000\.label: raw class id 23 is not CarlaSC's; expected ids 0-22"):
        dataset[0]
    label.write_bytes(good_label)
    count.write_bytes(np.float32(-1).tobytes() + good_count[4:])
    with pytest.raises(InputError, match="expected counts of 0 or more"):
        dataset[0]
    count.unlink()
    with pytest.raises(InputError, match=r"000000\.bin: expected 524288 bytes .* cannot read it"):
        dataset[0]
    params = evaluation(tree) / "params.json"
    params.write_text('{"grid_size": [128, 128]}')
    with pytest.raises(InputError, match=r"params\.json: expected JSON with three grid_size, min_bound"):
        open_dataset("carla_sc", tree, "train")
    params.unlink()
    with pytest.raises(InputError, match=r"params\.json: expected JSON"):
        open_dataset("carla_sc", tree, "train")


def test_grids_must_agree(tree: Path) -> None:
    carla_sc.write_frame(tree, "Town02_Light", 0, random_scene(1))
    params = tree / "Cartesian" / "Train" / "Town02_Light" / "cartesian" / "evaluation" / "params.json"
    params.write_text(params.read_text().replace("-2.0", "-3.0"))
    with pytest.raises(InputError, match="describes another grid than"):
        open_dataset("carla_sc", tree, "train")
    with pytest.raises(InputError, match="describes another grid than"):
        carla_sc.write_frame(tree, "Town02_Light", 1, random_scene(1))


def test_no_frames_shows_the_tree(tree: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected .*/Cartesian/Val/TownNN_Traffic/cartesian/evaluation or voxels/FFFFFF\.label"
    ):
        open_dataset("carla_sc", tree, "val")
    with pytest.raises(InputError, match=r"evaluation_fine/FFFFFF\.label"):
        carla_sc.CarlaSc(tree, "train", resolution="fine")
    with pytest.raises(InputError, match="expected a split of train, val, test"):
        open_dataset("carla_sc", tree, "dev")
    with pytest.raises(InputError, match="got none"):
        open_dataset("carla_sc", None, "train")


def test_writer_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    scene = random_scene(0)
    street = Scene(np.zeros(STREET_GRID.shape_XYZ, np.uint8), STREET_GRID, CARLA_SC)
    kitti = Scene(np.zeros((128, 128, 8), np.uint8), carla_sc.COARSE_GRID, SEMANTIC_KITTI)
    image = np.zeros((*SIZE_HW, 3), np.uint8)
    for arguments, message in [
        (("Town1_Light", 0, scene), "expected TownNN_Light"),
        (("Town01_Light", 0, street), r"expected \(128, 128, 8\) voxels"),
        (("Town01_Light", 0, kitti), "got taxonomy semantic_kitti"),
        (("Town01_Light", 1_000_000, scene), "frame in 0-999999"),
        (("Town01_Light", 0, scene, image), "image and camera together"),
        (("Town01_Light", 0, scene, None, None, np.ones((128, 128, 8), np.float32)), "of 0 exactly where"),
    ]:
        with pytest.raises(InputError, match=message):
            carla_sc.write_frame(tmp_path, *arguments)
