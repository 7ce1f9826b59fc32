"""`occforge evaluate perception`: IoU and mean IoU of a perception network, by class, distance and view."""

from pathlib import Path
from typing import Literal

from occforge.cli._parse import call
from occforge.core.errors import check_count


def evaluate_perception(
    weights: Path | None = None,
    dataset: str = "street",
    root: Path | None = None,
    split: str = "val",
    n: int | None = None,
    size: Literal["small", "paper"] = "small",
    baselines: int = 2000,
    absent: Literal["zero", "skip"] = "zero",
    commonest: int | None = None,
    mirrored: bool = False,
    out: Path = Path("out/evaluate-perception"),
    cache: Path = Path("out/cache"),
) -> None:
    """Score a perception network on held-out pictures, beside the mean scene and the nearest training picture's scene.

    Args:
        weights: File of a trained network; default: the one that ships.
        dataset: street, rooms, or a dataset's name.
        root: Folder of the dataset; the worlds need none.
        split: Split of a dataset; the worlds' held-out seeds are used in any case.
        n: Scenes to score at most, evenly spread over the split; default: 500 of a world, all of a dataset's split.
        size: How pictures and grids are presented: as to small networks, or at the papers' size. Small
            pictures are doubled as often as the network needs to read all it can.
        baselines: Training pictures that the two baselines know, evenly spread; 0 leaves them out.
        absent: A class in neither truth nor prediction counts as zero (SemanticKITTI's tool) or is left out.
        commonest: Take mean IoU over only so many classes, the commonest in the truth.
        mirrored: The network reads the mirror image of every picture, too, and both count alike: twice the time.
        out: Folder of perception.json, perception.md and pictures.
        cache: Folder of prepared training pairs, for the baselines.
    """
    from occforge.data.pairs import PairCache
    from occforge.pipelines.evaluate_perception import evaluate_perception as score
    from occforge.recipes._perception import held_out_source, pair_source, pictures_for
    from occforge.weights import load_perception

    check_count("--baselines", baselines, 0)
    trained = load_perception(weights)
    image = pictures_for(dataset, size, trained.size_HW)
    source = held_out_source(dataset, root, size, n, split, image)
    training = None
    if baselines:
        training = PairCache(cache, pair_source(dataset, root, size, image, pairs=baselines))
    print(score(trained, source, training, out, absent, commonest, mirrored).table)


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(evaluate_perception, program, arguments)
