"""What long evaluations keep."""

import numpy as np
import pytest
import torch

from occforge.core.errors import InputError
from occforge.pipelines.kept import claim_folder, digest_of, kept


def test_arrays_are_made_once_and_again_where_the_file_is_damaged(tmp_path):
    path, calls = tmp_path / "some" / "0.npz", []

    def make():
        calls.append(None)
        return {"a_N": np.arange(5, dtype=np.uint8), "b": np.array(0.25)}

    for _ in range(2):
        arrays = kept(path, make)
        assert np.array_equal(arrays["a_N"], np.arange(5)) and float(arrays["b"]) == 0.25
    assert len(calls) == 1
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(damaged)
        assert set(kept(path, make)) == {"a_N", "b"} and path.read_bytes() == whole
    assert len(calls) == 4


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "0.npz"
    np.savez(path, a=np.array([{}], dtype=object))
    assert list(kept(path, lambda: {"b": np.zeros(1)})) == ["b"]


def test_what_stops_half_way_leaves_nothing(tmp_path):
    def stops():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "0.npz", stops)
    assert not list(tmp_path.iterdir())


def test_a_folder_belongs_to_what_it_was_made_from(tmp_path):
    claim_folder(tmp_path, {"weights": "a", "size": (1, 2)})
    claim_folder(tmp_path, {"weights": "a", "size": (1, 2)})
    with pytest.raises(InputError, match="other weights or settings"):
        claim_folder(tmp_path, {"weights": "b", "size": (1, 2)})


def test_a_digest_names_weights():
    torch.manual_seed(0)
    one, two = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    assert digest_of(one) != digest_of(two)
    two.load_state_dict(one.state_dict())
    assert digest_of(one) == digest_of(two)
