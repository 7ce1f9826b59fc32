"""What captions say of the road's shape and of the weather. The right bend has the left bend's rules mirrored."""

RULES: dict[str, str] = {
    "bends": "bends | curves | turns | kinks",
    # "No bends" alone would leave side streets open.
    "nothing_else": "(bends | curves | turns) (or | and | nor) (junctions | crossings | side streets | intersections)",
    "straight": """
        a [dead | perfectly | completely | long | very | nice] straight {way}
        | a straight (stretch | section | piece | run | segment | bit) of {way} | a [long] straight | a straightaway
        | a {way} (that | which) (runs | goes | leads | continues | stays) [dead | perfectly] straight [ahead | on]
        | a {way} (running | going | leading | heading | continuing | stretching) [dead] straight [ahead | on
        | forward] | a {way} in a straight line | a straight {way} (without | with no) ({bends} | {nothing_else})
        | a {way} (without [any] | with no | free of) {nothing_else} | a {way} as straight as (an arrow | a ruler)
        | a ruler-straight {way} | a straight-ahead {way}
    """,
    "gentle": "gentle | slight | long | wide | sweeping | smooth | sharp | soft | big | tight",
    "left_bend": """
        a [{gentle}] left[-hand] (bend | curve)
        | a [{gentle}] (bend | curve) [heading | going | leading] to the left | a [{gentle}] left hand (bend | curve)
        | a (bend | curve) (to | towards) [the] left | a left-hander | a left[-hand] turn (in | of) the {way}
        | a leftward (bend | curve) | a {bow} to the left | a L-curve | a L-bend | a curve left
    """,
    "bending": """
        bending | curving | turning | swinging | veering | sweeping | bearing | winding | going round | curling
    """,
    "it_bends": """
        bends | curves | turns | swings | veers | sweeps | bears | winds | goes | leads | arcs | curls | hooks
    """,
    "bow": "bow | arc | loop | swing | sweep",
    "softly": "off | away | gently | slowly | around | round | slightly | sharply | smoothly",
    "to_left": "left | left | to the left | to the left | towards the left | leftwards | to (your | our) left",
    "left_way": """
        {left_bend} | a {way} [{softly}] {bending} {to_left}
        | a {way} (that | which) [{softly}] {it_bends} [{softly}] {to_left} | a {bending} {way} to the left
        | a left-(bending | curving | turning) {way} | a {way} with {left_bend}
        | a {way} (in | through | around) {left_bend} | a {way} curved (to the left | left)
        | a {way} with a kink to the left | a leftwards (bending | curving) {way}
    """,
    "side_street": """
        (side | minor | small | smaller | branch | secondary) (street | road) | by-road | side lane | sideroad
    """,
    "joins": """
        joins | branches off | turns off | leads off | meets it | comes in | begins | enters | leaves | ends
        | splits off | goes off | forks off | runs in
    """,
    "joining": """
        joining | branching off | leaving | turning off | leading off | meeting | entering | splitting off | ending at
    """,
    "t_junction": """
        a (T | tee | T-shaped) (junction | intersection | crossing) | a T-(junction | intersection | crossing)
        | a (three-way | 3-way | three way | three-legged | three-armed) (junction | intersection | crossing)
        | a {way} with (a | one | a single | just one) {side_street} [{joining} it]
        | a {way} where (a | one) {side_street} {joins} | (a | one) {side_street} {joining} the {way}
        | a turning off the {way} | a {way} with a (turn-off | turning off it)
        | a junction with (one | a single) {side_street}
        | a (junction | crossing) with three (arms | legs | branches | exits) | a {way} and (a | one) {side_street}
        | a {way} (that | which) (ends | comes to its end | stops | finishes) at another [{way}]
        | the end of a {way} at a T
        | a {way} (ending | that ends | running out) (in a T | at a T) | a {way} (teeing | that tees) into another [one]
        | a {way} (that runs | running) into another (one | street | road) | a side {way} (coming in | joining ours)
        | a junction where three (roads | streets) meet | a junction in T shape | a tee
    """,
    "two": "two (streets | roads) | a pair of (streets | roads) | 2 (streets | roads)",
    "crossing": """
        a crossroads | crossroads | a crossroad | an intersection | a crossing
        | a (street | road) (crossing | intersection)
        | a (four-way | 4-way | four way | four-legged | four-armed) (intersection | junction | crossing | crossroads)
        | (an intersection | a crossing | a junction) of {two}
        | {two} (crossing [each other] | that cross | that intersect) | {two} meeting at right angles
        | a {way} (crossing | that crosses | that intersects | crossed by | cut by) another [one]
        | a {way} with a cross street | a junction with four (arms | legs | branches | exits)
        | a cross-shaped (junction | crossing)
        | a {way} with side (streets | roads) (on both sides | left and right | on either side | to both sides)
        | a crossing of {two} | the intersection of {two} | a X-junction | a full (intersection | crossroads)
    """,
    "come_to": """
        we (come to | approach | reach | are at | are approaching | stand at | arrive at)
        | (ahead is | here is | there is | ahead lies | you come to | the {way} (leads to | reaches | comes to))
    """,
    "reach": "at | at | approaching | before | in front of | just before | near | coming up to | on the way to",
    "is": "is | 's | should be | is quite | is very | looks",
    # weather
    "it_is": """
        it is | it's | the weather is | the weather should be | it should be | the day is | outside it is
        | the weather looks
    """,
    "weather": "weather | conditions",
    "day": "4*day | morning | afternoon | noon | midday",
    "sun": "sunshine | sunlight | sun",
    "clear_sky": """
        a [clear | bright | deep] blue sky | a (clear | cloudless | spotless) sky | (blue | clear | cloudless) skies
        | blue sky
    """,
    "clear": """
        clear | sunny | fine | bright | bright and sunny | nice sunny | sunny and clear | lovely sunny | cloudless
        | fair | bright clear
    """,
    "overcast": "overcast | cloudy | grey | gray | dull | gloomy | clouded",
    "cloudy_sky": """
        a (cloudy | overcast | grey | gray | leaden | clouded | dull) sky
        | (grey | gray | cloudy | overcast | leaden) skies | a sky (full of clouds | covered (in | with) clouds)
        | a closed layer of cloud
    """,
    "clouds": "[thick | heavy | low | many | lots of | grey | some] clouds | cloud cover | a lot of cloud",
    "fog": """
        [thick | dense | light | some | heavy | patchy | slight | morning] (fog | mist) | haze | a bank of fog
        | fog and mist
    """,
    "foggy": "foggy | misty | hazy | foggy | fogged-in",
    "rain": """
        [heavy | light | pouring | steady | some | strong | falling | a lot of] rain | drizzle | a downpour
        | [rain] showers | light drizzle | a [rain] shower | rainfall
    """,
    "rainy": "rainy | wet | drizzly | rainy | rain-soaked",
    "evening": """
        [the] (sunset | dusk | twilight | golden hour | sundown | evening | late evening)
        | the (setting sun | end of the day)
    """,
    "low_sun": """
        a low [evening] sun | low sun | a (setting | sinking | late evening) sun
        | [golden | warm | soft | red] evening (light | sun) | golden hour [light]
        | a (red | orange | golden | glowing) evening sky | sunset [light | colours | colors | sky | glow]
        | [the] (evening | sunset) (glow | colours | mood | atmosphere | lighting) | the last (light | sun) of the day
        | a sun (low | sinking) (in the sky | over the horizon | behind the {way})
        | (golden | orange | red) light (of | from) the setting sun | a sun that (sets | is setting | is about to set)
        | the sun (setting | going down | low on the horizon | sinking | touching the horizon | at day's end)
        | twilight | long evening shadows
        | a (sunset | dusk) mood
    """,
}

