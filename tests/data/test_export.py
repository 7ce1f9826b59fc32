"""Datasets by name, the world as a dataset, and its export: readable, resumable, the same with many workers."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.data import Sample, carla_sc, export, open_dataset, procedural, semantic_kitti
from occforge.data._scan import AROUND_DEG, FORWARD_DEG, scan
from occforge.data.dataset import dataset_names
from occforge.data.export import export_world
from occforge.render.raycast import raycast

SIZE_HW = (37, 122)


def plain_street(seed: int, camera: object = None) -> Sample:
    """A flat road between a wall and the open, with one car: stands in for the world where its looks do not matter."""
    labels_XYZ = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    labels_XYZ[:, :, 1] = SEMANTIC_KITTI.id_of("road")
    labels_XYZ[:, 180:, 2:20] = SEMANTIC_KITTI.id_of("building")
    x = 40 + seed % 100
    labels_XYZ[x : x + 20, 120:130, 2:9] = SEMANTIC_KITTI.id_of("car")
    image = None if camera is None else np.full((*camera.size_HW, 3), seed % 256, np.uint8)
    return Sample(
        Scene(labels_XYZ, STREET_GRID, SEMANTIC_KITTI),
        image,
        camera,
        f"street {seed}",
        {"layout": "straight"},
        f"{seed}",
    )


@pytest.fixture
def plain_world(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The plain street instead of the world; the list collects the seeds that were made."""
    made: list[int] = []

    def make_sample(seed: int, camera: object) -> Sample:
        made.append(seed)
        return plain_street(seed, camera)

    monkeypatch.setattr(export, "make_sample", make_sample)
    return made


def tree_bytes(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_datasets_are_found_by_listing_modules() -> None:
    assert {"carla_sc", "procedural", "semantic_kitti"} <= set(dataset_names())
    assert not {"dataset", "export"} & set(dataset_names())
    with pytest.raises(InputError, match=r"no dataset 'kitti'; expected one of carla_sc, .*procedural"):
        open_dataset("kitti", None, "train")


def test_a_dotted_name_loads_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = types.ModuleType("outside"), types.ModuleType("outside.streets")
    module.open = lambda root, split, images: procedural.Procedural(7, 2)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "outside", package)
    monkeypatch.setitem(sys.modules, "outside.streets", module)
    assert len(open_dataset("outside.streets", None, "train")) == 2
    with pytest.raises(InputError, match="cannot import dataset module"):
        open_dataset("outside.nothing", None, "train")
    with pytest.raises(InputError, match="defines no open"):
        open_dataset("os.path", None, "train")


def test_sample_refuses_an_image_that_its_camera_does_not_fit() -> None:
    scene = plain_street(0).scene
    with pytest.raises(InputError, match=r"expects an image of \(H, W\) \(37, 122\), got \(10, 10\)"):
        Sample(scene, np.zeros((10, 10, 3), np.uint8), street_camera(SIZE_HW), None, None, "a")
    with pytest.raises(InputError, match="expected a uint8"):
        Sample(scene, np.zeros((10, 10), np.uint8), None, None, None, "a")


def test_seed_ranges_of_the_splits_are_disjoint() -> None:
    for first_seed, count in procedural.SPLITS.values():
        procedural.check_seeds(first_seed, count)
    procedural.check_seeds(procedural.TRAIN_FIRST_SEED, procedural.VAL_FIRST_SEED)
    for first_seed, count in [(0, 0), (-1, 5), (procedural.END_SEED, 1)]:
        with pytest.raises(InputError, match="at least one sample and seeds in 0-3999999999"):
            procedural.Procedural(first_seed, count)
    for start in (procedural.VAL_FIRST_SEED, procedural.TEST_FIRST_SEED, procedural.END_SEED):
        with pytest.raises(InputError, match=f"another split, which starts at {start}"):
            procedural.Procedural(start - 1, 2)
    with pytest.raises(InputError, match="procedural split: expected one of train, val, test"):
        open_dataset("procedural", None, "dev")


def test_scan_sees_surfaces_and_hides_what_lies_behind() -> None:
    scene = plain_street(0).scene
    hit_XYZ, occluded_XYZ = scan(scene)
    assert not np.any(hit_XYZ & occluded_XYZ) and not np.any(hit_XYZ & (scene.labels_XYZ == 0))
    assert hit_XYZ[40, 120:130, 2:9].all()  # the car's rear
    assert occluded_XYZ[41:59, 121:129, 2:8].all() and occluded_XYZ[:, 185:, 2:19].all()  # inside it; behind the wall
    assert occluded_XYZ[62:70, 123:127, 2:6].all() and not occluded_XYZ[20:38, 123:133, 6:14].any()
    labels_XYZ = scene.labels_XYZ.copy()
    labels_XYZ[:, :60] = 255
    hit_XYZ, occluded_XYZ = scan(Scene(labels_XYZ, STREET_GRID, SEMANTIC_KITTI), yaw_deg=AROUND_DEG[:1])
    assert occluded_XYZ[:, :60].all() and not hit_XYZ[:, :60].any()


