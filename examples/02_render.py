"""Look at one street in every way: colour in five weathers, depth, classes, map, model, mesh and web page.

usage: python examples/02_render.py [FOLDER] [SEED]        (without FOLDER: a temporary one)
"""

import sys
import tempfile
from pathlib import Path

from occforge.core.attributes import ATTRIBUTES
from occforge.core.camera import street_camera
from occforge.render.bev import bev
from occforge.render.mesh import write_glb
from occforge.render.oblique import oblique
from occforge.render.picture import save_depth, save_rgb, save_semantic
from occforge.render.raycast import raycast
from occforge.render.shade import shade_stage
from occforge.render.stage import set_stage
from occforge.view.gallery import write_page
from occforge.world.street import make_street


def main(folder: Path, seed: int) -> None:
    """Write all pictures, the mesh and the page of the street with this seed into `folder`."""
    scene = make_street(seed).scene
    camera = street_camera((192, 640))
    view = raycast(scene, camera)
    save_depth(folder / "depth.png", view.depth_HW)
    save_semantic(folder / "semantic.png", view.semantic_HW, scene.taxonomy)
    save_rgb(folder / "map.png", bev(scene, 2))
    save_rgb(folder / "model.png", oblique(scene, (480, 640)))
    stage = set_stage(scene, seed)
    for weather in ATTRIBUTES["weather"]:
        save_rgb(folder / f"{weather}.png", shade_stage(stage, camera, weather))
    write_glb(scene, folder / "scene.glb")
    images = [(name, folder / f"{name}.png") for name in (*ATTRIBUTES["weather"], "semantic", "model", "map")]
    page = write_page(folder, "Street", f"The street of seed {seed}", scene, images, {"seed": seed})
    print(f"open {page}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary), 0)
