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

__all__ = ["PHRASES", "SIDE_PAIRS", "caption", "sample_wishes"]

NO_TRAFFIC = ("no traffic", "no traffic at all", "without traffic", "an empty carriageway", "empty of traffic")
"""Said of a street on whose carriageway no truck drives either."""

DESERTED = (
    "a deserted scene", "no traffic and no people", "nobody and nothing on the road", "deserted and quiet",
    "empty of cars and people", "neither traffic nor pedestrians", "completely deserted",
)  # fmt: skip
"""Said of traffic and persons at once, where trucks and bicycles are missing too."""

LEFT_PHRASES: dict[str, tuple[str, ...]] = {
    "buildings": (
        "buildings on the left", "houses on the left", "a row of houses to the left", "houses along the left side",
        "facades on the left-hand side", "buildings to your left", "built up on the left", "homes on the left",
        "a building front on the left", "the left side lined with buildings", "houses on the left-hand side",
    ),
    "vegetation": (
        "trees on the left", "greenery on the left", "a row of trees to the left", "trees along the left side",
        "vegetation on the left-hand side", "woods to your left", "trees and bushes on the left",
        "trees or hedges on the left", "the left side lined with trees", "a forest on the left", "plants on the left",
        "trees to your left",
    ),
    "open": (
        "open land on the left", "an open field on the left", "fields to the left", "open ground along the left side",
        "a meadow on the left-hand side", "grass and open ground to your left", "open space on the left",
        "the left side open", "a free view to the left", "grassland on the left", "no houses or woods on the left",
    ),
}  # fmt: skip

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "layout": {
        "straight": (
            "a straight {road}", "a straight stretch of {road}", "a {road} that runs straight ahead",
            "a {road} going straight on", "a straight {road} without bends", "a dead straight {road}",
            "a {road} running straight", "a {road} with no bends or junctions",
        ),
        "left-curve": (
            "a {road} that bends to the left", "a left bend", "a left-hand curve", "a {road} curving left",
            "a {road} turning left", "a curve to the left", "a left turn of the {road}", "a {road} that curves to the left",
            "a bend to the left", "a left curve", "a {road} swinging left",
        ),
        "right-curve": (
            "a {road} that bends to the right", "a right bend", "a right-hand curve", "a {road} curving right",
            "a {road} turning right", "a curve to the right", "a right turn of the {road}",
            "a {road} that curves to the right", "a bend to the right", "a right curve", "a {road} swinging right",
        ),
        "t-junction": (
            "a T-junction", "a {road} with a side street", "a T junction", "a {road} with one side road",
            "a three-way junction", "a {road} where a side street joins", "a T-intersection", "a three-way intersection",
            "a {road} with a turning off it", "a side street branching off the {road}",
        ),
        "crossing": (
            "a crossroads", "an intersection", "a four-way intersection", "a crossing", "a road crossing",
            "a four-way junction", "an intersection of two streets", "two streets crossing", "a street crossing another",
            "a four-way crossing", "an intersection with streets on either side",
        ),
    },
    "parked": {
        "none": (
            "no parked cars", "no cars parked", "without parked cars", "nobody parked along the kerb", "an empty kerb",
            "free kerbs", "no vehicles parked at the side", "with no parked cars", "no cars at the kerb",
            "kerbs free of parked cars", "nothing parked at the roadside",
        ),
        "left": (
            "cars parked on the left", "parked cars on the left", "a row of parked cars on the left",
            "vehicles parked along the left kerb", "cars parked on the left-hand side", "a line of parked cars to the left",
            "the left kerb lined with cars", "parked cars to your left", "parked cars only on the left",
            "cars parked along the left side", "a parking lane with cars on the left", "the left side lined with parked cars",
        ),
        "right": (
            "cars parked on the right", "parked cars on the right", "a row of parked cars on the right",
            "vehicles parked along the right kerb", "cars parked on the right-hand side",
            "a line of parked cars to the right", "the right kerb lined with cars", "parked cars to your right",
            "parked cars only on the right", "cars parked along the right side", "a parking lane with cars on the right",
            "the right side lined with parked cars",
        ),
        "both": (
            "cars parked on both sides", "parked cars on both sides", "rows of parked cars on either side",
            "vehicles parked along both kerbs", "cars parked left and right", "both kerbs lined with cars",
            "parked cars on the left and right", "parked vehicles on either side", "cars parked along both sides",
            "parking lanes with cars on both sides", "parked cars on the left and on the right",
            "kerbs lined with parked cars on both sides",
        ),
    },
    "traffic": {
        "none": (
            "no moving cars", "no cars driving", "no cars on the road", "without car traffic", "no cars in the lanes",
            "a road free of cars", "without any cars driving", "no car traffic", "not one car driving", *NO_TRAFFIC,
        ),
        "few": (
            "little traffic", "light traffic", "a car or two on the road", "few moving cars", "few cars on the road",
            "a little traffic", "hardly any traffic", "a few cars driving", "one or two cars on the road", "quiet traffic",
            "sparse traffic", "not much traffic",
        ),
        "many": (
            "heavy traffic", "busy traffic", "a lot of traffic", "many cars on the road", "many moving cars",
            "dense traffic", "lots of cars driving", "plenty of traffic", "a busy carriageway", "much traffic",
            "several cars on the road", "a stream of cars", "lanes full of cars",
        ),
    },
    "persons": {
        "none": (
            "no people", "no pedestrians", "no persons", "without pedestrians", "nobody on foot", "nobody around",
            "no one walking", "without people", "empty sidewalks", "no people in sight", "no walkers", "free of pedestrians",
        ),
        "few": (
            "a few people", "a few pedestrians", "a pedestrian or two", "few pedestrians", "one or two people",
            "some pedestrians", "a couple of people", "a few persons walking", "a few walkers", "a few passers-by",
            "one to three pedestrians", "some people on foot", "a handful of people",
        ),
        "many": (
            "many people", "many pedestrians", "a crowd of people", "crowded sidewalks", "lots of people",
            "a lot of pedestrians", "plenty of walkers", "many persons on the sidewalks", "lots of folks walking",
            "numerous pedestrians", "busy sidewalks", "people everywhere", "a crowd", "more than five pedestrians",
        ),
    },
    "left": LEFT_PHRASES,
    "right": {
        value: tuple(words.replace("left", "right") for words in phrases) for value, phrases in LEFT_PHRASES.items()
    },
    "weather": {
        "clear": (
            "clear weather", "sunny weather", "a clear day", "bright sunshine", "a blue sky", "sunshine", "a sunny day",
            "a cloudless sky", "on a clear day", "under a blue sky", "in bright sunlight", "in fine weather",
        ),
        "overcast": (
            "overcast weather", "a cloudy sky", "an overcast sky", "grey weather", "clouds", "a cloudy day",
            "on an overcast day", "under a grey sky", "dull light", "on a cloudy day", "in overcast weather",
        ),
        "fog": (
            "fog", "mist", "foggy weather", "dense fog", "in the fog", "on a foggy day", "in misty weather", "haze",
            "a foggy morning", "low visibility in fog", "in thick fog",
        ),
        "rain": (
            "rain", "rainy weather", "wet weather", "a rainy day", "in the rain", "on a rainy day", "a wet road",
            "pouring rain", "while it rains", "in wet weather", "rain falling",
        ),
        "sunset": (
            "sunset", "evening light", "at sunset", "a low sun", "golden evening light", "at dusk", "in the evening",
            "a red evening sky", "the sun setting", "during sunset", "in the evening sun",
        ),
    },
    "bicycles": {
        "none": (
            "no bicycles", "no bikes", "without bicycles", "no cyclists", "without cyclists or bicycles",
            "no bikes anywhere", "not a bike in sight", "without bikes",
        ),
        "some": (
            "bicycles", "bikes", "some bicycles", "a bike or more", "a bicycle", "cyclists or bicycles", "some bikes",
            "a bike", "at least one bicycle", "one or more bicycles", "bicycles around",
        ),
    },
    "trucks": {
        "none": (
            "no trucks", "no lorries", "without trucks or buses", "no trucks, buses or vans", "without lorries",
            "no large vehicles", "no truck in sight", "no vans or trucks", "no big vehicles",
        ),
        "some": (
            "a truck", "a lorry or van", "a large vehicle", "a truck or bus", "trucks", "a van or truck", "some trucks",
            "a bus, van or truck", "at least one truck", "lorries", "a big vehicle", "a heavy vehicle",
        ),
    },
}  # fmt: skip
"""Attribute -> value -> what one can say of it; `{road}` stands for one of `ROADS`."""

