"""What a generator's scenes score, printed whole: scores, floors, n, seeds, networks and versions.

Rules: a floor of real against real beside every distance, from scenes disjoint from the reference; the same n on
every side; several seeds, mean and spread. Shape legend: N scenes, D feature dimensions, K classes.
"""

import math
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from occforge.core.errors import InputError
from occforge.core.files import without_nan, write_json, write_text
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import Taxonomy
from occforge.metrics.features import SceneAutoencoder, scene_feature_D
from occforge.metrics.frechet import frechet_distance
from occforge.metrics.kernel import kernel_distance
from occforge.metrics.objects import ObjectStatistics, ObjectSummary, count_distance, size_distances_m3
from occforge.metrics.prompts import found, measurable
from occforge.metrics.shares import ClassShares, occupied_shares_K, share_distance

CLAIM_SCENES = 256
"""Fewest scenes on each side for a number to count as a claim."""

CLAIM_SEEDS = 3
"""Fewest seeds for a number to count as a claim."""


@dataclass(frozen=True)
class SceneSummary:
    """Everything that is kept of a set of scenes.

    `features_ND` is None without a feature network. `faithfulness`: attribute -> (found, asked) over prompted scenes.
    """

    n: int
    counts_K: NDArray[np.int64]
    objects: ObjectSummary
    features_ND: NDArray[np.float64] | None
    faithfulness: dict[str, tuple[int, int]]
    taxonomy: Taxonomy
    grid: GridSpec
    feature_network: str | None


class SceneStatistics:
    """Streams over scenes and keeps a few kilobytes of each: never the scenes."""

    def __init__(self, grid: GridSpec, taxonomy: Taxonomy, network: SceneAutoencoder | None = None) -> None:
        self.grid, self.taxonomy, self.network = grid, taxonomy, network
        self._shares = ClassShares(taxonomy)
        self._objects = ObjectStatistics(grid, taxonomy)
        self._feature_D: list[NDArray[np.float64]] = []
        self._faithfulness: dict[str, tuple[int, int]] = {}

    def add(self, scene: Scene, asked: dict[str, str] | None = None) -> None:
        """Count one scene; `asked` are the attributes its prompt named (those not visible in voxels are skipped)."""
        if scene.grid != self.grid:
            raise InputError(f"statistics: expected scenes on {self.grid}, got {scene.grid}")
        self._shares.add(scene)
        self._objects.add(scene)
        if self.network is not None:
            self._feature_D.append(scene_feature_D(self.network, scene))
        if asked:
            for name, is_found in found(measurable(asked), scene).items():
                hits, total = self._faithfulness.get(name, (0, 0))
                self._faithfulness[name] = (hits + is_found, total + 1)

    def result(self) -> SceneSummary:
        """Summary of everything added so far."""
        return SceneSummary(
            n=self._shares.scenes,
            counts_K=self._shares.counts_K.copy(),
            objects=self._objects.result(),
            features_ND=np.stack(self._feature_D) if self._feature_D else None,
            faithfulness=dict(self._faithfulness),
            taxonomy=self.taxonomy,
            grid=self.grid,
            feature_network=self.network.digest() if self.network is not None else None,
        )


@dataclass(frozen=True)
class Score:
    """One line of the table: `values` one for each seed; `floor` the same score of real against real."""

    name: str
    unit: str
    values: tuple[float, ...]
    floor: float | None
    mean: float
    spread: float
    better: str = "lower"


