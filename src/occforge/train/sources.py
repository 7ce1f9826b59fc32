"""Where training scenes come from: the world, or any dataset reader."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import check_count
from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, Taxonomy
from occforge.data.dataset import SceneDataset, open_dataset
from occforge.data.procedural import world_digest
from occforge.discrete.codes import ANY_VOXEL
from occforge.discrete.separate import Factor, pool
from occforge.world.captions import caption
from occforge.world.street import make_street


@dataclass(frozen=True)
class WorldSource:
    """Streets of the procedural world, seeds `first_seed` to `first_seed + count - 1`.

    `pooled`: how many voxels of 0.2 m become one along each axis; one occupied voxel keeps a block occupied, as in
    `Levels.half_scene`.
    """

    first_seed: int
    count: int
    pooled: Factor = (1, 1, 1)
    taxonomy: Taxonomy = SEMANTIC_KITTI

    def __post_init__(self) -> None:
        check_count("--scenes", self.count)

    @property
    def identity(self) -> str:
        """What the cache is named after."""
        size = "" if self.pooled == (1, 1, 1) else "-by-" + "x".join(map(str, self.pooled))
        return f"world-{world_digest()}-{self.first_seed}{size}"

    @property
    def grid(self) -> GridSpec:
        """Geometry of every scene."""
        return STREET_GRID.pooled(self.pooled)

    def __len__(self) -> int:
        return self.count

    def labels(self, index: int) -> NDArray[np.uint8]:
        """See `SceneSource`."""
        labels_XYZ = make_street(self.first_seed + index).scene.labels_XYZ
        if self.pooled == (1, 1, 1):
            return labels_XYZ
        return pool(labels_XYZ, self.pooled, self.taxonomy, ANY_VOXEL)

    def attributes(self, index: int) -> dict[str, str]:
        """See `SceneSource`."""
        return make_street(self.first_seed + index).attributes

    def any_attributes(self, rng: np.random.Generator) -> dict[str, str]:
        """See `SceneSource`."""
        return {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}

    def caption(self, attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """See `SceneSource`."""
        return caption(attributes, rng)


@dataclass(frozen=True)
class DatasetSource:
    """Labelled frames of a dataset on disk; they have no captions, so the generator learns without text."""

    dataset: str
    root: Path
    split: str = "train"
    limit: int | None = None
    _frames: SceneDataset = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.limit is not None:
            check_count("--limit", self.limit)
        object.__setattr__(self, "_frames", open_dataset(self.dataset, self.root, self.split, images=False))

    @property
    def identity(self) -> str:
        """What the cache is named after."""
        return f"{self.dataset}-{self.root.resolve()}-{self.split}-{len(self)}"

    @property
    def grid(self) -> GridSpec:
        """Geometry of every frame."""
        return self._frames.grid

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes of every frame."""
        return self._frames.taxonomy

    def __len__(self) -> int:
        return len(self._frames) if self.limit is None else min(self.limit, len(self._frames))

    def labels(self, index: int) -> NDArray[np.uint8]:
        """See `SceneSource`."""
        return self._frames[index].scene.labels_XYZ

    def attributes(self, index: int) -> dict[str, str]:
        """See `SceneSource`."""
        return {}

    def any_attributes(self, rng: np.random.Generator) -> dict[str, str]:
        """See `SceneSource`."""
        return {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}

    def caption(self, attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """See `SceneSource`; captions of the world teach the prompt encoder here too."""
        return caption(attributes, rng)
