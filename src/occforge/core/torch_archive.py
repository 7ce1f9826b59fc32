"""The tensors of a PyTorch file (`torch.save`, since 1.6), read without unpickling it.

Such a file is a zip archive: `data.pkl` says which tensors there are, `data/KEY` holds their numbers. A pickle is a
program, which can call anything when it is run. Here it is only taken down: `pickletools.genops` lists its
instructions, and what they name or call stays a name (`Named`, `Called`). A tensor is recognised by the name of the
function that would rebuild it.
"""

import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from occforge.core.errors import InputError

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass(frozen=True, eq=False)
class Named:
    """What the pickle would import."""

    name: str


@dataclass(frozen=True, eq=False)
class Called:
    """What the pickle would call or look up elsewhere, and with what."""

    function: Any
    arguments: Any


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor that nested dictionaries hold, under their keys joined by dots, as `state_dict.conv.weight`.

    Whatever else the file holds is passed over. Raises `InputError` if it is no such file or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (listing,) = (name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1)
            root = listing.removesuffix("data.pkl")
            if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
                raise ValueError("its numbers are big-endian")
            return {name: _tensor(found, archive, root) for name, found in _tensors(_take_down(archive.read(listing)))}
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(f"{path}: expected a file of torch.save (1.6 or later), cannot read it ({error})") from error


def _take_down(program: bytes) -> Any:
    """The value that a pickle would make, with `Named` and `Called` in place of all that it would import and call."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    mark = object()
    argument: Any
    for code, argument, _ in pickletools.genops(program):
        taken: list[Any] = []
        if pickletools.markobject in code.stack_before:
            top = len(stack) - 1 - stack[::-1].index(mark)
            taken, stack[top:] = stack[top + 1 :], []
        kept = [item for item in code.stack_before if item not in (pickletools.markobject, pickletools.stackslice)]
        below = [stack.pop() for _ in kept][::-1]
        match code.name:
            case "STOP":
                return below[0]
            case "MARK":
                stack.append(mark)
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                stack.extend(below)
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(Named(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                stack.append(Named(".".join(below)))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX" | "OBJ" | "INST" | "BINPERSID" | "PERSID":
                stack.append(_called(code.name, argument, below, taken))
            case "BUILD":
                stack.append(below[0])
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[code.name])
            case "EMPTY_DICT" | "DICT":
                stack.append(dict(zip(taken[::2], taken[1::2], strict=True)))
            case "SETITEM" | "SETITEMS":
                items = below[1:] + taken
                if isinstance(below[0], dict):
                    below[0].update(zip(items[::2], items[1::2], strict=True))
                stack.append(below[0])
            case "EMPTY_LIST" | "LIST" | "EMPTY_SET" | "FROZENSET":
                stack.append(taken)
            case "APPEND" | "APPENDS" | "ADDITEMS":
                if isinstance(below[0], list):
                    below[0].extend(below[1:] + taken)
                stack.append(below[0])
            case "EMPTY_TUPLE" | "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(below + taken))
            case "PROTO" | "FRAME" | "POP" | "POP_MARK":
                pass
            case "DUP":
                stack += [below[0], below[0]]
            case name if not code.stack_before and argument is not None and not name.startswith("EXT"):  # constants
                stack.append(argument)
            case _:
                raise ValueError(f"instruction {code.name} is not known here")
    raise ValueError("its listing has no end")


def _called(code: str, argument: Any, below: list[Any], taken: list[Any]) -> Any:
    """An ordered dictionary as the dictionary that it is, all else as `Called`."""
    if code in ("BINPERSID", "PERSID"):
        return Called(Named("storage"), below[0] if below else argument)
    function, *arguments = below + taken if code != "INST" else [Named(argument.replace(" ", ".")), *taken]
    if isinstance(function, Named) and function.name == "collections.OrderedDict" and arguments == [()]:
        return {}
    return Called(function, arguments[0] if code in ("REDUCE", "NEWOBJ") else tuple(arguments))


def _tensors(value: Any, name: str = "", within: frozenset[int] = frozenset()) -> Iterator[tuple[str, Called]]:
    """(name, call that would rebuild it) of each tensor in nested dictionaries."""
    if isinstance(value, Called) and isinstance(value.function, Named):
        if value.function.name == "torch._utils._rebuild_parameter":
            yield from _tensors(value.arguments[0], name, within)
        elif value.function.name == "torch._utils._rebuild_tensor_v2":
            yield name, value
    elif isinstance(value, dict) and id(value) not in within:
        for key, held in value.items():
            if isinstance(key, str):
                yield from _tensors(held, f"{name}.{key}" if name else key, within | {id(value)})


def _tensor(call: Called, archive: zipfile.ZipFile, root: str) -> Tensor:
    storage, offset, size, stride, *_ = call.arguments
    _, kind, key, _, count = storage.arguments
    dtype = STORAGES[kind.name.removeprefix("torch.")]
    entry = archive.getinfo(f"{root}data/{key}")
    if entry.file_size != count * dtype.itemsize:
        raise ValueError(f"{entry.filename} has {entry.file_size} bytes, expected {count * dtype.itemsize}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if prod(size) and not (min(offset, *size, *stride, 0) == 0 and last < count):
        raise ValueError(f"a tensor of size {size} and strides {stride} lies outside its {count} numbers")
    numbers = torch.frombuffer(bytearray(archive.read(entry)), dtype=dtype) if count else torch.empty(0, dtype=dtype)
    return numbers.as_strided(size, stride, offset).clone()
