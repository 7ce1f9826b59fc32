"""Several processes, one model: each takes its slots of the global batch, gradients are averaged (torchrun)."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


@contextmanager
def process_group(device: torch.device) -> Iterator[tuple[int, int]]:
    """(rank, world size); joins the group that torchrun announces in the environment, (0, 1) without one."""
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield 0, 1
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


def average(tensors: list[Tensor], world: int) -> None:
    """Replace every tensor by its mean over processes, in place, as one flat message."""
    if world == 1 or not tensors:
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= world
    offset = 0
    for t in tensors:
        t.copy_(flat[offset : offset + t.numel()].reshape(t.shape))
        offset += t.numel()


def divided(work: Callable[[Tensor], Tensor], tensors: list[Tensor]) -> list[Tensor]:
    """`work` of every tensor, which keeps shape and type: each process does its share and tells the others.

    The tensors are the same in every process, and so are the results, bit for bit those of one process.
    """
    world = dist.get_world_size() if dist.is_initialized() else 1
    if world == 1:
        return [work(t) for t in tensors]
    rank = dist.get_rank()
    done = [work(t) if i % world == rank else torch.empty_like(t) for i, t in enumerate(tensors)]
    for owner in range(world):
        theirs = done[owner::world]
        if not theirs:
            continue
        flat = torch.cat([t.reshape(-1) for t in theirs])
        dist.broadcast(flat, owner)
        parts = flat.split([t.numel() for t in theirs])
        done[owner::world] = [part.reshape(t.shape) for part, t in zip(parts, theirs, strict=True)]
    return done


def wait(world: int) -> None:
    """Return when every process has come here."""
    if world > 1:
        dist.barrier()
