"""Command lines to function calls: tyro, with its boxed messages told in one line."""

import contextlib
import functools
import io
import re
from collections.abc import Callable
from typing import Any, TypeVar

import tyro

from occforge.core.errors import InputError

T = TypeVar("T")


def call(function: Callable[..., T], program: str, arguments: list[str]) -> T:
    """Call `function` with its parameters read as flags; raises `InputError` where they cannot be read."""

    @functools.wraps(function)
    def bind(*values: Any, **named: Any) -> Callable[[], T]:
        return lambda: function(*values, **named)

    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            bound: Callable[[], T] = tyro.cli(bind, prog=program, args=arguments)
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise InputError(f"{first_part(box.getvalue())}; {program} --help lists the flags") from None
    return bound()


def first_part(box: str) -> str:
    """The text above the first rule inside a box, on one line."""
    lines = [line.strip("│╭╮╰╯ ") for line in box.splitlines()[1:]]
    text = " ".join(line if line.strip("─") else "\n" for line in lines).partition("\n")[0]
    return re.sub(r"\s+", " ", text).strip().rstrip(".") or "the command line cannot be read"