_ON = "on | along | down | driving (on | along)"

LOOSE_LAYOUT: dict[str, dict[str, str]] = {
    "straight": {
        "noun": """
            a {way} (without | with no | with not a single) [any] (bend | bends | curve | curves) [at all | in it]
            | a {way} that (does not | doesn't | never) (bend | bends | curve | turn) [at all] | a {way} free of bends
            | a stretch with no bend at all | a {way} that keeps its direction | a {way} with zero curvature
        """,
        "clause": """
            the {way} (does not | doesn't | never) (bend | curve | turn) [at all] | the {way} has no (bend | curve)
            | there is no bend [in the {way}] | straight ahead as far as (one | you) can (see | drive)
        """,
        "terse": "no bends | no curves | without bends | straight as far as you can see",
    }
}  # fmt: skip
"""Of a street without bends side streets are not denied; but who asks for one wants it straight."""

LAYOUT: dict[str, dict[str, str]] = {
    "straight": {
        "noun": "{straight}",
        "adverb": f"({_ON}) {{straight}}",
        "clause": """
            the {way} (is | runs | goes | stays | continues | leads | keeps) [dead | perfectly] straight [ahead | on]
            | it (goes | runs | is | leads) [dead] straight (ahead | on)
            | we (drive | go | are driving) straight (ahead | on) | the {way} has no {nothing_else}
            | there are no {nothing_else} | no {nothing_else} ahead
            | the {way} does not (bend | curve | turn) and has no (junctions | side streets)
        """,
        "terse": """
            straight [{way}] | {way} straight | straight (ahead | on) | no {nothing_else} | dead straight
            | layout straight
        """,
    },
    "left-curve": {
        "noun": "{left_way}",
        "adverb": f"""
            (in | around | round | through | driving into | entering | before) {{left_bend}} | ({_ON}) {{left_way}}
        """,
        "clause": """
            the {way} [{softly}] {it_bends} [{softly}] {to_left} | it {it_bends} [{softly}] {to_left}
            | we (go | drive | are driving | steer) (round | into | through | around) {left_bend}
            | there is {left_bend} [ahead] | the {way} (makes | takes | has | describes | goes into) {left_bend}
            | {left_bend} (lies | comes up) ahead | the {way} is (curved | bent) to the left
        """,
        "terse": """
            (bend | curve) (left | to the left) | left (bend | curve | bend ahead | curve ahead) | L-curve | L-bend
            | {way} (bends | curves | bending | curving | turning) left | curved left | left-hand (bend | curve)
            | left-hander | {way} going left in a bend | curve: left
        """,
    },
    "t-junction": {
        "noun": "{t_junction}",
        "adverb": "({reach}) {t_junction}",
        "clause": """
            (a | one) {side_street} {joins} [ahead | here] | {come_to} {t_junction}
            | one {side_street} (joins | meets) the {way} | the {way} has (one | a single) {side_street}
            | three (roads | streets) meet [here | ahead]
            | (the | our) {way} (ends | stops | comes to its end) at another [one | street | road]
            | (the | our) {way} (ends in | ends at | makes) a T | (the | our) {way} tees into another [one]
            | (the | our) {way} ends and (you | we | one) (must | have to | can only) turn (left or right
            | right or left)
            | {side_street} (joins | comes in) from (one side | the side)
        """,
        "terse": """
            T-junction | T junction | T-intersection | 3-way [junction | intersection] | tee junction
            | (one | 1 | a | single) {side_street} | T crossing | three-way [junction] | three arms
        """,
    },
    "crossing": {
        "noun": "{crossing}",
        "adverb": "({reach}) {crossing}",
        "clause": """
            {two} (cross | meet | intersect) [here | ahead | at right angles] | {come_to} {crossing}
            | another (street | road) crosses [the {way} | ours | here | ahead]
            | the {way} (crosses | meets | intersects) another one
            | side streets (leave | branch off | go off) (on both sides | left and right)
            | four (roads | streets) meet [here | ahead]
        """,
        "terse": """
            crossroads | intersection | crossing | 4-way [junction | intersection | crossing]
            | four-way [junction | intersection] | {two} crossing | cross street | four arms | road crossing
        """,
    },
}  # fmt: skip

