"""`occforge dataset stats NAME PATH`: what a dataset's voxels are made of."""

from pathlib import Path
from typing import Annotated

import tyro

from occforge.cli._parse import call


def stats(
    name: Annotated[str, tyro.conf.Positional],
    path: Annotated[Path, tyro.conf.Positional],
    /,
    split: str = "train",
    frames: int = 100,
    json: Path | None = None,
) -> None:
    """Class shares, F^k, imbalance, objects a scene, and which classes to treat as objects.

    Args:
        name: Name of the dataset, for example semantic_kitti.
        path: Its root (any folder for a dataset without files).
        split: Which of its splits.
        frames: So many frames at most, spread evenly over the split.
        json: Also write the numbers to this file.
    """
    from occforge.core.errors import InputError
    from occforge.core.files import write_json
    from occforge.data.dataset import open_dataset
    from occforge.metrics.dataset_stats import DatasetStatistics

    if frames < 1:
        raise InputError(f"--frames: expected at least 1, got {frames}")
    dataset = open_dataset(name, path, split, images=False)
    statistics = DatasetStatistics(dataset.grid, dataset.taxonomy)
    count = min(frames, len(dataset))
    for i in range(count):
        statistics.add(dataset[i * len(dataset) // count].scene)
    result = statistics.result()
    print(f"{name}, {split}: {count} of {len(dataset)} frames\n\n{result.to_text()}")
    if json is not None:
        write_json(json, {"dataset": name, "split": split, "of_frames": len(dataset), **result.to_dict()})
        print(f"\nnumbers: {json}")


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(stats, program, arguments)
