"""Captions vary, and say nothing that is not so: each phrase is made by the rules of just what it reports."""

import re

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.discrete.text import MAX_WORDS, split_words
from occforge.world import captions
from occforge.world.captions import KIND_SHARES, caption, phrases
from occforge.world.grammar import Known, Node, derivations, make, makes
from occforge.world.layout import sample_wishes
from occforge.world.wording import TABLE, Claims
from occforge.world.wording_persons import COUNTS


def nodes_of(claims: Claims, when: tuple[str, ...] = ("", "quiet", "loose")) -> list[Node]:
    return [w.node for wordings in TABLE[claims].values() for w in wordings if w.when in when]


@pytest.mark.parametrize("share", [0.04, pytest.param(1.0, marks=pytest.mark.slow)])
def test_no_phrase_says_two_things(share: float) -> None:
    """A phrase is never made by the rules of a claim that it does not report."""
    rng = np.random.default_rng(0)
    single = [(claims, node) for claims in TABLE if len(claims) == 1 for node in nodes_of(claims)]
    for claims in TABLE:
        for node in nodes_of(claims):
            for _ in range(int(share * (3 if len(claims) == 1 else 1) + rng.random())):
                text = make(node, rng)
                known: Known = {}
                for other, rule in single:
                    assert other <= claims or not makes(rule, text, known), f"'{text}' of {claims} says {other}"


def test_sides_are_named_and_negations_negate() -> None:
    """Words that no phrase of a claim can do without, or with."""
    rng = np.random.default_rng(1)
    left = re.compile(r"\b(left\w*|L|lhs|port)\b")
    right = re.compile(r"\b(right\w*|R|rhs|starboard)\b")
    negation = re.compile(
        r"\b(no|not|none|nobody|nothing|never|neither|without|free|empty|zero|0|nowhere|absen\w+|missing|deserted|devoid"
        r"|leave out|remove|omit|exclude|skip|avoid|get rid|keep .*out|w/o|don't|do not|clear|vacant|unoccupied|unused"
        r"|ourselves|all ours|forbidden|\w+-free)\b"
    )
    one_sided = {"left", "right"}
    for claims, said in TABLE.items():
        if len(claims) > 1:
            continue
        ((name, value),) = claims
        for wording in (w for wordings in said.values() for w in wordings):
            for text in {make(wording.node, rng) for _ in range(60)}:
                if name in one_sided or value in one_sided or "curve" in value:
                    side = name if name in one_sided else value.split("-")[0]
                    mine, other = (left, right) if side == "left" else (right, left)
                    assert mine.search(text), text
                    # "Not on the right" goes with cars parked on the left.
                    assert not other.search(text) or (
                        name == "parked" and re.search("not|none|no |free|clear|empty", text)
                    )
                if value == "none":
                    assert negation.search(text), text
                if name == "parked" and value == "both":
                    assert re.search(r"\b(both|either|each)\b|left|between|L\+R|flanked", text), text


def test_captions_are_made_of_phrases_of_what_they_report(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[captions.Phrase] = []

    def listen(*args: object) -> list[captions.Phrase]:
        spoken[:] = phrases(*args)  # type: ignore[arg-type]
        return list(spoken)

    monkeypatch.setattr(captions, "phrases", listen)
    monkeypatch.setattr(captions, "TYPO_SHARE", 0.0)
    rng = np.random.default_rng(2)
    for _ in range(500):
        attributes = sample_wishes(rng)
        text, mentioned = caption(attributes, rng)
        assert mentioned.items() <= attributes.items()
        assert 1 <= len(mentioned) <= 5
        assert {pair for phrase in spoken for pair in phrase.claims} == set(mentioned.items())
        said = re.sub(r"\ban? ", "", text.lower())
        for phrase in spoken:
            assert any(makes(node, phrase.text) for node in nodes_of(phrase.claims)), phrase
            assert re.sub(r"^the |\ban? ", "", phrase.text.lower()) in said, (phrase, text)


def test_captions_of_a_street_claim_nothing_that_it_need_not_show() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        attributes = sample_wishes(rng, {"traffic": "none"})
        still = attributes["trucks"] == attributes["bicycles"] == "none"
        count = {"none": 0, "few": 2, "many": 7}[attributes["persons"]]
        allowed = ("", "quiet") if still else ("",)
        for form in KIND_SHARES:
            for phrase in phrases(attributes, list(ATTRIBUTES), form, count, rng):
                assert any(makes(node, phrase.text) for node in nodes_of(phrase.claims, allowed)), phrase


def test_captions_vary() -> None:
    rng = np.random.default_rng(4)
    texts = {caption(sample_wishes(rng), rng)[0] for _ in range(2000)}
    assert len(texts) > 1950
    street = sample_wishes(np.random.default_rng(5))
    assert len({caption(street, rng)[0] for _ in range(2000)}) > 1900
    for name, values in ATTRIBUTES.items():
        for value in values:
            said = TABLE[frozenset({(name, value)})]
            assert sum(derivations(w.node) for wordings in said.values() for w in wordings) > 200, (name, value)


def test_captions_fit_into_what_readers_read() -> None:
    rng = np.random.default_rng(6)
    assert all(len(split_words(caption(sample_wishes(rng), rng)[0])) <= MAX_WORDS for _ in range(2000))


def test_every_value_is_mentioned() -> None:
    rng = np.random.default_rng(7)
    seen = set()
    for _ in range(1500):
        seen |= set(caption(sample_wishes(rng), rng)[1].items())
    assert seen == {(name, value) for name, values in ATTRIBUTES.items() for value in values}


def test_counts_of_persons_are_the_given_ones() -> None:
    rng = np.random.default_rng(8)
    captions_of = [TABLE[frozenset({("persons", value)})]["counted"] for value in ("few", "many")]
    for value, wordings in zip(("few", "many"), captions_of, strict=True):
        assert {w.counts for w in wordings} == set(COUNTS[value])
        attributes = sample_wishes(rng, {"persons": value})
        for count in {n for counts in COUNTS[value] for n in counts}:
            wrong = [w.node for w in wordings if count not in w.counts]
            for _ in range(60):
                (phrase,) = phrases(attributes, ["persons"], "tags", count, rng)
                assert not any(makes(node, phrase.text) for node in wrong), phrase


def test_same_generator_same_captions() -> None:
    attributes = sample_wishes(np.random.default_rng(9))
    one, two = ([caption(attributes, rng) for _ in range(50)] for rng in map(np.random.default_rng, (10, 10)))
    assert one == two


def test_missing_attributes_are_explained() -> None:
    with pytest.raises(InputError, match="expected layout"):
        caption({}, np.random.default_rng(0))
