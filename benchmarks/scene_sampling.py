"""What does sampling one 256 x 256 x 32 scene cost, stage by stage?

CPU seconds are those of all threads (the sum over cores), so a busy second core does not hide in them; they are
counted on one thread, which never waits for another, and on all, whose waiting counts. The floor printed beside them
is the arithmetic of the networks alone at this machine's measured matrix-product rate.

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

from occforge.core.memory import keep_freed_memory, peak_bytes
from occforge.core.threads import wait_well


def matrix_rate() -> float:
    """Floating point operations a CPU second of a large float32 matrix product."""
    import torch

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

    keep_freed_memory()
    wait_well()  # both as the command line does, and before torch is loaded

    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
    from occforge.weights import load_generator

    composition, origin = load_generator(None)
    config = SamplingConfig()

    def spread(threads: int) -> dict[str, dict[str, float]]:
        """Least, median and most seconds of each stage over the repeats."""
        torch.set_num_threads(threads)
        generate_scene(composition, arguments.prompt, 0, config)
        runs = []
        for seed in range(1, arguments.repeats + 1):
            wall = time.perf_counter()
            made = generate_scene(composition, arguments.prompt, seed, config)
            wall = time.perf_counter() - wall
            runs.append({**made.seconds, "all": sum(made.seconds.values()), "wall": wall})
        values = {name: sorted(run[name] for run in runs) for name in runs[0]}
        return {name: {"min": v[0], "median": v[len(v) // 2], "max": v[-1]} for name, v in values.items()}

    every = torch.get_num_threads()
    tables = {threads: spread(threads) for threads in sorted({1, every})}
    torch.set_num_threads(1)
    with FlopCounterMode(display=False) as counter:
        generate_scene(composition, arguments.prompt, 1, config)
    operations = counter.get_total_flops()
    rate = matrix_rate()

    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "question": "CPU seconds of sampling one scene, by stage",
        "seconds_by_threads": tables,
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
        "cores": os.cpu_count(),
        "dtype": "float32",
    }
    for threads, table in tables.items():
        print(f"{f'{threads} threads':12} {'min':>7} {'median':>7} {'max':>7}   CPU s, the last row seconds")
        for name, row in table.items():
            print(f"{name:12} {row['min']:7.2f} {row['median']:7.2f} {row['max']:7.2f}")
    floor = result["floor_cpu_seconds"]
    print(f"arithmetic {operations / 1e9:.0f} GFLOP, floor {floor:.2f} CPU s at {rate / 1e9:.0f} GFLOP/s")
    print(f"peak memory {result['peak_memory_bytes'] / 2**30:.2f} GiB")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
