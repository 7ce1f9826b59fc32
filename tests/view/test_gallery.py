"""The page is one file that carries everything and asks no host for anything."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.render.picture import save_rgb
from occforge.view.gallery import write_page


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
