import numpy as np
import pytest

from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.metrics.features import build
from occforge.recipes.street import FEATURE_SIZES, features
from occforge.train.sources import WorldSource


def test_a_pooled_street_is_the_half_scene_of_its_street():
    full, half = WorldSource(7, 2), WorldSource(7, 2, (2, 2, 2))
    levels = Levels(CompositionConfig(), STREET_GRID, SEMANTIC_KITTI)
    assert half.grid == levels.half_grid and half.grid.shape_XYZ == (128, 128, 16)
    assert np.array_equal(half.labels(1), levels.half_scene(full.labels(1)))
    assert half.attributes(1) == full.attributes(1)


def test_pooling_is_part_of_the_identity():
    sources = [WorldSource(7, 2), WorldSource(7, 2, (2, 2, 2)), WorldSource(7, 2, (2, 2, 1)), WorldSource(8, 2)]
    assert len({s.identity for s in sources}) == 4
    assert sources[0].identity == "world-7"


def test_feature_networks_describe_the_same_columns_at_either_size():
    networks = [build(config, STREET_GRID.pooled(pooled), SEMANTIC_KITTI) for pooled, config in FEATURE_SIZES.values()]
    columns_m = [tuple(s * v for s, v in zip(n.stride_XYZ, n.grid.voxel_m, strict=True)) for n in networks]
    assert np.allclose(columns_m, [(3.2, 3.2, 1.6)] * 2)
    assert networks[0].feature_dimensions == networks[1].feature_dimensions == 91


def test_a_voxel_size_that_has_no_feature_network(tmp_path):
    with pytest.raises(InputError, match=r"--voxel-m: expected 0.2 or 0.4, got 0.3"):
        features(tmp_path, voxel_m=0.3)
