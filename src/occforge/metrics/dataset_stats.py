"""What a dataset is made of: shares, imbalance, objects, and which classes make an object stream.

The object/background split of Comp-D3PM (Sec. 4.1) wants classes that are countable and rare. Both are measured:

- **rare**: F^k is below the even share, 1 / (number of classes that occur).
- **countable**: at least `COUNTABLE_SHARE` of the class's voxels lie in connected components that are compact, their
  longer horizontal edge at most `COMPACT_SHARE` of the grid's (or `COMPACT_M`, a bed's length, where that is more),
  and that stand: their height is at least `STANDING_RATIO` of that edge. A road is one piece as wide as the grid, a
  sidewalk's pieces are flat; a car is neither.

A class that is both is proposed as object, any other as background; on SemanticKITTI's own frames that gives the split
of its taxonomy. A class that does not occur keeps its stream. Few or sparse frames cut surfaces to pieces that look
countable, so the numbers stand beside the verdict. Shape legend: K classes (0 is empty), C components.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import EMPTY, Taxonomy
from occforge.metrics.objects import ObjectStatistics, ObjectSummary, components
from occforge.metrics.shares import ClassShares, occupied_shares_K

COMPACT_SHARE = 0.25
COMPACT_M = 2.5
STANDING_RATIO = 0.2
COUNTABLE_SHARE = 0.75


@dataclass(frozen=True)
class Proposal:
    """Whether a class belongs to the object stream; `countable_share` of its voxels lie in countable pieces.

    `rare` and `countable` are None where the class does not occur, and `countable_share` is nan.
    """

    name: str
    is_object: bool
    rare: bool | None
    countable: bool | None
    countable_share: float

    @property
    def reason(self) -> str:
        """In words: what speaks for the stream."""
        if self.rare is None or self.countable is None:
            return "does not occur"
        return f"{'' if self.countable else 'not '}countable, {'' if self.rare else 'not '}rare"


@dataclass(frozen=True)
class DatasetSummary:
    """Pooled over `frames`: `counts_K` voxels of each class, `unknown` voxels, objects, and a proposal a class."""

    frames: int
    grid: GridSpec
    taxonomy: Taxonomy
    counts_K: NDArray[np.int64]
    unknown: int
    objects: ObjectSummary
    proposals: tuple[Proposal, ...]

    @property
    def frequency_K(self) -> NDArray[np.float64]:
        """F^k of Eq. 6 (Comp-D3PM): each class's share of the occupied voxels, 0 for empty."""
        return occupied_shares_K(self.counts_K)

    @property
    def empty_share(self) -> float:
        """Share of the known voxels that are empty; nan if none is known."""
        known = int(self.counts_K.sum())
        return float(self.counts_K[EMPTY] / known) if known else math.nan

    @property
    def unknown_share(self) -> float:
        """Share of all voxels that are unknown."""
        return self.unknown / (self.unknown + int(self.counts_K.sum()))

    @property
    def even_share(self) -> float:
        """F^k that every class that occurs would have if all had the same; nan without any."""
        present = int(np.count_nonzero(self.counts_K[1:]))
        return 1 / present if present else math.nan

    @property
    def imbalance(self) -> float:
        """Voxels of the largest class over those of the smallest that occurs, empty left out; nan without any."""
        present = self.counts_K[1:][self.counts_K[1:] > 0]
        return float(present.max() / present.min()) if present.size else math.nan

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; numbers that do not exist are None."""
        return {
            "frames": self.frames,
            "grid": {"shape_XYZ": list(self.grid.shape_XYZ), "voxel_m": list(self.grid.voxel_m)},
            "taxonomy": self.taxonomy.name,
            "empty_share_of_known": _number(self.empty_share),
            "unknown_share": self.unknown_share,
            "imbalance": _number(self.imbalance),
            "classes": {
                name: {
                    "voxels": int(self.counts_K[k]),
                    "share_of_known": _number(self.counts_K[k] / max(1, int(self.counts_K.sum()))),
                    "F": self.frequency_K[k].item(),
                }
                for k, name in enumerate(self.taxonomy.names)
            },
            "objects": {
                name: {
                    "per_scene": found.per_scene,
                    "present": found.present,
                    "minimum_voxels": found.minimum_voxels,
                    "median_m3": float(np.median(found.size_M_m3)) if found.size_M_m3.size else None,
                    "salt": _number(found.salt),
                }
                for name, found in self.objects.classes.items()
            },
            "proposed_split": {
                "objects": [proposal.name for proposal in self.proposals if proposal.is_object],
                "background": [proposal.name for proposal in self.proposals if not proposal.is_object],
                "even_share": _number(self.even_share),
                "countable_share": {p.name: _number(p.countable_share) for p in self.proposals},
                "reasons": {proposal.name: proposal.reason for proposal in self.proposals},
            },
        }

    def to_text(self) -> str:
        """Tables for a terminal."""
        X, Y, Z = self.grid.shape_XYZ
        width = max(map(len, self.taxonomy.names))
        lines = [
            f"{X} x {Y} x {Z} voxels of {' x '.join(f'{edge:g}' for edge in self.grid.voxel_m)} m; unknown "
            f"{self.unknown_share:.1%}, empty {self.empty_share:.2%} of the known; largest class to smallest "
            f"{self.imbalance:,.0f} to 1",
            "",
            f"{'class':{width}}  of known       F^k  objects a scene  countable  proposed stream",
        ]
        known = max(1, int(self.counts_K.sum()))
        for k, proposal in enumerate(self.proposals, start=1):
            found = self.objects.classes.get(proposal.name)
            objects = "" if found is None else f"{found.per_scene:.2f}"
            countable = "" if proposal.countable is None else f"{proposal.countable_share:.0%}"
            stream = "object" if proposal.is_object else "background"
            lines.append(
                f"{proposal.name:{width}}  {self.counts_K[k] / known:8.4%}  {self.frequency_K[k]:8.4%}  {objects:>15}  "
                f"{countable:>9}  {stream} ({proposal.reason})"
            )
        lines += [
            "",
            f"object: rare (F^k below the even share, {self.even_share:.2%}) and countable (at least "
            f"{COUNTABLE_SHARE:.0%} of the voxels in pieces at most {_compact_m(self.grid):g} m "
            f"wide that stand at least {STANDING_RATIO:g} of their width high)",
        ]
        return "\n".join(lines)


class DatasetStatistics:
    """Counts scenes of one grid and taxonomy; keeps sums, never scenes."""

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy) -> None:
        self.grid, self.taxonomy = grid, taxonomy
        self._shares = ClassShares(taxonomy)
        self._objects = ObjectStatistics(grid, taxonomy)
        self._unknown = 0
        self._countable_K = np.zeros(taxonomy.class_count, np.int64)

    def add(self, scene: Scene) -> None:
        """Count one scene; raises `InputError` if its voxels or taxonomy are others."""
        self._shares.add(scene)
        self._objects.add(scene)
        self._unknown += int((~scene.valid_XYZ).sum())
        found = components(scene.labels_XYZ, tuple(range(1, self.taxonomy.class_count)))
        edge_C3_m = (found.upper_C3 - found.lower_C3) * np.asarray(self.grid.voxel_m)
        width_C_m = edge_C3_m[:, :2].max(axis=1)
        countable_C = (width_C_m <= _compact_m(self.grid)) & (edge_C3_m[:, 2] >= STANDING_RATIO * width_C_m)
        self._countable_K += np.bincount(
            found.label_C[countable_C], found.size_C[countable_C], self.taxonomy.class_count
        ).astype(np.int64)

    def result(self) -> DatasetSummary:
        """Summary of everything added so far."""
        counts_K = self._shares.counts_K.copy()
        return DatasetSummary(
            self._shares.scenes,
            self.grid,
            self.taxonomy,
            counts_K,
            self._unknown,
            self._objects.result(),
            tuple(_propose(self.taxonomy, counts_K, self._countable_K)),
        )


def _compact_m(grid: GridSpec) -> float:
    """The longest horizontal edge of a compact piece, in metres."""
    return max(COMPACT_M, COMPACT_SHARE * max(grid.extent_m[:2]))


def _propose(taxonomy: Taxonomy, counts_K: NDArray[np.int64], countable_K: NDArray[np.int64]) -> list[Proposal]:
    """The split by the rule at the head of this file."""
    present = int(np.count_nonzero(counts_K[1:]))
    proposals = []
    for k, frequency in enumerate(occupied_shares_K(counts_K)[1:].tolist(), start=1):
        name = taxonomy.names[k]
        if counts_K[k] == 0:
            proposals.append(Proposal(name, k in taxonomy.objects, None, None, math.nan))
            continue
        share = float(countable_K[k] / counts_K[k])
        rare, countable = frequency < 1 / present, share >= COUNTABLE_SHARE
        proposals.append(Proposal(name, rare and countable, rare, countable, share))
    return proposals


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
