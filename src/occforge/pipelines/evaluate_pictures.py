"""Scores of a picture generator: distance, sharpness, what was asked for, and whether it uses its occupancy.

Every score of painted pictures stands beside the same score of real ones, the floor. Shape legend: N scenes, H W rows
and columns, X Y Z voxels.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from occforge.core.attributes import ATTRIBUTES
from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera, CameraPath
from occforge.core.errors import InputError
from occforge.core.files import write_json, write_text
from occforge.core.grid import check_one_world
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, Views
from occforge.latent.generator import picture_tensor, shares_of
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.sample import Seen
from occforge.latent.weights import AnyGenerator
from occforge.metrics.frechet import frechet_distance
from occforge.metrics.iou import IoU
from occforge.metrics.picture_judge import PictureJudge, picture_features_ND, sharpness, shown
from occforge.metrics.report import versions
from occforge.perception.weights import Trained
from occforge.pipelines.evaluate_videos import evaluate_videos, videos_table
from occforge.pipelines.kept import Arrays, claim_folder, digest_of, kept
from occforge.pipelines.perceive import perceive
from occforge.pipelines.text_to_pictures import asked_about, imagine, known, paint
from occforge.render.picture import save_rgb, sheet

PICTURES = 6
"""Rows on the sheet of pictures: the first scenes, none chosen."""
Kind = Literal["told its occupancy", "reads it as it goes", "words alone"]
TOLD: Kind = "told its occupancy"
READ: Kind = "reads it as it goes"
ALONE: Kind = "words alone"
REAL = "real"


@dataclass
class Side:
    """What is counted of one kind of pictures: those, what was found in them, what is read in them and should be."""

    classes: int
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    found: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in ATTRIBUTES})
    read: list[NDArray[np.uint8]] = field(default_factory=list)
    true: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(
        self,
        judge: PictureJudge,
        perception: Trained,
        image_HW3: NDArray[np.uint8],
        camera: Camera,
        request: dict[str, str],
        labels_XYZ: NDArray[np.uint8],
    ) -> None:
        """Count a picture, asked to show `request`, of a scene with the labels of `perception`'s grid."""
        shows = shown(judge, image_HW3)
        self.images.append(image_HW3)
        for name, value in request.items():
            self.found[name].append(shows[name] == value)
        self.read.append(perceive(perception, image_HW3, camera).scene.labels_XYZ)
        self.true.append(labels_XYZ)

    def scores(self, judge: PictureJudge, reference_ND: NDArray[np.float64]) -> dict[str, Any]:
        """Distance to pictures of the features `reference_ND`, sharpness, shares found, and pairing: IoU of what is
        read in each picture against its own scene and against the next one's."""
        pairs = {"pairing": self.true, "pairing_with_another": self.true[1:] + self.true[:1]}
        found = {name: float(np.mean(hits)) for name, hits in self.found.items() if hits}
        return {
            "distance": frechet_distance(picture_features_ND(judge, self.images), reference_ND),
            "sharpness": float(np.mean([sharpness(image) for image in self.images])),
            "found": float(np.mean([h for hits in self.found.values() for h in hits])),
            "found_by_attribute": found,
            **{name: self._pairing(others) for name, others in pairs.items()},
        }

    def _pairing(self, true: list[NDArray[np.uint8]]) -> dict[str, float]:
        counted = IoU(self.classes)
        for read_XYZ, true_XYZ in zip(self.read, true, strict=True):
            counted.add(read_XYZ, true_XYZ)
        result = counted.result("zero")
        return {"iou": result.completion_iou, "miou": result.miou}


def evaluate_pictures(
    generator: AnyGenerator,
    judge: PictureJudge,
    perception: Trained,
    painted: ViewCache,
    reference: ViewCache,
    config: PaintingConfig,
    out: Path,
    seed: int = 0,
    drives: WorldPairs | None = None,
    frames: int = 8,
) -> dict[str, Any]:
    """Score pictures of every scene of `painted` (`picture_scores`), and whether their occupancy is used.

    `drives` are the streets of videos (`evaluate_videos`). What is made stays in `out`, where a stopped run finds it.
    Writes pictures.json, pictures.md and sheet.png there.
    """
    scores = picture_scores(generator, judge, perception, painted, reference, config, out, seed)
    made_from = {"pictures": digest_of(generator), "data": painted.source.identity, "seed": seed}
    claim_folder(out / "losses", made_from | {"n": len(painted)})
    losses = occupancy_losses(generator, [painted[i] for i in range(len(painted))], seed, keep=out / "losses")
    record = {
        "n": len(painted),
        "seed": seed,
        "data": [painted.source.identity, reference.source.identity],
        "judge": judge.digest(),
        "perception": perception.name,
        "painting": asdict(config),
        "scores": scores,
        "occupancy_loss": {name: _gap(loss_N, losses["true"]) for name, loss_N in losses.items()},
        **versions(),
    }
    if drives is not None:
        record["videos"] = evaluate_videos(generator, drives, frames, config, out, seed)
    write_text(out / "pictures.md", table(record))
    write_json(out / "pictures.json", json.loads(json.dumps(record)))
    return record


