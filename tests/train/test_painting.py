"""Training of the picture generator: what pictures are told, and that runs repeat, resume and come back from a file."""

from dataclasses import replace

import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.tensors import save_tensors
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, WorldViews
from occforge.discrete.text import ATTRIBUTE_VALUES, request_BA
from occforge.latent.alignment import AlignmentConfig
from occforge.latent.camera_encoding import CameraEncodingConfig
from occforge.latent.generator import GeneratorConfig, PictureGenerator, kept_where, maps_of_rays
from occforge.latent.objective import Diffusion
from occforge.latent.painter import PainterConfig
from occforge.latent.weights import load_generator
from occforge.train.loop import LoopConfig
from occforge.train.painting import PaintingOptions, PaintingTask, train_painting

PAINTER = PainterConfig(
    widths=(8, 16), width=32, blocks=1, head=16, words=16, told=16, volume=4,
    alignment=AlignmentConfig(width=16, heads=2, state=4, patch=1),
)  # fmt: skip
CONFIG = GeneratorConfig(
    size_HW=(16, 48),
    counts=tuple(len(v) for v in ATTRIBUTE_VALUES.values()),
    painter=PAINTER,
    encoding=CameraEncodingConfig(channels=4, depth=4, parameter_HW=(2, 4)),
    diffusion=Diffusion(100),
    depths=16,
)
LOOP = LoopConfig(steps=3, batch=2, lr=1e-3, warmup=1)


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    pairs = WorldPairs(0, 4, (16, 48), factor=16, varied=1.0)
    return ViewCache(tmp_path_factory.mktemp("views"), WorldViews(pairs, frames=2))


@pytest.fixture(scope="module")
def trained(views, tmp_path_factory):
    return train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path_factory.mktemp("trained"))


def make(views) -> PictureGenerator:
    torch.manual_seed(0)
    generator = PictureGenerator(CONFIG, views.source.pairs.grid, views.source.pairs.taxonomy)
    torch.nn.init.normal_(generator.painter.leave.weight, std=0.1)
    torch.nn.init.normal_(generator.painter.align.zero.weight)
    return generator


def test_every_parameter_learns(views):
    generator = make(views)
    PaintingTask(generator, views, PaintingOptions(0.0, 0.0, 0.0)).losses(0, range(4), 4, 0).mean().backward()
    silent = [n for n, p in generator.named_parameters() if p.grad is None or not float(p.grad.abs().max()) > 0]
    assert not silent


def test_losses_belong_to_their_slots(views):
    """Two processes that share a batch compute what one would."""
    task = PaintingTask(make(views), views, PaintingOptions())
    whole = task.losses(5, range(4), 4, 0)
    parts = torch.cat([task.losses(5, range(2), 4, 0), task.losses(5, range(2, 4), 4, 0)])
    assert torch.allclose(whole, parts, rtol=1e-4)


def test_without_occupancy_and_request_the_street_is_not_told(views):
    """Dropped, two streets with one picture and one camera cost the same."""
    generator = make(views)
    blind = PaintingTask(generator, views, PaintingOptions(request_dropout=1.0, occupancy_dropout=1.0))
    told = PaintingTask(generator, views, PaintingOptions(request_dropout=0.0, occupancy_dropout=0.0))
    one, two = views[0], views[1]

    class Two:
        def __init__(self, other):
            self.other = other

        def __len__(self):
            return 4

        def __getitem__(self, _):
            return replace(self.other, images_NHW3=one.images_NHW3, cameras=one.cameras)

    for task, same in ((blind, True), (told, False)):
        costs = []
        for shown in (one, two):
            task.views = Two(shown)
            costs.append(task.losses(0, range(2), 2, 0).detach())
        assert torch.equal(*costs) == same


