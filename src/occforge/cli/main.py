"""The `occforge` command: finds the verb's module and prints errors of input as one line."""

import importlib
import os
import sys

VERBS = {
    "generate": ("generate", "a labelled 3D street and its camera pictures from a sentence"),
    "compose": ("compose", "a new scene over a kept background or with kept objects"),
    "world export": ("world", "streets of the procedural world in a dataset's own layout"),
    "train": ("train", "train a recipe, for example street.scene"),
    "evaluate scenes": ("evaluate_scenes", "distances, class shares and objects of generated scenes, with floors"),
    "evaluate prompts": ("evaluate_prompts", "how many of the attributes that prompts name are found in the voxels"),
    "evaluate perception": ("evaluate_perception", "IoU and mIoU of a perception network, by class, distance and view"),
    "evaluate pictures": ("evaluate_pictures", "distance, faithfulness and use of occupancy of a picture generator"),
    "evaluate engines": ("evaluate_engines", "composed first or pictures first: both scored on the same prompts"),
    "perceive": ("perceive", "semantic occupancy from your own picture, folder of pictures or video"),
    "dataset check": ("dataset_check", "what is missing or malformed in a copy of a dataset, and one frame drawn"),
    "dataset stats": ("dataset_stats", "class shares, imbalance and objects of a dataset, and a split to propose"),
    "view": ("view", "look at a scene, an output folder or a dataset frame in the browser"),
    "doctor": ("doctor", "check the installation, the weights and the machine"),
}


def help_text() -> str:
    """The list of verbs."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:{width}}  {text}" for verb, (_, text) in VERBS.items()]
    return "\n".join(["usage: occforge VERB [arguments]   (occforge VERB --help says more)", "", *lines])


def main() -> None:
    """Entry point: exit code 0 if all went well, 2 after bad input, 130 after Ctrl-C."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return
    if arguments[0] == "--version":
        from occforge import __version__

        print(__version__)
        return
    for words in (2, 1):
        verb = " ".join(arguments[:words])
        if verb in VERBS:
            sys.exit(_run(VERBS[verb][0], verb, arguments[words:]))
    group = [verb for verb in VERBS if verb.startswith(f"{arguments[0]} ")]
    asked = " ".join(arguments[: 2 if group else 1])
    print(f"occforge: no verb '{asked}'; there are: {', '.join(group or VERBS)}", file=sys.stderr)
    sys.exit(2)


def _run(module: str, verb: str, arguments: list[str]) -> int:
    from occforge.core.errors import InputError
    from occforge.core.memory import keep_freed_memory
    from occforge.core.threads import wait_well

    wait_well()
    keep_freed_memory()
    try:
        importlib.import_module(f"occforge.cli.{module}").run(f"occforge {verb}", arguments)
    except InputError as error:
        print(f"occforge: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except FloatingPointError as error:  # a training that diverged
        print(f"occforge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("occforge: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
