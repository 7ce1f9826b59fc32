"""Everything that captions can say, compiled: each set of claims with the phrases that make just these claims.

A claim is an attribute with one of its values. Phrases come in kinds, by what can stand around them: `noun` ("trees on
the left") after "with", `adverb` ("in the rain") after the street, `clause` ("it rains") alone, `adjective` before the
street, `terse` in a list of tags, `counted` as a noun.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

from occforge.core.attributes import ATTRIBUTES
from occforge.world import wording_joint as joint
from occforge.world import wording_parked, wording_persons, wording_road, wording_sides, wording_traffic, wording_wheels
from occforge.world.grammar import Grammar, Node, mirror

Claims = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Wording:
    """Phrases of one kind, and when they may be used."""

    grammar: Grammar
    text: str
    """In the notation of `occforge.world.grammar`."""
    when: str = ""
    """`quiet`: where trucks and bicycles are missing; `loose`: where there is no street to be true of."""
    counts: tuple[int, ...] = ()
    """Numbers of persons that the phrases name."""

    @cached_property
    def node(self) -> Node:
        """The phrases, compiled when first used."""
        return self.grammar.node(self.text)


FRAMES: dict[str, str] = {
    "plain_way": "{way} | road | street",
    "plain": """
        a {plain_way} | a {plain_way} | a street scene | a road scene | a street view | a drive along a {plain_way}
        | the {plain_way} | a stretch of {plain_way} | a piece of {plain_way} | the view down a {plain_way}
        | a scene on a {plain_way}
    """,
    "wish": """
        generate | make [me] | create | draw | render | build | give me | show me | produce | design | model | simulate
        | [I] want | I'd like | I need | we need | I would like [to have | to see]
        | (can | could) you (make | generate | draw | create | show me)
        | please (make | generate | create | draw | give me) | looking for | imagine | let me see | let's have
        | how about | try | get me | I am looking for | I'd love
    """,
    "picture": """
        a [simple | realistic | detailed | quick] (photo | picture | image | view | scene | 3D scene | snapshot
        | rendering | voxel scene | street scene | world | map) (of | of | showing | with)
        | a (driver's | car's | driver's-eye) view of | a dashcam (picture | shot | frame | video) of | a scan of
        | a layout of
    """,
    "opening": """
        {picture} | {wish} | {wish} {picture} | {wish} {picture}
        | (there is | here is | this is | we see | I see | you see) | we are (on | driving along)
    """,
    "filler": """
        [as] seen from (the driver's seat | the driver | a car | behind the wheel | inside the car | a dashcam
        | the windscreen) | please | thanks | in 3D
        | from (the driver's | a driver's) (perspective | point of view | seat) | realistic | photorealistic
        | in (high | good) (detail | resolution | quality) | as voxels | looking (forward | ahead)
        | camera [facing] forward | wide angle | 4k
        | for (a | my) (test | simulation | project | paper | demo | data set | training run) | for my dataset
        | keep it simple | the rest is up to you | everything else (at random | as you like)
        | surprise me with the rest | nothing fancy | thank you | KITTI style | low poly | occupancy grid | with labels
        | first try | (for | as) a benchmark | that is all | if possible | at eye level | a normal one | typical
    """,
    "detail": """
        in (Germany | France | Italy | Europe | the UK | England | the US | Japan | Karlsruhe | London | Berlin
        | Spain) | somewhere in (Europe | Bavaria | the north) | in (spring | summer | autumn | winter | May | October)
        | on a (Monday | Tuesday | Sunday | weekday) | around noon | at (9 | 10 | 11) am | in the morning | at midday
        | (any | all) cars in {colour} | cars, if any, (in | are | should be) {colour} | at (30 | 50) km/h
        | in the afternoon | on a weekend | with two lanes | one lane each way
        | {colour} (road markings | lane markings) | European style | American style | asphalt road | flat terrain
        | with (street lamps | road signs | lane markings)
    """,
    "colour": "red | blue | white | black | silver | grey | yellow | dark",
    "any_weather": """
        any weather | whatever the weather | the weather does not matter | weather: any | no matter what the weather
        | weather is up to you
    """,
    "any_traffic": """
        any traffic | the traffic does not matter | traffic: any | I don't care about traffic | traffic is up to you
    """,
    "any_persons": """
        any number of people | people do not matter | people: any | people optional | I don't care about pedestrians
    """,
    "any_parked": "parking does not matter | parked cars optional | parking: any | parked cars are up to you",
}
FREE_OF_CLAIMS = ("weather", "traffic", "persons", "parked")
"""Attributes that a caption may leave open in words."""

RULES = dict(FRAMES)
for module in (wording_sides, wording_road, wording_traffic, wording_persons, wording_wheels, wording_parked):
    RULES |= module.RULES
# Where a phrase speaks of both sides, the other side's words are the first side's, mirrored.
RULES |= {"at_right": mirror(RULES["at_left"]), "the_right": mirror(RULES["the_left"])}
GRAMMAR = Grammar(RULES)
MIRRORED = GRAMMAR.mirrored()


def _table() -> dict[Claims, dict[str, list[Wording]]]:
    table: dict[Claims, dict[str, list[Wording]]] = {}

    def add(
        claims: dict[str, str],
        kinds: dict[str, str],
        when: str = "",
        grammar: Grammar = GRAMMAR,
        counts: tuple[int, ...] = (),
    ) -> None:
        said = table.setdefault(frozenset(claims.items()), {})
        for kind, text in kinds.items():
            said.setdefault(kind, []).append(
                Wording(grammar, text if grammar is GRAMMAR else mirror(text), when, counts)
            )

    for name, values in (
        ("traffic", wording_traffic.TRAFFIC), ("persons", wording_persons.PERSONS), ("trucks", wording_wheels.TRUCKS),
        ("bicycles", wording_wheels.BICYCLES), ("parked", wording_parked.PARKED), ("layout", wording_road.LAYOUT),
        ("weather", wording_road.WEATHER),
    ):  # fmt: skip
        for value, kinds in values.items():
            add({name: value}, kinds)
    add({"traffic": "none"}, wording_traffic.QUIET, "quiet")
    for name, values in (
        ("bicycles", wording_wheels.LOOSE_BICYCLES), ("trucks", wording_wheels.LOOSE_TRUCKS),
        ("persons", wording_persons.LOOSE_PERSONS), ("layout", wording_road.LOOSE_LAYOUT),
    ):  # fmt: skip
        for value, kinds in values.items():
            add({name: value}, kinds, "loose")
    for name, numbers in (
        ("persons", wording_persons.COUNTS), ("traffic", wording_traffic.COUNTS),
        ("bicycles", wording_wheels.COUNTS_BICYCLES), ("trucks", wording_wheels.COUNTS_TRUCKS),
    ):  # fmt: skip
        for value, phrases in numbers.items():
            for counts, text in phrases.items():
                known = name == "persons"
                add({name: value}, {"counted": text}, "" if known else "loose", counts=counts if known else ())
    mirrored = ((GRAMMAR, "left", "right"), (MIRRORED, "right", "left"))
    add({"parked": "right"}, wording_parked.PARKED["left"], grammar=MIRRORED)
    add({"layout": "right-curve"}, wording_road.LAYOUT["left-curve"], grammar=MIRRORED)
    for value in ATTRIBUTES["left"]:
        for grammar, side, far in mirrored:
            add({side: value}, wording_sides.one_side(value), grammar=grammar)
            add({side: value, "parked": side}, joint.parked_beside(value), grammar=grammar)
            for other in ATTRIBUTES["left"]:
                add({side: value, far: other}, wording_sides.two_sides(value, other), grammar=grammar)
        add({"left": value, "right": value}, wording_sides.same_sides(value))
        add({"left": value, "right": value, "parked": "both"}, joint.parked_both_beside(value))
    for moving in ATTRIBUTES["traffic"]:
        for grammar, side, _ in mirrored:
            add({"parked": side, "traffic": moving}, joint.parked_and_moving("{cars_left}", moving), grammar=grammar)
        add({"parked": "both", "traffic": moving}, joint.parked_and_moving("{cars_both}", moving))
    add({"traffic": "none", "parked": "none"}, joint.CARLESS)
    add({"traffic": "none", "persons": "none"}, joint.DESERTED, "quiet")
    for names in joint.groups_of_absent():
        for order in permutations(names):
            add(dict.fromkeys(names, "none"), joint.absent(order))
    for value in ("few", "many"):
        add({"traffic": value, "persons": value}, joint.amount(value))
    return table


TABLE = _table()
"""Claims -> kind -> phrases. Sets of several claims are said at once."""

JOINT = [claims for claims in TABLE if len(claims) > 1]
