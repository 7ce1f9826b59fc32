from dataclasses import replace

import numpy as np
import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, UNKNOWN
from occforge.discrete.stages import Alphabet, Composition, CompositionConfig, Levels
from tiny_world import CONFIG, GRID, labels_of, tiny_composition, tiny_levels


@pytest.fixture(scope="module")
def levels():
    return tiny_levels()


def test_alphabets_are_inverse():
    alphabet = Alphabet((0, 3, 7))
    assert alphabet.states == 3
    assert alphabet.decode(np.array([0, 1, 2, 3])).tolist() == [0, 3, 7, UNKNOWN]
    assert alphabet.encode(np.array([0, 3, 7, UNKNOWN, 5], np.uint8)).tolist() == [0, 1, 2, 3, 3]


def test_grids_nest(levels):
    assert levels.background_grid.shape_XYZ == (4, 4, 4)
    assert levels.object_grid.shape_XYZ == (8, 8, 4)
    assert levels.half_grid.shape_XYZ == (16, 16, 8)
    assert levels.fusion_grid.shape_XYZ == (8, 8, 4)
    extents = {g.extent_m for g in (levels.background_grid, levels.object_grid, levels.half_grid, levels.fusion_grid)}
    assert np.allclose(list(extents), GRID.extent_m)


def test_grids_of_a_scene(levels):
    labels = labels_of(0)
    grids = levels.grids(labels)
    assert grids.background.shape == (4, 4, 4) and grids.objects.shape == (8, 8, 4)
    assert grids.background.max() < levels.alphabets["background"].states
    assert grids.objects.max() < levels.alphabets["objects"].states
    assert (grids.half != 0).sum() == (labels.reshape(16, 2, 16, 2, 8, 2).any((1, 3, 5))).sum()
    assert grids.fusion.min() >= 0 and grids.fusion.max() < levels.fusion_book.count
    assert np.array_equal(levels.refine_book.parent_K[grids.refine], grids.half)


def test_what_nobody_saw_stays_unknown(levels):
    labels = np.full(GRID.shape_XYZ, UNKNOWN, np.uint8)
    grids = levels.grids(labels)
    assert (grids.background == levels.alphabets["background"].states).all()
    assert (grids.objects == levels.alphabets["objects"].states).all()
    assert (grids.fusion == levels.fusion_book.count).all() and (grids.refine == levels.refine_book.count).all()
    assert (grids.half == UNKNOWN).all()


def test_both_streams_of_a_scene_are_its_parts(levels):
    labels = labels_of(1)
    only_background = np.where(np.isin(labels, SEMANTIC_KITTI.objects), 0, labels).astype(np.uint8)
    assert np.array_equal(levels.coarse(only_background)[0], levels.coarse(labels)[0])
    assert not levels.coarse(only_background)[1].any()
    assert levels.coarse(labels)[1].any()


@pytest.mark.parametrize("codes", [(0, 0), (48, 0), (48, 48)])
def test_compositions_with_and_without_codes(codes):
    config = replace(CONFIG, fusion_codes=codes[0], refine_codes=codes[1], fusion_factor=(2, 2, 2))
    composition = Composition(Levels(config, GRID, SEMANTIC_KITTI))
    assert ("refine" in composition.networks) == bool(codes[1])
    assert composition.transitions["fusion"].states == (codes[0] or 20)
    assert composition.bedit("fusion").config.code_blocks == bool(codes[0])
    assert composition.bedit("fusion").config.transition.input_states == (codes[0] or 20) + 1


def test_the_papers_fusion_draws_the_full_grid():
    config = replace(CONFIG, fusion_codes=0, refine_codes=0, fusion_factor=(1, 1, 1), fusion_kind="uniform")
    levels = Levels(config, GRID, SEMANTIC_KITTI)
    labels = labels_of(0)
    assert levels.fusion_grid == GRID
    assert np.array_equal(levels.grids(labels).fusion, labels)
    assert Composition(levels).bedit("fusion").config.transition.input_states == 20


def test_grids_that_do_not_nest():
    with pytest.raises(InputError, match="does not divide"):
        Levels(CompositionConfig(), GridSpec((36, 32, 16), (0.4,) * 3, (0.0,) * 3), SEMANTIC_KITTI)


def test_a_seed_is_a_network():
    one, two = tiny_composition(3), tiny_composition(3)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
