import numpy as np
import pytest
import torch

from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.discrete.codes import ANY_VOXEL, fit_codes
from occforge.discrete.presence import ObjectPresence, codes_that_hold
from occforge.discrete.separate import pool
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.world.street import make_street

BLOCKS = np.array([[0, 0], [1, 9], [6, 0], [1, 6]])  # nothing, car and road, person, car and person
OBJECTS = (1, 6)


def reference(holds_KC, objects_XYZ, shape_XYZ):
    """Loops."""
    factor = [f // c for f, c in zip(shape_XYZ, objects_XYZ.shape, strict=True)]
    forbidden = np.zeros((*shape_XYZ, len(holds_KC)), bool)
    for place in np.ndindex(*shape_XYZ):
        low = [max(0, p // f - 1) for p, f in zip(place, factor, strict=True)]
        around = objects_XYZ[tuple(slice(a, p // f + 2) for a, p, f in zip(low, place, factor, strict=True))]
        for k, holds_C in enumerate(holds_KC):
            missing = [c for c, holds in enumerate(holds_C) if holds and c + 1 not in around]
            forbidden[place][k] = bool(missing) and len(holds_C) + 1 not in around
    return forbidden


@pytest.mark.parametrize("shape", [(4, 3, 2), (8, 6, 4)])
def test_it_is_the_loops(shape):
    objects = np.zeros((4, 3, 2), np.int64)
    objects[0, 0, 0], objects[3, 0, 1], objects[3, 2, 0] = 1, 2, 3
    holds = codes_that_hold(BLOCKS, OBJECTS)
    rule = ObjectPresence(holds, torch.from_numpy(objects), shape)
    slow = torch.from_numpy(reference(holds.numpy(), objects, shape)).reshape(-1, len(BLOCKS))
    assert torch.equal(rule.forbidden_NK(None), slow) and slow.any() and not slow[:, 1:].all()
    query = torch.tensor([5, 0, 11])
    assert torch.equal(rule.forbidden_NK(query), slow[query])


def test_states_without_objects_are_always_possible():
    rule = ObjectPresence(codes_that_hold(BLOCKS, OBJECTS), torch.zeros(3, 3, 3, dtype=torch.long), (3, 3, 3))
    forbidden = rule.forbidden_NK(None)
    assert not forbidden[:, 0].any() and forbidden[:, 1:].all()


def test_real_streets_keep_the_rule():
    cells = broken = 0
    for seed in range(6):
        labels = make_street(seed).scene.labels_XYZ
        book = fit_codes([pool(labels, (2, 2, 2), SEMANTIC_KITTI, ANY_VOXEL)], 4096, SEMANTIC_KITTI)
        street = make_street(seed).scene
        levels = Levels(CompositionConfig(refine_codes=0), street.grid, SEMANTIC_KITTI, book)
        grids = levels.grids(labels)
        rule = levels.presence(torch.from_numpy(grids.objects.astype(np.int64)))
        code_N = torch.from_numpy(grids.fusion.astype(np.int64)).flatten()
        holds_N = codes_that_hold(book.block_K8, SEMANTIC_KITTI.objects).any(1)[code_N]
        cells += int(holds_N.sum())
        broken += int(rule.forbidden_NK(None)[torch.arange(len(code_N)), code_N].sum())
    assert cells > 1000 and broken <= 1e-3 * cells
