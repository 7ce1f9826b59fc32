"""The light a picture is taken in: weathers, the sky in every direction, haze.

Colours are linear light, 1.0 about white paper in the shade of a clear day. Directions are unit vectors in the
grid frame, towards the light.
"""

import math
from typing import NamedTuple

import numpy as np

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.render._compiled import per_ray
from occforge.render.noise import fractal2

Rgb = tuple[float, float, float]


class Sky(NamedTuple):
    """Light of one weather, ready for compiled code.

    sun: direction. sun_light: its light on a surface that faces it (0 when hidden). ambient: light of the whole
    sky. zenith, horizon, glow: the sky's colours overhead, low, and near the sun. cloud: share of it that is
    clouded, cloud_light: their colour. haze_per_m: attenuation. wetness: of the ground, 0-1. lamps: how much
    lamps and windows shine, 0-1. exposure, saturation: of the camera. indoors: 1 inside a room, lit by `indoor.py`
    with window_light, what a window sheds on a surface right before it.
    """

    sun: Rgb
    sun_light: Rgb
    ambient: Rgb
    zenith: Rgb
    horizon: Rgb
    glow: Rgb
    cloud: float
    cloud_light: Rgb
    haze_per_m: float
    wetness: float
    lamps: float
    exposure: float
    saturation: float
    seed: int
    indoors: float = 0.0
    window_light: Rgb = (0.0, 0.0, 0.0)


def sun_direction(elevation_deg: float, azimuth_rad: float) -> Rgb:
    elevation = math.radians(elevation_deg)
    return (
        math.cos(elevation) * math.cos(azimuth_rad),
        math.cos(elevation) * math.sin(azimuth_rad),
        math.sin(elevation),
    )


def make_sky(weather: str, seed: int) -> Sky:
    """The sky of a weather (`core.attributes`); `seed` chooses the sun's place and the clouds."""
    if weather not in ATTRIBUTES["weather"]:
        raise InputError(f"no weather '{weather}'; weathers: {', '.join(ATTRIBUTES['weather'])}")
    rng = np.random.default_rng([seed, ATTRIBUTES["weather"].index(weather)])
    azimuth = float(rng.uniform(-math.pi, math.pi))
    if weather == "clear":
        return Sky(
            sun=sun_direction(float(rng.uniform(32.0, 58.0)), azimuth),
            sun_light=(3.70, 3.36, 2.86),
            ambient=(0.42, 0.54, 0.76),
            zenith=(0.13, 0.29, 0.68),
            horizon=(0.66, 0.80, 0.98),
            glow=(0.75, 0.68, 0.55),
            cloud=float(rng.uniform(0.12, 0.55)),
            cloud_light=(1.25, 1.25, 1.27),
            haze_per_m=0.0022,
            wetness=0.0,
            lamps=0.0,
            exposure=0.86,
            saturation=1.06,
            seed=seed,
        )
    if weather == "overcast":
        return Sky(
            sun=sun_direction(60.0, azimuth),
            sun_light=(0.20, 0.20, 0.20),
            ambient=(1.02, 1.08, 1.16),
            zenith=(0.78, 0.82, 0.88),
            horizon=(1.02, 1.04, 1.08),
            glow=(0.10, 0.10, 0.09),
            cloud=0.92,
            cloud_light=(0.92, 0.94, 0.98),
            haze_per_m=0.0045,
            wetness=0.0,
            lamps=0.0,
            exposure=0.92,
            saturation=0.88,
            seed=seed,
        )
    if weather == "fog":
        return Sky(
            sun=sun_direction(45.0, azimuth),
            sun_light=(0.0, 0.0, 0.0),
            ambient=(0.92, 0.95, 0.98),
            zenith=(0.80, 0.82, 0.84),
            horizon=(0.78, 0.80, 0.82),
            glow=(0.05, 0.05, 0.05),
            cloud=0.0,
            cloud_light=(0.8, 0.8, 0.8),
            haze_per_m=float(rng.uniform(0.026, 0.048)),
            wetness=0.15,
            lamps=0.5,
            exposure=0.88,
            saturation=0.72,
            seed=seed,
        )
    if weather == "rain":
        return Sky(
            sun=sun_direction(60.0, azimuth),
            sun_light=(0.0, 0.0, 0.0),
            ambient=(0.58, 0.64, 0.72),
            zenith=(0.42, 0.46, 0.52),
            horizon=(0.66, 0.70, 0.76),
            glow=(0.0, 0.0, 0.0),
            cloud=0.95,
            cloud_light=(0.52, 0.55, 0.61),
            haze_per_m=0.013,
            wetness=1.0,
            lamps=0.7,
            exposure=1.12,
            saturation=0.78,
            seed=seed,
        )
    return Sky(
        sun=sun_direction(float(rng.uniform(5.0, 12.0)), azimuth),
        sun_light=(2.60, 1.30, 0.52),
        ambient=(0.40, 0.40, 0.52),
        zenith=(0.13, 0.20, 0.42),
        horizon=(1.00, 0.55, 0.30),
        glow=(1.60, 0.75, 0.25),
        cloud=float(rng.uniform(0.35, 0.65)),
        cloud_light=(1.05, 0.62, 0.46),
        haze_per_m=0.0055,
        wetness=0.0,
        lamps=0.55,
        exposure=1.0,
        saturation=1.08,
        seed=seed,
    )


