import json

import numpy as np
import pytest
from PIL import Image

from occforge.core.camera import Camera, camera_path, street_camera
from occforge.core.grid import Scene
from occforge.core.taxonomy import SEMANTIC_KITTI

SMALL = ("--image-size", "24", "40")
PROMPT = "a street with cars on the left"


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(weights, tmp_path_factory):
    """One scene with two pictures, as files."""
    from occforge.cli.generate import generate

    out = tmp_path_factory.mktemp("made") / "out"
    generate(PROMPT, out=out, seed=5, frames=2, path="orbit", image_size=(24, 40), weights=weights)
    return out


def test_everything_promised_is_there(made):
    pictures = [f"{kind}/{i:06d}.png" for kind in ("images", "semantic", "depth") for i in range(2)]
    names = {"scene.npz", "scene.glb", "cameras.json", "prompt.json", "index.html", "video.gif", *pictures}
    assert set(tree(made)) == names
    scene = Scene.load(made / "scene.npz")
    assert scene.grid.shape_XYZ == (32, 32, 16) and scene.labels_XYZ.any()
    cameras = [Camera.from_dict(c) for c in json.loads((made / "cameras.json").read_text())["cameras"]]
    assert [c.size_HW for c in cameras] == [(24, 40)] * 2
    meant = camera_path("orbit", street_camera((24, 40)), 2, scene.grid).cameras
    for camera, expected in zip(cameras, meant, strict=True):
        assert np.allclose(camera.camera_from_grid_44, expected.camera_from_grid_44)
    assert (made / "scene.glb").read_bytes()[:4] == b"glTF"


def test_pictures(made):
    for i in range(2):
        image, semantic, depth = (Image.open(made / k / f"{i:06d}.png") for k in ("images", "semantic", "depth"))
        assert image.size == semantic.size == depth.size == (40, 24) and image.mode == "RGB"
        assert np.asarray(depth).dtype.kind in "ui" and np.asarray(depth).max() < 30_000  # millimetres


def test_the_video_shows_the_pictures(made):
    with Image.open(made / "video.gif") as video:
        assert video.n_frames == 2 and video.size == (40, 24)
        for i in range(2):
            video.seek(i)
            still = np.asarray(Image.open(made / "images" / f"{i:06d}.png"), float)
            assert np.abs(np.asarray(video.convert("RGB"), float) - still).mean() < 6.0


def test_the_record(made):
    record = json.loads((made / "prompt.json").read_text())
    assert record["prompt"] == PROMPT and record["seed"] == 5 and record["frames"] == 2
    assert record["image_size"] == [24, 40] and record["engine"] == "scene" and record["sampling"]["guidance"] == 1.0
    page = (made / "index.html").read_text()
    assert PROMPT in page and "data:image/png;base64," in page and "data:image/gif;base64," in page


def test_one_seed_is_one_set_of_bytes(made, occforge, weights, tmp_path):
    common = ("--weights", weights, "--frames", 2, "--path", "orbit", *SMALL)
    code, out, err = occforge("generate", PROMPT, "--seed", 5, "--out", tmp_path / "again", *common)
    assert (code, err) == (0, "") and str(tmp_path / "again" / "index.html") in out
    again = tree(tmp_path / "again")
    assert again.keys() == tree(made).keys()
    assert [name for name, content in tree(made).items() if content != again[name]] == []
    assert occforge("generate", PROMPT, "--seed", 6, "--out", tmp_path / "other", *common)[0] == 0
    assert tree(tmp_path / "other")["scene.npz"] != again["scene.npz"]


def test_the_default_folder_is_named_after_the_prompt(occforge, weights, tmp_path):
    assert occforge("generate", "A street, with: Cars!", "--weights", weights, *SMALL)[0] == 0
    assert (tmp_path / "cwd" / "out" / "a-street-with-cars-0" / "scene.npz").is_file()


def test_going_the_way_of_another_folder(made, occforge, weights, tmp_path):
    way = ("--path", made / "cameras.json", "--frames", 2, "--video", "none")
    assert (
        occforge("generate", PROMPT, "--seed", 5, "--weights", weights, "--out", tmp_path / "new", *way, *SMALL)[0] == 0
    )
    again, first = tree(tmp_path / "new"), tree(made)
    assert "video.gif" not in again
    for name in ("cameras.json", "images/000001.png", "depth/000001.png"):
        assert again[name] == first[name]


def test_composing_over_a_generated_scene(made, occforge, weights, tmp_path):
    code, _, err = occforge("compose", made, "persons", "--weights", weights, "--out", tmp_path / "new", *SMALL)
    assert (code, err) == (0, "")
    record = json.loads((tmp_path / "new" / "prompt.json").read_text())
    assert record["kept"] == "background" and record["prompt"] == "persons"


