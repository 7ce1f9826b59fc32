"""Streets from seeds: read what is in them, caption them, keep one, and measure the shares of the classes.

usage: python examples/01_world.py [FOLDER]        (without FOLDER: a temporary one)
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.render.bev import bev
from occforge.world.captions import caption
from occforge.world.street import make_street


def main(folder: Path) -> None:
    """Caption three streets, write a fourth that fulfils wishes, print the class shares of fifty."""
    rng = np.random.default_rng(0)
    for seed in range(3):
        street = make_street(seed)
        text, mentioned = caption(street.attributes, rng)
        print(f"street {seed}, {len(street.instances)} objects: {text}\n   says {mentioned}")

    street = make_street(7, {"layout": "left-curve", "parked": "both", "left": "buildings", "persons": "many"})
    street.scene.save(folder / "street.npz")
    Image.fromarray(bev(street.scene)).save(folder / "street.png")

    count_K = sum(np.bincount(make_street(seed).scene.labels_XYZ.ravel(), minlength=20) for seed in range(50))
    for name, count in zip(SEMANTIC_KITTI.names[1:], count_K[1:], strict=True):
        print(f"{name:15s} {100.0 * count / count_K[1:].sum():6.2f} % of the occupied voxels")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