SIDE_NOUNS: dict[str, tuple[str, ...]] = {
    "buildings": ("houses", "buildings", "facades", "homes", "rows of houses"),
    "vegetation": ("trees", "greenery", "vegetation", "trees or hedges", "woods", "trees and bushes"),
    "open": ("fields", "open land", "meadows", "open space", "grassland", "open ground"),
}

SIDE_PAIRS: tuple[str, ...] = (
    "{left} on the left and {right} on the right", "{right} on the right and {left} on the left",
    "{left} left, {right} right", "{right} right, {left} left", "{left} to the left, {right} to the right",
    "{right} to the right, {left} to the left", "between {left} on the left and {right} on the right",
    "{left} on the left-hand side, {right} on the right-hand side", "{left} to your left and {right} to your right",
    "on the left {left}, on the right {right}", "left: {left}, right: {right}",
)  # fmt: skip
BOTH_SIDES: tuple[str, ...] = (
    "{both} on both sides", "{both} on either side", "{both} left and right", "{both} along both sides",
    "lined with {both} on both sides", "{both} on the left and on the right", "{both} to the left and right",
    "both sides with {both}", "between {both} on both sides", "{both} on each side",
)  # fmt: skip

ROADS = ("road", "street", "street", "roadway")
PLAIN_ROADS = (
    "a street",
    "a road",
    "a street scene",
    "a road scene",
    "a roadway",
    "a street view",
    "a drive along a road",
)
NUMBERS: dict[int, tuple[str, ...]] = {
    1: ("one", "1", "a single", "just one"), 2: ("two", "2", "just two"), 3: ("three", "3"), 5: ("five", "5"),
    6: ("six", "6"), 7: ("seven", "7"), 8: ("eight", "8"), 9: ("nine", "9"),
}  # fmt: skip
PERSON_NOUNS = (("pedestrian", "person", "passer-by", "walker"), ("pedestrians", "people", "persons", "walkers"))
OPENINGS = (
    "", "", "", "", "a photo of ", "a picture of ", "an image of ", "a view of ", "a scene with ", "generate ", "make me ",
    "I want ", "I'd like ", "show me ", "please make ", "create ", "draw ", "give me ", "a driver's view of ", "here is ",
    "3D scene of ", "a car's view of ", "we see ", "imagine ", "there is ",
)  # fmt: skip
LINKS = (" with ", ", ", ": ", " and ", ", with ", "; ", " - ", " featuring ", " that has ")
LISTS = (", ", ", ", ", ", "; ", " and ", " / ", ", and ", " with ", " plus ", ". ")

# Phrases that read wrongly after "with": they carry their own preposition.
ADVERBIAL = (
    "on a", "under", "in ", "at ", "while", "during", "between", "with", "lined", "built",
    "free of", "not ", "on the", "empty of", "deserted", "completely", "left:", "right:",
)  # fmt: skip

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
    skip = {"layout"} | ({"right"} if together else set()) | ({"persons"} if deserted else set())
    rest = [name for name in names if name not in skip]
    for n in rng.permutation(len(rest)):
        name = rest[int(n)]
        value = attributes[name]
        if together and name == "left":
            yield _sides(attributes, rng)
        elif deserted and name == "traffic":
            yield _choose(rng, DESERTED)
        elif name == "persons" and value != "none" and rng.random() < (0.35 if value == "few" else 0.15):
            yield _persons(value, persons, rng)
        elif name == "traffic" and value == "none" and attributes["trucks"] != "none":
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
