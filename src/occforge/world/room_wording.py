"""Everything that captions can say of a room: for each value of an attribute its phrases, in the kinds of `wording`.

Rules speak of the left; the right has them mirrored. `desk` phrases are used where every table is a desk.
"""

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.world.grammar import Grammar, mirror
from occforge.world.wording import Claims, Wording

RULES: dict[str, str] = {
    "seen": "in sight | to be seen | anywhere | in view | at all | in here | in the room",
    "no": "no | no | not any | zero",
    "in_it": "in it | inside | in the room | in here | somewhere",
    "sofas": "sofa | couch | settee | sofa | couch",
    "tv": "tv | television | flat screen tv | tv set | television set | flat-screen television",
    "computer": "computer (screen | monitor | display) | monitor | pc (monitor | screen) | desktop monitor",
    "at_left": """
        6*on the left | on the left (side | hand side) | to the left | at the left | in the left wall
        | in the left-hand wall
        | on the left-hand side | on (my | your | our) left | left of (the camera | us | me) | on the left of the room
    """,
    "ahead": """
        4*ahead | straight ahead | in the far wall | in the back wall | at the far end [of the room]
        | in front of (us | me)
        | opposite [us | the camera] | in the wall (ahead | opposite | facing us) | at the end of the room
    """,
    "sight": "in sight | to be seen | visible",
    "plain": "a room | an interior | an indoor scene | a room | the inside of a home | a furnished room | some room",
    "opening": """
        a (photo | picture | photograph | view | snapshot | shot | rendering | scan | 3D scene | voxel scene) of
        | (generate | make | create | show me | give me | draw | render | build | I want | I'd like | imagine
        | please make)
        | (here is | this is | we see | I see | you see | there is) | looking into | a look into | inside
    """,
    "filler": """
        please | thanks | as voxels | in 3D | realistic | photorealistic | seen at eye level | kinect style | with depth
        | for a (test | demo | paper | simulation | robot) | simple | everything else is up to you | NYU style
        | if possible
        | wide angle | first try | nothing fancy | a normal one
    """,
}

ROOMS: dict[str, str] = {
    "bedroom": """
        8*a bedroom | a sleeping room | a bed room | a place to sleep | a [guest | master | small | typical] bedroom
        | somebody's bedroom | a bedroom interior
    """,
    "living-room": """
        8*a living room | a lounge | a sitting room | a livingroom | a living-room | a [cosy | typical
        | small] living room
        | somebody's living room | a living room interior | a family room
    """,
    "office": """
        8*an office | a work room | a study | a workroom | a [small | home | typical] office | an office room
        | a workplace
        | a place to work | an office interior
    """,
    "kitchen": """
        8*a kitchen | a place to cook | a [small | fitted | typical | modern] kitchen | somebody's kitchen
        | a kitchen interior | a cooking area
    """,
    "dining-room": """
        8*a dining room | a dining area | a place to eat | a dining-room | an eating area | a [small
        | typical] dining room
        | somebody's dining room | a dining room interior
    """,
}
"""How a caption's subject names the room."""


def _thing(one: str, many: str) -> dict[str, str]:
    """The kinds of phrase for a thing that is there."""
    return {
        "noun": f"a {one} | a {one} {{in_it}} | at least one {one} | some {one}",
        "clause": f"there is a {one} | a {one} (stands there | can be seen | is there) | we see a {one} | add a {one}",
        "adverb": f"with a {one} | containing a {one} | furnished with a {one}",
        "terse": f"{one} | {one}: (yes | some | present) | with {one} | {one} present | + {one}",
    }


def _absent(one: str, many: str) -> dict[str, str]:
    """The kinds of phrase for a thing that is missing."""
    return {
        "noun": f"no ({one} | {many}) [{{seen}}] | not a single {one} | not one {one}",
        "clause": f"""
            there is no ({one}) [{{seen}}] | there are no ({many}) [{{seen}}] | leave out [the | any] ({many})
            | ({many}) are missing
        """,
        "adverb": f"without [a | any] ({one}) | without ({many}) | free of ({many})",
        "terse": f"no ({one} | {many}) | ({many}): (none | 0 | no) | without ({one} | {many}) | zero ({many})",
    }


_LEFT = {
    "noun": "a window {at_left} | a window {at_left} | one window {at_left} | a [large | wide] window {at_left}",
    "clause": "there is a window {at_left} | {at_left} (there is | we see | is) a window | the window is {at_left}",
    "adverb": "with a window {at_left} | with the window {at_left}",
    "terse": "window {at_left} | window: left | left window | window left | window lhs",
}

