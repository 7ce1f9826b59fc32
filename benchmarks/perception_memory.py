"""How much memory does one training step of a perception network take, with and without checkpointing?

    python benchmarks/perception_memory.py [--networks monoscene ndcscene] [--size paper]

One picture of SemanticKITTI's size (370 x 1220) and its 256 x 256 x 32 voxels, batch 1, forward, losses, backward and
AdamW's step, each in a process of its own: peak resident memory as the operating system counts it, less what the
process had before the network was made; and CPU seconds. Writes benchmarks/perception_memory.json.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import tyro

from occforge.core.memory import peak_bytes


def measure(network: str, size: Literal["small", "paper"], checkpointing: bool) -> dict[str, float]:
    """One training step in this process."""
    import torch

    from occforge.core.batch import CameraBatch
    from occforge.core.camera import street_camera
    from occforge.core.grid import STREET_GRID
    from occforge.core.taxonomy import SEMANTIC_KITTI
    from occforge.perception.network import Hints, build_network, preset

    torch.manual_seed(0)
    before = peak_bytes()
    grid = STREET_GRID if size == "paper" else STREET_GRID.pooled((4, 4, 4))
    size_HW = (370, 1220) if size == "paper" else (64, 192)
    config = preset(network, "street" if size == "paper" else "small")
    if hasattr(config, "checkpointing"):
        config = replace(config, checkpointing=checkpointing)
    model = build_network(network, config, grid, SEMANTIC_KITTI).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, *size_HW, generator=generator)
    target = torch.randint(0, SEMANTIC_KITTI.class_count, (1, *grid.shape_XYZ), generator=generator).to(torch.uint8)
    cameras = CameraBatch.stack([street_camera(size_HW)])
    start = time.process_time()
    loss = torch.stack(list(model.loss(model(image, cameras, Hints()), target, cameras).values())).sum()
    loss.backward()
    optimizer.step()
    return {
        "peak_gib": (peak_bytes() - before) / 2**30,
        "cpu_seconds": time.process_time() - start,
        "parameters": sum(p.numel() for p in model.parameters()),
        "loss": loss.item(),
    }


def main(
    networks: tuple[str, ...] = ("monoscene", "ndcscene"),
    size: Literal["small", "paper"] = "paper",
    one: Literal["", "plain", "checkpointing"] = "",
) -> None:
    """Measure every network both ways, or (as this script calls itself) one of them here.

    Args:
        networks: Names of perception networks.
        size: The paper's sizes, or the embedded ones.
        one: Measure only the first network, this way, in this process, and print JSON.
    """
    if one:
        print(json.dumps(measure(networks[0], size, one == "checkpointing")))
        return
    from occforge.core.files import write_json
    from occforge.metrics.report import versions

    rows = []
    for network in networks:
        for way in ("plain", "checkpointing"):
            command = [sys.executable, __file__, "--networks", network, "--size", size, "--one", way]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append({"network": network, "way": way, **json.loads(done.stdout.splitlines()[-1])})
            print(
                f"{network:12} {way:14} {rows[-1]['peak_gib']:6.2f} GiB {rows[-1]['cpu_seconds']:7.1f} CPU-s",
                flush=True,
            )
    question = "memory of one training step, batch 1"
    write_json(Path(__file__).with_suffix(".json"), {"question": question, "size": size, "rows": rows, **versions()})


if __name__ == "__main__":
    tyro.cli(main)
