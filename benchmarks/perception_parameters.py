"""How many parameters has each perception network at each preset, and in which part?

Networks are built on the meta device: no memory is taken and no weight is drawn.

    python benchmarks/perception_parameters.py [--out FILE.json]
"""

import argparse
import json
import platform
import subprocess
from pathlib import Path

import torch
from torch import nn

from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import NYUV2, SEMANTIC_KITTI
from occforge.perception.network import build_network, network_module, network_names

SETTINGS = {
    "street": (STREET_GRID, SEMANTIC_KITTI),
    "room": (GridSpec((60, 60, 36), (0.08, 0.08, 0.08), (0.0, 0.0, 0.0)), NYUV2),
    "small": (GridSpec((64, 64, 8), (0.8, 0.8, 0.8), (0.0, -25.6, -2.0)), SEMANTIC_KITTI),
}
"""Grid and classes that each preset is made for."""


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()

    rows = []
    for name in network_names():
        for size, config in network_module(name).PRESETS.items():
            grid, taxonomy = SETTINGS[size]
            with torch.device("meta"):
                network = build_network(name, config, grid, taxonomy)
            parts = {part: parameters(child) for part, child in network.named_children() if parameters(child)}
            rows.append({"network": name, "preset": size, "parameters": parameters(network), "parts": parts})
            print(f"{name:12} {size:8} {rows[-1]['parameters'] / 1e6:8.2f} M")
            for part, count in parts.items():
                print(f"    {part:18} {count / 1e6:8.2f} M")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "question": "parameters of each perception network by preset and part",
        "rows": rows,
        "commit": commit,
        "device": "meta",
        "dtype": "float32",
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
