"""What captions say of bicycles and of trucks, which include buses and vans.

The loose phrases name what the attribute allows but a given street need not show, such as a bus among the trucks.
"""

RULES: dict[str, str] = {
    "bikes": "bicycles | bikes | cycles | bicycles | bikes | push bikes | pushbikes",
    "bike": "bicycle | bike | cycle | push bike",
    "trucks": "trucks | lorries | trucks | lorries | trucks or lorries",
    "big": "large | big | heavy",
    "big_ones": """
        {trucks} | {trucks} | {big} (vehicles | trucks) | heavy goods vehicles | HGVs
        | (trucks | lorries) or (buses | vans) | (trucks | lorries), (buses | vans) or (vans | coaches)
        | (vans | buses) or (trucks | lorries) | heavy vehicles | (trucks | lorries), (vans, buses | buses, vans)
        | (trucks | lorries) or (vans or buses | buses or vans) | goods vehicles, (vans | buses) or (coaches | lorries)
    """,
    "on_bike": "riding (along | by | past) | on the (road | road ahead | way) | in the lane | passing by | ahead",
    "at_stop": "at the stop | on the road | driving by | ahead | in sight | coming along",
}

BICYCLES: dict[str, dict[str, str]] = {
    "none": {
        "noun": """
            {no} {bikes} [{seen}] | no (cyclists | cyclists or {bikes} | {bikes} or cyclists) [{seen}]
            | not a [single] {bike} [{seen}] | no {bike} [{seen}] | never a {bike} | nothing on two wheels and pedals
            | no (cyclist | {bike}) and no (cyclists | {bike})
        """,
        "adverb": """
            without [any] {bikes} [{seen}] | without [any] cyclists | free of {bikes} | with no {bikes} [{seen}]
            | without a [single] {bike} | with no cyclists
        """,
        "clause": """
            there are no {bikes} [{seen}] | there is no {bike} [{seen}]
            | (nobody | no one) is (cycling | riding a {bike}) and no {bikes} are parked
            | there are no cyclists [or {bikes}] | no {bikes} are (around | there | to be seen)
            | {drop} ({bikes} | cyclists) | {bikes} are (absent | missing) | I (do not | don't) want [any] {bikes}
            | keep [all | any | the] ({bikes} | cyclists) out [of (it | the picture | the scene | this)]
        """,
        "terse": """
            {bikes}: (none | 0 | no) | no {bikes} | no {bike} | 0 {bikes} | no cyclists | zero {bikes} | {bike}-free
            | without {bikes} | w/o {bikes} | {bike} count (zero | 0) | {bikes} = 0 | {bikes} (no | none)
        """,
    },
    "some": {
        "noun": """
            {bikes} | [some | a few] {bikes} [around | somewhere | in view | in sight]
            | a {bike} [somewhere | around | in sight] | a {bike} or (two | more) | at least one {bike}
            | one or more {bikes} | {bikes} or cyclists | cyclists or {bikes} | a {bike} in the picture
            | {bikes} here and there
        """,
        "adverb": "with {bikes} [around] | with a {bike} [or two] | with some {bikes} | with at least one {bike}",
        "clause": """
            there are [some] {bikes} [around] | there is (a {bike} | at least one {bike})
            | {bikes} (are around | can be seen | are present) | we see (a {bike} | some {bikes})
            | a {bike} can be seen | (include | add) (a {bike} | [some] {bikes})
        """,
        "terse": """
            {bikes} | {bike} | some {bikes} | {bikes}: (yes | some | present) | + {bike} | {bikes} present
            | with {bikes}
        """,
    },
}  # fmt: skip