@dataclass(frozen=True)
class SceneReport:
    """Scores and what they were made of; `is_claim` says whether n and seeds suffice, `settings` is JSON-ready."""

    title: str
    n: int
    seeds: tuple[int, ...]
    scores: tuple[Score, ...]
    classes: dict[str, dict[str, float | None]]
    is_claim: bool
    settings: dict[str, Any] = field(default_factory=dict)

    def score(self, name: str) -> Score:
        """The line called `name`; raises `InputError` naming the lines if there is none."""
        for score in self.scores:
            if score.name == name:
                return score
        raise InputError(f"no score '{name}' in the report; scores: {', '.join(s.name for s in self.scores)}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; a number that does not exist (a share of nothing) is null."""
        value: dict[str, Any] = without_nan(asdict(self))
        return value

    def to_markdown(self) -> str:
        """The table with its floors, then one line for each class, then the settings."""
        seeds = ", ".join(map(str, self.seeds))
        lines = [
            f"### {self.title}",
            "",
            f"n = {self.n} on every side; seeds {seeds}; mean ± standard deviation over seeds."
            + ("" if self.is_claim else f" Not a claim: that takes n >= {CLAIM_SCENES} and {CLAIM_SEEDS} seeds."),
            "",
            "| Score | Unit | Generated | Real against real |",
            "|---|---|---|---|",
        ]
        for s in self.scores:
            lines.append(f"| {s.name} {_arrow(s)} | {s.unit} | {_with_spread(s)} | {_number(s.floor)} |")
        columns = list(next(iter(self.classes.values()))) if self.classes else []
        lines += ["", "| Class | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        for name, row in self.classes.items():
            lines.append(f"| {name} | " + " | ".join(_number(row[c]) for c in columns) + " |")
        lines += ["", *(f"- {key}: {value}" for key, value in self.settings.items())]
        return "\n".join(lines) + "\n"

    def save(self, folder: Path, name: str = "scenes") -> tuple[Path, Path]:
        """Write `name`.json and `name`.md into `folder`, each whole or not at all."""
        json_path, markdown_path = folder / f"{name}.json", folder / f"{name}.md"
        write_json(json_path, self.to_dict())
        write_text(markdown_path, self.to_markdown())
        return json_path, markdown_path


def scene_report(
    reference: SceneSummary,
    floor: SceneSummary,
    generated: dict[int, SceneSummary],
    title: str = "Scenes",
    kernel_subset: int = 100,
    kernel_subsets: int = 100,
    settings: dict[str, Any] | None = None,
) -> SceneReport:
    """Score generated scenes (seed -> summary) against `reference`, beside `floor`.

    `floor` are real scenes disjoint from `reference`: every distance is also measured from them. Raises `InputError`
    if n, grid, taxonomy or feature network differ between sides: then the numbers could not be compared.
    `settings` (split, command, device ...) is printed with the versions.
    """
    if not generated:
        raise InputError("report: expected the generated scenes of at least one seed, got none")
    sides = {"reference": reference, "floor": floor, **{f"seed {seed}": s for seed, s in generated.items()}}
    for name, side in sides.items():
        if side.n != reference.n:
            raise InputError(
                f"report: every side needs the same number of scenes; reference has {reference.n}, {name} {side.n}"
            )
        same = (side.grid, side.taxonomy.names, side.feature_network)
        if same != (reference.grid, reference.taxonomy.names, reference.feature_network):
            raise InputError(f"report: grid, taxonomy or feature network of {name} differ from the reference's")
    subset = min(kernel_subset, reference.n)
    if np.array_equal(reference.counts_K, floor.counts_K):
        raise InputError("report: floor and reference are the same scenes; the floor needs real scenes of its own")
    floor_values = _distances(floor, reference, subset, kernel_subsets)
    seed_values = [_distances(side, reference, subset, kernel_subsets) for side in generated.values()]
    scores = [
        _score(name, unit, [values[name, unit] for values in seed_values], floor_value)
        for (name, unit), floor_value in floor_values.items()
    ]
    scores += _faithfulness_scores(list(generated.values()))
    printed: dict[str, Any] = {
        "feature network": reference.feature_network or "none",
        "kernel": f"polynomial degree 3, {kernel_subsets} subsets of {subset}",
        "grid": f"{reference.grid.shape_XYZ} voxels of {reference.grid.voxel_m} m",
        "taxonomy": reference.taxonomy.name,
        **versions(),
        **(settings or {}),
    }
    seeds = tuple(generated)
    is_claim = reference.n >= CLAIM_SCENES and len(seeds) >= CLAIM_SEEDS
    classes = _class_rows(reference, list(generated.values()))
    return SceneReport(title, reference.n, seeds, tuple(scores), classes, is_claim, printed)


def side_by_side(reports: Mapping[str, SceneReport]) -> str:
    """Several generators in Markdown, a column each: scores, objects a scene of every thing class, shared settings.

    Raises `InputError` unless all were scored against the same reference with the same n and seeds.
    """
    first = next(iter(reports.values()))
    for name, report in reports.items():
        if _compared(report) != _compared(first):
            raise InputError(f"table: {name} has another n, other seeds or another reference; score all the same way")
    head = f"| {' | '.join(reports)} | real |"
    lines = [
        f"n = {first.n} on every side; seeds {', '.join(map(str, first.seeds))}; mean ± standard deviation over seeds."
        + ("" if first.is_claim else f" Not a claim: that takes n >= {CLAIM_SCENES} and {CLAIM_SEEDS} seeds."),
        "",
        f"| Score | Unit {head}",
        "|---|---|" + "---|" * (len(reports) + 1),
    ]
    for i, s in enumerate(first.scores):
        cells = [_with_spread(report.scores[i]) for report in reports.values()]
        lines.append(f"| {s.name} {_arrow(s)} | {s.unit} | {' | '.join(cells)} | {_number(s.floor)} |")
    lines += ["", f"| Objects a scene {head}", "|---|" + "---|" * (len(reports) + 1)]
    for name, row in first.classes.items():
        real = row["objects a scene, real"]
        if real is not None:
            cells = [_number(report.classes[name]["objects a scene, generated"]) for report in reports.values()]
            lines.append(f"| {name} | {' | '.join(cells)} | {_number(real)} |")
    shared = [k for k, v in first.settings.items() if all(r.settings.get(k) == v for r in reports.values())]
    lines += ["", *(f"- {key}: {first.settings[key]}" for key in shared)]
    return "\n".join(lines) + "\n"


def _compared(report: SceneReport) -> tuple[int, tuple[int, ...], list[str]]:
    # floors as text, for one can be nan
    return report.n, report.seeds, [f"{s.name}: {s.floor}" for s in report.scores]


def versions() -> dict[str, str]:
    """Versions that a number depends on, and the commit of the source where it lies in a git checkout."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "commit": _commit() or "unknown",
    }


def _commit() -> str | None:
    folder = Path(__file__).parent
    try:
        top = subprocess.run(
            ["git", "ls-files", "--error-unmatch", Path(__file__).name], cwd=folder, capture_output=True, timeout=10
        )
        if top.returncode:  # installed inside somebody else's checkout: its commit is not ours
            return None
        run = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() or None if run.returncode == 0 else None


def _distances(side: SceneSummary, reference: SceneSummary, subset: int, subsets: int) -> dict[tuple[str, str], float]:
    """(name, unit) -> distance of one set of scenes from the reference."""
    values: dict[tuple[str, str], float] = {}
    if side.features_ND is not None and reference.features_ND is not None:
        values["F3D", "1"] = frechet_distance(side.features_ND, reference.features_ND)
        values["K3D", "1e-3"] = 1e3 * kernel_distance(side.features_ND, reference.features_ND, subset, subsets).mean
    shares = share_distance(side.counts_K, reference.counts_K, reference.taxonomy.things)
    values["class shares, L1", "%"] = 100 * shares.all_classes
    values["class shares among things, L1", "%"] = 100 * shares.things
    values["object counts, relative L1", "%"] = 100 * count_distance(side.objects, reference.objects)
    sizes = np.array(list(size_distances_m3(side.objects, reference.objects).values()))
    sizes = sizes[~np.isnan(sizes)]
    values["object sizes, Wasserstein", "m³"] = float(sizes.mean()) if sizes.size else float("nan")
    values["salt", "% of thing voxels"] = 100 * side.objects.salt
    return values


def _score(name: str, unit: str, values: list[float], floor: float | None, better: str = "lower") -> Score:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Score(name, unit, tuple(values), floor, float(np.mean(values)), spread, better)


def _faithfulness_scores(sides: list[SceneSummary]) -> list[Score]:
    scores = []
    for name in sorted({name for side in sides for name in side.faithfulness}):
        counts = [side.faithfulness.get(name, (0, 0)) for side in sides]
        values = [100 * hits / asked if asked else float("nan") for hits, asked in counts]
        scores.append(_score(f"asked and found: {name}", f"% of {max(a for _, a in counts)}", values, None, "higher"))
    return scores


def _class_rows(reference: SceneSummary, sides: list[SceneSummary]) -> dict[str, dict[str, float | None]]:
    """For each class: shares in percent, and for things objects a scene and salt; generated are means over seeds."""
    real_K = occupied_shares_K(reference.counts_K)
    generated_K = np.mean([occupied_shares_K(side.counts_K) for side in sides], axis=0)
    rows: dict[str, dict[str, float | None]] = {}
    for k, name in enumerate(reference.taxonomy.names):
        if k == 0:
            continue
        real = reference.objects.classes.get(name)
        there = [side.objects.classes[name] for side in sides] if real else []
        salts = [c.salt for c in there if not math.isnan(c.salt)]
        rows[name] = {
            "share %, real": 100 * float(real_K[k]),
            "share %, generated": 100 * float(generated_K[k]),
            "objects a scene, real": real.per_scene if real else None,
            "objects a scene, generated": float(np.mean([c.per_scene for c in there])) if real else None,
            "salt, real": real.salt if real else None,
            "salt, generated": float(np.mean(salts)) if salts else None,
        }
    return rows


def _arrow(score: Score) -> str:
    return "↓" if score.better == "lower" else "↑"


def _with_spread(score: Score) -> str:
    return _number(score.mean) + (f" ± {_number(score.spread)}" if len(score.values) > 1 else "")


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4g}"
