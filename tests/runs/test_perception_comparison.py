"""The comparison of perception networks from plan to table, on two streets and tiny pictures."""

import json
from dataclasses import replace

import perception_comparison as comparison
import pytest
from PIL import Image

from occforge.core.errors import InputError
from occforge.data.pairs import WorldPairs
from occforge.train.loop import LoopConfig

NETWORKS, SEEDS = ("occformer",), (0, 3)


def make_settings(folder):
    return comparison.Settings(
        out=folder / "run",
        record=folder / "record",
        cache=folder / "cache",
        pairs=WorldPairs(0, 4, (32, 96), 4, varied=1.0),
        held_out=WorldPairs(3_000_000_000, 3, (32, 96), 4),
        minutes=0.04,
        encoder_minutes=0.02,
        seeds=SEEDS,
        commonest=5,
        workers=1,
        loop=LoopConfig(batch=2, warmup=1),
        networks=NETWORKS,
    )


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp("comparison"))
    for step in comparison.STEPS.values():
        step(settings)
    return settings


def test_every_network_takes_the_planned_steps(settings):
    plan = settings.read_plan()
    for name in NETWORKS:
        measured = plan["measured"][name]
        assert plan["steps"][name] == round(2.4 / measured["cpu_seconds_per_step"])
        assert measured["peak_bytes"] > 4 * measured["parameters"] > 4e6
        for seed in SEEDS:
            notes = (settings.folder(name, seed) / "cpu.jsonl").read_text().splitlines()
            assert len(notes) == plan["steps"][name]
            kept = json.loads(settings.kept_path(name, seed).read_text())
            assert kept["cpu_seconds"]["training"] == sum(json.loads(line)["seconds"] for line in notes)


def test_the_table_says_what_was_kept(settings):
    table = (settings.record / "table.md").read_text()
    rows = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in table.splitlines() if line.startswith("| ")}
    for name in comparison.BASELINES:
        kept = json.loads(settings.kept_path(name, 0).read_text())
        assert rows[name][0] == f"{100 * kept['all']['regions']['all voxels']['iou']:.1f}"
        assert float(rows[name][0]) > 20  # the ground is where it was
    for name in NETWORKS:
        found = [json.loads(settings.kept_path(name, s).read_text())["commonest"]["regions"] for s in SEEDS]
        assert rows[name][1] == comparison.with_spread([f["all voxels"]["miou"] for f in found])
        assert "±" in rows[name][1] and rows[name][5] == f"{settings.read_plan()['steps'][name]}"
    assert len(json.loads(settings.kept_path("mean scene", 0).read_text())["commonest"]["classes"]) == 5
    assert Image.open(settings.record / "sheet.png").size[1] > 3 * 192


def test_nothing_is_done_twice(settings):
    before = files(settings.out.parent)
    for name in ("plan", "train"):
        comparison.STEPS[name](settings)
    assert files(settings.out.parent) == before
    table = (settings.record / "table.md").read_text()
    assert comparison.table(settings) == table


def test_settings_that_do_not_fit_the_record(settings):
    with pytest.raises(InputError, match=r"made for other settings \(minutes\)"):
        comparison.train_all(replace(settings, minutes=1.0))
    with pytest.raises(InputError, match="run the step plan first"):
        comparison.train_all(replace(settings, record=settings.record / "elsewhere"))
    with pytest.raises(InputError, match="expected a seed"):
        replace(settings, seeds=())
