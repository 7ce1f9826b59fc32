import os
import subprocess
import sys

import numpy as np
import pytest

from occforge.core.camera import street_camera
from occforge.core.processes import run_jobs
from occforge.core.threads import thread_count
from occforge.render.raycast import raycast
from occforge.world.street import make_street


def test_threads_are_as_many_as_the_environment_says(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5, 6, 7}, raising=False)
    for said, expected in [("3", 3), ("1", 1), ("0", 1), ("", 5), ("many", 5)]:
        monkeypatch.setenv("NUMBA_NUM_THREADS", said)
        assert thread_count() == expected
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert thread_count() == 4


def test_no_picture_depends_on_them(monkeypatch):
    scene, camera = make_street(0).scene, street_camera((33, 64))
    views = []
    for threads in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        views.append(raycast(scene, camera))
    assert np.array_equal(views[0].depth_HW, views[1].depth_HW) and views[0].depth_HW.any()


@pytest.mark.slow
def test_rendering_leaves_the_threads_of_torch_alone():
    program = (
        "import torch; torch.set_num_threads(3)\n"
        "from occforge.core.camera import street_camera\n"
        "from occforge.render.raycast import raycast\n"
        "from occforge.world.street import make_street\n"
        "raycast(make_street(0).scene, street_camera((16, 32)))\n"
        "print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


@pytest.mark.slow
def test_workers_keep_to_one_thread():
    assert run_jobs(thread_count, [(), ()], 2, "threads") == [1, 1]
