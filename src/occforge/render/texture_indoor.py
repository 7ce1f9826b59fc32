"""The colour of every point inside a room: walls, floors, wood, cloth, books, pictures, fixed to the world.

As in `texture.py`, every function returns `(red, green, blue, gloss, shine)`; `u` and `h` are metres on the surface,
`h` upwards where it stands.
"""

import math

from numpy.typing import NDArray

from occforge.render._compiled import per_ray
from occforge.render.materials import Kind
from occforge.render.noise import fractal2, hash3, value2, value3
from occforge.render.texture import Texel, _scaled, _seen

PLASTER, WALLPAPER, PLANK, TILE = int(Kind.PLASTER), int(Kind.WALLPAPER), int(Kind.PLANK), int(Kind.TILE)
CARPET, RUG, WOOD, FABRIC = int(Kind.CARPET), int(Kind.RUG), int(Kind.WOOD), int(Kind.FABRIC)
SMOOTH, SCREEN, LAMP, LEAF = int(Kind.SMOOTH), int(Kind.SCREEN), int(Kind.LAMP), int(Kind.LEAF)
BOOK, ART = int(Kind.BOOK), int(Kind.ART)


@per_ray
def _plank(x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Floor boards of 13 cm, each with a tint and grain of its own."""
    if seed % 2:
        x, y = y, x
    row = math.floor(y / 0.13)
    along = x / 1.5 + hash3(int(row), 1, seed + 201)
    board = math.floor(along)
    tint = hash3(int(row), int(board), seed + 202) - 0.5
    grain = fractal2(x * 2.2 + 31.0 * tint, y * 46.0, seed + 203, 3) - 0.5
    by = 1.0 + 0.34 * tint * _seen(0.13, pixel_m) + 0.42 * grain * _seen(0.03, pixel_m)
    gap = min(y / 0.13 - row, row + 1.0 - y / 0.13) * 0.13
    end = min(along - board, board + 1.0 - along) * 1.5
    if gap < 0.0025 + 0.2 * pixel_m or end < 0.0025 + 0.2 * pixel_m:
        by *= 1.0 - 0.45 * _seen(0.03, pixel_m)
    return _scaled(base[0], base[1], base[2], by, 0.30, 0.0)


@per_ray
def _tile(u: float, h: float, base: NDArray, edge_m: float, pixel_m: float, seed: int) -> Texel:
    """Square tiles with light joints."""
    i, j = math.floor(u / edge_m), math.floor(h / edge_m)
    a, b = u / edge_m - i, h / edge_m - j
    joint = min(min(a, 1.0 - a), min(b, 1.0 - b)) * edge_m
    by = (
        1.0
        + 0.10 * (hash3(int(i), int(j), seed + 211) - 0.5)
        + 0.10 * (fractal2(u * 5.0, h * 5.0, seed + 212, 3) - 0.5)
    )
    if joint < 0.0025 + 0.25 * pixel_m:
        fade = 0.6 * _seen(0.03, pixel_m)
        mix = 1.0 - fade
        return (
            base[0] * by * mix + 0.45 * fade,
            base[1] * by * mix + 0.44 * fade,
            base[2] * by * mix + 0.42 * fade,
            0.1,
            0.0,
        )
    return _scaled(base[0], base[1], base[2], by, 0.40, 0.0)


@per_ray
def _rug(x: float, y: float, base: NDArray, pixel_m: float, seed: int) -> Texel:
    """Lozenges and stripes in the rug's colour and a lighter one."""
    a, b = abs((x / 0.36) % 1.0 - 0.5), abs((y / 0.24) % 1.0 - 0.5)
    figure = 0.0
    if abs(a + b - 0.34) < 0.06 or a + b < 0.10:
        figure = 1.0
    if abs((y / 0.72) % 1.0 - 0.5) < 0.035:
        figure = 0.6
    figure *= 0.55 * _seen(0.09, pixel_m)
    by = 1.0 + 0.25 * (value2(x * 90.0, y * 90.0, seed + 221) - 0.5) * _seen(0.02, pixel_m)
    by *= 1.0 + 0.16 * (fractal2(x * 3.0, y * 3.0, seed + 222, 2) - 0.5)
    red = base[0] + (0.62 - base[0]) * figure
    green, blue = base[1] + (0.52 - base[1]) * figure, base[2] + (0.38 - base[2]) * figure
    return _scaled(red, green, blue, by, 0.0, 0.0)


@per_ray
def _wallpaper(u: float, h: float, base: NDArray, pixel_m: float) -> Texel:
    """Stripes on the warm paper, small blossoms on the cool one."""
    if base[0] > base[2]:
        by = 0.84 if (u / 0.16) % 1.0 < 0.5 else 1.0
        return _scaled(base[0], base[1], base[2], 1.0 + (by - 1.0) * _seen(0.08, pixel_m), 0.03, 0.0)
    row = math.floor(h / 0.14)
    a, b = (u / 0.14 + 0.5 * (int(row) % 2)) % 1.0 - 0.5, h / 0.14 - row - 0.5
    r, angle = math.sqrt(a * a + b * b), math.atan2(b, a)
    if r < 0.17 + 0.07 * math.cos(5.0 * angle):
        fade = 0.6 * _seen(0.05, pixel_m)
        return (
            base[0] + (0.70 - base[0]) * fade,
            base[1] + (0.62 - base[1]) * fade,
            base[2] + (0.55 - base[2]) * fade,
            0.03,
            0.0,
        )
    return base[0], base[1], base[2], 0.03, 0.0


@per_ray
def _book(u: float, h: float, facing_up: float, pixel_m: float, seed: int) -> Texel:
    """Spines of three to five centimetres in the colours of a library, paper seen from above."""
    if facing_up > 0.7:
        return 0.62, 0.59, 0.50, 0.0, 0.0
    cell = math.floor(u / 0.04)
    dice = hash3(int(cell), math.floor(h / 0.36), seed + 231)
    tone = (dice * 7.0) % 1.0
    by = 0.55 + 0.7 * tone
    if abs(u / 0.04 - cell - 0.5) > 0.44:
        by *= 1.0 - 0.55 * _seen(0.03, pixel_m)
    if 0.60 < (h / 0.18) % 1.0 < 0.68 and tone > 0.4:
        return 0.55, 0.50, 0.36, 0.1, 0.0
    if dice < 0.18:
        return _scaled(0.40, 0.06, 0.05, by, 0.12, 0.0)
    if dice < 0.36:
        return _scaled(0.06, 0.11, 0.25, by, 0.12, 0.0)
    if dice < 0.50:
        return _scaled(0.07, 0.19, 0.12, by, 0.12, 0.0)
    if dice < 0.66:
        return _scaled(0.48, 0.42, 0.32, by, 0.12, 0.0)
    if dice < 0.82:
        return _scaled(0.10, 0.09, 0.09, by, 0.12, 0.0)
    return _scaled(0.50, 0.29, 0.08, by, 0.12, 0.0)


@per_ray
def _art(u: float, h: float, base: NDArray, seed: int) -> Texel:
    """A painting: a landscape, a drawing or coloured fields; its skin's colour says which."""
    cell = int(1000.0 * base[0]) + 31 * int(1000.0 * base[1]) + seed
    warm, style, hue = hash3(cell, 1, 241), hash3(cell, 2, 241), hash3(cell, 3, 241)
    n = fractal2(u * 4.0, h * 4.0, cell + 5, 4)
    if style < 0.45:  # land under a sky, or the sea
        level = h - 1.5 + 0.35 * (n - 0.5)
        if level > 0.02:
            return 0.30 + 0.45 * warm, 0.45 + 0.1 * n, 0.66 - 0.45 * warm + 0.1 * n, 0.1, 0.0
        dark = 0.40 + 0.9 * n
        return (0.05 + 0.32 * hue) * dark, (0.17 + 0.08 * warm) * dark, (0.34 - 0.28 * hue) * dark, 0.1, 0.0
    if style < 0.7:  # a drawing on paper
        ink = 0.15 if abs(n - 0.5) < 0.018 or abs(n - 0.38) < 0.012 else 1.0
        return 0.66 * ink, 0.63 * ink, 0.56 * ink, 0.1, 0.0
    field = math.floor(n * 5.0)
    return (
        0.10 + 0.62 * hash3(int(field), cell, 1),
        0.10 + 0.52 * hash3(int(field), cell, 2),
        0.10 + 0.50 * hash3(int(field), cell, 3),
        0.1,
        0.0,
    )


@per_ray
def indoor(
    kind: int,
    p: tuple[float, float, float],
    n: tuple[float, float, float],
    base: NDArray,
    pixel_m: float,
    lamps: float,
    seed: int,
) -> Texel:
    """Texture of an indoor kind at point `p` (metres) of a surface with unit normal `n`."""
    x, y, z = p
    if abs(n[2]) > 0.7:
        u, h = x, y
    elif abs(n[0]) > abs(n[1]):
        u, h = y, z
    else:
        u, h = x, z
    if kind == PLASTER:
        by = 1.0 + 0.05 * (fractal2(u * 1.3, h * 1.3, seed + 251, 3) - 0.5)
        return _scaled(base[0], base[1], base[2], by, 0.0, 0.0)
    if kind == PLANK:
        return _plank(x, y, base, pixel_m, seed)
    if kind == WOOD:
        grain = fractal2(u * 5.0, h * 60.0, seed + 261, 3) if abs(n[2]) < 0.7 else fractal2(x * 5.0, y * 60.0, seed, 3)
        by = (
            1.0
            + (0.42 - 0.4 * base[0]) * (grain - 0.5) * _seen(0.03, pixel_m)
            + 0.10 * (value3(x * 2.0, y * 2.0, z * 2.0, seed) - 0.5)
        )
        return _scaled(base[0], base[1], base[2], by, 0.26, 0.0)
    if kind == FABRIC:
        fold = fractal2(u * 5.0 + 3.0 * z, h * 5.0, seed + 271, 3) - 0.5
        thread = (value3(x * 130.0, y * 130.0, z * 130.0, seed + 272) - 0.5) * _seen(0.015, pixel_m)
        return _scaled(base[0], base[1], base[2], 1.0 + 0.22 * fold + 0.25 * thread, 0.0, 0.0)
    if kind == TILE:
        return _tile(u, h, base, 0.30 if abs(n[2]) > 0.7 else 0.15, pixel_m, seed)
    if kind == CARPET:
        by = 1.0 + 0.35 * (value2(x * 110.0, y * 110.0, seed + 281) - 0.5) * _seen(0.02, pixel_m)
        return _scaled(
            base[0], base[1], base[2], by + 0.16 * (fractal2(x * 2.0, y * 2.0, seed + 282, 3) - 0.5), 0.0, 0.0
        )
    if kind == RUG:
        return _rug(x, y, base, pixel_m, seed)
    if kind == WALLPAPER:
        return _wallpaper(u, h, base, pixel_m)
    if kind == BOOK:
        return _book(u, h, abs(n[2]), pixel_m, seed)
    if kind == ART:
        return _art(u, h, base, seed)
    if kind == LEAF:
        spot = value3(x * 45.0, y * 45.0, z * 45.0, seed + 291)
        return _scaled(base[0], base[1], base[2], 0.45 + 1.1 * spot, 0.05, 0.0)
    if kind == LAMP:
        return base[0], base[1], base[2], 0.0, lamps
    return base[0], base[1], base[2], 0.85 if kind == SCREEN else 0.35, 0.0
