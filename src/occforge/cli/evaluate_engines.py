"""`occforge evaluate engines`: composed first or pictures first, scored on the same prompts."""

from pathlib import Path

from occforge.cli._parse import call
from occforge.latent.painting_config import PaintingConfig


def evaluate_engines(
    out: Path = Path("out/evaluate-engines"),
    n: int | None = None,
    weights: Path | None = None,
    pictures: Path | None = None,
    stable_diffusion: Path | None = None,
    judge: Path | None = None,
    perception: Path | None = None,
    painting: PaintingConfig = PaintingConfig(),  # noqa: B008 (frozen)
    workers: int = 2,
) -> None:
    """Answer packaged prompts with both engines of `occforge generate` and score their pictures and labels.

    Args:
        out: Folder of the composed scenes, which a stopped run picks up again, engines.json, engines.md and sheet.png.
        n: Only this many prompts, the first ones; default: all 128.
        weights: Folder of a trained scene generator; default: the one that ships.
        pictures: File of a trained picture generator; default: the one that ships.
        stable_diffusion: Folder of the Stable Diffusion that --pictures was trained on, if it was.
        judge: File of the frozen judge of pictures; default: the one that ships.
        perception: File of the network that reads voxels in pictures; default: the one that ships.
        painting: How the picture generator draws.
        workers: Processes that compose.
    """
    from occforge.pipelines.evaluate_engines import evaluate_engines as score
    from occforge.pipelines.evaluate_engines import table
    from occforge.pipelines.text_to_scene import SamplingConfig
    from occforge.weights import load_generator, load_judge, load_perception, load_pictures

    composition, _ = load_generator(weights)
    record = score(
        composition,
        load_pictures(pictures, stable_diffusion),
        load_judge(judge),
        load_perception(perception),
        SamplingConfig(),
        painting,
        out,
        weights,
        n,
        workers,
    )
    print(table(record))


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(evaluate_engines, program, arguments)
