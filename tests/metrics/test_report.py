import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.core.tensors import save_tensors
from occforge.metrics.features import SceneAutoencoderConfig, build
from occforge.metrics.report import SceneStatistics, scene_report, side_by_side
from occforge.metrics.summary_file import load_summary, save_summary


@pytest.fixture(scope="module")
def network(small_street):
    torch.manual_seed(0)
    return build(SceneAutoencoderConfig(), small_street(0).grid, SEMANTIC_KITTI).eval()


def summary(network, scenes, asked=None):
    statistics = SceneStatistics(network.grid, SEMANTIC_KITTI, network)
    for scene in scenes:
        statistics.add(scene, asked)
    return statistics.result()


@pytest.fixture(scope="module")
def sides(network, small_street):
    real, floor, good = (summary(network, (small_street(k + s) for s in range(12))) for k in (0, 100, 200))
    bad = summary(network, (small_street(300 + s, cars=False, wall_shift=6) for s in range(12)), {"persons": "many"})
    return real, floor, good, bad


def test_report_tells_good_from_bad(sides):
    real, floor, good, bad = sides
    report = scene_report(real, floor, {7: good, 8: good}, kernel_subset=8, kernel_subsets=10)
    worse = scene_report(real, floor, {7: bad}, kernel_subset=8, kernel_subsets=10)
    for name in ("F3D", "K3D", "class shares, L1", "object counts, relative L1"):
        assert report.score(name).mean < worse.score(name).mean
        assert report.score(name).floor == worse.score(name).floor
        assert report.score(name).spread == 0.0
    assert report.score("F3D").mean < 5 * report.score("F3D").floor
    assert worse.classes["car"]["objects a scene, generated"] == 0.0
    assert not report.is_claim and report.n == 12 and report.seeds == (7, 8)


def test_json_and_markdown_hold_what_the_numbers_were_made_of(sides, network, tmp_path):
    real, floor, good, _ = sides
    report = scene_report(
        real, floor, {1: good}, title="Toy", kernel_subset=8, kernel_subsets=5, settings={"split": "val"}
    )
    json_path, markdown_path = report.save(tmp_path)
    value = json.loads(json_path.read_text(), parse_constant=lambda text: pytest.fail(f"not JSON: {text}"))
    assert value["n"] == 12 and value["seeds"] == [1] and value["settings"]["split"] == "val"
    assert value["settings"]["feature network"] == network.digest()
    assert {"torch", "numpy", "python", "commit"} <= value["settings"].keys()
    assert all(score["floor"] is not None for score in value["scores"] if "Wasserstein" not in score["name"])
    text = markdown_path.read_text()
    assert "### Toy" in text and "| F3D ↓ |" in text and "Not a claim" in text and "nan" not in text


def test_generators_stand_side_by_side(sides):
    real, floor, good, bad = sides
    bad = replace(bad, faithfulness={})
    one, two = (scene_report(real, floor, {1: side}, kernel_subset=8, kernel_subsets=5) for side in (good, bad))
    table = side_by_side({"good": one, "bad": two})
    f3d = [f"{report.score('F3D').mean:.4g}" for report in (one, two)]
    assert f"| F3D ↓ | 1 | {f3d[0]} | {f3d[1]} | {one.score('F3D').floor:.4g} |" in table
    assert "| Objects a scene | good | bad | real |" in table and "Not a claim" in table
    assert f"- feature network: {one.settings['feature network']}\n" in table
    cars = [report.classes["car"] for report in (one, two)]
    real_cars, good_cars = cars[0]["objects a scene, real"], cars[0]["objects a scene, generated"]
    assert f"| car | {good_cars:.4g} | 0 | {real_cars:.4g} |" in table


