"""From a picture to an output folder, and every way in which a picture or a camera can be wrong."""

import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from occforge.cli.perceive import perceive, read_camera
from occforge.core.camera import look_camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.pictures import read_pictures
from occforge.perception.monoscene import PRESETS, build
from occforge.perception.weights import load_network, save_network
from occforge.pipelines.perceive import perceive as read
from tiny_world import GRID as TINY
from tiny_world import tiny_composition

GRID = GridSpec((32, 32, 8), (1.6, 1.6, 0.8), (0.0, -25.6, -2.0))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "monoscene.safetensors"
    config = PRESETS["small"]
    save_network(build(config, GRID, SEMANTIC_KITTI), "monoscene", config, (32, 96), path, {"steps": 0})
    return path


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "street.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 180, 3)).astype(np.uint8)).save(path)
    return path


def test_a_picture_becomes_a_folder_like_that_of_generate(tmp_path, picture, weights):
    out = tmp_path / "out"
    perceive(picture, out=out, weights=weights, fov=70.0)
    scene = Scene.load(out / "scene.npz")
    assert scene.grid == GRID and scene.labels_XYZ.max() < SEMANTIC_KITTI.class_count
    for name in ("scene.glb", "images/000000.png", "semantic/000000.png", "depth/000000.png", "overlay/000000.png",
                 "cameras.json", "perceived.json", "index.html"):  # fmt: skip
        assert (out / name).stat().st_size > 0, name
    assert Image.open(out / "overlay/000000.png").size == (180, 60)
    again = tmp_path / "again"
    perceive(picture, out=again, weights=weights, camera=out / "cameras.json")
    assert np.array_equal(Scene.load(again / "scene.npz").labels_XYZ, scene.labels_XYZ)


def test_read_with_its_mirror_image_a_picture_and_its_mirror_image_are_read_alike(picture, weights):
    trained = load_network(weights)
    image_HW3, camera = next(iter(read_pictures(picture))).image_HW3, street_camera((60, 180))
    flipped = camera.mirrored(GRID.origin_m[1] + 0.5 * GRID.extent_m[1])

    def both(mirrored):
        pictures = (image_HW3, camera), (np.ascontiguousarray(image_HW3[:, ::-1]), flipped)
        there, back = (read(trained, *p, mirrored=mirrored).scene.labels_XYZ for p in pictures)
        return float((there == back[:, ::-1]).mean())

    assert both(True) > 0.999  # but for ties and rounding
    assert both(False) < 0.95


def test_without_weights_the_embedded_network_reads(tmp_path, picture):
    perceive(picture, out=tmp_path / "out")
    assert Scene.load(tmp_path / "out" / "scene.npz").grid.shape_XYZ == (64, 64, 8)
    assert json.loads((tmp_path / "out" / "perceived.json").read_text())["weights"] == "embedded"


def test_what_the_camera_did_not_see_is_composed(tmp_path, picture, monkeypatch):
    composition, coarse = tiny_composition(), TINY.pooled((2, 2, 2))
    monkeypatch.setattr("occforge.weights.load_generator", lambda folder: (composition, "tiny"))
    small, weights = PRESETS["small"], tmp_path / "monoscene.safetensors"
    save_network(build(small, coarse, SEMANTIC_KITTI), "monoscene", small, (32, 96), weights, {})
    scenes = []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        stands = (0.27, 0.0, -0.08, 0.0, 0.0)
        perceive(
            picture,
            out=tmp_path / name,
            weights=weights,
            pose=stands,
            complete=True,
            prompt="trees on the left",
            seed=seed,
        )
        scenes.append(Scene.load(tmp_path / name / "scene.npz"))
    assert scenes[0].grid == TINY and np.array_equal(scenes[0].labels_XYZ, scenes[1].labels_XYZ)
    assert not np.array_equal(scenes[0].labels_XYZ, scenes[2].labels_XYZ)
    record = json.loads((tmp_path / "one" / "perceived.json").read_text())
    assert record["complete"] and record["seed"] == 3 and record["prompt"] == "trees on the left"
    for alone in ({"prompt": "trees"}, {"seed": 3}):
        with pytest.raises(InputError, match="expected --complete with them"):
            perceive(picture, out=tmp_path / "four", weights=weights, **alone)


