"""What captions say of parked cars. Cars on the right have the rules of the left mirrored."""

RULES: dict[str, str] = {
    "cars": "cars | vehicles | cars",
    "parked_cars": """
        parked {cars} | parked {cars} | {cars} parked | {cars} parked up | stationary {cars} | standing {cars}
        | {cars} that are parked | {cars} (standing | lined up) in parking (bays | spaces)
    """,
    "bays": "parking (bays | spaces | spots | lanes | places)",
    "kerbs": "kerbs | curbs | roadsides | kerbsides | curbsides",
    "roadside": """
        at the (side | {kerb} | roadside) | along the ({kerb} | {way}) | by the {kerb} | at the (kerbs | curbs)
        | on the roadside
    """,
    "free": "empty | free | clear | vacant | unoccupied",
    "taken": "full | taken | occupied | filled | all taken | in use",
    "cars_left": """
        {at_left} | {at_left} | (at | along | by | on) the left {kerb} | on the left {kerb}side
        | in the left parking (lane | bays) | (in a row | one after another | nose to tail) {at_left}
        | along the left edge of the {way} | left
    """,
    "left_kerb": """
        the left ({kerb} | side | {kerb}side | roadside | parking lane | edge) | the left-hand (side | {kerb})
    """,
    "cars_both": """
        {at_both} | {at_both} | (at | along | by) both (kerbs | curbs) | along both sides of the {way}
        | on both (kerbs | curbs)
    """,
    "both_kerbs": "both (kerbs | curbs | sides [of the {way}] | roadsides | edges)",
    "none_right": """
        none {at_right} | the right {kerb} (free | empty | clear) | (none | not) on the right
        | the right [side] (free | empty | clear) of cars | no cars on the right
    """,
}

_LEFT_CARS = "({parked_cars} | {parked_cars} | a [long] (row | line | string) of parked {cars} | rows of parked {cars})"

