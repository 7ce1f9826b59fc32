"""What captions say of several attributes at once, besides the two sides of the street."""

from itertools import combinations

from occforge.world.wording_sides import THINGS

CARLESS: dict[str, str] = {
    "noun": """
        no cars [{seen}] | no car [{seen}] | not a single car [{seen}] | zero cars
        | no cars, neither (parked nor moving | driving nor parked) | no (moving or parked | parked or moving) cars
        | a complete absence of cars | neither parked nor moving cars
    """,
    "adverb": """
        without [any] cars [{seen}] | free of cars | with no cars [{seen}] | without a single car | devoid of cars
    """,
    "clause": """
        there are no cars [{seen}] | there is not a [single] car [{seen}] | no cars are (around | there | to be seen)
        | cars are absent | I (do not | don't) want [any] cars | no cars (drive or park | park or drive) here
    """,
    "adjective": "car-free | carless",
    "terse": "no cars | 0 cars | cars: (none | 0 | no) | zero cars | car-free | no car",
}
"""Of traffic and parked cars at once."""

DESERTED: dict[str, str] = {
    "noun": """
        a deserted scene | no traffic and no {people} | neither traffic nor {people} | no {people} and no traffic
        | nobody and nothing on the road | no (life | sign of life) [{seen}] | no cars driving and nobody walking
    """,
    "adverb": """
        [completely] deserted | empty of (traffic | moving cars) and {people} | without traffic or {people}
        | without {people} or traffic | with neither traffic nor {people} | with nobody and nothing on it
        | devoid of traffic and {people}
    """,
    "clause": """
        the {way} is [completely | totally] deserted | (nothing and nobody | nobody and nothing) moves
        | there is neither traffic nor {people} | there is no traffic and there are no {people}
        | no one is driving or walking | it is deserted
    """,
    "adjective": "deserted",
    "terse": """
        deserted | no traffic, no {people} | no {people}, no traffic | no traffic no {people} | nobody and no traffic
        | ghost town
    """,
}
"""Of traffic and persons at once, where trucks and bicycles are missing too."""

ABSENT: dict[str, str] = {
    "persons": "{people} | {people} | people on foot",
    "bicycles": "{bikes} | {bikes} | cyclists",
    "trucks": "{trucks} | {trucks} | {big} vehicles",
    "traffic": "{moving} cars | driving cars | cars driving | cars on the road",
    "parked": "parked {cars} | parked cars",
}
"""Attribute -> what is missing where its value is "none"."""


def absent(names: tuple[str, ...]) -> dict[str, str]:
    """Phrases that several things are missing; call it with every order of the names."""
    things = [f"({ABSENT[name]})" for name in names]
    head, last = ", ".join(things[:-1]), things[-1]
    comma = " | , or | , nor" if len(names) > 2 else ""
    joined = f"{head} (or{comma}) {last}"
    repeated = " and ".join(f"no {thing}" for thing in things)
    commas = ", ".join(f"no {thing}" for thing in things)
    return {
        "noun": f"""
            (no | zero) {joined} [{{seen}}] | {repeated} | {commas} | neither {" nor ".join(things)}
            | no {head} and no {last}
        """,
        "adverb": f"""
            without [any] {joined} | free of {head} and {last} | with (no {joined} | neither {" nor ".join(things)})
        """,
        "clause": f"""
            there are no {joined} [{{seen}}] | there are neither {" nor ".join(things)}
            | {head} and {last} are (absent | missing) | leave out {head} and {last}
            | I (do not | don't) want [any] {joined}
        """,
        "terse": f"""
            no {joined} | {commas} | {head} and {last}: none | {" ".join(f"no {thing}" for thing in things)}
            | no {"/".join(things)}
        """,
    }


def amount(word: str) -> dict[str, str]:
    """Moving cars and people in equal amount; `word` is "few" or "many"."""
    pair = "([{moving}] cars {on_road} and {people} | {people} and {moving} cars | {moving} cars and {people})"
    much = "{little} traffic and {few} {people}" if word == "few" else "{heavy} traffic and {many} {people}"
    return {
        "noun": f"{{{word}}} {pair} | {much} | {{{word}}} {{people}} and {{{word}}} {{moving}} cars",
        "adverb": f"with {{{word}}} {pair} | with {much}",
        "clause": f"there are {{{word}}} {pair} | there is {much}",
    }


_MOVING = {
    "none": "none [of them | at all] (driving | moving | in motion | on the move)",
    "few": """
        (only | just) [a single | a] (one | one or two | two) [actually] (driving | moving | in motion | on the move)
        | a single one (driving | moving) | one {moving} [one] | two {moving} [ones]
    """,
    "many": "{many} (driving | moving | in motion | on the move) | {many} {moving} ones",
}


def parked_and_moving(where: str, traffic: str) -> dict[str, str]:
    """Cars parked `where`, and in the same breath how many drive."""
    link = "(and | , | but | , and | , but | while | plus)"
    return {
        "noun": f"""
            {{parked_cars}} {where} {link} ({_MOVING[traffic]}) | {{cars}} parked {where} {link} ({_MOVING[traffic]})
        """,
        "clause": f"{{cars}} are parked {where} {link} ({_MOVING[traffic]})",
        "terse": f"{{cars}} parked {where}, ({_MOVING[traffic]}) | parked {{cars}} {where}, ({_MOVING[traffic]})",
        "adverb": f"with {{cars}} parked {where} {link} ({_MOVING[traffic]})",
    }


def parked_beside(value: str) -> dict[str, str]:
    """Cars parked on the left only, and what stands there."""
    things = f"({THINGS[value]})"
    return {
        "noun": f"""
            {{parked_cars}} (and | in front of | before) {things} {{at_left}}
            | {things} and {{parked_cars}} {{at_left}} | {things} behind [a row of] parked {{cars}} {{at_left}}
            | a left side with {things} and parked {{cars}}
        """,
        "adverb": f"""
            with {{parked_cars}} and {things} {{at_left}} | {{at_left}} {things} and {{parked_cars}}
            | with {things} and {{parked_cars}} {{at_left}}
        """,
        "clause": f"""
            {{the_left}} {{has}} {things} and parked {{cars}} | there are {{parked_cars}} and {things} {{at_left}}
            | {{cars}} are parked in front of {things} {{at_left}} | {{at_left}} we see {things} and {{parked_cars}}
        """,
        "terse": f"""
            left {things} and parked {{cars}} | left: {things}, parked {{cars}} | {things} + parked {{cars}} left
            | left: parked {{cars}}, {things}
        """,
    }


def parked_both_beside(value: str) -> dict[str, str]:
    """Cars parked on both sides, and what stands on both."""
    things = f"({THINGS[value]})"
    return {
        "noun": f"""
            {{parked_cars}} and {things} {{at_both}} | {things} and {{parked_cars}} {{at_both}}
            | {things} behind parked {{cars}} {{at_both}}
        """,
        "adverb": f"""
            with {{parked_cars}} and {things} {{at_both}} | lined with parked {{cars}} and {things} {{at_both}}
        """,
        "clause": f"""
            there are {{parked_cars}} and {things} {{at_both}} | {{cars}} are parked in front of {things} {{at_both}}
        """,
        "terse": f"""
            both sides: {things}, parked {{cars}} | {things} and parked {{cars}} both sides
            | both sides {things} + parked {{cars}}
        """,
    }


def groups_of_absent() -> list[tuple[str, ...]]:
    """Every two or three attributes of which "none" can be said together."""
    return [names for size in (2, 3) for names in combinations(ABSENT, size)]
