"""What is kept of a set of scenes, as a file: enough for every score, without the scenes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from occforge.core.config import from_dict
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import Taxonomy
from occforge.core.tensors import load_tensors, save_tensors
from occforge.metrics.objects import ClassObjects, ObjectSummary
from occforge.metrics.report import SceneSummary

SIZES = "sizes_m3/"
"""Prefix of the tensors of object volumes, one a class."""


def save_summary(path: Path, summary: SceneSummary, notes: dict[str, Any]) -> None:
    """Write a summary with JSON-ready `notes` (what the scenes cost, versions ...), atomically."""
    objects = summary.objects
    tensors = {"counts": torch.from_numpy(summary.counts_K)}
    if summary.features_ND is not None:
        tensors["features"] = torch.from_numpy(summary.features_ND)
    tensors |= {SIZES + name: torch.from_numpy(c.size_M_m3) for name, c in objects.classes.items()}
    metadata = {
        "n": summary.n,
        "classes": {name: _without_sizes(c) for name, c in objects.classes.items()},
        "salt": _or_none(objects.salt),
        "faithfulness": summary.faithfulness,
        "taxonomy": json.loads(summary.taxonomy.to_json()),
        "grid": json.loads(json.dumps(asdict(summary.grid))),
        "feature_network": summary.feature_network,
        "notes": notes,
    }
    save_tensors(path, tensors, metadata)


def load_summary(path: Path) -> tuple[SceneSummary, dict[str, Any]]:
    """Inverse of `save_summary`; raises `InputError` for a file that is missing, corrupt or something else."""
    tensors, metadata = load_tensors(path)
    if "counts" not in tensors or not {"n", "classes", "salt", "taxonomy", "grid", "notes"} <= metadata.keys():
        raise InputError(f"{path}: expected a summary of scenes, got other tensors; give the file of a summary")
    classes = {
        name: ClassObjects(**{**fields, "salt": _or_nan(fields["salt"])}, size_M_m3=tensors[SIZES + name].numpy())
        for name, fields in metadata["classes"].items()
    }
    features = tensors.get("features")
    summary = SceneSummary(
        n=metadata["n"],
        counts_K=tensors["counts"].numpy(),
        objects=ObjectSummary(metadata["n"], classes, _or_nan(metadata["salt"])),
        features_ND=None if features is None else features.numpy(),
        faithfulness={name: (hits, asked) for name, (hits, asked) in metadata["faithfulness"].items()},
        taxonomy=Taxonomy.from_json(json.dumps(metadata["taxonomy"])),
        grid=from_dict(GridSpec, metadata["grid"], str(path)),
        feature_network=metadata["feature_network"],
    )
    return summary, metadata["notes"]


def _without_sizes(of_class: ClassObjects) -> dict[str, Any]:
    fields = {name: value for name, value in vars(of_class).items() if name != "size_M_m3"}
    return {**fields, "salt": _or_none(of_class.salt)}


def _or_none(value: float) -> float | None:
    """JSON has no nan."""
    return None if np.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
