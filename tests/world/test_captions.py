"""Captions vary, and say nothing that is not so: every phrase in them is found again and compared."""

import itertools
import re

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.world import captions, wording
from occforge.world.captions import caption
from occforge.world.layout import sample_wishes

Claim = frozenset[tuple[str, str]]


def bare(phrase: str) -> str:
    for article in ("a ", "an ", "the "):
        phrase = phrase.removeprefix(article)
    return phrase


def claims() -> dict[str, Claim]:
    """Each phrase that a caption can hold, and what it says."""
    said: dict[str, Claim] = {}

    def add(phrase: str, *pairs: tuple[str, str]) -> None:
        for form in (phrase.lower(), bare(phrase.lower())):
            assert said.setdefault(form, frozenset(pairs)) == frozenset(pairs), f"'{form}' says two things"

    for name, values in wording.PHRASES.items():
        for value, phrases in values.items():
            for phrase in phrases:
                for road in wording.ROADS:
                    add(phrase.format(road=road), (name, value))
    for left, right in itertools.product(ATTRIBUTES["left"], ATTRIBUTES["right"]):
        for a, b in itertools.product(wording.SIDE_NOUNS[left], wording.SIDE_NOUNS[right]):
            for pair in wording.SIDE_PAIRS:
                add(pair.format(left=a, right=b), ("left", left), ("right", right))
    for value, nouns in wording.SIDE_NOUNS.items():
        for noun, both in itertools.product(nouns, wording.BOTH_SIDES):
            add(both.format(both=noun), ("left", value), ("right", value))
    for phrase in wording.DESERTED:
        add(phrase, ("traffic", "none"), ("persons", "none"))
    for phrase in wording.CARLESS:
        add(phrase, ("traffic", "none"), ("parked", "none"))
    for number, words in wording.NUMBERS.items():
        for word, noun in itertools.product(words, wording.PERSON_NOUNS[min(number - 1, 1)]):
            add(f"{word} {noun}", ("persons", "few" if number <= 3 else "many"))
    return said


def read(text: str, said: dict[str, Claim], longest: int) -> set[tuple[str, str]]:
    """What a caption says: from left to right the longest phrase that begins at each word."""
    text = text.lower()
    found: set[tuple[str, str]] = set()
    i = 0
    while i < len(text):
        starts = i == 0 or not text[i - 1].isalnum()
        for end in range(min(len(text), i + longest), i, -1) if starts else ():
            if text[i:end] in said and (end == len(text) or not text[end].isalnum()):
                found |= said[text[i:end]]
                i = end
                break
        else:
            i += 1
    return found


def test_captions_are_true_and_report_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "TYPO_SHARE", 0.0)
    said = claims()
    longest = max(map(len, said))
    rng = np.random.default_rng(1)
    whole = 0
    for _ in range(1500):
        attributes = sample_wishes(rng)
        text, mentioned = caption(attributes, rng)
        assert mentioned.items() <= attributes.items()
        assert 1 <= len(mentioned) <= 5
        found = read(text, said, longest)
        assert found <= set(mentioned.items()), text
        whole += found == set(mentioned.items())
    assert whole > 0.98 * 1500


def test_captions_vary() -> None:
    rng = np.random.default_rng(2)
    texts = {caption(sample_wishes(rng), rng)[0] for _ in range(2000)}
    assert len(texts) > 1900
    street = sample_wishes(np.random.default_rng(3))
    assert len({caption(street, rng)[0] for _ in range(2000)}) > 1600


def test_every_value_is_mentioned() -> None:
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(1500):
        seen |= set(caption(sample_wishes(rng), rng)[1].items())
    assert seen == {(name, value) for name, values in ATTRIBUTES.items() for value in values}


def test_counts_of_persons_are_the_given_ones() -> None:
    rng = np.random.default_rng(5)
    attributes = sample_wishes(rng, {"persons": "few"})
    wrong = [f"{w} {n}" for k in (1, 3) for w in wording.NUMBERS[k] for n in wording.PERSON_NOUNS[min(k - 1, 1)]]
    for _ in range(800):
        text, _ = caption(attributes, rng, persons=2)
        spoken = re.sub("(one|up) to three", "", text.lower())
        assert not any(re.search(rf"\b{words}\b", spoken) for words in wrong), text


def test_same_generator_same_captions() -> None:
    attributes = sample_wishes(np.random.default_rng(6))
    one, two = ([caption(attributes, rng) for _ in range(50)] for rng in map(np.random.default_rng, (7, 7)))
    assert one == two


def test_missing_attributes_are_explained() -> None:
    with pytest.raises(InputError, match="expected layout"):
        caption({}, np.random.default_rng(0))
