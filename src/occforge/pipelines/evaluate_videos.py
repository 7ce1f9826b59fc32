"""Do painted frames show one world: beside frames that were painted apart, and the world's own.

Shape legend: N frames, H W rows and columns.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from occforge.core.camera import CameraPath, drive_path
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.text import Asked
from occforge.latent.weights import AnyGenerator
from occforge.metrics.consistency import inconsistency
from occforge.metrics.picture_judge import sharpness
from occforge.pipelines.kept import Arrays, claim_folder, digest_of, kept
from occforge.pipelines.text_to_pictures import asked_about, paint_scene
from occforge.render.picture import save_rgb, sheet
from occforge.render.raycast import raycast
from occforge.render.shade import set_stage, shade_stage
from occforge.world.street import make_street

REAL, TOGETHER, APART = "real", "painted together", "painted apart"
ON_SHEET = 2
"""Streets on the strip: the first, none chosen."""


def evaluate_videos(
    generator: AnyGenerator, streets: WorldPairs, frames: int, config: PaintingConfig, out: Path, seed: int = 0
) -> dict[str, Any]:
    """Mean inconsistency and sharpness of drives through `streets`: the world's own, painted as `generate` paints
    them, and painted one frame at a time, each from its own noise. Frames stay in `out`, where a stopped run finds
    them. Writes the first drives to `out`/frames.png.
    """
    if frames < 2:
        raise InputError(f"evaluate videos: expected 2 frames or more, got {frames}")
    made_from = {"pictures": digest_of(generator), "data": streets.identity, "seed": seed}
    claim_folder(out / "videos", made_from | {"frames": frames, "painting": asdict(config)})
    scores: dict[str, list[tuple[float, float]]] = {REAL: [], TOGETHER: [], APART: []}
    rows = []
    for i in tqdm(range(len(streets)), desc="videos", leave=False):
        street_seed = streets.first_seed + i
        street = make_street(street_seed)
        path = drive_path(streets.camera(i), frames)
        depth_NHW = np.stack([raycast(street.scene, camera).depth_HW for camera in path.cameras])
        stage = set_stage(street.scene, street_seed)
        asked = asked_about(street.attributes, i)
        make = partial(paint_both, generator, street.scene, path, asked, (seed + i) * frames, config)
        painted = kept(out / "videos" / f"{i:06d}.npz", make)
        real_NHW3 = np.stack([shade_stage(stage, camera, street.weather) for camera in path.cameras])
        made = {REAL: real_NHW3, TOGETHER: painted["together"], APART: painted["apart"]}
        for name, images_NHW3 in made.items():
            sharp = float(np.mean([sharpness(image) for image in images_NHW3]))
            scores[name].append((inconsistency(images_NHW3, path.cameras, depth_NHW), sharp))
        if i < ON_SHEET:
            rows += [np.concatenate(list(images_NHW3[:4]), axis=1) for images_NHW3 in made.values()]
    save_rgb(out / "frames.png", sheet(rows, 1))
    means = {name: np.mean(values, axis=0) for name, values in scores.items()}
    return {
        "streets": len(streets),
        "frames": frames,
        "scores": {name: {"inconsistency": float(m[0]), "sharpness": float(m[1])} for name, m in means.items()},
    }


def paint_both(
    generator: AnyGenerator, scene: Scene, path: CameraPath, asked: Asked, seed: int, config: PaintingConfig
) -> Arrays:
    """Frames (N, H, W, 3) of a drive painted together, and each by itself."""
    apart = [
        paint_scene(generator, scene, CameraPath((camera,)), asked, seed + k, config)[0]
        for k, camera in enumerate(path.cameras)
    ]
    return {"together": paint_scene(generator, scene, path, asked, seed, config), "apart": np.stack(apart)}


def videos_table(record: dict[str, Any]) -> str:
    """Markdown of what `evaluate_videos` records."""
    lines = [
        f"{record['streets']} drives of {record['frames']} frames. Inconsistency: mean difference of colour, 0-255, "
        "between the same points in neighbouring frames.",
        "",
        "| Frames | inconsistency ↓ | sharpness |",
        "|---|---|---|",
    ]
    for name, s in record["scores"].items():
        lines.append(f"| {name} | {s['inconsistency']:.2f} | {s['sharpness']:.1f} |")
    return "\n".join(lines) + "\n"
