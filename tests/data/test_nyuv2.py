"""NYUv2: runs and frames come back to the byte, axes are right-handed, real voxels lie on the real depth."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from occforge.core.camera import Camera, look_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, NYUV2
from occforge.data import nyuv2, open_dataset
from occforge.data._axes import FROM_RFU_33, from_rfu, to_rfu
from occforge.data._images import save_jpeg
from occforge.data._runs import decode_runs, encode_runs
from occforge.data._transforms import downsample
from occforge.metrics.iou import IoU
from occforge.render.raycast import raycast

FINE = nyuv2.GRIDS["fine"]


def room(seed: int = 0, grid: GridSpec = FINE) -> Scene:
    """A floor, a wall at the far end, and one box of every class."""
    rng = np.random.default_rng(seed)
    labels_XYZ = np.zeros(grid.shape_XYZ, np.uint8)
    labels_XYZ[:, :, 2:4] = NYUV2.id_of("floor")
    labels_XYZ[200:205] = NYUV2.id_of("wall")
    for k in range(1, NYUV2.class_count):
        x, y, z = rng.integers(60, 190), rng.integers(20, 200), rng.integers(4, 100)
        labels_XYZ[x : x + 17, y : y + 9, z : z + 23] = k
    labels_XYZ[220:] = 255
    return Scene(labels_XYZ, grid, NYUV2)


def kinect(yaw_rad: float = 0.0, pitch_rad: float = 0.1) -> Camera:
    pose = look_camera((0.3, 0.1, 1.2), 1.0, nyuv2.SIZE_HW, yaw_rad, pitch_rad)
    return Camera(nyuv2.K_33, pose.camera_from_grid_44, nyuv2.SIZE_HW)


def picture(seed: int = 0) -> np.ndarray:
    return np.broadcast_to(np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8), (480, 640, 3)).copy()


def depth(seed: int = 0) -> np.ndarray:
    """Whole millimetres, some of them beyond the 13 bits of a Kinect, some absent."""
    return (np.random.default_rng(seed).integers(0, 65536, (480, 640)) / 1000).astype(np.float32)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One frame, NYUtrain/NYU0007_0000."""
    nyuv2.write_frame(tmp_path, "train", 7, room(), picture(), depth(), kinect())
    return tmp_path


def voxels(tree: Path) -> Path:
    return tree / "depthbin" / "NYUtrain" / "NYU0007_0000.bin"


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 50)), max_size=30))
def test_runs_round_trip(runs: list[tuple[int, int]]) -> None:
    labels = np.concatenate([np.zeros(0, np.uint8), *(np.full(n, value, np.uint8) for value, n in runs)])
    data = encode_runs(labels)
    np.testing.assert_array_equal(decode_runs(data, labels.size, "x"), labels)
    values = np.frombuffer(data, "<u4").reshape(-1, 2)[:, 0]
    assert np.all(values[1:] != values[:-1])  # shortest
    if labels.size:
        for bad, says in [(data[:-4], "runs of 8 bytes"), (data[:-8], "truncated"), (data + data, "another grid")]:
            with pytest.raises(InputError, match=says):
                decode_runs(bad, labels.size, "x")
    with pytest.raises(InputError, match="values of 0-255, got 256"):
        decode_runs(np.array([256, 3], "<u4").tobytes(), 3, "x")


@given(st.tuples(*3 * [st.integers(1, 6)]), st.integers(0, 99))
def test_the_quarter_turn_is_no_mirror(shape: tuple[int, int, int], seed: int) -> None:
    """A voxel keeps its place: array and frame turn alike, and the turn keeps hands."""
    assert np.linalg.det(FROM_RFU_33) == 1.0
    array = np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape)
    turned = from_rfu(array)
    np.testing.assert_array_equal(to_rfu(turned), array)
    corner = np.array([0.0, -shape[0], 0.0])  # the lower corner of the turned box
    for r, f, u in np.ndindex(shape):
        x, y, z = np.floor(FROM_RFU_33 @ (np.array([r, f, u]) + 0.5) - corner).astype(int)
        assert turned[x, y, z] == array[r, f, u]