TRUCKS: dict[str, dict[str, str]] = {
    "none": {
        "noun": """
            {no} {big_ones} [{seen}] | not a [single] (truck | lorry | {big} vehicle) [{seen}]
            | no (truck | lorry) [{seen}] | no {big_ones} on the road | neither trucks nor (buses | vans)
            | no trucks and no (vans | buses) | no truck, no (van, no bus | bus, no van) | no trucks, no vans, no buses
            | (trucks | lorries), (vans | buses) and (buses | vans | coaches): none
            | not a (truck | lorry) or (bus | van)
        """,
        "adverb": """
            without [any] {big_ones} [{seen}] | free of {big_ones} | with no {big_ones} [{seen}]
            | without a [single] (truck | lorry)
        """,
        "clause": """
            there are no {big_ones} [{seen}] | there is no (truck | lorry) [{seen}]
            | no {big_ones} are (around | there | on the road) | {trucks} are (absent | missing | not allowed)
            | {drop} {big_ones} | keep [all | any | the] {big_ones} out [of (it | the picture | the scene | this)]
            | (trucks | lorries), (vans | buses) and (buses | vans | coaches) shall not be there
            | {drop} (trucks | lorries), (vans | buses) and (buses | vans | coaches)
            | I (do not | don't) want [any] {trucks}
        """,
        "terse": """
            {trucks}: (none | 0 | no) | no {trucks} | no (truck | lorry) | 0 {trucks} | no {big_ones} | zero {trucks}
            | (truck | lorry)-free | without {trucks} | w/o {trucks} | (truck | lorry) count (zero | 0) | {trucks} = 0
            | lorry-free, bus-free, van-free | {trucks} (no | none) | no (vans | buses) and no {trucks}
        """,
    },
    "some": {
        "noun": """
            a (truck | lorry) [in sight | around | somewhere | on the road] | {trucks} [around] | a {big} vehicle
            | {big} vehicles | a truck or (bus | van | more) | a (bus | lorry | van), (truck | bus) or van
            | (at least one | one or more) (truck | lorry) | some {trucks} | heavy vehicles | a lorry or van
            | a truck among the vehicles | a van or (truck | lorry) | truck traffic
        """,
        "adverb": """
            with a (truck | lorry | {big} vehicle) [in sight | around] | with {trucks} [around] | with some {trucks}
            | with at least one (truck | lorry)
        """,
        "clause": """
            there is a (truck | lorry | {big} vehicle) [around | in sight] | there are [some] {trucks}
            | (a truck | a lorry | a {big} vehicle) can be seen | we see a (truck | lorry)
            | {trucks} are (around | present | there) | (include | add) a (truck | lorry)
        """,
        "terse": """
            truck | lorry | {trucks} | {trucks}: (yes | some | present) | + (truck | lorry) | heavy vehicle
            | {big} vehicle | (truck | lorry) present
        """,
    },
}  # fmt: skip

LOOSE_BICYCLES: dict[str, dict[str, str]] = {
    "some": {
        "noun": """
            a cyclist [{on_bike}] | cyclists [{on_bike}] | someone (cycling | on a {bike} | riding a {bike})
            | (several | lots of | many | plenty of) {bikes}
            | {bikes} (parked | leaned | leaning | chained up | propped up | locked) [at the side | against a (wall
            | fence) | on the {path} | somewhere] | a (parked | leaned) {bike} | riders on {bikes}
            | a {bike} (parked | leaning | locked) (at the side | against a (wall | fence | lamp post)) | a bike rider
            | bike riders | a {bike} rider (going | riding) along | parked {bikes}
        """,
        "clause": """
            someone (is cycling | cycles | rides a {bike} | is riding a {bike}) [along | by | past]
            | a cyclist (rides | passes | comes) (by | along | past)
            | {bikes} (are parked | lean | are leaned | stand) (at the side | against a wall | on the {path} | around)
            | cyclists (pass | ride by | are around)
        """,
        "terse": "cyclist | cyclists | parked {bikes} | bike rider | bike parked | many {bikes} | someone cycling",
    }
}  # fmt: skip

LOOSE_TRUCKS: dict[str, dict[str, str]] = {
    "some": {
        "noun": """
            a bus [{at_stop}] | a [parked | white] [delivery] van
            | a [delivery | moving | fire | refuse | garbage | box | parked] (truck | lorry) | a coach | a minibus
            | (buses | vans | coaches | delivery vans) [around | on the road]
            | a (semi-trailer | articulated lorry | HGV | tractor-trailer) | (several | lots of | many) {trucks}
            | a (bus | van | truck | lorry) (ahead | on the road | driving | parked somewhere) | a transporter
            | a (removal | moving | postal | white) van
            | (a couple of | several | a few | some) (buses | vans | lorries)
            | (trucks | lorries | buses | vans) (rumbling | thundering | rolling) (by | along) | a double-decker [bus]
            | a heavy goods vehicle | a public bus | a city bus | a parked bus
        """,
        "clause": """
            a (bus | van | truck | lorry | delivery van) (is driving | drives by | passes | stands there
            | is parked somewhere | is ahead | comes along)
            | there is a (bus | van | delivery van | coach) [around | ahead | in sight] | (a bus | a van) can be seen
        """,
        "terse": """
            bus | van | delivery van | coach | HGV | bus ahead | one (truck | lorry | bus | van) | many {trucks}
        """,
    }
}  # fmt: skip

COUNTS_BICYCLES: dict[str, dict[tuple[int, ...], str]] = {
    "some": {
        (1,): "(one | 1 | a single | just one | a lone) ({bike} | cyclist)",
        (2, 3): "(two | three | 2 | 3 | a couple of | two or three) ({bikes} | cyclists)",
    },
}  # fmt: skip
"""Value -> numbers that fit -> phrases."""

COUNTS_TRUCKS: dict[str, dict[tuple[int, ...], str]] = {
    "some": {
        (1,): "(one | 1 | a single | just one | a lone) (truck | lorry | {big} vehicle | bus | van)",
        (2,): "(two | 2 | a couple of | three) ({trucks} | {big} vehicles | buses | vans)",
    },
}  # fmt: skip
"""Value -> numbers that fit -> phrases."""
