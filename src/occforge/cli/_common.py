"""What several verbs need."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from occforge.pipelines.text_to_scene import GeneratedScene


def default_folder(prompt: str, seed: int) -> Path:
    """out/<first words of the prompt>-<seed>."""
    words = "-".join(re.findall(r"[a-z0-9]+", prompt.lower())[:6])[:60].strip("-")
    return Path("out") / (f"{words}-{seed}" if words else str(seed))


@contextmanager
def stage_progress(steps: int) -> Iterator[Callable[[], object]]:
    """A progress bar over sampling steps on a terminal's standard error."""
    from tqdm import tqdm

    with tqdm(total=steps, desc="sampling", unit="step", disable=not sys.stderr.isatty()) as bar:
        yield bar.update


def tell(made: "GeneratedScene", folder: Path) -> None:
    """Say what was asked for, what of it is missing, and where the files are."""
    from occforge.pipelines.write_scene import in_words

    print(f"understood: {in_words(made.understood) or 'nothing in particular'}")
    if made.missing:
        lacking = in_words({name: made.understood[name] for name in made.missing})
        print(f"not there:  {lacking}; draw another --seed or allow more --attempts")
    print(f"left open:  {in_words(made.drawn) or 'nothing'}")
    print(f"scene:      {folder / 'scene.npz'}")
    print(f"pictures:   {folder / 'images'}")
    print(f"look at it: {folder / 'index.html'}")
