"""A live viewer of one scene: a small web server on this machine, classes to switch on and off."""

import socket
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY
from occforge.render.mesh import greedy_quads


def _class_meshes(scene: Scene) -> list[tuple[int, NDArray[np.float32], NDArray[np.uint32]]]:
    """Per class that occurs: id, corners (P, 3) in metres and triangles (T, 3).

    Every class is meshed alone, so that switching one off uncovers closed surfaces and no holes.
    """
    meshes = []
    for k in range(1, scene.taxonomy.class_count):
        alone_XYZ = np.where(scene.labels_XYZ == k, scene.labels_XYZ, EMPTY)
        quads = greedy_quads(Scene(alone_XYZ, scene.grid, scene.taxonomy))
        if len(quads.label_N) == 0:
            continue
        point_P3 = scene.grid.metres_from_index(quads.corner_N43.reshape(-1, 3).astype(np.float64)).astype(np.float32)
        first_N1 = 4 * np.arange(len(quads.label_N))[:, None]
        triangle_T3 = (first_N1 + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3).astype(np.uint32)
        meshes.append((k, point_P3, triangle_T3))
    return meshes


def check_address(host: str, port: int) -> None:
    """Raise `InputError` unless a server can listen there; a port that is taken is not looked at."""
    if not 0 <= port <= 65535:
        raise InputError(f"--port: expected 0 to 65535, got {port}")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, 0), family=family).close()
    except OSError as error:
        raise InputError(f"--host: expected an address of this machine, got {host} ({error.strerror})") from error


def build_server(
    scene: Scene,
    images: Sequence[tuple[str, NDArray[np.uint8]]] = (),
    host: str = "127.0.0.1",
    port: int = 8080,
) -> Any:
    """Start a viser server that shows `scene` and return it at once; its `stop()` ends it.

    `images` are captions with colour pictures (H, W, 3) uint8. If `port` is taken, viser takes the next free one
    (`get_port()` tells). Raises `InputError` if viser is not installed.
    """
    try:
        import viser
    except ImportError as error:
        raise InputError("the viewer needs viser; install it with: pip install 'occforge[view]'") from error
    check_address(host, port)
    server = viser.ViserServer(host=host, port=port, label="OccForge", verbose=False)
    low, extent = np.asarray(scene.grid.origin_m), np.asarray(scene.grid.extent_m)
    centre = low + 0.5 * extent
    server.scene.set_up_direction("+z")
    server.initial_camera.position = tuple(centre + extent.max() * np.array([-0.85, -0.45, 0.75]))
    server.initial_camera.look_at = tuple(centre - np.array([0.0, 0.0, 0.3 * extent[2]]))
    counts = np.bincount(scene.labels_XYZ.ravel(), minlength=256)
    with server.gui.add_folder("Classes"):
        for k, point_P3, triangle_T3 in _class_meshes(scene):
            name = scene.taxonomy.names[k]
            mesh = server.scene.add_mesh_simple(
                f"/scene/{name}", point_P3, triangle_T3, color=scene.taxonomy.colors[k], flat_shading=True
            )
            box = server.gui.add_checkbox(f"{name} ({counts[k]:,})", True)
            box.on_update(_switch(mesh, box))
    if images:
        with server.gui.add_folder("Pictures"):
            for caption, image_HW3 in images:
                server.gui.add_image(image_HW3, label=caption)
    return server


def _switch(mesh: Any, box: Any) -> Any:
    """What happens when `box` is clicked: `mesh` follows it."""

    def follow(_: Any) -> None:
        mesh.visible = box.value

    return follow


def show(
    scene: Scene,
    images: Sequence[tuple[str, NDArray[np.uint8]]] = (),
    host: str = "127.0.0.1",
    port: int = 8080,
) -> None:
    """Show `scene` in the browser until interrupted (Ctrl-C); see `build_server`."""
    server = build_server(scene, images, host, port)
    print(f"Viewer: http://{server.get_host()}:{server.get_port()} (Ctrl-C ends it)")
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
