"""A request becomes pictures: painted from an occupancy that is known, or denoised together with one (Algorithm 2).

Shape legend: N frames of a camera path, H W picture rows and columns, K classes, X Y Z voxels, C channels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera, CameraPath, check_within
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene, check_one_world
from occforge.core.rays import Rays
from occforge.data._transforms import downsample_scene
from occforge.discrete.stages import Composition
from occforge.discrete.text import request_BA
from occforge.latent.generator import maps_of_rays, shares_of
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.sample import Perceive, Seen, as_read, sample
from occforge.latent.text import Asked
from occforge.latent.weights import AnyGenerator
from occforge.metrics.prompts import MEASURED
from occforge.perception.network import Hints
from occforge.perception.weights import Trained
from occforge.pipelines.text_to_scene import GeneratedScene, among, drawn_for, missing, understood_of
from occforge.render.raycast import rays_of
from occforge.world.captions import caption


@dataclass(frozen=True)
class Imagined:
    """Pictures, RGB uint8 (N, H, W, 3), and the occupancy that was denoised with them."""

    images_NHW3: NDArray[np.uint8]
    scene: Scene


def paint_scene(
    generator: AnyGenerator,
    scene: Scene,
    path: CameraPath,
    asked: Asked,
    seed: int,
    config: PaintingConfig,
) -> NDArray[np.uint8]:
    """RGB pictures (N, H, W, 3) of what the cameras of `path` see of `scene`; the scene is known and stays.

    Its voxels must be those of the generator's grid or a whole divisor of them. Raises `InputError` where scene or
    cameras are not what the generator was made for.
    """
    check_cameras(generator, path)
    pooled = pooled_to(scene, generator.grid)
    check_one_world("pictures", picture_generator=generator, scene=pooled)
    share_BKXYZ = shares_of(torch.from_numpy(pooled.labels_XYZ)[None], generator.taxonomy.class_count)
    seen = known(generator, share_BKXYZ, rays_of(scene, path.cameras), path.cameras)
    return paint(generator, seen, path, asked, seed, config)


def known(generator: AnyGenerator, share_BKXYZ: Tensor, rays: Rays, cameras: Sequence[Camera]) -> Seen:
    """What the first N cameras of `rays` see of one scene, whose shares are of the generator's voxels."""
    maps_NMHW = maps_of_rays(rays, generator.taxonomy.class_count)[: len(cameras)]
    with torch.no_grad():
        return generator.see(share_BKXYZ, CameraBatch.stack(cameras), maps_NMHW[None])


def imagine(
    generator: AnyGenerator,
    perception: Trained,
    path: CameraPath,
    asked: Asked,
    seed: int,
    config: PaintingConfig,
) -> Imagined:
    """Pictures and occupancy from a request alone, each guiding the other: Algorithm 2 of OccScene.

    The perception network reads the key frame, the first of `path`; rays are cast through the likeliest classes, as
    nothing has to carry gradients here. Raises `InputError` where network, cameras and generator do not fit together,
    or where the network is never asked.
    """
    check_cameras(generator, path)
    network = perception.network
    check_one_world("image engine", picture_generator=generator, perception_network=network)
    if not config.perceive_every:
        raise InputError("image engine: --painting.perceive-every is 0, so no occupancy would be read; give 1 or more")
    key = CameraBatch.stack([path.cameras[0].resized(perception.size_HW)])
    read: list[Scene] = []

    def perceive(y_BNCHW: Tensor, level_B: Tensor) -> Seen:
        image_B3HW = as_read(generator.decode(y_BNCHW[:, :1])[:, 0], config.reads, perception.size_HW)
        logits = network(image_B3HW, key, Hints(noise_level_B=level_B)).logits_BKXYZ
        read[:] = [Scene(logits[0].argmax(0).to(torch.uint8).numpy(), generator.grid, generator.taxonomy)]
        return known(generator, logits.softmax(1), rays_of(read[0], path.cameras), path.cameras)

    nothing = generator.nothing_seen(1, len(path.cameras))
    pictures = paint(generator, nothing, path, asked, seed, config, perceive)
    return Imagined(pictures, read[0])