@pytest.mark.parametrize(("yaw", "pitch", "split"), [(0.0, 0.0, "train"), (-2.0, 0.7, "test")])
def test_frame_round_trip_is_exact(tmp_path: Path, yaw: float, pitch: float, split: str) -> None:
    root, again = tmp_path / "first", tmp_path / "again"
    scene, camera = room(), kinect(yaw, pitch)
    path = nyuv2.write_frame(root, split, 12, scene, picture(), depth(), camera)
    sample = nyuv2.NyuV2(root, split, resolution="fine")[0]
    np.testing.assert_array_equal(sample.scene.labels_XYZ, scene.labels_XYZ)
    np.testing.assert_array_equal(sample.depth_HW_m, depth())
    np.testing.assert_allclose(sample.image_HW3, picture(), atol=3)  # JPEG
    np.testing.assert_allclose(sample.camera.camera_from_grid_44, camera.camera_from_grid_44, atol=1e-6)
    assert sample.scene.grid == scene.grid and sample.name.endswith("/NYU0012_0000") and sample.scored_XYZ is None
    written = nyuv2.write_frame(again, split, 12, sample.scene, picture(), sample.depth_HW_m, sample.camera)
    for name in (path.name, "NYU0012_0000.png", "NYU0012_0000_color.jpg"):
        assert written.with_name(name).read_bytes() == path.with_name(name).read_bytes()


def test_bytes_on_disk(tmp_path: Path) -> None:
    labels_XYZ = np.zeros(FINE.shape_XYZ, np.uint8)
    labels_XYZ[5, 239, 2] = NYUV2.id_of("tvs")  # the rightmost column is the last y, read backwards: world x is 0
    depth_HW = np.zeros((480, 640), np.float32)
    depth_HW[0, :2] = 1.0, 10.0
    path = nyuv2.write_frame(tmp_path, "test", 3, Scene(labels_XYZ, FINE, NYUV2), picture(), depth_HW, kinect())
    data = path.read_bytes()
    assert path == tmp_path / "depthbin" / "NYUtest" / "NYU0003_0000.bin"
    np.testing.assert_array_equal(np.frombuffer(data[:12], "<f4"), np.float32([-2.4, 0, -0.05]))
    position_3 = np.frombuffer(data[12:76], "<f4").reshape(4, 4)[:3, 3]
    np.testing.assert_allclose(position_3, (-0.1, 0.3, 1.2), atol=1e-6)  # right, forward, up
    before = 2 * 240 + 5  # of [world x 0, world z 2, world y 5]
    runs = [0, before, 16, 1, 0, 240 * 144 * 240 - before - 1]
    np.testing.assert_array_equal(np.frombuffer(data[76:], "<u4"), runs)
    with Image.open(path.with_suffix(".png")) as image:
        np.testing.assert_array_equal(np.array(image)[0, :3], [8000, (10000 << 3 & 0xFFFF) | 10000 >> 13, 0])


def test_every_raw_id_maps_as_published(tree: Path) -> None:
    published = [
        0,
        1,
        2,
        3,
        4,
        11,
        5,
        6,
        7,
        8,
        8,
        10,
        10,
        10,
        11,
        11,
        9,
        8,
        *9 * [11],
        10,
        10,
        11,
        8,
        10,
        11,
        9,
        *3 * [11],
    ]
    assert list(nyuv2.TRAIN_FROM_RAW) == published and len(published) == 37
    assert [published[raw] for raw in nyuv2.RAW_FROM_TRAIN] == list(range(12))


def test_coarse_is_the_peers_downsampling(tree: Path) -> None:
    coarse, fine = open_dataset("nyuv2", tree, "train")[0], nyuv2.open(tree, "train", resolution="fine")[0]
    np.testing.assert_array_equal(coarse.scene.labels_XYZ, downsample(fine.scene.labels_XYZ, 4))
    assert coarse.scene.grid.shape_XYZ == (60, 60, 36) and coarse.scene.grid.voxel_m == (0.08, 0.08, 0.08)
    assert coarse.scene.grid.origin_m == fine.scene.grid.origin_m
    np.testing.assert_array_equal(coarse.camera.camera_from_grid_44, fine.camera.camera_from_grid_44)
    plain = open_dataset("nyuv2", tree, "train", images=False)[0]
    assert plain.image_HW3 is None and plain.camera is None and plain.depth_HW_m is None


