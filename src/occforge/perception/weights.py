"""A trained perception network as one file: weights in half precision, configuration, grid, classes and image size."""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_state, load_tensors, save_tensors
from occforge.perception import published
from occforge.perception.network import PerceptionNetwork, build_network, network_module


@dataclass(frozen=True)
class Trained:
    """A network ready for use, and the size (H, W) of the pictures it was trained on."""

    network: PerceptionNetwork
    name: str
    size_HW: tuple[int, int]
    made_from: dict[str, Any]


def save_network(
    network: PerceptionNetwork,
    name: str,
    config: Any,
    size_HW: tuple[int, int],
    path: Path,
    made_from: dict[str, Any],
) -> None:
    """Write the network atomically; floats are kept in half precision."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    described = {
        "network": name,
        "config": asdict(config),
        "grid": asdict(network.grid),
        "taxonomy": network.taxonomy.to_json(),
        "size_HW": list(size_HW),
        "made_from": made_from,
    }
    save_tensors(path, half, described)


def load_network(path: Path) -> Trained:
    """Read what `save_network` wrote, or MonoScene's released street checkpoint (.ckpt), in evaluation mode.

    Raises `InputError` if it is missing, damaged or another.
    """
    if zipfile.is_zipfile(path):
        return Trained(published.load_released(path), "monoscene", published.SIZE_HW, {"released": path.name})
    tensors, metadata = load_tensors(path)
    missing = {"network", "config", "grid", "taxonomy", "size_HW"} - metadata.keys()
    if missing:
        raise InputError(f"{path} is no perception network (it lacks {', '.join(sorted(missing))}); give another file")
    name = metadata["network"]
    config = from_dict(network_module(name).Config, metadata["config"], str(path))
    grid = from_dict(GridSpec, metadata["grid"], str(path))
    network = build_network(name, config, grid, Taxonomy.from_json(metadata["taxonomy"]))
    load_state(network, {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, path)
    height, width = metadata["size_HW"]
    return Trained(network.eval(), name, (height, width), metadata.get("made_from", {}))