def picture_scores(
    generator: AnyGenerator,
    judge: PictureJudge,
    perception: Trained,
    painted: ViewCache,
    reference: ViewCache,
    config: PaintingConfig,
    out: Path,
    seed: int = 0,
    kinds: Sequence[Kind] = (TOLD, READ, ALONE),
) -> dict[str, dict[str, Any]]:
    """Paint the key view of every scene of `painted` and score: told its occupancy, from its words with the occupancy
    that `perception` reads as the picture is drawn (Algorithm 2), and from its words alone.

    The distance is that to the real pictures of `reference`, which must be other scenes, equally many; its floor that
    of the real pictures of `painted`. Pairing: mean IoU of what `perception` reads in a picture against the scene that
    it was painted from, or was read as it was drawn, and against the next one's. Pictures stay in `out`, where a
    stopped run finds them; sheet.png shows the first.
    """
    if len(painted) != len(reference) or painted.source.identity == reference.source.identity:
        raise InputError("evaluate pictures: expected equally many painted and reference scenes, of other seeds")
    world = painted.source.pairs
    check_one_world(
        "evaluate pictures", streets=world, picture_generator=generator, perception_network=perception.network
    )
    made_from = {"pictures": digest_of(generator), "data": painted.source.identity, "seed": seed, "kinds": list(kinds)}
    networks = {"perception": digest_of(perception.network), "painting": asdict(config)}
    claim_folder(out / "pictures", made_from | networks)
    sides = {name: Side(generator.taxonomy.class_count) for name in (REAL, *kinds)}
    rows = []
    for i in tqdm(range(len(painted)), desc="pictures", leave=False):
        scene = painted[i]
        make = partial(paint_kinds, generator, perception, scene, i, seed, config, kinds)
        made = kept(out / "pictures" / f"{i:06d}.npz", make)
        images = {REAL: scene.images_NHW3[0]} | {kind: made[kind] for kind in kinds}
        for name, image_HW3 in images.items():
            labels_XYZ = made["labels_XYZ"] if name == READ else scene.labels_XYZ
            sides[name].add(judge, perception, image_HW3, scene.cameras[0], scene.attributes, labels_XYZ)
        if i < PICTURES:
            rows.append(np.concatenate(list(images.values()), axis=1))
    save_rgb(out / "sheet.png", sheet(rows, 1))
    real_ND = picture_features_ND(judge, (reference[i].images_NHW3[0] for i in range(len(reference))))
    return {name: side.scores(judge, real_ND) for name, side in sides.items()}


def paint_kinds(
    generator: AnyGenerator,
    perception: Trained,
    scene: Views,
    index: int,
    seed: int,
    config: PaintingConfig,
    kinds: Sequence[Kind],
) -> Arrays:
    """Pictures of a scene's key camera by their kind, and as `labels_XYZ` what was read in one as it was drawn."""
    path, asked = CameraPath(scene.cameras[:1]), asked_about(scene.attributes, index)
    made: Arrays = {}
    if TOLD in kinds:
        made[TOLD] = paint(generator, occupancy_of(generator, scene), path, asked, seed + index, config)[0]
    if READ in kinds:
        imagined = imagine(generator, perception, path, asked, seed + index, config)
        made |= {READ: imagined.images_NHW3[0], "labels_XYZ": imagined.scene.labels_XYZ}
    if ALONE in kinds:
        made[ALONE] = paint(generator, generator.nothing_seen(1, 1), path, asked, seed + index, config)[0]
    return made


def _gap(loss_N: NDArray[np.float64], true_N: NDArray[np.float64]) -> dict[str, float]:
    """Mean loss, mean gap to the loss of those told the truth, and that gap's standard error."""
    gap_N = loss_N - true_N
    error = float(gap_N.std(ddof=1)) / len(gap_N) ** 0.5
    return {"mean": float(loss_N.mean()), "gap": float(gap_N.mean()), "standard_error": error}


