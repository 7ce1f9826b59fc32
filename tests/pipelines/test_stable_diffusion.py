"""With a Stable Diffusion folder: the commands, files and samplers of the small generator, stage I, stage II, video."""

import numpy as np
import pytest
import torch

from occforge.core.camera import drive_path, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, WorldViews
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.weights import load_generator, save_generator
from occforge.perception.weights import save_network
from occforge.pipelines.evaluate_pictures import occupancy_losses
from occforge.pipelines.text_to_pictures import asked_for, imagine, paint_scene
from occforge.train.joint import JointOptions, train_joint
from occforge.train.loop import LoopConfig
from occforge.train.painting import PaintingOptions, train_painting
from tiny_pictures import READER, tiny_generator, tiny_reader
from tiny_stable_diffusion import CONFIG, write_folder

LOOP = LoopConfig(steps=2, batch=2, lr=1e-2, warmup=1)
PAINTING = PaintingConfig(steps=2, perceive_every=1, guidance=2.0)
PATH = drive_path(street_camera(CONFIG.size_HW), 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("stable-diffusion")
    write_folder(path)
    return path


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    pairs = WorldPairs(0, 2, CONFIG.size_HW, factor=8, varied=1.0)
    return ViewCache(tmp_path_factory.mktemp("views"), WorldViews(pairs, frames=2))


@pytest.fixture(scope="module")
def trained(views, folder, tmp_path_factory):
    return train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path_factory.mktemp("trained"), folder)


@pytest.fixture(scope="module")
def generator(trained, folder):
    made = load_generator(trained, folder)
    for alignment in made.alignments.values():  # two steps move little
        torch.nn.init.normal_(alignment.zero.weight, std=0.3)
    return made


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_stage_one_repeats_and_leaves_the_folder_as_it_is(views, folder, trained, tmp_path):
    before = files_of(folder)
    again = train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path, folder)
    assert again.read_bytes() == trained.read_bytes() and files_of(folder) == before
    fresh = load_generator(trained, folder).state_dict()
    assert any(bool(fresh[name].any()) for name in fresh if name.endswith("zero.weight")), "it has learned something"
    with pytest.raises(InputError, match="give --stable-diffusion"):
        train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path / "none")


def test_stage_two_trains_what_was_added_and_perception(views, folder, trained, tmp_path):
    reader = tiny_reader(views.source.pairs.grid, CONFIG.size_HW)
    network = tmp_path / "monoscene.safetensors"
    save_network(reader.network, "monoscene", READER, CONFIG.size_HW, network, {})
    before = files_of(folder)
    pictures, perceived = train_joint(trained, network, views, JointOptions(), LOOP, tmp_path / "joint", folder)
    assert pictures.read_bytes() != trained.read_bytes() and perceived.read_bytes() != network.read_bytes()
    assert files_of(folder) == before
    with pytest.raises(InputError, match="this generator has no painter"):
        train_joint(trained, network, views, JointOptions(frozen=("painter",)), LOOP, tmp_path / "other", folder)
    small = tmp_path / "small.safetensors"
    save_generator(tiny_generator(views.source.pairs.grid, (16, 48)), small, {})
    with pytest.raises(InputError, match="give --image 16 48"):
        train_joint(small, network, views, JointOptions(), LOOP, tmp_path / "small")


def test_both_engines_and_a_video(generator, views):
    grid = views.source.pairs.grid
    scene = Scene(views[0].labels_XYZ, grid, views.source.pairs.taxonomy)
    asked = asked_for("street cars", {"weather": "fog"})
    one, two = (paint_scene(generator, scene, PATH, asked, 3, PAINTING) for _ in range(2))
    assert one.shape == (2, *CONFIG.size_HW, 3) and np.array_equal(one, two)
    other = Scene(views[1].labels_XYZ, grid, views.source.pairs.taxonomy)
    assert not np.array_equal(one, paint_scene(generator, other, PATH, asked, 3, PAINTING)), "occupancy is heard"
    made = imagine(generator, tiny_reader(grid, (16, 48)), PATH, asked, 3, PAINTING)  # which reads smaller pictures
    assert made.images_NHW3.shape == one.shape and made.scene.grid == grid
    with pytest.raises(InputError, match="cut would be"):
        paint_scene(generator, scene, PATH, asked_for("street cars in fog", {}), 3, PAINTING)


def test_its_use_of_occupancy_is_measured_as_any(generator, views):
    losses = occupancy_losses(generator, [views[0], views[1]], levels=2)
    assert not np.array_equal(losses["true"], losses["none"]) and not np.array_equal(losses["true"], losses["shuffled"])
