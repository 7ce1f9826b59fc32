"""The diffusion of pictures: its closed form against its chain, and three predictions that mean one thing."""

import pytest
import torch

from occforge.latent.objective import LEAST_NOISE, Diffusion, held_to_less

KINDS = ("epsilon", "sample", "v_prediction")


@pytest.mark.parametrize("schedule", ["cosine", "scaled_linear"])
def test_from_almost_all_to_almost_nothing(schedule):
    alpha_bar = Diffusion(1000, schedule).alpha_bar_T
    assert bool((alpha_bar[1:] < alpha_bar[:-1]).all()) and float(alpha_bar[0]) > 0.999 and float(alpha_bar[-1]) < 0.005


def test_stable_diffusions_schedule_to_its_published_ends():
    beta = Diffusion(1000, "scaled_linear").beta_T
    assert float(beta[0]) == pytest.approx(0.00085) and float(beta[-1]) == pytest.approx(0.012)


def test_the_closed_form_is_the_chain_of_single_steps():
    """Mean and variance of y_t after t + 1 steps of q(y_t given y_(t-1)), carried along exactly."""
    diffusion = Diffusion(50)
    scale, variance = 1.0, 0.0
    for t, beta in enumerate(diffusion.beta_T.tolist()):
        scale, variance = scale * (1.0 - beta) ** 0.5, (1.0 - beta) * variance + beta
        alpha_bar = float(diffusion.alpha_bar_T[t])
        assert scale == pytest.approx(alpha_bar**0.5) and variance == pytest.approx(1.0 - alpha_bar)


def given(seed=0):
    g = torch.Generator().manual_seed(seed)
    y_0, noise = torch.randn(2, 5, 3, 4, 6, generator=g, dtype=torch.float64)
    return y_0, noise, torch.tensor([0, 10, 500, 900, 999])


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_network_is_understood_and_costs_nothing(kind):
    diffusion, (y_0, noise, t) = Diffusion(prediction=kind), given()
    y_t, output = diffusion.noised(y_0, noise, t), diffusion.target(y_0, noise, t)
    far = diffusion.alpha_bar(t, y_0) > 1e-6  # where nothing of the picture is left the noise does not tell it
    assert torch.allclose(torch.where(far, diffusion.clean(output, y_t, t), y_0), y_0, atol=1e-4)
    assert float(diffusion.reconstruction_loss_B(output, y_0, noise, t).max()) == 0.0
    assert torch.allclose(diffusion.output_for(y_0, y_t, t), output, atol=1e-4)


def test_an_error_costs_the_same_as_picture_and_as_velocity():
    """One wrong picture, said in both ways."""
    y_0, noise, t = given()
    wrong = y_0 + 0.1
    picture, velocity = Diffusion(), Diffusion(prediction="v_prediction")
    y_t = picture.noised(y_0, noise, t)
    alpha_bar = picture.alpha_bar(t, y_0)
    implied_noise = (y_t - alpha_bar.sqrt() * wrong) / (1.0 - alpha_bar).sqrt()
    said = velocity.target(wrong, implied_noise, t)
    one = picture.reconstruction_loss_B(wrong, y_0, noise, t)
    two = velocity.reconstruction_loss_B(said, y_0, noise, t)
    enough = (1.0 - alpha_bar.flatten()).sqrt() > LEAST_NOISE
    assert torch.allclose(one[enough], two[enough], rtol=1e-4) and bool((one <= two * (1 + 1e-4)).all())
    assert int(enough.sum()) == 3


def test_perception_counts_less_where_there_is_more_noise():
    value = torch.randn(3, 2, 4, requires_grad=True)
    held = held_to_less(value, torch.tensor([1.0, 0.25, 0.0], dtype=torch.float64))
    assert torch.equal(held, value)
    (gradient,) = torch.autograd.grad(held.square().sum(), value)
    torch.testing.assert_close(gradient, 2 * value.detach() * torch.tensor([1.0, 0.5, 0.0])[:, None, None])
    assert not held_to_less(value.detach(), torch.ones(3)).requires_grad
