"""Training of the frozen judge of pictures, from streets as their cameras see them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from occforge.core.tensors import load_state, load_tensors
from occforge.data.shards import reading_order
from occforge.data.views import ViewCache
from occforge.metrics.picture_judge import JudgeConfig, PictureJudge, as_batch, build, save_judge
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.tasks import draws


class JudgeTask:
    """The judge: attributes and census of key frames, half of them mirrored."""

    def __init__(self, judge: PictureJudge, views: ViewCache) -> None:
        self.judge, self.views = judge, views
        self.module: nn.Module = judge

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        device = next(self.judge.parameters()).device
        images, semantics, requests = [], [], []
        for slot, index in zip(slots, reading_order(len(self.views), step, slots, batch, seed), strict=True):
            view = self.views[index]
            image_HW3, semantic_hw, request = view.images_NHW3[0], view.fine.semantic_NHW[0], view.attributes
            if draws(seed, step, slot).numpy.random() < 0.5:
                image_HW3, semantic_hw, request = image_HW3[:, ::-1], semantic_hw[:, ::-1], mirrored(request)
            images.append(image_HW3)
            semantics.append(torch.from_numpy(np.ascontiguousarray(semantic_hw)))
            requests.append(request)
        judged = self.judge(as_batch(images).to(device))
        return self.judge.loss(judged, requests, torch.stack(semantics).to(device)).expand(len(slots))


def mirrored(request: dict[str, str]) -> dict[str, str]:
    """What a street shows in a mirror: left and right change places in the attributes' names and values."""
    return {_swapped(name): _swapped(value) for name, value in request.items()}


def _swapped(word: str) -> str:
    other = {"left": "right", "right": "left"}
    return "-".join(other.get(part, part) for part in word.split("-"))


def train_judge(
    config: JudgeConfig, views: ViewCache, held_out: ViewCache, loop: LoopConfig, out: Path, workers: int = 1
) -> Path:
    """Train on `views`, standardise on `held_out`, write `out`/judge.safetensors and return its path.

    Continues where a stopped run of the same configuration was. `out`/cpu.jsonl has the CPU seconds of every step.
    """
    torch.manual_seed(loop.seed)
    judge = build(config, views.source.pairs.taxonomy)
    with Timed(JudgeTask(judge, views), out / "cpu.jsonl") as timed:
        made_from = {"network": "judge", "source": views.source.identity, "views": len(views)}
        final = train(timed, loop, out, made_from, partial(views.fill, workers))
    held_out.fill(workers)
    judge.to("cpu").eval()
    load_state(judge, load_tensors(final)[0], final)
    judge.standardise(held_out[i].images_NHW3[0] for i in range(len(held_out)))
    path = out / "judge.safetensors"
    save_judge(judge, path)
    return path
