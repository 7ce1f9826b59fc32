"""Datasets: one reader and writer per layout, the procedural world, and its export into those layouts."""

from occforge.data.dataset import Sample, SceneDataset, open_dataset

__all__ = ["Sample", "SceneDataset", "open_dataset"]
