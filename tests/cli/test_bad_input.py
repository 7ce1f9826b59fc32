"""Bad input: exit code 2, one line that says what to do, no traceback, and nothing written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from occforge.core.tensors import load_tensors, save_tensors
from tiny_world import scene_of


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def refused(occforge, tmp_path):
    """`refused(says, *arguments)`: the command is refused so, and no file anywhere changes."""

    def check(says, *arguments):
        before = tree(tmp_path)
        code, out, err = occforge(*arguments)
        assert code == 2 and out == ""
        assert len(err.splitlines()) == 1 and err.startswith("occforge: ") and says in err, err
        assert tree(tmp_path) == before

    return check


@pytest.fixture
def own_weights(weights, tmp_path):
    """A copy of the weights that a test may damage."""
    return Path(shutil.copytree(weights, tmp_path / "own"))


@pytest.mark.parametrize(
    ("prompt", "says"),
    [("", "got nothing"), ("  \t", "got nothing"), ("?!", "got nothing"), ("street " * 1429, "shorten it")],
)
def test_prompts(refused, weights, tmp_path, prompt, says):
    refused(says, "generate", prompt, "--weights", weights, "--out", tmp_path / "deep" / "out")
    refused(says, "generate", prompt, "--weights", weights)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--seed", "-1"), "--seed"),
        (("--seed", "99999999999999999999"), "--seed"),
        (("--frames", "0"), "--frames"),
        (("--frames", "-3"), "--frames"),
        (("--frames", "65"), "outside the grid"),
        (("--path", "circle"), "expected drive, turn-left, turn-right, orbit or a JSON file"),
        (("--video", "avi"), "invalid choice 'avi'"),
        (("--seed", "abc"), "--seed"),
        (("--image-size", "128"), "expected height and width, got 128"),
        (("--image-size", "128", "wide"), "--image-size"),
        (("--engine", "warp"), "invalid choice 'warp'"),
        (("--nonsense", "1"), "--nonsense"),
        (("--image-size", "1000000", "1000000"), "smaller"),
        (("--image-size", "0", "640"), "--image-size"),
        (("--image-size", "-192", "640"), "--image-size"),
        (("--guidance", "nan"), "--guidance"),
    ],
    ids=str,
)
def test_settings(refused, weights, tmp_path, flags, says):
    refused(says, "generate", "cars", "--weights", weights, "--out", tmp_path / "deep" / "out", *flags)


def test_weights_that_are_not_there(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "nowhere", tmp_path / "empty"):
        refused(str(folder), "generate", "cars", "--weights", folder, "--out", tmp_path / "deep" / "out")
        refused(str(folder), "generate", "cars", "--weights", folder)


@pytest.mark.parametrize("file", ["codebooks", "text", "background", "objects", "fusion", "refine"])
def test_weights_that_are_damaged(refused, own_weights, tmp_path, file):
    path = own_weights / f"{file}.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refused(f"{file}.safetensors is corrupt", "generate", "cars", "--weights", own_weights, "--out", tmp_path / "out")
    path.unlink()
    refused(f"{file}.safetensors, found none", "generate", "cars", "--weights", own_weights, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("codebooks", lambda t, m: m["config"].update(novel=1), "another version"),
        ("codebooks", lambda t, m: m["taxonomy"].pop("things"), "another version"),
        ("codebooks", lambda t, m: m.pop("config"), "metadata of a scene generator"),
        ("fusion", lambda t, m: m["config"].update(T=7), "another config"),
        ("objects", lambda t, m: m["grid"].update(origin_m=[0.0, 0.0, 0.0]), "another grid"),
        ("refine", lambda t, m: t.update({"enter.bias": torch.zeros(3)}), "has shape"),
        ("text", lambda t, m: t["queries"].fill_(float("nan")), "not finite"),
    ],
)
def test_weights_of_another_configuration(refused, own_weights, tmp_path, file, change, says):
    path = own_weights / f"{file}.safetensors"
    tensors, metadata = load_tensors(path)
    del metadata["format"]
    change(tensors, metadata)
    save_tensors(path, tensors, metadata)
    refused(says, "generate", "cars", "--weights", own_weights, "--out", tmp_path / "deep" / "out")


def test_folders_that_cannot_be_written(refused, weights, tmp_path):
    (tmp_path / "file").write_text("x")
    for out, says in [
        (tmp_path / "file", "found a file"),
        (tmp_path / "file" / "below", "cannot write"),
        (tmp_path / "file" / "far" / "below", "cannot write"),
        (tmp_path / ("n" * 300), "cannot write"),
    ]:
        refused(says, "generate", "cars", "--weights", weights, "--out", out)


def test_folders_that_are_full(refused, weights, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    refused("--overwrite", "generate", "cars", "--weights", weights, "--out", tmp_path / "out")


def test_scenes_to_compose(refused, weights, tmp_path):
    flags = ("--weights", weights, "--out", tmp_path / "out")
    refused("found none", "compose", tmp_path / "scene.npz", "cars", *flags)
    (tmp_path / "scene.npz").write_bytes(b"PK nonsense")
    refused("not a readable scene", "compose", tmp_path / "scene.npz", "cars", *flags)
    scene_of(0).save(tmp_path / "scene.npz")
    refused("got nothing", "compose", tmp_path / "scene.npz", " ", *flags)


def test_scenes_to_view(refused, tmp_path):
    refused("found none", "view", tmp_path)
    refused("no dataset 'nowhere'", "view", tmp_path, "--dataset", "nowhere")


def test_evaluating_nothing(refused, weights, tmp_path):
    refused("--n", "evaluate", "scenes", "--n", "1", "--weights", weights, "--out", tmp_path / "out")


@pytest.mark.slow
def test_the_installed_command(tmp_path):
    """The same through a real process: nothing but the one line, exit code 2."""
    command = Path(sys.executable).with_name("occforge")
    for arguments in (["generate", "cars", "--weights", "nowhere"], ["generate", "  "], ["fly"]):
        done = subprocess.run([command, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120)
        assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("occforge: ") and not any(tmp_path.iterdir())


def test_pictures_without_a_generator_to_score(refused, tmp_path):
    refused("expected weights at", "evaluate", "pictures", "--weights", tmp_path / "none.safetensors")
    for wrong in (("--n", "1"), ("--videos", "-1"), ("--frames", "1"), ("--seed", "-1")):
        refused("expected --n of at least 2", "evaluate", "pictures", *wrong)
    refused("expected --weights that were trained on it", "evaluate", "pictures", "--stable-diffusion", tmp_path)
