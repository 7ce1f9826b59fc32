"""nuScenes-Occupancy and Occ3D: voxels, masks, cameras through the tables, splits, bad files named."""

import json
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occforge.core.camera import CAMERA_FROM_EGO_33
from occforge.core.errors import InputError
from occforge.core.taxonomy import NUSCENES_OCC, OCC3D
from occforge.data import nuscenes_occ, occ3d, open_dataset
from occforge.data._nuscenes import in_split, read_tables
from occforge.metrics.iou import IoU
from occforge.render.picture import save_rgb
from occforge.render.raycast import raycast

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nuscenes_tree import K_33, SIZE_HW, write_nuscenes, write_occ3d, write_occupancy

SAMPLES = {"a": "scene-0001", "b": "scene-0001", "c": "scene-0003"}
FULL = Path("v1.0-trainval")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three samples of a training and a validation scene, in both layouts; a car 10 m ahead."""
    write_nuscenes(tmp_path / "nuscenes", SAMPLES)
    for token, scene in SAMPLES.items():
        write_occupancy(tmp_path, token, scene, np.array([[23, 306, 256, 4]]))
        semantics = np.full((200, 200, 16), 17, np.uint8)
        semantics[125, 100, 5] = 4
        write_occ3d(tmp_path, token, scene, semantics=semantics)
    return tmp_path


def test_official_splits() -> None:
    val = [n for n in range(1, 1111) if in_split(f"scene-{n:04d}", "val", FULL)]
    assert len(val) == 150 and {3, 12, 110, 221, 565, 802, 916, 1073} <= set(val) and not {1, 61, 918, 1074} & set(val)
    assert in_split("scene-0001", "train", FULL) and not in_split("elsewhere", "train", FULL)
    mini = Path("v1.0-mini")
    assert in_split("scene-0553", "train", mini) and in_split("scene-0103", "val", mini)
    with pytest.raises(InputError, match=r"expected split train or val \(test has no labels\), got 'test'"):
        in_split("scene-0001", "test", FULL)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 999), dtype=st.sampled_from(["u2", "i8", "f8"]))
def test_rows_become_voxels(tmp_path_factory: pytest.TempPathFactory, seed: int, dtype: str) -> None:
    """Rows (z, y, x, class) in the LiDAR's axes: x is right, y forward; noise is unknown, what is not listed empty."""
    rng = np.random.default_rng(seed)
    row_N4 = np.unique(rng.integers(0, (40, 512, 512, 1), (300, 4)), axis=0)
    row_N4[:, 3] = rng.integers(0, 17, len(row_N4))
    path = write_occupancy(tmp_path_factory.mktemp("n"), "a", "scene-0001", row_N4.astype(dtype))
    labels_XYZ = nuscenes_occ.read_labels(path)
    z_N, y_N, x_N, label_N = row_N4.T
    np.testing.assert_array_equal(labels_XYZ[y_N, 511 - x_N, z_N], np.where(label_N == 0, 255, label_N))
    assert np.count_nonzero(labels_XYZ) == len(row_N4)


def test_the_most_frequent_row_counts(tmp_path: Path) -> None:
    rows = [[1, 2, 3, 5], [1, 2, 3, 7], [1, 2, 3, 7], [0, 0, 0, 9], [0, 0, 0, 8], [4, 4, 4, 0], [4, 4, 4, 16]]
    labels_XYZ = nuscenes_occ.read_labels(write_occupancy(tmp_path, "a", "s", np.array(rows)))
    assert (labels_XYZ[2, 508, 1], labels_XYZ[0, 511, 0], labels_XYZ[4, 507, 4]) == (7, 8, 16)


@pytest.mark.parametrize("name", ["nuscenes_occ", "occ3d"])
def test_the_car_ahead_is_ahead_in_the_picture(tree: Path, name: str) -> None:
    sample = open_dataset(name, tree, "train")[0]
    view = raycast(sample.scene, sample.camera)
    row_N, column_N = np.nonzero(view.semantic_HW == NUSCENES_OCC.id_of("car"))
    assert row_N.size and abs(column_N.mean() - K_33[0][2]) < 4 and abs(row_N.mean() - K_33[1][2]) < 12
    assert 6.5 < view.depth_HW[row_N, column_N].min() < 10
    np.testing.assert_array_equal(sample.camera.K_33, K_33)
    np.testing.assert_allclose(sample.camera.camera_from_grid_44[:3, :3], CAMERA_FROM_EGO_33, atol=1e-9)
    assert sample.image_HW3.shape == (*SIZE_HW, 3) and len(open_dataset(name, tree, "val")) == 1
    frames = [frame.name for frame in open_dataset(name, tree, "train", images=False)]
    assert frames == sorted(frames) and len(frames) == 2 and frames[0].startswith("scene-0001/")
    assert open_dataset(name, tree, "val", images=False)[0].camera is None


