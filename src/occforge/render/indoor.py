"""Light inside a room: windows and lamps as areas with soft shadows, what lies outside the glass, and the light round.

The light of a room is a `Sky` with `indoors` 1: its sun comes through the glass, its horizon is what windows show,
`window_light` is what they shed, `lamps` how much lamps shine. Where windows and lamps are is read off the labels
(`lights.py`), so that a scene without any other description is lit too.
"""

import math

import numpy as np

from occforge.core.attributes import ROOM_ATTRIBUTES
from occforge.render._compiled import per_ray
from occforge.render.materials import Kind
from occforge.render.noise import fractal2, hash3
from occforge.render.sky import Rgb, Sky, sky_color, sun_direction
from occforge.render.stage import Stage
from occforge.render.surface import coarse_density, density, surface_label, trace

GLASS, LAMP, SCREEN = int(Kind.GLASS), int(Kind.LAMP), int(Kind.SCREEN)
LAMP_LIGHT = (2.3, 1.75, 1.15)
"""Of one lamp on a surface one metre away that faces it."""


def make_light(light: str, seed: int) -> Sky:
    """The light of a room (`core.attributes.ROOM_ATTRIBUTES`); `seed` chooses the sun's place and whether it shines."""
    rng = np.random.default_rng([seed, 50 + ROOM_ATTRIBUTES["light"].index(light)])
    azimuth, height, clouds = float(rng.uniform(-math.pi, math.pi)), float(rng.random()), float(rng.random())
    day, dusk = light == "daylight", light == "evening"
    sunny = day and clouds < 0.6
    return Sky(
        sun=sun_direction(18.0 + 30.0 * height if day else 6.0, azimuth),
        sun_light=(5.2, 4.7, 3.9) if sunny else (0.0, 0.0, 0.0),
        ambient=(0.27, 0.265, 0.255) if day else (0.20, 0.165, 0.125) if dusk else (0.20, 0.16, 0.115),
        zenith=(0.30, 0.46, 0.80) if day else (0.05, 0.07, 0.15) if dusk else (0.004, 0.005, 0.010),
        horizon=(0.92, 0.98, 1.05) if day else (0.42, 0.25, 0.18) if dusk else (0.012, 0.011, 0.012),
        glow=(0.4, 0.38, 0.3) if sunny else (0.0, 0.0, 0.0),
        cloud=0.35 if sunny else 0.9 if day else 0.4,
        cloud_light=(1.2, 1.2, 1.2) if day else (0.22, 0.16, 0.16) if dusk else (0.01, 0.01, 0.01),
        haze_per_m=0.0,
        wetness=0.0,
        lamps=0.0 if day else 1.0,
        exposure=1.0,
        saturation=1.0,
        seed=seed,
        indoors=1.0,
        window_light=(2.5, 2.55, 2.6) if day else (0.26, 0.22, 0.25) if dusk else (0.006, 0.007, 0.012),
    )


@per_ray
def outside(sky: Sky, dx: float, dy: float, dz: float) -> Rgb:
    """What a window shows in a direction: sky over a hazy row of trees and houses, a lawn below."""
    azimuth = math.atan2(dy, dx)
    crest = 0.02 + 0.16 * fractal2(azimuth * 5.0, 3.0, sky.seed + 301, 4)
    block = hash3(math.floor(azimuth * 7.0), 5, sky.seed + 303)
    if block > 0.6:
        crest = max(crest, 0.30 * (block - 0.45))
    by = sky.window_light[1]
    if dz > crest:
        r, g, b = sky_color(sky, dx, dy, dz)
        return 1.5 * r, 1.5 * g, 1.5 * b
    if dz > -0.03:
        tone = 0.10 + 0.10 * fractal2(azimuth * 40.0, dz * 60.0, sky.seed + 305, 3)
        return 1.1 * tone * by, 1.2 * tone * by, 0.95 * tone * by
    tone = 0.16 + 0.06 * fractal2(azimuth * 9.0, dz * 30.0, sky.seed + 307, 3)
    return 0.9 * tone * by, 1.1 * tone * by, 0.55 * tone * by


