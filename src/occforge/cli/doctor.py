"""`occforge doctor`: is everything here that a first scene needs."""

import importlib.metadata
import os
import platform

from occforge.cli._parse import call
from occforge.core.errors import InputError


def doctor() -> None:
    """Check the installation, the weights and the machine; exit code 2 if something is missing."""
    from occforge.core.arithmetic import chosen_dtype
    from occforge.core.memory import available_bytes
    from occforge.weights import load_generator

    print(f"python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    for package in ("occforge", "torch", "numpy", "numba", "safetensors", "viser"):
        try:
            print(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is not installed" + (" (needed by `occforge view` only)" if package == "viser" else ""))
    free = available_bytes() / 2**30
    print(f"memory: {free:.1f} GiB free, a scene needs 2 GiB")
    import torch

    print(f"cuda: {torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none (not needed)'}")
    print(f"arithmetic of training on the processor: {chosen_dtype('auto', 'cpu')}")
    composition, origin = load_generator(None)
    levels = composition.levels
    parameters = sum(p.numel() for p in composition.parameters())
    print(f"weights: {origin}, {parameters / 1e6:.1f} M parameters, {levels.grid.shape_XYZ} of {levels.taxonomy.name}")
    if free < 2:
        raise InputError(f"memory: expected 2 GiB free, got {free:.1f}; close something")
    print("all well")


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(doctor, program, arguments)