def test_the_car_moves_between_scan_and_picture(tmp_path: Path) -> None:
    """2 m further along when the picture was taken: the camera stands 2 m further in the grid, whatever its yaw."""
    write_nuscenes(tmp_path, SAMPLES, ahead_m=2.0)
    made = read_tables(tmp_path / "v1.0-trainval", "CAM_FRONT")
    np.testing.assert_allclose(made.camera("a", "ego").grid_from_camera_44[:3, 3], (3.7, 0, 1.5), atol=1e-6)
    lidar = made.camera("a", "lidar").grid_from_camera_44[:3, 3]
    np.testing.assert_allclose(lidar, (3.7 - 0.94, 0, 1.5 - 1.84), atol=1e-6)
    assert len(made.views) == len(made.scans) == 3  # no sweeps


def test_camera_by_name(tree: Path) -> None:
    assert len(nuscenes_occ.open(tree, "train", camera="CAM_BACK")) == 2
    with pytest.raises(InputError, match=r"expected one of CAM_FRONT, .* got 'CAM_TOP'"):
        occ3d.open(tree, "train", camera="CAM_TOP")


def test_masks_and_remapping(tmp_path: Path) -> None:
    shape = (200, 200, 16)
    rng = np.random.default_rng(0)
    semantics = np.resize(np.arange(18, dtype=np.uint8), shape)
    lidar = rng.random(shape) < 0.5
    camera = lidar & (rng.random(shape) < 0.5)
    write_occ3d(
        tmp_path,
        "a",
        "scene-0001",
        semantics=semantics,
        mask_lidar=lidar.astype(np.uint8),
        mask_camera=camera.astype(int),
    )
    sample = open_dataset("occ3d", tmp_path, "train", images=False)[0]
    expected_XYZ = np.where(semantics == 17, np.where(lidar, 0, 255), np.where(semantics == 0, 17, semantics))
    np.testing.assert_array_equal(sample.scene.labels_XYZ, expected_XYZ)
    np.testing.assert_array_equal(sample.scored_XYZ, camera)
    assert OCC3D.names[1:17] == NUSCENES_OCC.names[1:] and OCC3D.names[17] == "others"


def test_bad_occupancy_is_named(tree: Path) -> None:
    path = write_occupancy(tree, "a", "scene-0001", np.zeros((2, 3)))
    for rows, says in [
        (np.zeros((2, 3)), r"expected rows of four numbers \(z, y, x, class\), got float64 \(2, 3\)"),
        (np.array([[40, 0, 0, 1]]), r"below \(40, 512, 512, 17\), got \[40, 0, 0, 1\] and 0 more"),
        (np.array([[0, 0, 0, 17], [0, -1, 0, 1]]), "and 1 more"),
        (np.array([[0, 0, 0.5, 1]]), "expected whole rows"),
        (np.array([["a", "b", "c", "d"]]), "expected rows of four numbers"),
    ]:
        np.save(path, rows)
        with pytest.raises(InputError, match=rf"LIDAR_TOP-a\.npy: .*{says}"):
            nuscenes_occ.read_labels(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="expected a NumPy array, cannot read it"):
        nuscenes_occ.read_labels(path)
    np.lib.format.write_array_header_1_0(stream := BytesIO(), {"descr": "|O", "fortran_order": False, "shape": (1,)})
    path.write_bytes(stream.getvalue() + b"an object would be unpickled here")
    with pytest.raises(InputError, match="expected a NumPy array, cannot read it"):
        nuscenes_occ.read_labels(path)


def test_bad_occ3d_is_named(tmp_path: Path) -> None:
    path = write_occ3d(tmp_path, "a", "scene-0001", semantics=np.full((200, 200, 16), 18, np.uint8))
    with pytest.raises(InputError, match=r"labels\.npz: semantics: expected integers of 0-17 .* of 18-18"):
        occ3d.read_frame(path)
    write_occ3d(tmp_path, "a", "scene-0001", mask_camera=np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(
        InputError, match=r"mask_camera: expected integers of 0-1 \(200, 200, 16\), got uint8 \(2, 2, 2\)"
    ):
        occ3d.read_frame(path)
    np.savez(path, semantics=np.zeros(3))
    with pytest.raises(InputError, match="expected an archive of semantics, mask_lidar and mask_camera, cannot read"):
        occ3d.read_frame(path)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match="cannot read it"):
        occ3d.read_frame(path)


