import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occforge.data.shards import SHARD, reading_order
from occforge.train.scene_cache import FIELDS, SceneCache
from tiny_world import TinySource, tiny_levels


@pytest.fixture(scope="module")
def levels():
    return tiny_levels()


@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 99))
def test_every_epoch_covers_every_scene_once(count, batch, seed):
    steps = -(-2 * count // batch)
    order = [i for step in range(steps) for i in reading_order(count, step, range(batch), batch, seed)]
    assert sorted(order[:count]) == list(range(count)) == sorted(order[count : 2 * count])


@given(st.integers(1, 100), st.integers(0, 50), st.integers(0, 9))
def test_processes_read_their_part_of_the_same_batch(count, step, seed):
    whole = reading_order(count, step, range(6), 6, seed)
    parts = [reading_order(count, step, slots, 6, seed) for slots in (range(3), range(3, 6))]
    assert parts[0] + parts[1] == whole == reading_order(count, step, range(6), 6, seed)


def test_epochs_and_seeds_differ():
    first, second = (reading_order(100, step, range(100), 100, 0) for step in (0, 1))
    assert first != second and first != reading_order(100, 0, range(100), 100, 1)


def test_a_cache_is_what_the_levels_make(tmp_path, levels):
    source = TinySource(SHARD + 3)
    cache = SceneCache(tmp_path, source, levels)
    assert len(cache) == SHARD + 3
    for index in (0, SHARD, SHARD + 2):
        made = levels.grids(source.labels(index))
        assert all(np.array_equal(getattr(cache[index].grids, name), getattr(made, name)) for name in FIELDS)
        assert cache[index].attributes == source.attributes(index)
    assert sorted(p.name for p in cache.shards.folder.iterdir()) == ["00000.npz", "00001-3.npz"]


def test_another_number_of_scenes_keeps_what_is_there(tmp_path, levels):
    few, more = (SceneCache(tmp_path, TinySource(count), levels) for count in (SHARD + 3, 2 * SHARD + 1))
    few.fill(2)
    assert few.shards.folder == more.shards.folder
    kept = (few.shards.path(0), few.shards.path(1))
    before = [(path.name, path.stat().st_mtime_ns) for path in kept]
    more.fill(2)
    assert [(path.name, path.stat().st_mtime_ns) for path in kept] == before
    names = ["00000.npz", "00001-3.npz", "00001.npz", "00002-1.npz"]
    assert sorted(path.name for path in more.shards.folder.iterdir()) == names
    for index in (0, SHARD + 2):
        assert np.array_equal(few[index].grids.fusion, more[index].grids.fusion)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b"nonsense",
        lambda b: b[: len(b) // 2],
        lambda b: b[:60] + bytes(200) + b[260:],
        lambda b: b[: len(b) // 3] + bytes(len(b) // 3) + b[2 * len(b) // 3 :],
    ],
)
def test_a_damaged_shard_is_made_again(tmp_path, levels, damage):
    source = TinySource(4)
    first = SceneCache(tmp_path, source, levels)
    expected = first[2].grids.fusion.copy()
    path = first.shards.path(0)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert np.array_equal(SceneCache(tmp_path, source, levels)[2].grids.fusion, expected)
    assert path.read_bytes() == whole


def test_other_sources_lie_elsewhere(tmp_path, levels):
    sources = TinySource(4), TinySource(4, first=1), TinySource(4, 0.5)
    folders = {SceneCache(tmp_path, source, levels).shards.folder for source in sources}
    assert len(folders) == 3


def test_filling_makes_every_shard_in_other_processes(tmp_path, levels):
    cache = SceneCache(tmp_path, TinySource(4), levels)
    cache.fill(1)
    assert not cache.shards.path(0).exists(), "one worker makes them when they are asked for"
    cache.fill(2)
    whole = cache.shards.path(0).read_bytes()
    here = SceneCache(tmp_path / "here", TinySource(4), levels)
    assert np.array_equal(here[3].grids.fusion, cache[3].grids.fusion)
    cache.fill(2)  # nothing is missing: no process starts
    assert cache.shards.path(0).read_bytes() == whole
