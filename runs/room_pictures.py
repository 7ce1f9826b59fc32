"""The sheet of rooms in docs/rooms.md and the class shares beside it: seeds in order, nothing chosen by hand.

python runs/room_pictures.py [--out docs/pictures/rooms.png] [--shares 200] [--frame NYU0001_0000.bin]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, NYUV2, UNKNOWN
from occforge.data import nyuv2
from occforge.data._transforms import downsample
from occforge.data.rooms import Rooms
from occforge.render.oblique import oblique
from occforge.render.picture import sheet
from occforge.render.shade import shade
from occforge.world.room import Room, make_room

FIRST_SEED = 3_900_000_000
SIZE_HW = (150, 200)
COLORS = 256
"""Of the sheet's palette, which keeps it small."""


def cutaway(room: Room) -> Scene:
    """The room at 0.08 m without its ceiling and right wall."""
    labels_XYZ = downsample(room.scene.labels_XYZ, 4)
    labels_XYZ[labels_XYZ == NYUV2.id_of("ceiling")] = EMPTY
    labels_XYZ[:, : room.spec.right // 4] = EMPTY
    return Scene(labels_XYZ, room.scene.grid.pooled((4, 4, 4)), NYUV2)


def shares(counts: np.ndarray) -> str:
    """Percent of the occupied voxels per class, of the known ones that are occupied, and of all that are unknown."""
    occupied = counts[1 : NYUV2.class_count].sum()
    row = [f"{100.0 * n / occupied:.1f}" for n in counts[1 : NYUV2.class_count]]
    known = counts.sum() - counts[UNKNOWN]
    return " | ".join([*row, f"{100.0 * occupied / known:.1f}", f"{100.0 * counts[UNKNOWN] / counts.sum():.1f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/rooms.png"))
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--shares", type=int, default=0, help="rooms to count classes in")
    parser.add_argument("--frame", type=Path, help="a real frame to count beside them")
    arguments = parser.parse_args()

    pictures = []
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.count):
        room = make_room(seed)
        seen = shade(room.skins, room.camera.resized(SIZE_HW), room.light, seed)
        pictures.append(np.concatenate([seen, oblique(cutaway(room), SIZE_HW)], axis=0))
    image = Image.fromarray(sheet(pictures, 6)).quantize(COLORS, dither=Image.Dither.NONE)
    image.save(arguments.out, optimize=True)

    if arguments.shares:
        dataset = Rooms(FIRST_SEED, arguments.shares)
        counts = sum(np.bincount(dataset[i].scene.labels_XYZ.ravel(), minlength=256) for i in range(len(dataset)))
        print(" | ".join([*NYUV2.names[1:], "occupied of known", "unknown"]))
        print("world:", shares(np.asarray(counts)))
    if arguments.frame:
        labels_XYZ = nyuv2.train_labels(arguments.frame, nyuv2.read_voxels(arguments.frame))
        print("frame:", shares(np.bincount(downsample(labels_XYZ, 4).ravel(), minlength=256)))


if __name__ == "__main__":
    main()
