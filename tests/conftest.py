"""What tests share: real frames, compact and expanded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # test processes run side by side; threads in each would wait in turn


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder that OCCFORGE_REAL_DATA names, else `../shared/realdata` beside the repository; skips where it is
    absent. Use with the marker `real`."""
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "realdata"
    folder = Path(os.environ.get("OCCFORGE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real frames in {folder}; name their folder in OCCFORGE_REAL_DATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def real_tree(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames each of two sequences, expanded to the official layout by the script beside the real frames."""
    compact = tmp_path_factory.mktemp("compact")
    shutil.copy(realdata / "expand_kitti.py", compact / "expand_kitti.py")
    for sequence in ("00", "04"):
        folder = compact / "kitti" / sequence
        folder.mkdir(parents=True)
        for name in ("calib.txt", "poses.txt", "000000.npz", "000000.jpg", "000005.npz", "000005.jpg"):
            (folder / name).symlink_to(realdata / "kitti" / sequence / name)
    target = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, compact / "expand_kitti.py", target], check=True)
    return target
