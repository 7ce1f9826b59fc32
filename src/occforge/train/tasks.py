"""From a batch to its losses: one task per trainable network.

Every random choice of a slot comes from (seed, step, slot), so that processes can share a batch and a resumed run
repeats it. Each slot's loss is normalised by its own weights, so that a mean over slots is a mean over processes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.errors import check_count, check_shares
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.data.shards import reading_order
from occforge.discrete.loss import cross_entropy
from occforge.discrete.stages import Composition, Stage, as_condition
from occforge.discrete.text import attribute_loss, request_BA
from occforge.metrics.features import SceneAutoencoder
from occforge.train.scene_cache import Cached, SceneCache, SceneSource


@dataclass(frozen=True)
class Draws:
    """The random source of one slot of one step."""

    numpy: np.random.Generator
    torch: torch.Generator


def draws(seed: int, step: int, slot: int) -> Draws:
    """Independent, reproducible generators for a slot."""
    rng = np.random.default_rng((seed, step, slot))
    return Draws(rng, torch.Generator().manual_seed(int(rng.integers(2**62))))


def told_request(attributes: dict[str, str], dropout: float, partial: float, rng: Draws) -> dict[str, str]:
    """Mostly all attributes; nothing with chance `dropout`, a random part of them with chance `partial` of the rest."""
    if rng.numpy.random() < dropout or not attributes:
        return {}
    if rng.numpy.random() >= partial:
        return attributes
    share = rng.numpy.random()
    return {k: v for k, v in attributes.items() if rng.numpy.random() < share}


@dataclass(frozen=True)
class DiffusionOptions:
    """How the diffused stages are trained.

    `request_dropout`: share of requests left out, for guidance. `request_partial`: share of the others that name a
    random part of the scene's attributes instead of all. `self_condition`: share of steps that see an estimate.
    `corruption`: share of conditioning cells replaced by a neighbour or by noise, as sampled ones will be imperfect.
    `queries`: masked cells a scene whose loss is computed by an absorbing stage.
    """

    request_dropout: float = 0.1
    request_partial: float = 0.3
    self_condition: float = 0.5
    corruption: float = 0.03
    queries: int = 2048

    def __post_init__(self) -> None:
        check_shares("--options.", **{k: v for k, v in asdict(self).items() if k != "queries"})
        check_count("--options.queries", self.queries)


class DiffusionTask:
    """A diffused stage, as background, objects or fusion: cross-entropy on x_0 given x_t (Eqs. 1, 7, 8)."""

    def __init__(self, stage: Stage, scenes: SceneCache, options: DiffusionOptions) -> None:
        self.stage, self.scenes, self.options = stage, scenes, options
        self.network, self.transition = stage.network, stage.transition
        self.module: nn.Module = self.network

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        logits, target_N = self.predict(step, slots, batch, seed)
        return cross_entropy(logits, target_N, len(slots))

    def predict(
        self, step: int, slots: Sequence[int], batch: int, seed: int, level: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (N, K) and truths (N,) of a batch, equally many a slot, at noise level t / T or at random ones.

        What an absorbing stage sees unmasked counts as unknown: there is nothing to learn from it.
        """
        device = next(self.network.parameters()).device
        rngs = [draws(seed, step, slot) for slot in slots]
        scenes = [self.scenes[i] for i in reading_order(len(self.scenes), step, slots, batch, seed)]
        x_0 = as_condition([self.stage.target(s.grids) for s in scenes])
        t_B = torch.tensor([int(r.numpy.integers(1, self.transition.T + 1)) for r in rngs])
        if level is not None:
            t_B = torch.full((len(rngs),), max(1, round(level * self.transition.T)))
        x_t = torch.cat([self.transition.q_sample(x_0[i : i + 1], t_B[i : i + 1], r.torch) for i, r in enumerate(rngs)])
        conditions = [c.to(device) for c in self.conditions(scenes, rngs)]
        request = request_BA([self.request(s, r) for s, r in zip(scenes, rngs, strict=True)]).to(device)
        noise_level_B = (t_B.float() / self.transition.T).to(device)
        query_N = self.queries(x_0, x_t, scenes, rngs)
        x_t, x_0 = x_t.to(device), x_0.to(device)

        estimate = None
        shared = np.random.default_rng((seed, step))
        if self.network.config.self_condition and shared.random() < self.options.self_condition:
            with torch.no_grad():
                logits = self.network(x_t, noise_level_B, request, conditions)
                estimate = logits.float().softmax(1).reshape(*x_t.shape, -1)
        logits = self.network(x_t, noise_level_B, request, conditions, estimate, query_N)
        if query_N is None:
            return logits, x_0.reshape(-1)
        seen_N = x_t.reshape(-1)[query_N] < self.transition.states
        return logits, x_0.reshape(-1)[query_N].masked_fill(seen_N, self.transition.states)

    def request(self, scene: Cached, rng: Draws) -> dict[str, str]:
        """What of the scene's attributes the network is told."""
        return told_request(scene.attributes, self.options.request_dropout, self.options.request_partial, rng)

    def conditions(self, scenes: Sequence[Cached], rngs: Sequence[Draws]) -> list[Tensor]:
        """The true coarse grids that the stage sees, slightly corrupted."""
        rate = self.options.corruption
        return [
            torch.cat(
                [
                    corrupt(as_condition([given.read(s.grids)]), given.states, rate, r.torch)
                    for s, r in zip(scenes, rngs, strict=True)
                ]
            )
            for given in self.stage.given
        ]

    def queries(self, x_0: Tensor, x_t: Tensor, scenes: Sequence[Cached], rngs: Sequence[Draws]) -> Tensor | None:
        """Flat positions whose loss is computed, equally many a scene; None means all.

        An absorbing stage learns from masked cells only, more often where its `emphasis` says; a choice by the
        condition alone leaves p(x_0 | condition) unbiased.
        """
        if self.transition.kind == "uniform":
            return None
        size = x_t[0].numel()
        count = min(self.options.queries, size)
        chosen = []
        for i, (scene, rng) in enumerate(zip(scenes, rngs, strict=True)):
            weight = torch.full(x_t[i].shape, 0.1)
            for more, reach, read in self.stage.emphasis:
                weight = weight + more * near(read(scene.grids), tuple(x_t[i].shape), reach)
            weight = torch.where(x_t[i] == self.transition.states, weight, 0.0)
            chosen.append(i * size + weighted_choice(weight.flatten(), count, rng.torch))
        return torch.cat(chosen)


