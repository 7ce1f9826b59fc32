"""How rows of a picture are shared among threads.

The kernels are numba functions compiled with `nogil=True`, called on bands of rows by plain Python threads.
Numba's own `prange` is not used: its OpenMP layer aborts a process that forks afterwards (as data loaders do)
and its workqueue layer aborts when two threads of a web app call it at once. Nor is `numba.get_num_threads`: it starts
that layer, which sets the number of OpenMP threads of the whole process, torch's too.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from occforge.core.threads import thread_count

BAND = 8
"""Rows a thread takes at a time: few enough that dear rows (trees) do not leave one thread waiting for another."""


def for_rows(kernel: Callable[..., None], H: int, *arguments: Any) -> None:
    """Run `kernel(first_row, last_row, *arguments)` over all `H` rows, on as many threads as `thread_count` says."""
    bands = [(row, min(row + BAND, H)) for row in range(0, H, BAND)]
    threads = min(thread_count(), len(bands))
    if threads <= 1:
        kernel(0, H, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(kernel, first, last, *arguments) for first, last in bands]:
            done.result()
