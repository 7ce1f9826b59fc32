"""The page is one file that carries everything and asks no host for anything."""

import base64
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.render.picture import save_rgb
from occforge.view.gallery import Frame, clip_from_view_44, write_page


@pytest.fixture
def scene() -> Scene:
    rng = np.random.default_rng(0)
    labels_XYZ = rng.integers(0, SEMANTIC_KITTI.class_count, (6, 5, 4)).astype(np.uint8)
    labels_XYZ[0, 0, 0] = 255
    return Scene(labels_XYZ, GridSpec((6, 5, 4), (0.2, 0.2, 0.4), (0.0, -1.0, -2.0)), SEMANTIC_KITTI)


class Elements(HTMLParser):
    """All tags with their attributes, and the text of every script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def page_of(tmp_path: Path, scene: Scene, **words: object) -> str:
    save_rgb(tmp_path / "a.png", np.full((4, 6, 3), 90, np.uint8))
    path = write_page(
        tmp_path,
        str(words.get("title", "Scene 7")),
        str(words.get("prompt", "a street")),
        scene,
        [(str(words.get("caption", "front")), tmp_path / "a.png")],
        {"seed": 7},
    )
    assert path == tmp_path / "index.html"
    return path.read_text(encoding="utf-8")


def test_page_carries_the_scene(tmp_path: Path, scene: Scene) -> None:
    page = Elements(page_of(tmp_path, scene))
    value = json.loads(page.scripts[0])
    labels = np.frombuffer(zlib.decompress(base64.b64decode(value["labels"])), np.uint8)
    np.testing.assert_array_equal(labels.reshape(value["shape"]), scene.labels_XYZ)
    assert value["names"] == list(SEMANTIC_KITTI.names) and value["voxel_m"] == [0.2, 0.2, 0.4]
    assert "startViewer(" in page.scripts[1]


def test_page_carries_pictures_and_asks_no_host(tmp_path: Path, scene: Scene) -> None:
    text = page_of(tmp_path, scene)
    page = Elements(text)
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img" and attrs.get("src")]
    assert len(sources) == 1 and base64.b64decode(sources[0].split(",")[1]) == (tmp_path / "a.png").read_bytes()
    assert not re.search(r"https?://|@import|url\(", text)
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "base")]
    policies = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policies and policies[0].startswith("default-src 'none'")
    assert "{{" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "<dt>seed</dt><dd>7</dd>" in text


def test_words_of_the_user_stay_words(tmp_path: Path, scene: Scene) -> None:
    bad = "</script><script>alert(1)</script> {{viewer}} & co"
    text = page_of(tmp_path, scene, title=bad, prompt=bad, caption=bad)
    page = Elements(text)
    assert len(page.scripts) == 2
    assert text.count("alert(1)") == text.count("&lt;script&gt;alert(1)&lt;/script&gt;")
    assert text.count("async function unpackLabels") == 1


def test_missing_picture_is_named(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(InputError, match=r"none\.png"):
        write_page(tmp_path, "t", "p", scene, [("front", tmp_path / "none.png")], {})


def test_what_a_camera_sees_fills_the_view_as_its_picture_does() -> None:
    camera, rng = street_camera((60, 200)).moved((3.0, 1.5, 0.2), 0.3), np.random.default_rng(1)
    pixel_N2, depth_N = rng.uniform(0.0, (200.0, 60.0), (50, 2)), rng.uniform(0.1, 60.0, 50)
    view_N3 = camera.unproject(pixel_N2, depth_N) - STREET_GRID.origin_m - 0.5 * np.asarray(STREET_GRID.extent_m)
    clip_N4 = np.concatenate([view_N3, np.ones((50, 1))], 1) @ clip_from_view_44(camera, STREET_GRID).T
    np.testing.assert_allclose(clip_N4[:, 3], depth_N, rtol=1e-9)
    shown_N2 = clip_N4[:, :2] / clip_N4[:, 3:]
    np.testing.assert_allclose(shown_N2[:, 0], pixel_N2[:, 0] / 100.0 - 1.0, atol=1e-9)
    np.testing.assert_allclose(shown_N2[:, 1], 1.0 - pixel_N2[:, 1] / 30.0, atol=1e-9)
    order = np.argsort(depth_N)
    far_N = (clip_N4[:, 2] / clip_N4[:, 3])[order]
    assert np.all(np.diff(far_N) > 0) and far_N[0] > -1.0 and far_N[-1] < 1.0


def test_every_frame_has_its_camera_picture_and_labels(tmp_path: Path, scene: Scene) -> None:
    names = ["a0", "l0", "a1", "l1", "video"]
    for value, name in enumerate(names):
        save_rgb(tmp_path / f"{name}.png", np.full((4, 12, 3), value, np.uint8))
    paths = {name: tmp_path / f"{name}.png" for name in names}
    cameras = [street_camera((4, 12)), street_camera((4, 12)).moved((1.0, 0.0, 0.0))]
    frames = [Frame(camera, paths[f"a{i}"], paths[f"l{i}"]) for i, camera in enumerate(cameras)]
    page = Elements(write_page(tmp_path, "t", "p", scene, [("video", paths["video"])], {}, frames).read_text())
    shown, frame = [], None
    for tag, attrs in page.tags:
        frame = attrs.get("data-frame") if tag == "figure" else frame
        if tag == "img" and attrs.get("src"):
            shown.append((frame, base64.b64decode(str(attrs["src"]).split(",")[1])))
    marks = ["0", "0", "1", "1", None]
    assert shown == [(mark, paths[name].read_bytes()) for mark, name in zip(marks, names, strict=True)]
    written = json.loads(page.scripts[0])["cameras"]
    assert [w["aspect"] for w in written] == [3.0, 3.0]
    for w, camera in zip(written, cameras, strict=True):
        matrix_44 = np.array(w["clip_from_view"]).reshape(4, 4).T
        np.testing.assert_allclose(matrix_44, clip_from_view_44(camera, scene.grid), atol=1e-6)
        np.testing.assert_allclose(matrix_44[:2] @ [*w["eye"], 1.0], 0.0, atol=1e-3)
        ahead = matrix_44 @ [*np.add(w["eye"], 5.0 * np.array(w["forward"])), 1.0]
        np.testing.assert_allclose(ahead[3], 5.0, atol=1e-3)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_whole_picture_of_a_camera_lies_within_any_canvas() -> None:
    source = (files("occforge.view") / "viewer.js").read_text()
    functions = source[: source.index("const scene = JSON.parse")]
    ask = "[0.5, 3, 6].map((aspect) => cameraMatrix({ aspect: 3, clip_from_view: Array(16).fill(1) }, aspect))"
    run = subprocess.run(
        ["node", "-e", f"{functions}\nconsole.log(JSON.stringify({ask}))"], capture_output=True, text=True, check=True
    )
    for aspect, made in zip((0.5, 3.0, 6.0), json.loads(run.stdout), strict=True):
        assert max(made["x"], made["y"]) == 1.0 and made["x"] * aspect / made["y"] == pytest.approx(3.0)
        column = [made["x"], made["y"], 1.0, 1.0]
        assert [made["matrix"][str(i)] for i in range(16)] == pytest.approx(column * 4)
