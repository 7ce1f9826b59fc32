from dataclasses import replace

import pytest
import torch

from occforge.discrete.calibration import Calibration
from occforge.discrete.guided import Guided
from occforge.discrete.text import request_BA
from occforge.discrete.transition import Choices
from occforge.pipelines.text_to_scene import as_batch
from tiny_world import scene_of, tiny_composition


@pytest.fixture(scope="module")
def composition():
    return tiny_composition()


def test_the_request_matters_and_guidance_strengthens_it(composition):
    request, null = request_BA([{"left": "buildings", "traffic": "many"}]), request_BA([{}])
    x_t = torch.zeros(1, *composition.levels.background_grid.shape_XYZ, dtype=torch.long)
    guided = Guided(composition.bedit("background"), request, null, (), Calibration(), 1.0, (0.2, 0.9))
    with torch.no_grad():
        plain = guided(x_t, 0.5, None, None)
        nothing = replace(guided, request_BA=null)(x_t, 0.5, None, None)
        double = replace(guided, guidance=2.0)(x_t, 0.5, None, None)
        outside = replace(guided, guidance=2.0)(x_t, 0.95, None, None)
        assert not torch.allclose(plain, nothing, atol=1e-4)
        assert torch.allclose(double, 2 * plain - nothing, atol=1e-4)
        assert torch.equal(outside, guided(x_t, 0.95, None, None))
        sharper = replace(guided, calibration=Calibration((0.0, 1.0), (2.0, 1.0)))(x_t, 0.5, None, None)
        assert torch.allclose(sharper, 1.5 * plain, atol=1e-4)


def test_request_and_null_reuse_each_their_own_attention(composition):
    request, null = request_BA([{"left": "buildings", "traffic": "many"}]), request_BA([{}])
    background = as_batch(composition.levels.coarse(scene_of(0).labels_XYZ)[0])
    x_t = torch.zeros(1, *composition.stages["objects"].grid.shape_XYZ, dtype=torch.long)
    plain = Guided(composition.bedit("objects"), request, null, (background,), Calibration(), 2.0)
    reusing = replace(plain, attention_every=2)
    with torch.no_grad():
        for level in (0.5, 0.5):
            assert torch.allclose(reusing(x_t, level, None, None), plain(x_t, level, None, None), atol=1e-4)
        fresh, kept = (reusing(x_t, level, None, None) for level in (0.9, 0.1))
        assert torch.equal(fresh, plain(x_t, 0.9, None, None))
        assert not torch.equal(kept, plain(x_t, 0.1, None, None))


def test_asking_only_about_what_is_possible_changes_nothing_else(composition):
    grids = composition.levels.coarse(scene_of(0).labels_XYZ)
    conditions = tuple(as_batch(grid) for grid in grids)
    presence = composition.levels.presence(*(grid[0] for grid in conditions))
    request, null = request_BA([{"left": "buildings"}]), request_BA([{}])
    transition = composition.transitions["fusion"]
    guided = Guided(composition.bedit("fusion"), request, null, conditions, Calibration((0.0,), (1.3,)), 1.5)
    x_t = torch.full((1, *composition.levels.fusion_grid.shape_XYZ), transition.states)
    query = torch.arange(x_t.numel())[::3]
    forbidden = presence.forbidden_NK()[query]
    with torch.no_grad():
        dense = guided(x_t, 0.5, None, query).masked_fill(forbidden, -1e4)
        few = replace(guided, presence=presence)(x_t, 0.5, None, query)
        everywhere = replace(guided, presence=presence)(x_t, 0.5, None, None)
    assert isinstance(few, Choices) and torch.allclose(everywhere[query], dense, atol=1e-5)
    asked = torch.full_like(dense, -1e4)
    for row_n, state_m, logits_nm in few.groups:
        asked[row_n[:, None], state_m] = logits_nm
    assert torch.allclose(asked, dense, atol=1e-5) and 0.2 < forbidden.float().mean() < 0.99
    drawn = [transition.reverse(x, x_t.flatten()[query], 10, 0, torch.Generator().manual_seed(1)) for x in (dense, few)]
    assert torch.equal(*drawn) and len(drawn[0].unique()) > 5
    with pytest.raises(AssertionError):
        replace(transition, kind="uniform").reverse(few, x_t.flatten()[query], 10, 0, torch.Generator())
