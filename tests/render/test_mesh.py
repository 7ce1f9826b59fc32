"""Merged rectangles cover exactly the faces that can be seen; the files say the same to another reader."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from occforge.core.grid import Scene
from occforge.core.taxonomy import UNKNOWN
from occforge.render.mesh import greedy_quads, write_glb, write_ply


def exposed_faces(scene: Scene) -> set[tuple[int, ...]]:
    """(x, y, z, axis, sign, label) of every visible unit face, by looking at every neighbour."""
    labels_XYZ = scene.labels_XYZ
    solid_XYZ = np.pad((labels_XYZ != 0) & (labels_XYZ != UNKNOWN), 1)
    faces = set()
    for x, y, z in np.argwhere(solid_XYZ[1:-1, 1:-1, 1:-1]).tolist():
        for axis in range(3):
            for sign in (-1, 1):
                beside = [x + 1, y + 1, z + 1]
                beside[axis] += sign
                if not solid_XYZ[tuple(beside)]:
                    faces.add((x, y, z, axis, sign, int(labels_XYZ[x, y, z])))
    return faces


def covered_faces(scene: Scene) -> list[tuple[int, ...]]:
    quads = greedy_quads(scene)
    faces = []
    for corner_43, label, normal_3 in zip(quads.corner_N43, quads.label_N, quads.normal_N3, strict=True):
        axis = int(np.flatnonzero(normal_3)[0])
        sign = int(normal_3[axis])
        low_3, high_3 = corner_43.min(axis=0).astype(int), corner_43.max(axis=0).astype(int)
        if sign > 0:
            low_3[axis] -= 1
        else:
            high_3[axis] += 1
        for x in range(low_3[0], high_3[0]):
            for y in range(low_3[1], high_3[1]):
                for z in range(low_3[2], high_3[2]):
                    faces.append((x, y, z, axis, sign, int(label)))
    return faces


@pytest.mark.parametrize("name", ["scatter", "street"])
def test_rectangles_cover_every_exposed_face_once(name: str, request: pytest.FixtureRequest) -> None:
    scene = request.getfixturevalue(name)
    faces = covered_faces(scene)
    assert len(faces) == len(set(faces))
    assert set(faces) == exposed_faces(scene)


def test_corners_turn_counter_clockwise_seen_from_outside(scatter: Scene) -> None:
    quads = greedy_quads(scatter)
    corner_N43 = quads.corner_N43.astype(int)
    turn_N3 = np.cross(corner_N43[:, 1] - corner_N43[:, 0], corner_N43[:, 2] - corner_N43[:, 1])
    np.testing.assert_array_equal(np.sign(turn_N3), quads.normal_N3)


def test_merging_pays(street: Scene) -> None:
    assert len(greedy_quads(street).label_N) < 0.15 * len(exposed_faces(street))


def area_m2(scene: Scene) -> float:
    vx, vy, vz = scene.grid.voxel_m
    of_axis = (vy * vz, vz * vx, vx * vy)
    return sum(of_axis[face[3]] for face in exposed_faces(scene))


@pytest.mark.parametrize("name", ["scatter", "street"])
def test_glb_reads_back(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    scene = request.getfixturevalue(name)
    write_glb(scene, tmp_path / "scene.glb")
    loaded = trimesh.load(tmp_path / "scene.glb")
    occupied_N3 = np.argwhere((scene.labels_XYZ != 0) & (scene.labels_XYZ != UNKNOWN))
    low = scene.grid.metres_from_index(occupied_N3.min(axis=0)[None])[0]
    high = scene.grid.metres_from_index(occupied_N3.max(axis=0)[None] + 1)[0]
    # glTF: x left, y up, z forward.
    np.testing.assert_allclose(loaded.bounds, [low[[1, 2, 0]], high[[1, 2, 0]]], atol=1e-4)
    assert loaded.area == pytest.approx(area_m2(scene), rel=1e-4)
    classes = np.unique(scene.labels_XYZ[tuple(occupied_N3.T)])
    names = {part.visual.material.name for part in loaded.geometry.values()}
    assert names == {scene.taxonomy.names[k] for k in classes}
    for part in loaded.geometry.values():
        corners = part.triangles
        outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1])
        assert (np.abs(outward).max(axis=1) > 0).all()


def test_glb_keeps_handedness(scatter: Scene, tmp_path: Path) -> None:
    write_glb(scatter, tmp_path / "scene.glb")
    loaded = trimesh.load(tmp_path / "scene.glb").to_mesh()
    solid = (scatter.labels_XYZ != 0) & (scatter.labels_XYZ != UNKNOWN)
    assert loaded.volume == pytest.approx(solid.sum() * np.prod(scatter.grid.voxel_m), rel=1e-4)


def test_ply_reads_back(scatter: Scene, tmp_path: Path) -> None:
    write_ply(scatter, tmp_path / "scene.ply")
    loaded = trimesh.load(tmp_path / "scene.ply")
    assert loaded.area == pytest.approx(area_m2(scatter), rel=1e-4)
    colors = {tuple(color[:3]) for color in loaded.visual.vertex_colors.tolist()}
    solid = scatter.labels_XYZ[(scatter.labels_XYZ != 0) & (scatter.labels_XYZ != UNKNOWN)]
    assert colors == {scatter.taxonomy.colors[k] for k in np.unique(solid)}


def test_a_scene_without_voxels_gives_valid_files(scatter: Scene, tmp_path: Path) -> None:
    nothing = Scene(np.zeros_like(scatter.labels_XYZ), scatter.grid, scatter.taxonomy)
    write_glb(nothing, tmp_path / "none.glb")
    write_ply(nothing, tmp_path / "none.ply")
    assert (tmp_path / "none.glb").read_bytes()[:4] == b"glTF"
    assert len(greedy_quads(nothing).label_N) == 0