def weighted_choice(weight_N: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` different positions drawn in proportion to weight (Efraimidis & Spirakis 2006), zero weights last."""
    u_N = torch.rand(weight_N.shape, generator=generator)
    return (u_N.clamp_min(1e-9).log() / weight_N.clamp_min(1e-9)).topk(count).indices


def near(grid: np.ndarray, shape_XYZ: tuple[int, ...], reach: int) -> Tensor:
    """1 where a cell of a grid of `shape_XYZ` lies within `reach` coarse cells of an occupied one of `grid`, float."""
    occupied = torch.from_numpy((grid != EMPTY).astype(np.float32))[None, None]
    wide = F.max_pool3d(occupied, 2 * reach + 1, 1, reach)
    return F.interpolate(wide, size=shape_XYZ, mode="nearest")[0, 0]


def corrupt(grid_BXYZ: Tensor, states: int, rate: float, generator: torch.Generator) -> Tensor:
    """The grid with about `rate` of its cells read from a neighbour in x or y, and a tenth as many from noise."""
    kind = torch.rand(grid_BXYZ.shape, generator=generator)
    axis = 1 + int(torch.randint(2, (), generator=generator))
    shift = 1 - 2 * int(torch.randint(2, (), generator=generator))
    noisy = torch.where(kind < rate, grid_BXYZ.roll(shift, axis), grid_BXYZ)
    foreign = torch.randint(states, grid_BXYZ.shape, generator=generator)
    return torch.where(kind > 1.0 - 0.1 * rate, foreign, noisy)


class RefineTask:
    """The sparse refinement: cross-entropy on the codes not yet drawn of occupied cells."""

    def __init__(self, composition: Composition, scenes: SceneCache, queries: int = 2048) -> None:
        self.composition, self.scenes, self.query_count = composition, scenes, queries
        self.network = composition.refiner
        self.module: nn.Module = self.network

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        losses = []
        for slot in slots:
            logits, target_N = self.predict(step, [slot], batch, seed)
            nothing = torch.stack([p.sum() for p in self.network.parameters()]).sum() * 0.0
            losses.append(cross_entropy(logits, target_N)[0] if len(target_N) else nothing)
        return torch.stack(losses)

    def predict(
        self, step: int, slots: Sequence[int], batch: int, seed: int, level: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits (N, M) and true ranks (N,) of cells not yet drawn, a share `level` of all or a random share."""
        device = next(self.network.parameters()).device
        levels = self.composition.levels
        things = torch.zeros(256)
        things[list(levels.taxonomy.objects)] = 1.0
        book, states = levels.refine_book, levels.config.refine_codes
        assert book is not None
        parent_of = torch.from_numpy(np.append(book.parent_K, UNKNOWN).astype(np.int64))
        pairs = []
        for index, slot in zip(reading_order(len(self.scenes), step, slots, batch, seed), slots, strict=True):
            rng = draws(seed, step, slot)
            grids = self.scenes[index].grids
            label = torch.from_numpy(levels.alphabets["labels"].encode(grids.half).astype(np.int64))
            code = torch.from_numpy(grids.refine.astype(np.int64))
            drawn_share = float(rng.numpy.random()) if level is None else 1.0 - level
            hidden = torch.rand(code.shape, generator=rng.torch) > drawn_share
            has_rank = parent_of[code] == label  # not where a label has no codes
            occupied = (label != EMPTY) & has_rank
            shown = torch.where(hidden & (label != EMPTY), states, code.clamp_max(states))
            weight = torch.where(hidden & occupied, 1.0 + 5.0 * things[label], 0.0).flatten()
            query = weighted_choice(weight, min(self.query_count, int((weight > 0).sum())), rng.torch)
            logits = self.network(label.to(device), shown.to(device), query.to(device))
            pairs.append((logits, self.network.rank_K[code.flatten()[query].to(device)]))
        return torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])


class TextTask:
    """The prompt encoder: which attributes does a caption name."""

    def __init__(self, composition: Composition, source: SceneSource) -> None:
        self.composition, self.source = composition, source
        self.module: nn.Module = composition.text

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`; attributes are drawn freely, no scene is needed."""
        texts, mentioned = [], []
        for slot in slots:
            rng = draws(seed, step, slot).numpy
            text, names = self.source.caption(self.source.any_attributes(rng), rng)
            if rng.random() < 0.03:
                text, names = "", {}
            texts.append(with_strange_words(with_typos(text, rng), rng))
            mentioned.append(names)
        return attribute_loss(self.composition.text, texts, mentioned).expand(len(slots))


def with_typos(text: str, rng: np.random.Generator) -> str:
    """The text with letters of some words swapped, as a typing user would."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > 4 and rng.random() < 0.03:
            j = int(rng.integers(1, len(word) - 2))
            words[i] = word[:j] + word[j + 1] + word[j] + word[j + 2 :]
    return " ".join(words)


_SYLLABLES = (
    "ta", "re", "mi", "lon", "ber", "sa", "ing", "pro", "ve", "kel", "dor", "ush", "ly", "con", "ti", "ner", "al", "fo",
    "gra", "ment", "is", "our", "che", "wi", "tion", "um", "es", "hap", "ny", "qui", "st", "oth", "ma", "zi", "ed",
)  # fmt: skip


def with_strange_words(text: str, rng: np.random.Generator) -> str:
    """One text in four with up to three words that mean nothing, so that words never read before claim nothing."""
    if not text or rng.random() >= 0.25:
        return text
    words = text.split(" ")
    for _ in range(int(rng.integers(1, 4))):
        syllables = rng.choice(_SYLLABLES, int(rng.integers(1, 4)))
        words.insert(int(rng.integers(len(words) + 1)), "".join(syllables))
    return " ".join(words)


class FeatureTask:
    """The frozen evaluator's autoencoder: reconstruction and census of whole scenes."""

    def __init__(self, network: SceneAutoencoder, source: SceneSource) -> None:
        self.network, self.source = network, source
        self.module: nn.Module = network

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`."""
        device = next(self.network.parameters()).device
        losses = []
        for slot in slots:
            index = (step * batch + slot) % len(self.source)
            labels = torch.from_numpy(self.source.labels(index))[None].to(device)
            losses.append(self.network.loss(labels, draws(seed, step, slot).torch)["loss"])
        return torch.stack(losses)
