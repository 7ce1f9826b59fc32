import errno
import json

import pytest

from occforge.core.errors import InputError
from occforge.core.files import atomic_folder, atomic_path, write_json


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists() and temporary.parent == path.parent
    assert tree(tmp_path) == {"deep": None, "deep/file.txt": b"half"}


def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_path(path) as temporary:
        temporary.write_text("new")
        raise RuntimeError("stop")
    assert tree(tmp_path) == {"file.txt": b"old"}


def test_a_file_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"), atomic_path(tmp_path / ("long" * 80)) as temporary:
        temporary.write_text("x")
    with pytest.raises(OSError, match="disk"), atomic_path(tmp_path / "whole"):
        raise OSError(errno.EIO, "disk error")
    with pytest.raises(InputError, match="room"), atomic_path(tmp_path / "whole"):
        raise OSError(errno.ENOSPC, "no space")
    with pytest.raises(InputError, match="cannot write"), atomic_path(tmp_path / "file" / "below" / "json"):
        pass
    assert tree(tmp_path) == {"file": b"x"}


def test_json(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None, "ä"]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, 2.5, None, "ä"]}


def test_a_folder_appears_whole(tmp_path):
    folder = tmp_path / "deep" / "out"
    with atomic_folder(folder) as temporary:
        (temporary / "a").write_text("1")
        assert not folder.exists()
    assert tree(tmp_path) == {"deep": None, "deep/out": None, "deep/out/a": b"1"}


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("1")
    assert tree(tmp_path) == {"out": None, "out/a": b"1"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_a_failure_leaves_nothing(tmp_path, error):
    folder = tmp_path / "deep" / "deeper" / "out"
    with pytest.raises(error), atomic_folder(folder) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_text("1")
        raise error
    assert tree(tmp_path) == {}


def test_a_full_folder_is_refused_and_untouched(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(InputError, match="--overwrite"), atomic_folder(tmp_path / "out"):
        pytest.fail("the block must not run")
    assert tree(tmp_path) == {"out": None, "out/old": b"old"}


def test_overwriting_keeps_the_old_until_the_new_is_complete(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(folder, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
        raise RuntimeError
    assert tree(tmp_path) == {"out": None, "out/old": b"old"}
    with atomic_folder(folder, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
        assert tree(folder) == {"old": b"old"}
    assert tree(tmp_path) == {"out": None, "out/new": b"new"}


def test_places_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"), atomic_folder(tmp_path / "file"):
        pass
    with pytest.raises(InputError, match="cannot write"), atomic_folder(tmp_path / "file" / "below"):
        pass
    with pytest.raises(InputError), atomic_folder(tmp_path / ("n" * 300)):
        pass
    assert tree(tmp_path) == {"file": b"x"}


def test_the_folder_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with atomic_folder(type(tmp_path)(".")) as temporary:
        (temporary / "a").write_text("1")
    assert tree(tmp_path) == {"here": None, "here/a": b"1"}


def test_a_link_to_a_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("1")
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert {p.name for p in tmp_path.iterdir()} == {"real", "out"}
