"""How many threads a process renders on, and how those of its networks wait for each other."""

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


def wait_briefly() -> None:
    """Have idle threads of a network spin a few microseconds for the next layer, then sleep; call before torch loads.

    Sleeping at once makes each layer wait for the kernel to wake a thread; spinning on burns a core (docs/lab,
    2026-11-22). GNU OpenMP, which torch brings on Linux, knows the count; others are told to sleep. A wait policy that
    the environment already names stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
