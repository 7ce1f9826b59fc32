"""Sentences about a street: true ones, in many wordings, that mention some of its attributes.

A caption is a list of phrases, each of which claims one or several attributes; the phrases are put in order and joined
in one of several forms. What a phrase claims is carried beside its words, so a caption cannot claim what it does not
report. Of an attribute that is not in the returned dict nothing is claimed.
"""

import re
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.world.grammar import make
from occforge.world.layout import sample_wishes
from occforge.world.wording import FREE_OF_CLAIMS, GRAMMAR, JOINT, TABLE, Claims, Wording

__all__ = ["caption", "sample_wishes"]

TYPO_SHARE = 0.04
FILLER_SHARE = 0.22
SIDES_SHARE = 0.75
"""How often a caption that mentions both sides does so in one phrase."""
JOINT_SHARE = 0.3
"""How often it uses a phrase for several other attributes where there is one."""
MENTION_SHARES = (0.13, 0.27, 0.29, 0.20, 0.11)
"""How often a caption mentions one to five attributes."""
MOST_WORDS = 52
"""A caption that is longer is said again in tags, so that readers need not cut it."""

KIND_SHARES: dict[str, dict[str, float]] = {
    "sentence": {"noun": 0.46, "adverb": 0.2, "clause": 0.12, "adjective": 0.14, "counted": 0.08},
    "clauses": {"clause": 0.6, "noun": 0.2, "adverb": 0.12, "counted": 0.08},
    "tags": {"terse": 0.54, "noun": 0.26, "adverb": 0.1, "counted": 0.1},
}
"""Form of a caption -> the kinds of its phrases."""


T = TypeVar("T")


class Phrase(NamedTuple):
    """Words, their kind in the grammar, and what they claim."""

    text: str
    kind: str
    claims: Claims


def _choose(rng: np.random.Generator, things: Sequence[T]) -> T:
    return things[int(rng.random() * len(things))]


def _groups(attributes: dict[str, str], names: list[str], rng: np.random.Generator) -> list[Claims]:
    """The claims of each phrase, in random order: one attribute each, some of them together; the sides often."""
    pairs = {(name, attributes[name]) for name in names}
    rest = set(names)
    groups = []
    joint = [claims for claims in JOINT if claims <= pairs] if len(names) > 1 else []
    for claims in (joint[int(n)] for n in rng.permutation(len(joint))):
        together = {name for name, _ in claims}
        share = SIDES_SHARE if together == {"left", "right"} else JOINT_SHARE
        if together <= rest and rng.random() < share:
            groups.append(claims)
            rest -= together
    groups += [frozenset({(name, attributes[name])}) for name in names if name in rest]
    return [groups[int(n)] for n in rng.permutation(len(groups))]


def _say(
    claims: Claims, form: str, quiet: bool, persons: int | None, adjectives: bool, rng: np.random.Generator
) -> Phrase:
    """A phrase with just these claims, of a kind that suits the form."""

    def fits(wording: Wording) -> bool:
        if wording.when == "quiet":
            return quiet
        if wording.when == "loose":
            return persons is None
        return not wording.counts or persons is None or persons in wording.counts

    shares = KIND_SHARES[form]
    said = TABLE[claims]
    kinds = {
        kind: fitting
        for kind in shares
        if kind in said and (kind != "adjective" or adjectives) and (fitting := [w for w in said[kind] if fits(w)])
    }
    marks = list(accumulate(shares[kind] for kind in kinds))
    kind = list(kinds)[bisect(marks, rng.random() * marks[-1], 0, len(marks) - 1)]
    return Phrase(make(_choose(rng, kinds[kind]).node, rng), kind, claims)


def phrases(
    attributes: dict[str, str], names: list[str], form: str, persons: int | None, rng: np.random.Generator
) -> list[Phrase]:
    """What is said of the attributes `names`, in random order; at most two adjectives."""
    quiet = attributes["trucks"] == attributes["bicycles"] == "none"
    out: list[Phrase] = []
    for claims in _groups(attributes, names, rng):
        adjectives = sum(phrase.kind == "adjective" for phrase in out) < 2
        out.append(_say(claims, form, quiet, persons, adjectives, rng))
    return out


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


def _described(subject: str, adjectives: list[str]) -> str:
    """The subject with adjectives before it."""
    if not adjectives:
        return subject
    article, _, rest = subject.partition(" ")
    if article not in ("a", "the"):
        article, rest = "", subject
    if {"empty", "free"} & set(adjectives):
        # An empty street has nobody on it either; an empty road is one without traffic.
        rest = rest.replace("street scene", "road").replace("street", "road")
    return f"{article} {', '.join(adjectives)} {rest}".strip()


LINKS = {
    "noun": (" with ", ", ", ": ", " and ", ", with ", "; ", " - ", " featuring ", " that has ", ", having ", " plus "),
    "adverb": (" ", " ", ", "),
    "clause": (", ", "; ", ". ", ", and ", " where ", " and ", ": ", " - "),
}
LAST_LINKS = {
    "noun": (" and ", ", ", ", and ", " plus ", ", also ", " as well as ", ", with ", " & "),
    "adverb": (", ", " ", ", and "),
    "clause": (", ", "; ", ". ", ", and ", " and ", ", while "),
}


