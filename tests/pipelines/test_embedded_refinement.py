"""The refinement that ships, given half scenes of streets that no training saw."""

import numpy as np
import pytest
import torch

from occforge.data.procedural import TEST_FIRST_SEED
from occforge.discrete.sample import sample
from occforge.discrete.transition import layered_order, scattered_order
from occforge.pipelines.text_to_scene import Refining, SamplingConfig
from occforge.weights import load_generator
from occforge.world.street import make_street


@pytest.fixture(scope="module")
def refined():
    """True labels, and what two ways of drawing make of their half scenes."""
    composition, _ = load_generator(None)
    levels, transition = composition.levels, composition.transitions["refine"]
    now = SamplingConfig()
    ways = {"layers": (layered_order, now.refine_steps, now.refine_sweeps), "scattered": (scattered_order, 6, 0)}
    made = {"true": [], "half": [], **{way: [] for way in ways}}
    for seed in range(TEST_FIRST_SEED, TEST_FIRST_SEED + 2):
        labels = make_street(seed).scene.labels_XYZ
        half = levels.half_scene(labels)
        label = torch.from_numpy(levels.alphabets["labels"].encode(half).astype(np.int64))
        known = torch.where(label == 0, 0, transition.states)[None]
        made["true"].append(labels)
        made["half"].append(half)
        for way, (order, steps, sweeps) in ways.items():
            network, generator = Refining(composition, label), torch.Generator().manual_seed(seed)
            shape = tuple(known.shape)
            rank = sample(network, transition, shape, steps, generator, known, sweeps=sweeps, order=order)[0]
            made[way].append(levels.refine_book.decode(composition.refiner.codes_of(label, rank).numpy()))
    return composition, made


def test_what_is_drawn_pools_back_to_the_half_scene(refined):
    composition, made = refined
    for way in ("layers", "scattered"):
        for drawn, half in zip(made[way], made["half"], strict=True):
            assert np.array_equal(composition.levels.half_scene(drawn), half)


def test_poles_stand_and_the_ground_is_even_when_layers_are_drawn_upwards(refined):
    composition, made = refined
    pole = composition.levels.taxonomy.names.index("pole")
    ground = [composition.levels.taxonomy.names.index(name) for name in ("road", "sidewalk", "parking", "terrain")]
    standing = {way: share_standing(made[way], pole) for way in ("true", "layers", "scattered")}
    steps = {way: ground_steps(made[way], ground) for way in ("true", "layers", "scattered")}
    assert standing["scattered"] + 0.03 < standing["layers"] <= standing["true"] + 0.02
    assert steps["true"] < steps["layers"] < 0.7 * steps["scattered"]


def share_standing(scenes, label):
    """Of the voxels of a class above the lowest layer, how many stand on another of it."""
    here = np.stack(scenes) == label
    return (here[..., 1:] & here[..., :-1]).sum() / here[..., 1:].sum()


def ground_steps(scenes, labels):
    """How often the ground's top voxel differs between neighbouring columns."""
    ground = np.isin(np.stack(scenes), labels)
    top = np.where(ground.any(-1), ground.shape[-1] - 1 - ground[..., ::-1].argmax(-1), -1)
    pairs = ((top[:, 1:], top[:, :-1]), (top[:, :, 1:], top[:, :, :-1]))
    return sum(int(((a >= 0) & (b >= 0) & (a != b)).sum()) for a, b in pairs)
