"""The room world as a dataset: sample i is the room of seed `first_seed + i`, with caption, picture and depth.

Scenes are NYUv2's: 12 classes in 60 x 60 x 36 voxels of 0.08 m pooled from 240 x 240 x 144 of 0.02 m, unknown outside
the room. Seeds of the three splits are disjoint, as those of the streets (`procedural`).
"""

from pathlib import Path
from typing import Literal

import numpy as np

from occforge.core.errors import InputError
from occforge.core.taxonomy import NYUV2, Taxonomy
from occforge.data._transforms import downsample_scene
from occforge.data.dataset import Sample
from occforge.data.procedural import SPLITS, check_seeds
from occforge.world.room import NYU_SIZE_HW
from occforge.world.room_layout import POOL, ROOM_GRID

Resolution = Literal["coarse", "fine"]

SMOOTH_BELOW = 300
"""Pictures of fewer rows are shaded with four samples a pixel, larger ones with one."""


class Rooms:
    """Rooms of the seeds `first_seed` to `first_seed + count - 1`, made on demand and the same every time.

    With `images` each sample has the picture and depth that its room's camera sees, `size_HW` pixels large.
    """

    def __init__(
        self,
        first_seed: int,
        count: int,
        images: bool = False,
        size_HW: tuple[int, int] = NYU_SIZE_HW,
        resolution: Resolution = "coarse",
    ) -> None:
        check_seeds(first_seed, count)
        if resolution not in ("coarse", "fine"):
            raise InputError(f"rooms: expected resolution coarse or fine, got '{resolution}'")
        self.taxonomy: Taxonomy = NYUV2
        self.grid = ROOM_GRID if resolution == "fine" else ROOM_GRID.pooled((POOL, POOL, POOL))
        self._seeds = range(first_seed, first_seed + count)
        self._size_HW = size_HW if images else None
        self._resolution: Resolution = resolution

    def __len__(self) -> int:
        return len(self._seeds)

    def __getitem__(self, index: int) -> Sample:
        """The sample of one seed; its name is the seed."""
        return make_room_sample(self._seeds[index], self._size_HW, self._resolution)


def open(root: Path | None, split: str, images: bool = True, resolution: Resolution = "coarse") -> Rooms:
    """The world's `split`; `root` is not used. The plug-in's entry point."""
    if split not in SPLITS:
        raise InputError(f"rooms split: expected one of {', '.join(SPLITS)}, got '{split}'")
    first_seed, count = SPLITS[split]
    return Rooms(first_seed, count, images, resolution=resolution)


def make_room_sample(seed: int, size_HW: tuple[int, int] | None, resolution: Resolution = "coarse") -> Sample:
    """The room of `seed` with its caption and, if there is a size, its picture and depth (metres)."""
    from occforge.world.room import make_room
    from occforge.world.room_captions import room_caption

    room = make_room(seed)
    text, mentioned = room_caption(room.attributes, np.random.default_rng(seed))
    scene = room.scene if resolution == "fine" else downsample_scene(room.scene, POOL)
    if size_HW is None:
        return Sample(scene, None, None, text, mentioned, str(seed))
    from occforge.render.raycast import raycast
    from occforge.render.shade import shade

    camera = room.camera.resized(size_HW)
    image_HW3 = shade(room.skins, camera, room.light, seed, 2 if size_HW[0] < SMOOTH_BELOW else 1)
    depth_HW_m = raycast(room.scene, camera).depth_HW
    return Sample(scene, image_HW3, camera, text, mentioned, str(seed), depth_HW_m)
