"""Sentences about a room: true ones, in many wordings, that mention some of its attributes.

As for streets (`captions.py`, whose forms these are), a caption is a list of phrases, each with what it claims; the
kind of room is the sentence's subject. Of an attribute that is not in the returned dict nothing is claimed.
"""

import numpy as np

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.errors import InputError
from occforge.world.captions import (
    _AN,
    FILLER_SHARE,
    KIND_SHARES,
    TYPO_SHARE,
    Phrase,
    _choose,
    _clauses,
    _sentence,
    _tags,
    _typo,
)
from occforge.world.grammar import make
from occforge.world.room_wording import DESK_TABLE, GRAMMAR, SUBJECTS, TABLE
from occforge.world.wording import Claims, Wording

ROOM_SHARE = 0.8
"""How often a caption names the kind of room."""
MENTION_SHARES = (0.18, 0.34, 0.30, 0.18)
"""How often it mentions one to four of the other attributes."""


def _said(claims: Claims, attributes: dict[str, str]) -> dict[str, list[Wording]]:
    """The phrases that claim this of a room: desks are called desks as often as tables."""
    if claims in DESK_TABLE and _only_desks(attributes):
        plain, desks = TABLE[claims], DESK_TABLE[claims]
        return {kind: plain[kind] + desks[kind] for kind in plain}
    return TABLE[claims]


def _only_desks(attributes: dict[str, str]) -> bool:
    room = attributes["room"]
    return room == "bedroom" or (room == "office" and attributes["chairs"] != "many")


def phrases(attributes: dict[str, str], names: list[str], form: str, rng: np.random.Generator) -> list[Phrase]:
    """What is said of the attributes `names` (not the kind of room), in random order."""
    out = []
    for n in rng.permutation(len(names)):
        name = names[int(n)]
        claims = frozenset({(name, attributes[name])})
        said = _said(claims, attributes)
        kinds = [kind for kind in KIND_SHARES[form] if kind in said]
        shares = np.array([KIND_SHARES[form][kind] for kind in kinds])
        kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        out.append(Phrase(make(_choose(rng, said[kind]).node, rng), kind, claims))
    return out


def room_caption(attributes: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """A caption that is true of `attributes`, and the attributes that it mentions.

    `attributes` needs a value for every attribute of `ROOM_ATTRIBUTES` (`Room.attributes`); raises `InputError`
    otherwise.
    """
    for name, values in ROOM_ATTRIBUTES.items():
        if attributes.get(name) not in values:
            raise InputError(
                f"caption: expected {name} to be one of {', '.join(values)}, got '{attributes.get(name)}'; "
                "pass a room's own attributes"
            )
    names_room = bool(rng.random() < ROOM_SHARE)
    others = [name for name in ROOM_ATTRIBUTES if name != "room"]
    count = int(rng.choice(len(MENTION_SHARES), p=MENTION_SHARES)) + (0 if names_room and rng.random() < 0.15 else 1)
    names = [others[int(n)] for n in rng.permutation(len(others))[:count]]
    mark = rng.random()
    form = "sentence" if mark < 0.55 else "clauses" if mark < 0.72 else "tags"
    said = phrases(attributes, names, form, rng)
    subject = make(SUBJECTS[attributes["room"]].node if names_room else GRAMMAR.rule("plain"), rng)
    filler = make(GRAMMAR.rule("filler"), rng) if rng.random() < FILLER_SHARE else ""
    if form == "tags":
        head = [subject] if names_room or not said else []
        text = _tags(head + [p.text for p in said] + ([filler] if filler else []), rng)
    else:
        text = _clauses(subject, said, rng) if form == "clauses" else _sentence(subject, said, rng)
        if rng.random() < 0.5:
            text = f"{make(GRAMMAR.rule('opening'), rng)} {text}"
        if filler:
            text += _choose(rng, (", ", ". ", " - ")) + filler
    text = _AN.sub(r"\1n", text)
    if rng.random() < TYPO_SHARE:
        text = _typo(text, rng)
    case = rng.random()
    if case < 0.35:
        text = text[0].upper() + text[1:]
    elif case < 0.65:
        text = text.lower()
    if rng.random() < 0.4:
        text += "."
    mentioned = names + (["room"] if names_room else [])
    return text, {name: attributes[name] for name in ROOM_ATTRIBUTES if name in mentioned}
