"""Shipping: files come into the package, the card tells of them, and what is not given stays as it was."""

import json
import sys
from dataclasses import asdict

import pytest
import ship_weights
import torch

from occforge.core.tensors import save_tensors
from occforge.train.loop import LoopConfig
from occforge.weights import better_engine


@pytest.fixture
def ship(tmp_path, monkeypatch):
    embedded = tmp_path / "embedded"
    embedded.mkdir()
    (embedded / "card.md").write_text("# The embedded weights\n")
    monkeypatch.setattr(ship_weights, "EMBEDDED", embedded)
    monkeypatch.setattr(ship_weights, "CARD", embedded / "card.md")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ship_weights.py", *map(str, arguments)])
        ship_weights.main()
        return (embedded / "card.md").read_text()

    return embedded, run


def finished_run(folder, name, value):
    folder.mkdir(exist_ok=True)
    metadata = {"loop": asdict(LoopConfig(steps=7, batch=3)), "source": f"streets of {name}"}
    for stem in ("ema", name):
        save_tensors(folder / f"{stem}.safetensors", {"weight": torch.full((1000,), float(value))}, metadata)
    (folder / "log.jsonl").write_text("\n".join(json.dumps({"step": i, "loss": value}) for i in range(1, 8)))
    return folder


def test_shipped_files_are_on_the_card_and_others_stay(ship, tmp_path):
    embedded, run = ship
    scores = tmp_path / "perception.json"
    scores.write_text("{}")
    scores.with_suffix(".md").write_text("mIoU of that day\n")
    first = run(finished_run(tmp_path / "a", "features", 0.25), "--perception", scores, "--history", "One chain.")
    assert "| features.safetensors | 0.00 | 0.00 M | 7 | 3 | 0.2500 | streets of features |" in first
    assert "## Perception\n\nmIoU of that day" in first and "One chain." in first

    judge, pictures = (finished_run(tmp_path / name, name, 0.5) for name in ("judge", "pictures"))
    second = run(judge, pictures)
    assert all(line in second for line in first.splitlines() if not line.startswith("Together"))
    assert [
        line.split(" | ")[0] for line in second.splitlines() if ".safetensors |" in line and line.startswith("|")
    ] == [
        "| features.safetensors",
        "| judge.safetensors",
        "| pictures.safetensors",
    ]
    assert (embedded / "judge.safetensors").read_bytes() == (judge / "judge.safetensors").read_bytes()
    assert run() == second, "nothing given, nothing changed"


def test_the_better_engine_ships_as_it_was_scored(ship, tmp_path, monkeypatch):
    embedded, run = ship
    monkeypatch.setattr("occforge.weights.EMBEDDED", embedded)
    assert better_engine() is None, "nothing scored, nothing better"
    scores = tmp_path / "engines.json"
    scores.write_text(json.dumps({"better": "image"}))
    scores.with_suffix(".md").write_text("both engines\n")
    assert "## Engines\n\nboth engines" in run("--engines", scores)
    assert better_engine() == "image"