@pytest.mark.parametrize("error", [RuntimeError("defect"), KeyboardInterrupt()], ids=["defect", "ctrl-c"])
def test_a_failure_in_the_middle_leaves_nothing(occforge, weights, tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("occforge.pipelines.write_scene.write_page", fail)
    arguments = ("generate", PROMPT, "--weights", weights, "--out", tmp_path / "deep" / "out", *SMALL)
    if isinstance(error, KeyboardInterrupt):
        code, out, err = occforge(*arguments)
        assert (code, out, err) == (130, "", "occforge: stopped\n")
    else:
        with pytest.raises(RuntimeError, match="defect"):  # a defect of ours keeps its traceback
            occforge(*arguments)
    assert not (tmp_path / "deep").exists()


def test_overwriting_keeps_the_old_until_the_new_is_there(occforge, weights, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    arguments = ("generate", PROMPT, "--weights", weights, "--out", out, "--overwrite", *SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("occforge.pipelines.write_scene.write_page", lambda *a: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            occforge(*arguments)
    assert tree(tmp_path / "out") == {"mine.txt": b"mine"} and len(list(tmp_path.iterdir())) == 2
    assert occforge(*arguments)[0] == 0
    assert "mine.txt" not in tree(out) and "scene.npz" in tree(out)


@pytest.fixture(scope="module")
def picture_weights(tmp_path_factory):
    """Files of a tiny picture generator and of a network that reads its pictures, without training."""
    from occforge.latent.weights import save_generator
    from occforge.perception.weights import save_network
    from tiny_pictures import READER, tiny_generator, tiny_reader
    from tiny_world import GRID

    coarse, size, folder = GRID.pooled((2, 2, 2)), (16, 48), tmp_path_factory.mktemp("pictures")
    save_generator(tiny_generator(coarse, size), folder / "pictures.safetensors", {})
    network = tiny_reader(coarse, size).network
    save_network(network, "monoscene", READER, size, folder / "monoscene.safetensors", {})
    return folder


THREE_STEPS = ("--painting.steps", 3)
HOWS = [("--engine", "image"), ("--look", "painted"), ("--engine", "image", "--complete")]


@pytest.mark.parametrize("how", HOWS, ids=" ".join)
def test_painted_pictures_and_their_labels(occforge, weights, picture_weights, tmp_path, how):
    networks = ["--pictures", picture_weights / "pictures.safetensors"]
    if "image" in how:
        networks += ["--perception", picture_weights / "monoscene.safetensors"]
    common = ("generate", PROMPT, "--seed", 5, "--weights", weights, "--frames", 2, *THREE_STEPS, *how, *networks)
    outs = [tmp_path / name for name in ("one", "two")]
    for out in outs:
        code, said, err = occforge(*common, "--out", out)
        assert (code, err) == (0, "") and "look at it" in said
    one, two = map(tree, outs)
    assert one == two, "one seed is one set of bytes"
    record, scene = json.loads(one["prompt.json"]), Scene.load(outs[0] / "scene.npz")
    assert record["image_size"] == [16, 48] and record["painting"]["steps"] == 3
    assert scene.grid.shape_XYZ == ((16, 16, 8) if how == ("--engine", "image") else (32, 32, 16))
    assert Image.open(outs[0] / "images" / "000001.png").size == (48, 16) and "depth/000001.png" in one


def test_stable_diffusion_takes_the_same_command(occforge, weights, tmp_path):
    from occforge.latent.stable_diffusion import StableDiffusionGenerator, open_folder
    from occforge.latent.weights import save_generator
    from tiny_stable_diffusion import CONFIG, write_folder
    from tiny_world import GRID

    folder, added = tmp_path / "folder", tmp_path / "added.safetensors"
    write_folder(folder)
    made = StableDiffusionGenerator(open_folder(folder), CONFIG, GRID.pooled((2, 2, 2)), SEMANTIC_KITTI)
    save_generator(made, added, {})
    common = ("generate", "street cars", "--weights", weights, "--look", "painted", *THREE_STEPS, "--frames", 2)
    code, _, _ = occforge(*common, "--pictures", added, "--stable-diffusion", folder, "--out", tmp_path / "out")
    assert code == 0 and Image.open(tmp_path / "out" / "images" / "000001.png").size == (64, 32)
    for wrong, says in (((), "give --stable-diffusion"), (("--stable-diffusion", tmp_path), "it lacks unet")):
        code, _, err = occforge(*common, "--pictures", added, *wrong, "--out", tmp_path / "other")
        assert code == 2 and says in err and len(err.splitlines()) == 1


def test_what_painting_needs_is_asked_for(occforge, weights, picture_weights, tmp_path):
    def refused(says, *arguments):
        code, out, err = occforge("generate", PROMPT, "--weights", weights, "--out", tmp_path / "out", *arguments)
        assert code == 2 and out == "" and says in err and len(err.splitlines()) == 1, err
        assert not (tmp_path / "out").exists()

    painter = ("--pictures", picture_weights / "pictures.safetensors")
    refused("the generator paints (16, 48)", "--look", "painted", *painter, "--image-size", "32", "48")
    refused("--complete: expected --engine image", "--complete", "--engine", "scene")
    refused("--pictures: expected --engine image or --look painted with it", *painter)
    refused("--perception: expected --engine image with it", "--perception", picture_weights / "monoscene.safetensors")
    refused("--stable-diffusion: expected --pictures with it", "--look", "painted", "--stable-diffusion", tmp_path)
    refused("--painting.guidance: expected 0 to 20", "--painting.guidance", "-1")
    refused("--guidance: expected 0 to 20", "--guidance", "1e308")
    refused("--painting.steps", "--look", "painted", *painter, "--painting.steps", "0")
    refused("is no picture generator", "--look", "painted", "--pictures", picture_weights / "monoscene.safetensors")
    refused("expected weights at", "--engine", "image", "--pictures", tmp_path / "nowhere.safetensors")
