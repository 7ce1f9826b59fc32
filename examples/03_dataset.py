"""Make a small labelled dataset in SemanticKITTI's layout and read it back as any SSC project would.

usage: python examples/03_dataset.py [FOLDER]        (without FOLDER: a temporary one)
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from occforge.data import open_dataset
from occforge.data.export import export_world

SMALL_SIZE_HW = (96, 320)


def main(root: Path) -> None:
    """Write four streets of the world into sequence 00 and say what is in them."""
    folder = export_world(root, "semantic_kitti", count=4, first_seed=0, sequence="00", size_HW=SMALL_SIZE_HW)
    dataset = open_dataset("semantic_kitti", root, "train")
    print(f"{len(dataset)} frames in {folder}")
    for sample in dataset:
        occupied = sample.scene.labels_XYZ[sample.scene.valid_XYZ & (sample.scene.labels_XYZ > 0)]
        classes, counts = np.unique(occupied, return_counts=True)
        largest = ", ".join(dataset.taxonomy.names[k] for k in classes[np.argsort(-counts)][:3])
        print(f"{sample.name}  {occupied.size} voxels, mostly {largest}: {sample.caption}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
