"""Numbered items, made once and kept on disk in small files; and the order in which training reads them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.errors import check_count
from occforge.core.files import atomic_path
from occforge.core.threads import use_one_thread

SHARD = 32

Arrays = Mapping[str, NDArray[np.generic]]
Make = Callable[[Sequence[int]], Arrays]
"""Arrays of the items with these indices, stacked along the first axis; picklable, the same every time."""


class Shards:
    """`count` items of `make` in files of `SHARD` items under `folder`; what is missing or damaged is made again.

    Where items do not depend on how many there are, a folder serves any count: a file that is not full says so.
    """

    def __init__(self, folder: Path, count: int, make: Make) -> None:
        self.folder, self.count, self.make = folder, count, make
        self._open: dict[int, Arrays] = {}

    def path(self, shard: int) -> Path:
        """Where a shard lies."""
        return _path(self.folder, shard, self.count)

    def fill(self, workers: int, name: str) -> None:
        """Make every missing shard, `workers` processes side by side, with progress; one leaves it for later."""
        check_count("--workers", workers)
        missing = [s for s in range(_shards(self.count)) if not self.path(s).exists()]
        if not missing or workers == 1:
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=use_one_thread) as pool:
            job = _MakeShard(self.folder, self.count, self.make)
            for _ in tqdm(pool.map(job, missing), total=len(missing), desc=name, unit="shard"):
                pass

    def __getitem__(self, index: int) -> Arrays:
        """The arrays of one item."""
        shard, place = divmod(index, SHARD)
        if shard not in self._open:
            if len(self._open) > 24:
                self._open.pop(next(iter(self._open)))
            self._open[shard] = self._load(shard, None)
        return {name: array[place] for name, array in self._open[shard].items()}

    def column(self, name: str) -> Iterator[NDArray[np.generic]]:
        """One array of every item in order, the others left unread."""
        for shard in range(_shards(self.count)):
            yield from self._load(shard, name)[name]

    def _load(self, shard: int, only: str | None) -> Arrays:
        path = self.path(shard)
        if path.exists():
            try:
                with np.load(path, allow_pickle=False) as file:
                    return {name: file[name] for name in ([only] if only else file.files)}
            except Exception:  # a damaged archive raises anything: zlib.error, BadZipFile, NotImplementedError
                path.unlink()
        _MakeShard(self.folder, self.count, self.make)(shard)
        return self._load(shard, only)


@dataclass(frozen=True)
class _MakeShard:
    folder: Path
    count: int
    make: Make

    def __call__(self, shard: int) -> None:
        path = _path(self.folder, shard, self.count)
        if path.exists():
            return
        arrays = self.make(_items(shard, self.count))
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)


def _shards(count: int) -> int:
    return (count + SHARD - 1) // SHARD


def _items(shard: int, count: int) -> range:
    return range(shard * SHARD, min((shard + 1) * SHARD, count))


def _path(folder: Path, shard: int, count: int) -> Path:
    held = len(_items(shard, count))
    return folder / (f"{shard:05d}.npz" if held == SHARD else f"{shard:05d}-{held}.npz")


def reading_order(count: int, step: int, slots: Sequence[int], batch: int, seed: int) -> list[int]:
    """Which items the slots of a step read: every epoch is a seeded permutation of shards and of items within them.

    Neighbouring steps read neighbouring shards, so that few stay open.
    """
    places = [step * batch + slot for slot in slots]
    order = []
    for place in places:
        epoch, within = divmod(place, count)
        order.append(int(_epoch_order(count, seed, epoch)[within]))
    return order


_ORDERS: dict[tuple[int, int, int], NDArray[np.int64]] = {}


def _epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    key = (count, seed, epoch)
    if key not in _ORDERS:
        _ORDERS.clear()
        rng = np.random.default_rng((seed, epoch))
        shards = rng.permutation(_shards(count))
        group = 16
        parts = []
        for start in range(0, len(shards), group):
            items = np.concatenate([np.array(_items(s, count)) for s in shards[start : start + group]])
            parts.append(rng.permutation(items))
        _ORDERS[key] = np.concatenate(parts)
    return _ORDERS[key]
