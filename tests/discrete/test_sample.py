from itertools import pairwise

import pytest
import torch
from scipy.stats import chi2

from occforge.core.errors import InputError
from occforge.discrete.sample import Planning, sample, sweep, times
from occforge.discrete.transition import Transition

SHAPE = (2, 5, 4, 3)
kinds = pytest.mark.parametrize("kind", ["uniform", "absorbing"])


class Oracle:
    """Knows x_0 and remembers how it was asked."""

    def __init__(self, x_0, K, self_condition=False):
        self.logits = torch.where(torch.eye(K, dtype=torch.bool)[x_0.flatten()], 40.0, -40.0)
        self.self_condition, self.calls = self_condition, []

    def __call__(self, x_t, noise_level, estimate, query_N):
        self.calls.append((x_t.clone(), noise_level, estimate, query_N))
        return self.logits if query_N is None else self.logits[query_N]


class Fixed:
    """The same distribution everywhere, whatever it sees."""

    self_condition = False

    def __init__(self, p):
        self.logits = torch.tensor(p).log()

    def __call__(self, x_t, noise_level, estimate, query_N):
        return self.logits.expand(x_t.numel() if query_N is None else len(query_N), -1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def a_grid(K, seed=0):
    return torch.randint(K, SHAPE, generator=generator(seed))


@kinds
@pytest.mark.parametrize("schedule", ["cosine", "quadratic"])
@pytest.mark.parametrize("steps", [1, 3, 10, 25])
def test_an_oracle_gives_x_0(kind, schedule, steps):
    x_0 = a_grid(6)
    made = sample(Oracle(x_0, 6), Transition(6, 10, kind, schedule), SHAPE, steps, generator())
    assert torch.equal(made, x_0)


def test_times_run_from_T_to_zero():
    pairs = list(times(Transition(2, 10), 4))
    assert pairs == [(10.0, 7.5), (7.5, 5.0), (5.0, 2.5), (2.5, 0.0)]


@kinds
def test_the_network_sees_noise_levels_and_its_last_estimate(kind):
    x_0, transition = a_grid(6), Transition(6, 10, kind)
    oracle, ticks = Oracle(x_0, 6, self_condition=kind == "uniform"), []
    sample(oracle, transition, SHAPE, 4, generator(), progress=lambda: ticks.append(1))
    assert len(ticks) == 4 and [call[1] for call in oracle.calls] == [1.0, 0.75, 0.5, 0.25]
    assert oracle.calls[0][2] is None
    if kind == "uniform":
        assert all(torch.equal(call[2].argmax(-1), x_0) for call in oracle.calls[1:])
        assert all(call[3] is None for call in oracle.calls)


def test_planning_spends_its_share_of_the_steps_above_its_level():
    pairs = list(times(Transition(2, 100), 10, Planning(level=0.6, share=0.5)))
    assert pairs[0][0] == 100 and pairs[-1][1] == 0 and pairs[5][0] == pytest.approx(60)
    assert [t - s for t, s in pairs] == pytest.approx([8] * 5 + [12] * 5)
    assert all(s == t_next for (_, s), (t_next, _) in pairwise(pairs))
    even = list(times(Transition(2, 100), 10, Planning(level=0.5, share=0.5)))
    assert [t for t, _ in even] == pytest.approx([t for t, _ in times(Transition(2, 100), 10)])


def test_planning_asks_for_a_fresh_estimate_above_its_level():
    """As in training: the estimate comes from the same x_t; below the level, from the step before."""
    oracle = Oracle(a_grid(6), 6, self_condition=True)
    sample(oracle, Transition(6, 10), SHAPE, 4, generator(), planning=Planning(level=0.5, share=0.5))
    levels, estimates = [call[1] for call in oracle.calls], [call[2] for call in oracle.calls]
    assert levels == [1.0, 1.0, 0.75, 0.75, 0.5, 0.25]
    assert [estimate is not None for estimate in estimates] == [False, True, False, True, True, True]
    for first, second in ((0, 1), (2, 3)):
        assert torch.equal(oracle.calls[first][0], oracle.calls[second][0])


@pytest.mark.parametrize("wrong", [{"level": 0.0}, {"level": 1.0}, {"share": 1.5}, {"share": float("nan")}])
def test_planning_that_cannot_be(wrong):
    with pytest.raises(InputError, match="planning"):
        Planning(**wrong)


def test_absorbing_positions_are_drawn_once_and_then_stay():
    transition, network = Transition(6, 10, "absorbing"), Fixed([1 / 6] * 6)
    asked, before = torch.zeros(SHAPE).flatten(), []

    class Watch:
        self_condition = False

        def __call__(self, x_t, noise_level, estimate, query_N):
            asked[query_N] += 1
            assert (x_t.flatten()[query_N] == 6).all()
            before.append(x_t.clone())
            return network(x_t, noise_level, estimate, query_N)

    made = sample(Watch(), transition, SHAPE, 5, generator())
    assert (asked == 1).all() and (made < 6).all()
    for x_t, x_s in zip(before, [*before[1:], made], strict=True):
        assert torch.equal(x_s[x_t < 6], x_t[x_t < 6])


@kinds
def test_the_last_step_samples(kind):
    """Ancestral sampling from one fixed distribution gives that distribution, not its mode."""
    p = [0.5, 0.3, 0.15, 0.05]
    made = sample(Fixed(p), Transition(4, 20, kind), (1, 20, 20, 20), 6, generator(3))
    counts = torch.bincount(made.flatten(), minlength=4).double()
    expected = 8000 * torch.tensor(p, dtype=torch.float64)
    assert float(((counts - expected) ** 2 / expected).sum()) < chi2.ppf(1 - 1e-6, 3)


@kinds
@pytest.mark.parametrize("K_unknown", [4, 255])
def test_known_voxels_stay(kind, K_unknown):
    """Eq. 9, whatever the network says; a value outside the states is free."""
    known = a_grid(4, 5)
    free = torch.rand(SHAPE, generator=generator(6)) < 0.5
    masked = torch.where(free, K_unknown, known)
    oracle = Oracle((known + 1) % 4, 4)
    made = sample(oracle, Transition(4, 10, kind), SHAPE, 4, generator(), masked)
    assert torch.equal(made[~free], known[~free])
    assert torch.equal(made[free], (known[free] + 1) % 4)


def test_known_voxels_are_as_noisy_as_the_rest():
    shape = (1, 16, 16, 16)
    known = torch.zeros(shape, dtype=torch.long)
    oracle, transition = Oracle(known, 4), Transition(4, 10)
    sample(oracle, transition, shape, 5, generator(), known)
    for x_t, noise_level, _, _ in oracle.calls:
        share = float(transition.q_bar_matrix(10 * noise_level)[0, 0])
        assert float((x_t == 0).float().mean()) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("planning", [None, Planning(0.5, 0.5)], ids=["plain", "planned"])
def test_estimates_are_certain_of_what_is_known(planning):
    known = torch.where(torch.arange(60).reshape(1, 5, 4, 3) % 2 == 0, 1, 4)
    oracle = Oracle(torch.full_like(known, 2), 4, self_condition=True)
    sample(oracle, Transition(4, 10), (1, 5, 4, 3), 4, generator(), known, planning=planning)
    estimates = [estimate for *_, estimate, _ in oracle.calls]
    sure = torch.tensor([0.0, 1.0, 0.0, 0.0])
    assert all(torch.equal(e[known == 1], sure.expand(30, 4)) for e in estimates)
    assert not estimates[0][known == 4].any(), "of the rest nothing is known at first"
    assert (estimates[-1][known == 4].argmax(1) == 2).all()


def test_an_absorbing_network_sees_what_is_known_from_the_start():
    known = torch.where(torch.arange(60).reshape(1, 5, 4, 3) % 2 == 0, 1, 4)
    oracle = Oracle(torch.full_like(known, 2), 4)
    sample(oracle, Transition(4, 10, "absorbing"), (1, 5, 4, 3), 3, generator(), known)
    assert all((x_t[known == 1] == 1).all() for x_t, *_ in oracle.calls)


@kinds
def test_everything_known_needs_no_network(kind):
    known = a_grid(4)
    made = sample(Oracle(known, 4), Transition(4, 10, kind), SHAPE, 3, generator(), known)
    assert torch.equal(made, known)


@kinds
def test_one_seed_is_one_result(kind):
    one, two, other = (
        sample(Fixed([0.25] * 4), Transition(4, 10, kind), SHAPE, 4, generator(seed)) for seed in (1, 1, 2)
    )
    assert one.numpy().tobytes() == two.numpy().tobytes() and not torch.equal(one, other)


def test_sampling_keeps_no_gradient():
    class Learns(Fixed):
        def __init__(self):
            self.logits = torch.zeros(3, requires_grad=True)

    assert not sample(Learns(), Transition(3, 5), SHAPE, 2, generator()).requires_grad


class Pair:
    """The exact conditionals of two neighbours whose joint distribution is `joint_22`."""

    self_condition = False

    def __init__(self, joint_22):
        self.joint_22 = torch.tensor(joint_22)

    def __call__(self, x_t, noise_level, estimate, query_N):
        pair_B2 = x_t.reshape(-1, 2)
        rows = []
        for n in query_N.tolist():
            b, i = divmod(n, 2)
            other = int(pair_B2[b, 1 - i])
            joint = self.joint_22 if i == 0 else self.joint_22.T
            rows.append(joint.sum(1) if other == 2 else joint[:, other])
        return torch.stack(rows).log()


def test_a_sweep_of_exact_conditionals_keeps_the_joint_distribution():
    joint = [[0.45, 0.15], [0.05, 0.35]]
    n = 4000
    start = torch.multinomial(torch.tensor(joint).flatten(), n, replacement=True, generator=generator(1))
    x = torch.stack([start // 2, start % 2], 1).reshape(n, 1, 1, 2)
    swept = sweep(Pair(joint), Transition(2, 10, "absorbing"), x, torch.ones(2 * n, dtype=torch.bool), generator(2))
    assert not torch.equal(swept, x)
    count = torch.bincount(swept.reshape(n, 2) @ torch.tensor([2, 1]), minlength=4).double()
    expected = n * torch.tensor(joint, dtype=torch.float64).flatten()
    assert float(((count - expected) ** 2 / expected).sum()) < chi2.ppf(1 - 1e-6, 3)


def test_a_sweep_mends_what_does_not_fit_and_leaves_the_rest():
    wrong, x_0 = a_grid(6, 1), a_grid(6, 2)
    free = torch.rand(x_0.numel(), generator=generator()) < 0.5
    swept = sweep(Oracle(x_0, 6), Transition(6, 10, "absorbing"), wrong, free, generator())
    assert torch.equal(swept.flatten()[free], x_0.flatten()[free])
    assert torch.equal(swept.flatten()[~free], wrong.flatten()[~free])


@pytest.mark.parametrize("sweeps", [0, 2])
def test_certain_positions_are_never_asked_for(sweeps):
    x_0 = a_grid(6)
    certain = torch.where(torch.rand(SHAPE, generator=generator(3)) < 0.5, 5 - x_0, 6)
    oracle = Oracle(x_0, 6)
    made = sample(oracle, Transition(6, 10, "absorbing"), SHAPE, 5, generator(), certain_BXYZ=certain, sweeps=sweeps)
    assert torch.equal(made, torch.where(certain < 6, certain, x_0))
    asked = torch.cat([query for *_, query in oracle.calls])
    assert (certain.flatten()[asked] == 6).all()
    assert len(asked) == (1 + sweeps) * int((certain == 6).sum())
