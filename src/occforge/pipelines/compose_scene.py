"""Editing by parts: a scene is separated, one part stays and the rest is sampled around it (Sec. 4.3, A.1)."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.discrete.stages import Composition, Levels
from occforge.metrics.prompts import can_measure, measure
from occforge.pipelines.text_to_scene import (
    STANDING,
    GeneratedScene,
    SamplingConfig,
    among,
    drawn_for,
    generate_scene,
    understood_of,
)

Keep = Literal["background", "objects", "both"]


def compose_scene(
    composition: Composition,
    scene: Scene,
    keep: Keep,
    prompt: str,
    seed: int,
    config: SamplingConfig,
    progress: Callable[[], object] = lambda: None,
) -> GeneratedScene:
    """`generate_scene` with the coarse background, objects or both of `scene` in place of sampled ones.

    Paper: a background does not know of the objects. Here: kept objects keep the columns that they stand in, and the
    street is drawn around those (Eq. 9), with the course and the traffic that the scene shows. Because: cars stood in
    houses.
    """
    levels = composition.levels
    if scene.grid != levels.grid or scene.taxonomy.names != levels.taxonomy.names:
        raise InputError(
            f"compose: the generator makes {levels.grid.shape_XYZ} grids of {levels.taxonomy.name}, the scene is "
            f"{scene.grid.shape_XYZ} of {scene.taxonomy.name}; use a scene that this generator made"
        )
    background, objects = levels.coarse(scene.labels_XYZ)
    if keep == "background":
        return generate_scene(composition, prompt, seed, config, background, None, progress)
    if keep == "both":
        return generate_scene(composition, prompt, seed, config, background, objects, progress)
    shown = among((*STANDING, "layout"), measure(scene)) if can_measure(scene.taxonomy) else {}
    understood = understood_of(composition, prompt, seed)
    shown |= drawn_for(composition, shown | understood, seed)
    return generate_scene(
        composition, prompt, seed, config, stood_on(levels, background, objects), objects, progress, shown
    )


def stood_on(levels: Levels, background: NDArray[np.uint8], objects: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The coarse background in the columns where objects stand, and elsewhere unknown."""
    (fx, fy, _), (bx, by, _) = levels.config.object_factor, levels.config.background_factor
    stands_XY = (objects > 0).any(2).repeat(fx, 0).repeat(fy, 1)
    x, y = background.shape[:2]
    stands_xy = np.asarray(stands_XY.reshape(x, bx, y, by).any((1, 3)))
    return np.where(stands_xy[..., None], background, levels.alphabets["background"].states).astype(np.uint8)