@per_ray
def _hidden(stage: Stage, ox: float, oy: float, oz: float, lx: float, ly: float, lz: float, reach_m: float) -> bool:
    """Whether something stands between a surface point (voxel units) and a light `reach_m` metres along `l`."""
    v = stage.voxel_3
    return trace(stage, ox, oy, oz, lx / v[0], ly / v[1], lz / v[2], reach_m) >= 0.0


@per_ray
def _sunlit(stage: Stage, ox: float, oy: float, oz: float, sx: float, sy: float, sz: float) -> bool:
    """Whether the sun comes through glass to a surface point."""
    v = stage.voxel_3
    t = trace(stage, ox, oy, oz, sx / v[0], sy / v[1], sz / v[2], 30.0)
    if t < 0.0:
        return False
    label = surface_label(stage.labels_XYZ, ox + t * sx / v[0], oy + t * sy / v[1], oz + t * sz / v[2])
    return bool(stage.kind_K[label] == GLASS)


@per_ray
def _opening(stage: Stage, ox: float, oy: float, oz: float, nx: float, ny: float, nz: float) -> float:
    """Share of the light round a surface point (voxel units) that reaches it: corners and undersides are darker."""
    near = density(stage.density_XYZ, ox + 1.8 * nx, oy + 1.8 * ny, oz + 1.8 * nz)
    open_1 = 1.0 - 0.5 * min(near, 1.0)
    open_2 = 1.0 - 0.55 * min(coarse_density(stage.coarse, ox + 5.0 * nx, oy + 5.0 * ny, oz + 5.0 * nz), 1.0)
    open_3 = 1.0 - 0.50 * min(coarse_density(stage.coarse, ox + 11.0 * nx, oy + 11.0 * ny, oz + 11.0 * nz), 1.0)
    return open_1 * open_2 * open_3


