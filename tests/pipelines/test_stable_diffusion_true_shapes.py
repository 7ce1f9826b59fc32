"""Stable Diffusion 1.5's true shapes with random weights, the whole way: `make test-large`, gigabytes and minutes."""

import shutil

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import drive_path, street_camera
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, WorldViews
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.stable_diffusion import StableDiffusionConfig, StableDiffusionGenerator, open_folder
from occforge.latent.weights import load_generator
from occforge.pipelines.text_to_pictures import asked_for, imagine, paint_scene
from occforge.train.loop import LoopConfig
from occforge.train.painting import PaintingOptions, train_painting
from tiny_pictures import tiny_reader
from tiny_stable_diffusion import TRUE_SHAPES, write_folder

pytestmark = pytest.mark.large
CONFIG = StableDiffusionConfig()  # 192 x 512, Table I's streets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("true-shapes")
    write_folder(path, TRUE_SHAPES)
    yield path
    shutil.rmtree(path)  # four gigabytes


def digest_of(module):
    return [(float(p.double().sum()), float(p.double().square().sum())) for p in module.parameters()]


def test_load_freeze_train_sample_video_save_and_load(folder, tmp_path):
    pairs = WorldPairs(0, 1, CONFIG.size_HW)
    views = ViewCache(tmp_path / "views", WorldViews(pairs, frames=1))
    opened = open_folder(folder)
    counts = [sum(p.numel() for p in part.parameters()) for part in (opened.unet, opened.text_encoder, opened.vae)]
    assert counts == [859_520_964, 123_060_480, 83_653_863], "those of Stable Diffusion 1.5"

    fresh = StableDiffusionGenerator(opened, CONFIG, pairs.grid, pairs.taxonomy)
    assert not any(
        p.requires_grad for part in (opened.unet, opened.text_encoder, opened.vae) for p in part.parameters()
    )
    before = digest_of(opened.unet)
    cameras = CameraBatch.stack(list(views[0].cameras))
    y = torch.randn(1, 1, *fresh.picture_CHW, generator=torch.Generator().manual_seed(0))
    share = torch.nn.functional.one_hot(torch.from_numpy(views[0].labels_XYZ).long(), 20).movedim(-1, 0)[None].float()
    with torch.no_grad():
        words, t = fresh.words(["a street"]), torch.tensor([500])
        told = fresh.paint(y, t, words, cameras, fresh.see(share, cameras))
        assert torch.equal(told, fresh.paint(y, t, words, cameras, None)), "untouched at the start, bit for bit"
    assert digest_of(opened.unet) == before
    del fresh, opened

    loop = LoopConfig(steps=1, batch=1, lr=1e-3, warmup=1)
    path = train_painting(CONFIG, views, PaintingOptions(), loop, tmp_path / "run", folder)
    assert path.stat().st_size < 200e6, "what was added, not what the folder has"
    generator = load_generator(path, folder)
    assert any(bool(v.any()) for k, v in generator.state_dict().items() if k.endswith("zero.weight"))

    once = PaintingConfig(steps=1, perceive_every=1, guidance=1.0)
    video = drive_path(street_camera(CONFIG.size_HW), 4)
    asked = asked_for("street cars", {})
    scene = Scene(views[0].labels_XYZ, pairs.grid, pairs.taxonomy)
    painted = paint_scene(generator, scene, video, asked, 0, once)
    assert painted.shape == (4, *CONFIG.size_HW, 3) and np.ptp(painted) > 0
    made = imagine(generator, tiny_reader(pairs.grid, (64, 192)), drive_path(video.cameras[0], 1), asked, 0, once)
    assert made.images_NHW3.shape == (1, *CONFIG.size_HW, 3) and made.scene.grid == pairs.grid
