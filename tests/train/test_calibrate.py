import pytest
import torch

from occforge.train import calibrate
from occforge.train.calibrate import LEVELS, PLAIN_FROM


class Timid:
    """Knows the truth's distribution, but shows its logits divided by a factor that falls with the noise."""

    def __init__(self, cells):
        self.cells, self.asked = cells, []

    def predict(self, step, slots, batch, seed, level):
        self.asked.append((step, len(slots), level))
        generator = torch.Generator().manual_seed(step)
        logits = 2.0 * torch.randn(self.cells, 5, generator=generator)
        truth = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
        return logits / (2.0 - 2.0 * level), truth


def test_the_lost_certainty_is_found():
    found = calibrate.calibrate(Timid(4000))
    assert found.levels == (*LEVELS, PLAIN_FROM) and found.factors[-1] == 1.0
    assert found.factors[:-1] == pytest.approx([2.0 - 2.0 * level for level in LEVELS], abs=0.11)


def test_a_part_of_many_cells_says_the_same(monkeypatch):
    whole = calibrate.calibrate(Timid(8000))
    monkeypatch.setattr(calibrate, "MOST_CELLS", 12_000)
    part = calibrate.calibrate(Timid(8000))
    assert part.factors == pytest.approx(whole.factors, abs=0.11)
    assert part == calibrate.calibrate(Timid(8000))
