"""Where light comes from inside a room: panes of glass, lamps, and the open side behind the camera.

Shape legend: X, Y, Z voxels; L lights.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occforge.render.materials import FIRST_INDOOR, Kind

LIGHT_COLUMNS = 10
MOST_BOXES = 64


@njit(cache=True, nogil=True)
def _boxes(labels_XYZ: NDArray, kind_K: NDArray, wanted: int) -> NDArray:
    """Boxes (N, 6) in voxels, upper ends excluded, of the connected regions of a kind, in the order of their voxels."""
    X, Y, Z = labels_XYZ.shape
    done_XYZ = np.zeros((X, Y, Z), np.bool_)
    boxes = np.zeros((MOST_BOXES, 6))
    stack = np.zeros((4096, 3), np.int32)
    count = 0
    for x in range(X):
        for y in range(Y):
            for z in range(Z):
                if kind_K[labels_XYZ[x, y, z]] != wanted or done_XYZ[x, y, z] or count == MOST_BOXES:
                    continue
                box = boxes[count]
                box[0], box[1], box[2], box[3], box[4], box[5] = x, y, z, x + 1, y + 1, z + 1
                done_XYZ[x, y, z] = True
                stack[0, 0], stack[0, 1], stack[0, 2] = x, y, z
                top = 1
                while top > 0:
                    top -= 1
                    i, j, k = stack[top]
                    box[0], box[1], box[2] = min(box[0], i), min(box[1], j), min(box[2], k)
                    box[3], box[4], box[5] = max(box[3], i + 1), max(box[4], j + 1), max(box[5], k + 1)
                    for n in range(6):
                        a = i + (1 if n == 0 else -1 if n == 1 else 0)
                        b = j + (1 if n == 2 else -1 if n == 3 else 0)
                        c = k + (1 if n == 4 else -1 if n == 5 else 0)
                        if not (0 <= a < X and 0 <= b < Y and 0 <= c < Z) or done_XYZ[a, b, c]:
                            continue
                        if kind_K[labels_XYZ[a, b, c]] == wanted:
                            done_XYZ[a, b, c] = True
                            if top == len(stack):
                                stack = np.concatenate((stack, np.zeros_like(stack)))
                            stack[top, 0], stack[top, 1], stack[top, 2] = a, b, c
                            top += 1
                count += 1
    return boxes[:count]


def find_lights(
    labels_XYZ: NDArray[np.uint8],
    kind_K: NDArray[np.uint8],
    voxel_3: NDArray[np.float64],
    origin_3: NDArray[np.float64],
    low_3: NDArray[np.float64],
    high_3: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Lights (L, 10): centre and half extents in metres, direction that glass faces (0 for lamps), share of light.

    Panes of a window are one light each. A room goes on behind the camera, so its open near side sheds some of the
    windows' light; where no lamp is seen, one hangs below the middle of the ceiling. A scene whose classes are none
    of a room's has no light.
    """
    if kind_K.max() < FIRST_INDOOR:
        return np.zeros((0, LIGHT_COLUMNS))
    rows: list[tuple[float, ...]] = []
    middle = 0.5 * (low_3 + high_3)
    for kind in (Kind.GLASS, Kind.LAMP):
        boxes_N6 = _boxes(labels_XYZ, kind_K, int(kind))
        for box in boxes_N6:
            low, high = box[:3], box[3:]
            half_3, normal = 0.5 * (high - low) * voxel_3, np.zeros(3)
            if kind == Kind.GLASS:
                axis = int(np.argmin(half_3))
                normal[axis] = 1.0 if middle[axis] > 0.5 * (low + high)[axis] else -1.0
            share = 1.0 if kind == Kind.GLASS else 1.0 / max(1.0, 0.6 * len(boxes_N6))
            rows.append((*(origin_3 + 0.5 * (low + high) * voxel_3), *half_3, *normal, share))
    centre_3, half_3 = origin_3 + middle * voxel_3, 0.5 * (high_3 - low_3) * voxel_3
    low_x, height = origin_3[0] + low_3[0] * voxel_3[0], centre_3[2]
    rows.append((low_x, centre_3[1], height + 0.2, 0.01, 0.6 * half_3[1], 0.6, 1.0, 0.0, 0.0, 0.35))
    if not any(row[6:9] == (0.0, 0.0, 0.0) for row in rows):
        rows.append((centre_3[0], centre_3[1], height + half_3[2] - 0.35, 0.12, 0.12, 0.05, 0.0, 0.0, 0.0, 0.8))
    return np.array(rows)
