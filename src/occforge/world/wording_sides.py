"""What captions say of the two sides of the street: side words, what stands there, and how both go together.

Rules speak of the left side; the right side has the same rules mirrored.
"""

RULES: dict[str, str] = {
    "way": "6*road | 6*street | roadway | (lane | avenue | boulevard | highway | carriageway | route)",
    "kerb": "kerb | curb",
    "at_left": """
        12*on the left | 2*on the left (side | hand side) | on the left-hand side | 5*to the left | at [the] left
        | on (your | my | our) left | to (your | my | our | the) left | on left | [on the] left-hand side
        | on the left (side of the | of the) {way} | (to the left | left) of the {way} | on the left flank
        | along the left [edge | side | flank | side of the {way}] | (down | all along) the left [side] | left side
        | (at | by | beside) the left (edge | side | roadside) [of the {way}] | on the port side | over on the left
        | on the left as (you | we) drive | in the left half of the picture | lhs | on the lhs
    """,
    "the_left": """
        the left | the left side | the left-hand side | the left flank | the left edge | the left roadside
        | (your | our | my) left [side] | the left side of the {way} | the left hand side | the port side
    """,
    "at_both": """
        10*on both sides | 3*on either side | on each side | either side | both sides | 3*left and right
        | on the left and [on] the right | to the left and [to the] right | on both sides of the {way}
        | on either side of the {way} | along both (sides | edges | flanks) | to both sides | to either side
        | both left and right | on the left as well as on the right | each side | left as well as right
        | right and left | all along both sides | at both (sides | edges) of the {way} | beside the {way} on both sides
    """,
    "both": "both sides [of the {way}] | either side | each side | the left and the right | both edges of the {way}",
    "far": """
        on the other [side] | opposite | across the {way} | on the opposite side | facing (them | it) | over the {way}
        | on the far side | vis-a-vis | opposite them
    """,
    "line": "line | border | flank | edge | frame | stand along | run along | stretch along | bound",
    "lined_with": """
        lined with | bordered by | flanked by | edged with | full of | framed by | occupied by | covered with
        | taken up by | dominated by | lined by | bordered with
    """,
    "has": "has | shows | features | holds | consists of | is | is all | has got | offers | contains",
    "stand": "stand | are | rise | can be seen | we have | there are | you see | I see | come",
    "stands": "stands | is | we have | there is | you see | I see | lies | comes | runs",
    # buildings
    "tall": "tall | low | old | new | big | small | brick | modern | large | grey | residential",
    "lots": "many | several | lots of | a lot of | plenty of | dense",
    "homes": "houses | buildings | homes | houses | buildings",
    "buildings_many": """
        12*houses | 12*buildings | [{lots}] [{tall}] {homes}
        | [{tall}] (apartment (blocks | buildings | houses) | flats) | blocks of flats
        | [{tall}] (terraced houses | terraces | town houses | townhouses | row houses | terrace houses)
        | [{tall}] (facades | house fronts | building fronts | house facades | frontages) | shops | shop fronts
        | storefronts | offices | office (buildings | blocks) | shops and (houses | flats) | dwellings | tenements
        | factories | [{tall}] (warehouses | factory halls | halls | stores | blocks | mansions | skyscrapers | towers)
        | cottages | villas | rowhouses | detached houses | family homes | rows of {homes}
        | (houses and (shops | apartments | offices)) | high-rises | brownstones | residences | bungalows
    """,
    "buildings_one": """
        a [{tall}] (row | line | terrace | block | wall | string) of {homes} | housing
        | a [{tall}] (building | house) front | a block of flats | a housing estate | a [long] terrace | a building
        | a wall of facades | an apartment (block | building) | a row of (homes | shops | terraced houses | facades)
        | urban housing | a built-up (area | strip | plot) | urban development | a street front | a house
        | a house wall | a (factory | warehouse | school | church | town hall | supermarket | hotel | shopping centre)
        | a (block | row | line) of (shops | stores | flats | offices | villas | cottages)
    """,
    "buildings_like": """
        built-up | built up | urban | fully built | developed | densely built | built on | residential | housed
        | {lined_with} {buildings_many}
    """,
    # vegetation
    "green": "tall | big | old | green | dense | leafy | lush | thick | large",
    "species": """
        oaks | poplars | pines | conifers | birches | firs | spruces | willows | maples | beeches | chestnuts | limes
        | ([lime | oak | pine | poplar | fruit | apple | fir | plane] trees) | evergreens | oaks and (pines | birches)
    """,
    "vegetation_many": """
        25*trees | [{lots}] [{green}] trees | [{green}] (bushes | shrubs | hedges | hedgerows | plants) | woods
        | trees and (bushes | shrubs | hedges | plants) | (bushes | hedges | shrubs) and trees | rows of trees
        | 3*[{lots}] [{green}] {species} | trees or (hedges | bushes) | tree trunks | leafy trees
        | rows of (hedges | shrubs) | woods and hedges
    """,
    "vegetation_one": """
        6*greenery | 4*vegetation | a [{green}] (row | line | belt | strip | wall | group | stand) of trees | woodland
        | a [small] (wood | forest | grove | copse | thicket | park) | forest | [lush | dense | green] foliage
        | parkland | a [{green}] (hedge | hedgerow | tree line) | undergrowth | a wooded (area | strip | slope)
        | lots of greenery | a leafy (strip | belt | edge) | shrubbery | a strip of woodland
        | plenty of (trees | greenery) | a park with trees | bush | plant life | a treeline | an avenue of trees
        | forest edge | a patch of (woodland | forest) | an orchard | a [{green}] (thicket | shrubbery)
        | a [{green}] (row | line | wall | stand | group) of ({species} | bushes | shrubs | greenery)
        | a garden of trees
        | a jungle of (green | plants) | brushwood | a plantation
    """,
    "vegetation_like": """
        wooded | leafy | tree-lined | forested | planted with trees | overgrown | shaded by trees | green with trees
        | densely wooded | full of (trees | greenery | bushes) | {lined_with} {vegetation_many}
    """,
    # open
    "wide": "wide | open | green | grassy | empty | flat | broad | wide open | large",
    "open_many": """
        12*fields | 4*meadows | [{wide}] (fields | meadows | pastures) | open spaces | fields and meadows | farm fields
        | [{wide}] (plains | prairies | lawns | grasslands) | (wheat | corn | potato | grass) fields
        | (vacant | empty | bare) (lots | plots) | grass fields | paddocks | open views | open lots | fields of grass
    """,
    "open_one": """
        5*open (land | ground | space | country | countryside | terrain | grassland | landscape)
        | a [{wide}] (field | meadow | pasture) | grass | grassland | farmland | countryside | a [{wide}] plain
        | an open (area | space | field | view | lot) | a wide open (field | space | area | view) | pasture
        | a (grassy | flat | empty) (area | plain | field | patch) | flat open land
        | a stretch of (grass | open land | meadow) | nothing built | empty land | undeveloped land | unbuilt land
        | a free view | bare ground | rural (land | fields) | rural countryside | meadow land
        | a [{wide}] (lawn | prairie | heath | steppe | savannah | moor) | a (wheat | corn | stubble | fallow) field
        | (fallow | barren | vacant | bare | waste) (land | ground) | grass as far as (the eye reaches | you can see)
        | grassy emptiness | emptiness | a (vacant | bare) (lot | plot) | an expanse of (grass | fields)
        | just (grass | fields) | only (grass | fields) | agricultural land | cropland
        | clear ground
    """,
    "open_like": """
        open | wide open | all open | unbuilt | undeveloped | not built on | open and (empty | grassy | flat) | farmed
        | free of (buildings | houses) and (trees | woods) | bare | open country | open grassland
        | clear of buildings and trees | {lined_with} {open_many}
    """,
}

