"""A readout of a trained network on a handful of tiny pairs: it learns, the network stays, places are kept apart."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import street_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI, Taxonomy
from occforge.data.pairs import JoinedPairs, Pair, PairCache, WorldPairs
from occforge.metrics.iou import iou_scores
from occforge.perception._image_encoder import ImageEncoderConfig
from occforge.perception._readout import Readout, ReadoutConfig
from occforge.perception._sight import SightConfig
from occforge.perception.monoscene import Config, build
from occforge.perception.network import Hints, build_network, preset
from occforge.perception.weights import load_network, save_network
from occforge.train import readout as training
from occforge.train.loop import LoopConfig
from occforge.train.perception import image_tensor
from occforge.train.readout import tell_frames, train_readout
from tiny_efficientnet import save_efficientnet

ENCODER = ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8), noise_level=True)
SIGHT = SightConfig(8, 2, splat=True, taught="pixels")
CONFIG = Config(image=ENCODER, scales=(2, 4), sight=SIGHT, lift_factor=1, head_channels=4, frustums=2)
GRID = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))
LOOP = LoopConfig(steps=200, batch=2, lr=2e-2, warmup=5, optimizer="adamw", ema=0.9)


@dataclass(frozen=True)
class Coloured:
    """Pictures of one colour, and a ground whose class is that colour; two of each place."""

    grid: GridSpec = GRID
    taxonomy: Taxonomy = SEMANTIC_KITTI
    first: int = 0
    identity = "coloured places"

    def __len__(self) -> int:
        return 6

    def place(self, index: int) -> str:
        return f"{index // 2}"

    def pair(self, index: int) -> Pair:
        image = np.full((32, 48, 3), 40 * index, np.uint8)
        labels = np.zeros(self.grid.shape_XYZ, np.uint8)
        labels[:, :, 0], labels[:4] = 9 + (index + self.first) % 3, 255
        return Pair(image, street_camera((32, 48)), labels)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return PairCache(tmp_path_factory.mktemp("pairs"), Coloured())


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("base") / "monoscene.safetensors"
    save_network(build(CONFIG, GRID, SEMANTIC_KITTI), "monoscene", CONFIG, (32, 48), path, {})
    return path


@pytest.fixture(scope="module")
def trained(pairs, base, tmp_path_factory):
    return train_readout(tell_frames(base, pairs), LOOP, tmp_path_factory.mktemp("trained"))


def predict(path, pair):
    network, cameras = load_network(path).network, CameraBatch.stack([pair.camera])
    with torch.no_grad():
        return network(image_tensor(pair.image_HW3)[None], cameras, Hints()).logits_BKXYZ[0]


def test_it_learns_and_the_network_stays_as_it_is(pairs, base, trained):
    before, after = (load_network(p).network.state_dict() for p in (base, trained))
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(k.startswith("readout.") for k in after.keys() - before.keys())

    def score(path):
        confusion = np.zeros((20, 20), int)
        for i in range(len(pairs)):
            truth, found = pairs[i].labels_XYZ, predict(path, pairs[i]).argmax(0).numpy()
            np.add.at(confusion, (truth[truth != 255], found[truth != 255]), 1)
        return iou_scores(confusion, "skip").completion_iou

    assert score(trained) > max(0.95, score(base) + 0.3)


def test_a_seed_gives_its_file_and_an_interrupted_run_goes_on(pairs, base, trained, tmp_path, monkeypatch):
    def bytes_of(path):
        return path.read_bytes()

    assert bytes_of(train_readout(tell_frames(base, pairs), LOOP, tmp_path / "again")) == bytes_of(trained)
    other = train_readout(tell_frames(base, pairs), replace(LOOP, seed=1), tmp_path / "other")
    assert bytes_of(other) != bytes_of(trained)
    learn, calls = training.ReadoutTask.losses, []

    def cut(self, *arguments):
        calls.append(1)
        if len(calls) == 100:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    always = replace(LOOP, checkpoint_minutes=0.0)
    monkeypatch.setattr(training.ReadoutTask, "losses", cut)
    with pytest.raises(KeyboardInterrupt):
        train_readout(tell_frames(base, pairs), always, tmp_path / "cut")
    assert bytes_of(train_readout(tell_frames(base, pairs), always, tmp_path / "cut")) == bytes_of(trained)
    assert len(calls) - 100 < LOOP.steps - 90


def test_frames_are_not_told_what_their_own_place_has(pairs, base, tmp_path):
    """What the prior tells of a voxel is counted without the frame's place, and at the end with all."""
    config = replace(CONFIG, readout=ReadoutConfig(4))
    network = build(config, GRID, SEMANTIC_KITTI).eval()
    readout = network.readout
    inputs, labels = training.told(network, pairs)
    shares = inputs[:, readout.plain - 20 : readout.plain].float().unflatten(0, (6, -1))
    there = labels.unflatten(0, (6, -1)) > 0
    ground = shares[:, there[0]].mean(1)  # of each frame, over voxels of ground
    # the ground of frames 0 to 5 is 9 10, 11 9, 10 11: a place's two classes are a quarter of the others' each, the
    # third is half of them
    for frame, absent in ((0, 11), (1, 11), (2, 10), (3, 10), (4, 9), (5, 9)):
        assert int(ground[frame].argmax()) == absent
    everywhere = readout.prior.log_share_KXYZ[9:12, 8, 8, 0]
    torch.testing.assert_close(everywhere, everywhere.mean().expand(3))


