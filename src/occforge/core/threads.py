"""How many threads a process renders on."""

import os


def thread_count() -> int:
    """NUMBA_NUM_THREADS as it stands in the environment now, else the cores that this process may use."""
    named = os.environ.get("NUMBA_NUM_THREADS", "")
    if named.isdigit():
        return max(1, int(named))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_one_thread() -> None:
    """Keep this process to one core, as workers side by side are kept; no picture depends on it."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
