"""The words that captions are made of: what one can say of each value of each attribute, and how it is joined."""

NO_TRAFFIC = ("no traffic", "no traffic at all", "without traffic", "an empty carriageway", "empty of traffic")
"""Said of a street without cars on the carriageway where trucks and bicycles are missing too."""

CARLESS = ("no cars", "without cars", "no car in sight", "free of cars", "not a single car", "no cars anywhere")
"""Said of traffic and parked cars at once."""

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
        "houses on the left side",
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
            "a {road} turning left", "a curve to the left", "a left turn of the {road}",
            "a {road} that curves to the left", "a bend to the left", "a left curve", "a {road} swinging left",
        ),
        "right-curve": (
            "a {road} that bends to the right", "a right bend", "a right-hand curve", "a {road} curving right",
            "a {road} turning right", "a curve to the right", "a right turn of the {road}",
            "a {road} that curves to the right", "a bend to the right", "a right curve", "a {road} swinging right",
        ),
        "t-junction": (
            "a T-junction", "a {road} with a side street", "a T junction", "a {road} with one side road",
            "a three-way junction", "a {road} where a side street joins", "a T-intersection",
            "a three-way intersection", "a {road} with a turning off it", "a side street branching off the {road}",
        ),
        "crossing": (
            "a crossroads", "an intersection", "a four-way intersection", "a crossing", "a road crossing",
            "a four-way junction", "an intersection of two streets", "two streets crossing",
            "a street crossing another", "a four-way crossing", "an intersection with streets on either side",
        ),
    },
    "parked": {
        "none": (
            "no parked cars", "no cars parked", "without parked cars", "nobody parked along the kerb",
            "an empty kerb", "empty curbs", "free kerbs", "no vehicles parked at the side", "with no parked cars",
            "no cars at the kerb", "kerbs free of parked cars", "nothing parked at the roadside",
        ),
        "left": (
            "cars parked on the left", "parked cars on the left", "a row of parked cars on the left",
            "vehicles parked along the left kerb", "cars parked on the left-hand side",
            "a line of parked cars to the left", "the left kerb lined with cars", "parked cars to your left",
            "parked cars only on the left", "cars parked along the left side", "cars parked at the left curb",
            "cars parked on the left side", "a parking lane with cars on the left",
            "the left side lined with parked cars",
        ),
        "right": (
            "cars parked on the right", "parked cars on the right", "a row of parked cars on the right",
            "vehicles parked along the right kerb", "cars parked on the right-hand side",
            "a line of parked cars to the right", "the right kerb lined with cars", "parked cars to your right",
            "parked cars only on the right", "cars parked along the right side", "cars parked at the right curb",
            "cars parked on the right side", "a parking lane with cars on the right",
            "the right side lined with parked cars",
        ),
        "both": (
            "cars parked on both sides", "parked cars on both sides", "rows of parked cars on either side",
            "vehicles parked along both kerbs", "cars parked left and right", "both kerbs lined with cars",
            "parked cars on the left and right", "parked vehicles on either side", "cars parked along both sides",
            "cars at both curbs", "cars parked on each side", "parking lanes with cars on both sides",
            "parked cars on the left and on the right", "kerbs lined with parked cars on both sides",
        ),
    },
    "traffic": {
        "none": (
            "no moving cars", "no cars driving", "no cars on the road", "without car traffic", "no cars in the lanes",
            "a road free of cars", "without any cars driving", "no car traffic", "not one car driving", *NO_TRAFFIC,
        ),
        "few": (
            "little traffic", "light traffic", "a car or two on the road", "few moving cars", "few cars on the road",
            "a little traffic", "hardly any traffic", "a few cars driving", "one or two cars on the road",
            "quiet traffic", "sparse traffic", "not much traffic",
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
            "no one walking", "without people", "empty sidewalks", "no people in sight", "no walkers",
            "free of pedestrians",
        ),
        "few": (
            "a few people", "a few pedestrians", "up to three pedestrians", "few pedestrians", "just a few people",
            "some pedestrians", "only a few people", "a few persons walking", "a few walkers", "a few passers-by",
            "one to three pedestrians", "some people on foot", "a handful of people",
        ),
        "many": (
            "many people", "many pedestrians", "a crowd of people", "crowded pavements", "crowded sidewalks",
            "lots of people", "a lot of pedestrians", "plenty of walkers", "many persons on the sidewalks",
            "lots of folks walking", "numerous pedestrians", "busy sidewalks", "people everywhere", "a crowd",
            "at least five pedestrians",
        ),
    },
    "left": LEFT_PHRASES,
    "right": {
        value: tuple(words.replace("left", "right") for words in phrases) for value, phrases in LEFT_PHRASES.items()
    },
    "weather": {
        "clear": (
            "clear weather", "sunny weather", "a clear day", "bright sunshine", "a blue sky", "sunshine",
            "a sunny day", "a cloudless sky", "on a clear day", "under a blue sky", "in bright sunlight",
            "in fine weather",
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
            "a truck", "a lorry or van", "a large vehicle", "a truck or bus", "trucks", "a van or truck",
            "some trucks", "a bus, van or truck", "at least one truck", "lorries", "a big vehicle", "a heavy vehicle",
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
    "", "", "", "", "a photo of ", "a picture of ", "an image of ", "a view of ", "a scene with ", "generate ",
    "make me ", "I want ", "I'd like ", "show me ", "please make ", "create ", "draw ", "give me ",
    "a driver's view of ", "here is ", "3D scene of ", "a car's view of ", "we see ", "imagine ", "there is ",
)  # fmt: skip
LINKS = (" with ", ", ", ": ", " and ", ", with ", "; ", " - ", " featuring ", " that has ")
LISTS = (", ", ", ", ", ", "; ", " and ", " / ", ", and ", " with ", " plus ", ". ")

# Phrases that read wrongly after "with": they carry their own preposition.
ADVERBIAL = (
    "on a", "under", "in ", "at ", "while", "during", "between", "with", "lined", "built", "free of", "not ",
    "on the", "empty of", "deserted", "completely", "left:", "right:",
)  # fmt: skip
