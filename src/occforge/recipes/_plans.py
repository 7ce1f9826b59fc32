"""Sizes and lengths of runs that several recipes share."""

import math
from dataclasses import replace

from occforge.core.arithmetic import DtypeChoice, chosen_dtype
from occforge.core.errors import InputError
from occforge.discrete.stages import CompositionConfig, TrunkConfig
from occforge.train.loop import LoopConfig
from occforge.train.scene_generator import FileName, Plan
from occforge.train.tasks import DiffusionOptions

HALF_SIZE = CompositionConfig(
    background_factor=(4, 4, 2), object_factor=(2, 2, 2), fusion_factor=(1, 1, 1), refine_codes=0
)
"""For scenes of (128, 128, Z) at 0.4 m: what the default does before its refinement."""


def scene_plan(
    effort: float,
    dtype: DtypeChoice,
    device: str,
    seed: int,
    config: CompositionConfig | None = None,
    rate: float = 1.0,
) -> Plan:
    """The default sizes and lengths, argued for in docs/lab; `effort` multiplies steps, `rate` learning rates."""
    config = config or CompositionConfig()
    chosen = chosen_dtype(dtype, device)
    for name, factor in (("effort", effort), ("rate", rate)):
        if not 0.0 < factor < math.inf:
            raise InputError(f"--{name}: expected a number above 0, got {factor}")

    def loop(steps: int, batch: int, lr: float = 1e-3) -> LoopConfig:
        steps = max(1, round(steps * effort))
        return LoopConfig(steps, batch, lr * rate, 0.02 * rate, dtype=chosen, device=device, seed=seed)

    loops: dict[FileName, LoopConfig] = {
        "text": replace(loop(6000, 64, 2e-3), dtype="float32"),
        "background": loop(4800, 8),
        "objects": loop(3800, 8),
        "fusion": loop(2400, 6),
    }
    if config.refine_codes:
        loops["refine"] = loop(1300, 4)
    return Plan(config, loops)


def paper_plan(scenes: int, epochs: int, device: str, seed: int) -> Plan:
    """Comp-D3PM A.2: batch 4, AdamW at 1e-4, 500 epochs, /10 at 320 and 420; BEDiT at 32 x 32 tokens.

    Weights are the last ones, conditions the true ones. Of what A.2 does not say this stays as it is elsewhere:
    gradients are clipped to length 1, a tenth of the requests is left out, and the processor chooses the arithmetic.
    """
    batch = 4
    loop = LoopConfig(
        steps=max(1, scenes * epochs // batch),
        batch=batch,
        lr=1e-4,
        optimizer="adamw",
        schedule="steps",
        warmup=1,
        ema=0.0,
        weight_decay=0.01,
        seed=seed,
        device=device,
        dtype=chosen_dtype("auto", device),
    )
    transformer = TrunkConfig(channels=(384,), convs=0, depth=12, heads=6)
    config = CompositionConfig(
        object_factor=(8, 8, 4),
        object_threshold=0.95,
        fusion_factor=(1, 1, 1),
        fusion_codes=0,
        refine_codes=0,
        fusion_kind="uniform",
        background=transformer,
        objects=replace(transformer, self_condition=False),
        fusion=TrunkConfig(channels=(64, 128, 192, 384), convs=1, depth=12, heads=6, self_condition=False),
    )
    text = LoopConfig(steps=1200, batch=64, lr=2e-3, seed=seed, device=device)
    loops: dict[FileName, LoopConfig] = {"text": text, "background": loop, "objects": loop, "fusion": loop}
    return Plan(config, loops, DiffusionOptions(corruption=0.0))