def test_generators_scored_otherwise_are_not_put_side_by_side(sides):
    real, floor, good, bad = sides
    one = scene_report(real, floor, {1: good}, kernel_subset=8, kernel_subsets=5)
    others = [
        scene_report(real, floor, {2: bad}, kernel_subset=8, kernel_subsets=5),
        scene_report(floor, real, {1: bad}, kernel_subset=8, kernel_subsets=5),
    ]
    for other in others:
        with pytest.raises(InputError, match="score all the same way"):
            side_by_side({"one": one, "other": other})


def test_without_network_only_the_counts_are_scored(small_street):
    def counts(first):
        statistics = SceneStatistics(small_street(0).grid, SEMANTIC_KITTI)
        for seed in range(first, first + 3):
            statistics.add(small_street(seed))
        return statistics.result()

    report = scene_report(counts(0), counts(10), {0: counts(20)})
    assert "F3D" not in {score.name for score in report.scores}
    assert report.settings["feature network"] == "none"
    with pytest.raises(InputError, match="no score"):
        report.score("F3D")


def test_faithfulness_counts_only_what_voxels_show(network, small_street):
    statistics = SceneStatistics(network.grid, SEMANTIC_KITTI)
    for seed in range(4):
        statistics.add(small_street(seed, persons=False), {"persons": "none", "left": "buildings", "weather": "rain"})
        statistics.add(small_street(seed, persons=False), {"persons": "many"})
    result = statistics.result()
    assert result.faithfulness["persons"] == (4, 8)
    assert result.faithfulness["left"] == (4, 4)
    assert "weather" not in result.faithfulness


def test_sides_that_cannot_be_compared_are_refused(sides, network, small_street):
    real, floor, good, _ = sides
    few = summary(network, (small_street(s) for s in range(3)))
    with pytest.raises(InputError, match="same number of scenes"):
        scene_report(real, floor, {0: few})
    with pytest.raises(InputError, match="same scenes"):
        scene_report(real, real, {0: good})
    with pytest.raises(InputError, match="at least one seed"):
        scene_report(real, floor, {})
    statistics = SceneStatistics(network.grid, SEMANTIC_KITTI)
    for seed in range(12):
        statistics.add(small_street(seed))
    with pytest.raises(InputError, match="feature network"):
        scene_report(real, floor, {0: statistics.result()})
    coarse = Scene(np.zeros((32, 32, 8), np.uint8), network.grid.pooled((2, 2, 2)), SEMANTIC_KITTI)
    with pytest.raises(InputError, match="expected scenes on"):
        statistics.add(coarse)


def test_empty_scenes_score_without_failing(network):
    empty = Scene(np.zeros(network.grid.shape_XYZ, np.uint8), network.grid, SEMANTIC_KITTI)
    result = summary(network, [empty] * 3, {"layout": "straight", "parked": "none"})
    assert math.isnan(result.objects.salt) and result.counts_K[1:].sum() == 0
    assert result.faithfulness == {"layout": (0, 3), "parked": (3, 3)}


def test_summaries_come_back_from_files_as_they_were(sides, tmp_path):
    kept = [tmp_path / f"{i}.safetensors" for i in range(len(sides))]
    for path, side in zip(kept, sides, strict=True):
        save_summary(path, side, {"seconds": 1.5})
    read = [load_summary(path) for path in kept]
    assert all(notes == {"seconds": 1.5} for _, notes in read)
    real, floor, _, bad = sides
    wanted = scene_report(real, floor, {7: bad}, kernel_subset=8, kernel_subsets=10).to_dict()
    real, floor, _, bad = (summary for summary, _ in read)
    assert scene_report(real, floor, {7: bad}, kernel_subset=8, kernel_subsets=10).to_dict() == wanted
    save_summary(tmp_path / "again", bad, {"seconds": 1.5})
    assert (tmp_path / "again").read_bytes() == kept[3].read_bytes()
    save_tensors(tmp_path / "other", {"x": torch.zeros(1)}, {})
    with pytest.raises(InputError, match="expected a summary of scenes"):
        load_summary(tmp_path / "other")
