"""`occforge evaluate prompts`: are the attributes that prompts name found in the voxels."""

from pathlib import Path
from typing import Literal

from occforge.cli._parse import call


def evaluate_prompts(
    out: Path = Path("out/evaluate-prompts"),
    split: Literal["test", "dev"] = "test",
    n: int | None = None,
    seeds: tuple[int, ...] = (0,),
    guidance: float = 1.0,
    attempts: int = 4,
    weights: Path | None = None,
    workers: int = 2,
) -> None:
    """Generate a scene for every packaged prompt and count in its voxels what the prompt asked for.

    Args:
        out: Folder of the scenes, which a stopped run picks up again, and of prompts.json and prompts.md.
        split: test holds 128 prompts for scores, dev 648 others to develop with.
        n: Only this many prompts, the first ones; default: all.
        seeds: Each gives one scene a prompt.
        guidance: How strongly the prompt pulls.
        attempts: How often a coarse grid is drawn at most until it shows what it was asked for; 1 takes the first.
        weights: Folder of a trained generator; default: the one that ships.
        workers: Processes that generate.
    """
    from occforge.pipelines.evaluate import evaluate_prompted
    from occforge.pipelines.text_to_scene import SamplingConfig

    config = SamplingConfig(guidance=guidance, attempts=attempts)
    print(evaluate_prompted(out, split, seeds, config, weights, workers, n))


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(evaluate_prompts, program, arguments)
