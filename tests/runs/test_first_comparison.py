"""The first comparison from plan to table, on streets of boxes."""

import json
from dataclasses import replace

import first_comparison as comparison
import numpy as np
import pytest
from PIL import Image

from occforge.baselines.draw import DrawConfig
from occforge.core.errors import InputError
from occforge.pipelines.text_to_scene import SamplingConfig
from occforge.train.loop import LoopConfig
from occforge.train.tasks import DiffusionOptions
from tiny_world import GRID, HALF, HALF_CASCADE, HALF_VOXELS, TinySource

N, SEEDS = 3, (0, 4)


def make_settings(folder):
    return comparison.Settings(
        out=folder / "run",
        record=folder / "record",
        cache=folder / "cache",
        source=TinySource(32),
        calibration=TinySource(8, first=1000),
        standard=TinySource(8, first=1100),
        reference=TinySource(N, first=1200),
        floor=TinySource(N, first=1300),
        minutes=0.01,
        seeds=SEEDS,
        workers=1,
        loop=LoopConfig(batch=2, warmup=2),
        feature_loop=LoopConfig(steps=2, batch=2, warmup=1),
        composition=HALF,
        voxel=HALF_VOXELS,
        cascade=HALF_CASCADE,
        sampling=SamplingConfig(background_steps=2, object_steps=2, fusion_steps=2, guidance=1.0),
        options=DiffusionOptions(queries=64),
    )


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp("comparison"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "PICTURES", 1)
        for step in comparison.STEPS.values():
            step(settings)
    return settings


def test_every_method_is_trained_for_the_same_time_with_the_planned_steps(settings):
    plan = settings.read_plan()
    for method, shares in comparison.SHARES.items():
        seconds, steps = plan["cpu_seconds_per_step"][method], plan["steps"][method]
        planned = sum(seconds[stage] * steps[stage] for stage in shares)
        assert planned == pytest.approx(60 * settings.minutes, abs=0.5 * sum(seconds.values()))
        for stage in shares:
            for seed in SEEDS:
                log = settings.stage_folder(method, seed, stage) / "log.jsonl"
                assert len(log.read_text().splitlines()) == steps[stage]


def test_scenes_are_scenes_and_no_two_are_alike(settings):
    for method in comparison.SHARES:
        made = [comparison.load_scene(settings, method, seed, i) for seed in SEEDS for i in range(N)]
        assert all(labels.shape == GRID.shape_XYZ and labels.dtype == np.uint8 for labels, _ in made)
        assert len({labels.tobytes() for labels, _ in made}) == len(made)
        assert all(labels.max() < 20 and seconds > 0 for labels, seconds in made)


def test_the_table_holds_what_was_compared(settings):
    table = (settings.record / "table.md").read_text()
    value = json.loads((settings.record / "table.json").read_text())
    assert "| F3D ↓ | 1 | " in table and "| Score | Unit | voxel D3PM | cascade | ours | real |" in table
    assert "Not a claim" in table and "| car | " in table and "nan" not in table
    assert value["reports"].keys() == comparison.SHARES.keys()
    assert all(report["n"] == N and report["seeds"] == list(SEEDS) for report in value["reports"].values())
    for cost in value["costs"]["cascade"]:
        assert cost["training"].keys() == {"coarse", "fusion"} and min(cost["training"].values()) > 0 < cost["scene"]
    with Image.open(settings.record / "sheet.png") as picture:
        assert picture.size == (408 + 8, 4 * 308 + 8)  # real, voxels, cascade, ours


def test_seeds_that_are_in_the_record_are_not_made_again(tmp_path, settings):
    table = (settings.record / "table.md").read_bytes()
    elsewhere = replace(settings, out=tmp_path / "run", cache=tmp_path / "cache")
    for step in comparison.STEPS.values():
        step(elsewhere)
    assert not elsewhere.out.exists() and (settings.record / "table.md").read_bytes() == table
    grown = replace(elsewhere, seeds=(*SEEDS, 5))
    assert grown.to_make() == [(method, 5) for method in comparison.SHARES]


def test_scenes_drawn_in_another_way_are_made_again(settings):
    other = replace(settings, cascade=replace(settings.cascade, coarse_sampling=DrawConfig(4)))
    assert other.read_plan() == settings.read_plan(), "the trainings stay"
    assert other.to_make() == [("cascade", seed) for seed in SEEDS]
    assert other.scene_path("cascade", 0, 0) != settings.scene_path("cascade", 0, 0)
    assert other.scene_path("ours", 0, 0) == settings.scene_path("ours", 0, 0)


