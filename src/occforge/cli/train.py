"""`occforge train RECIPE`: run a recipe; its parameters are the flags."""

import ast
import importlib
from pathlib import Path

from occforge.cli._parse import call
from occforge.core.errors import InputError

RECIPES = Path(__file__).parents[1] / "recipes"
NETWORKS = Path(__file__).parents[1] / "perception"


def recipes() -> dict[str, str]:
    """Name -> first line of its docstring: the public functions of `occforge.recipes`, read without importing torch."""
    found = {}
    for path in sorted(RECIPES.glob("[!_]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found[f"{path.stem}.{node.name}"] = (ast.get_docstring(node) or "").partition("\n")[0]
    return found


def networks() -> list[str]:
    """Names of the perception networks, read without importing torch."""
    plain = [path for path in sorted(NETWORKS.glob("[!_]*.py")) if "\ndef build(" in path.read_text()]
    return [path.stem for path in plain]


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    known = recipes()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: {program} RECIPE [flags]   ({program} RECIPE --help lists them)\n")
        for name, summary in known.items():
            print(f"  {name:24} {summary}")
        print("\n  DATASET.pictures         Train a picture generator on a world or a dataset (stage I of OccScene).")
        print("  DATASET.joint            Train it together with a perception network (stage II).")
        print("  DATASET.readout          Teach a trained MonoScene to read a dataset again, from few frames.")
        print(f"  DATASET.NETWORK          Train a network on street, rooms or a dataset: {', '.join(networks())}.")
        return
    module, _, function = arguments[0].partition(".")
    if function in (*networks(), "pictures", "joint", "readout"):
        perception = importlib.import_module("occforge.recipes._perception")
        if module not in perception.SETUPS:
            raise InputError(f"no dataset '{module}' to train {function} on; there are: {', '.join(perception.SETUPS)}")
        if function in networks():
            recipe = perception.perception_recipe(module, function)
        elif function == "readout":
            recipe = perception.readout_recipe(module)
        else:
            recipe = getattr(importlib.import_module("occforge.recipes._pictures"), f"{function}_recipe")(module)
    elif arguments[0] in known:
        recipe = getattr(importlib.import_module(f"occforge.recipes.{module}"), function)
    else:
        raise InputError(
            f"no recipe '{arguments[0]}'; there are: {', '.join(known)}, and DATASET.pictures, DATASET.joint, "
            f"DATASET.readout and DATASET.NETWORK with a network of {', '.join(networks())}"
        )
    print(call(recipe, f"{program} {arguments[0]}", arguments[1:]))
