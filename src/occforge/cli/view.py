"""`occforge view PATH`: a scene, an output folder or a dataset frame in the browser."""

from pathlib import Path
from typing import Annotated

import tyro

from occforge.cli._parse import call


def view(
    path: Annotated[Path, tyro.conf.Positional],
    /,
    dataset: str | None = None,
    split: str = "train",
    frame: int = 0,
    host: str = "127.0.0.1",
    port: int = 8080,
) -> None:
    """Serve an interactive 3D view; stop it with Ctrl-C.

    Args:
        path: A scene.npz, an output folder of generate, or the root of a dataset.
        dataset: Name of the dataset at path, for example semantic_kitti.
        split: Which of its splits.
        frame: Which frame of the split.
        host: Address to listen on.
        port: Port to listen on.
    """
    from occforge.core.errors import InputError
    from occforge.core.grid import Scene
    from occforge.data.dataset import open_dataset
    from occforge.view.viewer import show

    if dataset is not None:
        frames = open_dataset(dataset, path, split)
        if not 0 <= frame < len(frames):
            raise InputError(f"--frame: expected 0 to {len(frames) - 1}, got {frame}")
        sample = frames[frame]
        show(sample.scene, [] if sample.image_HW3 is None else [("camera", sample.image_HW3)], host, port)
        return
    show(Scene.load(path / "scene.npz" if path.is_dir() else path), [], host, port)


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(view, program, arguments)
