"""How long do the selective scan and the dual alignment take? Forward and backward on one core; writes JSON.

usage: python benchmarks/selective_scan.py [OUT.json]        (without OUT: prints)

The scan by matrix products beside its plain form, a loop over steps, and beside the floor: its products at the rate of
one large product. Then a block of the alignment of each kind, Mamba, attention and GRU, on the same sequence.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import tyro
from torch import Tensor

from occforge.core.files import write_json
from occforge.core.memory import keep_freed_memory
from occforge.latent.alignment import AlignmentConfig, make_block
from occforge.latent.mamba import CHUNK, scan, scan_steps
from occforge.metrics.report import versions

STEPS = (1024, 4096)
HEADS, CHANNELS, STATE = 4, 32, 16
WIDTH = 64


def seconds(work: Callable[[], Tensor], repeats: int) -> dict[str, float]:
    """CPU seconds forward and backward together, after one run that does not count."""
    times = []
    for i in range(repeats + 1):
        start = time.process_time()
        work().sum().backward()
        if i:
            times.append(time.process_time() - start)
    return {"best_s": min(times), "median_s": float(np.median(times)), "most_s": max(times)}


def products(length: int) -> float:
    """Floating-point operations of the scan's products, forward; the backward pass has twice as many."""
    within = length * CHUNK * (STATE + HEADS * CHANNELS)
    states = 2 * length * HEADS * CHANNELS * STATE
    between = (length // CHUNK) ** 2 * HEADS * CHANNELS * STATE
    return 2.0 * (within + states + between)


def rate() -> float:
    """Floating-point operations a second of one large product."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = 1e9
    for _ in range(8):
        start = time.process_time()
        a @ b
        best = min(best, time.process_time() - start)
    return 2.0 * 1024**3 / best


def measure(length: int) -> dict[str, Any]:
    """Both forms of the scan, and the blocks, on a sequence of `length`."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1, length, HEADS, CHANNELS, generator=g, requires_grad=True)
    decay = (-torch.rand(1, length, HEADS, generator=g)).requires_grad_()
    B, C = (torch.randn(1, length, STATE, generator=g, requires_grad=True) for _ in range(2))
    torch.testing.assert_close(scan(x, decay, B, C), scan_steps(x, decay, B, C), atol=1e-3, rtol=1e-4)
    result: dict[str, Any] = {
        "scan": seconds(lambda: scan(x, decay, B, C), 9),
        "steps, the plain form": seconds(lambda: scan_steps(x, decay, B, C), 3),
        "floor_s": 3.0 * products(length) / rate(),
    }
    result["times_the_plain_form"] = result["steps, the plain form"]["median_s"] / result["scan"]["median_s"]
    token = torch.randn(1, length, WIDTH, generator=g)
    for kind in ("mamba", "attention", "gru"):
        torch.manual_seed(0)
        block = make_block(AlignmentConfig(kind, WIDTH))  # type: ignore[arg-type]
        result[f"block, {kind}"] = seconds(lambda block=block: block(token), 5)  # type: ignore[misc]
    result["attention_over_mamba"] = result["block, attention"]["median_s"] / result["block, mamba"]["median_s"]
    return result


def main(out: tyro.conf.Positional[Path | None] = None) -> None:
    """Measure each length."""
    torch.set_num_threads(1)
    keep_freed_memory()
    result: dict[str, Any] = {f"{length} steps": measure(length) for length in STEPS}
    result |= {"machine": platform.processor() or platform.machine(), **versions()}
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    tyro.cli(main)
