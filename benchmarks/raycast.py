"""How long do the pictures of one street take? Ray casting, colour, maps, meshes; writes JSON.

usage: python benchmarks/raycast.py [OUT.json]        (without OUT: prints)
"""

import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import tyro

from occforge.core.camera import street_camera
from occforge.core.files import write_json
from occforge.core.threads import thread_count
from occforge.render.bev import bev
from occforge.render.mesh import greedy_quads, write_glb
from occforge.render.oblique import oblique
from occforge.render.raycast import raycast
from occforge.render.shade import shade_stage
from occforge.render.stage import set_stage
from occforge.world.street import make_street

REPEATS = 7


def milliseconds(work: Callable[[], object]) -> dict[str, float]:
    """Best and median wall time of `REPEATS` runs after one that compiles."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return {"best_ms": round(min(times), 1), "median_ms": round(float(np.median(times)), 1)}


def commit() -> str:
    """The commit that ran, or "none" outside a repository."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "none"


def main(out: tyro.conf.Positional[Path | None] = None) -> None:
    """Measure everything on the street of seed 3 with a 640x192 camera."""
    scene = make_street(3).scene
    camera = street_camera((192, 640))
    stage = set_stage(scene, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.glb"
        result = {
            "raycast": milliseconds(lambda: raycast(scene, camera)),
            "set_stage": milliseconds(lambda: set_stage(scene, 0)),
            "shade_2x2": milliseconds(lambda: shade_stage(stage, camera, "clear", 2)),
            "shade_1x1": milliseconds(lambda: shade_stage(stage, camera, "clear", 1)),
            "shade_rain_2x2": milliseconds(lambda: shade_stage(stage, camera, "rain", 2)),
            "bev": milliseconds(lambda: bev(scene, 2)),
            "oblique_480x640": milliseconds(lambda: oblique(scene, (480, 640))),
            "write_glb": milliseconds(lambda: write_glb(scene, path)),
            "glb_bytes": path.stat().st_size,
            "quads": len(greedy_quads(scene).label_N),
            "grid": list(scene.grid.shape_XYZ),
            "size_HW": list(camera.size_HW),
            "threads": thread_count(),
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "numba": numba.__version__,
            "numpy": np.__version__,
            "commit": commit(),
        }
    if out is not None:
        write_json(out, result)
    else:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    tyro.cli(main)