def test_bad_tables_are_named(tree: Path) -> None:
    folder = tree / "nuscenes" / "v1.0-trainval"

    def damaged(table: str, change: object) -> str:
        path = folder / f"{table}.json"
        good = path.read_text()
        path.write_text(change(good) if callable(change) else change)
        with pytest.raises(InputError) as caught:
            open_dataset("occ3d", tree, "train")
        path.write_text(good)
        assert str(path) in str(caught.value)
        return str(caught.value)

    def edited(**fields: object) -> object:
        return lambda text: json.dumps([{**record, **fields} for record in json.loads(text)])

    assert "expected a JSON list of records, got '{'" in damaged("scene", "{")
    assert "expected a JSON list of records" in damaged("sample", lambda text: text[:-20])
    assert "expected records with channel" in damaged("sensor", '[{"token": "a"}]')
    assert "expected a 3x3 camera_intrinsic" in damaged("calibrated_sensor", edited(camera_intrinsic=[1, 2]))
    assert "expected a unit quaternion" in damaged("calibrated_sensor", edited(rotation=[1, 1, 0, 0]))
    assert "expected a unit quaternion" in damaged("ego_pose", edited(translation="here"))
    assert "expected the pose pose-" in damaged("ego_pose", "[]")
    (folder / "ego_pose.json").unlink()
    with pytest.raises(InputError, match=r"ego_pose\.json: expected a nuScenes table, cannot read it"):
        open_dataset("occ3d", tree, "train")
    assert len(open_dataset("occ3d", tree, "train", images=False)) == 2


def test_pictures_and_tables_must_fit(tree: Path, tmp_path: Path) -> None:
    path = tree / "nuscenes" / "samples" / "CAM_FRONT" / "a.png"
    dataset = open_dataset("nuscenes_occ", tree, "train")
    save_rgb(path, np.zeros((45, 80, 3), np.uint8))
    with pytest.raises(InputError, match=r"a\.png: expected an image of \(H, W\) \(90, 160\) .* got \(45, 80\)"):
        dataset[0]
    path.unlink()
    with pytest.raises(InputError, match=r"a\.png: expected a PNG or JPEG image, cannot read it"):
        dataset[0]
    write_occupancy(tree, "unknown", "scene-0001", np.zeros((0, 4), int))
    with pytest.raises(InputError, match=r"LIDAR_TOP-unknown\.npy: expected its LiDAR scan .* found none"):
        open_dataset("nuscenes_occ", tree, "train")[2]
    for name in ("nuscenes_occ", "occ3d"):
        with pytest.raises(InputError, match="got none"):
            open_dataset(name, None, "train")
        with pytest.raises(InputError, match="expected"):
            open_dataset(name, tree / "nowhere", "train")


@pytest.mark.real
def test_real_occ3d_frame(realdata: Path, tmp_path: Path) -> None:
    """Its road lies flat below the camera and in the lower half of a picture ahead; what it scores is what it knows."""
    write_nuscenes(tmp_path, {"a": "scene-0001"})
    path = tmp_path / "gts" / "scene-0001" / "a" / "labels.npz"
    path.parent.mkdir(parents=True)
    path.symlink_to(realdata / "occ3d" / "labels.npz")
    sample = open_dataset("occ3d", tmp_path, "train")[0]
    labels_XYZ, scored_XYZ = sample.scene.labels_XYZ, sample.scored_XYZ
    with np.load(realdata / "occ3d" / "labels.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(scored_XYZ, file["mask_camera"] == 1)
        np.testing.assert_array_equal(labels_XYZ[scored_XYZ] == 0, file["semantics"][scored_XYZ] == 17)
    assert not np.any(labels_XYZ[scored_XYZ] == 255)
    assert np.any(~scored_XYZ & (labels_XYZ > 0) & (labels_XYZ < 255))  # labels outside the mask stay
    road = OCC3D.id_of("driveable-surface")
    assert np.percentile(np.argwhere(labels_XYZ == road)[:, 2], 95) <= 1
    rows = np.nonzero(raycast(sample.scene, sample.camera).semantic_HW == road)[0]
    assert rows.size > 1000 and np.mean(rows > K_33[1][2]) > 0.95
    score = IoU(OCC3D.class_count)
    score.add(np.where(labels_XYZ == 255, 0, labels_XYZ), labels_XYZ, scored_XYZ)
    assert score.result("skip").miou == 1.0 and score.result().scored_voxels == scored_XYZ.sum()
