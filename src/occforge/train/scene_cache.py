"""Scenes as the stages see them, computed once and kept on disk in small files.

The world makes a street in milliseconds, yet pooling and coding it a thousand times over costs more than reading it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.data.shards import Arrays, Shards
from occforge.discrete.stages import Levels, SceneGrids

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
    """`SceneGrids` of a source by index; those that are missing are made when first asked for."""

    def __init__(self, folder: Path, source: SceneSource, levels: Levels) -> None:
        self.source, self.levels = source, levels
        sizes = asdict(levels.config).items()
        pools = {k: v for k, v in sizes if "factor" in k or "threshold" in k or "codes" in k}
        digest = hashlib.sha256(json.dumps([source.identity, pools], sort_keys=True).encode())
        for book in (levels.fusion_book, levels.refine_book):
            digest.update(b"" if book is None else book.block_K8.tobytes())
        self.shards = Shards(folder / digest.hexdigest()[:16], len(source), _MakeGrids(source, levels))

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, workers: int) -> None:
        """Make every missing scene, `workers` processes side by side, with progress."""
        self.shards.fill(workers, "scenes")

    def __getitem__(self, index: int) -> Cached:
        arrays = self.shards[index]
        grids = SceneGrids(**{name: arrays[name] for name in FIELDS})  # type: ignore[arg-type]
        return Cached(grids, json.loads(str(arrays["attributes"])))

    def attributes(self) -> Iterator[dict[str, str]]:
        """The attributes of every scene in order, grids left unread."""
        return (json.loads(str(text)) for text in self.shards.column("attributes"))


@dataclass(frozen=True)
class _MakeGrids:
    source: SceneSource
    levels: Levels

    def __call__(self, indices: Sequence[int]) -> Arrays:
        scenes = [self.levels.grids(self.source.labels(i)) for i in indices]
        arrays = {name: np.stack([getattr(s, name) for s in scenes]) for name in FIELDS}
        return {"attributes": np.array([json.dumps(self.source.attributes(i)) for i in indices]), **arrays}
