"""Is a copy of a dataset whole: what each reader says of every file, counted, and one frame to look at.

A dataset that can be checked defines, beside `open`, the names of its splits in `SPLITS`, the frames that it was
published with in `PUBLISHED_FRAMES`, and `checks(root, split)`, which yields a `Check` for every file that should be
there.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.data.dataset import Sample, dataset_names, open_dataset
from occforge.render.bev import bev
from occforge.render.overlay import overlay

CENTRAL_SHARE = 0.25
"""A principal point lies farther than this share of the image from its edges."""


@dataclass(frozen=True)
class Check:
    """`run()` raises `InputError` if a file of `frame` is missing or wrong; `frame` is None if the file is shared."""

    frame: str | None
    run: Callable[[], object]


@dataclass(frozen=True)
class Report:
    """What was found: frames of every split, number of checks, and one line for every file at fault."""

    dataset: str
    frames: dict[str, int]
    checks: int
    findings: tuple[str, ...]

    def summary(self) -> str:
        """Frames of each split beside the published number, and the number of findings, on one line."""
        published = _module(self.dataset).PUBLISHED_FRAMES
        counts = [
            f"{split} {count}" + (f" of {published[split]}" if split in published else "")
            for split, count in self.frames.items()
        ]
        found = f"{len(self.findings)} at fault" if self.findings else "all well"
        return f"{self.dataset}: frames {', '.join(counts)}; {self.checks} checks, {found}"


def checkable_names() -> list[str]:
    """Names of the datasets that can be checked."""
    return [name for name in dataset_names() if hasattr(_module(name), "checks")]


def check_dataset(name: str, root: Path, split: str | None = None, found: Callable[[str], object] = print) -> Report:
    """Check every file of `name` under `root`, in `split` or in all splits; `found` gets each line as it appears.

    Raises `InputError` if the name, the split or the folder does not exist; all else is a finding.
    """
    splits = _splits(name, root, split)
    findings: dict[str, None] = {}  # a file that two checks read is named once
    frames: dict[str, set[str]] = {}
    count = 0

    def add(error: InputError) -> None:
        line = " ".join(str(error).split())
        if line not in findings:
            findings[line] = None
            found(line)

    for split_name in splits:
        frames[split_name] = set()
        try:
            for check in _module(name).checks(root, split_name):
                count += 1
                if check.frame is not None:
                    frames[split_name].add(check.frame)
                try:
                    check.run()
                except InputError as error:
                    add(error)
        except InputError as error:  # the files that say which frames there are
            add(error)
    if not any(frames.values()) and not findings:
        try:
            open_dataset(name, root, splits[0])
        except InputError as error:
            add(error)
    return Report(name, {split: len(names) for split, names in frames.items()}, count, tuple(findings))


def draw_frame(name: str, root: Path, split: str | None = None) -> tuple[str, NDArray[np.uint8]] | None:
    """Name and picture (H, W, 3) of the first frame that reads: its voxels over its image, else a map of them.

    None if no frame reads.
    """
    for images in (True, False):
        for sample in _readable(name, root, _splits(name, root, split), images):
            if sample.image_HW3 is not None and sample.camera is not None:
                return sample.name, overlay(sample.scene, sample.camera, sample.image_HW3)
            if not images:
                return sample.name, bev(sample.scene)
            break  # a dataset without pictures
    return None


def check_view(path: Path, image_HW3: NDArray[np.uint8], camera: Camera) -> None:
    """Raise `InputError` unless `camera` can be that of the picture at `path`: its size, its principal point."""
    H, W = image_HW3.shape[:2]
    u, v = camera.K_33[0, 2], camera.K_33[1, 2]
    if camera.size_HW != (H, W):
        raise InputError(
            f"{path}: expected an image of (H, W) {camera.size_HW} as the calibration says, got {(H, W)}; copy the "
            "image in its own size"
        )
    if not (CENTRAL_SHARE < u / W < 1 - CENTRAL_SHARE and CENTRAL_SHARE < v / H < 1 - CENTRAL_SHARE):
        raise InputError(
            f"{path}: expected the calibration's principal point ({u:.0f}, {v:.0f}) near the middle of its image, got "
            f"{W}x{H} pixels; one of them belongs to another dataset or was resized alone"
        )


def _splits(name: str, root: Path, split: str | None) -> list[str]:
    if name not in checkable_names():
        raise InputError(f"no dataset '{name}' to check; expected one of {', '.join(checkable_names())}")
    if not root.is_dir():
        raise InputError(f"expected the folder of {name} at {root}, found none; give its path")
    splits = list(_module(name).SPLITS)
    if split is not None and split not in splits:
        raise InputError(f"{name}: expected a split of {', '.join(splits)}, got '{split}'")
    return splits if split is None else [split]


def _readable(name: str, root: Path, splits: Iterable[str], images: bool) -> Iterator[Sample]:
    for split in splits:
        try:
            dataset = open_dataset(name, root, split, images)
        except InputError:
            continue
        for index in range(len(dataset)):
            try:
                yield dataset[index]
            except InputError:
                continue


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"occforge.data.{name}")