def test_scan_equals_its_plain_reference() -> None:
    """Free voxels: the centre projects into a fan's picture and lies before the surface there."""
    rng = np.random.default_rng(0)
    grid = GridSpec((16, 16, 8), (1.0, 1.0, 0.5), (0.0, -8.0, -2.0))
    labels_XYZ = np.where(rng.random(grid.shape_XYZ) < 0.05, 1, 0).astype(np.uint8)
    scene = Scene(labels_XYZ, grid, SEMANTIC_KITTI)
    hit_XYZ, occluded_XYZ = scan(scene)
    seen_XYZ = np.zeros(grid.shape_XYZ, bool)
    for yaw in np.radians(FORWARD_DEG):
        camera = look_camera((0, 0, 0), np.radians(60), (288, 400), yaw)
        view = raycast(scene, camera)
        pixel_N2, depth_N = camera.project(grid.metres_from_index(np.argwhere(labels_XYZ < 2) + 0.5))
        for n, ((u, v), depth) in enumerate(zip(pixel_N2, depth_N, strict=True)):
            if depth > 0 and 0 <= u < 400 and 0 <= v < 288:
                surface_m = view.depth_HW[int(v), int(u)] if view.voxel_HW[int(v), int(u)] >= 0 else np.inf
                seen_XYZ.flat[n] |= depth < surface_m
        seen_XYZ.flat[view.voxel_HW[view.voxel_HW >= 0]] = True
    np.testing.assert_array_equal(occluded_XYZ, ~seen_XYZ)
    assert hit_XYZ.any() and not np.any(hit_XYZ & (labels_XYZ == 0))


def test_kitti_export_is_what_its_reader_reads(tmp_path: Path, plain_world: list[int]) -> None:
    folder = export_world(tmp_path, "semantic_kitti", 3, first_seed=10, sequence="02", size_HW=SIZE_HW)
    dataset = open_dataset("semantic_kitti", tmp_path, "train")
    assert [sample.name for sample in dataset] == ["02/000000", "02/000005", "02/000010"]
    for seed, sample in enumerate(dataset, 10):
        made = plain_street(seed, street_camera(SIZE_HW))
        np.testing.assert_array_equal(sample.scene.labels_XYZ, made.scene.labels_XYZ)
        np.testing.assert_array_equal(sample.image_HW3, made.image_HW3)
        np.testing.assert_array_equal(sample.camera.camera_from_grid_44, made.camera.camera_from_grid_44)
        assert sample.caption == f"street {seed}" and sample.mentioned == {"layout": "straight"}
    masks = semantic_kitti.read_masks(folder / "voxels" / "000005.label")
    hit_XYZ, occluded_XYZ = scan(plain_street(11).scene)
    np.testing.assert_array_equal(masks.bin_XYZ, hit_XYZ)
    np.testing.assert_array_equal(masks.occluded_XYZ, occluded_XYZ)
    assert not masks.invalid_XYZ.any()
    poses_N44 = semantic_kitti.read_poses(folder / "poses.txt")
    assert len(poses_N44) == 11 and poses_N44[5, 2, 3] == 1000 and len((folder / "times.txt").read_text().split()) == 11
    assert (folder / "captions.txt").read_text().splitlines()[1] == "000005\tstreet 11"


def test_carla_export_is_what_its_reader_reads(tmp_path: Path, plain_world: list[int]) -> None:
    folder = export_world(tmp_path, "carla_sc", 2, sequence="Town10_Light", size_HW=SIZE_HW)
    dataset = open_dataset("carla_sc", tmp_path, "val")
    assert len(dataset) == 2 and dataset.grid == carla_sc.COARSE_GRID
    sample = dataset[1]
    labels_XYZ = sample.scene.labels_XYZ
    assert sample.caption == "street 1" and sample.scene.valid_XYZ.all()
    # The road's layer spans -1.8 to -1.6 m: its centres lie in the lowest 0.375 m, and there only.
    np.testing.assert_array_equal(labels_XYZ[:, :80, 0], CARLA_SC.id_of("road"))
    assert not labels_XYZ[:20, :80, 1:].any()
    car_N3 = np.argwhere(labels_XYZ == CARLA_SC.id_of("vehicle"))
    low_m, high_m = (
        dataset.grid.metres_from_index(car_N3.min(axis=0)),
        dataset.grid.metres_from_index(car_N3.max(0) + 1),
    )
    # Seed 1: x 8.2 to 12.2 m down the street, so 17.4 to 13.4 m behind the sensor.
    np.testing.assert_allclose(low_m[:2], (-17.6, -1.6), atol=1e-9)
    np.testing.assert_allclose(high_m[:2], (-13.2, 0.4), atol=1e-9)
    point_N4 = np.fromfile(folder / "velodyne" / "000001.bin", "<f4").reshape(-1, 4)
    assert len(point_N4) > 1000 and np.all(np.abs(point_N4[:, :2]) < 25.6)
    # The camera stays at the street's beginning: it sees the same pixels as before.
    street = plain_street(1, street_camera(SIZE_HW))
    point_N3_m = np.array([[20.0, 1.0, -1.0], [30.0, -4.0, 0.0]])
    np.testing.assert_allclose(
        sample.camera.project(point_N3_m - (25.6, 0, 0))[0], street.camera.project(point_N3_m)[0], atol=1e-9
    )
    assert len(semantic_kitti.read_poses(folder / "poses.txt")) == 2


