"""SemanticKITTI: what is written is read back to the bit, real frames fit their pictures, bad files are named."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.data import open_dataset, semantic_kitti

SHAPE = STREET_GRID.shape_XYZ
SIZE_HW = (37, 122)


def random_scene(seed: int, unknown_share: float = 0.5, grid: GridSpec = STREET_GRID) -> Scene:
    rng = np.random.default_rng(seed)
    labels_XYZ = rng.integers(0, SEMANTIC_KITTI.class_count, SHAPE, dtype=np.uint8)
    labels_XYZ[rng.random(SHAPE) < unknown_share] = 255
    return Scene(labels_XYZ, grid, SEMANTIC_KITTI)


def random_image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One frame, 00/000000, with picture and calibration."""
    semantic_kitti.write_frame(tmp_path, "00", 0, random_scene(0), random_image(0), street_camera(SIZE_HW))
    return tmp_path


def voxel_file(tree: Path, suffix: str) -> Path:
    return tree / "dataset" / "sequences" / "00" / "voxels" / f"000000{suffix}"


def write_raw(tree: Path, raw_XYZ: np.ndarray, invalid_XYZ: np.ndarray | None = None) -> None:
    raw_XYZ.astype("<u2").tofile(voxel_file(tree, ".label"))
    invalid_XYZ = np.zeros(SHAPE, bool) if invalid_XYZ is None else invalid_XYZ
    np.packbits(invalid_XYZ).tofile(voxel_file(tree, ".invalid"))


@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    unknown_share=st.sampled_from([0.0, 0.5, 1.0]),
    version=st.sampled_from(["v1.1", "v1.0"]),
    frame=st.integers(0, 999_999),
    yaw_rad=st.floats(-1, 1),
)
def test_frame_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, unknown_share: float, version: str, frame: int, yaw_rad: float
) -> None:
    root = tmp_path_factory.mktemp("kitti")
    scene = random_scene(seed, unknown_share, semantic_kitti.GRIDS[version])
    image, camera = random_image(seed), look_camera((0.3, 0.1, -0.1), 1.4, SIZE_HW, yaw_rad)
    semantic_kitti.write_frame(root, "08", frame, scene, image, camera)
    dataset = semantic_kitti.SemanticKitti(root, "val", version=version)
    sample = dataset[0]
    assert len(dataset) == 1 and sample.name == f"08/{frame:06d}"
    np.testing.assert_array_equal(sample.scene.labels_XYZ, scene.labels_XYZ)
    np.testing.assert_array_equal(sample.image_HW3, image)
    np.testing.assert_array_equal(sample.camera.K_33, camera.K_33)
    np.testing.assert_array_equal(sample.camera.camera_from_grid_44, camera.camera_from_grid_44)
    assert sample.scene.grid == scene.grid == dataset.grid and dataset.taxonomy == SEMANTIC_KITTI
    shutil.rmtree(root)


def test_bytes_on_disk(tmp_path: Path) -> None:
    labels_XYZ = np.zeros(SHAPE, np.uint8)
    labels_XYZ[0, 0, 1] = 1  # car: raw 10, the second voxel in C order
    labels_XYZ[0, 0, 9] = 255
    labels_XYZ[255, 255, 31] = 19  # traffic-sign: raw 81, the last voxel
    semantic_kitti.write_frame(tmp_path, "00", 5, Scene(labels_XYZ, STREET_GRID, SEMANTIC_KITTI))
    base = tmp_path / "dataset" / "sequences" / "00" / "voxels" / "000005"
    data = {suffix: base.with_suffix(suffix).read_bytes() for suffix in (".label", ".bin", ".invalid", ".occluded")}
    assert {suffix: len(value) for suffix, value in data.items()} == {
        ".label": 4_194_304,
        ".bin": 262_144,
        ".invalid": 262_144,
        ".occluded": 262_144,
    }
    assert data[".label"][:4] == b"\x00\x00\x0a\x00" and data[".label"][-2:] == b"\x51\x00"
    assert data[".bin"][:2] == b"\x40\x00" and data[".bin"][-1:] == b"\x01"
    assert data[".invalid"][:2] == data[".occluded"][:2] == b"\x00\x40"
    assert sorted(path.name for path in base.parent.iterdir()) == [f"000005{s}" for s in sorted(data)]


RAW_TO_TRAIN = {
    0: 0, 10: 1, 11: 2, 15: 3, 18: 4, 13: 5, 16: 5, 20: 5, 30: 6, 31: 7, 32: 8, 40: 9, 60: 9, 44: 10, 48: 11, 49: 12,
    50: 13, 51: 14, 70: 15, 71: 16, 72: 17, 80: 18, 81: 19, 252: 1, 253: 7, 254: 6, 255: 8, 256: 5, 257: 5, 259: 5,
    258: 4, 1: 255, 52: 255, 99: 255,
}  # fmt: skip


