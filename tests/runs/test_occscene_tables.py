"""OccScene's tables from plan to text, on tiny pictures and networks."""

import json
from dataclasses import replace
from functools import partial

import occscene_tables as tables
import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.pairs import WorldPairs
from occforge.data.views import WorldViews
from occforge.latent.alignment import AlignmentConfig
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.weights import load_generator, save_generator
from occforge.metrics import picture_judge
from occforge.perception.weights import save_network
from occforge.train.loop import LoopConfig
from tiny_pictures import READER, tiny_generator, tiny_reader, untrained_generator

SIZE_HW = (32, 96)


def tiny_config(config, alignment):
    painter = replace(config.painter, alignment=AlignmentConfig(alignment, width=16, heads=2, state=4, patch=1))
    return replace(config, painter=painter)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    views = WorldViews(WorldPairs(0, 4, SIZE_HW, 8, varied=1.0))
    torch.manual_seed(0)
    judge = picture_judge.build(picture_judge.JudgeConfig(SIZE_HW, (8, 8, 16, 16)), SEMANTIC_KITTI).eval()
    picture_judge.save_judge(judge, folder / "judge.safetensors")
    reader = tiny_reader(views.pairs.grid, SIZE_HW).network
    save_network(reader, "monoscene", READER, SIZE_HW, folder / "monoscene.safetensors", {})
    save_generator(tiny_generator(views.pairs.grid, SIZE_HW), folder / "pictures.safetensors", {})
    painted, reference = (WorldViews(WorldPairs(first, 2, SIZE_HW, 8)) for first in (3_000_000_000, 3_000_000_010))
    made = tables.Settings(
        out=folder / "run",
        record=folder / "record",
        cache=folder / "cache",
        views=views,
        painted=painted,
        reference=reference,
        perceived=painted,
        judge=folder / "judge.safetensors",
        perception=folder / "monoscene.safetensors",
        start=folder / "pictures.safetensors",
        minutes=0.01,
        joint_minutes=0.01,
        seeds=(0, 1),
        sampler_steps=(2, 3),
        workers=1,
        loop=LoopConfig(batch=2, warmup=1),
        joint_loop=LoopConfig(batch=2, warmup=1),
        config=partial(tiny_config, untrained_generator(views.pairs.grid, SIZE_HW).config),
        arms=(
            tables.Arm("off", occupancy=False),
            tables.Arm("gru"),
            tables.Arm("mamba"),
            tables.Arm("off", "attached"),
            tables.Arm("mamba", "detached"),
            tables.Arm("mamba", "attached"),
        ),
        painting=PaintingConfig(steps=2),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "TRIED", 2)
        for step in tables.STEPS.values():
            step(made)
    return made


def test_every_arm_takes_the_planned_steps(settings):
    steps = settings.read_plan()["steps"]
    assert steps.keys() == {"words", "gru", "off", "mamba", "off-attached", "mamba-detached", "mamba-attached"}
    for arm in settings.arms:
        for seed in settings.seeds:
            notes = (settings.folder(arm, seed) / "cpu.jsonl").read_text().splitlines()
            assert len(notes) == steps[arm.name]


def test_every_generator_begins_alike_with_an_alignment_that_adds_nothing(settings):
    start = load_generator(settings.start).state_dict()
    for arm in {arm.first for arm in settings.arms}:
        begun = load_generator(settings.folder(arm, 0) / "start.safetensors").state_dict()
        assert all(torch.equal(v, start[k]) for k, v in begun.items() if not k.startswith(tables.ALIGNMENT))
        zeros = [v for k, v in begun.items() if ".align.zero." in k]
        assert bool(zeros) == (arm.alignment != "off") and not any(v.any() for v in zeros)
    assert start["painter.align.zero.weight"].any()
    fresh = replace(settings, start=None)
    assert tables.begin(fresh, settings.arms[0], 0) is None and fresh.identity() != settings.identity()


def test_both_learn_attached_or_not(settings):
    detached, attached = (tables.Arm("mamba", how) for how in ("detached", "attached"))
    first = load_generator(settings.folder(tables.Arm("mamba"), 0) / "pictures.safetensors").state_dict()

    def moved(arm):
        now = load_generator(settings.folder(arm, 0) / "pictures.safetensors").state_dict()
        return any(not torch.equal(now[name], first[name]) for name in first)

    assert moved(detached) and moved(attached), "each generator learns, by itself or with perception"


def test_the_tables_say_what_was_kept(settings):
    text = (settings.record / "table.md").read_text()
    rows = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in text.splitlines() if line.startswith("| ")}
    whole = settings.arms[-1]
    kept = {at: [json.loads(settings.kept_path(whole, s, at).read_text()) for s in (0, 1)] for at in (2, 3)}
    distances = [row["scores"][tables.READ]["distance"] for row in kept[2]]
    assert rows["both"][0] == rows["2"][0] == tables.with_spread(distances)
    assert rows["3"][0] == tables.with_spread([row["scores"][tables.READ]["distance"] for row in kept[3]])
    read = [json.loads(settings.perceived_path(whole, s).read_text())["scores"] for s in (0, 1)]
    assert rows["attached"][0] == tables.with_spread([100 * row["clean"]["iou"] for row in read])
    assert (
        rows["both"][3][:-2]
        == rows["attached"][3][:-2]
        == tables.with_spread([100 * row["noisy"]["miou"] for row in read])
    )
    assert rows["3"][1][:-2] == tables.with_spread([row["cpu_seconds"]["picture"] for row in kept[3]])
    never, gru, told = (
        [json.loads(settings.kept_path(arm, s, 2).read_text()) for s in (0, 1)] for arm in settings.arms[:3]
    )
    assert rows["gru"][2][:-2] == tables.with_spread([1000 * row["cpu_seconds"]["alignment_step"] for row in gru])
    assert rows["not told"][0] == tables.with_spread([row["scores"][tables.ALONE]["distance"] for row in never])
    assert rows["told of it"][0] == tables.with_spread([row["scores"][tables.TOLD]["distance"] for row in told])
    before = json.loads((settings.record / "before-perception.json").read_text())["scores"]
    assert rows["before"][1] == tables.with_spread([100 * before["clean"]["miou"]] * 2)


def test_scoring_goes_on_with_what_was_trained(settings, monkeypatch):
    arm = settings.arms[-1]
    kept = settings.kept_path(arm, 0, 3)
    before = kept.read_text()
    kept.unlink()
    for name in ("train_painting", "train_joint"):
        monkeypatch.setattr(tables, name, lambda *_, **__: pytest.fail("trained again"))
    tables.score(settings, arm, 0)
    assert json.loads(kept.read_text())["scores"] == json.loads(before)["scores"]


def test_a_second_run_trains_nothing(settings, monkeypatch):
    for name in ("train_painting", "train_joint", "picture_scores"):
        monkeypatch.setattr(tables, name, lambda *_: pytest.fail("trained again"))
    for step in tables.STEPS.values():
        step(settings)
    with pytest.raises(InputError, match="was made for other settings"):
        tables.plan(replace(settings, minutes=1.0))
