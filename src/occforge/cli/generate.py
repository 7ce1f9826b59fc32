"""`occforge generate PROMPT`: a scene and pictures of it from a sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from occforge.cli._common import default_folder, stage_progress, tell
from occforge.cli._parse import call
from occforge.core.errors import InputError
from occforge.latent.painting_config import PaintingConfig


def generate(
    prompt: Annotated[str, tyro.conf.Positional],
    /,
    out: Path | None = None,
    seed: int = 0,
    engine: Literal["scene", "image"] | None = None,
    complete: bool = False,
    look: Literal["shaded", "painted"] = "shaded",
    frames: int = 1,
    path: str = "drive",
    video: Literal["gif", "mp4", "none"] = "gif",
    image_size: tuple[int, ...] = (),
    guidance: float = 1.0,
    attempts: int = 4,
    weights: Path | None = None,
    pictures: Path | None = None,
    stable_diffusion: Path | None = None,
    perception: Path | None = None,
    painting: PaintingConfig = PaintingConfig(),  # noqa: B008 (frozen)
    overwrite: bool = False,
) -> None:
    """Make a labelled 3D street, and what a camera on the car sees of it, from a sentence.

    Args:
        prompt: What the street should be like, in English.
        out: Folder for the files; default out/<words of the prompt>-<seed>.
        seed: The same seed and prompt give the same files again.
        engine: scene composes voxels first; image draws pictures and reads their voxels as it goes (OccScene). Default:
            the one whose pictures and labels score better on the weights that ship; scene if none was scored or other
            --weights are given.
        complete: With --engine image: what the camera could not see is composed around what was read in its picture.
        look: Pictures of a composed scene: shaded by light and material, or painted by the picture generator.
        frames: Pictures along the path.
        path: The camera's way: drive (0.8 m a frame, less behind what stands in the way), turn-left, turn-right, orbit
            around and above the street, or a JSON file of cameras such as the cameras.json of an output folder.
        video: Several pictures also make a file that plays; mp4 needs pip install 'occforge[video]'.
        image_size: Height and width of shaded pictures, default 192 640; painted ones have their generator's.
        guidance: How strongly the prompt pulls on the composition; 1 samples plainly.
        attempts: How often the plan and its objects are drawn at most until they show what they were asked for.
        weights: Folder of a trained scene generator; default: the one that ships.
        pictures: File of a trained picture generator, for --engine image and --look painted.
        stable_diffusion: Folder of the Stable Diffusion that --pictures was trained on, if it was.
        perception: File of the network that reads voxels in pictures; default: the one that ships.
        painting: How the picture generator draws.
        overwrite: Replace the content of a folder that is not empty.
    """
    from occforge.core.camera import camera_path, street_camera
    from occforge.core.files import atomic_folder
    from occforge.discrete.text import check_prompt
    from occforge.pipelines.complete_scene import complete_scene
    from occforge.pipelines.text_to_pictures import asked_for, check_cameras, generate_pictures, paint_scene
    from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene, step_count
    from occforge.pipelines.write_scene import Seen, check_picture_size, shaded, write_scene
    from occforge.render.video import check_video
    from occforge.weights import better_engine, load_generator, load_perception, load_pictures

    check_prompt(prompt)
    if complete and engine == "scene":
        raise InputError("--complete: expected --engine image with it, got scene; the scenes of that are whole")
    scored = None if engine or complete or weights else better_engine()
    engine = engine or scored or ("image" if complete else "scene")
    paints = engine == "image" or look == "painted"
    for flag, given, used in (
        ("--pictures", pictures, paints),
        ("--stable-diffusion", stable_diffusion, pictures),
        ("--perception", perception, engine == "image"),
    ):
        if given is not None and not used:
            needed = "--pictures" if flag == "--stable-diffusion" else "--engine image"
            needed += " or --look painted" if flag == "--pictures" else ""
            raise InputError(f"{flag}: expected {needed} with it, got none; add it or leave the flag out")
    check_video(f".{video}")
    folder = default_folder(prompt, seed) if out is None else out
    composition, origin = load_generator(weights)
    painter = load_pictures(pictures, stable_diffusion) if paints else None
    size_HW = asked_size(image_size) or (painter.config.size_HW if painter else (192, 640))
    check_picture_size(size_HW)
    cameras = camera_path(path, street_camera(size_HW), frames, composition.levels.grid)
    config = SamplingConfig(guidance=guidance, attempts=attempts)
    look = "shaded" if painter is None else "painted"
    settings: dict[str, Any] = {"engine": engine, "look": look, "path": path, "weights": origin, "sampling": config}
    if engine == "image":
        settings["complete"] = complete
    if painter is not None:
        check_cameras(painter, cameras)
        settings |= {"pictures": str(pictures or "embedded"), "painting": painting}
    with atomic_folder(folder, overwrite) as files:
        images = None
        if engine == "image" and painter is not None:
            reader = load_perception(perception)
            made, images = generate_pictures(composition, painter, reader, prompt, seed, cameras, painting)
            if complete:
                with stage_progress(step_count(composition, config)) as progress:
                    key = cameras.cameras[0]
                    whole = complete_scene(composition, made.scene, key, prompt, seed, config, progress)
                made = replace(whole, drawn=made.drawn, seconds=made.seconds | whole.seconds)
        else:
            with stage_progress(step_count(composition, config)) as progress:
                made = generate_scene(composition, prompt, seed, config, progress=progress)
            cameras = camera_path(path, street_camera(size_HW), frames, composition.levels.grid, made.scene)
            if painter is not None:
                asked = asked_for(prompt, made.understood | made.drawn)
                images = paint_scene(painter, made.scene, cameras, asked, seed, painting)
        seen = shaded(made, cameras) if images is None else map(Seen, cameras.cameras, images)
        write_scene(files, made, cameras, seen, settings, video)
    print(f"engine:     {engine}{', whose pictures and labels score better' if scored else ''}")
    tell(made, folder)


def asked_size(numbers: tuple[int, ...]) -> tuple[int, int] | None:
    """(H, W) of --image-size, None if it was not given; raises `InputError` for other than two numbers."""
    if not numbers:
        return None
    if len(numbers) != 2:
        raise InputError(f"--image-size: expected height and width, got {' '.join(map(str, numbers))}")
    return numbers[0], numbers[1]


def run(program: str, arguments: list[str]) -> None:
    """Entry of the verb."""
    call(generate, program, arguments)
