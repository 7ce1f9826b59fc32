"""A colour picture of a scene that looks like a photograph of a street.

Per sub-pixel: one ray to the smooth surface (`surface.py`), a texture by class (`texel.py`), one ray to the sun,
sky light dimmed by the blurred occupancy round the point, haze and sky (`sky.py`), and a film curve.

Shape legend: H, W rows and columns of the picture. Positions `p` and directions are metres in the grid frame
unless named `o`, `d`, which are voxel units.
"""

import math

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY
from occforge.render._compiled import per_ray
from occforge.render._rows import for_rows
from occforge.render.ground import GRASS, GROUND, ROAD, ground_texel, ground_vote
from occforge.render.indoor import light_indoors, make_light
from occforge.render.materials import Kind
from occforge.render.noise import fractal2, hash3, value2
from occforge.render.sky import Rgb, Sky, haze_color, make_sky, sky_color
from occforge.render.stage import Stage, set_stage
from occforge.render.surface import coarse_density, density, surface_label, trace
from occforge.render.texel import texel

BUILDING, FOLIAGE = int(Kind.BUILDING), int(Kind.FOLIAGE)

ROOM_BRIGHTNESS = 0.25
"""Mean linear brightness at which a room's picture is exposed; a street's exposure is its weather's."""


@per_ray
def _opening(stage: Stage, ox: float, oy: float, oz: float, nx: float, ny: float, nz: float) -> float:
    """Share of the sky's light that reaches a surface point (voxel units), from the density at three distances."""
    near = density(stage.density_XYZ, ox + 1.6 * nx, oy + 1.6 * ny, oz + 1.6 * nz)
    open_1 = 1.0 - min(1.25 * near, 0.85)
    open_2 = 1.0 - 0.80 * min(coarse_density(stage.coarse, ox + 5.0 * nx, oy + 5.0 * ny, oz + 5.0 * nz), 1.0)
    open_3 = 1.0 - 0.60 * coarse_density(stage.coarse, ox + 4.0 * nx, oy + 4.0 * ny, oz + 4.0 * nz + 7.0)
    open_4 = 1.0 - 0.50 * coarse_density(stage.coarse, ox + 4.0 * nx, oy + 4.0 * ny, oz + 4.0 * nz + 16.0)
    return open_1 * open_2 * open_3 * open_4


@per_ray
def _mirrored(stage: Stage, sky: Sky, px: float, py: float, pz: float, dx: float, dy: float, dz: float) -> Rgb:
    """Rough colour of what a mirror shows in a direction: sky, or the class colour in ambient light."""
    v, o = stage.voxel_3, stage.origin_3
    ox, oy, oz = (px - o[0]) / v[0], (py - o[1]) / v[1], (pz - o[2]) / v[2]
    t = trace(stage, ox, oy, oz, dx / v[0], dy / v[1], dz / v[2], 60.0)
    if t < 0.0:
        return haze_color(sky, dx, dy, dz) if dz < 0.12 else sky_color(sky, dx, dy, dz)
    label = surface_label(stage.labels_XYZ, ox + t * dx / v[0], oy + t * dy / v[1], oz + t * dz / v[2])
    base, dim = stage.albedo_K3[label], 0.55
    hazy = haze_color(sky, dx, dy, dz)
    fade = 1.0 - math.exp(-sky.haze_per_m * t)
    return (
        base[0] * sky.ambient[0] * dim * (1.0 - fade) + hazy[0] * fade,
        base[1] * sky.ambient[1] * dim * (1.0 - fade) + hazy[1] * fade,
        base[2] * sky.ambient[2] * dim * (1.0 - fade) + hazy[2] * fade,
    )