PARKED: dict[str, dict[str, str]] = {
    "none": {
        "noun": """
            {no} {parked_cars} [{seen} | {roadside} | {at_both}]
            | no {cars} (parked | standing | left standing) [{roadside} | {at_both} | anywhere]
            | {free} ({kerbs} | {bays}) [{at_both}] | ({kerbs} | {bays}) (free of | without | empty of) [parked] cars
            | no parking [{seen} | {roadside} | {at_both}] | nothing parked [{roadside} | {at_both}]
            | nobody parked [{roadside}] | not a [single] parked car [{seen} | {roadside}] | no parked car [{seen}]
            | not a [single] car (parked | standing) [{roadside}] | no one parked [{roadside}]
            | (roadsides | kerbs | curbs) without parked {cars}
        """,
        "adverb": """
            without [any] {parked_cars} [{roadside} | {at_both}] | free of parked {cars}
            | with no {parked_cars} [{roadside} | {at_both}] | without a [single] parked car
            | with {free} ({kerbs} | {bays}) | with nothing parked [{roadside} | {at_both}]
            | without (parking | anything parked) [{roadside}]
        """,
        "clause": """
            there are no {parked_cars} [{roadside} | {at_both}] | no {cars} are parked [{roadside} | here | {at_both}]
            | nothing is parked [{roadside} | here]
            | (nobody | no one) (has parked | is parked | parks) [here | {roadside}]
            | the ({kerbs} | {bays}) are ({free} | free of cars | without cars) | both (kerbs | curbs) are {free}
            | there is no parking [here | {roadside}] | {cars} are parked nowhere
            | parking is (forbidden | not allowed) [here] | there should be no {parked_cars}
            | no car is parked [{roadside} | here] | {drop} parked {cars} | nothing stands parked [{roadside}]
            | keep [all | any | the] parked {cars} out [of (it | the picture)] | no {cars} were parked [anywhere | here]
        """,
        "terse": """
            parked cars: (none | 0 | no) | no parking | 0 parked cars | no {parked_cars} | parked: (none | no)
            | {free} ({kerbs} | {bays}) | nothing parked | parking none | zero parked {cars} | parking: none
            | no cars parked | w/o parked {cars} | parked {cars} = 0 | parked {cars} absent
        """,
    },
    "left": {
        "noun": f"""
            {_LEFT_CARS} {{cars_left}} | {_LEFT_CARS} {{cars_left}}
            | {{left_kerb}} (lined with | full of | taken up by | bordered by) [parked] {{cars}}
            | {{parked_cars}} (only | just) {{cars_left}}
            | a ({{taken}} parking lane | parking lane (with | full of) {{cars}}) {{at_left}}
            | {{taken}} {{bays}} {{at_left}} | {{parked_cars}} {{cars_left}}, {{none_right}}
            | parking {{at_left}} [only] | {{cars}} (parked | standing | lined up) {{cars_left}}
            | parked {{cars}} along {{left_kerb}} | one-sided parking {{at_left}} | {{cars}} at {{left_kerb}}
            | only {{parked_cars}} {{cars_left}} | {{cars}} parked {{cars_left}} but not on the right
        """,
        "adverb": f"""
            with {_LEFT_CARS} {{cars_left}} | {{at_left}} {{parked_cars}} | with {{cars}} parked {{cars_left}}
            | with {{left_kerb}} full of parked {{cars}} | with parking {{at_left}} [only]
            | where {{cars}} (park | are parked | stand) {{cars_left}}
        """,
        "clause": f"""
            {{cars}} are parked {{cars_left}} | parked {{cars}} (line | occupy | fill | stand along) {{left_kerb}}
            | {{cars}} line {{left_kerb}}
            | {{left_kerb}} is (lined with | full of | taken up by | occupied by | packed with) [parked] {{cars}}
            | {{at_left}} {{cars}} are parked | the {{bays}} {{at_left}} are {{taken}}
            | there are {_LEFT_CARS} {{cars_left}} | only the left side has parked {{cars}}
            | {{the_left}} has parked {{cars}} | {{cars}} (stand | are standing | park) {{cars_left}}
            | {{cars}} (park | are parked) only {{cars_left}} | {{at_left}} we see {{parked_cars}}
            | {{cars}} are parked {{cars_left}}, {{none_right}}
        """,
        "terse": """
            cars left | parked left | {cars} parked left | parked: left | left: parked {cars} | parked {cars} \\(left\\)
            | parking left | left (side | kerb | curb) parked | parked {cars} left | parked {cars} {cars_left}
            | left parked {cars} | L: parked {cars} | parked cars = left | {cars} parked {at_left} | cars on left kerb
            | cars left side | left {kerb} full | parking: left | left {bays} {taken} | parked {cars} on left only
            | cars parked lhs
        """,
    },
    "both": {
        "noun": f"""
            {_LEFT_CARS} {{cars_both}} | {_LEFT_CARS} {{cars_both}}
            | {{both_kerbs}} (lined with | full of | taken up by) [parked] {{cars}} | {{taken}} {{bays}} {{at_both}}
            | parking [lanes with cars] {{at_both}} | {{cars}} (parked | standing | lined up) {{cars_both}}
            | (kerbs | curbs) lined with parked {{cars}} {{at_both}} | {{cars}} at both (kerbs | curbs)
            | two rows of parked {{cars}}, left and right | parked {{cars}} [both] left and right
        """,
        "adverb": f"""
            with {_LEFT_CARS} {{cars_both}} | {{at_both}} {{parked_cars}}
            | between (two rows | rows | lines) of parked {{cars}} | with {{cars}} parked {{cars_both}}
            | flanked by parked {{cars}} [{{at_both}}] | with {{both_kerbs}} full of parked {{cars}}
            | lined with parked {{cars}} {{at_both}} | between parked {{cars}} {{at_both}}
        """,
        "clause": f"""
            {{cars}} are parked {{cars_both}}
            | parked {{cars}} (line | occupy | fill | stand along | flank) {{both_kerbs}}
            | {{cars}} line both (kerbs | curbs)
            | {{both_kerbs}} are (lined with | full of | taken up by | occupied by | packed with) [parked] {{cars}}
            | {{at_both}} {{cars}} are parked | the {{bays}} {{at_both}} are {{taken}}
            | there are {_LEFT_CARS} {{cars_both}} | both sides have parked {{cars}}
            | {{cars}} (stand | park) {{cars_both}} | {{at_both}} we see {{parked_cars}}
        """,
        "terse": """
            cars both sides | parked both sides | {cars} parked both sides | parked: both [sides]
            | both sides: parked {cars} | parking both sides | parked {cars} L+R | parked {cars} left and right
            | parked {cars} {cars_both} | both (kerbs | curbs) (parked | full | taken) | {bays} {taken} both sides
            | cars left and right | parked {cars} either side | parking: both | cars parked left + right
            | cars on both kerbs | left and right parked {cars}
        """,
    },
}  # fmt: skip
