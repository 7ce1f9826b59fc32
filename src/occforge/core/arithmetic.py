"""Which arithmetic a processor is good at."""

from typing import Literal

import torch

Dtype = Literal["float32", "bfloat16"]
DtypeChoice = Literal["auto", "float32", "bfloat16"]


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
    """`choice`, and for "auto" the faster one of the device."""
    if choice != "auto":
        return choice
    return "bfloat16" if fast_bfloat16(device) else "float32"