@pytest.mark.parametrize("layout", ["semantic_kitti", "carla_sc"])
def test_a_broken_export_is_resumed(tmp_path: Path, plain_world: list[int], layout: str) -> None:
    arguments = {"first_seed": 5, "size_HW": SIZE_HW}
    export_world(tmp_path / "whole", layout, 3, **arguments)
    folder = export_world(tmp_path / "broken", layout, 2, **arguments)
    next(path for path in sorted(folder.rglob("*.label"))).unlink()
    plain_world.clear()
    export_world(tmp_path / "broken", layout, 3, **arguments)
    assert plain_world == [5, 7]
    assert tree_bytes(tmp_path / "broken") == tree_bytes(tmp_path / "whole")
    export_world(tmp_path / "broken", layout, 1, **arguments)
    assert plain_world == [5, 7] and tree_bytes(tmp_path / "broken") == tree_bytes(tmp_path / "whole")
    with pytest.raises(InputError, match="was exported with another first_seed"):
        export_world(tmp_path / "broken", layout, 3, first_seed=6, size_HW=SIZE_HW)
    (folder / "export.json").write_text("{")
    with pytest.raises(InputError, match=r"export\.json is not readable"):
        export_world(tmp_path / "broken", layout, 3, **arguments)
    (folder / "export.json").unlink()
    with pytest.raises(InputError, match="holds files that no export wrote"):
        export_world(tmp_path / "broken", layout, 3, **arguments)


def test_bad_export_arguments_are_named(tmp_path: Path) -> None:
    for arguments, message in [
        ({"layout": "nuscenes"}, "expected one of semantic_kitti, carla_sc"),
        ({"count": 0}, "at least one sample"),
        ({"workers": 0}, "--workers: expected 1 or more, got 0"),
        ({"sequence": "Town01_Light"}, "two-digit sequence"),
        ({"layout": "carla_sc", "sequence": "00"}, "expected TownNN_Light"),
        ({"count": 200_001}, "at most 200000 frames"),
    ]:
        with pytest.raises(InputError, match=message):
            export_world(tmp_path, **{"layout": "semantic_kitti", "count": 1, **arguments})
    assert not list(tmp_path.iterdir())


def test_a_bad_caption_file_is_named(tmp_path: Path, plain_world: list[int]) -> None:
    folder = export_world(tmp_path, "semantic_kitti", 1, images=False)
    (folder / "captions" / "000000.json").write_text(json.dumps({"caption": "a"}))
    with pytest.raises(InputError, match=r"000000\.json: expected a JSON object with caption and mentioned"):
        open_dataset("semantic_kitti", tmp_path, "train", images=False)[0]


def test_the_world_is_a_dataset() -> None:
    dataset = open_dataset("procedural", None, "val", images=False)
    first, again = dataset[0], procedural.Procedural(procedural.VAL_FIRST_SEED, 1)[0]
    np.testing.assert_array_equal(first.scene.labels_XYZ, again.scene.labels_XYZ)
    assert first.scene.grid == dataset.grid and first.scene.taxonomy == dataset.taxonomy
    assert first.caption == again.caption and first.mentioned == again.mentioned and first.name == "2000000000"
    assert first.image_HW3 is None and first.camera is None
    assert not np.array_equal(first.scene.labels_XYZ, dataset[1].scene.labels_XYZ)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_the_world_has_pictures() -> None:
    sample = procedural.Procedural(0, 1, images=True, camera=street_camera((48, 160)))[0]
    assert sample.image_HW3.shape == (48, 160, 3) and sample.image_HW3.std() > 1


def test_workers_write_the_same_bytes(tmp_path: Path) -> None:
    for workers in (1, 2):
        export_world(tmp_path / f"{workers}", "semantic_kitti", 2, workers=workers, size_HW=(24, 80))
    assert tree_bytes(tmp_path / "1") == tree_bytes(tmp_path / "2")
