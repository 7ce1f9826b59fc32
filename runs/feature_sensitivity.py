"""What does F3D see? Real streets damaged in one way each, their distance over that of undamaged ones.

python runs/feature_sensitivity.py [--n 128]
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from occforge.core.grid import Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.procedural import VAL_FIRST_SEED
from occforge.metrics.features import load_features, scene_features_ND
from occforge.metrics.frechet import frechet_distance
from occforge.weights import EMBEDDED
from occforge.world.street import make_street

Labels = NDArray[np.uint8]


def without(name: str) -> Callable[[Labels, np.random.Generator], Labels]:
    """Removes a class."""
    return lambda labels, rng: np.where(labels == SEMANTIC_KITTI.id_of(name), 0, labels).astype(np.uint8)


def salted(share: float) -> Callable[[Labels, np.random.Generator], Labels]:
    """Gives a share of all voxels a random class."""

    def damage(labels: Labels, rng: np.random.Generator) -> Labels:
        noise = rng.integers(1, SEMANTIC_KITTI.class_count, labels.shape, dtype=np.uint8)
        return np.where(rng.random(labels.shape) < share, noise, labels)

    return damage


def pitted(labels: Labels, rng: np.random.Generator) -> Labels:
    """Deletes a fifth of the voxels."""
    return np.where(rng.random(labels.shape) < 0.2, 0, labels).astype(np.uint8)


def moved_walls(labels: Labels, rng: np.random.Generator) -> Labels:
    """Moves buildings by 1.6 m to the left."""
    building = labels == SEMANTIC_KITTI.id_of("building")
    cleared = np.where(building, 0, labels)
    return np.where(np.roll(building, 8, 1), SEMANTIC_KITTI.id_of("building"), cleared).astype(np.uint8)


DAMAGES: dict[str, Callable[[Labels, np.random.Generator], Labels]] = {
    "nothing (the floor)": lambda labels, rng: labels,
    "all persons removed": without("person"),
    "all poles removed": without("pole"),
    "all cars removed": without("car"),
    "0.2 % of voxels random": salted(0.002),
    "20 % of voxels deleted": pitted,
    "walls moved by 1.6 m": moved_walls,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=128)
    n = parser.parse_args().n
    network = load_features(EMBEDDED / "features.safetensors")
    first = VAL_FIRST_SEED + 10_000
    reference = scene_features_ND(network, (make_street(first + i).scene for i in range(n)))
    print(
        f"n = {n} on each side, feature network {network.digest()}\n\n| Damage | F3D | over the floor |\n|---|---|---|"
    )
    floor = 0.0
    for name, damage in DAMAGES.items():
        rng = np.random.default_rng(0)
        streets = (make_street(first + n + i).scene for i in range(n))
        damaged = (Scene(damage(s.labels_XYZ, rng), s.grid, s.taxonomy) for s in streets)
        distance = frechet_distance(scene_features_ND(network, damaged), reference)
        floor = floor or distance
        print(f"| {name} | {distance:.2f} | {distance / floor:.2f} |", flush=True)


if __name__ == "__main__":
    main()
