"""CarlaSC's fine frames, (256, 256, 16), as a dataset of their own: what Comp-D3PM trains on (Sec. 5.1)."""

from pathlib import Path

from occforge.data import carla_sc


def open(root: Path | None, split: str, images: bool = True) -> carla_sc.CarlaSc:
    """The fine frames of `split` under `root`; the plug-in's entry point."""
    return carla_sc.open(root, split, images, "fine")
