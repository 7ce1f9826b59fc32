"""`occforge generate PROMPT`: a scene and pictures of it from a sentence."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from occforge.cli._common import default_folder, stage_progress, tell
from occforge.cli._parse import call


def generate(
    prompt: Annotated[str, tyro.conf.Positional],
    /,
    out: Path | None = None,
    seed: int = 0,
    engine: Literal["scene"] = "scene",
    frames: int = 1,
    path: str = "drive",
    video: Literal["gif", "mp4", "none"] = "gif",
    image_size: tuple[int, int] = (192, 640),
    guidance: float = 1.0,
    attempts: int = 4,
    weights: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Make a labelled 3D street, and what a camera on the car sees of it, from a sentence.

    Args:
        prompt: What the street should be like, in English.
        out: Folder for the files; default out/<words of the prompt>-<seed>.
        seed: The same seed and prompt give the same files again.
        engine: scene composes voxels first and renders them.
        frames: Pictures along the path.
        path: The camera's way: drive (0.8 m a frame), turn-left, turn-right, orbit around and above the street, or a
            JSON file of cameras such as the cameras.json of an output folder.
        video: Several pictures also make a file that plays; mp4 needs pip install 'occforge[video]'.
        image_size: Height and width of the pictures.
        guidance: How strongly the prompt pulls; 1 samples plainly.
        attempts: How often the plan and its objects are drawn at most until they show what they were asked for.
        weights: Folder of a trained generator; default: the one that ships.
        overwrite: Replace the content of a folder that is not empty.
    """
    from occforge.core.camera import camera_path, street_camera
    from occforge.core.files import atomic_folder
    from occforge.discrete.text import check_prompt
    from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene, step_count
    from occforge.pipelines.write_scene import check_picture_size, write_scene
    from occforge.render.video import check_video
    from occforge.weights import load_generator

    check_prompt(prompt)
    check_picture_size(image_size)
    check_video(f".{video}")
    folder = default_folder(prompt, seed) if out is None else out
    composition, origin = load_generator(weights)
    cameras = camera_path(path, street_camera(image_size), frames, composition.levels.grid)
    with atomic_folder(folder, overwrite) as files:
        config = SamplingConfig(guidance=guidance, attempts=attempts)
        with stage_progress(step_count(composition, config)) as progress:
            made = generate_scene(composition, prompt, seed, config, progress=progress)
        settings = {"engine": engine, "path": path, "weights": origin, "sampling": config}
        write_scene(files, made, cameras, settings, video)
    tell(made, folder)


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(generate, program, arguments)
