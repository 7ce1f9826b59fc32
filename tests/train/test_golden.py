"""A refactor keeps the short seeded loss curves in tests/golden.

Where a change of the method is meant: python tests/train/tiny_run.py golden tests/golden/loss_curves.json
"""

import json
from pathlib import Path

import pytest
import tiny_run

PINNED = json.loads((Path(__file__).resolve().parents[1] / "golden" / "loss_curves.json").read_text())


def test_every_stage_is_pinned():
    assert PINNED.keys() == tiny_run.GOLDEN.keys()


@pytest.mark.parametrize("stage", tiny_run.GOLDEN)
def test_loss_curves_are_as_pinned(tmp_path, stage):
    tiny_run.run(tmp_path / stage, stage, len(PINNED[stage]), tiny_run.GOLDEN[stage])
    # Muon orthogonalises in bfloat16, whose rounding differs between processors
    rel = 1e-3 if tiny_run.GOLDEN[stage] == "muon" else 1e-4
    assert tiny_run.losses(tmp_path / stage) == pytest.approx(PINNED[stage], rel=rel)
