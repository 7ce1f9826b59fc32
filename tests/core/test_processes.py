import math
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from occforge.core.processes import run_jobs, run_steps


def test_one_worker_is_this_process():
    assert run_jobs(os.getpid, [()] * 2, 1, "a") == [os.getpid()] * 2
    assert run_jobs(operator.add, [(1, 2), (3, 4)], 1, "a") == [3, 7]
    assert run_jobs(operator.add, [], 2, "a") == []


@pytest.mark.slow
def test_two_workers_give_the_same_in_the_same_order():
    assert run_jobs(operator.add, [(i, i) for i in range(9)], 2, "a") == [2 * i for i in range(9)]
    with pytest.raises(ValueError, match=r"math|nonnegative|negative"):
        run_jobs(math.sqrt, [(4,), (-1,), (9,)], 2, "a")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in /proc")
def test_workers_end_with_a_killed_parent():
    program = "import time; from occforge.core.processes import run_jobs; run_jobs(time.sleep, [(600,)] * 2, 2, 'a')"
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    children: list[int] = []

    def asleep(pid):
        """Whether the worker is at its job: it has a second thread, which watches the parent."""
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1

    def left():
        return [pid for pid in children if Path(f"/proc/{pid}").exists()]

    while sum(map(asleep, left())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        children = [int(p) for p in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()]
    run.send_signal(signal.SIGKILL)
    run.wait()
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    survivors = left()
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert len(children) >= 2 and not survivors


def test_steps_of_a_script_run_in_order_or_alone(capsys):
    steps = {"one": lambda value: None, "two": lambda value: f"made {value}"}
    run_steps(steps, "all", 3)
    assert capsys.readouterr().out == "== one\n== two\nmade 3\n"
    run_steps(steps, "two", 4)
    assert capsys.readouterr().out == "== two\nmade 4\n"
