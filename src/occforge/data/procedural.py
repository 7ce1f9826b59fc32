"""The street world as a dataset: sample i is the street of seed `first_seed + i`, with its caption and picture.

Seeds of the three splits are disjoint: train 0 to 1,999,999,999, val from 2,000,000,000, test from 3,000,000,000.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from occforge.core.camera import Camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI, Taxonomy
from occforge.data.dataset import Sample

TRAIN_FIRST_SEED = 0
VAL_FIRST_SEED = 2_000_000_000
TEST_FIRST_SEED = 3_000_000_000
END_SEED = 4_000_000_000

SPLITS: dict[str, tuple[int, int]] = {
    "train": (TRAIN_FIRST_SEED, 10_000),
    "val": (VAL_FIRST_SEED, 500),
    "test": (TEST_FIRST_SEED, 500),
}
"""First seed and number of samples of each split that `open` gives; `Procedural` makes as many as wanted."""


class Procedural:
    """Streets of the seeds `first_seed` to `first_seed + count - 1`, made on demand and the same every time.

    With `images` each sample has the picture of `camera`, in the weather of its street.
    """

    def __init__(self, first_seed: int, count: int, images: bool = False, camera: Camera | None = None) -> None:
        check_seeds(first_seed, count)
        self.taxonomy: Taxonomy = SEMANTIC_KITTI
        self.grid = STREET_GRID
        self._seeds = range(first_seed, first_seed + count)
        self._camera = (camera or street_camera()) if images else None

    def __len__(self) -> int:
        return len(self._seeds)

    def __getitem__(self, index: int) -> Sample:
        """The sample of one seed; its name is the seed."""
        return make_sample(self._seeds[index], self._camera)


def open(root: Path | None, split: str, images: bool = True) -> Procedural:
    """The world's `split`; `root` is not used. The plug-in's entry point."""
    if split not in SPLITS:
        raise InputError(f"procedural split: expected one of {', '.join(SPLITS)}, got '{split}'")
    first_seed, count = SPLITS[split]
    return Procedural(first_seed, count, images)


def make_sample(seed: int, camera: Camera | None) -> Sample:
    """The street of `seed` with its caption and, if there is a `camera`, its picture."""
    from occforge.world.captions import caption
    from occforge.world.street import make_street

    street = make_street(seed)
    persons = sum(instance.label == SEMANTIC_KITTI.id_of("person") for instance in street.instances)
    text, mentioned = caption(street.attributes, np.random.default_rng(seed), persons)
    image_HW3 = None
    if camera is not None:
        from occforge.render.shade import shade

        image_HW3 = shade(street.scene, camera, street.weather, seed)
    return Sample(street.scene, image_HW3, camera, text, mentioned, str(seed))


def check_seeds(first_seed: int, count: int) -> None:
    """Raise `InputError` unless the seeds exist and lie within one split."""
    starts = {"train": TRAIN_FIRST_SEED, "val": VAL_FIRST_SEED, "test": TEST_FIRST_SEED, "": END_SEED}
    if count < 1 or not 0 <= first_seed < END_SEED:
        raise InputError(
            f"procedural world: expected at least one sample and seeds in 0-{END_SEED - 1}, "
            f"got {count} from {first_seed}"
        )
    end = next(start for start in starts.values() if start > first_seed)
    if first_seed + count > end:
        raise InputError(
            f"procedural world: {count} seeds from {first_seed} reach into another split, which starts at {end}; "
            "choose fewer or an earlier first seed"
        )


@lru_cache
def world_digest() -> str:
    """Eight hex digits that change when the world does: a hash of a few of its streets."""
    from occforge.world.street import make_street

    digest = hashlib.sha256()
    for seed in range(TEST_FIRST_SEED, TEST_FIRST_SEED + 4):
        street = make_street(seed)
        digest.update(street.scene.labels_XYZ.tobytes() + repr(sorted(street.attributes.items())).encode())
    return digest.hexdigest()[:8]
