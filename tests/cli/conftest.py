import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tiny_world
settings.register_profile("steady", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with a tiny, untrained generator; not to be changed."""
    from tiny_world import save_generator, tiny_composition

    return save_generator(tmp_path_factory.mktemp("generator") / "weights", tiny_composition())


@pytest.fixture
def occforge(monkeypatch, capsys, tmp_path):
    """`occforge(*arguments) -> (exit code, stdout, stderr)` in this process, from an empty working folder."""
    from occforge.cli.main import main

    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["occforge", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call
