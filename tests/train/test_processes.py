"""Training as real processes: killed and resumed, and two of them sharing a batch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_run

SCRIPT = Path(tiny_run.__file__)
pytestmark = pytest.mark.slow


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def start(out, steps):
    command = [sys.executable, str(SCRIPT), str(out), "objects", str(steps)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def steps_done(out):
    try:  # a training that begins anew takes the log of a killed one away
        return len((out / "log.jsonl").read_text().splitlines())
    except FileNotFoundError:
        return 0


def test_a_killed_training_ends_as_an_unbroken_one(tmp_path):
    """SIGKILL at any moment, in the middle of a step or of a save, changes no byte of the result."""
    steps, broken, whole = 30, tmp_path / "broken", tmp_path / "whole"
    for goal in (1, 9, 20):
        process = start(broken, steps)
        while steps_done(broken) < goal and process.poll() is None:
            time.sleep(0.003)
        assert process.poll() is None, process.stderr.read().decode()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert goal <= steps_done(broken) < steps and not (broken / "ema.safetensors").exists()
    process = start(broken, steps)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors.decode()
    tiny_run.run(whole, "objects", steps)
    assert (broken / "ema.safetensors").read_bytes() == (whole / "ema.safetensors").read_bytes()
    assert (broken / "checkpoint.safetensors").read_bytes() == (whole / "checkpoint.safetensors").read_bytes()
    assert (broken / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_two_processes_share_a_batch(tmp_path):
    steps = 10
    tiny_run.run(tmp_path / "one", "objects", steps)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*torchrun, str(SCRIPT), str(tmp_path / "two"), "objects", str(steps)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    one, two = tiny_run.losses(tmp_path / "one"), tiny_run.losses(tmp_path / "two")
    assert len(one) == steps and two == pytest.approx(one, rel=1e-4)
    assert (tmp_path / "two" / "ema.safetensors").exists()
