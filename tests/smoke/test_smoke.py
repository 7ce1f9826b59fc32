"""What the README promises, run as a newcomer would: the embedded weights and every example."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occforge.core.grid import STREET_GRID, Scene

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_the_embedded_generator_writes_what_the_readme_says(tmp_path: Path) -> None:
    out = tmp_path / "street"
    command = [sys.executable, "-m", "occforge", "generate", "a crossing with many people, fog"]
    run = subprocess.run([*command, "--out", str(out), "--seed", "3"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    scene = Scene.load(out / "scene.npz")
    assert scene.grid == STREET_GRID
    assert 0.02 < (scene.labels_XYZ != 0).mean() < 0.2
    assert json.loads((out / "prompt.json").read_text())["understood"]["layout"] == "crossing"
    depth = np.asarray(Image.open(out / "depth" / "000000.png"))
    semantic = np.asarray(Image.open(out / "semantic" / "000000.png"))
    assert depth.dtype == np.uint16
    assert depth.shape == semantic.shape
    assert ((depth > 0) == (semantic > 0)).all()
    assert (out / "scene.glb").stat().st_size > 10_000
    assert "http" not in (out / "index.html").read_text().split("<script", 1)[0].replace("http-equiv", "")
