"""Optimizer states as named tensors, so that a checkpoint is one safetensors file."""

from pathlib import Path

import torch
from torch import Tensor, nn

from occforge.core.errors import InputError


def flatten_optimizer(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """An optimizer's state as `{optimizer}.{parameter}.{key}`, with the parameters' names in `module`."""
    flat = {}
    for name, parameter in _held(optimizer, module).items():
        for key, value in optimizer.state.get(parameter, {}).items():
            flat[f"{_kind(optimizer)}.{name}.{key}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    return flat


def restore_optimizer(
    optimizer: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor], path: Path
) -> None:
    """Inverse of `flatten_optimizer`; raises `InputError` if a state belongs to no parameter of this optimizer.

    A parameter that never had a gradient has no state.
    """
    indices = {name: index for index, name in enumerate(_held(optimizer, module))}
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == _kind(optimizer):
            parameter, _, key = rest.rpartition(".")
            if parameter not in indices:
                raise InputError(f"{path}: holds {name}, which is not trained so here; start anew in another --out")
            state.setdefault(indices[parameter], {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _kind(optimizer: torch.optim.Optimizer) -> str:
    return type(optimizer).__name__.lower()


def _held(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {names[id(p)]: p for group in optimizer.param_groups for p in group["params"]}
