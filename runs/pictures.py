"""The pictures of the README, made by the code: nothing chosen by hand, seeds 0, 1, 2, ... in order.

python runs/pictures.py [--out docs/pictures] [--only perception|painted]
"""

import argparse
import tempfile
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from occforge.cli.generate import generate
from occforge.core.camera import street_camera
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.data.procedural import TEST_FIRST_SEED
from occforge.metrics.prompts import load_prompts
from occforge.pipelines.complete_scene import complete_scene
from occforge.pipelines.evaluate_perception import side_by_side
from occforge.pipelines.perceive import perceive
from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.render.oblique import oblique
from occforge.render.overlay import overlay
from occforge.render.picture import load_rgb, save_rgb, sheet
from occforge.render.shade import shade
from occforge.render.video import save_video
from occforge.weights import EMBEDDED, load_generator, load_perception
from occforge.world.street import make_street

PROMPT = "a straight street with cars parked on the left, trees on the right, a few people, overcast"
WORLD_SEED = 3_900_000_000


def shrunk(image_HW3: np.ndarray, width: int) -> np.ndarray:
    """The picture at another width, filtered."""
    height = round(image_HW3.shape[0] * width / image_HW3.shape[1])
    return np.asarray(Image.fromarray(image_HW3).resize((width, height), Image.Resampling.LANCZOS))


def voxels_over_picture(seed: int) -> np.ndarray:
    """A street's picture, and below it the same with the street's voxels of 0.2 m drawn over it."""
    street, camera = make_street(seed), street_camera((300, 1000))
    picture = shade(street.scene, camera, street.weather, seed)
    return np.concatenate([picture, overlay(street.scene, camera, picture)])


def perceived(count: int = 6) -> np.ndarray:
    """Held-out streets, a row each: picture, truth and what the embedded network sees from above, hits and misses."""
    trained = load_perception(None)
    streets = WorldPairs(TEST_FIRST_SEED, count, trained.size_HW)
    rows = []
    for index in range(count):
        pair = streets.pair(index)
        truth = Scene(pair.labels_XYZ, streets.grid, streets.taxonomy)
        rows.append(side_by_side(pair.image_HW3, truth, perceive(trained, pair.image_HW3, pair.camera).scene))
    return sheet(rows, 1)


def completed(count: int = 4) -> np.ndarray:
    """Held-out streets, a row each: picture, truth, what the embedded network reads, and that with the unseen drawn."""
    trained = load_perception(None)
    streets = WorldPairs(TEST_FIRST_SEED, count, trained.size_HW)
    composition, _ = load_generator(None)
    rows = []
    for index in range(count):
        pair = streets.pair(index)
        read = perceive(trained, pair.image_HW3, pair.camera).scene
        whole = complete_scene(composition, read, pair.camera, "", index, SamplingConfig()).scene
        picture = np.full((360, 480, 3), 255, np.uint8)
        picture[100:260] = shrunk(pair.image_HW3, 480)
        truth = make_street(TEST_FIRST_SEED + index).scene
        rows.append(np.concatenate([picture, *(oblique(s, (360, 480)) for s in (truth, read, whole))], axis=1))
    return sheet(rows, 1)


def answered(count: int, frames: int) -> list[list[np.ndarray]]:
    """What `occforge generate PROMPT --look painted` makes of the first packaged prompts, the n-th with seed n: frames,
    the prompt beneath each."""
    made = []
    for seed, prompt in enumerate(load_prompts("test")[:count]):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            generate(prompt.text, out=out, seed=seed, look="painted", frames=frames, video="none")
            made.append([titled(load_rgb(path), prompt.text) for path in sorted((out / "images").glob("*.png"))])
    return made


def titled(image_HW3: np.ndarray, text: str, scale: int = 2, lines: int = 3) -> np.ndarray:
    """The picture enlarged, pixels as they are, with a text in black on white beneath."""
    large = image_HW3.repeat(scale, 0).repeat(scale, 1)
    beneath = Image.new("RGB", (large.shape[1], 17 * lines), "white")
    words = "\n".join(textwrap.wrap(text, large.shape[1] // 7, max_lines=lines, placeholder=" ..."))
    ImageDraw.Draw(beneath).multiline_text((2, 1), words, "black", ImageFont.load_default(13), spacing=2)
    return np.concatenate([large, np.asarray(beneath)])


def write_painted(out: Path) -> None:
    """24 pictures and 6 drives, the first of the packaged prompts."""
    save_rgb(out / "painted.png", sheet([frames[0] for frames in answered(24, 1)], 4))
    drives = answered(6, 8)
    save_rgb(out / "drive.png", sheet(drives[0][:4], 4))
    save_video(out / "drives.gif", (sheet(list(frames), 3) for frames in zip(*drives, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--only", choices=("perception", "painted"), help="make only these")
    arguments = parser.parse_args()
    ships = (EMBEDDED / "pictures.safetensors").is_file()
    if arguments.only == "painted" or (ships and not arguments.only):
        write_painted(arguments.out)
    if arguments.only == "painted":
        return
    save_rgb(arguments.out / "perceived.png", perceived())
    save_rgb(arguments.out / "completed.png", completed())
    save_rgb(arguments.out / "voxels-over-picture.png", voxels_over_picture(WORLD_SEED))
    if arguments.only:
        return

    composition, _ = load_generator(None)
    plain = SamplingConfig(guidance=1.0)
    made = [generate_scene(composition, "", seed, plain).scene for seed in range(arguments.count)]
    save_rgb(arguments.out / "generated.png", sheet([shrunk(oblique(s, (480, 640)), 400) for s in made], 4))
    real = [make_street(WORLD_SEED + i).scene for i in range(arguments.count)]
    save_rgb(arguments.out / "world.png", sheet([shrunk(oblique(s, (480, 640)), 400) for s in real], 4))

    asked = generate_scene(composition, PROMPT, 0, SamplingConfig())
    save_rgb(arguments.out / "prompt-scene.png", oblique(asked.scene, (480, 640)))
    weather = (asked.understood | asked.drawn).get("weather", "clear")
    save_rgb(arguments.out / "prompt-camera.png", shade(asked.scene, street_camera((240, 800)), weather, 0))


if __name__ == "__main__":
    main()
