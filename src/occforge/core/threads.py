"""How many threads a process renders on."""

import os


def thread_count() -> int:
    """NUMBA_NUM_THREADS as it stands in the environment now, else the cores of the machine."""
    named = os.environ.get("NUMBA_NUM_THREADS", "")
    return max(1, int(named)) if named.isdigit() else os.cpu_count() or 1


def use_one_thread() -> None:
    """Keep this process to one core, as workers side by side are kept; no picture depends on it."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
