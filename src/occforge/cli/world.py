"""`occforge world export`: streets or rooms of the world as a dataset on disk."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from occforge.cli._parse import call


def export(
    out: Annotated[Path, tyro.conf.Positional],
    /,
    layout: Literal["semantic_kitti", "carla_sc", "nyuv2"] = "semantic_kitti",
    count: int = 100,
    first_seed: int = 0,
    sequence: str | None = None,
    workers: int = 1,
) -> None:
    """Write streets (nyuv2: rooms) with pictures, calibration and captions in a dataset's own layout.

    Args:
        out: Root of the tree; complete frames that are there already are kept.
        layout: Whose layout to write.
        count: Number of streets or rooms.
        first_seed: Seed of the first.
        sequence: Sequence, town or split that the frames go to.
        workers: Processes.
    """
    from occforge.data.export import export_world

    export_world(out, layout, count, first_seed, sequence, workers)
    print(out)


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(export, program, arguments)
