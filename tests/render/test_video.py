import numpy as np
import pytest
from PIL import Image

from occforge.core.errors import InputError
from occforge.data.pictures import read_pictures
from occforge.render.video import check_video, save_video


def frames(height, width, n=5):
    """A soft colour ramp that moves to the right."""
    v, u = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    return [(255 * np.stack([v, (u + 0.1 * i) % 1.0, np.full_like(u, i / n)], -1)).astype(np.uint8) for i in range(n)]


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
@pytest.mark.parametrize("size", [(32, 48), (31, 45)])
def test_what_is_written_plays_back(tmp_path, suffix, size):
    made, path = frames(*size), tmp_path / f"video{suffix}"
    save_video(path, iter(made))
    played = [p.image_HW3 for p in read_pictures(path)]
    assert len(played) == len(made)
    for a, b in zip(played, made, strict=True):
        assert a.shape[0] - size[0] in (0, 1) and a.shape[1] - size[1] in (0, 1)
        assert np.abs(a[: size[0], : size[1]].astype(float) - b).mean() < 8.0
    first = path.read_bytes()
    save_video(path, made)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_gif_loops_at_a_drives_pace(tmp_path):
    save_video(tmp_path / "video.gif", frames(8, 8))
    with Image.open(tmp_path / "video.gif") as video:
        assert video.info["duration"] in (120, 125) and video.info["loop"] == 0


def test_other_kinds_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"ends in \.gif or \.mp4"):
        save_video(tmp_path / "video.avi", frames(8, 8))
    assert not list(tmp_path.iterdir())
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(InputError, match="occforge\\[video\\]"):
        check_video(".mp4")
    check_video(".gif")