PHRASES: dict[str, dict[str, dict[str, str]]] = {
    "bed": {"none": _absent("bed", "beds"), "some": _thing("bed", "beds")},
    "sofa": {"none": _absent("{sofas}", "sofas | couches"), "some": _thing("{sofas}", "sofas")},
    "tables": {
        "none": _absent("table", "tables | tables or desks"),
        "one": {
            "noun": "one table | a table | a single table | just one table | exactly one table | a table {in_it}",
            "clause": "there is (one | a | just one | a single) table | one table stands there | we see one table",
            "adverb": "with (one | a | a single) table | with just one table",
            "terse": "table | one table | 1 table | tables: (1 | one) | single table",
        },
        "several": {
            "noun": """
                (several | two or more | a couple of | some | multiple) tables | more than one table
                | tables {in_it}
            """,
            "clause": "there are (several | two or more | some) tables | more than one table stands there",
            "adverb": "with (several | two or more | multiple | some) tables | with more than one table",
            "terse": "several tables | tables | 2+ tables | tables: (several | 2+ | two or more) | multiple tables",
        },
    },
    "chairs": {
        "none": _absent("chair", "chairs | seats at all"),
        "few": {
            "noun": """
                a chair or two | one or two chairs | few chairs | very few chairs | not more than two chairs
                | hardly any chairs
            """,
            "clause": "there (is a chair or two | are few chairs | are one or two chairs) | we see one or two chairs",
            "adverb": "with (a chair or two | one or two chairs | few chairs | hardly any chairs)",
            "terse": "few chairs | 1-2 chairs | chairs: (few | 1 or 2 | 1-2) | one or two chairs",
        },
        "many": {
            "noun": """
                many chairs | four or more chairs | [at least] four chairs or more | lots of chairs | a lot of chairs
                | plenty of chairs | chairs for four or more
            """,
            "clause": "there are (many | lots of | four or more) chairs | (many | four or more) chairs stand there",
            "adverb": "with (many | lots of | four or more | plenty of) chairs",
            "terse": "many chairs | 4+ chairs | chairs: (many | 4+ | lots) | lots of chairs",
        },
    },
    "screen": {
        "none": {
            "noun": """
                no screen [{seen}] | neither {tv} nor {computer} | no {tv} and no {computer} | no screens [{seen}]
            """,
            "clause": "there is (no screen | neither a {tv} nor a {computer}) [{seen}] | leave out [the | any] screens",
            "adverb": "without [a | any] screen | without screens | without {tv} and {computer}",
            "terse": "no screen | screens: (none | 0 | no) | no screens | no {tv}, no {computer}",
        },
        "tv": _thing("{tv}", "tvs"),
        "monitor": _thing("{computer}", "monitors"),
    },
    "window": {
        "none": {
            "noun": "no window [{sight}] | no windows [{sight}] | not a [single] window {sight} | windowless walls",
            "clause": "there is no window [{sight}] | no window is {sight} | there are no windows [{sight}]",
            "adverb": "without [a | any] window | without windows | with no window {sight}",
            "terse": "no window | windows: (none | 0 | no) | no windows | windowless",
        },
        "left": _LEFT,
        "ahead": {
            "noun": "a window {ahead} | a window {ahead} | one window {ahead} | a [large | wide] window {ahead}",
            "clause": "there is a window {ahead} | the window is {ahead} | {ahead} (there is | we see | is) a window",
            "adverb": "with a window {ahead} | with the window {ahead}",
            "terse": "window {ahead} | window: ahead | window straight ahead | window in front",
        },
        "right": {kind: mirror(text) for kind, text in _LEFT.items()},
        "several": {
            "noun": """
                windows in two walls | windows on two sides | windows in more than one wall
                | several windows on two sides
            """,
            "clause": "there are windows (in two walls | on two sides) | two walls have windows",
            "adverb": "with windows (in two walls | on two sides | in more than one wall)",
            "terse": "windows in two walls | windows: (two sides | 2 walls) | windows on two sides",
        },
    },
    "light": {
        "daylight": {
            "noun": "daylight | [soft | bright] daylight | day light | sunlight or daylight | natural light",
            "clause": """
                it is (day | daytime) | daylight comes in | the room is lit by daylight
                | it is the middle of the day
            """,
            "adverb": "in daylight | by day | during the day | at daytime | in natural light | by daylight",
            "terse": "daylight | day | daytime | natural light | light: (daylight | day)",
        },
        "evening": {
            "noun": "evening light | dusk outside | the last light of the day | twilight outside",
            "clause": "it is (dusk | evening | getting dark) | night is falling | it is getting dark outside",
            "adverb": "at dusk | in the evening | at nightfall | in the evening light | at twilight",
            "terse": "dusk | evening | twilight | light: (dusk | evening) | nightfall",
        },
        "lamps": {
            "noun": "lamplight at night | night outside | lamps lit at night | artificial light at night",
            "clause": "it is night | it is dark outside | only lamps give light | it is night and the lamps are on",
            "adverb": "at night | by night | by lamplight at night | at night with the lamps on | after dark",
            "terse": "night | at night | light: (night | lamps only) | lamps only | nighttime",
        },
    },
}  # fmt: skip

DESKS: dict[str, dict[str, str]] = {
    "one": {
        "noun": "a desk | one desk | a single desk | a desk {in_it} | a writing desk",
        "clause": "there is (a | one) desk | a desk stands there | we see a desk",
        "adverb": "with (a | one) desk | with a writing desk",
        "terse": "desk | one desk | 1 desk | writing desk",
    },
    "several": {
        "noun": "several desks | two desks | more than one desk | a couple of desks | desks {in_it}",
        "clause": "there are (several | two) desks | more than one desk stands there",
        "adverb": "with (several | two) desks | with more than one desk",
        "terse": "several desks | desks | 2 desks | two desks",
    },
}
"""`tables` where they are desks."""

GRAMMAR = Grammar(RULES)
MIRRORED = GRAMMAR.mirrored()

TABLE: dict[Claims, dict[str, list[Wording]]] = {
    frozenset({(name, value)}): {
        kind: [Wording(MIRRORED if value == "right" else GRAMMAR, text)] for kind, text in kinds.items()
    }
    for name, values in PHRASES.items()
    for value, kinds in values.items()
}
"""Claims -> kind -> phrases; the kind of room is the subject (`ROOMS`)."""

DESK_TABLE: dict[Claims, dict[str, list[Wording]]] = {
    frozenset({("tables", value)}): {kind: [Wording(GRAMMAR, text)] for kind, text in kinds.items()}
    for value, kinds in DESKS.items()
}

SUBJECTS: dict[str, Wording] = {room: Wording(GRAMMAR, ROOMS[room]) for room in ROOM_ATTRIBUTES["room"]}
