"""Pairs and what augmentation does to them: the camera must go on seeing the scene as the picture shows it."""

import math

import numpy as np
import pytest
import torch

from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.data.export import export_world
from occforge.data.pairs import DatasetPairs, JoinedPairs, Pair, PairCache, WorldPairs, what_pixels_show
from occforge.render.raycast import raycast
from occforge.train.augment import Augmentation, estimated, mirror, noisy, recolor, restyle, turn, zoom
from occforge.world.street import make_street

GRID = GridSpec((8, 8, 4), (6.4, 6.4, 1.6), (0.0, -25.6, -2.0))


def painted_pair(rng: np.random.Generator, size_HW: tuple[int, int] = (60, 90)) -> Pair:
    """A picture whose pixels say where they lie: red is the column, green the row."""
    H, W = size_HW
    image = np.zeros((H, W, 3), np.uint8)
    image[..., 0] = (np.arange(W) + 0.5)[None] / W * 255
    image[..., 1] = (np.arange(H) + 0.5)[:, None] / H * 255
    depth = np.broadcast_to((np.arange(W, dtype=np.float32) + 0.5) / W, (H, W))  # metres that red says too
    kind = np.broadcast_to(np.arange(W, dtype=np.uint8), (H, W))  # the column
    return Pair(image, street_camera(size_HW), rng.integers(0, 20, GRID.shape_XYZ).astype(np.uint8), depth, depth, kind)


