"""Which device is meant, and which arithmetic it is good at."""

import os
from typing import Literal

import torch

from occforge.core.errors import InputError

Dtype = Literal["float32", "bfloat16"]
DtypeChoice = Literal["auto", "float32", "bfloat16"]


def device_of(name: str) -> torch.device:
    """The device called `name`; "cuda" is the one that torchrun gives this process. `InputError` if there is none."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"--device: expected cpu, cuda or cuda:1, got {name}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {name}: no CUDA device is visible; use --device cpu")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def fast_bfloat16(device: torch.device | str) -> bool:
    """Whether matrices multiply faster in bfloat16 than in float32 there.

    A processor without such instructions works them out a number at a time: 60 times slower than float32 (measured on
    AVX2). Older torch does not tell what a processor has; then no.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def chosen_dtype(choice: DtypeChoice, device: str) -> Dtype:
    """`choice`, and for "auto" the faster one of the device; raises `InputError` if there is no such device."""
    found = device_of(device)
    if choice != "auto":
        return choice
    return "bfloat16" if fast_bfloat16(found) else "float32"
