import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from occforge.core.errors import InputError
from occforge.core.tensors import load_state, load_tensors, save_tensors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def test_round_trip(path):
    tensors = {"a": torch.randn(3, 2).half(), "b": torch.arange(4).reshape(2, 2).T, "c": torch.tensor(2)}
    save_tensors(path, tensors, {"steps": 3, "config": {"x": [1, 2]}})
    again, metadata = load_tensors(path)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[k], v) and again[k].dtype == v.dtype for k, v in tensors.items())
    assert metadata["steps"] == 3 and metadata["config"] == {"x": [1, 2]}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_saving_is_deterministic(path):
    save_tensors(path, {"a": torch.ones(3), "b": torch.zeros(2)}, {"x": 1, "y": 2})
    first = path.read_bytes()
    save_tensors(path, {"a": torch.ones(3), "b": torch.zeros(2)}, {"x": 1, "y": 2})
    assert path.read_bytes() == first


def test_files_that_are_none(path):
    with pytest.raises(InputError, match="found none"):
        load_tensors(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(InputError, match="corrupt"):
        load_tensors(path)
    save_file({"a": torch.ones(2)}, str(path))
    with pytest.raises(InputError, match="expected format"):
        load_tensors(path)
    save_file({"a": torch.ones(2)}, str(path), {"format": "pt"})
    with pytest.raises(InputError):
        load_tensors(path)


@settings(max_examples=25)
@given(st.data())
def test_truncated_files(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "net.safetensors"
    save_tensors(path, {"a": torch.randn(5, 5)}, {"x": 1})
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InputError):
        load_tensors(path)


def test_load_state_copies_and_casts(path):
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    load_state(target, {k: v.half() for k, v in source.state_dict().items()}, path)
    assert target.weight.dtype == torch.float32
    assert torch.equal(target.weight, source.weight.half().float())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("bias"), "1 tensors missing and 0 unknown.*bias"),
        (lambda s: s.update(extra=torch.ones(1)), "0 tensors missing and 1 unknown.*extra"),
        (lambda s: s.update(weight=torch.ones(3, 2)), r"weight has shape \(3, 2\)"),
        (lambda s: s["weight"].__setitem__((0, 0), float("nan")), "weight holds values that are not finite"),
        (lambda s: s["bias"].__setitem__(0, float("inf")), "bias holds values that are not finite"),
    ],
)
def test_load_state_refuses_what_does_not_fit(path, change, says):
    module = nn.Linear(3, 2)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    state = {k: v.clone() for k, v in before.items()}
    change(state)
    with pytest.raises(InputError, match=says):
        load_state(module, state, path)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