def test_another_origin_moves_into_the_camera(tmp_path: Path) -> None:
    """What the camera sees does not depend on where the frame's world begins."""
    shift_3 = np.array([1.5, -0.25, 0.5])
    grid = GridSpec(FINE.shape_XYZ, FINE.voxel_m, tuple((np.array(FINE.origin_m) + shift_3).tolist()))
    moved = Camera(nyuv2.K_33, kinect().camera_from_grid_44.copy(), nyuv2.SIZE_HW)
    moved.camera_from_grid_44[:3, 3] -= moved.camera_from_grid_44[:3, :3] @ shift_3
    nyuv2.write_frame(tmp_path, "train", 1, room(grid=grid), picture(), depth(), moved)
    sample = open_dataset("nyuv2", tmp_path, "train")[0]
    assert sample.scene.grid == nyuv2.GRIDS["coarse"]
    np.testing.assert_allclose(sample.camera.camera_from_grid_44, kinect().camera_from_grid_44, atol=1e-6)


def test_bad_files_are_named(tree: Path) -> None:
    dataset, path = open_dataset("nyuv2", tree, "train"), voxels(tree)
    data = path.read_bytes()
    mirrored = np.frombuffer(data[:76], "<f4").copy()
    mirrored[3:6] *= -1
    for bad, says in [
        (data[:50], "expected 76 bytes of origin and pose, got 50; the file is truncated"),
        (data[:-4], "expected runs of 8 bytes"),
        (data[:-8], "expected runs that sum to 8294400 voxels, got .* truncated"),
        (data + np.array([0, 9], "<u4").tobytes(), "got 8294409; the file is of another grid"),
        (data[:76] + np.array([40, 8294400], "<u4").tobytes(), "raw class id 40 is not NYUv2's"),
        (data[:76] + np.array([999, 8294400], "<u4").tobytes(), "run values of 0-255, got 999"),
        (mirrored.tobytes() + data[76:], "a rigid camera pose"),
        (np.full(19, np.nan, "<f4").tobytes() + data[76:], "a finite origin"),
    ]:
        path.write_bytes(bad)
        with pytest.raises(InputError, match=rf"NYU0007_0000\.bin: .*{says}"):
            dataset[0]
    path.write_bytes(data)
    color, png = path.with_name("NYU0007_0000_color.jpg"), path.with_suffix(".png")
    save_jpeg(color, picture()[:100])
    with pytest.raises(InputError, match=r"_color\.jpg: expected \(480, 640\) pixels, .* got \(100, 640\)"):
        dataset[0]
    color.unlink()
    with pytest.raises(InputError, match=r"no image for frame NYU0007_0000_color: expected"):
        dataset[0]
    save_jpeg(color, picture())
    Image.fromarray(np.zeros((480, 640), np.uint8)).save(png)
    with pytest.raises(InputError, match=r"NYU0007_0000\.png: expected a 16-bit grey PNG, got mode L"):
        dataset[0]
    Image.fromarray(np.zeros((20, 20), np.uint16)).save(png)
    with pytest.raises(InputError, match=r"expected \(480, 640\) pixels of depth, got \(20, 20\)"):
        dataset[0]
    path.unlink()
    with pytest.raises(InputError, match="expected NYUv2 voxels, cannot read it"):
        dataset[0]
    with pytest.raises(InputError, match=r"no NYUv2 test frames under .*: expected .*/depthbin/NYUtest/NYUxxxx_0000"):
        open_dataset("nyuv2", tree, "test")
    with pytest.raises(InputError, match=r"expected split train or test .* got 'val'"):
        open_dataset("nyuv2", tree, "val")
    with pytest.raises(InputError, match="got none"):
        open_dataset("nyuv2", None, "train")
    with pytest.raises(InputError, match="expected one of fine, coarse, got 'half'"):
        nyuv2.NyuV2(tree, "train", resolution="half")


