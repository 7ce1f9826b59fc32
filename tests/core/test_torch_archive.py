"""Files of torch.save are read tensor by tensor, and nothing that they name is ever called."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.torch_archive import read_tensors


class Order:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_are_those_that_were_saved(tmp_path, network, protocol):
    table = torch.arange(24.0).reshape(4, 6)
    names = "float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool"
    kinds = [getattr(torch, name) for name in names.split()]
    shared = {"twice": table}
    saved = {
        "state_dict": network.state_dict(),
        "views": OrderedDict(turned=table.t(), part=table[1:3, ::2], one=table[2, 3], none=torch.empty(0, 3)),
        "kinds": {str(dtype): table.to(dtype) for dtype in kinds},
        "parameter": torch.nn.Parameter(table),
        "again": [shared, shared],
        "same": shared,
        "same too": shared,
        "rest": {"rate": 1e-4, "names": ("a", b"b", None, True, 2**70), "set": {1, 2}, 3: table},
        "optimizer": torch.optim.Adam(network.parameters()).state_dict(),
    }
    torch.save(saved, tmp_path / "file.ckpt", pickle_protocol=protocol)
    found = read_tensors(tmp_path / "file.ckpt")
    expected = {f"state_dict.{name}": value for name, value in network.state_dict().items()}
    for folder in ("views", "kinds", "same", "same too"):
        expected |= {f"{folder}.{name}": value for name, value in saved[folder].items()}
    expected["parameter"] = table
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value), name


@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_called(tmp_path, protocol):
    trap = tmp_path / "trap"
    saved = {"state_dict": {"weight": torch.ones(2)}, "hyper_parameters": Order(trap), "callbacks": [Order(trap)]}
    torch.save(saved, tmp_path / "file.ckpt", pickle_protocol=protocol)
    assert read_tensors(tmp_path / "file.ckpt").keys() == {"state_dict.weight"} and not trap.exists()


def test_a_dictionary_that_holds_itself_is_walked_once(tmp_path):
    saved = {"weight": torch.ones(2)}
    saved["self"] = saved
    torch.save(saved, tmp_path / "file.ckpt")
    assert read_tensors(tmp_path / "file.ckpt").keys() == {"weight"}


def rewritten(path, change):
    """The archive with each file's bytes as `change(name, bytes)` gives them; None leaves the file out."""
    with zipfile.ZipFile(path) as archive:
        held = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            if data is not None:
                archive.writestr(name, data)


DAMAGES = {
    "short numbers": lambda name, data: data[:-1] if "/data/" in name else data,
    "no numbers": lambda name, data: None if "/data/" in name else data,
    "no listing": lambda name, data: None if name.endswith("data.pkl") else data,
    "cut listing": lambda name, data: data[: len(data) // 2] if name.endswith("data.pkl") else data,
    "listing without an end": lambda name, data: b"\x80\x02}" if name.endswith("data.pkl") else data,
    "mark without a beginning": lambda name, data: b"\x80\x02t." if name.endswith("data.pkl") else data,
    "nothing on the stack": lambda name, data: b"\x80\x02R." if name.endswith("data.pkl") else data,
    "extension": lambda name, data: b"\x80\x02\x82\x01." if name.endswith("data.pkl") else data,
    "too far": lambda name, data: data.replace(b"K\x05\x85", b"K\x06\x85") if name.endswith("data.pkl") else data,
    "big-endian": lambda name, data: b"big" if name.endswith("byteorder") else data,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_refused_in_one_line(tmp_path, damage):
    path = tmp_path / "file.ckpt"
    torch.save({"weight": torch.arange(5.0)}, path)
    before = path.read_bytes()
    rewritten(path, damage)
    assert path.read_bytes() != before
    with pytest.raises(InputError, match=r"expected a file of torch\.save"):
        read_tensors(path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1]))
    for path in (tmp_path / "list.pkl", tmp_path / "none"):
        with pytest.raises(InputError, match=r"expected a file of torch\.save"):
            read_tensors(path)
