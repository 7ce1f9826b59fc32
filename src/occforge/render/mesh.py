"""The surface of a scene as a mesh with few faces, and its GLB and PLY files.

Faces between occupied and empty (or unknown, or outside) voxels are merged greedily: equal neighbours in a plane
become one rectangle.

Shape legend: X, Y, Z voxels; N rectangles; 4 their corners.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.core.files import atomic_path
from occforge.core.grid import Scene
from occforge.core.taxonomy import EMPTY, UNKNOWN

GLTF_FROM_GRID_33 = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
"""glTF has y up, z forward and x left: (x, y, z) of the grid becomes (y, z, x), a rotation."""


@dataclass(frozen=True)
class Quads:
    """Rectangles of the surface in voxel corners.

    `corner_N43` int16 lattice points, counter-clockwise seen from outside; `label_N` uint8 class of the voxels
    behind; `normal_N3` int8 outward.
    """

    corner_N43: NDArray[np.int16]
    label_N: NDArray[np.uint8]
    normal_N3: NDArray[np.int8]


@njit(cache=True, nogil=True)
def _solid(label: int) -> bool:
    return label != EMPTY and label != UNKNOWN


@njit(cache=True, nogil=True)
def _exposed(labels_XYZ: NDArray, x: int, y: int, z: int, axis: int, sign: int) -> int:
    """Label of the voxel's face on a side if that face can be seen, else 0."""
    label = labels_XYZ[x, y, z]
    if not _solid(label):
        return 0
    x, y, z = x + (sign if axis == 0 else 0), y + (sign if axis == 1 else 0), z + (sign if axis == 2 else 0)
    X, Y, Z = labels_XYZ.shape
    if 0 <= x < X and 0 <= y < Y and 0 <= z < Z and _solid(labels_XYZ[x, y, z]):
        return 0
    return label


@njit(cache=True, nogil=True)
def _merge(labels_XYZ: NDArray) -> tuple[NDArray, int]:
    """Rows (axis, sign, level along it, u, v, size along u, size along v, label) and how many of them count.

    u and v are the axes that follow `axis` cyclically. Loops, where slices would do, compile 5 seconds sooner.
    """
    shape = labels_XYZ.shape
    rows = np.empty((1024, 8), np.int16)
    count = 0
    for axis in range(3):
        ua, va = (axis + 1) % 3, (axis + 2) % 3
        U, V = shape[ua], shape[va]
        face_UV = np.zeros((U, V), np.uint8)
        for side in range(2):
            sign = 1 if side == 1 else -1
            for level in range(shape[axis]):
                some = False
                for u in range(U):
                    for v in range(V):
                        if axis == 0:
                            label = _exposed(labels_XYZ, level, u, v, axis, sign)
                        elif axis == 1:
                            label = _exposed(labels_XYZ, v, level, u, axis, sign)
                        else:
                            label = _exposed(labels_XYZ, u, v, level, axis, sign)
                        face_UV[u, v] = label
                        some = some or label != 0
                if not some:
                    continue
                for u in range(U):
                    v = 0
                    while v < V:
                        label = face_UV[u, v]
                        if label == 0:
                            v += 1
                            continue
                        size_v = 1
                        while v + size_v < V and face_UV[u, v + size_v] == label:
                            size_v += 1
                        size_u = 1
                        while u + size_u < U:
                            same = True
                            for i in range(size_v):
                                if face_UV[u + size_u, v + i] != label:
                                    same = False
                                    break
                            if not same:
                                break
                            size_u += 1
                        for i in range(size_u):
                            for j in range(size_v):
                                face_UV[u + i, v + j] = 0
                        if count == len(rows):
                            more = np.empty((2 * count, 8), np.int16)
                            for i in range(count):
                                for j in range(8):
                                    more[i, j] = rows[i, j]
                            rows = more
                        row = rows[count]
                        row[0], row[1], row[2], row[3] = axis, sign, level + side, u
                        row[4], row[5], row[6], row[7] = v, size_u, size_v, label
                        count += 1
                        v += size_v
    return rows, count


def greedy_quads(scene: Scene) -> Quads:
    """The exposed surface of all occupied voxels as merged rectangles, sorted by class."""
    rows, count = _merge(np.ascontiguousarray(scene.labels_XYZ))
    rows = rows[:count][np.argsort(rows[:count, 7], kind="stable")]
    axis_N, sign_N, level_N, u_N, v_N, size_u_N, size_v_N, label_N = rows.T
    corner_N43 = np.empty((count, 4, 3), np.int16)
    normal_N3 = np.zeros((count, 3), np.int8)
    each = np.arange(count)
    normal_N3[each, axis_N] = sign_N
    # Seen along a positive axis, (u, v) turns counter-clockwise; the other side is walked backwards.
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    order_N4 = np.where(sign_N[:, None] > 0, np.arange(4), np.arange(4)[::-1])
    for i in range(4):
        step_N2 = steps[order_N4[:, i]]
        corner_N43[each, i, axis_N] = level_N
        corner_N43[each, i, (axis_N + 1) % 3] = u_N + step_N2[:, 0] * size_u_N
        corner_N43[each, i, (axis_N + 2) % 3] = v_N + step_N2[:, 1] * size_v_N
    return Quads(corner_N43, label_N.astype(np.uint8), normal_N3)


