"""What does sampling one 256 x 256 x 32 scene cost, stage by stage?

CPU seconds are those of all threads (the sum over cores), so a busy second core does not hide in them. The floor
printed beside them is the arithmetic of the networks alone at this machine's measured matrix-product rate.

    python benchmarks/scene_sampling.py [--repeats 5] [--out FILE.json]
"""

import argparse
import json
import os
import platform
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, before torch is loaded

import torch
from torch.utils.flop_counter import FlopCounterMode

from occforge.core.memory import keep_freed_memory, peak_bytes
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.weights import load_generator


def matrix_rate() -> float:
    """Floating point operations a CPU second of a large float32 matrix product."""
    a = torch.randn(2048, 2048)
    a @ a
    start = time.process_time()
    for _ in range(8):
        a @ a
    return 8 * 2 * 2048**3 / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prompt", default="a straight street with cars parked on the left and trees on the right")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()

    keep_freed_memory()  # as the command line does
    composition, origin = load_generator(None)
    config = SamplingConfig()
    generate_scene(composition, arguments.prompt, 0, config)
    runs = []
    for seed in range(1, arguments.repeats + 1):
        wall = time.perf_counter()
        made = generate_scene(composition, arguments.prompt, seed, config)
        runs.append({**made.seconds, "all": sum(made.seconds.values()), "wall": time.perf_counter() - wall})
    with FlopCounterMode(display=False) as counter:
        generate_scene(composition, arguments.prompt, 1, config)
    operations = counter.get_total_flops()
    rate = matrix_rate()

    table = {}
    for name in runs[0]:
        values = sorted(run[name] for run in runs)
        table[name] = {"min": values[0], "median": values[len(values) // 2], "max": values[-1]}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "question": "CPU seconds of sampling one scene, by stage",
        "seconds": table,
        "operations": operations,
        "floor_cpu_seconds": operations / rate,
        "matrix_rate_per_cpu_second": rate,
        "peak_memory_bytes": peak_bytes(),
        "grid": composition.levels.grid.shape_XYZ,
        "config": asdict(config),
        "weights": origin,
        "commit": commit,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "dtype": "float32",
    }
    print(f"{'stage':12} {'min':>7} {'median':>7} {'max':>7}   CPU s")
    for name, row in table.items():
        print(f"{name:12} {row['min']:7.2f} {row['median']:7.2f} {row['max']:7.2f}")
    floor = result["floor_cpu_seconds"]
    print(f"arithmetic {operations / 1e9:.0f} GFLOP, floor {floor:.2f} CPU s at {rate / 1e9:.0f} GFLOP/s")
    print(f"peak memory {result['peak_memory_bytes'] / 2**30:.2f} GiB")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
