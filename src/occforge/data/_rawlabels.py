"""Raw label ids, as annotators gave them, and the training classes that they become."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.taxonomy import UNKNOWN, Taxonomy

_NOT_A_RAW_ID = 256


@dataclass(frozen=True)
class RawLabels:
    """A dataset's learning map, both ways.

    `by_class` holds the raw ids of each class of `taxonomy`; the first is the one written. `unlabelled` are raw ids of
    real matter without a class: their voxels are unknown, not empty. `dataset` is its name in messages.
    """

    dataset: str
    taxonomy: Taxonomy
    by_class: dict[str, tuple[int, ...]]
    unlabelled: tuple[int, ...]

    @cached_property
    def _train_from_raw(self) -> NDArray[np.uint16]:
        table = np.full(1 << 16, _NOT_A_RAW_ID, np.uint16)
        for train_id, name in enumerate(self.taxonomy.names):
            table[list(self.by_class[name])] = train_id
        table[list(self.unlabelled)] = UNKNOWN
        return table

    def train(self, path: Path, raw: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Training labels, uint8, of the raw ids of `path`; raises `InputError` at an id that is not the dataset's."""
        train = self._train_from_raw[raw]
        if train.max() == _NOT_A_RAW_ID:
            known = ", ".join(str(self.by_class[name][0]) for name in self.taxonomy.names[:4])
            raise InputError(
                f"{path}: raw class id {int(raw[train == _NOT_A_RAW_ID][0])} is not {self.dataset}'s; expected raw ids "
                f"such as {known} (not training ids); write the labels with the inverse learning map"
            )
        return train.astype(np.uint8)

    def raw(self, labels: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """The raw ids to write for training labels; unknown becomes raw 0, and a mask must say so."""
        table = np.zeros(256, "<u2")
        table[: self.taxonomy.class_count] = [self.by_class[name][0] for name in self.taxonomy.names]
        return table[labels]
