"""Training of perception networks on a handful of tiny pairs: repeatable, resumable, from given weights."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from occforge.core.batch import CameraBatch
from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, Taxonomy
from occforge.core.tensors import load_tensors
from occforge.data.pairs import Pair, PairCache
from occforge.perception._image_encoder import RAY_CHANNELS, ImageEncoderConfig, open_efficientnet
from occforge.perception._prior import PlacePrior
from occforge.perception._sight import SightConfig
from occforge.perception.monoscene import Config, build
from occforge.perception.network import Hints, network_names, preset
from occforge.perception.weights import load_network
from occforge.train.loop import LoopConfig
from occforge.train.perception import (
    Beginning,
    PerceptionOptions,
    PerceptionTask,
    class_counts_XYZK,
    encoder_task,
    image_tensor,
    train_encoder,
    train_perception,
)
from occforge.train.perception import backbone as backbone_of
from tiny_efficientnet import save_efficientnet

ENCODER = ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8), noise_level=True)
CONFIG = Config(image=ENCODER, lift_factor=1, head_channels=4, position=True, frustums=2)
LOOP = LoopConfig(steps=4, batch=2, lr=1e-3, warmup=1)
OPTIONS = PerceptionOptions(noisy=0.3, estimated=0.3)

GRID = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))


@dataclass(frozen=True)
class Coloured:
    """Pictures of one colour, and a ground whose class is that colour."""

    grid: GridSpec = GRID
    taxonomy: Taxonomy = SEMANTIC_KITTI
    identity = "coloured"

    def __len__(self) -> int:
        return 6

    def pair(self, index: int) -> Pair:
        image = np.full((32, 48, 3), 40 * index, np.uint8)
        labels = np.zeros(self.grid.shape_XYZ, np.uint8)
        labels[:, :, 0], labels[:4] = 9 + index, 255
        depth, kind = np.full((32, 48), 9.0, np.float32), np.full((32, 48), 9 + index, np.uint8)
        return Pair(image, street_camera((32, 48)), labels, None, depth, kind)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return PairCache(tmp_path_factory.mktemp("pairs"), Coloured())


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory):
    return train_perception("monoscene", CONFIG, pairs, OPTIONS, LOOP, tmp_path_factory.mktemp("trained"))


def test_the_same_seed_gives_the_same_file_and_another_seed_another(pairs, trained, tmp_path):
    again = train_perception("monoscene", CONFIG, pairs, OPTIONS, LOOP, tmp_path / "again")
    assert again.read_bytes() == trained.read_bytes()
    other = train_perception("monoscene", CONFIG, pairs, OPTIONS, replace(LOOP, seed=1), tmp_path / "other")
    assert other.read_bytes() != trained.read_bytes()


def test_training_that_was_stopped_ends_as_the_unbroken_one(pairs, trained, tmp_path, monkeypatch):
    from occforge.train import perception

    real, calls = perception.PerceptionTask.losses, []

    def stops(self, *arguments):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(perception.PerceptionTask, "losses", stops)
    always = replace(LOOP, checkpoint_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        train_perception("monoscene", CONFIG, pairs, OPTIONS, always, tmp_path)
    assert train_perception("monoscene", CONFIG, pairs, OPTIONS, LOOP, tmp_path).read_bytes() == trained.read_bytes()
    assert len(calls) == 3 + 2


def test_training_goes_on_from_given_weights(pairs, trained, tmp_path):
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0, seed=5)
    path = train_perception("monoscene", CONFIG, pairs, OPTIONS, still, tmp_path / "still", Beginning(trained))
    before, after = (load_network(p).network for p in (trained, path))
    for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True):
        assert torch.equal(a, b), name
    moved = train_perception(
        "monoscene", CONFIG, pairs, OPTIONS, replace(LOOP, seed=5), tmp_path / "on", Beginning(trained)
    )
    fresh = train_perception("monoscene", CONFIG, pairs, OPTIONS, replace(LOOP, seed=5), tmp_path / "fresh")
    assert moved.read_bytes() != fresh.read_bytes()
    with pytest.raises(InputError, match="another configuration"):  # the start belongs to what a run is
        train_perception("monoscene", CONFIG, pairs, OPTIONS, replace(LOOP, seed=5), tmp_path / "on")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": replace(GRID, voxel_m=(1.6, 1.6, 0.8))}, "expected grid"),
        ({"taxonomy": replace(SEMANTIC_KITTI, names=("void", *SEMANTIC_KITTI.names[1:]))}, "expected classes"),
    ],
)
def test_weights_of_other_voxels_or_classes_are_refused(trained, tmp_path, change, message):
    pairs = PairCache(tmp_path / "pairs", replace(Coloured(), **change))
    with pytest.raises(InputError, match=message):
        train_perception("monoscene", CONFIG, pairs, OPTIONS, LOOP, tmp_path / "run", Beginning(trained))
    assert not (tmp_path / "run").exists()


def test_noise_reaches_the_network_and_the_file_says_what_it_was_made_from(pairs, tmp_path):
    clean = train_perception("monoscene", CONFIG, pairs, PerceptionOptions(), LOOP, tmp_path / "clean")
    noisy = train_perception("monoscene", CONFIG, pairs, PerceptionOptions(noisy=1.0), LOOP, tmp_path / "noisy")
    assert clean.read_bytes() != noisy.read_bytes()
    made_from = load_tensors(clean)[1]["made_from"]
    assert made_from == {"source": "coloured", "steps": 4}


def test_an_encoder_is_trained_alone_and_every_small_network_starts_with_it(pairs, tmp_path):
    small = preset("monoscene", "small")
    first = train_encoder(small, pairs, OPTIONS, LOOP, tmp_path / "encoder")
    assert train_encoder(small, pairs, OPTIONS, LOOP, tmp_path / "again").read_bytes() == first.read_bytes()
    given = backbone(load_tensors(first)[0])
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    for name in network_names():
        out = tmp_path / name
        path = train_perception(name, preset(name, "small"), pairs, OPTIONS, still, out, Beginning(encoder=first))
        own = backbone(load_network(path).network.state_dict())
        assert own.keys() == given.keys(), name
        for k, weight in given.items():  # those that see no details have no inputs for them
            assert torch.equal(own[k], weight[:, : own[k].shape[1]].float() if weight.ndim == 4 else weight.float()), (
                name
            )


def test_told_rays_an_encoder_goes_on_as_it_was_without_and_learns_from_them(pairs, tmp_path):
    small = preset("monoscene", "small")
    assert small.image.rays
    without = replace(small, image=replace(small.image, rays=False))
    path = train_encoder(without, pairs, OPTIONS, LOOP, tmp_path / "encoder")
    told, plain = (encoder_task(config, pairs, OPTIONS, path).network.eval() for config in (small, without))
    pair = pairs[0]
    image_B3HW, cameras = image_tensor(pair.image_HW3)[None], CameraBatch.stack([pair.camera])
    first = told(image_B3HW, cameras, Hints())
    torch.testing.assert_close(first, plain(image_B3HW, cameras, Hints()), rtol=1e-4, atol=1e-4)
    first.square().mean().backward()
    for step in told.image_encoder.up.values():
        assert bool(step.net[0].weight.grad[:, -RAY_CHANNELS:].abs().amax((0, 2, 3)).gt(0).all())


def backbone(state):
    """Weights of the stages of an image encoder, by their names within it; without what batch norms have seen."""
    found = {k.partition(".encoder.")[2]: v for k, v in state.items() if k.startswith("image_") and ".encoder." in k}
    return {k: v for k, v in found.items() if "running" not in k and "num_batches" not in k}


def test_an_encoder_of_other_widths_is_refused(pairs, trained, tmp_path):
    with pytest.raises(InputError, match=r"--encoder .*expected the network's backbone"):
        config = preset("monoscene", "small")
        train_perception("monoscene", config, pairs, OPTIONS, LOOP, tmp_path / "run", Beginning(encoder=trained))
    sighted = replace(CONFIG, sight=SightConfig(8), scales=(2, 4))
    train_perception("monoscene", sighted, pairs, OPTIONS, LOOP, tmp_path / "own", Beginning(encoder=trained))


def test_a_prior_begins_at_what_its_scenes_have_at_each_place(pairs, trained, tmp_path):
    config, still = replace(CONFIG, prior=True), replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    path = train_perception("monoscene", config, pairs, OPTIONS, still, tmp_path / "prior", Beginning(trained))
    network, plain = load_network(path).network, load_network(trained).network
    given = dict(network.named_parameters())
    assert all(torch.equal(value, given[name]) for name, value in plain.named_parameters())
    share = network.prior.log_share_KXYZ.exp()
    assert torch.allclose(share.sum(0), torch.ones(GRID.shape_XYZ), atol=2e-2)  # halves on disk
    assert float(share[0, 8, 8, 4]) > 0.95  # six scenes say empty
    assert (share[9:15, 8, 8, 0] > 0.1).all() and float(share[1, 8, 8, 0]) < 0.01  # a class each of six
    overall = share[:, 0, 0, 0]  # of a place that no scene knows
    counts = class_counts_XYZK(pairs).double().flatten(0, 2).sum(0)
    assert torch.allclose(overall.double(), (counts + 1) / (counts + 1).sum(), rtol=0.05, atol=1e-3)


def test_the_scenes_of_a_prior_may_be_others_than_those_trained_on(pairs, tmp_path):
    class Ground(Coloured):
        identity = "ground"

        def pair(self, index: int) -> Pair:
            pair = Coloured.pair(self, index)
            return Pair(pair.image_HW3, pair.camera, np.full(self.grid.shape_XYZ, 17, np.uint8))

    config, scenes = replace(CONFIG, prior=True), PairCache(tmp_path / "pairs", Ground())
    beginning = Beginning(scenes=scenes)
    path = train_perception("monoscene", config, pairs, OPTIONS, replace(LOOP, steps=1), tmp_path / "run", beginning)
    assert float(load_network(path).network.prior.log_share_KXYZ[17].exp().min()) > 0.9
    again = Beginning(path)  # whose scenes must not be those of the run that goes on from it
    on = train_perception("monoscene", config, pairs, OPTIONS, replace(LOOP, steps=1), tmp_path / "on", again)
    assert float(load_network(on).network.prior.log_share_KXYZ[17].exp().max()) < 0.1
    with pytest.raises(InputError, match="another configuration"):
        train_perception("monoscene", config, pairs, OPTIONS, replace(LOOP, steps=1), tmp_path / "run")


def test_a_prior_shifts_logits_by_its_strength():
    torch.manual_seed(0)
    prior, logits = PlacePrior(GRID, SEMANTIC_KITTI), torch.randn(2, 20, *GRID.shape_XYZ)
    assert torch.equal(prior(logits), logits)  # nothing counted yet
    counts = torch.zeros(*GRID.shape_XYZ, 20)
    counts[..., 3] = 7
    prior.count(counts)
    moved = prior(logits) - logits
    assert torch.allclose(moved[0], 0.5 * prior.log_share_KXYZ, atol=1e-5) and bool(
        (moved[:, 3] > moved[:, 4] + 1).all()
    )
    prior(logits).square().mean().backward()
    assert bool(prior.strength_K.grad.abs().gt(0).all())


def test_networks_are_told_the_depth_that_pairs_have(pairs, tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Deep(Coloured):
        identity = "deep"

        def pair(self, index: int) -> Pair:
            return replace(super().pair(index), depth_HW_m=np.full((32, 48), 5.0 + index, np.float32))

    network, told = build(CONFIG, GRID, SEMANTIC_KITTI), []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda *given: (told.append(given[2]), forward(*given))[1])
    for source in (PairCache(tmp_path, Deep()), pairs):
        PerceptionTask(network, source, PerceptionOptions()).losses(0, range(2), 2, 0)
    assert told[0].depth_BHW_m.shape == (2, 32, 48) and float(told[0].depth_BHW_m.min()) >= 5.0
    assert told[1].depth_BHW_m is None


def test_further_blocks_begin_as_nothing_and_learn(pairs, tmp_path):
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    plain = replace(CONFIG, columns=8)
    first = train_perception("monoscene", plain, pairs, OPTIONS, LOOP, tmp_path / "first")
    refined = replace(plain, image=replace(ENCODER, refine=(1, 2)), column_refine=1)
    outputs = []
    for name, config, loop in (("same", refined, still), ("on", refined, LOOP), ("plain", plain, still)):
        path = train_perception("monoscene", config, pairs, OPTIONS, loop, tmp_path / name, Beginning(first))
        state = load_network(path).network.state_dict()
        blocks = {k: v for k, v in state.items() if ".refine." in k and k.endswith("conv_2.weight")}
        assert len(blocks) == (0 if config == plain else 4)
        assert all(bool(v.any()) == (loop == LOOP) for v in blocks.values())
        outputs.append({k: v for k, v in state.items() if ".refine." not in k and "num_batches" not in k})
    assert all(torch.equal(outputs[0][k], outputs[2][k]) for k in outputs[2])


def test_details_begin_as_nothing_and_learn(pairs, tmp_path):
    """Told nothing of details at first, the backbone says of a picture what it said of the picture's half."""
    plain, finer = CONFIG, replace(CONFIG, image=replace(ENCODER, details=4), scales=(1, 2, 4, 8))
    start = train_perception("monoscene", plain, pairs, OPTIONS, LOOP, tmp_path / "plain")
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    path = train_perception("monoscene", finer, pairs, OPTIONS, still, tmp_path / "finer", Beginning(encoder=start))
    halves, wholes = load_network(start).network.image_encoder, load_network(path).network.image_encoder
    picture = torch.rand(1, 3, 32, 48)
    with torch.no_grad():  # a step of training moved the statistics of norms, and nothing else
        wholes.encoder.load_state_dict(halves.encoder.state_dict() | first_layer(wholes))
        image = (picture - wholes.mean) / wholes.std
        seen = torch.cat([F.avg_pool2d(image, 2), wholes.details(image)], 1)
        for scale, features in halves.encoder((F.avg_pool2d(picture, 2) - halves.mean) / halves.std)[0].items():
            torch.testing.assert_close(wholes.encoder(seen)[0][scale], features)
        assert wholes(picture)[1].shape == (1, 8, 16, 24)
    back = train_perception("monoscene", plain, pairs, OPTIONS, still, tmp_path / "back", Beginning(encoder=path))
    name = "image_encoder.encoder.stages.0.0.conv.weight"
    assert torch.equal(*(load_network(p).network.state_dict()[name] for p in (start, back)))
    moved = train_perception("monoscene", finer, pairs, OPTIONS, LOOP, tmp_path / "moved", Beginning(encoder=start))
    assert bool(load_network(moved).network.state_dict()[name][:, 3:].any())


