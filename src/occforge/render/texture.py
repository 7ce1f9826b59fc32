"""The colour of every point of every kind of material, fixed to the world and to the thing it belongs to.

Every function returns `(red, green, blue, gloss, shine)`: linear albedo, mirror-likeness 0-1 and light of its own.
`pixel_m` is the size of a pixel at the point: detail smaller than that fades instead of flickering. Lengths are
metres; `u` runs along a wall, `h` upwards from a part's bottom.
"""

import math

from numpy.typing import NDArray

from occforge.render._compiled import per_ray
from occforge.render.noise import fractal2, hash3, value2, value3
from occforge.render.parts import BOTTOM, CENTRE_X, CENTRE_Y, COS, HALF_LENGTH, HALF_WIDTH, LUCK, SIN, TOP

Texel = tuple[float, float, float, float, float]


@per_ray
def _seen(detail_m: float, pixel_m: float) -> float:
    """How much of a detail is left at a pixel size: 1 when the pixel is small, 0 when it swallows the detail."""
    return min(max(1.6 - pixel_m / detail_m, 0.0), 1.0)


@per_ray
def _scaled(r: float, g: float, b: float, by: float, gloss: float, shine: float) -> Texel:
    return r * by, g * by, b * by, gloss, shine


@per_ray
def asphalt(x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Grain, patches, stains and the odd crack."""
    patch = fractal2(x * 0.35, y * 0.35, seed + 11, 3) - 0.5
    grain = (value2(x * 38.0, y * 38.0, seed + 12) - 0.5) * _seen(0.03, pixel_m)
    speck = (value2(x * 9.0, y * 9.0, seed + 13) - 0.5) * _seen(0.12, pixel_m)
    by = 1.0 + 0.42 * patch + 0.42 * grain + 0.16 * speck
    if value2(x * 0.11 + 5.0, y * 0.11, seed + 16) > 0.62:
        crack = abs(fractal2(x * 0.45 + 40.0, y * 0.45, seed + 14, 4) - 0.5)
        if crack < 0.004:
            by *= 1.0 - 0.30 * _seen(0.04, pixel_m)
    if hash3(math.floor(x / 5.3), math.floor(y / 2.1), seed + 15) > 0.93:  # a repaired stretch
        by *= 0.84
    warm = 1.0 + 0.06 * patch
    return base[0] * by * warm, base[1] * by, base[2] * by / warm, 0.04, 0.0


@per_ray
def paving(x: float, y: float, base: NDArray, slab_m: float, pixel_m: float, seed: int) -> Texel:
    """Slabs with joints, each of its own tint."""
    row = math.floor(y / slab_m)
    x += 0.5 * slab_m * (int(row) % 2)
    column = math.floor(x / slab_m)
    tint = (hash3(int(column), int(row), seed + 21) - 0.5) * _seen(slab_m, pixel_m)
    u, v = x / slab_m - column, y / slab_m - row
    joint = min(min(u, 1.0 - u), min(v, 1.0 - v)) * slab_m
    by = 1.0 + 0.20 * tint + 0.30 * (fractal2(x * 0.6, y * 0.6, seed + 22, 3) - 0.5)
    by += 0.22 * (value2(x * 30.0, y * 30.0, seed + 23) - 0.5) * _seen(0.04, pixel_m)
    if joint < 0.016 + 0.3 * pixel_m:
        by *= 1.0 - 0.40 * _seen(0.05, pixel_m)
    return _scaled(base[0], base[1], base[2], by, 0.03, 0.0)


@per_ray
def grass(x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Green with dry and bare places."""
    dry = fractal2(x * 0.22, y * 0.22, seed + 31, 4)
    tuft = value2(x * 4.0, y * 4.0, seed + 32) - 0.5
    blade = (value2(x * 24.0, y * 24.0, seed + 33) - 0.5) * _seen(0.05, pixel_m)
    clump = (value2(x * 11.0, y * 11.0, seed + 34) - 0.5) * _seen(0.10, pixel_m)
    by = 1.0 + 0.45 * tuft + 0.75 * blade + 0.45 * clump
    mix = min(max((dry - 0.50) * 3.0, 0.0), 0.75)
    red = base[0] * (1.0 - mix) + 0.24 * mix
    green = base[1] * (1.0 - mix) + 0.195 * mix
    blue = base[2] * (1.0 - mix) + 0.085 * mix
    return _scaled(red, green, blue, max(by, 0.25), 0.0, 0.0)


@per_ray
def gravel(x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Beaten earth and stones."""
    by = 1.0 + 0.45 * (fractal2(x * 0.7, y * 0.7, seed + 41, 4) - 0.5)
    by += 0.55 * (value2(x * 22.0, y * 22.0, seed + 42) - 0.5) * _seen(0.05, pixel_m)
    return _scaled(base[0], base[1], base[2], by, 0.0, 0.0)


@per_ray
def foliage(x: float, y: float, z: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Leaves: a tone per tree, mottled by sprays and leaves."""
    tree = value2(x / 5.0, y / 5.0, seed + 51)
    spray = value3(x * 2.3, y * 2.3, z * 2.3, seed + 52) - 0.5
    leaf = (value3(x * 14.0, y * 14.0, z * 14.0, seed + 53) - 0.5) * _seen(0.09, pixel_m)
    by = (0.75 + 0.65 * tree) * max(1.0 + 0.7 * spray + 0.9 * leaf, 0.2)
    warm = 0.75 + 0.75 * value2(x / 3.7 + 9.0, y / 3.7, seed + 54)
    return base[0] * by * warm, base[1] * by, base[2] * by * (1.6 - 0.6 * warm), 0.0, 0.0


@per_ray
def bark(x: float, y: float, z: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Vertical ridges."""
    ridge = (value3(x * 26.0, y * 26.0, z * 4.0, seed + 61) - 0.5) * _seen(0.05, pixel_m)
    by = 1.0 + 1.0 * ridge + 0.5 * (value3(x * 5.0, y * 5.0, z * 2.0, seed + 62) - 0.5)
    return _scaled(base[0], base[1], base[2], by, 0.0, 0.0)


@per_ray
def fence(u: float, z: float, x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Boards, rendered wall or wire, changing every dozen metres."""
    style = hash3(math.floor(x / 13.0), math.floor(y / 13.0), seed + 71)
    worn = 0.75 + 0.5 * fractal2(u * 0.8, z * 0.8 + 7.0, seed + 72, 3)
    if style < 0.55:
        board = math.floor(u / 0.14)
        inside = u / 0.14 - board
        by = worn * (0.8 + 0.4 * hash3(int(board), 3, seed + 73))
        if inside < 0.12:
            by *= 1.0 - 0.6 * _seen(0.14, pixel_m)
        return _scaled(base[0], base[1], base[2], by, 0.0, 0.0)
    if style < 0.8:
        grit = 1.0 + 0.25 * (value2(u * 14.0, z * 14.0, seed + 74) - 0.5) * _seen(0.07, pixel_m)
        return _scaled(0.42, 0.40, 0.36, worn * grit, 0.0, 0.0)
    slat = 0.65 if (z / 0.11) % 1.0 < 0.2 + 0.2 * _seen(0.11, pixel_m) else 1.0
    return _scaled(0.10, 0.135, 0.11, worn * slat, 0.05, 0.0)


@per_ray
def _plaster(luck: float) -> tuple[float, float, float]:
    tone = int(luck * 8.0)
    if tone == 0:
        return 0.60, 0.55, 0.45
    if tone == 1:
        return 0.55, 0.43, 0.29
    if tone == 2:
        return 0.62, 0.60, 0.56
    if tone == 3:
        return 0.50, 0.35, 0.27
    if tone == 4:
        return 0.46, 0.47, 0.46
    if tone == 5:
        return 0.58, 0.50, 0.33
    if tone == 6:
        return 0.40, 0.44, 0.46
    return 0.66, 0.63, 0.56


@per_ray
def roof(x: float, y: float, z: float, part: NDArray, pixel_m: float, seed: int) -> Texel:
    """Clay or slate tiles."""
    luck = (part[LUCK] * 17.0) % 1.0
    row = (value2(x * 1.5, y * 1.5, seed + 81) - 0.5) * 0.3
    rib = (value3(x * 9.0, y * 9.0, z * 9.0, seed + 82) - 0.5) * _seen(0.15, pixel_m) * 0.35
    by = 1.0 + row + rib
    if luck < 0.55:
        return _scaled(0.30, 0.125, 0.075, by, 0.0, 0.0)
    if luck < 0.85:
        return _scaled(0.11, 0.115, 0.13, by, 0.04, 0.0)
    return _scaled(0.22, 0.20, 0.18, by, 0.0, 0.0)


@per_ray
def facade(u: float, h: float, wall: int, part: NDArray, pixel_m: float, lamps: float, seed: int) -> Texel:
    """A house front: plaster or brick, plinth, windows with frames and sills, doors. `wall` numbers the wall."""
    own = part[LUCK]
    house = 0
    if part[HALF_LENGTH] > 9.0:  # a long building is a row of houses
        width = 7.5 + 4.0 * own
        house = math.floor(u / width)
        own = hash3(house, int(own * 1e6), seed + 91)
    r, g, b = _plaster((own * 5.0) % 1.0)
    storey = 2.75 + 0.5 * ((own * 11.0) % 1.0)
    pitch = 2.1 + 1.3 * ((own * 23.0) % 1.0)
    glass_w = pitch * (0.36 + 0.22 * ((own * 31.0) % 1.0))
    glass_h = storey * (0.44 + 0.14 * ((own * 41.0) % 1.0))
    stain = fractal2(u * 0.45, h * 0.22 + wall * 3.1, seed + 92, 3) - 0.5
    by = 1.0 + 0.22 * stain + 0.10 * (value2(u * 16.0, h * 16.0, seed + 93) - 0.5) * _seen(0.06, pixel_m)
    if (own * 53.0) % 1.0 < 0.34:  # brick
        course = math.floor(h / 0.085)
        stone = math.floor(u / 0.25 + 0.5 * (int(course) % 2))
        tint = (hash3(int(stone), int(course), seed + 94) - 0.5) * _seen(0.12, pixel_m)
        r, g, b = 0.33 + 0.08 * own, 0.155 + 0.05 * own, 0.105 + 0.03 * own
        by *= 1.0 + 0.35 * tint
        if h / 0.085 - course < 0.16:
            by *= 1.0 + 0.25 * _seen(0.06, pixel_m)
    if h < 0.55:
        r, g, b = 0.5 * r + 0.08, 0.5 * g + 0.08, 0.5 * b + 0.08
    cell = math.floor(u / pitch)
    level = math.floor((h - 0.15) / storey)
    du = u - (cell + 0.5) * pitch
    dh = (h - 0.15) - level * storey - 0.55 * storey
    if h < 0.15 or level < 0:
        return _scaled(r, g, b, by * 0.8, 0.0, 0.0)
    dice = hash3(int(cell) * 7 + wall, int(level), seed + 95)
    if level == 0 and dice < 0.16 and abs(du) < 0.5 and h < 2.2:
        if abs(du) > 0.43 or h > 2.12:
            return 0.5, 0.48, 0.44, 0.0, 0.0
        return _scaled(0.10 + 0.16 * own, 0.07 + 0.05 * own, 0.05, by, 0.1, 0.0)
    half_w, half_h = 0.5 * glass_w, 0.5 * glass_h
    if level == 0 and (own * 67.0) % 1.0 < 0.22:  # a shop
        half_w, half_h = 0.44 * pitch, 0.38 * storey
    beside, above = abs(du) - half_w, abs(dh) - half_h
    if beside > 0.16 or above > 0.16:
        band = (h - 0.15) - level * storey
        if band < 0.12 and level > 0 and (own * 71.0) % 1.0 < 0.5:
            by *= 1.12
        return _scaled(r, g, b, by, 0.0, 0.0)
    if beside > 0.0 or above > 0.0:
        if dh < 0.0 and above > 0.0 and above < 0.10 and beside < 0.10:
            return 0.55, 0.54, 0.51, 0.0, 0.0  # the sill
        surround = (own * 83.0) % 1.0 < 0.6 and beside < 0.12 and above < 0.12
        if surround:
            return _scaled(0.5 * r + 0.30, 0.5 * g + 0.29, 0.5 * b + 0.27, by, 0.0, 0.0)
        return _scaled(r, g, b, by, 0.0, 0.0)
    bar = 0.045 + 0.35 * pixel_m * _seen(0.3, pixel_m)
    if beside > -bar or above > -bar or (abs(du) < 0.5 * bar and glass_w > 1.0):
        white = 0.62 if (own * 97.0) % 1.0 < 0.75 else 0.10
        return white, white, white * 0.97, 0.0, 0.0
    # Glass: dark room, curtain or blind, the reveal's shadow at the upper edge.
    r, g, b = 0.035, 0.04, 0.045
    if dice > 0.62:
        curtain = abs(du) > 0.55 * half_w or dice > 0.92
        if curtain:
            r, g, b = 0.24, 0.23, 0.21
    if half_h - dh < 0.22:
        r, g, b = 0.5 * r, 0.5 * g, 0.5 * b
    shine = 0.0
    if lamps > 0.0 and (dice * 13.0) % 1.0 < 0.35 * lamps:
        shine = 0.9
    return r, g, b, 0.75, shine


@per_ray
def _paint(luck: float) -> tuple[float, float, float]:
    tone = luck * 12.0
    if tone < 2.2:
        return 0.70, 0.70, 0.69
    if tone < 4.0:
        return 0.36, 0.37, 0.38
    if tone < 5.6:
        return 0.13, 0.135, 0.14
    if tone < 7.4:
        return 0.018, 0.018, 0.02
    if tone < 8.7:
        return 0.025, 0.06, 0.19
    if tone < 9.7:
        return 0.36, 0.025, 0.022
    if tone < 10.4:
        return 0.05, 0.13, 0.09
    if tone < 11.1:
        return 0.44, 0.36, 0.24
    return 0.09, 0.25, 0.40


@per_ray
def _wheel(along: float, h: float, axle: float, radius: float) -> int:
    """0 no wheel here, 1 tyre, 2 rim, 3 the dark of the arch."""
    distance = math.sqrt((along - axle) ** 2 + (h - radius) ** 2)
    if distance < 0.55 * radius:
        return 2
    if distance < radius:
        return 1
    if distance < 1.18 * radius and h > 0.3 * radius:
        return 3
    return 0


@per_ray
def car(x: float, y: float, z: float, nx: float, ny: float, nz: float, part: NDArray, lamps: float) -> Texel:
    """Paint, glass all round the upper part, wheels, lamps and plates, placed by the part's axis and size."""
    dx, dy = x - part[CENTRE_X], y - part[CENTRE_Y]
    along, across = dx * part[COS] + dy * part[SIN], dy * part[COS] - dx * part[SIN]
    n_along, n_across = nx * part[COS] + ny * part[SIN], ny * part[COS] - nx * part[SIN]
    h, height = z - part[BOTTOM], max(part[TOP] - part[BOTTOM], 0.5)
    level = h / height
    r, g, b = _paint((part[LUCK] * 7.0) % 1.0)
    if abs(n_across) > 0.55 and nz < 0.75:
        radius = min(0.33, 0.26 * height)
        for end in range(2):
            wheel = _wheel(along, h, (0.62 if end else -0.60) * part[HALF_LENGTH], radius)
            if wheel == 1 or wheel == 3:
                return 0.012, 0.012, 0.013, 0.0, 0.0
            if wheel == 2:
                return 0.30, 0.30, 0.31, 0.15, 0.0
    if level < 0.13:
        return 0.02, 0.02, 0.02, 0.0, 0.0
    if level > 0.57 and level < 0.93 and nz < 0.80:
        post = abs(n_across) > 0.6 and (abs(along + 0.08 * part[HALF_LENGTH]) < 0.05)
        if not post and level > 0.60:
            return 0.012, 0.014, 0.016, 0.85, 0.0
        return 0.02, 0.02, 0.02, 0.3, 0.0
    if abs(n_along) > 0.55 and level < 0.60:
        side = abs(across) / part[HALF_WIDTH]
        if n_along < 0.0:  # the back
            if 0.36 < level < 0.54 and side > 0.58:
                return 0.42, 0.015, 0.012, 0.4, 0.15 + 0.9 * lamps
            if 0.24 < level < 0.33 and side < 0.30:
                return 0.60, 0.60, 0.56, 0.1, 0.0
            if level < 0.22:
                return 0.03, 0.03, 0.03, 0.05, 0.0
        else:
            if 0.34 < level < 0.50 and side > 0.55:
                return 0.70, 0.72, 0.72, 0.6, 0.2 + 2.0 * lamps
            if 0.20 < level < 0.42 and side < 0.45:
                return 0.02, 0.02, 0.022, 0.2, 0.0
            if level < 0.20 and side < 0.25:
                return 0.60, 0.60, 0.56, 0.1, 0.0
    by = 1.0
    if abs(n_across) > 0.55 and level > 0.18 and level < 0.57:
        gap = min(abs(along + 0.08 * part[HALF_LENGTH]), abs(along - 0.42 * part[HALF_LENGTH]))
        if gap < 0.02:
            by = 0.45
    return _scaled(r, g, b, by, 0.42, 0.0)


@per_ray
def truck(
    x: float, y: float, z: float, nx: float, ny: float, nz: float, part: NDArray, base: NDArray, lamps: float
) -> Texel:
    """A cab with a windscreen before a box or a row of bus windows."""
    dx, dy = x - part[CENTRE_X], y - part[CENTRE_Y]
    along, across = dx * part[COS] + dy * part[SIN], dy * part[COS] - dx * part[SIN]
    n_along, n_across = nx * part[COS] + ny * part[SIN], ny * part[COS] - nx * part[SIN]
    h, height = z - part[BOTTOM], max(part[TOP] - part[BOTTOM], 1.0)
    level, place = h / height, along / part[HALF_LENGTH]
    luck = part[LUCK]
    r, g, b = _paint((luck * 5.0) % 1.0)
    bus = (luck * 3.0) % 1.0 < 0.4
    if abs(n_across) > 0.55 and nz < 0.75:
        radius = 0.45
        for end in range(3):
            axle = 0.68 if end == 0 else (-0.58 if end == 1 else -0.74)
            wheel = _wheel(along, h, axle * part[HALF_LENGTH], radius)
            if wheel == 1 or wheel == 3:
                return 0.012, 0.012, 0.013, 0.0, 0.0
            if wheel == 2:
                return 0.22, 0.22, 0.23, 0.1, 0.0
    if h < 0.35:
        return 0.02, 0.02, 0.02, 0.0, 0.0
    if n_along > 0.5 and nz < 0.8 and 0.48 < level < 0.84:
        return 0.012, 0.014, 0.016, 0.85, 0.0
    side = abs(across) / part[HALF_WIDTH]
    if abs(n_along) > 0.55 and 0.14 < level < 0.24 and side > 0.62:
        if n_along < 0.0:
            return 0.42, 0.015, 0.012, 0.4, 0.15 + 0.9 * lamps
        return 0.70, 0.72, 0.72, 0.6, 0.2 + 2.0 * lamps
    if abs(n_across) > 0.55:
        if bus and 0.46 < level < 0.80 and (along % 1.35) > 0.10:
            return 0.012, 0.014, 0.016, 0.8, 0.0
        if not bus and place > 0.66 and 0.50 < level < 0.80 and place < 0.90:
            return 0.012, 0.014, 0.016, 0.85, 0.0
    if not bus and place < 0.60:
        rib = 0.96 if (along % 0.6) < 0.06 else 1.0
        return _scaled(base[0], base[1], base[2], rib, 0.12, 0.0)
    return r, g, b, 0.3, 0.0


@per_ray
def person(z: float, part: NDArray) -> Texel:
    """Head, coat, trousers and shoes by height, in the person's own colours."""
    level = (z - part[BOTTOM]) / max(part[TOP] - part[BOTTOM], 0.5)
    luck = part[LUCK]
    if level > 0.93:
        by = 0.3 + 1.7 * ((luck * 19.0) % 1.0)
        return _scaled(0.09, 0.06, 0.04, by, 0.0, 0.0)
    if level > 0.84:
        return _scaled(0.42, 0.27, 0.20, 0.4 + 0.7 * ((luck * 29.0) % 1.0), 0.0, 0.0)
    if level > 0.46:
        r, g, b = _paint((luck * 37.0) % 1.0)
        return r + 0.02, g + 0.02, b + 0.02, 0.0, 0.0
    if level > 0.06:
        if (luck * 43.0) % 1.0 < 0.5:
            return 0.04, 0.055, 0.11, 0.0, 0.0
        return _scaled(0.12, 0.11, 0.10, 0.3 + 1.5 * ((luck * 47.0) % 1.0), 0.0, 0.0)
    return 0.02, 0.02, 0.02, 0.0, 0.0


@per_ray
def sign(x: float, y: float, z: float, facing: float, part: NDArray) -> Texel:
    """A painted plate: red ring, blue, or yellow; its back is grey."""
    if facing > 0.25:
        return 0.25, 0.26, 0.27, 0.1, 0.0
    half_h = max(0.5 * (part[TOP] - part[BOTTOM]), 0.1)
    half_w = max(part[HALF_LENGTH], 0.1)
    dx, dy = x - part[CENTRE_X], y - part[CENTRE_Y]
    r = max(math.sqrt(dx * dx + dy * dy) / half_w, abs(z - part[BOTTOM] - half_h) / half_h)
    style = (part[LUCK] * 3.0) % 1.0
    if style < 0.45:
        return (0.75, 0.73, 0.70, 0.05, 0.0) if r < 0.55 else (0.55, 0.02, 0.02, 0.05, 0.0)
    if style < 0.8:
        return (0.03, 0.12, 0.45, 0.05, 0.0) if r < 0.80 else (0.7, 0.7, 0.7, 0.05, 0.0)
    return (0.70, 0.48, 0.02, 0.05, 0.0) if r < 0.85 else (0.03, 0.03, 0.03, 0.05, 0.0)