def test_maps_of_a_ray_caster_are_those_of_soft_rays_where_all_is_certain(views):
    generator, shown = make(views), views[0]
    classes = generator.taxonomy.class_count
    hard = maps_of_rays(shown.coarse, classes)
    share = torch.nn.functional.one_hot(torch.from_numpy(shown.labels_XYZ).long(), classes).movedim(-1, 0).float()
    seen = generator.see(share[None], CameraBatch.stack(shown.cameras))
    soft = torch.nn.functional.interpolate(seen.maps_BNMHW[0], hard.shape[-2:], mode="nearest-exact")
    assert soft.shape == hard.shape
    assert float((hard[:, :20].argmax(1) == soft[:, :20].argmax(1)).float().mean()) > 0.7
    assert torch.allclose(hard[:, :20].sum(1), torch.ones(2, 16, 48))
    assert torch.allclose(hard[:, 23], shown.coarse.voxel_m * (hard[:, 24] > 0))
    hit = (hard[:, 23] > 0) & (soft[:, 24] > 0.05)
    assert torch.equal(hard[:, 20:23].abs().sum(1)[hit], torch.ones(int(hit.sum())))


def test_nothing_seen_is_what_dropped_occupancy_is(views):
    generator, shown = make(views), views[0]
    share = torch.rand(1, 20, *generator.grid.shape_XYZ)
    dropped = kept_where(generator.see(share, CameraBatch.stack(shown.cameras)), torch.tensor([False]))
    nothing = generator.nothing_seen(1, 2)
    assert torch.equal(dropped.maps_BNMHW, nothing.maps_BNMHW)
    assert torch.equal(dropped.volume_BNODHW, nothing.volume_BNODHW)


def test_runs_repeat_and_resume(views, trained, tmp_path, monkeypatch):
    again = train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path / "again")
    assert again.read_bytes() == trained.read_bytes()
    real, calls = PaintingTask.losses, []

    def stops(self, *arguments):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(PaintingTask, "losses", stops)
    always = replace(LOOP, checkpoint_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        train_painting(CONFIG, views, PaintingOptions(), always, tmp_path / "stopped")
    resumed = train_painting(CONFIG, views, PaintingOptions(), LOOP, tmp_path / "stopped")
    assert resumed.read_bytes() == trained.read_bytes() and len(calls) == 4


def test_a_generator_comes_back_from_its_file(views, trained, tmp_path):
    generator = load_generator(trained)
    assert generator.config == CONFIG and generator.grid == views.source.pairs.grid and not generator.training
    shown, y = views[0], torch.randn(1, 2, 3, 16, 48)
    words = generator.words(request_BA([shown.attributes]))
    said = generator.paint(y, torch.tensor([50]), words, CameraBatch.stack(shown.cameras), generator.nothing_seen(1, 2))
    assert said.shape == y.shape and bool(torch.isfinite(said).all())
    save_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(InputError, match="is no picture generator"):
        load_generator(tmp_path / "other.safetensors")


def test_training_goes_on_from_a_file_of_the_same_settings(views, trained, tmp_path):
    no_steps = replace(LOOP, lr=0.0, muon_lr=0.0)
    same = train_painting(CONFIG, views, PaintingOptions(), no_steps, tmp_path / "same", start=trained)
    one, two = (load_generator(path).state_dict() for path in (trained, same))
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)
    other = replace(CONFIG, depths=8)
    with pytest.raises(InputError, match="got another; train with"):
        train_painting(other, views, PaintingOptions(), LOOP, tmp_path / "other", start=trained)
    with pytest.raises(InputError, match="differs in start"):
        train_painting(CONFIG, views, PaintingOptions(), no_steps, tmp_path / "same")


def test_parts_that_do_not_fit():
    with pytest.raises(InputError, match="a volume of 4 channels, the camera encoding gives 8"):
        replace(CONFIG, encoding=CameraEncodingConfig(channels=8))
    pairs = WorldPairs(0, 1)
    with pytest.raises(InputError, match="the painter expects 9"):
        PictureGenerator(replace(CONFIG, painter=replace(PAINTER, maps=9)), pairs.grid, pairs.taxonomy)
