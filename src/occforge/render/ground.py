"""The ground in colour pictures: smooth borders between surfaces, kerb stones, lane marks."""

import math

from numpy.typing import NDArray

from occforge.render import texture
from occforge.render._compiled import per_ray
from occforge.render.materials import Kind
from occforge.render.noise import fractal2, value2
from occforge.render.stage import Stage

ROAD, PARKING, SIDEWALK = int(Kind.ROAD), int(Kind.PARKING), int(Kind.SIDEWALK)
GROUND, GRASS = int(Kind.GROUND), int(Kind.GRASS)


@per_ray
def _spline(s: float) -> float:
    """Cubic B-spline at distance `s` >= 0 from its middle."""
    return (4.0 - 6.0 * s * s + 3.0 * s * s * s) / 6.0 if s < 1.0 else max(2.0 - s, 0.0) ** 3 / 6.0


@per_ray
def ground_vote(ground_XY: NDArray, ox: float, oy: float) -> tuple[int, int, float]:
    """Ground label at a place in voxel units with smooth borders: (label, runner-up, its share of the weight).

    Every place takes the label with the greatest weight under a cubic B-spline, so that staircases between
    surfaces become curves. Outside the grid the nearest column counts.
    """
    X, Y = ground_XY.shape
    qx, qy = ox - 0.5, oy - 0.5
    i, j = math.floor(qx), math.floor(qy)
    u, v = qx - i, qy - j
    middle = ground_XY[min(max(i, 0), X - 1), min(max(j, 0), Y - 1)]
    same = True
    for a in range(-1, 3):
        for b in range(-1, 3):
            if ground_XY[min(max(i + a, 0), X - 1), min(max(j + b, 0), Y - 1)] != middle:
                same = False
    if same:
        return middle, middle, 0.0
    first, second, third = middle, 0, 0
    weight_1, weight_2, weight_3 = 0.0, 0.0, 0.0
    for a in range(-1, 3):
        wx = _spline(abs(u - a))
        for b in range(-1, 3):
            weight = wx * _spline(abs(v - b))
            label = ground_XY[min(max(i + a, 0), X - 1), min(max(j + b, 0), Y - 1)]
            if label == first:
                weight_1 += weight
            elif weight_2 == 0.0 or label == second:
                second = label
                weight_2 += weight
            else:  # where four surfaces meet, two count as one
                third = label
                weight_3 += weight
    if weight_3 > weight_2:
        second, weight_2 = third, weight_3
    if weight_2 > weight_1:
        first, second, weight_1, weight_2 = second, first, weight_2, weight_1
    return first, second, weight_2 / (weight_1 + weight_2)


@per_ray
def _lane_mark(stage: Stage, px: float, py: float) -> tuple[float, float]:
    """White paint on a plain road at a point (0-1: a worn dashed line along its middle) and the tyres' polish.

    The polish is a factor: asphalt is lighter where wheels run and darker where oil drips between them.
    """
    X = stage.centre_X.shape[0]
    q = (px - stage.origin_3[0]) / stage.voxel_3[0] - 0.5
    i = min(max(math.floor(q), 0), X - 2)
    if stage.halves_X[i] < 2.4 or stage.halves_X[i + 1] < 2.4:
        return 0.0, 1.0
    share = min(max(q - i, 0.0), 1.0)
    centre = stage.centre_X[i] * (1.0 - share) + stage.centre_X[i + 1] * share
    beside = abs(py - centre)
    lane = beside - 0.5 * min(stage.halves_X[i], 3.6)
    polish = 1.0 + 0.13 * math.exp(-(((abs(lane) - 0.75) / 0.28) ** 2)) - 0.10 * math.exp(-((lane / 0.35) ** 2))
    if beside > 0.07 or (px + 1.7) % 6.0 > 2.6:
        return 0.0, polish
    worn = fractal2(px * 6.0, py * 6.0, stage.seed + 3, 2)
    return 0.85 * min(max(2.2 - 2.4 * worn, 0.15), 1.0), polish


@per_ray
def ground_texel(
    stage: Stage, label: int, other: int, share: float, px: float, py: float, pixel_m: float
) -> texture.Texel:
    """Texture of a ground label at a place; `other` and `share` come from `ground_vote` and make kerb stones."""
    kind, seed = stage.kind_K[label], stage.seed
    base = stage.albedo_K3[label]
    if kind in (ROAD, PARKING):
        r, g, b, gloss, shine = texture.asphalt(px, py, base, pixel_m, seed)
        if kind == ROAD:
            paint, polish = _lane_mark(stage, px, py)
            r, g, b = r * polish, g * polish, b * polish
            r, g, b = r + (0.62 - r) * paint, g + (0.62 - g) * paint, b + (0.60 - b) * paint
        if stage.kind_K[other] == SIDEWALK and share > 0.30:  # the gutter
            r, g, b = 0.72 * r, 0.72 * g, 0.72 * b
        return r, g, b, gloss, shine
    if kind == SIDEWALK:
        if share > 0.12 and (stage.kind_K[other] == ROAD or stage.kind_K[other] == PARKING):
            joint = 0.8 if (px % 1.0) < 0.015 + 0.3 * pixel_m else 1.0
            tint = joint * (0.9 + 0.25 * value2(px * 3.0, py * 3.0, seed + 4))
            return 0.44 * tint, 0.43 * tint, 0.41 * tint, 0.03, 0.0
        return texture.paving(px, py, base, 0.5, pixel_m, seed)
    if kind == GRASS:
        return texture.grass(px, py, base, pixel_m, seed)
    if kind == GROUND:
        return texture.gravel(px, py, base, pixel_m, seed)
    return base[0], base[1], base[2], 0.0, 0.0