def table(record: dict[str, Any]) -> str:
    """Markdown of what `evaluate_pictures` records."""
    scores, painting = record["scores"], record["painting"]
    lines = [
        f"n = {record['n']}, seed {record['seed']}; judge {record['judge']}, perception {record['perception']}; "
        f"{painting['steps']} steps of {painting['sampler']}, guided by occupancy {painting['occupancy_guidance']:g} "
        f"and words {painting['guidance']:g}, read from noise {painting['perceive_below']:g} down. The distance of "
        "real pictures is the floor. Pairing: mean IoU of what is read in a picture against its own scene, and against "
        "another; where it reads as it goes, its own scene is what it read last.",
        "",
        "| | distance ↓ | sharpness | found ↑ | pairing ↑ | with another scene |",
        "|---|---|---|---|---|---|",
    ]
    for name, s in scores.items():
        lines.append(
            f"| {name} | {s['distance']:.2f} | {s['sharpness']:.1f} | {100 * s['found']:.1f} % | "
            f"{100 * s['pairing']['miou']:.1f} | {100 * s['pairing_with_another']['miou']:.1f} |"
        )
    lines += ["", "| Found | " + " | ".join(scores) + " |", "|---|" + "---|" * len(scores)]
    for attribute in next(iter(scores.values()))["found_by_attribute"]:
        cells = (f"{100 * s['found_by_attribute'][attribute]:.1f} %" for s in scores.values())
        lines.append(f"| {attribute} | " + " | ".join(cells) + " |")
    lines += ["", "| Denoising loss, occupancy | mean | gap to the true one | standard error |", "|---|---|---|---|"]
    for name, loss in record["occupancy_loss"].items():
        lines.append(f"| {name} | {loss['mean']:.5f} | {loss['gap']:.5f} | {loss['standard_error']:.5f} |")
    videos = ["", videos_table(record["videos"])] if "videos" in record else [""]
    return "\n".join(lines + videos)


def occupancy_of(generator: AnyGenerator, scene: Views) -> Seen:
    """What the key camera sees of a scene whose occupancy is known, by the rays of its fine voxels."""
    share_BKXYZ = shares_of(torch.from_numpy(scene.labels_XYZ)[None], generator.taxonomy.class_count)
    return known(generator, share_BKXYZ, scene.fine, scene.cameras[:1])


def occupancy_losses(
    generator: AnyGenerator, scenes: Sequence[Views], seed: int = 0, levels: int = 8, keep: Path | None = None
) -> dict[str, NDArray[np.float64]]:
    """L_LDM of each scene (N,), told its true occupancy, none, or the next scene's, with the same noise.

    The mean over `levels` steps of the diffusion, one from each equal part of it: an alignment that ignores its
    occupancy shows no difference. In the folder `keep` a stopped run finds what it had.
    """
    if len(scenes) < 2:
        raise InputError(f"occupancy losses: expected 2 scenes or more, got {len(scenes)}")
    rows = []
    for i, scene in enumerate(tqdm(scenes, desc="losses", leave=False)):
        make = partial(_losses_of, generator, scene, scenes[(i + 1) % len(scenes)], i, seed, levels)
        rows.append(make() if keep is None else kept(keep / f"{i:06d}.npz", make))
    return {name: np.array([float(row[name]) for row in rows]) for name in ("true", "none", "shuffled")}


@torch.no_grad()
def _losses_of(generator: AnyGenerator, scene: Views, following: Views, index: int, seed: int, levels: int) -> Arrays:
    """The three losses of one scene."""
    diffusion, rng = generator.config.diffusion, np.random.default_rng((seed, index))
    t_B = torch.from_numpy(((np.arange(levels) + rng.random(levels)) / levels * diffusion.steps).astype(np.int64))
    noise_rng = torch.Generator().manual_seed(int(rng.integers(2**62)))
    y_0 = generator.encode(picture_tensor(scene.images_NHW3[:1])[None]).expand(levels, -1, -1, -1, -1)
    noise = torch.randn(y_0.shape, generator=noise_rng)
    y_t = diffusion.noised(y_0, noise, t_B)
    words_BLE = generator.told(asked_about(scene.attributes, index)).expand(levels, -1, -1)
    cameras = CameraBatch.stack(scene.cameras[:1] * levels)
    losses = {}
    for name, seen in (
        ("true", occupancy_of(generator, scene)),
        ("none", generator.nothing_seen(1, 1)),
        ("shuffled", occupancy_of(generator, following)),
    ):
        told = Seen(
            seen.maps_BNMHW.expand(levels, -1, -1, -1, -1), seen.volume_BNODHW.expand(levels, -1, -1, -1, -1, -1)
        )
        output = generator.paint(y_t, t_B, words_BLE, cameras, told)
        losses[name] = np.array(float(diffusion.reconstruction_loss_B(output, y_0, noise, t_B).mean()))
    return losses
