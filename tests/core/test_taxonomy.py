import json

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES, UNSPECIFIED
from occforge.core.errors import InputError
from occforge.core.taxonomy import TAXONOMIES, Taxonomy

every = pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)


@every
def test_json_round_trip(taxonomy):
    assert Taxonomy.from_json(taxonomy.to_json()) == taxonomy
    assert Taxonomy.from_json(taxonomy.to_json()).to_json() == taxonomy.to_json()


@every
def test_streams_partition_the_occupied_classes(taxonomy):
    assert sorted((*taxonomy.background, *taxonomy.objects)) == list(range(1, taxonomy.class_count))
    assert set(taxonomy.things) <= set(taxonomy.objects)


@every
def test_frequencies_are_shares_of_occupied_voxels(taxonomy):
    assert min(taxonomy.frequency) > 0
    assert sum(taxonomy.frequency[1:]) == pytest.approx(1.0, abs=0.02)


@every
def test_names_and_colours(taxonomy):
    assert [taxonomy.id_of(name) for name in taxonomy.names] == list(range(taxonomy.class_count))
    assert taxonomy.palette_K3.shape == (256, 3)
    assert np.array_equal(taxonomy.palette_K3[: taxonomy.class_count], taxonomy.colors)
    assert len(set(taxonomy.colors)) == taxonomy.class_count
    with pytest.raises(InputError, match="no class 'tree'"):
        taxonomy.id_of("tree")


@pytest.mark.parametrize("key", ["names", "frequency", "pool_threshold"])
def test_json_of_another_version(key):
    value = json.loads(TAXONOMIES["carla_sc"].to_json())
    del value[key]
    with pytest.raises(InputError, match=key):
        Taxonomy.from_json(json.dumps(value))


def test_inconsistent_taxonomies():
    black = (0, 0, 0)
    with pytest.raises(InputError, match="one entry per class"):
        Taxonomy("t", ("empty", "road"), (black,), (), (), (1.0, 1.0))
    with pytest.raises(InputError, match="object and thing ids"):
        Taxonomy("t", ("empty", "road"), (black, black), (2,), (), (1.0, 1.0))
    with pytest.raises(InputError, match="object and thing ids"):
        Taxonomy("t", ("empty", "road"), (black, black), (), (0,), (1.0, 1.0))


def test_attribute_values_are_unambiguous():
    for values in ATTRIBUTES.values():
        assert len(set(values)) == len(values) >= 2 and UNSPECIFIED not in values