NEGATIVES: dict[str, str] = {
    "buildings": "no trees[,] (only | but | just) {buildings_many} {at_left} | {buildings_many}, not trees, {at_left}",
    "vegetation": """
        no (houses | buildings)[,] (only | but | just) {vegetation_many} {at_left}
        | {vegetation_many} (rather than | instead of | and no) (houses | buildings) {at_left}
    """,
    "open": """
        no (houses | buildings) (or | and no | nor | and) (trees | woods | forest) {at_left}
        | neither (houses | buildings) nor (trees | woods | bushes) {at_left}
        | nothing [at all] {at_left} but (grass | fields) | {at_left} (no buildings | no houses) and no trees
        | nothing built or planted {at_left} | nothing (but | except) (grass | open land | fields) {at_left}
    """,
}

THINGS: dict[str, str] = {value: f"{{{value}_many}} | {{{value}_one}}" for value in ("buildings", "vegetation", "open")}


def one_side(value: str) -> dict[str, str]:
    """The kinds of phrase for what stands on the left."""
    many, one, like = (f"{{{value}_{form}}}" for form in ("many", "one", "like"))
    things = f"({many} | {one})"
    return {
        "noun": f"""
            {things} {{at_left}} | {things} {{at_left}} | (a | the) left side {{lined_with}} {things}
            | a left side with {things} | {things} (lining | bordering | flanking | along) {{the_left}}
            | a left [side] that is {like} | {NEGATIVES[value]} | only {many} {{at_left}}
            | nothing but {things} {{at_left}}
        """,
        "adverb": f"""
            {{at_left}} {things} | with {things} {{at_left}}
            | (lined with | bordered by | flanked by) {things} {{at_left}} | with {{the_left}} {like}
            | with {things} (as its left edge | for its left side) | {like} {{at_left}}
        """,
        "clause": f"""
            {{at_left}} {{stand}} {many} | {{at_left}} {{stands}} {one} | {{the_left}} {{has}} {things}
            | {{the_left}} (is | should be | looks) {like} | {many} {{line}} {{the_left}}
            | there are {many} {{at_left}} | there is {one} {{at_left}}
            | {many} (stand | are | can be seen) {{at_left}} | {one} (is | can be seen) {{at_left}}
            | (it is | it's) {like} {{at_left}} | {many} should be {{at_left}} | put {things} {{at_left}}
        """,
        "terse": f"""
            left {things} | left: {things} | left side: {things} | {things} left | {things} \\(left\\) | left = {things}
            | left - {things} | {things} {{at_left}} | L: {things} | lhs {things} | left {like} | left is {like}
            | left side {like} | {things} on left | left-hand {things} | {things}, left side | left hand {things}
            | left: {like} | {things} - left
        """,
    }  # fmt: skip