def test_every_raw_id_maps_as_published(tree: Path) -> None:
    raw_ids = np.array(list(RAW_TO_TRAIN))
    raw_XYZ = np.resize(raw_ids, SHAPE)
    write_raw(tree, raw_XYZ)
    expected = np.resize(np.array(list(RAW_TO_TRAIN.values())), SHAPE)
    np.testing.assert_array_equal(semantic_kitti.read_labels(voxel_file(tree, ".label")), expected)


def test_invalid_wins_over_any_label(tree: Path) -> None:
    invalid_XYZ = np.random.default_rng(1).random(SHAPE) < 0.3
    write_raw(tree, np.full(SHAPE, 40), invalid_XYZ)
    labels_XYZ = semantic_kitti.read_labels(voxel_file(tree, ".label"))
    np.testing.assert_array_equal(labels_XYZ, np.where(invalid_XYZ, 255, 9))


def test_masks_round_trip_and_are_checked(tmp_path: Path) -> None:
    scene = random_scene(3)
    rng = np.random.default_rng(3)
    invalid_XYZ = ~scene.valid_XYZ
    masks = semantic_kitti.Masks(
        scene.valid_XYZ & (rng.random(SHAPE) < 0.1), invalid_XYZ | (rng.random(SHAPE) < 0.5), invalid_XYZ
    )
    path = semantic_kitti.write_frame(tmp_path, "00", 0, scene, masks=masks)
    read = semantic_kitti.read_masks(path)
    for name, mask in vars(masks).items():
        np.testing.assert_array_equal(getattr(read, name), mask)
    bad_bin = semantic_kitti.Masks(invalid_XYZ, masks.occluded_XYZ, invalid_XYZ)
    bad_invalid = semantic_kitti.Masks(masks.bin_XYZ, masks.occluded_XYZ, scene.valid_XYZ)
    bad_shape = semantic_kitti.Masks(masks.bin_XYZ[1:], masks.occluded_XYZ, invalid_XYZ)
    for bad in (bad_bin, bad_invalid, bad_shape):
        with pytest.raises(InputError, match="masks: expected"):
            semantic_kitti.write_frame(tmp_path, "00", 0, scene, masks=bad)


def test_fourth_column_of_P2_moves_the_camera(tmp_path: Path) -> None:
    """Projecting with the whole P2 equals projecting with the camera that has it folded in."""
    rng = np.random.default_rng(0)
    P2_34 = np.array([[700.0, 0, 600, 45], [0, 700, 180, -0.1], [0, 0, 1, 0.004]])
    Tr_34 = street_camera().camera_from_grid_44[:3]
    camera = semantic_kitti.Calibration(P2_34, Tr_34).camera((370, 1220))
    point_N3 = rng.uniform((3, -5, -2), (50, 5, 2), (50, 3))
    point_N4 = np.hstack([point_N3, np.ones((50, 1))])
    uvw_N3 = np.hstack([point_N4 @ Tr_34.T, np.ones((50, 1))]) @ P2_34.T
    np.testing.assert_allclose(camera.project(point_N3)[0], uvw_N3[:, :2] / uvw_N3[:, 2:], atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=24, max_size=24))
def test_poses_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("poses") / "poses.txt"
    poses_N44 = np.tile(np.eye(4), (2, 1, 1))
    poses_N44[:, :3] = np.reshape(values, (2, 3, 4))
    semantic_kitti.write_poses(path, poses_N44)
    np.testing.assert_array_equal(semantic_kitti.read_poses(path), poses_N44)


def test_splits_sizes_and_order(tree: Path) -> None:
    """Frames come by sequence and number, images may be PNG or JPEG of any size, frames without label are left out."""
    other = random_image(7)[:30, :100]
    semantic_kitti.write_frame(tree, "03", 10, random_scene(1), other, street_camera((30, 100)))
    semantic_kitti.write_frame(tree, "08", 0, random_scene(2))
    images = tree / "dataset" / "sequences" / "03" / "image_2"
    Image.open(images / "000010.png").save(images / "000010.jpg")
    (images / "000010.png").unlink()
    shutil.copy(voxel_file(tree, ".bin"), voxel_file(tree, ".bin").with_name("000005.bin"))
    dataset = open_dataset("semantic_kitti", tree, "train")
    assert [sample.name for sample in dataset] == ["00/000000", "03/000010"]
    assert dataset[1].image_HW3.shape == (30, 100, 3) and dataset[1].camera.size_HW == (30, 100)
    assert len(open_dataset("semantic_kitti", tree / "dataset", "train")) == 2
    without = open_dataset("semantic_kitti", tree, "val", images=False)[0]
    assert without.image_HW3 is None and without.camera is None and without.caption is None


