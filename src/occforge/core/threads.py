"""How many threads a process renders on, and how those of its networks wait for each other."""

import os
import time
from pathlib import Path


def thread_count() -> int:
    """NUMBA_NUM_THREADS as it stands in the environment now, else the cores that this process may use."""
    named = os.environ.get("NUMBA_NUM_THREADS", "")
    if named.isdigit():
        return max(1, int(named))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_one_thread() -> None:
    """Keep this process to one core, as workers side by side are kept; no picture depends on it."""
    os.environ["NUMBA_NUM_THREADS"] = "1"


SPIN_COUNT = 10_000
"""Rounds of a spinning thread: some tens of microseconds, the time between two layers of a network."""


def wait_well() -> None:
    """Have idle threads of a network spin for the next layer if no other process wants the cores, else sleep at once.

    To be called before torch is loaded. Sleepers wait at each layer for the kernel to wake them, spinners keep a busy
    machine's other threads from running (docs/lab, 2026-11-22). The numbers that come out are the same. GNU OpenMP,
    which torch brings on Linux, knows the count; elsewhere threads sleep. A policy that the environment names stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        if others_running() == 0:
            os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))


def others_running() -> int | None:
    """How many threads of this machine run besides the calling one, the fewest of five looks; None: unknown."""
    looks = []
    for _ in range(5):
        try:
            lines = Path("/proc/stat").read_text().splitlines()
        except OSError:
            return None
        looks += [int(line.split()[1]) - 1 for line in lines if line.startswith("procs_running")]
        time.sleep(0.001)
    return min(looks, default=None)