def test_frames_of_one_place_say_nothing_of_others(base, tmp_path):
    """What places have is then neither told in training nor later."""

    @dataclass(frozen=True)
    class OnePlace(Coloured):
        identity = "one place"

        def place(self, index: int) -> str:
            return "here"

    frames = tell_frames(base, PairCache(tmp_path / "cache", OnePlace()))
    share_KN = frames.network.readout.prior.log_share_KXYZ.flatten(1)
    torch.testing.assert_close(share_KN, share_KN[:1, :1].expand_as(share_KN))


def test_where_no_frame_knows_anything_the_network_keeps_its_answer(pairs, base, trained):
    own, read = (predict(path, pairs[0]) for path in (base, trained))
    assert torch.equal(own[:, :4], read[:, :4]), "all frames have 255 there"
    assert not torch.equal(own[:, 4:].argmax(0), read[:, 4:].argmax(0))


def test_occupied_above_the_threshold_and_then_the_likeliest_class(pairs):
    torch.manual_seed(0)
    for threshold in (0.2, 0.4, 0.7):
        readout = Readout(ReadoutConfig(8, threshold), 5, GRID, SEMANTIC_KITTI).eval()
        readout.spread_F.fill_(0.05)
        said, image = torch.randn(2, 5, 2048), torch.rand(2, 3, 32, 48)
        cameras = CameraBatch.stack([street_camera((32, 48))] * 2)
        with torch.no_grad():
            logits = readout(said, image, cameras)
            inputs = readout.inputs(said, image, cameras).movedim(1, -1).flatten(0, 1)
            occupied, kind = readout.is_there(inputs), readout.what_is_there(inputs)
        expected = torch.where(occupied.sigmoid() > threshold, kind.argmax(1) + 1, 0).unflatten(0, (2, -1))
        assert torch.equal(logits.argmax(1), expected) and 0 < int((expected > 0).sum()) < expected.numel()


def test_eyes_are_an_efficientnets_and_stay(pairs, base, tmp_path):
    folder = save_efficientnet(tmp_path / "efficientnet")
    path = train_readout(tell_frames(base, pairs, folder), replace(LOOP, steps=3), tmp_path / "run")
    network = load_network(path).network
    eyes = network.readout.eyes
    given = training.open_efficientnet(folder)
    assert network.config.readout.eyes == given.size
    own = {k: v.clone() for k, v in eyes.state_dict().items()}
    assert all(torch.equal(own[k], v.half().float()) for k, v in given.tensors.items() if v.is_floating_point())
    pair = pairs[3]
    network.train()(image_tensor(pair.image_HW3)[None], CameraBatch.stack([pair.camera]), Hints())
    assert all(torch.equal(v, eyes.state_dict()[k]) for k, v in own.items())
    changed = replace(pair, image_HW3=np.full_like(pair.image_HW3, 200))
    assert not torch.equal(predict(path, pair), predict(path, changed))
    on = train_readout(tell_frames(path, pairs), replace(LOOP, steps=3), tmp_path / "on")
    assert load_network(on).network.config.readout.eyes.width == 0.0, "a readout of its own, not one upon the other"


@pytest.mark.parametrize("what", ["another network", "nothing there", "nothing known"])
def test_what_cannot_be_read_again_is_refused_in_one_line(pairs, base, tmp_path, what):
    start, frames, message = base, pairs, "expected a trained monoscene"
    if what == "another network":
        start = tmp_path / "ndcscene.safetensors"
        config = preset("ndcscene", "small")
        save_network(build_network("ndcscene", config, GRID, SEMANTIC_KITTI), "ndcscene", config, (32, 48), start, {})
    else:
        label = 0 if what == "nothing there" else 255
        message = "occupied voxels, got none" if label == 0 else "known voxels, got none"

        @dataclass(frozen=True)
        class Blank(Coloured):
            identity = what

            def pair(self, index: int) -> Pair:
                return replace(super().pair(index), labels_XYZ=np.full(GRID.shape_XYZ, label, np.uint8))

        frames = PairCache(tmp_path / "cache", Blank())
    with pytest.raises(InputError, match=message):
        train_readout(tell_frames(start, frames), LOOP, tmp_path / "run")


def test_pairs_know_the_place_that_they_are_from():
    streets = WorldPairs(7, 2, (32, 96), factor=8)
    joined = JoinedPairs((streets, replace(streets, first_seed=20)))
    assert [joined.place(i) for i in range(4)] == ["street 7", "street 8", "street 20", "street 21"]


@pytest.mark.real
def test_frames_of_a_sequence_are_of_one_place(real_tree):
    from occforge.data.pairs import DatasetPairs

    pairs = DatasetPairs("semantic_kitti", real_tree, "train", (32, 96), 8)
    places = [pairs.place(i) for i in range(len(pairs))]
    assert len(set(places)) < len(places) and all(place.isdigit() for place in places)
