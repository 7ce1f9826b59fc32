"""The smallest of everything, shared by the tests: a grid, streets of boxes, a generator, a source of scenes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from occforge.baselines.cascade import CascadeConfig
from occforge.baselines.draw import DrawConfig
from occforge.baselines.voxel_d3pm import VoxelD3PMConfig
from occforge.core.attributes import ATTRIBUTES
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN, Taxonomy
from occforge.discrete.codes import ShapeCodes, fit_codes
from occforge.discrete.sample import Planning
from occforge.discrete.stages import Composition, CompositionConfig, Levels, TrunkConfig
from occforge.discrete.text import TextConfig
from occforge.discrete.weights import levels_metadata, save_books, save_network, stage_modules

GRID = GridSpec((32, 32, 16), (0.4, 0.4, 0.4), (0.0, -6.4, -2.0))
CONFIG = CompositionConfig(
    fusion_codes=48,
    refine_codes=48,
    T=20,
    background=TrunkConfig(channels=(16, 32), convs=1, depth=1, heads=2, head=8),
    objects=TrunkConfig(channels=(16, 32), convs=1, depth=1, heads=2, head=8),
    fusion=TrunkConfig(channels=(16, 32), convs=1, depth=1, heads=2, embed=8, head=8, self_condition=False),
    refine_width=32,
    refine_depth=1,
    text=TextConfig(buckets=256, width=32, depth=1, heads=2),
)
HALF = replace(CONFIG, background_factor=(4, 4, 2), object_factor=(2, 2, 2), fusion_factor=(1, 1, 1), refine_codes=0)
HALF_VOXELS = VoxelD3PMConfig(T=20, trunk=HALF.background, sampling=DrawConfig(3, Planning()))
HALF_CASCADE = CascadeConfig(
    T=20,
    coarse=HALF.background,
    fusion=HALF.fusion,
    coarse_sampling=DrawConfig(3),
    fusion_sampling=DrawConfig(2, sweeps=1),
)


def labels_of(seed):
    """A street of boxes, (32, 32, 16) uint8: ground, road, a wall, cars, persons, trees."""
    rng = np.random.default_rng(seed)
    ids = {name: SEMANTIC_KITTI.id_of(name) for name in SEMANTIC_KITTI.names}
    labels = np.zeros(GRID.shape_XYZ, np.uint8)
    labels[:, :, :4] = ids["terrain"]
    labels[:, 8:24, 3] = ids["road"]
    labels[:, 26:, 4 : int(rng.integers(8, 16))] = ids["building"]
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, 24)), int(rng.integers(8, 20))
        labels[x : x + 8, y : y + 4, 4:8] = ids["car"]
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, 32)), int(rng.integers(0, 8))
        labels[x, y : y + 2, 4:8] = ids["person"]
    for _ in range(2):
        x, y = int(rng.integers(2, 29)), int(rng.integers(2, 6))
        labels[x, y, 4:8] = ids["trunk"]
        labels[x - 2 : x + 3, y - 2 : y + 3, 8:12] = ids["vegetation"]
    return labels


def scene_of(seed):
    """`labels_of` as a scene."""
    return Scene(labels_of(seed), GRID, SEMANTIC_KITTI)


@dataclass(frozen=True)
class TinySource:
    """`count` streets of boxes; `hidden` is the share of 4x4x4 blocks not seen, `beneath` re-draws what is there.

    Street i is `labels_of(first + i)`.
    """

    count: int = 40
    hidden: float = 0.0
    beneath: int = 0
    first: int = 0
    grid: GridSpec = GRID
    taxonomy: Taxonomy = SEMANTIC_KITTI

    @property
    def identity(self):
        return f"tiny-{self.first}-{self.hidden}-{self.beneath}"

    def __len__(self):
        return self.count

    def labels(self, index):
        labels = labels_of(self.first + index)
        hidden = np.random.default_rng((1, index)).random((8, 8, 4)) < self.hidden
        hidden = hidden.repeat(4, 0).repeat(4, 1).repeat(4, 2)
        if self.beneath:
            foreign = np.random.default_rng((2, self.beneath, index)).integers(0, 20, labels.shape)
            labels = np.where(hidden, foreign, labels).astype(np.uint8)
        return np.where(hidden, UNKNOWN, labels).astype(np.uint8)

    def attributes(self, index):
        return {name: values[index % len(values)] for name, values in ATTRIBUTES.items()}

    def any_attributes(self, rng):
        return {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}

    def caption(self, attributes, rng):
        named = {name: value for name, value in attributes.items() if rng.random() < 0.5}
        return " and ".join(f"{name} {value}" for name, value in named.items()), named


def tiny_levels(config=CONFIG):
    """Grids of the tiny generator, with codebooks of eight streets in which every class has a solid block."""
    plain = Levels(config, GRID, SEMANTIC_KITTI)
    scenes = [labels_of(seed) for seed in range(8)]
    fusion = fit_codes(map(plain.half_scene, scenes), config.fusion_codes, SEMANTIC_KITTI)
    common = fit_codes(scenes, config.refine_codes - 19, SEMANTIC_KITTI).block_K8
    solid = np.repeat(np.arange(1, 20, dtype=np.uint8), 8).reshape(19, 8)
    solid = solid[~(solid[:, None] == common[None]).all(2).any(1)]
    refine = ShapeCodes(np.concatenate([common, solid]), SEMANTIC_KITTI)
    config = replace(config, fusion_codes=fusion.count, refine_codes=refine.count)
    return Levels(config, GRID, SEMANTIC_KITTI, fusion, refine)


def tiny_half_levels():
    """Grids of a tiny generator that ends with fusion, as the comparisons have it."""
    book = fit_codes(map(labels_of, range(8)), HALF.fusion_codes, SEMANTIC_KITTI)
    return Levels(replace(HALF, fusion_codes=book.count), GRID, SEMANTIC_KITTI, book)


def tiny_composition(seed=0, awake=True):
    """An untrained generator; `awake` moves what starts at zero, so that every input has an influence."""
    torch.manual_seed(seed)
    composition = Composition(tiny_levels())
    if awake:
        with torch.no_grad():
            for parameter in composition.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return composition.eval()


def save_generator(folder: Path, composition):
    """Write what `load_composition` reads."""
    save_books(folder, composition.levels)
    for name, module in stage_modules(composition).items():
        save_network(folder / f"{name}.safetensors", module.state_dict(), levels_metadata(composition.levels))
    return folder
