"""What a prompt can ask for: named scene attributes, shared by captions, text encoder and scores.

`UNSPECIFIED` means that a caption says nothing about an attribute. Left and right are as the driver sees them.
"""

UNSPECIFIED = "unspecified"

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "layout": ("straight", "left-curve", "right-curve", "t-junction", "crossing"),
    "parked": ("none", "left", "right", "both"),
    "traffic": ("none", "few", "many"),
    "persons": ("none", "few", "many"),
    "left": ("buildings", "vegetation", "open"),
    "right": ("buildings", "vegetation", "open"),
    "bicycles": ("none", "some"),
    "trucks": ("none", "some"),
    "weather": ("clear", "overcast", "fog", "rain", "sunset"),
}
"""Attribute name -> its values. `parked`: cars standing at the kerb. `traffic`: cars on the carriageway, none 0,
few 1-2, many 3 or more. `persons`: none 0, few 1-3, many 5 or more. `left`/`right`: what mainly stands beside the
road there. `bicycles`, `trucks`: none 0, some 1 or more (trucks include buses and vans). `weather` changes only
the colour pictures."""

ROOM_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "room": ("bedroom", "living-room", "office", "kitchen", "dining-room"),
    "bed": ("none", "some"),
    "sofa": ("none", "some"),
    "tables": ("none", "one", "several"),
    "chairs": ("none", "few", "many"),
    "screen": ("none", "tv", "monitor"),
    "window": ("none", "left", "ahead", "right", "several"),
    "light": ("daylight", "evening", "lamps"),
}
"""The same for rooms. `tables`: desks and coffee tables count. `chairs`: none 0, few 1-2, many 4 or more; armchairs and
stools count. `window`: the wall that has one, several where more than one has. `light`: from the windows by day, at
dusk with lamps on, or from lamps at night; it changes only the colour pictures."""
