"""Which engine to use for a prompt: both answer the same prompts, and the same scores are counted of both.

Shape legend: H W rows and columns.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.camera import CameraPath, street_camera
from occforge.core.errors import InputError
from occforge.core.files import write_json, write_text
from occforge.core.grid import Scene
from occforge.data.procedural import TEST_FIRST_SEED
from occforge.discrete.stages import Composition
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.weights import AnyGenerator
from occforge.metrics.picture_judge import PictureJudge, picture_features_ND
from occforge.metrics.prompts import Prompt, found, load_prompts, measurable
from occforge.metrics.report import versions
from occforge.perception.weights import Trained
from occforge.pipelines.evaluate import Job, digest_of_prompts, generate_all, made_from
from occforge.pipelines.evaluate_pictures import Side
from occforge.pipelines.kept import Arrays, claim_folder, digest_of, kept
from occforge.pipelines.text_to_pictures import asked_for, generate_pictures, paint_scene, pooled_to
from occforge.pipelines.text_to_scene import SamplingConfig, drawn_for, understood_of
from occforge.render.picture import save_rgb, sheet
from occforge.render.shade import shade
from occforge.world.street import make_street

REAL, SCENE, IMAGE = "real", "scene", "image"
BETTER = {"distance": -1, "found": 1, "found_in_voxels": 1, "pairing": 1}
"""The scores that decide between engines, and whether more of them is better."""
ON_SHEET = 8
"""Rows of the sheet: the first prompts, none chosen."""


def evaluate_engines(
    composition: Composition,
    generator: AnyGenerator,
    judge: PictureJudge,
    perception: Trained,
    sampling: SamplingConfig,
    painting: PaintingConfig,
    out: Path,
    weights: Path | None = None,
    n: int | None = None,
    workers: int = 2,
) -> dict[str, Any]:
    """Answer the first `n` packaged prompts with both engines, as `generate` does, and score pictures and labels.

    Beside both stand streets of the world that show what each prompt asks for, as their camera sees them; the distance
    is that to other such streets. `weights` is the folder that `composition` was read from. Scenes and pictures stay
    in `out`, where a stopped run finds them. Writes engines.json, engines.md and sheet.png there.
    """
    prompts = load_prompts("test")
    if n is not None and not 2 <= n <= len(prompts):
        raise InputError(f"evaluate engines: expected --n of 2 to {len(prompts)}, got {n}")
    prompts = prompts[:n]
    if generator.taxonomy.names != composition.levels.taxonomy.names:
        raise InputError(
            f"evaluate engines: scenes are of {composition.levels.taxonomy.name}, the picture generator paints "
            f"{generator.taxonomy.name}; choose two of one taxonomy"
        )
    scenes = made_from(composition, weights, sampling) | {"prompts": digest_of_prompts("test")}
    networks = {"pictures": digest_of(generator), "perception": digest_of(perception.network)}
    claim_folder(out / "scenes", scenes)
    claim_folder(out / "pictures", scenes | networks | {"painting": asdict(painting)})
    path = CameraPath((street_camera(generator.config.size_HW),))
    jobs = [Job(weights, prompt.text, i, sampling, out / "scenes" / f"{i:06d}.npz") for i, prompt in enumerate(prompts)]
    sides = {name: Side(generator.taxonomy.class_count) for name in (REAL, SCENE, IMAGE)}
    in_voxels: dict[str, list[bool]] = {name: [] for name in sides}
    rows = []
    composed = generate_all(jobs, workers)
    for i, prompt in enumerate(tqdm(prompts, desc="pictures", leave=False)):
        scene = Scene(next(composed), composition.levels.grid, composition.levels.taxonomy)
        make = partial(answer, composition, generator, perception, prompt, i, scene, path, painting)
        painted = kept(out / "pictures" / f"{i:06d}.npz", make)
        made = {
            REAL: real(prompt, TEST_FIRST_SEED + i, path),
            SCENE: (scene, painted[SCENE]),
            IMAGE: (Scene(painted["labels_XYZ"], generator.grid, generator.taxonomy), painted[IMAGE]),
        }
        for name, (each, image_HW3) in made.items():
            labels_XYZ = pooled_to(each, generator.grid).labels_XYZ
            sides[name].add(judge, perception, image_HW3, path.cameras[0], prompt.asks, labels_XYZ)
            in_voxels[name] += found(measurable(prompt.asks), each).values()
        if i < ON_SHEET:
            rows.append(np.concatenate([image_HW3 for _, image_HW3 in made.values()], axis=1))
    others = (real(prompt, TEST_FIRST_SEED + len(prompts) + i, path)[1] for i, prompt in enumerate(prompts))
    reference_ND = picture_features_ND(judge, others)
    scores = {
        name: side.scores(judge, reference_ND) | {"found_in_voxels": float(np.mean(in_voxels[name]))}
        for name, side in sides.items()
    }
    scored = {
        "better": better(scores),
        "n": len(prompts),
        "judge": judge.digest(),
        "perception": perception.name,
        "sampling": asdict(sampling),
        "painting": asdict(painting),
        "scores": scores,
        **versions(),
    }
    record: dict[str, Any] = json.loads(json.dumps(scored))  # as it will be read back
    save_rgb(out / "sheet.png", sheet(rows, 1))
    write_text(out / "engines.md", table(record))
    write_json(out / "engines.json", record)
    return record


def answer(
    composition: Composition,
    generator: AnyGenerator,
    perception: Trained,
    prompt: Prompt,
    index: int,
    scene: Scene,
    path: CameraPath,
    painting: PaintingConfig,
) -> Arrays:
    """The picture of the scene that was composed for a prompt, and picture and labels of the image engine."""
    request = understood_of(composition, prompt.text, index)
    asked = asked_for(prompt.text, request | drawn_for(composition, request, index))
    composed_NHW3 = paint_scene(generator, scene, path, asked, index, painting)
    whole, images_NHW3 = generate_pictures(composition, generator, perception, prompt.text, index, path, painting)
    return {SCENE: composed_NHW3[0], IMAGE: images_NHW3[0], "labels_XYZ": whole.scene.labels_XYZ}


def real(prompt: Prompt, seed: int, path: CameraPath) -> tuple[Scene, NDArray[np.uint8]]:
    """A street of the world that shows what a prompt asks for, and what the first camera of `path` sees of it."""
    street = make_street(seed, prompt.asks)
    return street.scene, shade(street.scene, path.cameras[0], street.weather, seed)


def deciding(scores: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The scores of one engine that count, each with its sign: more is better."""
    for name, sign in BETTER.items():
        yield name, sign * (scores[name]["miou"] if name == "pairing" else scores[name])


