"""The volume network alone: told the truth where errors are none, repeatable, resumable, a start for the whole."""

from dataclasses import replace

import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.data.pairs import PairCache, WorldPairs
from occforge.perception._image_encoder import ImageEncoderConfig
from occforge.perception._sight import SightConfig, shown_ends
from occforge.perception.monoscene import Config, build
from occforge.perception.network import Shown
from occforge.perception.weights import load_network
from occforge.train import completion
from occforge.train.completion import CompletionTask, Errors, told_sight, train_completion
from occforge.train.loop import LoopConfig
from occforge.train.perception import Beginning, PerceptionOptions, train_perception

ENCODER = ImageEncoderConfig("residual", channels=8, widths=(4, 8, 8, 8, 8), noise_level=True, details=4)
SIGHT = SightConfig(16, 1, splat=True, taught="pixels")
CONFIG = Config(
    image=ENCODER, scales=(1, 2, 4), sight=SIGHT, lift_factor=1, columns=8, relation_prior=False, position=True
)
LOOP = LoopConfig(steps=3, batch=2, lr=1e-3, warmup=1)
STREETS = WorldPairs(0, 4, (32, 96), factor=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_completion(CONFIG, STREETS, Errors(), LOOP, tmp_path_factory.mktemp("trained"))


def told(share: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    pair = STREETS.seen(1)
    cameras = CameraBatch.stack([pair.camera])
    shown = Shown(torch.from_numpy(pair.surface_HW_m)[None], torch.from_numpy(pair.class_HW)[None])
    bins, kinds = shown_ends(shown, 64, (16, 48), cameras, STREETS.grid)
    generator = torch.Generator().manual_seed(seed)
    classes = SEMANTIC_KITTI.class_count
    return (told_sight(shown, 64, classes, (16, 48), cameras, STREETS.grid, Errors(), share, generator), bins, kinds)


def test_without_errors_it_is_told_what_pixels_show():
    logits, bins, kinds = told(0.0)
    found_bin, found_kind = logits[0, :65].argmax(0), logits[0, 65:].argmax(0)
    one_of = torch.stack([bins[0, r] == found_bin for r in (0, 3)]).any(0)
    assert bool(one_of.float().mean() > 0.97), "or a bin between two near ones"
    assert bool(torch.stack([kinds[0, r] == found_kind for r in (0, 3)]).any(0).all())
    torch.testing.assert_close(logits[0, :65].exp().sum(0), torch.ones(16, 48), atol=1e-3, rtol=0.0)


def test_errors_grow_with_their_share():
    right = []
    for share in (0.0, 0.5, 1.0):
        logits, bins, _ = told(share)
        right.append(float(((logits[0, :65].argmax(0) - bins[0, 0]).abs() <= 1).float().mean()))
    assert right[0] > right[1] > right[2] > 0.2
    assert torch.equal(told(1.0)[0], told(1.0)[0]) and not torch.equal(told(1.0)[0], told(1.0, 1)[0])


def test_it_is_the_same_again_and_after_a_stop(trained, tmp_path, monkeypatch):
    real, calls = CompletionTask.losses, []

    def stops(self, *arguments):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(completion.CompletionTask, "losses", stops)
    with pytest.raises(KeyboardInterrupt):
        train_completion(CONFIG, STREETS, Errors(), replace(LOOP, checkpoint_minutes=0.0), tmp_path)
    assert train_completion(CONFIG, STREETS, Errors(), LOOP, tmp_path).read_bytes() == trained.read_bytes()


def test_the_whole_network_begins_with_its_volume_and_an_encoder(trained, tmp_path):
    """The encoder's reading and the completion's volume, each as it was."""
    other = train_completion(CONFIG, STREETS, Errors(), replace(LOOP, seed=1), tmp_path / "other")
    still = replace(LOOP, steps=1, lr=0.0, muon_lr=0.0)
    pairs = PairCache(tmp_path / "pairs", STREETS)
    both = Beginning(trained, other)
    path = train_perception("monoscene", CONFIG, pairs, PerceptionOptions(), still, tmp_path / "run", both)
    whole, volume, image = (dict(load_network(p).network.named_parameters()) for p in (path, trained, other))
    for name, value in whole.items():
        assert torch.equal(value, (image if name.startswith(("image_encoder.", "sight.")) else volume)[name]), name
    moved = [k for k in volume if not torch.equal(volume[k], image[k])]
    assert any(k.startswith("volume.") for k in moved) and any(k.startswith("told.") for k in moved)


def test_a_network_that_reads_no_lines_of_sight_is_refused():
    with pytest.raises(InputError, match="reads lines of sight"):
        CompletionTask(build(replace(CONFIG, sight=SightConfig()), STREETS.grid, SEMANTIC_KITTI), STREETS, Errors())
