import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from occforge.discrete.transition import Transition, draw, layered_order, scattered_order

kinds = st.sampled_from(["uniform", "absorbing"])
schedules = st.sampled_from(["cosine", "quadratic"])
transitions = st.builds(Transition, st.integers(2, 12), st.integers(2, 60), kinds, schedules)


def fits(counts, p):
    """Whether counts follow probabilities p (chi-square; fails by chance once in a million)."""
    counts, p = np.asarray(counts, float), np.asarray(p, float)
    assert counts[p < 1e-12].sum() == 0
    expected = counts.sum() * p[p >= 1e-12]
    statistic = ((counts[p >= 1e-12] - expected) ** 2 / expected).sum()
    return statistic < chi2.ppf(1 - 1e-6, max(1, len(expected) - 1))


def uniform(n, seed):
    """Numbers in [0, 1)."""
    return torch.rand(n, generator=torch.Generator().manual_seed(seed))


@given(transitions, st.floats(0.0, 1.0))
def test_rows_of_q_bar_sum_to_one(transition, u):
    Q = transition.q_bar_matrix(u * transition.T)
    assert Q.shape == (transition.input_states,) * 2
    assert torch.allclose(Q.sum(1), torch.ones(len(Q), dtype=torch.float64)) and float(Q.min()) >= 0


@given(transitions)
def test_ends_of_the_process(transition):
    Q_0, Q_T = transition.q_bar_matrix(0.0), transition.q_bar_matrix(transition.T)
    assert torch.allclose(Q_0, torch.eye(len(Q_0), dtype=torch.float64))
    assert torch.allclose(Q_T, Q_T[:1].expand_as(Q_T), atol=1e-12)


@given(transitions, st.lists(st.floats(0.0, 0.99), min_size=3, max_size=3, unique=True))
def test_steps_compose(transition, levels):
    r, s, t = (u * transition.T for u in sorted(levels))
    product = transition.q_bar_matrix(s, r) @ transition.q_bar_matrix(t, s)
    assert torch.allclose(product, transition.q_bar_matrix(t, r), atol=1e-9)


@given(transitions, st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_alpha_bar_falls_and_agrees_with_its_batched_form(transition, levels):
    t = torch.tensor(sorted(levels), dtype=torch.float64) * transition.T
    values = [transition.alpha_bar(float(x)) for x in t]
    assert values == sorted(values, reverse=True) and values[-1] >= 0.0 and values[0] <= 1.0
    assert np.allclose(transition.alpha_bar_of(t).numpy(), values, atol=1e-6)


@given(st.integers(2, 12), st.integers(2, 60), schedules, st.floats(0.0, 0.98), st.floats(0.01, 1.0), st.data())
def test_posterior_is_bayes_on_dense_matrices(K, T, schedule, low, gap, data):
    transition = Transition(K, T, "uniform", schedule)
    s, t = low * T, (low + (1.0 - low) * gap) * T
    p_0 = torch.rand(7, K, generator=torch.Generator().manual_seed(data.draw(st.integers(0, 999))), dtype=torch.float64)
    p_0 /= p_0.sum(1, keepdim=True)
    x_t = torch.arange(7) % K
    Q_s, Q_ts = transition.q_bar_matrix(s), transition.q_bar_matrix(t, s)
    joint_kj = Q_s[None] * Q_ts[:, x_t].T[:, None, :]  # q(x_s = j | x_0 = k) q(x_t | x_s = j)
    given_k = joint_kj / joint_kj.sum(2, keepdim=True)
    expected = (p_0[:, :, None] * given_k).sum(1)
    assert torch.allclose(transition.posterior(p_0, x_t, t, s), expected, atol=1e-9)


@given(st.integers(2, 12), st.integers(2, 60), schedules, st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2))
def test_evidence_is_the_likelihood_of_x_t(K, T, schedule, levels):
    """Added to the log of a prior it gives Bayes' posterior on dense matrices, each row of a batch at its own time."""
    transition = Transition(K, T, "uniform", schedule)
    x_t = torch.stack([torch.arange(5) % K, (torch.arange(5) + 1) % K])
    times = torch.tensor(levels, dtype=torch.float64) * T
    prior = torch.linspace(1.0, 2.0, K, dtype=torch.float64).log_softmax(0)
    found = (prior + transition.evidence(x_t, times)).softmax(1).reshape(2, 5, K)
    for b, t in enumerate(times):
        joint = prior.exp()[:, None] * transition.q_bar_matrix(float(t))  # p(x_0 = k) q(x_t = j | x_0 = k)
        assert torch.allclose(found[b], (joint / joint.sum(0))[:, x_t[b]].T, atol=1e-5)


@given(st.integers(2, 40), st.integers(2, 100), st.data())
def test_posterior_is_a_distribution_in_float32(K, T, data):
    transition = Transition(K, T)
    t = data.draw(st.integers(1, T))
    s = data.draw(st.integers(0, t - 1))
    p = (torch.randn(9, K, generator=torch.Generator().manual_seed(t)) * 8).softmax(1)
    p_s = transition.posterior(p, torch.arange(9) % K, t, s)
    assert torch.isfinite(p_s).all() and (p_s >= 0).all() and torch.allclose(p_s.sum(1), torch.ones(9), atol=1e-5)
    if s == 0:
        sure = torch.eye(K)[torch.arange(9) % K]
        assert torch.allclose(transition.posterior(sure, (torch.arange(9) + 1) % K, t, 0), sure, atol=1e-4)