def better(scores: dict[str, Any]) -> str:
    """The engine that is better in more of the scores of `BETTER`; composed scenes, which are whole, in a draw."""
    pairs = zip(deciding(scores[SCENE]), deciding(scores[IMAGE]), strict=True)
    won = sum(int(np.sign(image - scene)) for (_, scene), (_, image) in pairs)
    return IMAGE if won > 0 else SCENE


def table(record: dict[str, Any]) -> str:
    """Markdown of what `evaluate_engines` records."""
    lines = [
        f"{record['n']} prompts; judge {record['judge']}, perception {record['perception']}; "
        f"{record['painting']['steps']} steps of {record['painting']['sampler']}, guided by occupancy "
        f"{record['painting']['occupancy_guidance']:g} and words {record['painting']['guidance']:g}. Real: streets of "
        "the world that show what the prompts ask for; their distance, to other such streets, is the floor. In "
        "pictures and in voxels: the share found of what was asked for. Pairing: mean IoU of what is read in a picture "
        "against its labels. Better in more of distance, both shares and pairing, and so the default: "
        f"{record['better']}.",
        "",
        "| engine | distance ↓ | sharpness | in pictures ↑ | in voxels ↑ | pairing ↑ | with another scene |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, s in record["scores"].items():
        lines.append(
            f"| {name} | {s['distance']:.2f} | {s['sharpness']:.1f} | {100 * s['found']:.1f} % | "
            f"{100 * s['found_in_voxels']:.1f} % | {100 * s['pairing']['miou']:.1f} | "
            f"{100 * s['pairing_with_another']['miou']:.1f} |"
        )
    lines += ["", "| Found in pictures | " + " | ".join(record["scores"]) + " |"]
    lines.append("|---|" + "---|" * len(record["scores"]))
    for attribute in record["scores"][REAL]["found_by_attribute"]:
        cells = (f"{100 * s['found_by_attribute'][attribute]:.1f} %" for s in record["scores"].values())
        lines.append(f"| {attribute} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
