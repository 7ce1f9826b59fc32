"""CarlaSC's fine frames, (256, 256, 16), as a dataset of their own: what Comp-D3PM trains on (Sec. 5.1)."""

from pathlib import Path

from occforge.core.errors import InputError
from occforge.data.carla_sc import CarlaSc


def open(root: Path | None, split: str, images: bool = True) -> CarlaSc:
    """The fine frames of `split` under `root`; the plug-in's entry point."""
    if root is None:
        raise InputError("CarlaSC: expected the folder that holds Cartesian/, got none; give its path")
    return CarlaSc(Path(root), split, images, "fine")
