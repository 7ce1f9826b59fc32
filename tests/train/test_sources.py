from dataclasses import replace

import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.procedural import world_digest
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.metrics.features import build
from occforge.recipes.street import FEATURE_SIZES, features
from occforge.train.sources import WorldSource
from occforge.world.street import make_street


def test_a_pooled_street_is_the_half_scene_of_its_street():
    full, half = WorldSource(7, 2), WorldSource(7, 2, (2, 2, 2))
    levels = Levels(CompositionConfig(), STREET_GRID, SEMANTIC_KITTI)
    assert half.grid == levels.half_grid and half.grid.shape_XYZ == (128, 128, 16)
    assert np.array_equal(half.labels(1), levels.half_scene(full.labels(1)))
    assert half.attributes(1) == full.attributes(1)


def test_pooling_is_part_of_the_identity():
    several = [WorldSource(7, 2), WorldSource(7, 2, (2, 2, 2)), WorldSource(7, 2, (2, 2, 1)), WorldSource(8, 2)]
    assert len({s.identity for s in several}) == 4
    assert several[0].identity == f"world-{world_digest()}-7"


def test_another_world_has_another_identity(monkeypatch):
    def moved(seed):
        street = make_street(seed)
        return replace(street, scene=replace(street.scene, labels_XYZ=np.roll(street.scene.labels_XYZ, 1, 0)))

    before = WorldSource(7, 2).identity
    monkeypatch.setattr("occforge.world.street.make_street", moved)
    world_digest.cache_clear()
    assert WorldSource(7, 2).identity != before
    world_digest.cache_clear()


def test_feature_networks_describe_the_same_columns_at_either_size():
    networks = [build(config, STREET_GRID.pooled(pooled), SEMANTIC_KITTI) for pooled, config in FEATURE_SIZES.values()]
    columns_m = [tuple(s * v for s, v in zip(n.stride_XYZ, n.grid.voxel_m, strict=True)) for n in networks]
    assert np.allclose(columns_m, [(3.2, 3.2, 1.6)] * 2)
    assert networks[0].feature_dimensions == networks[1].feature_dimensions == 91


def test_a_voxel_size_that_has_no_feature_network(tmp_path):
    with pytest.raises(InputError, match=r"--voxel-m: expected 0.2 or 0.4, got 0.3"):
        features(tmp_path, voxel_m=0.3)