def test_test_split_gives_inputs_only(tree: Path) -> None:
    with pytest.raises(InputError, match="open_inputs"):
        open_dataset("semantic_kitti", tree, "test")
    folder = tree / "dataset" / "sequences" / "11"
    shutil.copytree(tree / "dataset" / "sequences" / "00", folder)
    for suffix in (".label", ".invalid", ".occluded"):
        (folder / "voxels" / f"000000{suffix}").unlink()
    inputs = semantic_kitti.open_inputs(tree)
    assert len(inputs) == 1 and inputs[0].name == "11/000000"
    scene = random_scene(0)
    np.testing.assert_array_equal(inputs[0].bin_XYZ, scene.valid_XYZ & (scene.labels_XYZ > 0))
    np.testing.assert_array_equal(inputs[0].image_HW3, random_image(0))
    assert inputs[0].camera is not None


@pytest.mark.parametrize(("suffix", "size"), [(".label", 4_194_304), (".invalid", 262_144)])
@pytest.mark.parametrize("change", [-1, 2])
def test_wrong_size_names_both_byte_counts(tree: Path, suffix: str, size: int, change: int) -> None:
    path = voxel_file(tree, suffix)
    path.write_bytes((path.read_bytes() + b"\0\0")[: size + change])
    with pytest.raises(InputError, match=rf"000000\{suffix}: expected {size} bytes .* got {size + change}; .* copy"):
        open_dataset("semantic_kitti", tree, "train")[0]


def test_bad_frames_are_named(tree: Path) -> None:
    dataset = open_dataset("semantic_kitti", tree, "train")
    raw_XYZ = np.zeros(SHAPE)
    raw_XYZ[3, 4, 5] = 1234
    write_raw(tree, raw_XYZ)
    with pytest.raises(InputError, match=r"000000\.label: raw class id 1234 is not SemanticKITTI's"):
        dataset[0]
    write_raw(tree, np.zeros(SHAPE))
    image_path = tree / "dataset" / "sequences" / "00" / "image_2" / "000000.png"
    data = image_path.read_bytes()
    image_path.write_bytes(data[:200])
    with pytest.raises(InputError, match=r"000000\.png: expected a PNG or JPEG image, cannot read it"):
        dataset[0]
    Image.fromarray(random_image(0)[:, :, 0]).save(image_path)
    with pytest.raises(InputError, match="expected an 8-bit RGB image, got mode L"):
        dataset[0]
    image_path.unlink()
    with pytest.raises(InputError, match=r"no image for frame 000000: expected .*image_2/000000\.png .*images=False"):
        dataset[0]
    voxel_file(tree, ".invalid").unlink()
    with pytest.raises(InputError, match=r"000000\.invalid: expected 262144 bytes .* cannot read it"):
        dataset[0]


@pytest.mark.parametrize(
    ("replace", "by", "message"),
    [
        ("Tr:", "Velo:", "expected a line 'Tr: ' with 12 numbers, got .*Velo.*SemanticKITTI's own calibration"),
        ("P2:", "Q2:", "expected a line 'P2: '"),
        ("P2: ", "P2: x", "P2: expected 12 numbers, could not convert"),
        ("P2: ", "P2: 1 ", "P2: expected 12 finite numbers, got 13"),
        ("Tr: ", "Tr: nan ", "Tr: expected 12 finite numbers"),
    ],
)
def test_bad_calibration_is_named(tree: Path, replace: str, by: str, message: str) -> None:
    path = tree / "dataset" / "sequences" / "00" / "calib.txt"
    path.write_text(path.read_text().replace(replace, by))
    with pytest.raises(InputError, match=rf"calib\.txt: .*{message}"):
        open_dataset("semantic_kitti", tree, "train")
    assert len(open_dataset("semantic_kitti", tree, "train", images=False)) == 1


def test_singular_and_missing_calibration(tree: Path) -> None:
    path = tree / "dataset" / "sequences" / "00" / "calib.txt"
    path.write_text("P2: " + "0 " * 12 + "\nTr: " + "0 " * 12)
    with pytest.raises(InputError, match="P2 is singular"):
        semantic_kitti.read_calib(path)
    path.unlink()
    with pytest.raises(InputError, match=r"calib\.txt: expected a calibration text file, cannot read it"):
        open_dataset("semantic_kitti", tree, "train")


