"""Captions of rooms vary, and say nothing that is not so."""

import re

import numpy as np
import pytest

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.errors import InputError
from occforge.world import room_captions
from occforge.world.captions import KIND_SHARES
from occforge.world.grammar import Known, make, makes
from occforge.world.room_captions import phrases, room_caption
from occforge.world.room_layout import sample_room_wishes
from occforge.world.room_wording import DESK_TABLE, SUBJECTS, TABLE

NEGATION = re.compile(r"\b(no|not|neither|without|free|zero|0|none|leave out|missing|windowless)\b")
NAMED = {"bed": "bed", "sofa": "sofa|couch|settee", "tables": "table|desk", "chairs": "chair|seat", "window": "window"}


def test_no_phrase_says_two_things() -> None:
    rng = np.random.default_rng(0)
    for claims, said in TABLE.items():
        for wordings in said.values():
            for text in {make(wordings[0].node, rng) for _ in range(12)}:
                known: Known = {}
                for other, kinds in (*TABLE.items(), *DESK_TABLE.items()):
                    for rules in kinds.values():
                        assert other == claims or not makes(rules[0].node, text, known), f"'{text}' says {other}"


def test_phrases_name_their_thing_and_negations_negate() -> None:
    rng = np.random.default_rng(1)
    for claims, said in (*TABLE.items(), *DESK_TABLE.items()):
        ((name, value),) = claims
        for wordings in said.values():
            for text in {make(wordings[0].node, rng) for _ in range(40)}:
                assert name not in NAMED or re.search(NAMED[name], text), text
                assert bool(NEGATION.search(text)) == (value == "none") or "not more than" in text, text
                if name == "window" and value in ("left", "right"):
                    other = "right" if value == "left" else "left"
                    assert re.search(rf"\b({value}|{value[0]}hs)", text) and other not in text, text


def test_captions_are_made_of_phrases_of_what_they_report(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[room_captions.Phrase] = []

    def listen(*args: object) -> list[room_captions.Phrase]:
        spoken[:] = phrases(*args)  # type: ignore[arg-type]
        return list(spoken)

    monkeypatch.setattr(room_captions, "phrases", listen)
    monkeypatch.setattr(room_captions, "TYPO_SHARE", 0.0)
    rng = np.random.default_rng(2)
    for _ in range(300):
        attributes = sample_room_wishes(rng)
        text, mentioned = room_caption(attributes, rng)
        assert mentioned.items() <= attributes.items() and 1 <= len(mentioned) <= 5
        assert {pair for p in spoken for pair in p.claims} == set(mentioned.items()) - {("room", attributes["room"])}
        said = re.sub(r"\ban? ", "", text.lower())
        for phrase in spoken:
            assert re.sub(r"^the |\ban? ", "", phrase.text.lower()) in said, (phrase, text)


def test_only_desks_are_called_desks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        attributes = sample_room_wishes(rng)
        for form in KIND_SHARES:
            (phrase,) = phrases(attributes, ["tables"], form, rng)
            meeting = attributes["room"] == "office" and attributes["chairs"] == "many"
            if attributes["tables"] != "none" and (meeting or attributes["room"] not in ("office", "bedroom")):
                assert "desk" not in phrase.text


def test_captions_vary_and_mention_everything() -> None:
    rng = np.random.default_rng(4)
    made = [room_caption(sample_room_wishes(rng), rng) for _ in range(1500)]
    assert len({text for text, _ in made}) > 1400
    seen = {pair for _, mentioned in made for pair in mentioned.items()}
    assert seen == {(name, value) for name, values in ROOM_ATTRIBUTES.items() for value in values}
    assert SUBJECTS.keys() == set(ROOM_ATTRIBUTES["room"])


def test_same_generator_same_captions() -> None:
    attributes = sample_room_wishes(np.random.default_rng(9))
    one, two = ([room_caption(attributes, rng) for _ in range(30)] for rng in map(np.random.default_rng, (10, 10)))
    assert one == two


def test_missing_attributes_are_explained() -> None:
    with pytest.raises(InputError, match="expected room"):
        room_caption({}, np.random.default_rng(0))