@per_ray
def haze_color(sky: Sky, dx: float, dy: float, dz: float) -> Rgb:
    """Colour that distance fades to in a direction: the sky low above the horizon there, without clouds."""
    toward = max(dx * sky.sun[0] + dy * sky.sun[1] + dz * sky.sun[2], 0.0)
    glow = 0.45 * toward**6
    away = 1.0 - 0.25 * (1.0 - toward) * (1.0 if sky.glow[0] > 0.9 else 0.0)
    return (
        sky.horizon[0] * away * 0.93 + glow * sky.glow[0],
        sky.horizon[1] * (0.5 + 0.5 * away) * 0.93 + glow * sky.glow[1],
        sky.horizon[2] * (1.9 - 0.9 * away) * 0.93 + glow * sky.glow[2],
    )


@per_ray
def sky_color(sky: Sky, dx: float, dy: float, dz: float) -> Rgb:
    """Light that comes from a direction of the sky; below the horizon the haze."""
    up = max(dz, 0.0)
    low = math.exp(-4.2 * up)
    toward = max(dx * sky.sun[0] + dy * sky.sun[1] + dz * sky.sun[2], 0.0)
    hazy = haze_color(sky, dx, dy, dz)
    glow = 0.30 * toward**4 + 0.55 * toward**48
    red = sky.zenith[0] * (1.0 - low) + hazy[0] * low + glow * sky.glow[0] * (1.0 - low)
    green = sky.zenith[1] * (1.0 - low) + hazy[1] * low + glow * sky.glow[1] * (1.0 - low)
    blue = sky.zenith[2] * (1.0 - low) + hazy[2] * low + glow * sky.glow[2] * (1.0 - low)
    if sky.cloud > 0.0 and up > 0.004:
        far = 1.0 / (up + 0.09)
        x, y = dx * far * 0.62 + 3.1 * (sky.seed % 97), dy * far * 0.62
        cover = fractal2(x, y, 31 + sky.seed % 1009, 5)
        edge = 0.66 - 0.40 * sky.cloud
        thick = min(max((cover - edge) / 0.20, 0.0), 1.0)
        thick = thick * thick * (3.0 - 2.0 * thick)
        thick *= min(1.0, up / 0.07) * (0.95 if sky.cloud > 0.8 else 0.86)
        # Clouds are bright towards the sun and grey where they are thick.
        shade = 1.0 - 0.42 * min(max((cover - edge - 0.10) / 0.35, 0.0), 1.0) + 0.35 * toward**8
        red = red * (1.0 - thick) + sky.cloud_light[0] * shade * thick
        green = green * (1.0 - thick) + sky.cloud_light[1] * shade * thick
        blue = blue * (1.0 - thick) + sky.cloud_light[2] * shade * thick
        toward *= 1.0 - 0.7 * thick
    if toward > 0.9994:
        disc = 7.0 * min(1.0, (toward - 0.9994) / 0.0003)
        red, green, blue = red + disc * sky.glow[0], green + disc * sky.glow[1], blue + disc * sky.glow[2]
    return red, green, blue