def painted_at(pair: Pair, point_N3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours that a pair shows at points of the grid frame, and which points it shows."""
    pixel, depth = pair.camera.project(point_N3)
    H, W = pair.camera.size_HW
    inside = (depth > 0) & (pixel >= 1).all(1) & (pixel[:, 0] < W - 1) & (pixel[:, 1] < H - 1)
    u, v = np.clip(pixel, 0, [W - 1, H - 1]).astype(int).T
    return pair.image_HW3[v, u].astype(float), inside


@pytest.mark.parametrize("seed", range(5))
def test_zoomed_pictures_show_each_point_in_its_colour(seed):
    rng = np.random.default_rng(seed)
    pair = painted_pair(rng)
    points = rng.uniform((2, -25, -2), (50, 25, 4), (500, 3))
    zoomed = zoom(pair, 1.3, (rng.random(), rng.random()))
    assert zoomed.image_HW3.shape == pair.image_HW3.shape
    before, seen_before = painted_at(pair, points)
    after, seen_after = painted_at(zoomed, points)
    both = seen_before & seen_after
    assert both.sum() > 50 and np.abs(before - after)[both].max() < 255 * 1.6 / 60


def test_depth_goes_with_its_picture():
    rng = np.random.default_rng(0)
    pair = painted_pair(rng)
    everything = Augmentation(zoomed=1.0, zoom=1.5, color=0.0, turn_deg=5.0)
    for changed in (mirror(pair, GRID), zoom(pair, 1.4, (0.3, 0.9)), everything(pair, GRID, rng)):
        assert changed.depth_HW_m.shape == pair.depth_HW_m.shape and changed.depth_HW_m.dtype == np.float32
        assert np.abs(changed.depth_HW_m - changed.image_HW3[..., 0] / 255)[:, 2:-2].max() < 1.1 / 90
        assert (
            np.abs((changed.class_HW + 0.5) / 90 - changed.depth_HW_m).max() < 1e-5
            and changed.class_HW.dtype == np.uint8
        )


def test_unknown_voxels_hide_what_lies_behind_them():
    labels = np.zeros(GRID.shape_XYZ, np.uint8)
    labels[3, :4], labels[5], labels[7] = UNKNOWN, 4, 9
    surface, kind = what_pixels_show(Scene(labels, GRID, SEMANTIC_KITTI), street_camera((16, 48)))
    left, right = kind[7:9, 30:], kind[7:9, 2:18]  # y runs to the left, so its first half is on the right
    assert (left == UNKNOWN).all() and (right == 4).all() and not surface[7:9, 30:].any()
    np.testing.assert_allclose(surface[7:9, 2:18], 5 * 6.4 - 0.27, atol=1e-3)


def test_pairs_of_the_world_say_what_every_pixel_shows(tmp_path):
    streets = WorldPairs(7, 2, (16, 48), varied=1.0)
    pair, seen, street = streets.pair(1), streets.seen(1), make_street(8)
    view = raycast(street.scene, streets.camera(1))
    np.testing.assert_array_equal(pair.surface_HW_m, view.depth_HW)
    np.testing.assert_array_equal(pair.class_HW, view.semantic_HW)
    assert (pair.class_HW > 0).mean() > 0.4 and ((pair.surface_HW_m > 0) == (pair.class_HW > 0)).all()
    assert pair.depth_HW_m is None, "no street comes with a depth sensor"
    assert pair.image_HW3.any() and not seen.image_HW3.any()
    for other in (PairCache(tmp_path, streets)[1], seen):
        for name in ("labels_XYZ", "surface_HW_m", "class_HW"):
            np.testing.assert_array_equal(getattr(other, name), getattr(pair, name))


def test_pairs_of_a_dataset_have_its_depth_and_may_be_some_of_them(tmp_path):
    every = DatasetPairs("rooms", None, "val", (48, 64))
    pairs = every.some(2)
    assert pairs.indices == (0, 250) and every.some(None) is every and every.some(1000) is every
    assert pairs.identity != every.identity and pairs.some(1).indices == (0,)
    with pytest.raises(InputError, match="pairs: expected 1 or more, got 0"):
        every.some(0)
    cached, made = PairCache(tmp_path, pairs)[1], every.pair(250)
    assert made.depth_HW_m.shape == (48, 64) and float(made.depth_HW_m.max()) > 1.0
    for name in ("image_HW3", "labels_XYZ", "depth_HW_m", "surface_HW_m", "class_HW"):
        assert np.array_equal(getattr(cached, name), getattr(made, name))


def test_another_calibration_makes_other_pairs(tmp_path):
    export_world(tmp_path / "world", "semantic_kitti", 1, size_HW=(24, 80))
    calib = next((tmp_path / "world").rglob("calib.txt"))
    folder, cameras = tmp_path / "cache", []
    for _ in range(2):
        pairs = DatasetPairs("semantic_kitti", tmp_path / "world", "train", (24, 80), 8)
        cameras.append(PairCache(folder, pairs)[0].camera)
        (tmp_path / "world" / "nowhere.txt").unlink(missing_ok=True)
        (tmp_path / "world" / "nowhere.txt").symlink_to(tmp_path / "gone")
        (tmp_path / "world" / "again").unlink(missing_ok=True)
        (tmp_path / "world" / "again").symlink_to(tmp_path / "world")  # a way round and round
        lines = calib.read_text().splitlines()
        calib.write_text("\n".join(scaled(line) if line.startswith("P2") else line for line in lines) + "\n")
    assert cameras[1].K_33[0, 0] == pytest.approx(2 * cameras[0].K_33[0, 0])


def scaled(line):
    """A line of a projection matrix whose focal lengths are twice as long."""
    name, *numbers = line.split()
    numbers[0], numbers[5] = (str(2 * float(numbers[i])) for i in (0, 5))
    return " ".join([name, *numbers])


def test_mirrored_pairs_are_the_mirrored_world():
    rng = np.random.default_rng(0)
    pair = painted_pair(rng)
    mirrored = mirror(pair, GRID)
    points = rng.uniform((2, -25, -2), (50, 25, 4), (500, 3))
    swapped = points * [1, -1, 1]
    colours, seen = painted_at(pair, points)
    colours_m, seen_m = painted_at(mirrored, swapped)
    assert np.array_equal(seen, seen_m) and np.abs(colours - colours_m)[seen].max() < 255 * 1.1 / 60
    index = np.floor(GRID.index_from_metres(points)).astype(int)
    index_m = np.floor(GRID.index_from_metres(swapped)).astype(int)
    assert np.array_equal(pair.labels_XYZ[tuple(index.T)], mirrored.labels_XYZ[tuple(index_m.T)])
    twice = mirror(mirrored, GRID)
    assert np.allclose(twice.camera.K_33, pair.camera.K_33)
    assert np.allclose(twice.camera.camera_from_grid_44, pair.camera.camera_from_grid_44)
    assert np.linalg.det(mirrored.camera.camera_from_grid_44) == pytest.approx(1.0)


@pytest.mark.parametrize(("degrees", "shift"), [(0.0, (0.0, 0.0)), (7.0, (0.0, 0.0)), (-4.0, (1.3, -0.7))])
def test_a_turned_grid_lies_under_the_same_picture(degrees, shift):
    grid = GridSpec((32, 32, 4), (1.6, 1.6, 1.6), (0.0, -25.6, -2.0))
    pair = painted_pair(np.random.default_rng(0))
    pair = Pair(pair.image_HW3, pair.camera, np.random.default_rng(1).integers(0, 20, grid.shape_XYZ).astype(np.uint8))
    turned = turn(pair, grid, math.radians(degrees), shift)
    assert turned.image_HW3 is pair.image_HW3
    centre = grid.centres_N3_m()
    camera = np.c_[centre, np.ones(len(centre))] @ turned.camera.camera_from_grid_44.T
    old = (camera @ pair.camera.grid_from_camera_44.T)[:, :3]  # what the same place was called before
    index = np.floor(grid.index_from_metres(old) + 1e-6).astype(int)
    there = ((index >= 0) & (index < grid.shape_XYZ)).all(1)
    labels = turned.labels_XYZ.reshape(-1)
    assert np.array_equal(labels[there], pair.labels_XYZ[tuple(index[there].T)]) and (labels[~there] == 255).all()
    moved = turned.camera.grid_from_camera_44[:2, 3] - pair.camera.grid_from_camera_44[:2, 3]
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(shift), abs=1e-9)
    assert there.mean() > 0.8 and there.all() == (degrees == 0.0)
    before, after = (pair.camera.grid_from_camera_44, turned.camera.grid_from_camera_44)
    ahead = [math.degrees(math.atan2(m[1, 2], m[0, 2])) for m in (before, after)]
    assert ahead[1] - ahead[0] == pytest.approx(-degrees)


def test_the_same_generator_state_gives_the_same_pair():
    pair = painted_pair(np.random.default_rng(0))
    everything = Augmentation(turn_deg=5.0, shift_m=1.0)
    turned = [everything(pair, GRID, np.random.default_rng(seed)).camera.camera_from_grid_44 for seed in (1, 1, 2)]
    assert np.array_equal(turned[0], turned[1]) and not np.allclose(turned[0], turned[2])
    one, two, other = (Augmentation()(pair, GRID, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.image_HW3, two.image_HW3) and not np.array_equal(one.image_HW3, other.image_HW3)
    assert np.array_equal(recolor(pair.image_HW3, 0.0, np.random.default_rng(0)), pair.image_HW3)


def test_a_part_of_the_pictures_keep_their_pixels():
    pair = painted_pair(np.random.default_rng(0))
    plain = Augmentation(mirror=0.0, color=0.0, zoomed=0.3)
    changed = [
        not np.array_equal(plain(pair, GRID, np.random.default_rng(seed)).image_HW3, pair.image_HW3)
        for seed in range(200)
    ]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_a_restyled_picture_has_its_edges_where_they_were(seed):
    picture = np.full((40, 60, 3), (40, 60, 90), np.uint8)
    picture[25:] = (200, 170, 150)
    styled = restyle(picture, np.random.default_rng(seed))
    assert styled.shape == picture.shape and styled.dtype == np.uint8
    assert np.array_equal(styled, restyle(picture, np.random.default_rng(seed)))
    assert np.abs(styled.astype(float) - picture).mean() > 2.0
    steps = np.abs(np.diff(styled.astype(float).mean(1), axis=0)).sum(1)
    assert abs(int(steps.argmax()) - 24) <= 2


def test_noise_has_its_level_and_the_estimate_comes_nearer_to_the_picture():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.linspace(0.2, 0.8, 96).expand(3, 64, 96).clone()
    for level in (0.3, 0.7, 0.95):
        seen = noisy(smooth, level, generator)
        expected = 0.5 * ((1 - level**2) ** 0.5 * (2 * smooth - 1) + 1)
        assert float((seen - expected).std()) == pytest.approx(level / 2, rel=0.05)
        guess = estimated(smooth, level, generator)
        assert float((guess - smooth).abs().mean()) < 0.7 * float((seen - smooth).abs().mean())
    assert torch.equal(estimated(smooth, 0.0, generator), smooth)
    assert torch.allclose(noisy(smooth, 0.0, generator), smooth)


def test_world_pairs_are_kept_and_read_back(tmp_path):
    source = WorldPairs(5, 3, (24, 72), 8, varied=1.0)
    cache = PairCache(tmp_path, source)
    made = source.pair(2)
    for pair in (cache[2], PairCache(tmp_path, source)[2]):
        assert np.array_equal(pair.image_HW3, made.image_HW3) and np.array_equal(pair.labels_XYZ, made.labels_XYZ)
        assert np.array_equal(pair.camera.K_33, made.camera.K_33) and pair.camera.size_HW == (24, 72)
    assert not np.allclose(cache[0].camera.K_33, cache[1].camera.K_33)
    assert source.grid.shape_XYZ == made.labels_XYZ.shape == (32, 32, 4)


def test_a_share_of_the_streets_has_cameras_of_their_own():
    standard, own = WorldPairs(5, 400), WorldPairs(5, 400, varied=1.0)
    half = WorldPairs(5, 400, varied=0.5)
    varied = [not np.array_equal(half.camera(i).K_33, standard.camera(i).K_33) for i in range(400)]
    assert 0.42 < np.mean(varied) < 0.58
    for i, is_own in enumerate(varied):
        same = own if is_own else standard
        assert np.array_equal(half.camera(i).camera_from_grid_44, same.camera(i).camera_from_grid_44)
    assert len({standard.identity, own.identity, half.identity}) == 3


def test_joined_sources_follow_each_other():
    one, two = WorldPairs(5, 2, (24, 72), 8), WorldPairs(90, 1, (24, 72), 8)
    joined = JoinedPairs((one, two))
    assert len(joined) == 3 and joined.grid == one.grid and joined.identity != JoinedPairs((two, one)).identity
    for index, (source, i) in enumerate([(one, 0), (one, 1), (two, 0)]):
        assert np.array_equal(joined.pair(index).image_HW3, source.pair(i).image_HW3)
    with pytest.raises(IndexError):
        joined.pair(3)
    with pytest.raises(InputError, match="one grid and one set of classes"):
        JoinedPairs((one, WorldPairs(5, 2, (24, 72), 4)))


@pytest.mark.parametrize("count", [0, -4])
def test_no_streets_are_no_source(count):
    with pytest.raises(InputError, match=f"streets: expected 1 or more, got {count}"):
        WorldPairs(0, count)
