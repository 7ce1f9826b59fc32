"""What a camera saw of a scene stays, what it could not see is drawn: a scene read in a picture becomes a whole one."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from occforge.core.camera import Camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN
from occforge.discrete.stages import Composition
from occforge.metrics.prompts import can_measure, measure
from occforge.pipelines.text_to_scene import BESIDE, GeneratedScene, SamplingConfig, among, generate_scene
from occforge.render.raycast import raycast

RAYS = 512
"""Rows of rays, or more: of 0.8 m voxels of ground, most are thinner than a row of a small picture."""


def complete_scene(
    composition: Composition,
    scene: Scene,
    camera: Camera,
    prompt: str,
    seed: int,
    config: SamplingConfig,
    progress: Callable[[], object] = lambda: None,
) -> GeneratedScene:
    """The whole scene of which `scene` was read in the picture of `camera`: Eq. 9, known where the camera sees.

    What the prompt leaves open of the road and of both its sides is what `scene` shows, its guesses at what the camera
    does not see included: values drawn by chance would contradict the part that stays.
    Raises `InputError` unless the voxels of `scene` are whole multiples of the generator's, which can still be pooled
    to its coarse grids.
    """
    levels = composition.levels
    factor = levels.grid.factor_of(scene.grid)
    if factor is None or scene.taxonomy.names != levels.taxonomy.names:
        raise InputError(
            f"complete: the generator makes {levels.grid.shape_XYZ} grids of {levels.taxonomy.name}, the scene is "
            f"{scene.grid.shape_XYZ} of {scene.taxonomy.name} and not pooled from one; use two of one world"
        )
    known_XYZ = np.where(in_sight(scene, camera), scene.labels_XYZ, UNKNOWN).astype(np.uint8)
    background, objects = levels.coarse(known_XYZ, factor)
    shown = among(BESIDE, measure(scene)) if can_measure(scene.taxonomy) else {}
    return generate_scene(composition, prompt, seed, config, background, objects, progress, shown)


def in_sight(scene: Scene, camera: Camera) -> NDArray[np.bool_]:
    """(X, Y, Z): voxels that a camera sees: empty ones up to what their lines of sight meet, and what is met."""
    finer = -(-RAYS // camera.size_HW[0])
    fine = camera.resized((finer * camera.size_HW[0], finer * camera.size_HW[1]))
    view = raycast(scene, fine)
    seen_N = np.zeros(scene.labels_XYZ.size, bool)
    seen_N[view.voxel_HW[view.voxel_HW >= 0]] = True
    pixel_N2, depth_N = fine.project(scene.grid.centres_N3_m())
    inside_N = (depth_N > 0) & np.all((pixel_N2 >= 0) & (pixel_N2 < fine.size_HW[::-1]), axis=1)
    column_N, row_N = pixel_N2[inside_N].astype(int).T
    end_N = np.where(view.voxel_HW < 0, np.inf, view.depth_HW)[row_N, column_N]
    empty_N = scene.labels_XYZ.reshape(-1)[inside_N] == EMPTY
    seen_N[inside_N] |= empty_N & (depth_N[inside_N] < end_N)
    return seen_N.reshape(scene.labels_XYZ.shape)
