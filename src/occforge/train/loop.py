"""The training loop: any task, one or many processes, resumable at any moment with nothing changed.

A batch is a function of (seed, step) alone, and what a network draws itself (dropout, sampled voxels) of (seed, step,
process), so a checkpoint needs no state of random generators or loaders.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from occforge.core.arithmetic import Dtype, device_of
from occforge.core.errors import InputError, check_count
from occforge.core.files import make_folder, write_text
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.train.checkpoint import flatten_optimizer, restore_optimizer
from occforge.train.distributed import average, process_group, wait
from occforge.train.optim import Muon, split_parameters


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast to train.

    `batch` is global: processes share it. `optimizer` "muon" trains matrices with Muon at `muon_lr` and the rest with
    AdamW at `lr`; "adamw" trains everything with AdamW. `schedule` "cosine" warms up and decays to zero; "steps"
    divides the rate by ten at 64 % and 84 % (epochs 320 and 420 of 500, Comp-D3PM A.2). `dtype` is that of autocast.
    """

    steps: int = 1000
    batch: int = 8
    lr: float = 1e-3
    muon_lr: float = 0.02
    weight_decay: float = 0.01
    optimizer: Literal["muon", "adamw"] = "muon"
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    warmup: int = 50
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    dtype: Dtype = "float32"
    device: str = "cpu"
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            check_count(f"--{name}", getattr(self, name))
        for name in ("lr", "muon_lr"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"--{name.replace('_', '-')}: expected a number, 0 or more, got {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"--seed: expected 0 or more, got {self.seed}")


class Task(Protocol):
    """What is trained: a module and the loss of a batch."""

    module: nn.Module

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """Loss of each slot of the global batch at a step, (slots,); a function of its arguments and weights alone."""


def rate(config: LoopConfig, step: int) -> float:
    """Learning rate at a step, relative to its peak."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    progress = step / config.steps
    if config.schedule == "steps":
        return 0.1 ** ((progress >= 0.64) + (progress >= 0.84))
    tail = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * tail))))


def train(
    task: Task,
    config: LoopConfig,
    folder: Path,
    metadata: dict[str, object],
    prepare: Callable[[], object] = lambda: None,
) -> Path:
    """Train `task` to the end and return the path of the averaged weights, `folder`/ema.safetensors.

    `folder` holds checkpoint.safetensors (every few minutes), log.jsonl (one line a step) and run.json. If a
    checkpoint of the same configuration is there, training continues from it; of another one, `InputError`. `prepare`
    is called once settings, device and folder have been found good, if there are steps to go.
    """
    device = device_of(config.device)
    config = replace(config, device=str(device))
    with process_group(device) as (rank, world):
        if config.batch % world:
            raise InputError(f"--batch {config.batch} does not divide among {world} processes; choose a multiple")
        return _Run(task, config, folder, metadata, rank, world).run(prepare)


class _Run:
    def __init__(
        self, task: Task, config: LoopConfig, folder: Path, metadata: dict[str, object], rank: int, world: int
    ) -> None:
        self.task, self.config, self.folder, self.rank, self.world = task, config, folder, rank, world
        self.identity = json.loads(json.dumps({"loop": asdict(config), **metadata}))
        for forgettable in ("checkpoint_minutes", "device"):
            self.identity["loop"].pop(forgettable)
        self.module = task.module.to(config.device)
        self.ema = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.optimizers: list[torch.optim.Optimizer] = []
        if config.optimizer == "muon":
            matrices, rest = split_parameters(self.module)
            if matrices:  # what is left to train may be of one kind
                self.optimizers.append(Muon(matrices, config.muon_lr, weight_decay=config.weight_decay))
            if rest:
                betas = (0.9, 0.99)
                self.optimizers.append(torch.optim.AdamW(rest, config.lr, betas, weight_decay=config.weight_decay))
        else:
            parameters = [p for p in self.module.parameters() if p.requires_grad]
            self.optimizers.append(torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay))
        self.peaks = [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        self.step = 0

    def run(self, prepare: Callable[[], object]) -> Path:
        final = self.folder / "ema.safetensors"
        self.resume()
        if self.step < self.config.steps:
            prepare()
        log = (self.folder / "log.jsonl").open("a") if self.rank == 0 else None
        bar = tqdm(total=self.config.steps, initial=self.step, desc=self.folder.name, disable=self.rank > 0)
        saved, smooth = time.monotonic(), None
        while self.step < self.config.steps:
            loss = self.one_step()
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            bar.update()
            bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
            if log is not None:
                log.write(json.dumps({"step": self.step, "loss": loss}) + "\n")
                if time.monotonic() - saved > 60 * self.config.checkpoint_minutes:
                    log.flush()
                    self.save()
                    saved = time.monotonic()
        bar.close()
        if log is not None:
            log.close()
            self.save()
            save_tensors(final, self.ema, {**self.identity, "step": self.step})
        wait(self.world)
        return final

    def one_step(self) -> float:
        config = self.config
        share = config.batch // self.world
        slots = range(self.rank * share, (self.rank + 1) * share)
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * rate(config, self.step)
            optimizer.zero_grad(set_to_none=True)
        self.module.train()
        drawn = np.random.SeedSequence((config.seed, self.step, self.rank)).generate_state(2, np.uint32)
        torch.manual_seed(int(drawn[0]) << 32 | int(drawn[1]))
        autocast = torch.autocast(torch.device(config.device).type, torch.bfloat16)
        with autocast if config.dtype == "bfloat16" else nullcontext():
            loss = self.task.losses(self.step, slots, config.batch, config.seed).mean()
        loss.backward()
        parameters = [p for o in self.optimizers for g in o.param_groups for p in g["params"] if p.grad is not None]
        mean_loss = loss.detach().clone()
        average([p.grad for p in parameters if p.grad is not None] + [mean_loss.reshape(1)], self.world)
        if not bool(torch.isfinite(mean_loss)):  # after averaging, so that every process sees it and none waits
            raise FloatingPointError(f"loss is {float(mean_loss)} at step {self.step}; lower --lr or use float32")
        nn.utils.clip_grad_norm_(parameters, config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.module.state_dict().items():
                if value.is_floating_point():
                    self.ema[name].lerp_(value, 1.0 - decay)
                else:
                    self.ema[name].copy_(value)
        return float(mean_loss)

    def save(self) -> None:
        tensors = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.items()}
        for optimizer in self.optimizers:
            tensors |= flatten_optimizer(optimizer, self.module)
        save_tensors(self.folder / "checkpoint.safetensors", tensors, {**self.identity, "step": self.step})

    def resume(self) -> None:
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            if self.rank == 0:
                make_folder(self.folder)
                (self.folder / "log.jsonl").unlink(missing_ok=True)
            return
        tensors, metadata = load_tensors(path)
        self.step = metadata.pop("step")
        metadata.pop("format")
        if metadata != self.identity:
            different = sorted(k for k in self.identity | metadata if self.identity.get(k) != metadata.get(k))
            raise InputError(
                f"{path} was written by another configuration (differs in {', '.join(different)}); "
                "give the same settings to continue it, or another --out to start anew"
            )
        load_state(self.module, {k[7:]: v for k, v in tensors.items() if k.startswith("module.")}, path)
        self.ema = {k[4:]: v.to(self.config.device) for k, v in tensors.items() if k.startswith("ema.")}
        for optimizer in self.optimizers:
            restore_optimizer(optimizer, self.module, tensors, path)
        if self.rank == 0 and (self.folder / "log.jsonl").exists():
            lines = (self.folder / "log.jsonl").read_text().splitlines()[: self.step]
            write_text(self.folder / "log.jsonl", "".join(line + "\n" for line in lines))