def test_no_frames_shows_the_tree(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected .*/dataset/sequences/SS/voxels/FFFFFF\.label with SS one of 08"
    ) as e:
        open_dataset("semantic_kitti", tree, "val")
    assert "\n" not in str(e.value)
    with pytest.raises(InputError, match="expected one of train, val, test, got 'trian'"):
        open_dataset("semantic_kitti", tree, "trian")
    with pytest.raises(InputError, match="got none"):
        open_dataset("semantic_kitti", None, "train")
    with pytest.raises(InputError, match=r"expected one of v1\.1, v1\.0, got 'v2'"):
        semantic_kitti.SemanticKitti(tree, "train", version="v2")


def test_writer_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    scene, image, camera = random_scene(0), random_image(0), street_camera(SIZE_HW)
    other_grid = Scene(scene.labels_XYZ, GridSpec(SHAPE, (0.1, 0.1, 0.1), (0, 0, 0)), SEMANTIC_KITTI)
    carla = Scene(np.zeros(SHAPE, np.uint8), STREET_GRID, CARLA_SC)
    for arguments, message in [
        (("00", 0, other_grid), "expected grid"),
        (("00", 0, carla), "got taxonomy carla_sc"),
        (("0", 0, scene), "two-digit sequence"),
        (("00", -1, scene), "frame in 0-999999"),
        (("00", 0, scene, image), "image and camera together"),
        (("00", 0, scene, image[1:], camera), "expected a uint8 image"),
    ]:
        with pytest.raises(InputError, match=message):
            semantic_kitti.write_frame(tmp_path, *arguments)
    assert not list(tmp_path.rglob("*.label"))
    semantic_kitti.write_frame(tmp_path, "00", 0, scene, image, camera)
    with pytest.raises(InputError, match="holds another camera"):
        semantic_kitti.write_frame(tmp_path, "00", 5, scene, image, look_camera((0, 0, 0), 1.0, SIZE_HW))


@pytest.mark.real
def test_real_labels_are_read_exactly(real_tree: Path, realdata: Path) -> None:
    dataset = open_dataset("semantic_kitti", real_tree, "train")
    assert len(dataset) == 4
    for sample in dataset:
        with np.load(realdata / "kitti" / f"{sample.name}.npz") as file:
            np.testing.assert_array_equal(sample.scene.labels_XYZ, file["labels_XYZ"])
        assert 0.6 < np.mean(~sample.scene.valid_XYZ) < 0.9
    assert {sample.image_HW3.shape for sample in dataset} == {(376, 1241, 3), (370, 1226, 3)}
    poses_N44 = semantic_kitti.read_poses(real_tree / "dataset" / "sequences" / "00" / "poses.txt")
    np.testing.assert_allclose(poses_N44[0], np.eye(4), atol=1e-6)
    assert 4 < poses_N44[9, 2, 3] < 12  # forward is camera 0's z


@pytest.mark.real
def test_real_voxels_lie_in_the_picture(real_tree: Path) -> None:
    """Most known occupied voxels of the forward wedge project into the image; sky is up, road is down."""
    for sample in open_dataset("semantic_kitti", real_tree, "train"):
        labels_XYZ, camera = sample.scene.labels_XYZ, sample.camera
        index_N3 = np.argwhere(sample.scene.valid_XYZ & (labels_XYZ > 0))
        pixel_N2, depth_N = camera.project(sample.scene.grid.metres_from_index(index_N3 + 0.5))
        assert np.mean(depth_N > 0) > 0.99
        inside = np.all((pixel_N2 >= 0) & (pixel_N2 < camera.size_HW[::-1]), axis=1) & (depth_N > 0)
        assert np.mean(inside) > 0.5
        road = labels_XYZ[tuple(index_N3.T)] == SEMANTIC_KITTI.id_of("road")
        assert np.median(pixel_N2[inside & road, 1]) > 0.5 * camera.size_HW[0]


@pytest.mark.real
def test_dropping_the_fourth_column_moves_pixels(real_tree: Path) -> None:
    calibration = semantic_kitti.read_calib(real_tree / "dataset" / "sequences" / "00" / "calib.txt")
    dropped = semantic_kitti.Calibration(calibration.P2_34 * np.array([1, 1, 1, 0]), calibration.Tr_34)
    sample = open_dataset("semantic_kitti", real_tree, "train")[0]
    centre_N3 = sample.scene.grid.metres_from_index(
        np.argwhere(sample.scene.valid_XYZ & (sample.scene.labels_XYZ > 0)) + 0.5
    )
    size_HW = sample.camera.size_HW
    kept_N2, depth_N = sample.camera.project(centre_N3)
    shift_N = np.linalg.norm(kept_N2 - dropped.camera(size_HW).project(centre_N3)[0], axis=1)[depth_N > 1]
    assert 0.5 < np.median(shift_N) < 5 and shift_N.max() > 10
