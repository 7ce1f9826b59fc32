"""What several verbs need."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


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
