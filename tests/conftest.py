"""What tests share: the folder of real frames."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def realdata() -> Path:
    """`../shared/realdata` beside the repository; skips where it is absent. Use with the marker `real`."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "realdata"
    if not folder.is_dir():
        pytest.skip("no real frames in ../shared/realdata")
    return folder.resolve()