def two_sides(left: str, right: str) -> dict[str, str]:
    """The kinds of phrase for both sides, the left one first; mirrored, they put the right side first."""
    one, other = (f"({THINGS[value]})" for value in (left, right))
    like, unlike = (f"{{{value}_like}}" for value in (left, right))
    return {
        "noun": f"""
            {one} {{at_left}} (and | , | , and | but | while there are | ; | with) {other} {{at_right}}
            | {one} {{at_left}} (and | , | with | but | , and) {other} {{far}}
            | {one} on one side \\(left\\) (and | , and | , | but | , but) {other} on the other [\\(right\\)]
            | {one} {{at_left}}, {{at_right}} {other} | a left side with {one} and a right [side] with {other}
            | a {like} left [side] and a {unlike} right [side] | one side {one} \\(left\\), the other {other}
            | {one} {{at_left}}, {other} {{at_right}}
        """,
        "adverb": f"""
            between {one} {{at_left}} and {other} {{at_right}} | with {one} {{at_left}} and {other} {{at_right}}
            | {{at_left}} {one} (and | , and | , | but | , but) {{at_right}} {other}
            | flanked by {one} {{at_left}} and {other} {{at_right}} | with {one} to its left and {other} to its right
            | that has {one} {{at_left}} and {other} {{far}}
        """,
        "clause": f"""
            {{the_left}} {{has}} {one} (and | , and | , | but | , but | while | , while | whereas
            | , whereas) {{the_right}} {{has}} {other}
            | {{the_left}} is {like} (and | , and | , | but | , but | while | , while) {{the_right}} [is] {unlike}
            | {{at_left}} there (is | are) {one} (and | , and | , | but | , but) {{at_right}} [there is] {other}
            | there are {one} {{at_left}} and {other} {{at_right}} | {{at_left}} we see {one}, {{at_right}} {other}
            | one side, the left, {{has}} {one}; the other [one] {{has}} {other}
            | {one} {{line}} {{the_left}} (and | , and | , | while | , while) {other} {{the_right}}
        """,
        "terse": f"""
            {one} left, {other} right | left {one}, right {other} | left: {one}, right: {other} | L: {one} R: {other}
            | {one} \\(left\\), {other} \\(right\\) | {one} left and {other} right | left {one} / right {other}
            | left side {one}, right side {other} | left {like}, right {unlike} | {one} on left, {other} on right
            | left = {one}, right = {other} | {one} left + {other} right | left is {like}, right is {unlike}
            | left: {like}, right: {unlike} | lhs {one}, rhs {other}
        """,
    }  # fmt: skip


