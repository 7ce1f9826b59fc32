"""Training of the frozen feature network that F3D and K3D use."""

from pathlib import Path

import torch

from occforge.core.grid import Scene
from occforge.core.tensors import load_tensors
from occforge.metrics.features import SceneAutoencoderConfig, build, save_features
from occforge.train.loop import LoopConfig, train
from occforge.train.scene_cache import SceneSource
from occforge.train.tasks import FeatureTask


def train_features(
    source: SceneSource, held_out: SceneSource, loop: LoopConfig, out: Path, config: SceneAutoencoderConfig
) -> Path:
    """Train on `source`, standardise on `held_out`, write `out`/features.safetensors and return its path."""
    torch.manual_seed(loop.seed)
    network = build(config, source.grid, source.taxonomy)
    final = train(FeatureTask(network, source), loop, out, {"network": "features", "source": source.identity})
    state, _ = load_tensors(final)
    network.load_state_dict(state)
    network.to("cpu").eval()
    scenes = (Scene(held_out.labels(i), held_out.grid, held_out.taxonomy) for i in range(len(held_out)))
    network.standardise(scenes)
    path = out / "features.safetensors"
    save_features(network, path)
    return path