def _sentence(subject: str, said: list[Phrase], rng: np.random.Generator) -> str:
    """Subject and phrases as a sentence: 'a photo of a straight road with no people and fog'."""
    text = subject
    last = "subject"
    for n, phrase in enumerate(said):
        kind = "noun" if phrase.kind == "counted" else phrase.kind
        if last == "subject":
            link = _choose(rng, LINKS[kind])
        elif kind == "noun" and (n < len(said) - 1 or last == "adverb"):
            link = _choose(rng, (", ", ", ", ", with ") if last != "clause" else (". ", ", ", "; ", ", with "))
        else:
            link = _choose(rng, LAST_LINKS[kind])
        text += link + phrase.text
        last = kind
    return text


def _clauses(subject: str, said: list[Phrase], rng: np.random.Generator) -> str:
    """Several short sentences: 'A left bend. Cars are parked on both sides. Fog.'"""
    heads = ("", "", "", "", "I see ", "You see ", "We see ", "Add ", "With ", "There is ", "Also ")
    link = _choose(rng, (". ", ". ", "; ", ", ", " and "))
    parts = [subject] if subject else []
    for phrase in said:
        head = _choose(rng, heads) if phrase.kind in ("noun", "counted") else ""
        text = head + phrase.text
        parts.append(text[0].upper() + text[1:] if link == ". " else text)
    return link.join(parts)


def _bare(phrase: str) -> str:
    return phrase.removeprefix("a ").removeprefix("the ")


def _tags(parts: list[str], rng: np.random.Generator) -> str:
    """Telegraphic tags: 'left bend, parked cars on both sides, rain'."""
    separator = _choose(rng, (", ", ", ", ", ", "; ", " | ", " ", ",", " / ", ". ", " - ", " + ", " and "))
    return separator.join([_bare(part) for part in parts])


_AN = re.compile(r"\b([Aa])(?= (?:[aeiAEI]|o(?!ne)|u(?!ni|se)|HGV|X-|L-))")


def _filler(names: list[str], loose: bool, rng: np.random.Generator) -> str:
    """Words that claim nothing."""
    if loose and rng.random() < 0.45:
        open_names = [name for name in FREE_OF_CLAIMS if name not in names]
        if open_names and rng.random() < 0.2:
            return make(GRAMMAR.rule(f"any_{_choose(rng, tuple(open_names))}"), rng)
        return make(GRAMMAR.rule("detail"), rng)
    return make(GRAMMAR.rule("filler"), rng)


def _compose(
    attributes: dict[str, str], names: list[str], form: str, persons: int | None, rng: np.random.Generator
) -> tuple[str, list[Phrase]]:
    """A caption as it is said in a form, and its phrases."""
    said = phrases(attributes, names, form, persons, rng)
    layout = next((p for p in said if {name for name, _ in p.claims} == {"layout"}), None)
    rest = said
    subject = ""
    if form != "tags" and layout is not None and layout.kind == "noun":
        subject = layout.text
        rest = [p for p in said if p is not layout]
    elif form == "sentence" or rng.random() < 0.35:
        before = any(p.kind == "adjective" for p in said)
        subject = "a " + make(GRAMMAR.rule("plain_way"), rng) if before else make(GRAMMAR.rule("plain"), rng)
    filler = _filler(names, persons is None, rng) if rng.random() < FILLER_SHARE else ""
    if form == "tags":
        parts = ([subject] if subject else []) + [p.text for p in rest] + ([filler] if filler else [])
        order = rng.permutation(len(parts)) if rng.random() < 0.5 else range(len(parts))
        text = _tags([parts[int(n)] for n in order], rng)
        if rng.random() < 0.12:
            text = make(GRAMMAR.rule("opening"), rng) + _choose(rng, (": ", " ")) + text
        return text, said
    adjectives = [p.text for p in rest if p.kind == "adjective"]
    rest = [p for p in rest if p.kind != "adjective"]
    subject = _described(subject, adjectives) if subject else ""
    if form == "clauses":
        text = _clauses(subject, rest, rng)
    elif rest and all(p.kind in ("noun", "counted") for p in rest) and rng.random() < 0.15:
        # The street comes last.
        joined = _choose(rng, (", ", " and ", "; ", ", and ")).join(p.text for p in rest)
        if layout is None and not adjectives and rng.random() < 0.5:
            return f"{make(GRAMMAR.rule('wish'), rng)} {joined}", said
        text = joined + _choose(rng, (", ", " and ", " on ", " along ", " at ", " - ", ". ")) + subject
    else:
        text = _sentence(subject, rest, rng)
    if (form == "sentence" or subject) and rng.random() < 0.55:
        text = f"{make(GRAMMAR.rule('opening'), rng)} {text}"
    if filler:
        text = f"{text}{_choose(rng, (', ', ' ', '. ', ' - '))}{filler}" if rng.random() < 0.75 else f"{filler}: {text}"
    return text, said


def caption(
    attributes: dict[str, str], rng: np.random.Generator, persons: int | None = None
) -> tuple[str, dict[str, str]]:
    """A caption that is true of `attributes`, and the one to five attributes that it mentions.

    `attributes` needs a value for every attribute (`Street.attributes`); raises `InputError` otherwise. `persons` is
    their number where it is known: a caption that counts them then says just this number, else one that fits. Without
    it there is no street to be true of, and a caption may name what the attributes allow: a bus, two cars, a country.
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
    mark = rng.random()
    form = "sentence" if mark < 0.5 else "clauses" if mark < 0.68 else "tags"
    text, _ = _compose(attributes, names, form, persons, rng)
    if text.count(" ") > MOST_WORDS:
        text, _ = _compose(attributes, names, "tags", persons, rng)
    text = _AN.sub(r"\1n", text)
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
