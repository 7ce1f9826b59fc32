"""`occforge train RECIPE`: run a recipe; its parameters are the flags."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import tyro

from occforge.core.errors import InputError


def recipes() -> dict[str, Callable[..., Any]]:
    """Name -> recipe: the public functions of the modules of `occforge.recipes`."""
    package = importlib.import_module("occforge.recipes")
    found: dict[str, Callable[..., Any]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"occforge.recipes.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[f"{info.name}.{name}"] = function
    return found


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    known = recipes()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: {program} RECIPE [flags]   ({program} RECIPE --help lists them)\n")
        for name, recipe in known.items():
            print(f"  {name:24} {(recipe.__doc__ or '').strip().splitlines()[0]}")
        return
    if arguments[0] not in known:
        raise InputError(f"no recipe '{arguments[0]}'; there are: {', '.join(known)}")
    print(tyro.cli(known[arguments[0]], prog=f"{program} {arguments[0]}", args=arguments[1:]))
