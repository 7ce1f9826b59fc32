import os
import time
from multiprocessing import Process
from pathlib import Path

import pytest

from occforge.core import threads
from occforge.core.threads import others_running, wait_well


@pytest.mark.parametrize(("others", "spins"), [(0, True), (1, False), (None, False)])
def test_threads_spin_only_where_nobody_else_wants_the_cores(monkeypatch, others, spins):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(threads, "others_running", lambda: others)
    wait_well()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and ("GOMP_SPINCOUNT" in os.environ) == spins


def test_a_policy_that_was_named_stays(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_well()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE" and "GOMP_SPINCOUNT" not in os.environ


def _spin():
    while True:
        pass


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux says what runs")
def test_a_busy_process_is_seen():
    busy = Process(target=_spin, daemon=True)
    busy.start()
    try:
        until = time.monotonic() + 30
        while not others_running() and time.monotonic() < until:
            pass
        assert others_running() >= 1
    finally:
        busy.kill()
        busy.join()