@per_ray
def light_indoors(
    stage: Stage,
    sky: Sky,
    p: tuple[float, float, float],
    d: tuple[float, float, float],
    n: tuple[float, float, float],
    texel: tuple[float, float, float, float, float],
    kind: int,
    dice: int,
) -> Rgb:
    """Light that an indoor surface point `p` (metres) of normal `n` sends back along the unit view direction `d`."""
    r, g, b, gloss, shine = texel
    px, py, pz = p
    nx, ny, nz = n
    if kind == GLASS:
        seen = outside(sky, d[0], d[1], d[2])
        return seen[0] + 0.02, seen[1] + 0.02, seen[2] + 0.02
    if kind == LAMP and shine > 0.0:
        return 2.6, 2.2, 1.6
    v, o = stage.voxel_3, stage.origin_3
    ox, oy, oz = (px - o[0]) / v[0], (py - o[1]) / v[1], (pz - o[2]) / v[2]
    opening = _opening(stage, ox, oy, oz, nx, ny, nz)
    red, green, blue = sky.ambient[0] * opening, sky.ambient[1] * opening, sky.ambient[2] * opening
    shift = hash3(dice // 8, 1, 21)
    # Off the surface, and clear of its rounded edges.
    ox, oy, oz = ox + 0.9 * nx, oy + 0.9 * ny, oz + 0.9 * nz
    for row in range(stage.lights.shape[0]):
        light = stage.lights[row]
        # Points of the light in an order that covers it evenly whichever few neighbours see (Roberts' R2 sequence).
        u = (dice * 0.7548776662466927 + 0.381966 * row + 0.5 * shift) % 1.0 - 0.5
        w = (dice * 0.5698402909980532 + 0.618034 * row + shift) % 1.0 - 0.5
        is_lamp = light[6] == 0.0 and light[7] == 0.0 and light[8] == 0.0
        if is_lamp:
            if sky.lamps == 0.0:
                continue
            lx, ly, lz = light[0] - px + 0.12 * u, light[1] - py + 0.12 * w, light[2] - pz
        else:
            lx = light[0] - px + 0.06 * light[6] + 2.0 * light[3] * u * (1.0 - abs(light[6]))
            ly = (
                light[1] - py + 0.06 * light[7] + 2.0 * light[4] * (u if light[6] != 0.0 else w) * (1.0 - abs(light[7]))
            )
            lz = light[2] - pz + 0.06 * light[8] + 2.0 * light[5] * w * (1.0 - abs(light[8]))
        distance = math.sqrt(lx * lx + ly * ly + lz * lz) + 1e-6
        lx, ly, lz = lx / distance, ly / distance, lz / distance
        facing = nx * lx + ny * ly + nz * lz
        if facing <= 0.0:
            continue
        if is_lamp:
            strength = light[9] * facing / max(distance * distance, 0.12)
            reach = distance - math.sqrt(light[3] ** 2 + light[4] ** 2 + light[5] ** 2) - 0.06
            color = LAMP_LIGHT
        else:
            away = -(light[6] * lx + light[7] * ly + light[8] * lz)
            if away <= 0.0:
                continue
            area = (
                4.0
                * light[3]
                * light[4]
                * light[5]
                / (light[3] * abs(light[6]) + light[4] * abs(light[7]) + light[5] * abs(light[8]))
            )
            strength = light[9] * facing * away * area / (distance * distance + 0.32 * area)
            reach = distance - 0.04
            color = sky.window_light
        if strength * color[0] < 0.004 or (reach > 0.0 and _hidden(stage, ox, oy, oz, lx, ly, lz, reach)):
            continue
        red, green, blue = red + strength * color[0], green + strength * color[1], blue + strength * color[2]
    sx, sy, sz = sky.sun
    facing = nx * sx + ny * sy + nz * sz
    if sky.sun_light[0] > 0.0 and facing > 0.02 and _sunlit(stage, ox, oy, oz, sx, sy, sz):
        red, green, blue = (
            red + facing * sky.sun_light[0], green + facing * sky.sun_light[1], blue + facing * sky.sun_light[2]
        )  # fmt: skip
    red, green, blue = r * red, g * green, b * blue
    if gloss > 0.05:
        # A dull mirror: glass if it is there, else the room's mean light.
        view = -(nx * d[0] + ny * d[1] + nz * d[2])
        rx, ry, rz = d[0] + 2.0 * view * nx, d[1] + 2.0 * view * ny, d[2] + 2.0 * view * nz
        mirror = gloss * (0.04 + 0.60 * (1.0 - min(max(view, 0.0), 1.0)) ** 4)
        seen_r, seen_g, seen_b = 0.7 * sky.ambient[0], 0.7 * sky.ambient[1], 0.7 * sky.ambient[2]
        if mirror > 0.03:
            t = trace(stage, ox, oy, oz, rx / v[0], ry / v[1], rz / v[2], 8.0)
            if t >= 0.0:
                label = surface_label(stage.labels_XYZ, ox + t * rx / v[0], oy + t * ry / v[1], oz + t * rz / v[2])
                if stage.kind_K[label] == GLASS:
                    seen_r, seen_g, seen_b = outside(sky, rx, ry, rz)
                elif stage.kind_K[label] == LAMP and sky.lamps > 0.0:
                    seen_r, seen_g, seen_b = 2.6, 2.2, 1.6
                else:
                    base = stage.albedo_K3[label]
                    seen_r, seen_g, seen_b = 1.4 * seen_r * base[0], 1.4 * seen_g * base[1], 1.4 * seen_b * base[2]
        red, green = red * (1.0 - mirror) + mirror * seen_r, green * (1.0 - mirror) + mirror * seen_g
        blue = blue * (1.0 - mirror) + mirror * seen_b
    return red, green, blue
