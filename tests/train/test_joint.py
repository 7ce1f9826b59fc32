"""Stage II: whose loss reaches whom, Eq. 1, and runs that repeat, resume and come back from files."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from occforge.core.errors import InputError
from occforge.core.grid import Scene
from occforge.data.pairs import WorldPairs
from occforge.data.views import ViewCache, WorldViews
from occforge.discrete.text import ATTRIBUTE_VALUES
from occforge.latent.alignment import AlignmentConfig
from occforge.latent.camera_encoding import CameraEncodingConfig
from occforge.latent.generator import GeneratorConfig, PictureGenerator, maps_of_rays, shares_of
from occforge.latent.objective import Diffusion
from occforge.latent.painter import PainterConfig
from occforge.latent.weights import load_generator, save_generator
from occforge.perception._image_encoder import ImageEncoderConfig
from occforge.perception.monoscene import Config, build
from occforge.perception.weights import load_network, save_network
from occforge.pipelines.text_to_pictures import known
from occforge.render.raycast import rays_of
from occforge.train.joint import JointOptions, JointTask, keep_statistics, share_drawn, train_joint
from occforge.train.loop import LoopConfig
from occforge.train.optim import split_parameters
from occforge.train.painting import PaintingOptions, drawn_batch

PAINTER = PainterConfig(
    widths=(8, 16), width=32, blocks=1, head=16, words=16, told=16, volume=4,
    alignment=AlignmentConfig(width=16, heads=2, state=4, patch=1),
)  # fmt: skip
CONFIG = GeneratorConfig(
    (16, 48),
    tuple(len(v) for v in ATTRIBUTE_VALUES.values()),
    PAINTER,
    CameraEncodingConfig(channels=4, depth=4, parameter_HW=(2, 4)),
    Diffusion(100),
    depths=16,
)
ENCODER = ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8), noise_level=True)
NETWORK = Config(image=ENCODER, lift_factor=1, columns=8, relation_prior=False, scales=(2, 4, 8))
LOOP = LoopConfig(steps=3, batch=2, lr=1e-3, warmup=1)
TOLD = JointOptions(painting=PaintingOptions(occupancy_dropout=0.0))


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    pairs = WorldPairs(0, 4, (16, 48), factor=8, varied=1.0)
    return ViewCache(tmp_path_factory.mktemp("views"), WorldViews(pairs, frames=2))


def networks(views):
    torch.manual_seed(0)
    pairs = views.source.pairs
    generator = PictureGenerator(CONFIG, pairs.grid, pairs.taxonomy)
    torch.nn.init.normal_(generator.painter.leave.weight, std=0.1)
    torch.nn.init.normal_(generator.painter.align.zero.weight)
    return generator, build(NETWORK, pairs.grid, pairs.taxonomy).train()


@pytest.fixture(scope="module")
def files(views, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    generator, perception = networks(views)
    save_generator(generator, folder / "pictures.safetensors", {})
    save_network(perception, "monoscene", NETWORK, (16, 48), folder / "monoscene.safetensors", {})
    return folder / "pictures.safetensors", folder / "monoscene.safetensors"


def what_is_read(task, slots):
    """Prediction of the first step, with the noise steps that perception and the generator have."""
    generator, options = task.generator, task.options
    drawn = drawn_batch(generator, task.views, options.painting, 0, range(slots), slots, 0)
    clean_B = [share_drawn(0, 0, slot) < options.clean for slot in range(slots)]
    y = torch.stack([drawn.y_0[b] if clean else drawn.y_t[b] for b, clean in enumerate(clean_B)])
    t_B = torch.tensor([0 if clean else int(drawn.t_B[b]) for b, clean in enumerate(clean_B)])
    return task.read(y, t_B, drawn.words_BLE, drawn.cameras), t_B, drawn


@pytest.mark.parametrize("reads", ["noisy", "estimate"])
def test_the_loss_is_both(views, reads):
    """L_LDM of each picture, and the perception network's loss of all of them together, as it learns alone."""
    generator, perception = networks(views)
    options, diffusion = replace(TOLD, reads=reads), generator.config.diffusion
    task = JointTask(generator, perception, views, options)
    keep_statistics(perception)
    found_B = task.losses(0, range(3), 3, 0)
    prediction, _, drawn = what_is_read(task, 3)
    level_B = (1.0 - diffusion.alpha_bar_T[drawn.t_B]).sqrt()
    share, maps = task.shown(prediction.logits_BKXYZ, drawn, level_B <= options.read_below)
    seen = generator.see(share, drawn.cameras, maps)
    output = generator.paint(drawn.y_t, drawn.t_B, drawn.words_BLE, drawn.cameras, seen)
    painted_B = diffusion.reconstruction_loss_B(output, drawn.y_0, drawn.noise, drawn.t_B)
    read = sum(perception.loss(prediction, drawn.labels_BXYZ, task.key_cameras(drawn.cameras, 2)).values())
    torch.testing.assert_close(found_B, painted_B + read, rtol=1e-4, atol=1e-5)


