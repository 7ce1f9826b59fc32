"""Scenes as the stages see them, computed once and kept on disk in small files.

The world makes a street in milliseconds, yet pooling and coding it a thousand times over costs more than reading it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.files import atomic_path
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.discrete.stages import Levels, SceneGrids

SHARD = 32
FIELDS = ("background", "objects", "fusion", "half", "refine")


class SceneSource(Protocol):
    """Labelled scenes by index, picklable, the same scene for the same index always."""

    @property
    def identity(self) -> str:
        """What decides its scenes, for naming a cache."""
        ...

    @property
    def grid(self) -> GridSpec:
        """Geometry of every scene."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes of every scene."""
        ...

    def __len__(self) -> int:
        """Number of scenes."""
        ...

    def labels(self, index: int) -> NDArray[np.uint8]:
        """`labels_XYZ` of a scene."""
        ...

    def attributes(self, index: int) -> dict[str, str]:
        """Its true attributes; empty where nothing is known."""
        ...

    def any_attributes(self, rng: np.random.Generator) -> dict[str, str]:
        """Attributes that a scene could have, for captions without a scene."""
        ...

    def caption(self, attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """A truthful caption and the attributes that it names."""
        ...


@dataclass(frozen=True)
class Cached:
    """One scene of the cache."""

    grids: SceneGrids
    attributes: dict[str, str]


class SceneCache:
    """`SceneGrids` of a source by index; shards that are missing are made when first asked for."""

    def __init__(self, folder: Path, source: SceneSource, levels: Levels) -> None:
        self.source, self.levels = source, levels
        sizes = asdict(levels.config).items()
        pools = {k: v for k, v in sizes if "factor" in k or "threshold" in k or "codes" in k}
        digest = hashlib.sha256(json.dumps([source.identity, len(source), pools], sort_keys=True).encode())
        for book in (levels.fusion_book, levels.refine_book):
            digest.update(b"" if book is None else book.block_K8.tobytes())
        self.folder = folder / digest.hexdigest()[:16]
        self._open: dict[int, dict[str, NDArray[np.generic]]] = {}

    def __len__(self) -> int:
        return len(self.source)

    def shard_path(self, shard: int) -> Path:
        """Where a shard lies."""
        return self.folder / f"{shard:05d}.npz"

    def fill(self, workers: int) -> None:
        """Make every missing shard, `workers` processes side by side, with progress."""
        missing = [s for s in range((len(self) + SHARD - 1) // SHARD) if not self.shard_path(s).exists()]
        if not missing:
            return
        job: Callable[[int], None] = _MakeShard(self.folder, self.source, self.levels)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for _ in tqdm(pool.map(job, missing), total=len(missing), desc="scenes", unit="shard"):
                pass

    def __getitem__(self, index: int) -> Cached:
        shard, place = divmod(index, SHARD)
        if shard not in self._open:
            if len(self._open) > 24:
                self._open.pop(next(iter(self._open)))
            self._open[shard] = self._load(shard)
        arrays = self._open[shard]
        grids = SceneGrids(**{name: arrays[name][place] for name in FIELDS})
        return Cached(grids, json.loads(str(arrays["attributes"][place])))

    def attributes(self) -> Iterator[dict[str, str]]:
        """The attributes of every scene in order, grids left unread."""
        for shard in range((len(self) + SHARD - 1) // SHARD):
            if not self.shard_path(shard).exists():
                self._load(shard)
            with np.load(self.shard_path(shard), allow_pickle=False) as file:
                yield from (json.loads(str(text)) for text in file["attributes"])

    def _load(self, shard: int) -> dict[str, NDArray[np.generic]]:
        path = self.shard_path(shard)
        if path.exists():
            try:
                with np.load(path, allow_pickle=False) as file:
                    return {name: file[name] for name in (*FIELDS, "attributes")}
            except Exception:  # a damaged archive raises anything: zlib.error, BadZipFile, NotImplementedError
                path.unlink()
        _MakeShard(self.folder, self.source, self.levels)(shard)
        return self._load(shard)


@dataclass(frozen=True)
class _MakeShard:
    folder: Path
    source: SceneSource
    levels: Levels

    def __call__(self, shard: int) -> None:
        path = self.folder / f"{shard:05d}.npz"
        if path.exists():
            return
        indices = range(shard * SHARD, min((shard + 1) * SHARD, len(self.source)))
        scenes = [self.levels.grids(self.source.labels(i)) for i in indices]
        arrays = {name: np.stack([getattr(s, name) for s in scenes]) for name in FIELDS}
        attributes = np.array([json.dumps(self.source.attributes(i)) for i in indices])
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, attributes=attributes, **arrays)


def scene_order(count: int, step: int, slots: Sequence[int], batch: int, seed: int) -> list[int]:
    """Which scenes the slots of a step read: every epoch is a seeded permutation of shards and of scenes within them.

    Neighbouring steps read neighbouring shards, so that few stay open.
    """
    places = [step * batch + slot for slot in slots]
    order = []
    for place in places:
        epoch, within = divmod(place, count)
        order.append(int(_epoch_order(count, seed, epoch)[within]))
    return order


_ORDERS: dict[tuple[int, int, int], NDArray[np.int64]] = {}


def _epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    key = (count, seed, epoch)
    if key not in _ORDERS:
        _ORDERS.clear()
        rng = np.random.default_rng((seed, epoch))
        shards = rng.permutation((count + SHARD - 1) // SHARD)
        group = 16
        parts = []
        for start in range(0, len(shards), group):
            scenes = np.concatenate(
                [np.arange(s * SHARD, min((s + 1) * SHARD, count)) for s in shards[start : start + group]]
            )
            parts.append(rng.permutation(scenes))
        _ORDERS[key] = np.concatenate(parts)
    return _ORDERS[key]
