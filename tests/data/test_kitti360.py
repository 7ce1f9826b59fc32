"""SSCBench-KITTI-360: classes and masks as its own tools read them, its camera, bad files named."""

from pathlib import Path

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import KITTI360
from occforge.data import kitti360, open_dataset
from occforge.render.picture import save_rgb

SHAPE = STREET_GRID.shape_XYZ
RAW_TO_TRAIN = {
    0: 0, 1: 255, 10: 1, 11: 2, 13: 5, 15: 3, 16: 5, 18: 4, 20: 5, 30: 6, 31: 255, 32: 255, 40: 7, 44: 8, 48: 9,
    49: 10, 50: 11, 51: 12, 52: 17, 60: 7, 70: 13, 71: 255, 72: 14, 80: 15, 81: 16, 99: 18, 252: 1, 253: 255, 254: 6,
    255: 255, 256: 5, 257: 5, 258: 4, 259: 5,
}  # fmt: skip


def write(root: Path, drive: str, stem: str, raw_XYZ: np.ndarray, invalid_XYZ: np.ndarray, bits: bool = False) -> Path:
    folder = root / "data_2d_raw" / f"2013_05_28_drive_00{drive}_sync"
    (folder / "voxels").mkdir(parents=True, exist_ok=True)
    raw_XYZ.astype("<u2").tofile(folder / "voxels" / f"{stem}.label")
    stored = np.packbits(invalid_XYZ) if bits else invalid_XYZ.astype(np.uint8)
    stored.tofile(folder / "voxels" / f"{stem}.invalid")
    save_rgb(folder / "image_00" / "data_rect" / f"{stem}.png", np.full((376, 1408, 3), 90, np.uint8))
    return folder / "voxels" / f"{stem}.label"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "00", "000005", np.full(SHAPE, 40), np.zeros(SHAPE, bool))
    return tmp_path


@pytest.mark.parametrize("bits", [True, False])
def test_ids_map_as_published_and_invalid_hides_only_empty(tmp_path: Path, bits: bool) -> None:
    raw_XYZ = np.resize(list(RAW_TO_TRAIN), SHAPE)
    invalid_XYZ = np.random.default_rng(0).random(SHAPE) < 0.5
    path = write(tmp_path, "06", "000010", raw_XYZ, invalid_XYZ, bits)
    expected_XYZ = np.resize(list(RAW_TO_TRAIN.values()), SHAPE)
    expected_XYZ[invalid_XYZ & (raw_XYZ == 0)] = 255
    sample = open_dataset("kitti360", tmp_path, "val")[0]
    np.testing.assert_array_equal(sample.scene.labels_XYZ, expected_XYZ)
    np.testing.assert_array_equal(kitti360.read_invalid(path.with_suffix(".invalid")), invalid_XYZ)
    assert sample.name == "06/000010" and sample.scene.taxonomy == KITTI360 and sample.scored_XYZ is None


def test_camera_is_the_rectified_one(tree: Path) -> None:
    """P_rect R_rect inverse(cam_to_velo), from the dataset's files, which say what is built in."""
    camera = open_dataset("kitti360", tree, "train")[0].camera
    published = kitti360.PUBLISHED_PERSPECTIVE
    velo_from_camera_44 = np.vstack([published.cam_to_velo_34, [0, 0, 0, 1]])
    point_N3 = np.random.default_rng(0).uniform((4, -4, -2), (40, 4, 2), (20, 3))
    in_camera_N4 = np.hstack([point_N3, np.ones((20, 1))]) @ np.linalg.inv(velo_from_camera_44).T
    uvw_N3 = in_camera_N4[:, :3] @ published.R_rect_33.T @ published.P_34[:, :3].T
    np.testing.assert_allclose(camera.project(point_N3)[0], uvw_N3[:, :2] / uvw_N3[:, 2:], atol=1e-9)
    ahead_2 = camera.project(np.array([[30.0, 0.0, -1.7]]))[0][0]
    assert 550 < ahead_2[0] < 850 and 200 < ahead_2[1] < 376  # the road is below the horizon, in the middle
    folder = tree / "calibration"
    folder.mkdir()
    P, R = (" ".join(f"{v:.12f}" for v in value.ravel()) for value in (published.P_34, published.R_rect_33))
    text = f"P_rect_00: {P}\nR_rect_00: {R}\nS_rect_00: 1408.0 376.0\n"
    (folder / "perspective.txt").write_text(text)
    velo = " ".join(f"{v:.12f}" for v in published.cam_to_velo_34.ravel())
    (folder / "calib_cam_to_velo.txt").write_text(velo + "\n")
    read = open_dataset("kitti360", tree, "train")[0].camera
    np.testing.assert_allclose(read.camera_from_grid_44, camera.camera_from_grid_44, atol=1e-9)
    for bad, says in [
        (text.replace("R_rect_00", "R_00"), r"perspective\.txt: expected a line 'R_rect_00: '"),
        (text.replace("P_rect_00: ", "P_rect_00: 1 "), "expected 12 finite numbers, got 13"),
        (f"P_rect_00: {'0 ' * 12}\nR_rect_00: {R}\nS_rect_00: 1408 376\n", "P_rect_00 is singular"),
    ]:
        (folder / "perspective.txt").write_text(bad)
        with pytest.raises(InputError, match=says):
            open_dataset("kitti360", tree, "train")
    (folder / "perspective.txt").write_text(text)
    (folder / "calib_cam_to_velo.txt").unlink()
    with pytest.raises(InputError, match=r"calib_cam_to_velo\.txt: expected a calibration text file"):
        open_dataset("kitti360", tree, "train")


def test_bad_files_are_named(tree: Path) -> None:
    dataset = open_dataset("kitti360", tree, "train")
    label = next(tree.rglob("*.label"))
    invalid, image = label.with_suffix(".invalid"), next(tree.rglob("*.png"))
    save_rgb(image, np.zeros((376, 1241, 3), np.uint8))
    with pytest.raises(InputError, match=r"000005\.png: expected an image of \(H, W\) \(376, 1408\) .* \(376, 1241\)"):
        dataset[0]
    invalid.write_bytes(bytes(100))
    with pytest.raises(InputError, match=r"000005\.invalid: expected 262144 bytes .* got 100"):
        dataset[0]
    np.full(SHAPE, 7, np.uint8).tofile(invalid)
    with pytest.raises(InputError, match="expected bytes of 0 and 1, got 7"):
        dataset[0]
    np.full(SHAPE, 9, "<u2").tofile(label)
    with pytest.raises(InputError, match=r"000005\.label: raw class id 9 is not SSCBench-KITTI-360's"):
        dataset[0]
    with pytest.raises(InputError, match=r"no KITTI-360 test frames .*2013_05_28_drive_00SS_sync.* one of 09"):
        open_dataset("kitti360", tree, "test")
    with pytest.raises(InputError, match="expected one of train, val, test, got 'dev'"):
        open_dataset("kitti360", tree, "dev")
    with pytest.raises(InputError, match="got none"):
        open_dataset("kitti360", None, "train")
