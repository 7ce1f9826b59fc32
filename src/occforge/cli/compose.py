"""`occforge compose SCENE PROMPT`: keep one part of a scene, draw the other anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from occforge.cli._common import default_folder, stage_progress, tell
from occforge.cli._parse import call

if TYPE_CHECKING:
    from occforge.discrete.stages import StageName


KEPT: dict[str, tuple["StageName", ...]] = {
    "background": ("background",), "objects": ("objects",), "both": ("background", "objects")
}  # fmt: skip
"""The coarse grids that are not drawn again; of a street around kept objects only their ground is given."""


def compose(
    scene: Annotated[Path, tyro.conf.Positional],
    prompt: Annotated[str, tyro.conf.Positional],
    /,
    keep: Literal["background", "objects", "both"] = "background",
    out: Path | None = None,
    seed: int = 0,
    frames: int = 1,
    path: str = "drive",
    video: Literal["gif", "mp4", "none"] = "gif",
    image_size: tuple[int, int] = (192, 640),
    guidance: float = 1.0,
    attempts: int = 4,
    weights: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Separate a scene into background and objects, keep one and draw the other from the prompt.

    Args:
        scene: A scene.npz, or a folder that holds one.
        prompt: What the new part should be like.
        keep: background draws new objects into the street; objects builds a new street around them;
            both redraws only the shapes inside the coarse cells.
        out: Folder for the files; default out/<words of the prompt>-<seed>.
        seed: The same seed and prompt give the same files again.
        frames: Pictures along the path.
        path: The camera's way: drive (0.8 m a frame, less behind what stands in the way), turn-left, turn-right, orbit
            around and above the street, or a JSON file of cameras such as the cameras.json of an output folder.
        video: Several pictures also make a file that plays; mp4 needs pip install 'occforge[video]'.
        image_size: Height and width of the pictures.
        guidance: How strongly the prompt pulls; 1 samples plainly.
        attempts: How often the plan and its objects are drawn at most until they show what they were asked for.
        weights: Folder of a trained generator; default: the one that ships.
        overwrite: Replace the content of a folder that is not empty.
    """
    from occforge.core.camera import camera_path, street_camera
    from occforge.core.files import atomic_folder
    from occforge.core.grid import Scene
    from occforge.discrete.text import check_prompt
    from occforge.pipelines.compose_scene import compose_scene
    from occforge.pipelines.text_to_scene import SamplingConfig, step_count
    from occforge.pipelines.write_scene import check_picture_size, shaded, write_scene
    from occforge.render.video import check_video
    from occforge.weights import load_generator

    check_prompt(prompt)
    check_picture_size(image_size)
    check_video(f".{video}")
    kept = Scene.load(scene / "scene.npz" if scene.is_dir() else scene)
    folder = default_folder(prompt, seed) if out is None else out
    composition, origin = load_generator(weights)
    cameras = camera_path(path, street_camera(image_size), frames, composition.levels.grid)
    with atomic_folder(folder, overwrite) as files:
        config = SamplingConfig(guidance=guidance, attempts=attempts)
        with stage_progress(step_count(composition, config, KEPT[keep])) as progress:
            made = compose_scene(composition, kept, keep, prompt, seed, config, progress)
        cameras = camera_path(path, street_camera(image_size), frames, composition.levels.grid, made.scene)
        settings = {
            "engine": "scene",
            "kept": keep,
            "of": str(scene),
            "path": path,
            "weights": origin,
            "sampling": config,
        }
        write_scene(files, made, cameras, shaded(made, cameras), settings, video)
    tell(made, folder)


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(compose, program, arguments)
