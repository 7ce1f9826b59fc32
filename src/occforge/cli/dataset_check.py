"""`occforge dataset check NAME PATH`: what is missing or malformed, file by file."""

from pathlib import Path
from typing import Annotated

import tyro

from occforge.cli._parse import call


def check(
    name: Annotated[str, tyro.conf.Positional],
    path: Annotated[Path, tyro.conf.Positional],
    /,
    split: str | None = None,
    out: Path | None = None,
) -> int:
    """Read every file of a dataset and name those at fault; exit code 1 if there is one.

    Args:
        name: Name of the dataset, for example semantic_kitti.
        path: Its root.
        split: Check this split alone; default: all of them.
        out: PNG of one frame, its voxels drawn over its image (or a map of them, if it has none); default
            out/check-<name>.png.
    """
    from occforge.data.check import check_dataset, draw_frame
    from occforge.render.picture import save_rgb

    report = check_dataset(name, path, split)
    drawn = draw_frame(name, path, split)
    if drawn is None:
        print("picture: none, no frame can be read")
    else:
        frame, picture_HW3 = drawn
        file = Path("out") / f"check-{name}.png" if out is None else out
        save_rgb(file, picture_HW3)
        print(f"picture: {file} shows {frame}")
    print(report.summary())
    return 1 if report.findings else 0


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb; leaves with exit code 1 after findings."""
    if call(check, program, arguments):
        raise SystemExit(1)
