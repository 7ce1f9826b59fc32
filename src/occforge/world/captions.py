"""Sentences about a street: true ones, in many wordings, that mention some of its attributes.

A caption is a list of phrases, each of which states one or several attributes; the phrases are put in order and joined
in one of several forms. What a phrase states is carried beside its words, so a caption cannot claim what it does not
report. An attribute that is not in the returned dict is not spoken of.
"""

from collections.abc import Iterator

import numpy as np

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.world.layout import sample_wishes
from occforge.world.wording import (
    ADVERBIAL,
    BOTH_SIDES,
    CARLESS,
    DESERTED,
    LINKS,
    LISTS,
    NO_TRAFFIC,
    NUMBERS,
    OPENINGS,
    PERSON_NOUNS,
    PHRASES,
    PLAIN_ROADS,
    ROADS,
    SIDE_NOUNS,
    SIDE_PAIRS,
)

__all__ = ["caption", "sample_wishes"]

TYPO_SHARE = 0.03
MENTION_SHARES = (0.13, 0.27, 0.29, 0.20, 0.11)
"""How often a caption mentions one to five attributes."""


def _choose(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _sides(attributes: dict[str, str], rng: np.random.Generator) -> str:
    """One phrase for both sides."""
    if attributes["left"] == attributes["right"]:
        return _choose(rng, BOTH_SIDES).format(both=_choose(rng, SIDE_NOUNS[attributes["left"]]))
    left, right = (_choose(rng, SIDE_NOUNS[attributes[side]]) for side in ("left", "right"))
    return _choose(rng, SIDE_PAIRS).format(left=left, right=right)


def _persons(value: str, count: int | None, rng: np.random.Generator) -> str:
    """Persons by number: the true one, or if it is not known one that their attribute allows."""
    allowed = [n for n in NUMBERS if (n <= 3) == (value == "few")]
    number = count if count in allowed else int(rng.choice(allowed))
    return f"{_choose(rng, NUMBERS[number])} {_choose(rng, PERSON_NOUNS[min(number - 1, 1)])}"


def _phrases(
    attributes: dict[str, str], names: list[str], persons: int | None, rng: np.random.Generator
) -> Iterator[str]:
    """What is said of the attributes `names` but for the layout, in random order; the sides often together."""
    together = {"left", "right"} <= set(names) and rng.random() < 0.75
    deserted = (
        {"traffic", "persons"} <= set(names)
        and all(attributes[name] == "none" for name in ("traffic", "persons", "trucks", "bicycles"))
        and rng.random() < 0.4
    )
    carless = (
        not deserted
        and {"traffic", "parked"} <= set(names)
        and attributes["traffic"] == attributes["parked"] == "none"
        and rng.random() < 0.5
    )
    skip = {"layout"}
    skip |= {name for name, joint in (("right", together), ("persons", deserted), ("parked", carless)) if joint}
    rest = [name for name in names if name not in skip]
    quiet = attributes["trucks"] == attributes["bicycles"] == "none"
    for n in rng.permutation(len(rest)):
        name = rest[int(n)]
        value = attributes[name]
        if together and name == "left":
            yield _sides(attributes, rng)
        elif deserted and name == "traffic":
            yield _choose(rng, DESERTED)
        elif carless and name == "traffic":
            yield _choose(rng, CARLESS)
        elif name == "persons" and value != "none" and rng.random() < (0.35 if value == "few" else 0.15):
            yield _persons(value, persons, rng)
        elif name == "traffic" and value == "none" and not quiet:
            yield _choose(rng, tuple(words for words in PHRASES[name][value] if words not in NO_TRAFFIC))
        else:
            yield _choose(rng, PHRASES[name][value])


def _typo(text: str, rng: np.random.Generator) -> str:
    """Exchange two letters inside one longer word, or drop one."""
    words = text.split(" ")
    # The words that carry the meaning of a side or a number stay whole.
    long = [n for n, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if not long:
        return text
    n = long[int(rng.integers(len(long)))]
    word = words[n]
    i = int(rng.integers(1, len(word) - 2))
    words[n] = word[:i] + word[i + 1] + word[i] + word[i + 2 :] if rng.random() < 0.5 else word[:i] + word[i + 1 :]
    return " ".join(words)


def _sentence(subject: str, phrases: list[str], rng: np.random.Generator) -> str:
    """Subject and phrases as a sentence: 'a photo of a straight road with no people and fog'."""
    text = _choose(rng, OPENINGS) + subject
    for n, phrase in enumerate(phrases):
        own = phrase.startswith(ADVERBIAL)
        if n == 0:
            text += (" " if rng.random() < 0.5 else ", ") if own else _choose(rng, LINKS)
        elif n == len(phrases) - 1 and not own:
            text += _choose(rng, (" and ", ", ", ", and ", " plus ", ", also "))
        else:
            text += ", "
        text += phrase
    return text


def _sentences(subject: str, phrases: list[str], rng: np.random.Generator) -> str:
    """Several short sentences: 'A left bend. Cars parked on both sides. Fog.'"""
    parts = [subject, *phrases]
    heads = ("", "", "", "I see ", "You see ", "We see ")
    out = []
    for n, part in enumerate(parts):
        head = _choose(rng, heads) if n and not part.startswith(ADVERBIAL) else ""
        part = head + part
        out.append(part[0].upper() + part[1:])
    return ". ".join(out)


def _bare(phrase: str) -> str:
    for article in ("a ", "an ", "the "):
        if phrase.startswith(article):
            return phrase[len(article) :]
    return phrase


def _tags(subject: str, phrases: list[str], rng: np.random.Generator) -> str:
    """Telegraphic tags in any order: 'left bend, parked cars on both sides, rain'."""
    parts = [_bare(part) for part in (subject, *phrases) if part]
    parts = [parts[int(n)] for n in rng.permutation(len(parts))]
    return _choose(rng, (", ", ", ", "; ", " | ", " ", ",")).join(parts)


def caption(
    attributes: dict[str, str], rng: np.random.Generator, persons: int | None = None
) -> tuple[str, dict[str, str]]:
    """A caption that is true of `attributes`, and the one to five attributes that it mentions.

    `attributes` needs a value for every attribute (`Street.attributes`); raises `InputError` otherwise. `persons` is
    their number where it is known: a caption that counts them then says just this number, else one that fits.
    """
    for name, values in ATTRIBUTES.items():
        if attributes.get(name) not in values:
            raise InputError(
                f"caption: expected {name} to be one of {', '.join(values)}, got '{attributes.get(name)}'; "
                "pass a street's own attributes"
            )
    count = 1 + int(rng.choice(len(MENTION_SHARES), p=MENTION_SHARES))
    order = [list(ATTRIBUTES)[int(n)] for n in rng.permutation(len(ATTRIBUTES))]
    names = order[:count]
    # Sides are often named together, as people do.
    if count > 1 and ("left" in names) != ("right" in names) and rng.random() < 0.5:
        missing = "right" if "left" in names else "left"
        names = [n for n in names if n in ("left", "right")] + [n for n in names if n not in ("left", "right")]
        names = [*names[: count - 1], missing]
    phrases = list(_phrases(attributes, names, persons, rng))
    if "layout" in names:
        subject = _choose(rng, PHRASES["layout"][attributes["layout"]]).format(road=_choose(rng, ROADS))
    else:
        subject = _choose(rng, PLAIN_ROADS)
    form = rng.random()
    if form < 0.5:
        text = _sentence(subject, phrases, rng)
    elif form < 0.62:
        text = _sentences(subject, phrases, rng)
    elif form < 0.9 or not phrases:
        keep = "layout" in names or not phrases or rng.random() < 0.4
        text = _tags(subject if keep else "", phrases, rng)
    else:
        text = _choose(rng, OPENINGS) + _choose(rng, LISTS).join([*phrases, subject])
    if rng.random() < TYPO_SHARE:
        text = _typo(text, rng)
    case = rng.random()
    if case < 0.35:
        text = text[0].upper() + text[1:]
    elif case < 0.65:
        text = text.lower()
    elif case < 0.67:
        text = text.upper()
    if rng.random() < 0.4:
        text += "." if rng.random() < 0.93 else "!"
    return text, {name: attributes[name] for name in ATTRIBUTES if name in names}
