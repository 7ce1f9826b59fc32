"""Training on real sequences and scoring another, for one step each."""

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import real_frames

from occforge.core.errors import InputError
from occforge.perception._image_encoder import ImageEncoderConfig
from occforge.perception.monoscene import Config, build
from occforge.perception.weights import save_network
from occforge.train.readout import ToldFrames
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
        assert all(0.0 <= value <= 1.0 for side in row.values() for value in side[0])
        assert row["mean scene"][0][0] > row["monoscene"][0][0], "one step must not beat the mean scene"
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


@pytest.mark.real
def test_readouts_of_several_seeds_are_told_once_and_tabled_together(real_tree: Path, tmp_path: Path) -> None:
    pairs = real_frames.pairs_of(real_tree, [0], (32, 96))
    config = Config(
        image=ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8)),
        scales=(2, 4),
        lift_factor=1,
        columns=8,
    )
    base = tmp_path / "base.safetensors"
    network = build(config, pairs.grid, pairs.taxonomy)
    save_network(network, "monoscene", config, (32, 96), base, {})
    sequence = next(iter(real_frames.frames_of(real_tree)))
    places = {name: tmp_path / name for name in ("out", "record", "cache")}
    told, tell = [], real_frames.tell_frames

    def count(*arguments: Any) -> ToldFrames:
        told.append(arguments)
        return tell(*arguments)

    arguments = {"readout": True, "start": base, "held_out": (sequence,), "workers": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real_frames, "tell_frames", count)
        patch.setattr(real_frames, "READOUT_LOOP", replace(real_frames.READOUT_LOOP, steps=100, warmup=5, ema=0.9))
        real_frames.main(real_tree, seeds=(0, 1), **arguments, **places)
    assert len(told) == 1
    text, numbers = (places["record"] / f"monoscene-base-readout.{suffix}" for suffix in ("md", "json"))
    row = json.loads(numbers.read_text())["rows"][sequence]
    assert len(row["monoscene"]) == 2 and row["monoscene"][0] != row["monoscene"][1]
    assert row["mean scene"][0] == row["mean scene"][1]
    mean, deviation = (100 * f([miou for _, miou in row["monoscene"]]) for f in (statistics.mean, statistics.stdev))
    assert f" | {mean:.1f} ± {deviation:.1f} | " in text.read_text() and "seeds 0, 1" in text.read_text()
    with pytest.raises(InputError, match="seeds that differ"):
        real_frames.main(real_tree, seeds=(1, 1), **arguments, **places)
