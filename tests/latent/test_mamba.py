"""The scan by matrix products is the scan by steps, in values and gradients, and both do what Eqs. 5-8 say."""

import pytest
import torch

from occforge.latent.mamba import BidirectionalMamba, SelectiveScan, discretize, scan, scan_steps, sums_between


def inputs(seed: int, B: int = 2, L: int = 75, H: int = 3, P: int = 5, S: int = 4, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(B, L, H, P, generator=g, dtype=dtype)
    log_decay = -torch.rand(B, L, H, generator=g, dtype=dtype) * 3.0
    b, c = (torch.randn(B, L, S, generator=g, dtype=dtype) for _ in range(2))
    return [a.requires_grad_() for a in (x, log_decay, b, c)]


@pytest.mark.parametrize("chunk", [1, 4, 32, 100])
@pytest.mark.parametrize("length", [1, 32, 75])
def test_chunks_equal_steps_in_values_and_gradients(chunk, length):
    given = inputs(length, L=length)
    fast, plain = scan(*given, chunk), scan_steps(*given)
    assert fast.shape == plain.shape and torch.allclose(fast, plain, atol=1e-12)
    along = torch.randn_like(plain)
    for a, b in zip(torch.autograd.grad(fast, given, along), torch.autograd.grad(plain, given, along), strict=True):
        assert torch.allclose(a, b, atol=1e-11)


def test_single_precision_is_exact_to_1e_5_over_4096_steps():
    given = [a.detach().float().requires_grad_() for a in inputs(0, B=1, L=4096, H=2)]
    exact = [a.detach().double().requires_grad_() for a in given]
    fast, plain = scan(*given), scan_steps(*exact)
    assert float((fast - plain).detach().abs().max() / plain.detach().abs().max()) < 1e-5
    along = torch.randn(fast.shape, generator=torch.Generator().manual_seed(1))
    grads = torch.autograd.grad(fast, given, along), torch.autograd.grad(plain, exact, along.double())
    for a, b in zip(*grads, strict=True):
        assert float((a - b).abs().max() / b.abs().max()) < 1e-5


def test_strong_decays_keep_the_weak_ones_exact():
    """A difference of cumulative sums would give exp(-1e-3) only to a few digits after steps that forget all."""
    _, _, b, c = inputs(3, dtype=torch.float32)
    x = torch.ones(2, 75, 3, 5)
    log_decay = torch.full((2, 75, 3), -1e-3)
    log_decay[:, ::7] = -1e5
    fast, plain = scan(x, log_decay, b, c), scan_steps(*(a.double() for a in (x, log_decay, b, c)))
    assert float((fast - plain).detach().abs().max() / plain.detach().abs().max()) < 1e-6


def test_sums_between_are_sums():
    value = torch.arange(5.0)
    sums = sums_between(value)
    for i in range(5):
        for j in range(5):
            assert sums[i, j] == (value[j + 1 : i + 1].sum() if j <= i else -torch.inf)


@pytest.mark.parametrize("delta", [1e-6, 0.1, 3.0])
def test_zero_order_hold_solves_the_differential_equation(delta):
    """x' = A x + B u with u constant over delta, integrated in a million small steps."""
    A = torch.tensor([-2.0], dtype=torch.float64)
    log_decay, gain = discretize(torch.full((1, 1, 1), delta, dtype=torch.float64), A)
    h, steps = 0.7, 100_000
    for _ in range(steps):
        h += delta / steps * (-2.0 * h + 1.5)
    assert float(log_decay.exp() * 0.7 + gain * 1.5) == pytest.approx(h, rel=1e-4)


def test_one_direction_is_causal_and_both_are_not():
    torch.manual_seed(0)
    x = torch.randn(1, 70, 8, requires_grad=True)
    one, both = SelectiveScan(8, 2, 4), BidirectionalMamba(8, 2, 4)
    (grad,) = torch.autograd.grad(one(x)[0, 40].sum(), x)
    assert grad[0, 41:].abs().max() == 0 and float(grad[0, :41].abs().sum(-1).min()) > 0
    (grad,) = torch.autograd.grad(both(x)[0, 40].sum(), x)
    assert float(grad[0].abs().sum(-1).min()) > 0


def test_backward_is_forward_on_the_reversed_sequence():
    torch.manual_seed(0)
    block = BidirectionalMamba(8, 2, 4)
    swapped = BidirectionalMamba(8, 2, 4)
    state = block.state_dict()
    pairs = {"forward_scan": "backward_scan", "backward_scan": "forward_scan"}
    swapped.load_state_dict(
        {".".join([pairs.get(k.split(".")[0], k.split(".")[0]), *k.split(".")[1:]]): v for k, v in state.items()}
    )
    x = torch.randn(2, 50, 8)
    assert torch.allclose(block(x).flip(1), swapped(x.flip(1)), atol=1e-6)


def test_every_parameter_learns():
    torch.manual_seed(0)
    block = BidirectionalMamba(8, 2, 4)
    block(torch.randn(2, 50, 8)).square().mean().backward()
    for name, p in block.named_parameters():
        assert p.grad is not None and float(p.grad.abs().max()) > 0, name