def generate_pictures(
    composition: Composition,
    generator: AnyGenerator,
    perception: Trained,
    prompt: str,
    seed: int,
    path: CameraPath,
    config: PaintingConfig,
) -> tuple[GeneratedScene, NDArray[np.uint8]]:
    """The scene and the pictures (N, H, W, 3) that a prompt and a seed make, image first: `imagine`.

    `composition` reads the prompt and says how often attributes that it leaves open have their values.
    """
    understood = understood_of(composition, prompt, seed)
    drawn = drawn_for(composition, understood, seed)
    start = time.process_time()
    made = imagine(generator, perception, path, asked_for(prompt, understood | drawn), seed, config)
    seconds = {"pictures": time.process_time() - start}
    lacking = missing(among(MEASURED, understood), made.scene)
    scene = GeneratedScene(made.scene, prompt, seed, understood, drawn, None, None, lacking, {}, seconds)
    return scene, made.images_NHW3


@torch.no_grad()
def paint(
    generator: AnyGenerator,
    seen: Seen,
    path: CameraPath,
    asked: Asked,
    seed: int,
    config: PaintingConfig,
    perceive: Perceive | None = None,
) -> NDArray[np.uint8]:
    """RGB pictures (N, H, W, 3) of one path, told what its cameras see, or `generator.nothing_seen`."""
    shape = (1, len(path.cameras), *generator.picture_CHW)
    words = generator.told(asked), generator.told_nothing(1)

    def predict(y_BNCHW: Tensor, t_B: Tensor, words_BLE: Tensor, shown: Seen) -> Tensor:
        cameras = CameraBatch.stack(path.cameras * len(y_BNCHW))  # guidance asks for each path more than once
        return generator.paint(y_BNCHW, t_B, words_BLE, cameras, shown)

    noise = torch.Generator().manual_seed(seed)
    diffusion = generator.config.diffusion
    cameras = CameraBatch.stack(path.cameras)
    y_BNCHW, _ = sample(predict, diffusion, config, shape, words, seen, [noise], perceive, cameras)
    value_NHW3 = (127.5 * (generator.decode(y_BNCHW)[0].clamp(-1.0, 1.0) + 1.0)).round().permute(0, 2, 3, 1)
    return np.ascontiguousarray(value_NHW3.numpy().astype(np.uint8))


def asked_for(text: str, request: dict[str, str]) -> Asked:
    """What one path is asked for: a sentence and its attributes, those drawn for it included."""
    return Asked((text,), request_BA([request]))


def asked_about(attributes: dict[str, str], index: int) -> Asked:
    """All that a street of the world shows, as a request and in a sentence drawn for its index."""
    sentence, _ = caption(attributes, np.random.default_rng((19, index)))
    return replace(asked_for(sentence, attributes), cut=True)


def check_cameras(generator: AnyGenerator, path: CameraPath) -> None:
    """Raise `InputError` unless the cameras are of the generator's picture size and within its grid."""
    for i, camera in enumerate(path.cameras):
        if camera.size_HW != generator.config.size_HW:
            raise InputError(
                f"pictures: frame {i} is of (H, W) {camera.size_HW}, the generator paints {generator.config.size_HW}; "
                "use camera.resized"
            )
    check_within(path, generator.grid)


def pooled_to(scene: Scene, grid: GridSpec) -> Scene:
    """The scene in the voxels of `grid`; raises `InputError` unless those divide it wholly."""
    factor = scene.grid.factor_of(grid)
    if factor is None or len(set(factor)) > 1:
        raise InputError(
            f"pictures: expected a scene whose voxels make up {grid.shape_XYZ} voxels of {grid.voxel_m[0]} m, got "
            f"{scene.grid.shape_XYZ} of {scene.grid.voxel_m[0]} m; generate it at the size of the picture weights"
        )
    return scene if factor[0] == 1 else downsample_scene(scene, factor[0])
