"""What captions say of the cars that drive: also the words for amounts that other attributes share."""

RULES: dict[str, str] = {
    "no": "12*no | zero | not any | 0",
    "drop": """
        leave out [all | any | the] | [please] remove [all | any | the] | omit [all | any] | exclude [all | any]
        | skip [all | the] | avoid [all | any] | get rid of [all | the] | do without [any]
    """,
    "seen": "in sight | around | anywhere | at all | to be seen | visible | in view | whatsoever",
    "many": """
        6*many | 3*lots of | 2*a lot of | plenty of | loads of | numerous | a great many | tons of | a large number of
        | very many | so many | heaps of | quite a lot of | masses of
    """,
    "few": """
        4*a few | 3*few | only a few | just a few | very few | not many | a small number of | some
    """,
    "hardly": "hardly any | barely any | scarcely any | almost no | next to no",
    "moving": "moving | driving | passing | travelling",
    "on_road": """
        on the (road | road ahead | street | carriageway | roadway) | in the [traffic] lanes | on the move | driving
        | moving | in motion | driving (by | along | past | around | on the road) | passing [by] | under way
        | on the lanes | in traffic | rolling (along | by) | going (past | by) | coming the other way | on the tarmac
        | zipping by | cruising along | heading our way | being driven
    """,
    "little": """
        little | light | sparse | thin | low | slight | minimal | {hardly} | not much | only a little | a little
        | a bit of | some light | very little | weak | only light | scarce
    """,
    "heavy": """
        heavy | dense | busy | thick | much | 2*lots of | a lot of | plenty of | loads of | intense | bad | rush-hour
        | rush hour | stop-and-go | bumper-to-bumper | congested | jammed | high | very heavy | strong | crazy
        | peak-hour | crawling
    """,
    "queue": "line | queue | stream | column | convoy | flow",
    "packed": "full of | packed with | jammed with | clogged with | filled with | choked with",
    "jammed": "busy | congested | jammed | clogged | gridlocked | jam-packed",
}

TRAFFIC: dict[str, dict[str, str]] = {
    "none": {
        "noun": """
            {no} {moving} cars [{seen}] | {no} cars {on_road} | no car traffic
            | not (a | one) [single] [{moving}] car {on_road} | no car {on_road} | never a car {on_road}
            | (lanes | a road | a carriageway) without [any] [{moving}] cars
        """,
        "adverb": """
            without [any | a single] {moving} cars | without [any] cars {on_road} | without car traffic
            | free of {moving} cars | with {no} {moving} cars | with no cars {on_road} | without a single car {on_road}
        """,
        "clause": """
            there are no {moving} cars [{seen}] | there are no cars {on_road}
            | no cars are (driving | moving | passing | on the road)
            | not (one | a single) car is (driving | moving | on the road)
            | there is not (one | a single) car {on_road} | cars are not driving | nobody is driving a car [here]
            | no car is {on_road} | {drop} {moving} cars | keep [all | the] {moving} cars out [of (it | the picture)]
            | (nobody | no one) (drives | is driving) [a car | by | past]
        """,
        "terse": """
            {moving} cars: (none | 0 | no) | no cars (driving | moving) | 0 {moving} cars
            | cars (driving | moving): (none | 0) | w/o {moving} cars | {moving} cars absent | no {moving} cars
        """,
    },
    "few": {
        "noun": """
            {little} [car | motor | road] traffic | {few} [{moving}] cars {on_road} | {hardly} cars {on_road}
            | (a car or two | one or two cars | a couple of cars) {on_road} | {few} {moving} cars
            | {hardly} {moving} cars | a (odd | occasional) car {on_road}
            | the (odd | occasional) [{moving}] car {on_road} | traffic that is (light | sparse | thin)
            | {little} car traffic | just a car or two {on_road}
        """,
        "adverb": """
            in {little} traffic | with {little} traffic | with {few} cars {on_road}
            | with (one or two | a couple of) cars ahead
        """,
        "clause": """
            there is {little} traffic
            | {few} cars (are driving | drive by | pass | are on the road | are moving | go by | drive past)
            | [the] traffic (is | should be) (light | sparse | thin | low | minimal | not heavy)
            | (just | only) (one | a single | one or two) car (drives | passes | drove | rolls | passed) (past | by
            | along)
            | (one | two) (other | more) cars (drive | drove | rolled) (past | by)
            | {hardly} cars are (driving | moving | on the road) | there are {few} cars {on_road}
            | one or two cars (drive | pass) by | there is not much [traffic] going on on the road
        """,
        "adjective": "lightly trafficked | little-used | low-traffic",
        "terse": """
            (light | little | low | sparse | thin) traffic | {moving} cars: (1 | 2 | one | two) | traffic density low
            | traffic: (light | low | little | few | sparse)
            | few cars {on_road} | traffic (light | low) | 1-2 cars (driving | moving | ahead | on the road)
            | few {moving} cars | not much traffic | car or two driving
        """,
    },
    "many": {
        "noun": """
            {heavy} traffic | {heavy} [car | motor | road | vehicle] traffic | (countless | endless) cars {on_road}
            | (an endless | a dense | a steady | a thick) (stream | flow | line) of (cars | automobiles | vehicles)
            | cars (clogging | filling | jamming | crowding | packing) the (road | lanes | carriageway)
            | a traffic jam | {many} [{moving}] cars {on_road} | {many} {moving} cars
            | a [long | dense] {queue} of cars {on_road} | a [long] {queue} of {moving} cars
            | (lanes | a road | a carriageway) {packed} (cars | traffic | moving cars)
            | a {jammed} (road | carriageway | roadway) | (cars | traffic) bumper to bumper | several cars {on_road}
            | a road that is {jammed} | traffic everywhere | more than two cars {on_road} | {jammed} lanes | a gridlock
        """,
        "adverb": """
            in {heavy} traffic | with {heavy} traffic | with {many} cars {on_road}
            | {packed} (traffic | driving cars | moving cars) | jammed with cars | (with | in) [the] rush hour traffic
            | in a traffic jam | with (cars | traffic) bumper to bumper
        """,
        "clause": """
            the (road | carriageway | roadway) is ({jammed} | {packed} (cars | traffic)) | there is {heavy} traffic
            | traffic jams the road | cars (clog | fill | jam | crowd | pack) the (road | lanes | carriageway)
            | {many} cars (are driving | drive | are on the road | are moving | fill the lanes | drive by
            | are on the move)
            | [the] traffic (is | should be) (heavy | dense | busy | jammed | bumper to bumper | backed up | intense
            | thick) | cars are everywhere on the road | the lanes are ({jammed} | {packed} cars)
            | cars (queue | crawl along) bumper to bumper
        """,
        "adjective": "traffic-clogged | congested | jammed | traffic-filled | gridlocked | heavily trafficked",
        "terse": """
            (heavy | dense | busy) traffic | {moving} cars: (3 | 4 | 5 | 6 | many) | traffic density high
            | traffic: (heavy | dense | busy | many | high) | jammed | bumper to bumper
            | busy road | lots of traffic | traffic jam | many cars {on_road} | rush hour traffic | full lanes
            | traffic (heavy | dense) | congestion | many {moving} cars
        """,
    },
}  # fmt: skip

