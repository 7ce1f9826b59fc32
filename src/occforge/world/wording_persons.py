"""What captions say of persons."""

RULES: dict[str, str] = {
    "people": "6*people | 6*pedestrians | persons | walkers | passers-by | folks | ppl | humans | strollers | peds",
    "somebody": """
        man | woman | child | kid | lady | guy | boy | girl | jogger | runner | student | tourist | teenager
        | dog walker
        | gentleman | resident | old man | old lady | neighbour | postman | local | policeman | worker | person
    """,
    "somebodies": """
        men | women | children | kids | ladies | guys | boys | girls | joggers | runners | students | tourists
        | teenagers | dog walkers | residents | elderly people | neighbours | locals | shoppers | men and women
        | kids and grown-ups | grown-ups | schoolchildren | commuters | visitors | workers
    """,
    "person": "pedestrian | person | passer-by | walker | human | human being",
    "path": "sidewalk | pavement | footpath | footway | walkway",
    "paths": "sidewalks | pavements | footpaths | footways | walkways",
    "walking": """
        walking [about | around | along | by | past | there] | strolling [along] | on the ({path} | {paths}) | on foot
        | out and about | passing by | out walking | going for a walk | out on the street | wandering about
    """,
    "walk": """
        walk [about | around | along | past | by] | stroll [along] | are (walking | around | on foot | about | out)
    """,
    "crowded": "crowded | packed | busy | full | bustling | jam-packed | overcrowded | lively",
    "teeming": """
        full of | packed with | crowded with | busy with | bustling with | teeming with | swarming with | filled with
    """,
}

PERSONS: dict[str, dict[str, str]] = {
    "none": {
        "noun": """
            {no} {people} [{seen} | {walking}] | nobody [{seen} | {walking}] | no one [{seen} | {walking}]
            | not a [single] {person} [{seen}] | (empty | deserted | unused) {paths} | no {person} [{seen}]
            | {paths} (without | free of | empty of) [any] {people} | a deserted {path} | an absence of {people}
            | no foot traffic | not a soul [{seen}]
        """,
        "adverb": """
            without [any] {people} [{seen}] | without a [single] {person} | (free | empty | devoid) of {people}
            | with no {people} [{seen} | {walking}] | with nobody (around | on foot | {walking})
            | with no one (around | {walking}) | with (empty | deserted) {paths}
        """,
        "clause": """
            (nobody | no one) is (around | there | on foot | walking | about | out | to be seen | {walking})
            | there (is nobody | is no one) [{seen} | {walking}] | there are no {people} [{seen} | {walking}]
            | the {paths} are (empty | deserted | unused) | no {people} are (around | walking | there)
            | the {path} is (empty | deserted) | not a [single] {person} is (around | in sight) | nobody walks [here]
            | I (do not | don't) want [any] {people} | there should be no {people} | {drop} {people}
            | keep [all | any | the] {people} out [of (it | the picture | the scene | this)] | I see no {people}
        """,
        "terse": """
            {people}: (none | 0 | no | zero) | 0 {people} | nobody | no {people} | no one | empty {paths}
            | no pedestrian | zero {people} | w/o {people} | (pedestrian | {people}) count (zero | 0) | {people} = 0
            | {people} (none | no) | {person}-free | nobody (around | out)
        """,
    },
    "few": {
        "noun": """
            {few} {people} [{walking} | around | in sight] | a handful of {people} [{walking}] | one to three {people}
            | {hardly} {people} [{walking}] | hardly (anyone | anybody) [{walking}] | the (odd | occasional) {person}
            | no more than three {people} | up to three {people} | a sprinkling of {people} | {people}, but only a few
            | sparse foot traffic | at most three {people}
        """,
        "adverb": """
            with {few} {people} [{walking}] | with a handful of {people} [{walking}]
            | with hardly (anyone | anybody) (around | {walking}) | with the odd {person}
        """,
        "clause": """
            {few} {people} {walk} | there are {few} {people} [{walking}]
            | hardly (anyone | anybody) is (around | out | {walking}) | a handful of {people} {walk}
            | not many {people} are (around | about | out) | only a few {people} are (around | {walking})
            | there should be {few} {people} | barely anybody (walks | is about) | the {paths} are almost empty
        """,
        "terse": """
            few {people} | {people}: (few | some | a few | one | two | three | 1 | 2 | 3) | low {person} count
            | {people} (= | -) (1 | 2 | 3) | (pedestrian | {people}) (count | number | density) low | some {people}
            | handful of {people} | 1-3 {people}
            | not many {people} | not crowded but some {people} | one to three {people} | {people} (few | some)
        """,
    },
    "many": {
        "noun": """
            {many} {people} [{walking} | around | everywhere]
            | (a [big | large | dense] crowd | crowds | throngs | swarms | a throng) [of {people}] | {crowded} {paths}
            | a {crowded} {path} | {paths} {teeming} {people} | a {path} {teeming} {people} | {people} everywhere
            | heavy foot traffic | at least five {people} | more than four {people} | a mass of {people}
            | {people} in large numbers | five or more {people} | a group of many {people} | groups of {people}
        """,
        "adverb": """
            with {many} {people} [{walking}] | {teeming} {people} | with (a crowd | crowds) [of {people}]
            | with {crowded} {paths} | crowded with {people} | with {people} everywhere
            | among (crowds | a crowd | many {people})
        """,
        "clause": """
            {many} {people} {walk} | there are {many} {people} [{walking}]
            | the {paths} are ({crowded} | {teeming} {people}) | it is crowded [with {people}]
            | {people} are everywhere | the {path} is ({crowded} | {teeming} {people})
            | crowds [of {people}] fill the {paths} | there is a crowd [of {people}] | there should be {many} {people}
            | {people} crowd the {paths} | we see a crowd
        """,
        "adjective": "pedestrian-filled | crowded | people-filled",
        "terse": """
            many {people} | lots of {people} | {people}: (many | lots | a lot | crowd | 5 | 6 | 7 | 8 | 10 | 12 | 20)
            | {people} = (5 | 6 | 8 | 10) | (pedestrian | {people}) (count | number | density) (high | large) | crowd
            | crowded [{paths}]
            | packed {path} | {people} everywhere | tons of {people} | busy {path} | {many} {people} | 5+ {people}
            | {people} (many | everywhere) | full {paths} | loads of {people}
        """,
    },
}  # fmt: skip

