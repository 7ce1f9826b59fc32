"""The small generator: what it is told reaches the picture, and frames meet in the alignment alone."""

from dataclasses import replace

import pytest
import torch

from occforge.core.errors import InputError
from occforge.latent.alignment import AlignmentConfig
from occforge.latent.painter import Painter, PainterConfig

SMALL = PainterConfig(
    widths=(8, 16), width=32, blocks=2, head=16, words=24, told=16, maps=6, volume=5,
    alignment=AlignmentConfig(width=16, heads=2, state=4, patch=1),
)  # fmt: skip


@pytest.fixture(scope="module")
def painter():
    torch.manual_seed(0)
    made = Painter(SMALL)
    torch.nn.init.normal_(made.leave.weight, std=0.1)
    torch.nn.init.normal_(made.align.zero.weight)
    return made


def given(N: int = 2):
    g = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, generator=g)

    return {
        "y_BNCHW": draw(2, N, 3, 16, 24), "level_B": torch.tensor([0.2, 0.9]), "words_BLE": draw(2, 7, 24),
        "camera_BN16": draw(2, N, 16), "maps_BNMHW": draw(2, N, 6, 8, 12), "volume_BNODHW": draw(2, N, 5, 4, 2, 3),
    }  # fmt: skip


def test_a_fresh_network_says_nothing():
    assert float(Painter(SMALL)(**given()).detach().abs().max()) == 0.0


@pytest.mark.parametrize("name", ["level_B", "words_BLE", "camera_BN16", "maps_BNMHW", "volume_BNODHW"])
def test_all_that_is_told_reaches_every_pixel(painter, name):
    one, two = given(), given()
    two[name] = two[name] + 0.5 * torch.randn_like(two[name])
    changed = (painter(**one) - painter(**two)).detach().abs().amax(2)
    assert float(changed.min()) > 0.0


def test_scenes_of_a_batch_do_not_meet(painter):
    one, both = given(), given()
    alone = painter(**{name: value[1:] for name, value in one.items()})
    assert torch.allclose(painter(**both)[1:], alone, atol=1e-5)


@pytest.mark.parametrize(("encoding", "meet"), [("mamba", True), ("off", False)])
def test_frames_meet_in_the_alignment_alone(painter, encoding, meet):
    other = Painter(replace(SMALL, alignment=replace(SMALL.alignment, encoding=encoding)))
    other.load_state_dict(painter.state_dict(), strict=meet)
    one, two = given(), given()
    two["y_BNCHW"] = two["y_BNCHW"].clone()
    two["y_BNCHW"][:, 1] += 1.0
    moved = (other(**one) - other(**two)).detach()[:, 0].abs().max()
    assert bool(moved > 0.0) == meet


def test_a_map_is_felt_first_where_its_pixels_lie():
    """Before any attention: convolutions see the maps of each pixel."""
    torch.manual_seed(0)
    painter, both = Painter(SMALL), torch.zeros(2, 4 * (3 + 6), 8, 12)
    both[1, -1, 3, 7] = 1.0
    one, two = (painter.down_half.conv_1(painter.enter(x[None])) for x in both)
    moved = (one - two).detach().abs().amax((0, 1)) > 0
    expected = torch.zeros(8, 12, dtype=torch.bool)
    expected[1:6, 5:10] = True
    assert torch.equal(moved, expected)


def test_every_parameter_learns(painter):
    painter(**given()).square().mean().backward()
    for name, p in painter.named_parameters():
        assert p.grad is not None and float(p.grad.abs().max()) > 0, name
    painter.zero_grad()


def test_sizes(painter):
    with pytest.raises(InputError, match="divisible by 8, got 20 x 24"):
        painter(**{**given(), "y_BNCHW": torch.randn(2, 2, 3, 20, 24)})
    with pytest.raises(InputError, match="width divisible by a head"):
        PainterConfig(width=50)
    with pytest.raises(InputError, match="widths divisible by 8"):
        PainterConfig(widths=(8, 12))
    with torch.device("meta"):
        assert 5e6 < sum(p.numel() for p in Painter(PainterConfig()).parameters()) < 7e6
