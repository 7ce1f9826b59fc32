"""`occforge evaluate scenes`: distances, class shares and objects of generated scenes, beside real against real."""

from pathlib import Path

from occforge.cli._parse import call


def evaluate_scenes(
    out: Path = Path("out/evaluate-scenes"),
    n: int = 256,
    seeds: tuple[int, ...] = (0,),
    guidance: float = 1.0,
    attempts: int = 4,
    weights: Path | None = None,
    features: Path | None = None,
    workers: int = 2,
) -> None:
    """Generate n scenes a seed without a prompt and score them against held-out streets of the world.

    Args:
        out: Folder of the scenes, which a stopped run picks up again, and of scenes.json and scenes.md.
        n: Scenes on every side of a comparison; 256 or more for a claim.
        seeds: Each gives n scenes; three or more for a claim.
        guidance: How strongly the drawn attributes pull; 1 samples plainly.
        attempts: How often a coarse grid is drawn at most until it shows what was drawn for it; 1 takes the first.
        weights: Folder of a trained generator; default: the one that ships.
        features: Weights of the feature network; default: the ones that ship.
        workers: Processes that generate.
    """
    from occforge.pipelines.evaluate import evaluate_unprompted
    from occforge.pipelines.text_to_scene import SamplingConfig

    config = SamplingConfig(guidance=guidance, attempts=attempts)
    report = evaluate_unprompted(out, n, seeds, config, weights, features, workers)
    print(report.to_markdown())


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(evaluate_scenes, program, arguments)