def first_layer(encoder):
    name = "stages.0.0.conv.weight"
    return {name: encoder.encoder.state_dict()[name]}


def test_pictures_are_painted_at_half_the_size_for_networks_that_see_details(pairs):
    finer = build(replace(CONFIG, image=replace(ENCODER, details=4)), GRID, SEMANTIC_KITTI)
    picture, seed = torch.rand(3, 32, 48), torch.Generator().manual_seed
    for network, size in ((finer, (16, 24)), (build(CONFIG, GRID, SEMANTIC_KITTI), (32, 48))):
        sizes = []

        def change(image, level, generator, sizes=sizes):
            sizes.append((*image.shape[1:], level))
            return image

        task = PerceptionTask(network, pairs, OPTIONS)
        assert task.painted(change, picture, 0.3, seed(0)).shape == picture.shape and sizes == [(*size, 0.3)]


def test_what_reads_lines_of_sight_may_be_frozen(pairs, trained, tmp_path):
    config = replace(CONFIG, sight=SightConfig(8, 2, splat=True, taught="pixels"), scales=(2, 4))
    start = train_perception("monoscene", config, pairs, OPTIONS, LOOP, tmp_path / "start")
    frozen = PerceptionOptions(frozen="reading")
    path = train_perception("monoscene", config, pairs, frozen, LOOP, tmp_path / "frozen", Beginning(start))
    before, after = (load_network(p).network.state_dict() for p in (start, path))
    same = {k for k in before if torch.equal(before[k], after[k])}
    reading = {
        k for k in before if k.startswith(("image_encoder.", "sight.")) and not k.startswith("image_encoder.resize.4")
    }
    assert reading <= same and "image_encoder.resize.4.weight" not in same and "told.weight" not in same
    blind = build(CONFIG, GRID, SEMANTIC_KITTI)
    with pytest.raises(InputError, match="reads no lines of sight"):
        PerceptionTask(blind, pairs, frozen)