def write_video(path, frames):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height = frames[0].size
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))


def test_folders_and_videos_become_a_folder_a_picture(tmp_path, picture, weights):
    (tmp_path / "many").mkdir()
    for name in ("b.jpg", "a.png"):
        Image.open(picture).save(tmp_path / "many" / name)
    perceive(tmp_path / "many", out=tmp_path / "folders", weights=weights)
    assert sorted(p.name for p in (tmp_path / "folders").iterdir()) == ["a", "b"]
    frames = [Image.open(picture), Image.open(picture).rotate(180)]
    write_video(tmp_path / "drive.mp4", frames)
    perceive(tmp_path / "drive.mp4", out=tmp_path / "frames", weights=weights)
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == ["000000", "000001"]


def test_videos_held_upright_are_read_upright(tmp_path):
    """A phone writes how its frames are to be turned: here by 90 degrees to the right."""
    av = pytest.importorskip("av")
    if not hasattr(av.VideoFrame, "rotation"):
        pytest.skip("this PyAV does not tell")
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, :96, 0] = 255  # what is left becomes what is up
    path = tmp_path / "phone.mp4"
    write_video(path, [Image.fromarray(wide)])
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    (picture,) = read_pictures(path)
    assert picture.image_HW3.shape == (192, 64, 3)
    assert picture.image_HW3[:90, :, 0].min() > 150 and picture.image_HW3[102:, :, 0].max() < 100