_SAME_ADJECTIVE = {
    "buildings": "built-up | densely built | fully built-up",
    "vegetation": "tree-lined | wooded | leafy | forested",
    "open": "wide-open | unbuilt",
}
_SAME_THROUGH = {
    "buildings": """
        through a (built-up | densely built | housing) area | through a housing estate | in a built-up area
        | between (houses | buildings | rows of houses | house fronts | facades | apartment blocks)
        | in an urban canyon [of houses]
    """,
    "vegetation": """
        through [a | the] (forest | woodland | park | woods) | through [the] (trees | greenery)
        | between (trees | hedges | rows of trees) | in (a | the) (forest | woods)
        | in the middle of (a | the) (forest | woods) | in [a] parkland | under trees on both sides
    """,
    "open": """
        through [open | wide] (fields | meadows | grassland | countryside | farmland)
        | in open (countryside | country | land) | between (fields | meadows | pastures)
        | across (open land | a plain | open fields) | in the middle of [open] fields | in the [open] countryside
    """,
}


def same_sides(value: str) -> dict[str, str]:
    """The kinds of phrase for both sides at once where they are alike."""
    many, like = f"{{{value}_many}}", f"{{{value}_like}}"
    things = f"({THINGS[value]})"
    return {
        "noun": f"""
            {things} {{at_both}} | {things} {{at_both}} | {things} lining {{both}} | both sides {{lined_with}} {things}
            | (two sides | both sides) with {things} | {many} everywhere beside the {{way}} | {many} all around
            | {many} [both] left and right | {things} along the whole {{way}} {{at_both}} | only {many} {{at_both}}
        """,
        "adverb": f"""
            lined with {many} {{at_both}} | (flanked | bordered | framed | edged) by {things} [{{at_both}}]
            | between {many} {{at_both}} | with {things} {{at_both}} | {{at_both}} {things} | surrounded by {many}
            | {_SAME_THROUGH[value]} | with {{both}} {like} | sandwiched between {many}
        """,
        "clause": f"""
            {many} {{line}} {{both}} | {{both}} {{lined}} {things} | there are {many} {{at_both}}
            | there is {things} {{at_both}} | both sides (are | look | should be) {like}
            | {{at_both}} (there are | stand | we see | you see) {many} | {many} (stand | are) {{at_both}}
            | the {{way}} (runs | goes | leads | passes) ({_SAME_THROUGH[value]})
            | neither side has anything but {many}
        """.replace("{lined}", "(have | show | are lined with | are flanked by | consist of | feature)"),
        "terse": f"""
            {things} both sides | both sides {things} | both sides: {things} | {things} left and right | {things} L+R
            | {things} either side | left and right {things} | {things} left + right | left + right: {things}
            | {like} both sides | left and right: {like} | {things} l and r | {things} each side
            | {_SAME_ADJECTIVE[value]}
        """,
        "adjective": _SAME_ADJECTIVE[value],
    }  # fmt: skip