@pytest.mark.parametrize("kind", ["uniform", "absorbing"])
@pytest.mark.parametrize("u", [0.0, 0.3, 0.7, 1.0])
def test_q_sample_follows_q_bar(kind, u):
    transition = Transition(4, 10, kind)
    n = 4000
    x_0 = torch.arange(4)[None].expand(n, 4)
    x_t = transition.q_sample(x_0, torch.full((n,), u * 10), torch.Generator().manual_seed(1))
    Q = transition.q_bar_matrix(u * 10)
    for k in range(4):
        assert fits(torch.bincount(x_t[:, k], minlength=transition.input_states), Q[k])


def test_q_sample_draws_pure_noise_where_nothing_is_known():
    generator = torch.Generator().manual_seed(2)
    unknown, t = torch.full((1, 20_000), 4), torch.zeros(1)
    assert fits(torch.bincount(Transition(4).q_sample(unknown, t, generator)[0], minlength=4), [0.25] * 4)
    assert (Transition(4, kind="absorbing").q_sample(unknown, t, generator) == 4).all()


def test_every_row_of_a_batch_has_its_own_time():
    transition = Transition(5, 10)
    x_0 = torch.randint(5, (2, 30, 30), generator=torch.Generator().manual_seed(0))
    x_t = transition.q_sample(x_0, torch.tensor([0, 10]), torch.Generator().manual_seed(1))
    assert torch.equal(x_t[0], x_0[0])
    assert 0.1 < (x_t[1] == x_0[1]).float().mean() < 0.3


def test_two_small_steps_are_one_large_step():
    """x_s from q(x_s | x_t, x_0), x_t from q(x_t | x_0), is distributed as q(x_s | x_0)."""
    transition, n = Transition(3, 10), 60_000
    generator = torch.Generator().manual_seed(3)
    x_0 = torch.full((n,), 1)
    x_t = transition.q_sample(x_0[None], torch.tensor([7]), generator)[0]
    sure = torch.eye(3)[x_0] * 60.0
    x_s = transition.reverse(sure, x_t, 7, 4, generator)
    assert fits(torch.bincount(x_s, minlength=3), transition.q_bar_matrix(4)[1])


@pytest.mark.parametrize("schedule", ["cosine", "quadratic"])
def test_absorbing_steps_reveal_their_share(schedule):
    transition = Transition(3, 10, "absorbing", schedule)
    x_t = torch.full((1, 30, 30, 30), 3)
    generator = torch.Generator().manual_seed(4)
    order = scattered_order(tuple(x_t.shape), generator)
    for t, s in [(10, 6), (6, 1), (1, 0)]:
        chosen = transition.select(x_t, s, order)
        masked = x_t.flatten() == 3
        assert masked[chosen].all() and len(chosen) == len(chosen.unique())
        share = (transition.alpha_bar(s) - transition.alpha_bar(t)) / (1 - transition.alpha_bar(t))
        n = int(masked.sum())
        assert abs(len(chosen) - share * n) < 5 * (n * share * (1 - share)) ** 0.5 + 1e-6 * n
        x_t.view(-1)[chosen] = transition.reverse(torch.zeros(len(chosen), 3), x_t.flatten()[chosen], t, s, generator)
        hidden = 1 - transition.alpha_bar(s)
        assert float((x_t == 3).float().mean()) == pytest.approx(hidden, abs=0.02)
    assert (x_t < 3).all()


def test_uniform_steps_draw_everything():
    assert Transition(3).select(torch.zeros(1, 2, 2, 2), 4, torch.zeros(1, 2, 2, 2)) is None


def test_an_order_is_uniform_for_every_position():
    generator = torch.Generator().manual_seed(0)
    order = scattered_order((4000, 2, 3, 4), generator)
    assert float(order.min()) >= 0.0 and float(order.max()) < 1.0
    quantiles = order.flatten(1).quantile(torch.linspace(0.1, 0.9, 9, dtype=torch.float64), 0)
    assert torch.allclose(quantiles, torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None].expand(9, 24), atol=0.03)


def test_neighbours_leave_the_mask_at_times_far_apart():
    order = scattered_order((1, 9, 9, 9), torch.Generator().manual_seed(1))[0]
    for axis in range(3):
        apart = order.diff(dim=axis).abs()
        assert float(torch.minimum(apart, 1 - apart).min()) > 0.18


def test_layers_leave_the_mask_from_the_ground_upwards():
    order = layered_order((2, 5, 6, 8), torch.Generator().manual_seed(1))
    assert float(order.min()) >= 0.0 and float(order.max()) < 1.0
    for z in range(8):
        assert bool((order[..., z] >= z / 8).all() and (order[..., z] < (z + 1) / 8).all())
        assert order[0, ..., z].unique().numel() == 30, "not a whole layer at once"


@settings(max_examples=20)
@given(st.integers(2, 9), st.integers(0, 10**6))
def test_draw_follows_its_probabilities(K, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(K, 0.5))
    p[rng.integers(K)] = 0.0
    p /= p.sum()
    drawn = draw(torch.from_numpy(p).float().expand(20_000, K) * 3.0, uniform(20_000, seed))
    assert fits(torch.bincount(drawn, minlength=K), np.asarray(p, np.float32).astype(float))


@given(st.integers(1, 40), st.integers(0, 999))
def test_draw_takes_the_only_possible_class(K, seed):
    sure = torch.arange(200) % K
    assert torch.equal(draw(torch.eye(K)[sure], uniform(len(sure), seed)), sure)