QUIET: dict[str, str] = {
    "noun": """
        no [road] traffic [{seen}] | a [totally | completely] {free} (road | carriageway | roadway) | empty lanes
        | zero traffic | no (vehicles | cars or other vehicles) {on_road}
        | a (road | carriageway) (free of | without) traffic | a traffic-free road | no traffic ahead
        | a road with no traffic | nothing {on_road}
    """,
    "adverb": """
        without [any] traffic [{seen}] | (empty | free | devoid) of traffic | with no traffic [{seen}]
        | with nothing {on_road}
    """,
    "clause": """
        there is no traffic [{seen}]
        | the (road | carriageway | roadway) [ahead] is ({free} | free of traffic | traffic-free | all ours)
        | nothing (is driving | is moving | drives | moves) [on the road] | no vehicles are {on_road}
        | there are no vehicles {on_road} | we have the road to ourselves | the lanes are {free}
        | the road should be {free}
    """,
    "adjective": "empty | traffic-free | empty | free",
    "terse": """
        no traffic | zero traffic | traffic: (none | no | zero | 0) | {free} road | traffic none | road {free}
        | traffic-free | road ahead {free}
    """,
}  # fmt: skip
"""Of no traffic, where trucks and bicycles are missing too."""

COUNTS: dict[str, dict[tuple[int, ...], str]] = {
    "few": {
        (1,): """
            (one | 1 | a single | just one | a lone | only one) [{moving}] car ({on_road} | ahead [of (us | me)]
            | coming towards us | in front)
        """,
        (2,): """
            (two | 2 | just two | only two) [{moving}] cars ({on_road} | ahead [of us] | coming towards us | in front)
        """,
    },
    "many": {
        (3, 4, 5): "(three | four | five | 3 | 4 | 5) [{moving}] cars {on_road}",
        (6, 7, 8): "(six | seven | eight | 6 | 8 | ten | a dozen | dozens of) [{moving}] cars {on_road}",
    },
}  # fmt: skip
"""Value -> numbers that fit -> phrases."""