def test_of_a_mean_over_pictures_gradients_are_those_of_equation_1(views, monkeypatch):
    generator, perception = networks(views)
    task = JointTask(generator, perception, views, replace(TOLD, attached=False))
    keep_statistics(perception)

    def mean_over_pictures(prediction, target_BXYZ, _):
        return {"each": F.cross_entropy(prediction.logits_BKXYZ, target_BXYZ.long(), ignore_index=255)}

    monkeypatch.setattr(perception, "loss", mean_over_pictures)
    found = torch.autograd.grad(task.losses(0, range(4), 4, 0).mean(), [*perception.parameters()], allow_unused=True)
    prediction, t_B, drawn = what_is_read(task, 4)
    assert 0 < int((t_B == 0).sum()) < 4, "clean ones and noisy ones"
    weight_B = generator.config.diffusion.alpha_bar_T[t_B].sqrt().float()
    parts = [
        mean_over_pictures(prediction.mapped(lambda x, b=b: x[b : b + 1]), drawn.labels_BXYZ[b : b + 1], None)["each"]
        for b in range(4)
    ]
    expected = (weight_B * torch.stack(parts)).mean()
    for a, b in zip(found, torch.autograd.grad(expected, [*perception.parameters()], allow_unused=True), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_what_is_read_is_shown_where_drawing_reads(views, monkeypatch):
    """Above that noise level the generator is shown the true occupancy, by the same rays as in stage I."""
    generator, perception = networks(views)
    task = JointTask(generator, perception, views, TOLD)
    drawn = drawn_batch(generator, views, TOLD.painting, 0, range(3), 3, 0)
    logits = torch.randn(3, 20, *generator.grid.shape_XYZ)
    read, cast, scenes = logits.softmax(1), task.cast, []
    monkeypatch.setattr(task, "cast", lambda share, paths: scenes.append(len(paths)) or cast(share, paths))
    share, maps = task.shown(logits, drawn, torch.tensor([True, False, True]))
    assert scenes == [2], "no ray is cast through what is not shown"
    for b in (0, 2):
        assert torch.equal(share[b], read[b]) and torch.equal(maps[b], cast(read, drawn.paths)[b])
    assert torch.equal(share[1], shares_of(drawn.labels_BXYZ[1:2], 20)[0])
    assert torch.equal(maps[1], maps_of_rays(drawn.rays[1], 20))


def test_batch_norms_keep_their_statistics(views):
    generator, perception = networks(views)
    before = {name: value.clone() for name, value in perception.named_buffers()}
    task = JointTask(generator, perception, views, TOLD)
    task.module.train()
    task.losses(0, range(2), 2, 0)
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(value, before[name]) for name, value in perception.named_buffers())


def test_both_are_optimised_as_each_alone(views):
    generator, perception = networks(views)
    both = JointTask(generator, perception, views, TOLD).module
    alone = [split_parameters(network) for network in (generator, perception)]
    for kind, together in enumerate(split_parameters(both)):
        assert {id(p) for p in together} == {id(p) for split in alone for p in split[kind]}
    assert split_parameters(both)[0], "some are matrices"


