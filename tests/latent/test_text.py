"""Requests as words."""

import torch

from occforge.core.attributes import ATTRIBUTES
from occforge.discrete.text import ATTRIBUTE_VALUES, request_BA
from occforge.latent.text import RequestWords

COUNTS = tuple(len(values) for values in ATTRIBUTE_VALUES.values())


def test_a_word_depends_on_its_own_attribute():
    torch.manual_seed(0)
    words = RequestWords(COUNTS, 8)
    one = words(request_BA([{"parked": "left", "weather": "rain"}]))
    two = words(request_BA([{"parked": "right", "weather": "rain"}]))
    assert one.shape == (1, len(ATTRIBUTES), 8)
    changed = (one != two).any(-1)[0].tolist()
    assert [name for name, moved in zip(ATTRIBUTES, changed, strict=True) if moved] == ["parked"]


def test_nothing_is_the_request_that_says_nothing():
    words = RequestWords(COUNTS, 8)
    assert torch.equal(words.nothing(2), request_BA([{}, {}]))
