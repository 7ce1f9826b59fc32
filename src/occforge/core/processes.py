"""Work done by several processes side by side."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from occforge.core.errors import check_count
from occforge.core.memory import keep_freed_memory
from occforge.core.threads import use_one_thread

T = TypeVar("T")


def run_jobs(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], workers: int, name: str) -> list[T]:
    """Results of `work(*job)` in the order of jobs, each on one thread; one worker works in this process.

    The first error of a job is raised here, and jobs that nobody has begun are left out.
    """
    check_count("--workers", workers)
    if workers == 1 or not jobs:
        return [work(*job) for job in jobs]
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        futures = [pool.submit(work, *job) for job in jobs]
        try:
            return [future.result() for future in tqdm(futures, desc=name)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_steps(steps: Mapping[str, Callable[[T], Any]], wanted: str, settings: T) -> None:
    """The step of a script that is wanted, or with "all" each in order; what a step returns is printed."""
    for name, work in steps.items():
        if wanted in ("all", name):
            print(f"== {name}", flush=True)
            result = work(settings)
            if result:
                print(result)


def start_worker() -> None:
    """One thread; and end with the process that started this one, or a second run would meet its workers."""
    torch.set_num_threads(1)
    use_one_thread()
    keep_freed_memory()
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