def _indexed(corner_N43: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Distinct lattice points (P, 3) and the rectangles as indices into them (N, 4)."""
    point_P3 = corner_N43.reshape(-1, 3).astype(np.int64)
    key_P = (point_P3[:, 0] << 40) | (point_P3[:, 1] << 20) | point_P3[:, 2]
    _, first, inverse = np.unique(key_P, return_index=True, return_inverse=True)
    return corner_N43.reshape(-1, 3)[first], inverse.reshape(-1, 4)


def write_glb(scene: Scene, path: Path) -> None:
    """Write the surface as binary glTF 2.0: metres, y up, one primitive and material per class.

    Normals are left out: glTF then asks for flat shading, which is what cubes need, at a third of the size.
    """
    quads = greedy_quads(scene)
    views: list[dict[str, object]] = []
    accessors: list[dict[str, object]] = []
    primitives: list[dict[str, object]] = []
    materials: list[dict[str, object]] = []
    blob = bytearray()
    linear_K3 = (scene.taxonomy.palette_K3 / 255.0) ** 2.2

    def add(data: NDArray, target: int, kind: str, component: int) -> int:
        blob.extend(b"\0" * (-len(blob) % 4))
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": data.nbytes, "target": target})
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": component, "count": len(data), "type": kind}
            | ({"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()} if kind == "VEC3" else {})
        )
        blob.extend(data.tobytes())
        return len(accessors) - 1

    for k in np.unique(quads.label_N):
        point_P3, index_N4 = _indexed(quads.corner_N43[quads.label_N == k])
        position_P3 = scene.grid.metres_from_index(point_P3.astype(np.float64)) @ GLTF_FROM_GRID_33.T
        triangle_T3 = index_N4[:, [0, 1, 2, 0, 2, 3]].ravel()
        short = len(point_P3) < 65536
        position = add(position_P3.astype("<f4"), 34962, "VEC3", 5126)
        index = add(triangle_T3.astype("<u2" if short else "<u4"), 34963, "SCALAR", 5123 if short else 5125)
        primitives.append({"attributes": {"POSITION": position}, "indices": index, "material": len(materials)})
        red, green, blue = (round(float(c), 4) for c in linear_K3[k])
        materials.append(
            {
                "name": scene.taxonomy.names[k],
                "pbrMetallicRoughness": {
                    "baseColorFactor": [red, green, blue, 1.0],
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.9,
                },
            }
        )
    blob.extend(b"\0" * (-len(blob) % 4))
    content: dict[str, object] = {"asset": {"version": "2.0", "generator": "occforge"}, "scene": 0, "scenes": [{}]}
    if primitives:
        content |= {
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "name": "scene"}],
            "meshes": [{"primitives": primitives}],
            "materials": materials,
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(blob)}],
        }
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if blob:
        chunks += struct.pack("<II", len(blob), 0x004E4942) + bytes(blob)
    with atomic_path(path) as temporary:
        temporary.write_bytes(struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks)


def write_ply(scene: Scene, path: Path) -> None:
    """Write the surface as binary PLY in the grid frame (metres, z up): coloured vertices with class, quad faces."""
    quads = greedy_quads(scene)
    vertices, faces, offset = [], [], 0
    for k in np.unique(quads.label_N):
        point_P3, index_N4 = _indexed(quads.corner_N43[quads.label_N == k])
        vertex = np.empty(
            len(point_P3),
            [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"), ("label", "u1")],
        )
        vertex["x"], vertex["y"], vertex["z"] = scene.grid.metres_from_index(point_P3.astype(np.float64)).T
        vertex["red"], vertex["green"], vertex["blue"] = scene.taxonomy.palette_K3[k]
        vertex["label"] = k
        face = np.empty(len(index_N4), [("count", "u1"), ("index", "<i4", 4)])
        face["count"], face["index"] = 4, index_N4 + offset
        vertices.append(vertex)
        faces.append(face)
        offset += len(vertex)
    lines = ["ply", "format binary_little_endian 1.0", "comment occforge", f"element vertex {offset}"]
    lines += [f"property float {a}" for a in "xyz"] + [f"property uchar {a}" for a in ("red", "green", "blue", "label")]
    lines += [f"element face {len(quads.label_N)}", "property list uchar int vertex_indices", "end_header", ""]
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write("\n".join(lines).encode())
        for part in vertices + faces:
            stream.write(part.tobytes())
