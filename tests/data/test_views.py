"""Frames of streets: what they show belongs together, and comes back from the cache as it was."""

from dataclasses import replace

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.export import export_world
from occforge.data.pairs import DatasetPairs, WorldPairs
from occforge.data.views import DatasetViews, ViewCache, WorldViews
from occforge.render.raycast import raycast
from occforge.world.street import make_street

SOURCE = WorldViews(WorldPairs(3_000_000_000, 3, (32, 96), varied=1.0), frames=3, step_m=1.0)


@pytest.fixture(scope="module")
def views():
    return SOURCE.views(1)


def test_pictures_are_those_of_the_pairs(views):
    pair = SOURCE.pairs.pair(1)
    assert np.array_equal(views.images_NHW3[0], pair.image_HW3) and np.array_equal(views.labels_XYZ, pair.labels_XYZ)
    assert views.attributes == make_street(3_000_000_001).attributes


def test_every_frame_is_seen_by_its_own_camera(views):
    coarse = Scene(views.labels_XYZ, SOURCE.pairs.grid, SEMANTIC_KITTI)
    for n, camera in enumerate(views.cameras):
        view = raycast(coarse, camera)
        assert np.array_equal(view.semantic_HW, views.coarse.semantic_NHW[n])
        assert np.allclose(view.depth_HW, views.coarse.depth_NHW_m[n], rtol=1e-3)
        assert np.array_equal(view.normal_HW3, views.coarse.normal_NHW3[n])
    places = np.array([c.grid_from_camera_44[:3, 3] for c in views.cameras])
    assert np.allclose(np.diff(places, axis=0), [1.0, 0.0, 0.0], atol=1e-9)
    assert (views.images_NHW3[0] != views.images_NHW3[2]).mean() > 0.2


def test_fine_views_show_more_than_coarse_ones_and_agree_mostly(views):
    fine, coarse = views.fine, views.coarse
    assert (fine.voxel_m, coarse.voxel_m) == pytest.approx((0.2, 0.8))
    both = (fine.depth_NHW_m > 0) & (coarse.depth_NHW_m > 0)
    assert (fine.semantic_NHW == coarse.semantic_NHW).mean() > 0.6
    nearer = (fine.depth_NHW_m - coarse.depth_NHW_m)[both] / fine.depth_NHW_m[both]
    assert 0.0 < np.median(nearer) < 0.3, "pooled ground is thicker, and so nearer"
    assert (fine.semantic_NHW != coarse.semantic_NHW).any()


def test_the_cache_gives_back_what_was_made(tmp_path, views):
    back = ViewCache(tmp_path, SOURCE)[1]
    assert back.attributes == views.attributes and len(back.cameras) == 3
    for name in ("images_NHW3", "labels_XYZ"):
        assert np.array_equal(getattr(back, name), getattr(views, name)), name
    for one, two in ((back.fine, views.fine), (back.coarse, views.coarse)):
        assert one.voxel_m == two.voxel_m and one.normal_NHW3.dtype == np.int8
        for name in ("semantic_NHW", "depth_NHW_m", "normal_NHW3"):
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
    for one, two in zip(back.cameras, views.cameras, strict=True):
        assert np.array_equal(one.camera_from_grid_44, two.camera_from_grid_44) and one.size_HW == two.size_HW
    assert ViewCache(tmp_path, replace(SOURCE, step_m=0.5)).shards.folder != ViewCache(tmp_path, SOURCE).shards.folder


def test_paths_that_cannot_be():
    with pytest.raises(InputError, match="1 frame or more, got 0"):
        WorldViews(SOURCE.pairs, frames=0)


def test_frames_of_a_dataset_have_views_too(tmp_path):
    export_world(tmp_path / "world", "semantic_kitti", 2)
    pairs = DatasetPairs("semantic_kitti", tmp_path / "world", "train", (32, 96), 4)
    source = DatasetViews(pairs)
    assert len(source) == 2
    seen, pair = source.views(0), pairs.pair(0)
    assert np.array_equal(seen.images_NHW3[0], pair.image_HW3) and np.array_equal(seen.labels_XYZ, pair.labels_XYZ)
    view = raycast(pairs.sample(0).scene, pair.camera)
    assert np.array_equal(view.semantic_HW, seen.fine.semantic_NHW[0]) and seen.fine.semantic_NHW.any()
    back = ViewCache(tmp_path / "cache", source)[0]
    assert back.attributes == {}, "of its caption nothing is known"
    assert np.array_equal(back.coarse.semantic_NHW, seen.coarse.semantic_NHW)
