import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from occforge.discrete.calibration import FACTORS, Calibration, best_factor


@given(st.floats(0.0, 1.0))
def test_the_default_changes_nothing(level):
    assert Calibration()(level) == 1.0


def test_factors_lie_on_lines_between_levels_and_stay_beyond():
    calibration = Calibration((0.1, 0.2, 0.4), (2.0, 1.5, 1.0))
    assert [calibration(x) for x in (0.0, 0.1, 0.15, 0.2, 0.3, 0.4, 1.0)] == pytest.approx(
        [2.0, 2.0, 1.75, 1.5, 1.25, 1.0, 1.0]
    )


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.7])
def test_the_factor_of_a_known_distribution_is_found(factor):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=generator) * 2.0
    truth = torch.multinomial((factor * logits).softmax(1), 1, generator=generator)[:, 0]
    assert best_factor(logits, truth) == pytest.approx(factor, abs=0.1)
    unknown = torch.where(torch.arange(20_000) % 3 == 0, 5, truth)
    assert best_factor(logits, unknown) == pytest.approx(factor, abs=0.1)
    assert FACTORS[0] < 1.0 < FACTORS[-1] and 1.0 in FACTORS


@pytest.mark.parametrize("sharpness", [0.1, 0.5, 1.0, 2.0, 9.0])
def test_halving_finds_what_trying_all_finds(sharpness):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2_000, 5, generator=generator)
    truth = torch.multinomial((sharpness * logits).softmax(1), 1, generator=generator)[:, 0]
    losses = torch.stack([F.cross_entropy(factor * logits, truth) for factor in FACTORS])
    assert best_factor(logits, truth) == FACTORS[int(losses.argmin())]
