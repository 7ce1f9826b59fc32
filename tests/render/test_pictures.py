"""Maps, oblique pictures, contact sheets and the files that pictures go to."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.render.bev import UNKNOWN_COLOR, bev, top_labels
from occforge.render.oblique import oblique, oblique_camera
from occforge.render.picture import load_depth, save_depth, save_rgb, save_semantic, sheet


def test_map_has_forward_up_and_left_left(street: Scene) -> None:
    labels_XYZ = np.zeros_like(street.labels_XYZ)
    labels_XYZ[-1, -1, 0] = SEMANTIC_KITTI.id_of("road")  # the far left corner
    picture = bev(Scene(labels_XYZ, street.grid, street.taxonomy), 3)
    assert picture.shape == (192, 192, 3) and picture.dtype == np.uint8
    assert picture[0, 0, 1] < 60  # magenta
    assert picture[0, 3, 1] > 200 and picture[3, 0, 1] > 200


def test_map_shows_the_topmost_class(street: Scene) -> None:
    label_XY, height_XY = top_labels(street)
    assert label_XY[28, 30] == SEMANTIC_KITTI.id_of("car") and height_XY[28, 30] == 4
    assert label_XY[40, 12] == SEMANTIC_KITTI.id_of("vegetation")
    assert label_XY[0, 30] == SEMANTIC_KITTI.id_of("road") and height_XY[0, 30] == 0


def test_map_tells_unknown_from_empty(street: Scene) -> None:
    labels_XYZ = np.zeros_like(street.labels_XYZ)
    labels_XYZ[0, 0] = 255
    picture = bev(Scene(labels_XYZ, street.grid, street.taxonomy), 1)
    assert tuple(picture[-1, -1]) == UNKNOWN_COLOR
    assert tuple(picture[0, 0]) != UNKNOWN_COLOR


def test_oblique_shows_the_whole_scene_on_white(street: Scene) -> None:
    picture = oblique(street, (60, 80))
    assert picture.shape == (60, 80, 3) and picture.dtype == np.uint8
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] > 235).all()
    colored = np.ptp(picture.astype(int), axis=2) > 30
    assert colored.mean() > 0.2
    np.testing.assert_array_equal(picture, oblique(street, (60, 80)))
    low, extent = np.asarray(street.grid.origin_m), np.asarray(street.grid.extent_m)
    corner_83 = np.array([low + extent * [i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    pixel_82, depth_8 = oblique_camera(street, (60, 80)).project(corner_83)
    assert (depth_8 > 0).all() and (pixel_82 > 0).all() and (pixel_82 < [80, 60]).all()


def test_sheet_keeps_every_picture() -> None:
    images = [np.full((4, 6, 3), 10 * i, np.uint8) for i in range(5)]
    page = sheet(images, 2, gap=1)
    assert page.shape == (3 * 5 + 1, 2 * 7 + 1, 3)
    for i, image in enumerate(images):
        top, left = 1 + (i // 2) * 5, 1 + (i % 2) * 7
        np.testing.assert_array_equal(page[top : top + 4, left : left + 6], image)
    with pytest.raises(InputError, match="at least one picture"):
        sheet([], 2)


def test_files_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb_HW3 = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    save_rgb(tmp_path / "deep" / "rgb.png", rgb_HW3)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "rgb.png")), rgb_HW3)

    depth_HW = np.array([[0.0, 1.2345, 65.5], [65.535, 80.0, 3.0]], np.float32)
    save_depth(tmp_path / "depth.png", depth_HW)
    np.testing.assert_allclose(load_depth(tmp_path / "depth.png"), np.minimum(depth_HW, 65.535), atol=0.00051)
    assert np.asarray(Image.open(tmp_path / "depth.png")).dtype in (np.uint16, np.int32)

    semantic_HW = np.array([[0, 1, 19], [255, 9, 0]], np.uint8)
    save_semantic(tmp_path / "semantic.png", semantic_HW, SEMANTIC_KITTI)
    with Image.open(tmp_path / "semantic.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), semantic_HW)
        assert tuple(np.asarray(image.convert("RGB"))[0, 1]) == SEMANTIC_KITTI.colors[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "depth.png", "semantic.png"]


def test_wrong_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"uint8 \(H, W, 3\)"):
        save_rgb(tmp_path / "a.png", np.zeros((3, 3, 3)))
    with pytest.raises(InputError, match="depth picture"):
        save_depth(tmp_path / "a.png", np.zeros((3, 3, 1)))
    with pytest.raises(InputError, match="scale"):
        bev(Scene(np.zeros((2, 2, 2), np.uint8), _tiny(), SEMANTIC_KITTI), 0)


def _tiny():  # type: ignore[no-untyped-def]
    from occforge.core.grid import GridSpec

    return GridSpec((2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
