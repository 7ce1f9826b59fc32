"""Training on real sequences and scoring another, for one step each."""

import json
from pathlib import Path

import pytest
import real_frames

from occforge.core.errors import InputError
from tiny_efficientnet import save_efficientnet


@pytest.mark.real
def test_a_sequence_is_scored_by_what_learned_from_the_others(real_tree: Path, tmp_path: Path) -> None:
    frames = real_frames.frames_of(real_tree)
    arguments = {"steps": 1, "batch": 2, "held_out": tuple(frames)[:2], "workers": 1}
    places = {name: tmp_path / name for name in ("out", "record", "cache")}
    real_frames.main(real_tree, **arguments, **places)
    numbers = json.loads((places["record"] / "monoscene-fresh-1.json").read_text())
    assert list(numbers["rows"]) == [*arguments["held_out"], "all"]
    for row in numbers["rows"].values():
        assert all(0.0 <= value <= 1.0 for side in row.values() for value in side)
        assert row["mean scene"][0] > row["monoscene"][0], "one step must not beat the mean scene"
    made = [path.stat().st_mtime_ns for path in places["out"].rglob("*") if path.is_file()]
    real_frames.main(real_tree, **arguments, **places)
    assert made == [path.stat().st_mtime_ns for path in places["out"].rglob("*") if path.is_file()]
    more = {**arguments, "held_out": tuple(frames)[:1], "world": 0.1, "rate": 0.5}
    real_frames.main(real_tree, **more, **places)
    beside = json.loads((places["record"] / "monoscene-fresh-1-rate-0.5-world-0.1.json").read_text())
    first, again = numbers["rows"][next(iter(frames))], beside["rows"]["all"]
    assert first["mean scene"] == again["mean scene"], "the baselines know the real frames alone"
    assert first["nearest picture"] == again["nearest picture"]
    other = {**more, "encoder": save_efficientnet(tmp_path / "encoder"), "image": (96, 288), "sight_scale": 4}
    real_frames.main(real_tree, **other, **places)
    named = places["record"] / "monoscene-fresh-1-rate-0.5-world-0.1-encoder-96x288-sight-4.json"
    assert json.loads(named.read_text())["rows"]["all"]["mean scene"] == again["mean scene"]
    with pytest.raises(InputError, match="held-out"):
        real_frames.main(real_tree, held_out=("99",), **places)
