import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occforge.discrete.loss import cross_entropy, hybrid, variational_bound
from occforge.discrete.transition import Transition

K = 5
TRANSITION = Transition(K, 20)


def bound(logits, x_0, x_t, t=9):
    return variational_bound(TRANSITION, logits, x_0, x_t, t)


LOSSES = {
    "cross_entropy": lambda logits, x_0, x_t: cross_entropy(logits, x_0)[0],
    "bound": bound,
    "bound, last step": lambda logits, x_0, x_t: bound(logits, x_0, x_t, 1),
    "hybrid": lambda logits, x_0, x_t: hybrid(TRANSITION, logits, x_0, x_t, 9),
}
every = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def a_case(N=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x_0 = torch.arange(N) % K
    x_t = TRANSITION.q_sample(x_0[None], torch.tensor([9]), generator)[0]
    return torch.randn(N, K, generator=generator), x_0, x_t


@every
@pytest.mark.parametrize("k", range(K))
def test_every_class_has_gradient(loss, k):
    """Also the last one, in every position: where it is the truth and where it is not."""
    logits, x_0, x_t = a_case()
    logits.requires_grad_()
    loss(logits, x_0, x_t).backward()
    assert (logits.grad[x_0 == k, k] < 0).all()
    assert (logits.grad[:, k].abs() > 1e-8).all()


@every
def test_unknown_positions_do_not_matter(loss):
    logits, x_0, x_t = a_case()
    hidden = torch.rand(40, generator=torch.Generator().manual_seed(1)) < 2 / 3
    logits.requires_grad_()
    value = loss(logits, torch.where(hidden, K, x_0), x_t)
    value.backward()
    assert torch.isfinite(value) and not logits.grad[hidden].any() and logits.grad[~hidden].all(1).all()
    known_only = loss(logits[~hidden], x_0[~hidden], x_t[~hidden])
    other_noise = torch.where(hidden, (x_t + 1) % K, x_t)
    other_logits = torch.where(hidden[:, None], -3.0 * logits, logits)
    for other in (
        known_only,
        loss(other_logits, torch.where(hidden, K, x_0), other_noise),
        loss(logits, torch.where(hidden, 255, x_0), x_t),
    ):
        assert torch.allclose(other, value)


@every
def test_nothing_known_costs_nothing(loss):
    logits, _, x_t = a_case()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(x_t, K), x_t)
    value.backward()
    assert value.item() == 0.0 and not logits.grad.any()


@every
@given(seed=st.integers(0, 10**6))
def test_losses_are_positive_and_vanish_for_the_truth(loss, seed):
    logits, x_0, x_t = a_case(seed=seed)
    assert float(loss(logits, x_0, x_t)) > 0
    perfect = torch.where(torch.eye(K, dtype=torch.bool)[x_0], 30.0, -30.0)
    assert float(loss(perfect, x_0, x_t)) == pytest.approx(0.0, abs=1e-5)


@given(st.integers(2, 20), st.integers(0, 999))
def test_bound_is_the_divergence_of_dense_posteriors(t, seed):
    logits, x_0, x_t = a_case(seed=seed)
    Q_s, Q_ts = TRANSITION.q_bar_matrix(t - 1), TRANSITION.q_bar_matrix(t, t - 1)

    def posterior(p_0):
        given_k = Q_s[None] * Q_ts[:, x_t].T[:, None, :]
        return (p_0[:, :, None] * given_k / given_k.sum(2, keepdim=True)).sum(1)

    true = posterior(torch.eye(K, dtype=torch.float64)[x_0])
    model = posterior(logits.double().softmax(1))
    expected = (torch.xlogy(true, true) - torch.xlogy(true, model)).sum(1).mean()
    assert float(bound(logits, x_0, x_t, t)) == pytest.approx(float(expected), rel=1e-3, abs=1e-6)


def test_bound_at_the_first_step_is_the_likelihood():
    logits, x_0, x_t = a_case()
    assert torch.allclose(bound(logits, x_0, x_t, 1), cross_entropy(logits, x_0)[0])


def test_hybrid_is_the_sum():
    logits, x_0, x_t = a_case()
    both = bound(logits, x_0, x_t) + 0.3 * cross_entropy(logits, x_0)[0]
    assert torch.allclose(hybrid(TRANSITION, logits, x_0, x_t, 9, 0.3), both)


def test_groups_are_means_of_their_own():
    logits, x_0, _ = a_case()
    x_0 = torch.where(torch.arange(40) % 3 == 0, K, x_0)
    grouped = cross_entropy(logits, x_0, 4)
    alone = [cross_entropy(a, b)[0] for a, b in zip(logits.chunk(4), x_0.chunk(4), strict=True)]
    assert torch.allclose(grouped, torch.stack(alone))
