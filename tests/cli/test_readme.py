"""What the README tells a newcomer to type, typed on a copy of what git holds, in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occforge.core.grid import STREET_GRID, Scene

ROOT = Path(__file__).resolve().parents[2]


def first_block(readme: str) -> list[str]:
    """Lines of the first shell block, without comments."""
    block = readme.split("```sh\n", 1)[1].split("```", 1)[0]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.mark.slow
def test_both_commands_on_a_fresh_copy(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    # Dependencies come from the environment of the tests, so that nothing is downloaded. To pip, 0 means no isolation.
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}
    environment = {**os.environ, **offline, "PYTHONPATH": sysconfig.get_path("purelib"), "PYTHON": sys.executable}
    commands = first_block((tmp_path / "README.md").read_text())
    assert commands[0] == "make demo" and commands[1].startswith(".venv/bin/occforge generate ") and len(commands) == 2
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    for name, layout in (("demo", "straight"), ("mine", "crossing")):
        folder = tmp_path / "out" / name
        scene = Scene.load(folder / "scene.npz")
        assert scene.grid == STREET_GRID and 0.02 < (scene.labels_XYZ != 0).mean() < 0.2
        assert json.loads((folder / "prompt.json").read_text())["understood"]["layout"] == layout
        depth, semantic = (np.asarray(Image.open(folder / kind / "000000.png")) for kind in ("depth", "semantic"))
        assert depth.dtype == np.uint16 and depth.shape == semantic.shape and ((depth > 0) == (semantic > 0)).all()
        assert (folder / "scene.glb").stat().st_size > 10_000
        assert "http" not in (folder / "index.html").read_text().split("<script", 1)[0].replace("http-equiv", "")
    installed = subprocess.run(
        [tmp_path / ".venv" / "bin" / "python", "-c", "import occforge; print(occforge.__file__)"],
        env=environment, cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(installed.stdout.strip()).is_relative_to(tmp_path)


def test_prose_keeps_within_120_columns() -> None:
    """Lines that can be broken: those of tables, pictures and commands cannot."""
    pages = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "lab").glob("*.md"),
    ]
    for page in pages:
        commands = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            commands ^= line.lstrip().startswith("```")
            whole = commands or line.startswith(("|", "!", "    ")) or " " not in line.strip("- ")
            assert whole or len(line) <= 120, f"{page.relative_to(ROOT)}:{number} has {len(line)} characters"
