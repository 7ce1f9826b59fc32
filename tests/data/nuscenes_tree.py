"""A small nuScenes: tables, pictures and voxels of a few key frames, written as the dataset has them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from occforge.render.picture import save_rgb

SIZE_HW = (90, 160)
K_33 = [[126.6, 0.0, 81.6], [0.0, 126.6, 49.2], [0.0, 0.0, 1.0]]
LIDAR = {"rotation": [math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5)], "translation": [0.94, 0.0, 1.84]}
"""x right, y forward, z up on the roof: the ego frame turned by -90 degrees about the vertical."""
FRONT = {"rotation": [0.5, -0.5, 0.5, -0.5], "translation": [1.7, 0.0, 1.5]}
"""x right, y down, z forward."""


def tables(samples: dict[str, str], camera_ahead_m: float = 0.0) -> dict[str, list[dict[str, Any]]]:
    """Tables of samples {token: scene name}; at its picture the car, of yaw 0.6, is `camera_ahead_m` further on."""
    yaw = {"rotation": [math.cos(0.3), 0.0, 0.0, math.sin(0.3)]}
    there = [410.0 + camera_ahead_m * math.cos(0.6), 1180.0 + camera_ahead_m * math.sin(0.6), 0.0]
    names = sorted(set(samples.values()))
    sensors = {"CAM_FRONT": FRONT, "CAM_BACK": FRONT, "LIDAR_TOP": LIDAR}
    made: dict[str, list[dict[str, Any]]] = {
        "scene": [{"token": f"token-{name}", "name": name} for name in names],
        "sample": [{"token": token, "scene_token": f"token-{name}"} for token, name in samples.items()],
        "sensor": [{"token": channel.lower(), "channel": channel} for channel in sensors],
        "calibrated_sensor": [
            {
                "token": f"calibrated-{channel}",
                "sensor_token": channel.lower(),
                "camera_intrinsic": [] if channel == "LIDAR_TOP" else K_33,
                **pose,
            }
            for channel, pose in sensors.items()
        ],
        "sample_data": [],
        "ego_pose": [],
    }
    for token in samples:
        for channel in sensors:
            for key, suffix in ((True, ""), (False, "-sweep")):
                name = f"{channel}-{token}{suffix}"
                made["sample_data"].append(
                    {
                        "token": name,
                        "sample_token": token,
                        "ego_pose_token": f"pose-{name}",
                        "calibrated_sensor_token": f"calibrated-{channel}",
                        "is_key_frame": key,
                        "filename": f"samples/{channel}/{token}.png",
                        "height": 0 if channel == "LIDAR_TOP" else SIZE_HW[0],
                        "width": 0 if channel == "LIDAR_TOP" else SIZE_HW[1],
                    }
                )
                at = [410.0, 1180.0, 0.0] if channel == "LIDAR_TOP" else there
                made["ego_pose"].append({"token": f"pose-{name}", "translation": at, **yaw})
    return made


def write_nuscenes(base: Path, samples: dict[str, str], version: str = "v1.0-trainval", ahead_m: float = 0.0) -> None:
    """Tables and pictures of samples {token: scene name} under `base`."""
    (base / version).mkdir(parents=True)
    for name, records in tables(samples, ahead_m).items():
        (base / version / f"{name}.json").write_text(json.dumps(records, indent=0))
    for token in samples:
        for channel in ("CAM_FRONT", "CAM_BACK"):
            save_rgb(base / "samples" / channel / f"{token}.png", np.full((*SIZE_HW, 3), 100, np.uint8))


def write_occupancy(root: Path, token: str, scene: str, row_N4: np.ndarray) -> Path:
    """nuScenes-Occupancy's rows of a sample."""
    path = root / "nuScenes-Occupancy" / f"scene_token-{scene}" / "occupancy" / f"LIDAR_TOP-{token}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, row_N4)
    return path


def write_occ3d(root: Path, token: str, scene: str, **arrays: np.ndarray) -> Path:
    """Occ3D's archive of a sample; arrays not given are free and observed everywhere."""
    path = root / "gts" / scene / token / "labels.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (200, 200, 16)
    plain = {"semantics": 17, "mask_lidar": 1, "mask_camera": 1}
    np.savez_compressed(path, **{key: arrays.get(key, np.full(shape, value, np.uint8)) for key, value in plain.items()})
    return path