def test_more_scenes_may_follow(settings):
    more = {"reference": TinySource(N + 1, first=1200), "floor": TinySource(N + 1, first=1300)}
    grown = replace(settings, **more)
    assert grown.read_plan() == settings.read_plan(), "the trainings stay"
    assert grown.to_make() == [(method, seed) for method in comparison.SHARES for seed in SEEDS]
    assert grown.scene_path("ours", 0, 0) == settings.scene_path("ours", 0, 0), "and so do the scenes"
    moved = replace(settings, floor=TinySource(N, first=1400))
    assert moved.is_kept("real", 0) and not moved.is_kept("real", 1)


def test_nothing_is_done_twice(settings):
    before = files(settings.out.parent)
    for name in ("plan", "train", "sample"):
        comparison.STEPS[name](settings)
    assert files(settings.out.parent) == before
    tables = {path: path.read_bytes() for path in settings.record.glob("table.*")}
    comparison.score(settings)  # written anew from what was kept, and nothing else
    assert {path: path.read_bytes() for path in tables} == tables
    assert {p: t for p, t in files(settings.out.parent).items() if p not in tables} == {
        p: t for p, t in before.items() if p not in tables
    }


def test_what_is_missing_is_made_again_as_it_was(settings):
    scene = settings.scene_path("ours", 4, 1)
    calibration = settings.stage_folder("cascade", 0, "coarse") / "calibration.json"
    for side in (("ours", 4), ("cascade", 0)):
        settings.kept_path(*side).unlink()
    labels, factors = comparison.load_scene(settings, "ours", 4, 1)[0], calibration.read_bytes()
    scene.unlink()
    calibration.unlink()
    before = files(settings.out)
    comparison.train_all(settings)
    comparison.sample_all(settings)
    after = files(settings.out)
    redone = settings.stage_folder("cascade", 0, "coarse")
    assert {path for path in after if path.parent != redone and after[path] != before.get(path)} == {scene}
    assert np.array_equal(comparison.load_scene(settings, "ours", 4, 1)[0], labels)
    assert calibration.read_bytes() == factors
    scores = (settings.record / "table.md").read_text().partition("| Stage |")[0]
    assert comparison.score(settings).partition("| Stage |")[0] == scores


def test_all_are_asked_for_the_same(settings, monkeypatch):
    asked = {}

    def draw_scene(method, sampling, request, seed):
        asked.setdefault(type(method).__name__, []).append((request, seed))
        return np.zeros(GRID.shape_XYZ, np.uint8)

    monkeypatch.setattr(comparison, "draw_scene", draw_scene)
    monkeypatch.setattr(comparison.Settings, "scene_path", lambda self, m, s, i: self.out.parent / "x" / f"{m}{i}.npz")
    for method in comparison.SHARES:
        comparison.sample_some(settings, method, 4, range(N))
    one, two, three = asked.values()
    assert one == two == three and len({json.dumps(request) for request, _ in one}) == N
    assert [seed for _, seed in one] == [4_000_000, 4_000_001, 4_000_002]


def test_ours_is_asked_for_exactly_that(settings):
    ours = comparison.load_method(settings, "ours", 0)
    request = settings.source.attributes(1)
    comparison.draw_scene(ours, settings.sampling, request, 0)
    assert ours.request_prior.complete({}, np.random.default_rng(9)) == request


def test_other_settings_need_another_folder(settings):
    for change in ({"minutes": 1.0}, {"loop": replace(settings.loop, batch=3)}, {"source": TinySource(33)}):
        with pytest.raises(InputError, match="was made for other settings"):
            comparison.plan(replace(settings, **change))
    comparison.plan(replace(settings, seeds=(0, 4, 5)))  # more may follow


def test_steps_out_of_order_say_what_is_missing(tmp_path, settings):
    with pytest.raises(InputError, match="run the step plan first"):
        comparison.train_all(make_settings(tmp_path))
    grown = replace(settings, seeds=(0, 4, 5))
    with pytest.raises(InputError, match="run the step train first"):
        comparison.sample_some(grown, "ours", 5, [0])
    with pytest.raises(InputError, match="run the step sample first"):
        comparison.keep(grown, "ours", 5)


def test_settings_that_cannot_be(settings):
    with pytest.raises(InputError, match="--seeds"):
        replace(settings, seeds=())
    with pytest.raises(InputError, match="--n"):
        replace(settings, reference=TinySource(1), floor=TinySource(1))