def test_a_network_comes_back_from_its_file(weights):
    one, two = load_network(weights), load_network(weights)
    assert one.size_HW == (32, 96) and one.name == "monoscene" and not one.network.training
    for a, b in zip(one.network.state_dict().values(), two.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def bad_cameras(folder):
    yield "singular", {"K_33": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}, "singular"
    yield "no-K", {"focal": 3}, "got only focal"
    yield "bare-K", [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "expected an object with K_33"
    yield "words", {"K_33": [["a", 0, 0], [0, 1, 0], [0, 0, 1]]}, "expected numbers"
    yield "no-list", {"cameras": 5}, "expected an object with K_33"
    yield "no-camera", {"cameras": {"x": 1}}, "expected an object with K_33"
    yield "infinite", {"K_33": street_camera((60, 180)).K_33.tolist(), "size_HW": [float("inf"), 3]}, "whole ones"
    yield "transposed", {"K_33": street_camera((60, 180)).K_33.T.tolist()}, "is K transposed?"
    yield "other-size", street_camera((30, 90)).to_dict(), "of an image of (H, W) (30, 90)"


@pytest.mark.parametrize("case", list(bad_cameras(None)), ids=lambda c: c[0])
def test_bad_cameras_are_refused(tmp_path, picture, weights, case):
    name, content, message = case
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        perceive(picture, out=tmp_path / "out", weights=weights, camera=path)
    assert message in str(error.value) and not (tmp_path / "out").exists()


def test_a_grid_behind_the_camera_is_refused(tmp_path, picture, weights):
    with pytest.raises(InputError, match=r"the camera sees 0\.0 % of the grid"):
        perceive(picture, out=tmp_path / "out", weights=weights, pose=(0.0, 0.0, 0.0, 180.0, 0.0))
    assert not (tmp_path / "out").exists()


def test_what_is_no_picture_is_refused(tmp_path, weights):
    text = tmp_path / "words.png"
    text.write_text("not a picture")
    with pytest.raises(InputError, match="expected a picture such as PNG or JPEG"):
        perceive(text, out=tmp_path / "out", weights=weights)
    with pytest.raises(InputError, match="found none"):
        perceive(tmp_path / "missing.png", out=tmp_path / "out", weights=weights)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected pictures"):
        perceive(tmp_path / "empty", out=tmp_path / "out", weights=weights)
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(InputError, match="expected a video"):
        perceive(tmp_path / "broken.mp4", out=tmp_path / "out", weights=weights)
    assert not (tmp_path / "out").exists()


def test_a_hundred_megapixels_are_refused_before_they_are_decoded(tmp_path, weights):
    path = tmp_path / "huge.png"
    Image.new("1", (10_000, 10_000)).save(path)
    with pytest.raises(InputError, match=r"10000 x 10000 \(100 megapixels\)|at most 64 megapixels") as refused:
        perceive(path, out=tmp_path / "out", weights=weights)
    assert str(refused.value).count(str(path)) == 1


def test_flags_that_make_no_camera_are_refused():
    pose = (0.0, 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(InputError, match="--fov: expected 1 to 170"):
        read_camera(None, (10, 10), 200.0, "street", pose, GRID)
    with pytest.raises(InputError, match="--pose: expected five finite numbers"):
        read_camera(None, (10, 10), None, "street", (float("inf"), 0.0, 0.0, 0.0, 0.0), GRID)
    with pytest.raises(InputError, match="--like: expected one of"):
        read_camera(None, (10, 10), None, "waymo", pose, GRID)
    wide = read_camera(None, (100, 200), 90.0, "street", pose, GRID)
    assert wide.K_33[0, 0] == pytest.approx(100.0)


def test_a_network_of_another_grid_is_told_where_the_camera_stands(tmp_path):
    room = GridSpec((60, 60, 36), (0.08, 0.08, 0.08), (0.0, -2.4, -0.05))
    with pytest.raises(InputError, match="expected --pose or a --camera file"):
        read_camera(None, (100, 200), 90.0, "nyuv2", None, room)
    lens = tmp_path / "K.json"
    lens.write_text(json.dumps({"K_33": [[100, 0, 100], [0, 100, 50], [0, 0, 1]]}))
    with pytest.raises(InputError, match="expected --pose or a --camera file"):
        read_camera(lens, (100, 200), None, "nyuv2", None, room)
    posed = read_camera(lens, (100, 200), None, "nyuv2", (0.0, 0.0, 1.2, 0.0, 0.0), room)
    assert posed.grid_from_camera_44[:3, 3].tolist() == pytest.approx([0.0, 0.0, 1.2])
    assert np.array_equal(read_camera(lens, (100, 200), None, "street", None, GRID).K_33, posed.K_33)


def look(size_HW):
    return look_camera((0.27, 0.0, -0.08), 1.3, size_HW)


@pytest.mark.parametrize("size_HW", [(136, 180), (60, 400)])
def test_pictures_of_another_shape_are_cut_and_not_squashed(weights, size_HW):
    """What is read is what is read in the part that has the network's shape."""
    trained, camera = load_network(weights), look(size_HW)
    image = np.random.default_rng(1).integers(0, 255, (*size_HW, 3)).astype(np.uint8)
    made = read(trained, image, camera)
    (h, w), (H, W) = made.read_by.size_HW, size_HW
    assert w / h == pytest.approx(3.0, rel=0.02) and (w == W or h == H)
    top, left = (H - h) // 2, (W - w) // 2
    part = image[top : top + h, left : left + w]
    assert np.array_equal(read(trained, part, made.read_by).scene.labels_XYZ, made.scene.labels_XYZ)
    assert made.read_by.K_33[0, 2] == pytest.approx(w / 2, abs=1.0) and made.camera is camera


def test_datasets_pictures_are_read_whole(weights):
    image = np.zeros((370, 1226, 3), np.uint8)
    made = read(load_network(weights), image, look((370, 1226)))
    assert made.read_by.size_HW == (370, 1226)
    squashed = look((90, 160)).resized((32, 96))  # to the network's size, as it was in training
    assert read(load_network(weights), np.zeros((32, 96, 3), np.uint8), squashed).read_by is squashed
