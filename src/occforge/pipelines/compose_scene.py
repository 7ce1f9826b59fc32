"""Editing by parts: a scene is separated, one part stays and the rest is sampled around it (Sec. 4.3, A.1)."""

from collections.abc import Callable
from typing import Literal

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.discrete.stages import Composition
from occforge.pipelines.text_to_scene import GeneratedScene, SamplingConfig, generate_scene

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
    """`generate_scene` with the coarse background, objects or both of `scene` in place of sampled ones."""
    levels = composition.levels
    if scene.grid != levels.grid or scene.taxonomy.names != levels.taxonomy.names:
        raise InputError(
            f"compose: the generator makes {levels.grid.shape_XYZ} grids of {levels.taxonomy.name}, the scene is "
            f"{scene.grid.shape_XYZ} of {scene.taxonomy.name}; use a scene that this generator made"
        )
    background, objects = levels.coarse(scene.labels_XYZ)
    return generate_scene(
        composition,
        prompt,
        seed,
        config,
        background if keep in ("background", "both") else None,
        objects if keep in ("objects", "both") else None,
        progress,
    )
