from dataclasses import replace

import pytest
import torch

from occforge.core.attributes import ATTRIBUTES
from occforge.discrete.bedit import (
    BEDiT,
    BEDiTConfig,
    Reuse,
    Stream,
    channels_first,
    pointwise,
    position_code,
    sincos_2d,
    spread,
    time_code,
)
from occforge.discrete.text import ATTRIBUTE_SIZE, request_BA
from occforge.discrete.transition import Transition

B, X, Y, Z, K = 2, 8, 4, 3, 6
PLAIN = BEDiTConfig(
    transition=Transition(K),
    heights=Z,
    channels=(16, 32),
    convs=1,
    depth=2,
    heads=2,
    request_width=16,
    embed=4,
    head=8,
)
CONDITIONED = replace(PLAIN, conditions=(Stream(5, 2, 2), Stream(4, 3, 1)))
CODES = replace(CONDITIONED, transition=Transition(K, kind="absorbing"), self_condition=False, code_blocks=True)
CONFIGS = {
    "plain": PLAIN,
    "evidence": replace(PLAIN, evidence=True),
    "conditioned": CONDITIONED,
    "codes": CODES,
    "flat": replace(PLAIN, channels=(32,)),
}
every = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
BLOCKS = torch.randint(20, (K, 8), generator=torch.Generator().manual_seed(9))