@per_ray
def _lit_surface(
    stage: Stage,
    sky: Sky,
    px: float,
    py: float,
    pz: float,
    dx: float,
    dy: float,
    dz: float,
    pixel_m: float,
    dice: int,
) -> Rgb:
    """Light that a surface point sends back along the unit view direction `d`."""
    r, g, b, gloss, shine, nx, ny, nz, kind = texel(stage, sky, px, py, pz, pixel_m)
    v, o = stage.voxel_3, stage.origin_3
    ox, oy, oz = (px - o[0]) / v[0], (py - o[1]) / v[1], (pz - o[2]) / v[2]
    facing_view = -(nx * dx + ny * dy + nz * dz)
    if facing_view < 0.03:  # smoothed normals may lean away from the viewer
        nx, ny, nz = nx - (facing_view - 0.03) * -dx, ny - (facing_view - 0.03) * -dy, nz - (facing_view - 0.03) * -dz
        facing_view = 0.03
    if sky.indoors > 0.0:
        return light_indoors(stage, sky, (px, py, pz), (dx, dy, dz), (nx, ny, nz), (r, g, b, gloss, shine), kind, dice)
    opening = _opening(stage, ox, oy, oz, nx, ny, nz)
    wet = sky.wetness if ROAD <= kind <= GROUND else 0.4 * sky.wetness
    r, g, b = r * (1.0 - 0.45 * wet), g * (1.0 - 0.45 * wet), b * (1.0 - 0.45 * wet)

    sx = sky.sun[0] + 0.014 * (hash3(dice, 1, 7) - 0.5)
    sy = sky.sun[1] + 0.014 * (hash3(dice, 2, 7) - 0.5)
    sz = sky.sun[2]
    facing = nx * sx + ny * sy + nz * sz
    through = 0.0
    if kind == FOLIAGE:  # leaves let light through
        through = 0.30 * max(-facing, 0.0) + 0.10
        facing = 0.25 + 0.75 * facing
    lit = 0.0
    if sky.sun_light[0] > 0.03 and (facing > 0.0 or through > 0.0):
        start = 0.45 if kind != FOLIAGE else 0.75
        t = trace(
            stage,
            ox + start * nx + 0.30 * sx,
            oy + start * ny + 0.30 * sy,
            oz + start * nz + 0.30 * sz,
            sx / v[0],
            sy / v[1],
            sz / v[2],
            1e9,
        )
        if t < 0.0:
            lit = max(facing, 0.0) + through
    up = 0.5 + 0.5 * nz
    # The sky above, and what ground and fronts throw back into the shade.
    back = 0.16 * (1.0 - 0.55 * up) * (0.4 + 0.6 * opening)
    sun_up = max(sz, 0.0)
    bounce_r = back * (sky.ambient[0] + 0.50 * sky.sun_light[0] * sun_up) * 1.05
    bounce_g = back * (sky.ambient[1] + 0.50 * sky.sun_light[1] * sun_up)
    bounce_b = back * (sky.ambient[2] + 0.50 * sky.sun_light[2] * sun_up) * 0.88
    light = opening * (0.35 + 0.65 * up)
    red = r * (sky.ambient[0] * light + bounce_r + sky.sun_light[0] * lit)
    green = g * (sky.ambient[1] * light + bounce_g + sky.sun_light[1] * lit)
    blue = b * (sky.ambient[2] * light + bounce_b + sky.sun_light[2] * lit)

    puddle = 0.0
    if wet > 0.0 and nz > 0.9:
        puddle = wet * min(max(fractal2(px * 0.45, py * 0.45, stage.seed + 9, 3) * 2.6 - 0.75, 0.18), 1.0)
        if kind == GRASS:
            puddle = 0.0
    if gloss > 0.25 or puddle > 0.02:
        rx, ry, rz = dx + 2.0 * facing_view * nx, dy + 2.0 * facing_view * ny, dz + 2.0 * facing_view * nz
        mirror = 0.05 + 0.95 * (1.0 - min(facing_view, 1.0)) ** 5
        if puddle > 0.02:
            rough = 0.05 * (1.1 - puddle)
            rx += rough * (hash3(dice, 3, 7) - 0.5)
            ry += rough * (hash3(dice, 4, 7) - 0.5)
            rz = abs(rz) + 0.6 * rough * hash3(dice, 5, 7)
            mirror = min(mirror * (0.25 + 0.75 * puddle), 0.85)
            seen = _mirrored(stage, sky, px + 0.3 * v[0] * nx, py + 0.3 * v[1] * ny, pz + 0.5 * v[2] * nz, rx, ry, rz)
        else:
            mirror = min(mirror * 1.6, 1.0) * min(gloss * 1.25, 1.0)
            if gloss > 0.7:
                mirror = max(mirror, 0.10)
            seen = sky_color(sky, rx, ry, rz) if rz > 0.0 else (0.12, 0.12, 0.11)
            hidden = min(max(0.30 + 1.6 * rz, 0.12), 1.0) * (0.25 + 0.75 * opening)
            seen = (seen[0] * hidden, seen[1] * hidden, seen[2] * hidden)
            toward = rx * sx + ry * sy + rz * sz
            if lit > 0.0 and toward > 0.90:
                spot = 0.5 * gloss * ((toward - 0.90) / 0.10) ** 6
                red, green = red + spot * sky.sun_light[0] * 2.0, green + spot * sky.sun_light[1] * 2.0
                blue += spot * sky.sun_light[2] * 2.0
        red, green = red * (1.0 - mirror) + mirror * seen[0], green * (1.0 - mirror) + mirror * seen[1]
        blue = blue * (1.0 - mirror) + mirror * seen[2]
    if shine > 0.0:
        if kind == BUILDING:
            red, green, blue = red + 0.85 * shine, green + 0.56 * shine, blue + 0.26 * shine
        else:
            red, green, blue = red + 3.0 * r * shine, green + 3.0 * g * shine, blue + 3.0 * b * shine
    return red, green, blue


