"""How many 2x2x2 blocks of held-out streets does a codebook of K shape codes reproduce exactly?

python runs/code_coverage.py
"""

import numpy as np

from occforge.core.grid import STREET_GRID
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.procedural import TRAIN_FIRST_SEED, VAL_FIRST_SEED
from occforge.discrete.codes import blocks, fit_codes
from occforge.discrete.stages import CompositionConfig, Levels
from occforge.world.street import make_street

FIT, HELD_OUT = 64, 16


def main() -> None:
    levels = Levels(CompositionConfig(), STREET_GRID, SEMANTIC_KITTI)
    fit = [make_street(TRAIN_FIRST_SEED + i).scene.labels_XYZ for i in range(FIT)]
    held_out = [make_street(VAL_FIRST_SEED + i).scene.labels_XYZ for i in range(HELD_OUT)]
    print(f"fit on {FIT} streets, n = {HELD_OUT}")
    print("| voxel | codes | occupied blocks exact | blocks with objects exact | voxels right |")
    print("|---|---|---|---|---|")
    for voxel_m, pooled in ((0.4, True), (0.2, False)):
        train = [levels.half_scene(s) for s in fit] if pooled else fit
        test = [levels.half_scene(s) for s in held_out] if pooled else held_out
        for count in (256, 512, 1024, 2048):
            book = fit_codes(train, count, SEMANTIC_KITTI)
            exact, occupied, objects = [], [], []
            right = total = 0
            for labels in test:
                decoded = book.decode(book.encode(labels))
                true_N8 = blocks(labels)
                exact.append((true_N8 == blocks(decoded)).all(1))
                occupied.append(true_N8.any(1))
                objects.append(np.isin(true_N8, SEMANTIC_KITTI.objects).any(1))
                right += int(((labels == decoded) & (labels != 0)).sum())
                total += int((labels != 0).sum())
            same, has, thing = map(np.concatenate, (exact, occupied, objects))
            print(
                f"| {voxel_m} m | {book.count} | {100 * same[has].mean():.2f} % | {100 * same[thing].mean():.2f} % "
                f"| {100 * right / total:.2f} % |"
            )


if __name__ == "__main__":
    main()