def test_writer_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    scene, image, d, camera = room(), picture(), depth(), kinect()
    coarse = Scene(np.zeros((60, 60, 36), np.uint8), nyuv2.GRIDS["coarse"], NYUV2)
    carla = Scene(np.zeros(FINE.shape_XYZ, np.uint8), FINE, CARLA_SC)
    for arguments, message in [
        (("val", 0, scene, image, d, camera), "expected split train or test"),
        (("train", 10_000, scene, image, d, camera), "a number of 0-9999"),
        (("train", 0, coarse, image, d, camera), r"expected \(240, 240, 144\) voxels"),
        (("train", 0, carla, image, d, camera), "got taxonomy carla_sc"),
        (("train", 0, scene, image[1:], d, camera), "expected a uint8 image"),
        (("train", 0, scene, image, d[1:], camera), "expected depth"),
        (("train", 0, scene, image, np.full_like(d, np.nan), camera), "expected depth"),
        (("train", 0, scene, image, d, camera.resized((240, 320))), "which the layout does not hold"),
    ]:
        with pytest.raises(InputError, match=message):
            nyuv2.write_frame(tmp_path, *arguments)
    assert not list(tmp_path.rglob("*.bin"))


@pytest.fixture
def real_nyu(realdata: Path, tmp_path: Path) -> Path:
    """The real frame under its own folders, with its depth in grey for the colour picture that it lacks."""
    folder = tmp_path / "depthbin" / "NYUtrain"
    folder.mkdir(parents=True)
    for suffix in (".bin", ".png"):
        (folder / f"NYU0001_0000{suffix}").symlink_to(realdata / "nyuv2" / f"NYU0001_0000{suffix}")
    save_jpeg(folder / "NYU0001_0000_color.jpg", np.full((480, 640, 3), 128, np.uint8))
    return tmp_path


@pytest.mark.real
def test_real_file_comes_back_to_the_byte(real_nyu: Path, tmp_path: Path) -> None:
    path = real_nyu / "depthbin" / "NYUtrain" / "NYU0001_0000.bin"
    nyuv2.write_voxels(tmp_path / "again.bin", nyuv2.read_voxels(path))
    assert (tmp_path / "again.bin").read_bytes() == path.read_bytes()


@pytest.mark.real
def test_real_voxels_lie_on_the_real_depth(real_nyu: Path) -> None:
    """Surfaces that the camera sees in the voxels lie where its depth picture has them; mirrored, they do not."""
    sample = nyuv2.open(real_nyu, "train", resolution="fine")[0]
    labels_XYZ = sample.scene.labels_XYZ
    floor, ceiling = (np.argwhere(labels_XYZ == NYUV2.id_of(name))[:, 2] for name in ("floor", "ceiling"))
    assert floor.max() < 5 and ceiling.min() > 100  # the floor is down
    position_3 = sample.camera.grid_from_camera_44[:3, 3]
    assert 1.0 < position_3[2] < 1.4 and abs(sample.depth_HW_m[sample.depth_HW_m > 0].mean() - 2.3) < 1.0

    def error_m(scene: Scene) -> np.ndarray:
        view = raycast(scene, sample.camera)
        both_HW = (sample.depth_HW_m > 0) & (view.voxel_HW >= 0)
        assert both_HW.mean() > 0.7
        return np.abs(view.depth_HW - sample.depth_HW_m)[both_HW]

    straight = error_m(sample.scene)
    assert np.median(straight) < 0.05 and np.mean(straight < 0.1) > 0.75
    mirrored = error_m(Scene(np.ascontiguousarray(labels_XYZ[:, ::-1]), sample.scene.grid, NYUV2))
    assert np.median(mirrored) > 4 * np.median(straight)
    v_floor = np.nonzero(raycast(sample.scene, sample.camera).semantic_HW == NYUV2.id_of("floor"))[0]
    assert np.median(v_floor) > 400  # at the bottom of the picture


@pytest.mark.real
def test_real_target_scores_one_against_itself(real_nyu: Path) -> None:
    scene = open_dataset("nyuv2", real_nyu, "train")[0].scene
    assert 0.7 < np.mean(~scene.valid_XYZ) < 0.85
    score = IoU(NYUV2.class_count)
    score.add(scene.labels_XYZ, scene.labels_XYZ)
    assert score.result().completion_iou == 1.0