def build(config, awake=True):
    torch.manual_seed(0)
    network = BEDiT(config)
    if config.code_blocks:
        network.set_code_blocks(BLOCKS)
    if awake:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def inputs(config, seed=0, batch=B):
    generator = torch.Generator().manual_seed(seed)

    def grid(states, *shape):
        return torch.randint(states, (batch, *shape), generator=generator)

    requests = [{"left": "buildings", "traffic": "many"}, {"weather": "rain"}, {"left": "open"}]
    return {
        "x_t_BXYZ": grid(config.transition.input_states, X, Y, Z),
        "noise_level_B": torch.rand(batch, generator=generator),
        "request_BA": request_BA([requests[(b + seed) % 3] for b in range(batch)]),
        "conditions": [grid(s.states, X // s.coarser, Y // s.coarser, s.heights) for s in config.conditions],
        "self_condition_BXYZK": torch.rand(batch, X, Y, Z, K, generator=generator) if config.self_condition else None,
    }


@every
def test_shapes(config):
    network, given = build(config), inputs(config)
    assert network(**given).shape == (B * X * Y * Z, K)
    assert network.features(*given.values()).shape == (B * X * Y * Z, config.head)
    given["self_condition_BXYZK"] = None
    assert torch.isfinite(network(**given)).all()


@every
def test_asked_rows_are_rows_of_all(config):
    network, given = build(config), inputs(config)
    query = torch.tensor([5, 0, 77, 77, B * X * Y * Z - 1])
    assert torch.allclose(network(**given, query_N=query), network(**given)[query], atol=1e-6)


def test_evidence_is_what_an_ignorant_network_believes():
    """With a silent head, p(x_0 | x_t) is Bayes' posterior under a flat prior."""
    config = replace(PLAIN, evidence=True)
    network, given = build(config), inputs(config)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.zero_()
    times = given["noise_level_B"] * config.transition.T
    believed = network(**given).softmax(1).reshape(B, -1, K)
    for b in range(B):
        likelihood_KJ = config.transition.q_bar_matrix(float(times[b])).float()  # its columns sum to one, too
        assert torch.allclose(believed[b], likelihood_KJ.T[given["x_t_BXYZ"][b].flatten()], atol=1e-5)


@every
def test_gradient_reaches_every_parameter(config):
    network = build(config)
    torch.nn.functional.cross_entropy(network(**inputs(config)), torch.arange(B * X * Y * Z) % K).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


@every
def test_a_row_of_a_batch_is_what_it_is_alone(config):
    network, given = build(config), inputs(config)
    together = network(**given).reshape(B, -1, K)
    for b in range(B):
        row = slice(b, b + 1)
        alone = network(
            given["x_t_BXYZ"][row],
            given["noise_level_B"][row],
            given["request_BA"][row],
            [c[row] for c in given["conditions"]],
            None if given["self_condition_BXYZK"] is None else given["self_condition_BXYZK"][row],
        )
        assert torch.allclose(alone, together[b], atol=1e-4)


@every
def test_every_input_matters(config):
    """Each of x_t, noise level, request, conditions and estimate changes the logits of its own row only."""
    network, given = build(config), inputs(config)
    base = network(**given).reshape(B, -1, K)
    other = inputs(config, seed=1)

    def first(old, new):
        return torch.cat([new[:1], old[1:]])

    changes = [
        {"x_t_BXYZ": first(given["x_t_BXYZ"], other["x_t_BXYZ"])},
        {"noise_level_B": first(given["noise_level_B"], other["noise_level_B"])},
        {"request_BA": first(given["request_BA"], other["request_BA"])},
        *(
            {"conditions": [first(c, o) if i == j else c for j, (c, o) in enumerate(zip(*pair, strict=True))]}
            for pair in [(given["conditions"], other["conditions"])]
            for i in range(len(config.conditions))
        ),
    ]
    if config.self_condition:
        changes.append({"self_condition_BXYZK": first(given["self_condition_BXYZK"], other["self_condition_BXYZK"])})
    for change in changes:
        changed = network(**{**given, **change}).reshape(B, -1, K)
        assert (changed[0] - base[0]).abs().max() > 1e-4, change.keys()
        assert torch.allclose(changed[1], base[1], atol=1e-4), change.keys()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_matters_in_both_ways_in(name):
    """Through the time embedding, and through the tokens alone."""
    network, given = build(PLAIN), inputs(PLAIN)
    values = [{name: value} for value in (*ATTRIBUTES[name], "unspecified")]
    for silent in (False, True):
        if silent:
            torch.nn.init.zeros_(network.request.weight)
        logits = [network(**{**given, "request_BA": request_BA([v, {}])}).reshape(B, -1, K) for v in values]
        for i, one in enumerate(logits):
            assert torch.allclose(one[1], logits[0][1], atol=1e-4)
            assert all((one[0] - two[0]).abs().max() > 1e-5 for two in logits[:i])


def test_tokens_are_silent_before_training():
    """The merge starts at zero: a request acts through the time embedding only."""
    network, given = build(PLAIN, awake=False), inputs(PLAIN)
    torch.nn.init.zeros_(network.request.weight)
    other = request_BA([{"left": "vegetation"}, {"persons": "many"}])
    assert other.shape == (B, ATTRIBUTE_SIZE)
    assert torch.equal(network(**{**given, "request_BA": other}), network(**given))


def test_equal_blocks_share_what_is_learned_of_their_voxels():
    network = BEDiT(CODES)
    blocks = BLOCKS.clone()
    blocks[3] = blocks[2]
    network.set_code_blocks(blocks)
    table = network.embedding.table() - network.embedding.own.weight
    assert torch.allclose(table[2], table[3], atol=1e-6) and not torch.allclose(table[2], table[1])
    expected = sum(network.embedding.voxel[v, blocks[4, v]] for v in range(8))
    assert torch.allclose(table[4], expected, atol=1e-6)
    mask = sum(network.embedding.voxel[v, 255] for v in range(8))
    assert torch.allclose(table[K], mask, atol=1e-6)


def test_code_blocks_are_no_weights():
    """They come from the codebook's file, not from the network's."""
    network = BEDiT(CODES)
    names = set(network.state_dict())
    network.set_code_blocks(BLOCKS)
    assert set(network.state_dict()) == names and not any("block" in n and "K8" in n for n in names)
    given = inputs(CODES)
    before = build(CODES)(**given)
    other = build(CODES)
    other.set_code_blocks((BLOCKS + 1) % 20)
    assert not torch.allclose(other(**given), before)


def test_products_with_channels_last_are_the_convolutions_that_they_stand_for():
    value, wide = torch.randn(2, 5, 3, 4), torch.nn.Conv2d(5, 8, 1)
    last = value.permute(0, 2, 3, 1)
    assert torch.equal(channels_first(last), value)
    assert torch.allclose(channels_first(pointwise(wide, last)), wide(value), atol=1e-6)
    shuffled = torch.nn.functional.pixel_shuffle(wide(value), 2)
    assert torch.allclose(channels_first(spread(pointwise(wide, last))), shuffled, atol=1e-6)


def test_codes_of_place_and_time_tell_apart():
    place = position_code(8, 4)
    assert place.shape == (8, 4, 16) and len(place.flatten(0, 1).unique(dim=0)) == 32
    patches = sincos_2d(8, 4, 32)
    assert patches.shape == (32, 32) and len(patches.unique(dim=0)) == 32
    levels = time_code(torch.linspace(0, 1, 101))
    assert levels.shape == (101, 64) and len(levels.unique(dim=0)) == 101


def test_places_are_the_same_at_every_resolution():
    one, two = position_code(4, 2)[1, 0], position_code(12, 6)[4, 1]  # both centres lie at 3/8, 1/4
    assert torch.allclose(one, two, atol=1e-5)


def test_attention_is_asked_anew_only_so_often(monkeypatch):
    network, asked = build(CONDITIONED), []
    attend = BEDiT._attend
    monkeypatch.setattr(BEDiT, "_attend", lambda self, h, *rest: asked.append(1) or attend(self, h, *rest))
    once, other = inputs(CONDITIONED, 0), inputs(CONDITIONED, 1)
    with torch.no_grad():
        plain, elsewhere = network.features(**once), network.features(**other)
        asked.clear()
        reuse, always = Reuse(2), Reuse(1)
        assert torch.equal(network.features(**once, reuse=reuse), plain) and len(asked) == 1
        assert torch.allclose(network.features(**once, reuse=reuse), plain, atol=1e-5) and len(asked) == 1
        assert torch.equal(network.features(**other, reuse=reuse), elsewhere) and len(asked) == 2
        assert not torch.allclose(network.features(**once, reuse=reuse), plain, atol=1e-3) and len(asked) == 2
        for each in (once, other, once):
            assert torch.equal(network.features(**each, reuse=always), network.features(**each))