@per_ray
def _beyond(
    stage: Stage, sky: Sky, px: float, py: float, pz: float, dx: float, dy: float, dz: float, level_m: float
) -> tuple[float, float, float, float]:
    """What lies past the grid in a unit direction: (red, green, blue, distance in metres).

    The ground goes on as it is at the border, a hazy row of trees and roofs stands at the horizon, then comes sky.
    """
    azimuth = math.atan2(dy, dx)
    crest = 0.006 + 0.034 * fractal2(azimuth * 14.0, 3.0, stage.seed + 101, 5)
    crest += 0.040 * max(fractal2(azimuth * 2.5, 8.0, stage.seed + 103, 2) - 0.45, 0.0)
    block = hash3(math.floor(azimuth * 26.0), 5, stage.seed + 107)
    if block > 0.74:  # a roof among the trees
        crest = max(crest, 0.014 + 0.10 * (block - 0.74))
    if dz < -0.004 and pz > level_m:
        t = (level_m - pz) / dz
        if t < 160.0:
            gx, gy = px + t * dx, py + t * dy
            ox = (gx - stage.origin_3[0]) / stage.voxel_3[0]
            oy = (gy - stage.origin_3[1]) / stage.voxel_3[1]
            label, other, share = ground_vote(stage.ground_XY, ox, oy)
            X, Y = stage.ground_XY.shape
            if 0.0 <= ox < X and 0.0 <= oy < Y:  # a hole in the labelled ground
                label, share = stage.ground_XY[int(ox), int(oy)], 0.0
            r, g, b = 0.10, 0.10, 0.09
            if label != EMPTY:
                r, g, b, _, _ = ground_texel(stage, label, other, share, gx, gy, 0.004 * t)
            wet = 1.0 - 0.35 * sky.wetness
            sun = max(sky.sun[2], 0.0) * 0.8
            return (
                r * wet * (0.75 * sky.ambient[0] + sun * sky.sun_light[0]),
                g * wet * (0.75 * sky.ambient[1] + sun * sky.sun_light[1]),
                b * wet * (0.75 * sky.ambient[2] + sun * sky.sun_light[2]),
                t,
            )
    if dz < crest:
        tone = 0.55 + 0.5 * value2(azimuth * 190.0, dz * 260.0, stage.seed + 105)
        light = 0.55 * sky.ambient[1] + 0.25 * sky.sun_light[1] * max(sky.sun[2], 0.1)
        return 0.085 * tone * light, 0.105 * tone * light, 0.055 * tone * light, 150.0
    r, g, b = sky_color(sky, dx, dy, dz)
    return r, g, b, -1.0