@pytest.mark.parametrize("attached", [True, False])
def test_the_generator_sees_what_it_will_see_when_it_draws(views, attached):
    generator, perception = networks(views)
    task = JointTask(generator, perception, views, replace(TOLD, attached=attached))
    batch = drawn_batch(generator, views, TOLD.painting, 0, range(2), 2, 0)
    cameras = batch.cameras
    logits = torch.randn(2, 20, *generator.grid.shape_XYZ, requires_grad=True)
    share, maps = task.shown(logits, batch, torch.tensor([True, True]))
    seen = generator.see(share, cameras, maps)
    for b, path in enumerate(batch.paths):
        read = Scene(logits[b].argmax(0).to(torch.uint8).numpy(), generator.grid, generator.taxonomy)
        drawn = known(generator, logits[b : b + 1].softmax(1), rays_of(read, path), path)
        torch.testing.assert_close(seen.maps_BNMHW[b], drawn.maps_BNMHW[0], rtol=0.0, atol=0.0)
        torch.testing.assert_close(seen.volume_BNODHW[b], drawn.volume_BNODHW[0])
    assert seen.maps_BNMHW.requires_grad == attached
    if attached:
        (hard,) = torch.autograd.grad(seen.maps_BNMHW[..., ::2, ::2].sum(), logits, retain_graph=True)
        (soft,) = torch.autograd.grad(generator.see(logits.softmax(1), cameras).maps_BNMHW.sum(), logits)
        assert float(soft.abs().max()) > 0
        torch.testing.assert_close(hard, soft)


def test_pictures_reach_perception_only_where_attached(views, monkeypatch):
    for attached in (True, False):
        generator, perception = networks(views)
        task = JointTask(generator, perception, views, replace(TOLD, attached=attached))
        monkeypatch.setattr(perception, "loss", lambda p, *_: {"nothing": p.logits_BKXYZ.sum() * 0.0})
        task.losses(0, range(2), 2, 0).mean().backward()
        reached = max(float(p.grad.abs().max()) for p in perception.parameters() if p.grad is not None)
        assert (reached > 0) == attached


def test_frozen_parts_keep_their_weights(views, files, tmp_path):
    options = replace(TOLD, frozen=("painter", "words"))
    pictures, _ = train_joint(*files, views, options, LOOP, tmp_path)
    before, after = (load_generator(path).state_dict() for path in (files[0], pictures))
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"encoding"}


def test_a_run_repeats_resumes_and_leaves_usable_files(views, files, tmp_path, monkeypatch):
    whole = train_joint(*files, views, JointOptions(), LOOP, tmp_path / "whole")
    again = train_joint(*files, views, JointOptions(), LOOP, tmp_path / "again")
    real, calls = JointTask.losses, []

    def stops(self, *arguments):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(JointTask, "losses", stops)
    with pytest.raises(KeyboardInterrupt):
        train_joint(*files, views, JointOptions(), replace(LOOP, checkpoint_minutes=0.0), tmp_path / "broken")
    broken = train_joint(*files, views, JointOptions(), LOOP, tmp_path / "broken")
    for a, b, c in zip(whole, again, broken, strict=True):
        assert a.read_bytes() == b.read_bytes() == c.read_bytes()
    assert load_generator(whole[0]).grid == load_network(whole[1]).network.grid
    assert whole[0].read_bytes() != files[0].read_bytes() and whole[1].read_bytes() != files[1].read_bytes()


def test_perception_learns_at_the_size_that_it_reads(views, files, tmp_path):
    """Twice as many rows and columns as are painted, with cameras that see the same; the file keeps its size."""
    generator, perception = networks(views)
    save_network(perception, "monoscene", NETWORK, (32, 96), tmp_path / "monoscene.safetensors", {})
    _, read = train_joint(files[0], tmp_path / "monoscene.safetensors", views, JointOptions(), LOOP, tmp_path / "out")
    assert load_network(read).size_HW == (32, 96)
    task, drawn = JointTask(generator, perception, views, TOLD, (32, 96)), views_drawn(generator, views)
    cameras = task.key_cameras(drawn.cameras, drawn.y_0.shape[1])
    point_N3 = torch.tensor([[8.0, 1.0, -1.0], [20.0, -4.0, 0.5]])
    torch.testing.assert_close(cameras.project(point_N3)[0], 2.0 * drawn.cameras.project(point_N3)[0][::2])
    prediction = task.read(drawn.y_0, drawn.t_B, drawn.words_BLE, drawn.cameras)
    assert prediction.logits_BKXYZ.shape[2:] == generator.grid.shape_XYZ


def views_drawn(generator, views):
    """A batch of three, two frames each."""
    return drawn_batch(generator, views, TOLD.painting, 0, range(3), 3, 0)


def test_networks_of_two_worlds_are_refused(views):
    generator, perception = networks(views)
    perception.grid = perception.grid.pooled((2, 2, 2))
    with pytest.raises(InputError, match="two of one world"):
        JointTask(generator, perception, views, JointOptions())