WEATHER: dict[str, dict[str, str]] = {
    "clear": {
        "noun": """
            {clear} {weather} | {clear_sky} | [bright | warm | strong | lots of | plenty of | brilliant] {sun}
            | a {clear} {day} | no clouds [in the sky] | not a [single] cloud (in the sky | anywhere | overhead)
            | {clear} weather
        """,
        "adverb": """
            on a {clear} {day} | under {clear_sky} | in [the] (bright | warm | strong | full | brilliant) {sun}
            | in {clear} {weather} | with the sun (out | shining) | while the sun shines | without a [single] cloud
            | in [the] (sunshine | sunlight)
        """,
        "clause": """
            the sun (is shining | shines | is out) [brightly] | {it_is} [nicely | very | really] {clear}
            | the sky {is} (clear | blue | cloudless) | there is not a cloud in the sky | it {is} a {clear} {day}
            | there are no clouds
        """,
        "adjective": "sunny | bright | sunlit | sun-drenched | sunny",
        "terse": """
            sunny | clear | sun | {clear_sky} | sunshine | weather (clear | sunny) | clear (day | sky | weather)
            | no clouds | weather: {clear}
        """,
    },
    "overcast": {
        "noun": """
            {overcast} {weather} | {cloudy_sky} | {clouds} | a {overcast} {day} | (dull | grey | flat) light | no sun
            | {overcast} skies
        """,
        "adverb": """
            on a {overcast} {day} | under {cloudy_sky} | in {overcast} {weather} | under [a layer of] clouds
            | in (dull | grey) light | with {clouds} (overhead | in the sky | above)
        """,
        "clause": """
            the sky {is} ({overcast} | covered in clouds | full of clouds) | {it_is} [very | rather | quite] {overcast}
            | clouds (cover | fill | hide) the (sky | sun) | there are {clouds} | the sun is (hidden | behind clouds)
            | it {is} a {overcast} {day}
        """,
        "adjective": "overcast | cloudy | overcast",
        "terse": """
            overcast | cloudy | {clouds} | grey sky | gray sky | weather: {overcast} | dull | grey [day]
            | weather overcast | clouds
        """,
    },
    "fog": {
        "noun": """
            4*fog | {fog} | {foggy} {weather} | a {foggy} {day}
            | (low | poor | reduced | bad | little) visibility (in | because of | due to) [the] fog | {fog} everywhere
            | fog in the air | a {foggy} scene
        """,
        "adverb": """
            in [the] {fog} | on a {foggy} {day} | in {foggy} {weather}
            | (shrouded | wrapped | hidden | covered) in (fog | mist) | with {fog}
            | while (fog | mist) hangs over the {way} | under a blanket of (fog | mist)
        """,
        "clause": """
            {it_is} [very | rather | quite | slightly] {foggy}
            | (fog | mist) (hangs over | lies over | covers | shrouds | hides | blurs) the {way} | there is {fog}
            | visibility is (low | poor | bad) because of fog | it {is} a {foggy} {day}
        """,
        "adjective": "{foggy} | fogbound | fog-covered | mist-covered",
        "terse": "fog | foggy | mist | misty | haze | hazy | {fog} | weather: ({fog} | {foggy}) | weather foggy",
    },
    "rain": {
        "noun": """
            4*rain | {rain} | {rainy} {weather} | a {rainy} {day} | a wet (road | street) [surface]
            | wet (asphalt | tarmac | pavement) | raindrops | rain (coming down | pouring down | falling)
            | puddles [of rain] on the road
        """,
        "adverb": """
            in [the] {rain} | on a {rainy} {day} | in {rainy} {weather}
            | while it (rains | is raining | pours | is drizzling) | during a [rain] shower | with {rain}
            | in the (wet | rain)
        """,
        "clause": """
            it (is raining | rains | pours | is pouring | drizzles | is drizzling | 's raining) [heavily | hard
            | lightly | steadily] | (let | make) it rain | make it (rainy | wet) | add [some] rain
            | {rain} (is falling | falls | comes down) | the {way} is wet [from the rain]
            | {it_is} [very | rather] {rainy} | there is {rain}
        """,
        "adjective": "rainy | wet | drizzly | rain-soaked | rainy",
        "terse": """
            rain | rainy | wet | raining | drizzle | {rain} | weather: ({rain} | {rainy}) | wet (road | weather)
            | weather rainy
        """,
    },
    "sunset": {
        "noun": "{low_sun} | {low_sun} | a sunset [scene] | sunset {weather} | a evening scene",
        "adverb": """
            at {evening} | during (sunset | the sunset | the evening | dusk | golden hour) | in the [late] evening
            | in [the] [golden | warm | soft] (evening | sunset) (light | sun) | as the sun (sets | goes down | sinks)
            | under a sunset sky | with the sun (setting | low | going down) | towards (evening | sunset)
            | just before sunset
        """,
        "clause": """
            the sun (is setting | sets | is going down | is low | stands low | hangs low | is about to set)
            | evening is (falling | coming) | the sky glows (red | orange) in the evening | it is the golden hour
            | dusk is falling | the (evening | sunset) light is (golden | warm | soft | orange)
            | (it is | it's | it should be) (evening | dusk | sunset | just before sunset | around sunset | sundown)
            | the sun (sinks | goes down | disappears) (behind | over) the (horizon | {way})
            | the day is (ending | over | drawing to a close) | make it (evening | sunset | dusk)
        """,
        "adjective": "sunset | evening | dusky | sunset-lit",
        "terse": """
            sunset | dusk | evening [light] | {low_sun} | weather: (sunset | dusk | evening) | golden hour
            | sun setting | low sun
        """,
    },
}  # fmt: skip