@per_ray
def _film(x: float) -> float:
    """Film curve: linear light to 0-1 with soft shoulders (Narkowicz, "ACES filmic tone mapping curve", 2015)."""
    x = max(x, 0.0)
    return min(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 1.0)


@per_ray
def _rows(
    first_row: int,
    last_row: int,
    stage: Stage,
    sky: Sky,
    origin: NDArray,
    matrix: NDArray,
    level_m: float,
    supersample: int,
    out_HW3: NDArray,
) -> None:
    H, W = out_HW3.shape[:2]
    v, o = stage.voxel_3, stage.origin_3
    eye_x, eye_y, eye_z = o[0] + origin[0] * v[0], o[1] + origin[1] * v[1], o[2] + origin[2] * v[2]
    pixel = math.sqrt((matrix[0, 0] * v[0]) ** 2 + (matrix[1, 0] * v[1]) ** 2 + (matrix[2, 0] * v[2]) ** 2)
    samples = supersample * supersample
    for row in range(first_row, last_row):
        for column in range(W):
            total_r, total_g, total_b = 0.0, 0.0, 0.0
            for s in range(samples):
                dice = (row * W + column) * samples + s
                jitter_u, jitter_v = hash3(dice, 11, 7), hash3(dice, 12, 7)
                if supersample == 1:
                    jitter_u, jitter_v = 0.5, 0.5
                u = column + (s % supersample + 0.25 + 0.5 * jitter_u) / supersample
                w = row + (s // supersample + 0.25 + 0.5 * jitter_v) / supersample
                if supersample == 1:
                    u, w = column + 0.5, row + 0.5
                dx = matrix[0, 0] * u + matrix[0, 1] * w + matrix[0, 2]
                dy = matrix[1, 0] * u + matrix[1, 1] * w + matrix[1, 2]
                dz = matrix[2, 0] * u + matrix[2, 1] * w + matrix[2, 2]
                t = trace(stage, origin[0], origin[1], origin[2], dx, dy, dz, 1e9)
                mx, my, mz = dx * v[0], dy * v[1], dz * v[2]
                length = math.sqrt(mx * mx + my * my + mz * mz)
                mx, my, mz = mx / length, my / length, mz / length
                if t >= 0.0:
                    distance = t * length
                    red, green, blue = _lit_surface(
                        stage,
                        sky,
                        eye_x + distance * mx,
                        eye_y + distance * my,
                        eye_z + distance * mz,
                        mx,
                        my,
                        mz,
                        t * pixel / supersample,
                        dice,
                    )
                else:
                    red, green, blue, distance = _beyond(stage, sky, eye_x, eye_y, eye_z, mx, my, mz, level_m)
                if distance >= 0.0:
                    hazy = haze_color(sky, mx, my, max(mz, 0.0))
                    fade = 1.0 - math.exp(-sky.haze_per_m * max(distance - 2.0, 0.0))
                    red, green = red * (1.0 - fade) + hazy[0] * fade, green * (1.0 - fade) + hazy[1] * fade
                    blue = blue * (1.0 - fade) + hazy[2] * fade
                grey = 0.30 * red + 0.59 * green + 0.11 * blue
                red = grey + (red - grey) * sky.saturation
                green = grey + (green - grey) * sky.saturation
                blue = grey + (blue - grey) * sky.saturation
                total_r += _film(red * sky.exposure * 0.66)
                total_g += _film(green * sky.exposure * 0.66)
                total_b += _film(blue * sky.exposure * 0.66)
            a, b = (column + 0.5) / W - 0.5, (row + 0.5) / H - 0.5
            edge = 1.0 - 0.22 * (a * a + b * b)
            grain = 1.0 + 0.022 * (hash3(row, column, stage.seed + 1) - 0.5)
            by = edge * grain / samples
            out_HW3[row, column, 0] = int(255.0 * min(total_r * by, 1.0) ** (1.0 / 2.2) + 0.5)
            out_HW3[row, column, 1] = int(255.0 * min(total_g * by, 1.0) ** (1.0 / 2.2) + 0.5)
            out_HW3[row, column, 2] = int(255.0 * min(total_b * by, 1.0) ** (1.0 / 2.2) + 0.5)


def _add_streaks(rgb_HW3: NDArray[np.uint8], seed: int) -> None:
    """Draw faint falling drops into a picture, in place; their number and length follow its size."""
    H, W = rgb_HW3.shape[:2]
    rng = np.random.default_rng([seed, 77])
    count = max(1, int(0.0045 * H * W))
    length_N = np.maximum((rng.uniform(0.03, 0.10, count) * H).astype(int), 1)
    row_N, column_N = rng.uniform(-0.1 * H, H, count), rng.uniform(0, W, count)
    strength_N = rng.uniform(0.03, 0.13, count)
    for step in range(int(length_N.max())):
        on_N = step < length_N
        row, column = (row_N[on_N] + step).astype(int), (column_N[on_N] + 0.12 * step).astype(int)
        inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
        row, column, strength = row[inside], column[inside], strength_N[on_N][inside]
        old = rgb_HW3[row, column].astype(np.float64)
        rgb_HW3[row, column] = (old + (205.0 - old) * strength[:, None]).astype(np.uint8)


def shade_stage(stage: Stage, camera: Camera, weather: str = "clear", supersample: int = 2) -> NDArray[np.uint8]:
    """Colour picture (H, W, 3) uint8 of a prepared scene; `supersample` is sub-pixels along each edge of a pixel.

    `weather` is one of `core.attributes`, for a room a light of `ROOM_ATTRIBUTES`: then the picture is exposed for
    what it shows, as an indoor camera's is.
    """
    if supersample < 1:
        raise InputError(f"shading: expected at least 1 sample along a pixel's edge, got {supersample}")
    if weather in ROOM_ATTRIBUTES["light"]:
        sky = make_light(weather, stage.seed)
        H, W = camera.size_HW
        small = camera.resized((min(H, 24), min(W, 32)))
        brightness = float(((_picture(stage, sky, small, 1) / 255.0) ** 2.2).mean())
        exposure = min(max(ROOM_BRIGHTNESS / max(brightness, 1e-3), 0.5), 2.6)
        return _picture(stage, sky._replace(exposure=exposure), camera, supersample)
    rgb_HW3 = _picture(stage, make_sky(weather, stage.seed), camera, supersample)
    if weather == "rain":
        _add_streaks(rgb_HW3, stage.seed)
    return rgb_HW3


def _picture(stage: Stage, sky: Sky, camera: Camera, supersample: int) -> NDArray[np.uint8]:
    origin = (camera.grid_from_camera_44[:3, 3] - stage.origin_3) / stage.voxel_3
    K_inverse = np.linalg.inv(camera.K_33)
    matrix = (camera.grid_from_camera_44[:3, :3] @ K_inverse) / stage.voxel_3[:, None]
    level_m = float(stage.origin_3[2] + np.median(stage.height_XY) * stage.voxel_3[2])
    rgb_HW3 = np.empty((*camera.size_HW, 3), np.uint8)
    for_rows(_rows, camera.size_HW[0], stage, sky, origin, matrix, level_m, supersample, rgb_HW3)
    return rgb_HW3


def shade(
    scene: Scene, camera: Camera, weather: str = "clear", seed: int = 0, supersample: int = 2
) -> NDArray[np.uint8]:
    """Colour picture (H, W, 3) uint8 of `scene` in a weather or a room's light, the same for the same `seed`.

    Several pictures of one scene: `set_stage` once, then `shade_stage` for each.
    """
    return shade_stage(set_stage(scene, seed), camera, weather, supersample)
