import numpy as np
import pytest
import torch

from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.codes import ANY_VOXEL, fit_codes
from occforge.discrete.presence import Presence
from occforge.discrete.separate import pool
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.world.street import make_street

BLOCKS = np.array([[0, 0], [1, 9], [6, 0], [1, 6]])  # nothing, car and road, person, car and person
OBJECTS, GROUND = (1, 6), (9,)


def reference(coarse, shape_XYZ):
    """Loops."""
    forbidden = np.zeros((*shape_XYZ, len(BLOCKS)), bool)
    for place in np.ndindex(*shape_XYZ):
        for k, block in enumerate(BLOCKS):
            for states, labels in coarse:
                cell = [p * n // size for p, n, size in zip(place, states.shape, shape_XYZ, strict=True)]
                around = states[tuple(slice(max(0, c - 1), c + 2) for c in cell)]
                held = [1 + labels.index(label) for label in block if label in labels]
                forbidden[place][k] |= len(labels) + 1 not in around and any(c not in around for c in held)
    return forbidden


@pytest.mark.parametrize("shape", [(4, 6, 2), (8, 12, 4)])
def test_it_is_the_loops(shape):
    objects, ground = np.zeros((4, 6, 2), np.int64), np.zeros((2, 3, 1), np.int64)
    objects[0, 0, 0], objects[3, 0, 1], objects[3, 5, 0], ground[0, 0, 0] = 1, 2, 3, 1
    coarse = [(objects, OBJECTS), (ground, GROUND)]
    rule = Presence(BLOCKS, [(torch.from_numpy(states), labels) for states, labels in coarse], shape)
    slow = torch.from_numpy(reference(coarse, shape)).reshape(-1, len(BLOCKS))
    assert torch.equal(rule.forbidden_NK(), slow) and slow.any(0)[1:].all() and not slow[:, 1:].all()
    query = torch.tensor([5, 0, 11, 5, 40])
    groups = torch.ones(len(query), len(BLOCKS), dtype=torch.bool)
    for row_n, state_m in rule.possible(query):
        assert groups[row_n].all()  # every row once
        groups[row_n[:, None], state_m] = False
    assert torch.equal(groups, slow[query])


def test_an_empty_coarse_scene_stays_empty():
    empty = torch.zeros(3, 3, 3, dtype=torch.long)
    forbidden = Presence(BLOCKS, [(empty, OBJECTS), (empty, GROUND)], (3, 3, 3)).forbidden_NK()
    assert not forbidden[:, 0].any() and forbidden[:, 1:].all()


def test_real_streets_keep_the_rule():
    cells = broken = 0
    for seed in range(6):
        labels = make_street(seed).scene.labels_XYZ
        book = fit_codes([pool(labels, (2, 2, 2), SEMANTIC_KITTI, ANY_VOXEL)], 4096, SEMANTIC_KITTI)
        street = make_street(seed).scene
        levels = Levels(CompositionConfig(refine_codes=0), street.grid, SEMANTIC_KITTI, book)
        grids = levels.grids(labels)
        rule = levels.presence(*(torch.from_numpy(g.astype(np.int64)) for g in (grids.background, grids.objects)))
        code_N = torch.from_numpy(grids.fusion.astype(np.int64)).flatten()
        cells += int((code_N > 0).sum())
        broken += int(rule.forbidden_NK()[torch.arange(len(code_N)), code_N].sum())
    assert cells > 20_000 and broken <= 2e-3 * cells
