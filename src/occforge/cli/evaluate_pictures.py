"""`occforge evaluate pictures`: distance, faithfulness, pairing and use of occupancy of a picture generator."""

from pathlib import Path

from occforge.cli._parse import call
from occforge.core.errors import InputError
from occforge.latent.painting_config import PaintingConfig


def evaluate_pictures(
    weights: Path | None = None,
    stable_diffusion: Path | None = None,
    judge: Path | None = None,
    perception: Path | None = None,
    n: int = 500,
    seed: int = 0,
    painting: PaintingConfig = PaintingConfig(),  # noqa: B008 (frozen)
    videos: int = 16,
    frames: int = 8,
    out: Path = Path("out/evaluate-pictures"),
    cache: Path = Path("out/cache"),
    workers: int = 2,
) -> None:
    """Score a picture generator on held-out streets, told their occupancy and from words alone, beside real pictures.

    Args:
        weights: File of a trained picture generator; default: the one that ships.
        stable_diffusion: Folder of the Stable Diffusion that --weights were trained on, if they were.
        judge: File of the frozen judge of pictures; default: the one that ships.
        perception: File of the network that reads occupancy in pictures; default: the one that ships.
        n: Streets to paint, and as many others as the reference.
        seed: Seed of the noise.
        painting: How pictures are drawn.
        videos: Drives whose frames are compared with each other; 0 leaves them out.
        frames: Frames of a drive.
        out: Folder of pictures.json, pictures.md and sheet.png, and frames.png with the first drives.
        cache: Folder of rendered streets, shared between runs.
        workers: Processes that fill the cache.
    """
    from occforge.core.files import make_folder
    from occforge.data.pairs import WorldPairs
    from occforge.data.procedural import TEST_FIRST_SEED
    from occforge.data.views import ViewCache, WorldViews
    from occforge.pipelines.evaluate_pictures import evaluate_pictures as score
    from occforge.pipelines.evaluate_pictures import table
    from occforge.weights import load_judge, load_perception, load_pictures

    if n < 2 or videos < 0 or (videos and frames < 2) or seed < 0:
        raise InputError(
            "evaluate pictures: expected --n of at least 2, --videos and --seed of 0 or more and --frames of at least "
            f"2, got {n}, {videos}, {seed} and {frames}"
        )
    if stable_diffusion is not None and weights is None:
        raise InputError("--stable-diffusion: expected --weights that were trained on it, got none; give both")
    generator = load_pictures(weights, stable_diffusion)
    frozen, reader = load_judge(judge), load_perception(perception)
    make_folder(out)
    painted, reference = (
        ViewCache(cache, WorldViews(WorldPairs(first, n, generator.config.size_HW)))
        for first in (TEST_FIRST_SEED, TEST_FIRST_SEED + n)
    )
    for views in (painted, reference):
        views.fill(workers)
    drives = WorldPairs(TEST_FIRST_SEED, videos, generator.config.size_HW) if videos else None
    print(table(score(generator, frozen, reader, painted, reference, painting, out, seed, drives, frames)))


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(evaluate_pictures, program, arguments)
