"""Numbers without visible order, fixed to places: the grain of every procedural texture.

All functions are deterministic, compiled, and return values in [0, 1).
"""

import math

from occforge.render._compiled import per_ray


@per_ray
def hash3(a: int, b: int, c: int) -> float:
    """A number that depends on three integers."""
    h = (a * 374761393 + b * 668265263 + c * 2147483647 + 974634533) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 2246822519) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 3266489917) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@per_ray
def value2(x: float, y: float, seed: int) -> float:
    """Smooth noise in the plane with one random value per unit square."""
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    a, b = int(i), int(j)
    low = hash3(a, b, seed) * (1.0 - u) + hash3(a + 1, b, seed) * u
    high = hash3(a, b + 1, seed) * (1.0 - u) + hash3(a + 1, b + 1, seed) * u
    return low * (1.0 - v) + high * v


@per_ray
def value3(x: float, y: float, z: float, seed: int) -> float:
    """Smooth noise in space with one random value per unit cube."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    w = z - k
    w = w * w * (3.0 - 2.0 * w)
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    a, b, c = int(i), int(j), int(k) * 131 + seed
    low = (hash3(a, b, c) * (1.0 - u) + hash3(a + 1, b, c) * u) * (1.0 - v)
    low += (hash3(a, b + 1, c) * (1.0 - u) + hash3(a + 1, b + 1, c) * u) * v
    c += 131
    high = (hash3(a, b, c) * (1.0 - u) + hash3(a + 1, b, c) * u) * (1.0 - v)
    high += (hash3(a, b + 1, c) * (1.0 - u) + hash3(a + 1, b + 1, c) * u) * v
    return low * (1.0 - w) + high * w


@per_ray
def fractal2(x: float, y: float, seed: int, octaves: int) -> float:
    """Sum of `octaves` of `value2`, each twice as fine and half as strong, scaled back to [0, 1)."""
    total, weight, sum_of_weights = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * value2(x, y, seed + octave)
        sum_of_weights += weight
        x, y, weight = 2.03 * x + 17.3, 2.03 * y - 9.1, 0.5 * weight
    return total / sum_of_weights
