"""`occforge dataset`: exit codes, lines, files."""

import json

import numpy as np
import pytest

from occforge.core.camera import street_camera
from occforge.core.grid import STREET_GRID, Scene
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data import semantic_kitti


@pytest.fixture
def tree(tmp_path):
    """One SemanticKITTI frame with a road and two cars."""
    labels = np.zeros(STREET_GRID.shape_XYZ, np.uint8)
    labels[:, :, 1] = SEMANTIC_KITTI.id_of("road")
    for x in (40, 90):
        labels[x : x + 20, 120:130, 2:9] = SEMANTIC_KITTI.id_of("car")
    scene, image = Scene(labels, STREET_GRID, SEMANTIC_KITTI), np.full((74, 244, 3), 90, np.uint8)
    root = tmp_path / "kitti"
    semantic_kitti.write_frame(root, "00", 0, scene, image, street_camera((74, 244)))
    semantic_kitti.write_poses(root / "dataset" / "sequences" / "00" / "poses.txt", np.eye(4)[None])
    return root


def test_check_of_a_clean_copy(occforge, tree, tmp_path):
    code, out, err = occforge("dataset", "check", "semantic_kitti", tree)
    assert (code, err) == (0, "") and "all well" in out and "train 1 of 3824" in out
    assert (tmp_path / "cwd" / "out" / "check-semantic_kitti.png").is_file()


def test_check_names_what_is_wrong(occforge, tree, tmp_path):
    label = next(tree.rglob("*.label"))
    label.write_bytes(label.read_bytes()[:-2])
    code, out, err = occforge("dataset", "check", "semantic_kitti", tree, "--out", tmp_path / "a.png")
    assert (code, err) == (1, "") and "Traceback" not in out
    first, *_, last = out.splitlines()
    assert str(label) in first and "truncated" in first and last.endswith("1 at fault")
    assert "picture: none" in out and not (tmp_path / "a.png").exists()


def test_stats_print_and_write(occforge, tree, tmp_path):
    code, out, err = occforge("dataset", "stats", "semantic_kitti", tree, "--json", tmp_path / "s.json")
    assert (code, err) == (0, "") and "semantic_kitti, train: 1 of 1 frames" in out
    value = json.loads((tmp_path / "s.json").read_text())
    road, car = STREET_GRID.shape_XYZ[0] * STREET_GRID.shape_XYZ[1], 2 * 20 * 10 * 7
    assert value["classes"]["car"]["F"] == pytest.approx(car / (car + road))
    assert value["imbalance"] == pytest.approx(road / car) and value["objects"]["car"]["per_scene"] == 2
    assert value["proposed_split"]["reasons"]["car"] == "countable, rare"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "kitti"), "no dataset 'kitti' to check; expected one of carla_sc, kitti360"),
        (("check", "occ3d", "nowhere"), "expected the folder of occ3d at nowhere"),
        (("check", "semantic_kitti", "--split", "dev"), "expected a split of train, val, test, got 'dev'"),
        (("stats", "kitti"), "no dataset 'kitti'; expected one of"),
        (("stats", "semantic_kitti", "--split", "test"), "test sequences 11-21 have no labels"),
        (("stats", "semantic_kitti", "--frames", "0"), "--frames: expected at least 1, got 0"),
        (("check", "semantic_kitti", "--fly"), "--fly"),
    ],
    ids=str,
)
def test_bad_arguments(occforge, tree, arguments, says):
    verb, name, *rest = arguments
    if not rest or rest[0].startswith("--"):
        rest = [tree, *rest]
    code, out, err = occforge("dataset", verb, name, *rest)
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and err.startswith("occforge: ") and says in err, err


@pytest.mark.real
def test_real_kitti_is_drawn_and_counted(occforge, real_tree, tmp_path):
    """The compact frames lack .bin, .occluded: named, and nothing else is; the rule finds the taxonomy's own split."""
    code, out, _ = occforge("dataset", "check", "semantic_kitti", real_tree, "--out", tmp_path / "real.png")
    lines = [line for line in out.splitlines() if "expected" in line]
    assert code == 1 and len(lines) == 8 and all(".bin: " in line or ".occluded: " in line for line in lines)
    assert (tmp_path / "real.png").stat().st_size > 100_000
    occforge("dataset", "stats", "semantic_kitti", real_tree, "--json", tmp_path / "s.json")
    proposed = json.loads((tmp_path / "s.json").read_text())["proposed_split"]["objects"]
    assert set(proposed) == {SEMANTIC_KITTI.names[k] for k in SEMANTIC_KITTI.objects}