LOOSE_PERSONS: dict[str, dict[str, str]] = {
    "few": {
        "noun": """
            a {somebody} [{walking}] | (one | 1 | a single | just one | a lone | only one) {somebody} [{walking}]
            | a {somebody} and a {somebody} [{walking}] | (two | three | 2 | 3 | a couple of | a few) {somebodies}
            | (two | three | just two | only three) {somebodies} [{walking}] | a [young | old] couple [{walking}]
            | a pair of ({people} | {somebodies}) | a [small] family [of three | of two] [{walking}]
            | a (mother | father | woman | man) (with | and) (a | her | his) (child | kid | baby | dog) [{walking}]
            | a {somebody} (out jogging | out for a walk | on the {path}) | somebody jogging
            | (one | two) {people} and (nobody | no one) else | me and my (friend | mate | dog), nobody else
        """,
        "clause": """
            a {somebody} (walks | is walking | strolls | jogs | passes) [by | along] | a {somebody} is on the {path}
            | (two | three | a few) {somebodies} are ({walking} | waiting | chatting) | a family is out for a walk
        """,
        "terse": "one {somebody} | a {somebody} | two {somebodies} | {somebodies}: (1 | 2 | 3) | family of three",
    },
    "many": {
        "noun": """
            (hordes | masses | throngs | swarms | crowds | a flood | droves | packs) of ({somebodies} | {people})
            | ({many} | dozens of | hundreds of | countless | endless) ({somebodies} | {people}) [{walking}]
            | (five | six | seven | eight | ten | a dozen | 6 | 8 | 10) {somebodies} [{walking}]
            | a (gang | group | bunch | school class) of (five | six | eight | ten | a dozen) ({somebodies} | {people})
            | {somebodies} everywhere | a (market | protest | street festival) crowd | a school class on foot
        """,
        "clause": """
            {somebodies} are everywhere | {many} {somebodies} {walk} | (hordes | crowds) of {somebodies} {walk}
            | (everybody | everyone) (walks | is walking | is out on foot) | the {paths} swarm with {somebodies}
        """,
        "terse": "many {somebodies} | hordes of {somebodies} | {somebodies}: (many | 6 | 8 | 10)",
    },
}  # fmt: skip
"""Kinds of people that no street is known to show."""

COUNTS: dict[str, dict[tuple[int, ...], str]] = {
    "few": {
        (1,): """
            (one | 1 | a single | just one | a lone | only one) {person} [{walking}] | a {person} [{walking}]
            | (someone | somebody) (walking | on foot | {walking})
        """,
        (2,): "(two | 2 | just two | only two) {people} [{walking}] | a couple of {people}",
        (3,): "(three | 3 | just three | only three) {people} [{walking}]",
        (1, 2): "(one or two | 1-2 | 1 or 2) {people} [{walking}] | a {person} or two",
        (2, 3): "(two or three | 2-3 | two to three | 2 or 3) {people} [{walking}]",
    },
    "many": {
        (5,): "(five | 5) {people} [{walking}]",
        (6,): "(six | 6 | half a dozen) {people} [{walking}]",
        (7,): "(seven | 7) {people} [{walking}]",
        (8,): "(eight | 8) {people} [{walking}]",
        (9,): "(nine | 9) {people} [{walking}]",
        (10,): "(ten | 10) {people} [{walking}]",
        (12,): "(a dozen | twelve | 12) {people} [{walking}]",
        (20, 30, 40): """
            (twenty | 20 | dozens of | scores of | a few dozen | thirty | hundreds of) {people} [{walking}]
        """,
    },
}  # fmt: skip
"""Value -> numbers that fit -> phrases."""
