"""What a ray meets: the texture and the normal of a surface point, by the kind of thing that it belongs to.

Positions `p` are metres in the grid frame, `o` voxel units.
"""

import math

from numpy.typing import NDArray

from occforge.render import texture
from occforge.render._compiled import per_ray
from occforge.render.ground import GRASS, ROAD, ground_texel, ground_vote
from occforge.render.materials import FIRST_INDOOR, Kind
from occforge.render.noise import hash3, value2
from occforge.render.parts import BOTTOM, CENTRE_X, CENTRE_Y, COS, SIN
from occforge.render.sky import Rgb, Sky
from occforge.render.stage import Stage
from occforge.render.surface import density, surface_label
from occforge.render.texture_indoor import indoor

BUILDING = int(Kind.BUILDING)
FENCE, FOLIAGE, TRUNK = int(Kind.FENCE), int(Kind.FOLIAGE), int(Kind.TRUNK)
SIGN, CAR, TRUCK = int(Kind.SIGN), int(Kind.CAR), int(Kind.TRUCK)
CYCLE, PERSON = int(Kind.CYCLE), int(Kind.PERSON)
INDOOR = int(FIRST_INDOOR)


@per_ray
def surface_normal(d: NDArray, v: NDArray, ox: float, oy: float, oz: float, reach: float) -> Rgb:
    """Unit normal in metres of the blurred surface `d` at a point in voxel units, from differences over `reach`."""
    nx = (density(d, ox - reach, oy, oz) - density(d, ox + reach, oy, oz)) / v[0]
    ny = (density(d, ox, oy - reach, oz) - density(d, ox, oy + reach, oz)) / v[1]
    nz = (density(d, ox, oy, oz - reach) - density(d, ox, oy, oz + reach)) / v[2]
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    if length < 1e-6:
        return 0.0, 0.0, 1.0
    return nx / length, ny / length, nz / length


@per_ray
def texel(
    stage: Stage, sky: Sky, px: float, py: float, pz: float, pixel_m: float
) -> tuple[float, float, float, float, float, float, float, float, int]:
    """Texture and normal at a surface point: (red, green, blue, gloss, shine, nx, ny, nz, kind)."""
    v, o = stage.voxel_3, stage.origin_3
    ox, oy, oz = (px - o[0]) / v[0], (py - o[1]) / v[1], (pz - o[2]) / v[2]
    label = surface_label(stage.labels_XYZ, ox, oy, oz)
    kind, seed = int(stage.kind_K[label]), stage.seed
    base = stage.albedo_K3[label]
    nx, ny, nz = surface_normal(stage.density_XYZ, v, ox, oy, oz, 0.8)
    if kind >= INDOOR:
        r, g, b, gloss, shine = indoor(kind, (px, py, pz), (nx, ny, nz), base, pixel_m, sky.lamps, seed)
        return r, g, b, gloss, shine, nx, ny, nz, kind
    X, Y = stage.part_XY.shape
    i, j = min(max(math.floor(ox), 0), X - 1), min(max(math.floor(oy), 0), Y - 1)
    if ROAD <= kind <= GRASS:
        first, second, share = ground_vote(stage.ground_XY, ox, oy)
        if nz > 0.80 or stage.kind_K[first] == 0:
            nx, ny, nz = 0.12 * nx, 0.12 * ny, 1.0
            if kind == GRASS:
                nx += 0.5 * (value2(px * 12.0, py * 12.0, seed + 7) - 0.5)
                ny += 0.5 * (value2(px * 12.0 + 50.0, py * 12.0, seed + 8) - 0.5)
            length = math.sqrt(nx * nx + ny * ny + nz * nz)
            nx, ny, nz = nx / length, ny / length, nz / length
        if stage.kind_K[first] == 0:
            first = label
        r, g, b, gloss, shine = ground_texel(stage, first, second, share, px, py, pixel_m)
        return r, g, b, gloss, shine, nx, ny, nz, int(stage.kind_K[first])
    p = stage.part_XY[i, j]
    if (kind == BUILDING or kind >= SIGN) and (p < 0 or stage.part_kind_XY[i, j] != kind):
        # The surface bulges over the neighbouring column.
        i2 = min(max(math.floor(ox - 0.9 * nx), 0), X - 1)
        j2 = min(max(math.floor(oy - 0.9 * ny), 0), Y - 1)
        p = stage.part_XY[i2, j2]
        if p >= 0 and stage.part_kind_XY[i2, j2] != kind:
            p = -1
    part = stage.parts[max(p, 0)]
    r, g, b, gloss, shine = base[0], base[1], base[2], 0.0, 0.0
    if kind == BUILDING and p >= 0:
        if nz > 0.55:
            nx, ny, nz = surface_normal(stage.density_XYZ, v, ox, oy, oz, 2.0)
            r, g, b, gloss, shine = texture.roof(px, py, pz, part, pixel_m, seed)
        else:
            along, across = nx * part[COS] + ny * part[SIN], ny * part[COS] - nx * part[SIN]
            dx, dy = px - part[CENTRE_X], py - part[CENTRE_Y]
            if abs(along) > abs(across):
                s = 1.0 if along > 0.0 else -1.0
                nx, ny, nz = s * part[COS], s * part[SIN], 0.0
                wall, u = (1 if s > 0 else 2), dy * part[COS] - dx * part[SIN]
            else:
                s = 1.0 if across > 0.0 else -1.0
                nx, ny, nz = -s * part[SIN], s * part[COS], 0.0
                wall, u = (3 if s > 0 else 4), dx * part[COS] + dy * part[SIN]
            floor_m = o[2] + stage.height_XY[i, j] * v[2]
            bottom = floor_m if abs(floor_m - part[BOTTOM]) < 0.5 else part[BOTTOM]
            r, g, b, gloss, shine = texture.facade(u, pz - bottom, wall, part, pixel_m, sky.lamps, seed)
    elif kind == FOLIAGE:
        r, g, b, gloss, shine = texture.foliage(px, py, pz, base, pixel_m, seed)
        nx += 0.9 * (hash3(int(px * 11.0), int(py * 11.0), int(pz * 11.0) + seed) - 0.5)
        ny += 0.9 * (hash3(int(px * 11.0) + 57, int(py * 11.0), int(pz * 11.0) + seed) - 0.5)
        nz += 0.9 * (hash3(int(px * 11.0), int(py * 11.0) + 91, int(pz * 11.0) + seed) - 0.35)
        length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
        nx, ny, nz = nx / length, ny / length, nz / length
    elif kind == TRUNK:
        r, g, b, gloss, shine = texture.bark(px, py, pz, base, pixel_m, seed)
    elif kind == FENCE:
        u = py if abs(nx) > abs(ny) else px
        r, g, b, gloss, shine = texture.fence(u, pz, px, py, base, pixel_m, seed)
    elif kind == CAR and p >= 0:
        r, g, b, gloss, shine = texture.car(px, py, pz, nx, ny, nz, part, sky.lamps)
    elif kind == TRUCK and p >= 0:
        r, g, b, gloss, shine = texture.truck(px, py, pz, nx, ny, nz, part, base, sky.lamps)
    elif kind == PERSON and p >= 0:
        r, g, b, gloss, shine = texture.person(pz, part)
    elif kind == SIGN and p >= 0:
        r, g, b, gloss, shine = texture.sign(px, py, pz, nx, part)
    return r, g, b, gloss, shine, nx, ny, nz, kind