def test_every_network_begins_with_an_efficientnet_and_may_keep_it_frozen(pairs, tmp_path):
    folder = save_efficientnet(tmp_path / "efficientnet")
    given = {k: v.half().float() for k, v in open_efficientnet(folder).tensors.items() if v.is_floating_point()}

    def begun(name, out, frozen, start=None):
        config, options = preset(name, "small"), PerceptionOptions(frozen="backbone" if frozen else "nothing")
        path = train_perception(name, config, pairs, options, LOOP, tmp_path / out, Beginning(start, folder))
        return path, backbone_of(load_network(path).network).state_dict()

    for name in network_names():
        own = begun(name, name, frozen=True)[1]
        assert all(torch.equal(own[k], given[k]) for k in given), name
    free, moved = begun("monoscene", "free", frozen=False)
    norms = [k for k in given if k.endswith("running_mean")]
    assert not all(torch.equal(moved[k], given[k]) for k in norms), "statistics move"
    assert not all(torch.equal(moved[k], given[k]) for k in given.keys() - set(norms)), "weights move"
    on = begun("monoscene", "on", frozen=True, start=free)[1]
    assert all(torch.equal(on[k], moved[k]) for k in given), "a start that has the backbone keeps its own"


def test_a_start_with_another_encoder_gives_all_but_that(pairs, trained, tmp_path):
    folder = save_efficientnet(tmp_path / "efficientnet")
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    path = train_perception("monoscene", CONFIG, pairs, OPTIONS, still, tmp_path / "run", Beginning(trained, folder))
    before, after = (dict(load_network(p).network.named_parameters()) for p in (trained, path))
    rest = [k for k in before if not k.startswith("image_encoder.")]
    assert rest == [k for k in after if not k.startswith("image_encoder.")]
    assert all(torch.equal(before[k], after[k]) for k in rest)
    assert "image_encoder.encoder.model.embeddings.convolution.weight" in after
