"""Optimizers: Muon for the matrices of a trunk, AdamW for everything else."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from occforge.core.arithmetic import fast_bfloat16
from occforge.train.distributed import divided

PARTS = ("generator", "perception", "painter")
"""Names that networks have within the modules that are trained, outermost first."""


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by Newton-Schulz iteration (Jordan et al. 2024).

    Weights of more than two axes count as (first axis, rest). The update is scaled by sqrt(max(1, rows / columns)).
    torch.optim.Muon takes two-dimensional weights only and came after the oldest torch that we support.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            updates = []
            for parameter in parameters:
                assert parameter.grad is not None
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                buffer = state["momentum_buffer"]
                buffer.lerp_(parameter.grad, 1.0 - group["momentum"])
                updates.append(parameter.grad.lerp(buffer, group["momentum"]).flatten(1))
            for parameter, matrix in zip(parameters, divided(orthogonalised, updates), strict=True):
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(matrix.reshape(parameter.shape), alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor) -> Tensor:
    """`orthogonalise` in the matrix's own type."""
    return orthogonalise(matrix).to(matrix.dtype).contiguous()


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The nearly orthogonal factor U V^T of a matrix, by the quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16() if fast_bfloat16(matrix.device) else matrix.float()
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def split_parameters(module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """(matrices for Muon, the rest for AdamW): embeddings, heads, biases, norms and thin matrices are the rest.

    Networks within a module (`PARTS`) count as if each stood alone.
    """
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        thin = parameter.dim() < 2 or min(parameter.shape[0], parameter[0].numel()) < 32
        for part in PARTS:
            name = name.removeprefix(f"{part}.")
        outer = name.startswith(("head", "enter", "leave", "modulate", "words"))
        outer = outer or ".table" in name or "voxel" in name
        (rest if thin or outer or id(parameter) in embeddings else matrices).append(parameter)
    return matrices, rest
