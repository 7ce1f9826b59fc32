"""The dual alignment: nothing at first, then every frame hears of its occupancy and of the other frames."""

import pytest
import torch

from occforge.core.errors import InputError
from occforge.latent.alignment import Alignment, AlignmentConfig, as_sequence, from_sequence, position_code

ENCODINGS = ("mamba", "attention", "gru", "depth", "time")
SIZES = {"width": 16, "heads": 2, "state": 4}


def make(encoding: str, trained: bool, **other) -> Alignment:
    torch.manual_seed(0)
    module = Alignment(AlignmentConfig(encoding, **SIZES, **other), 6, 5)
    if trained:
        torch.nn.init.normal_(module.zero.weight)
    return module


def given(seed: int = 0, N: int = 3, H: int = 6, W: int = 10):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(2, N, 6, H, W, generator=g), torch.randn(2, N, 5, 8, H, W, generator=g)


@pytest.mark.parametrize("encoding", (*ENCODINGS, "off"))
def test_before_training_the_latent_stays_bit_for_bit(encoding):
    latent, occupancy = given()
    module = Alignment(AlignmentConfig(encoding, **SIZES), 6, 5)
    assert torch.equal(module(latent, occupancy), latent)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_parameter_learns_and_so_does_the_occupancy(encoding):
    module, (latent, occupancy) = make(encoding, trained=True), given()
    occupancy.requires_grad_()
    module(latent, occupancy).square().mean().backward()
    assert float(occupancy.grad.abs().flatten(2).amax(2).min()) > 0, "of every scene and frame"
    for name, p in module.named_parameters():
        assert p.grad is not None and float(p.grad.abs().max()) > 0, name


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_who_hears_of_whom(encoding):
    """Frame 0's result moves with its own occupancy; with frame 2's latent and occupancy where the scan takes them."""
    module, (latent, occupancy) = make(encoding, trained=True), given()
    before = module(latent, occupancy)
    own, later, later_latent = occupancy.clone(), occupancy.clone(), latent.clone()
    own[:, 0] += 1.0
    later[:, 2] += 1.0
    later_latent[:, 2] += 1.0
    assert float((module(latent, own) - before)[:, 0].detach().abs().max()) > 1e-6
    moved = float((module(latent, later) - before)[:, 0].detach().abs().max())
    assert moved > 1e-7 if encoding != "time" else moved == 0.0
    moved = float((module(later_latent, occupancy) - before)[:, 0].detach().abs().max())
    assert moved > 1e-7 if encoding != "depth" else moved == 0.0  # three frames: one convolution reaches only the next


def test_sequences_hold_what_belongs_together_close():
    N, k, h, w = 3, 5, 2, 4
    token = torch.arange(2 * N * k * h * w).reshape(2, N, k, h, w, 1)
    steps = as_sequence(token)
    assert torch.equal(from_sequence(steps, (N, k, h, w)), token)
    place = {int(v): i for i, v in enumerate(steps[0, :, 0])}
    for n in range(N):  # a latent patch comes right after its own frame's occupancy, near to far
        at = [place[int(token[0, n, i, 1, 2, 0])] for i in range(k)]
        assert at == list(range(at[0], at[0] + k))
    frames = [place[int(token[0, n, k - 1, 1, 2, 0])] for n in range(N)]
    assert frames[1] - frames[0] == frames[2] - frames[1] == k


def test_position_codes_tell_all_places_apart():
    code = position_code((3, 5, 4, 6), 32).flatten(0, 3)
    assert float(torch.cdist(code, code).fill_diagonal_(1.0).min()) > 1e-2


def test_sizes_that_patches_do_not_divide():
    module = make("mamba", trained=True)
    latent, occupancy = given(H=3, W=7)
    assert module(latent, occupancy).shape == latent.shape
    finer = torch.nn.functional.interpolate(occupancy.flatten(0, 1), (8, 12, 28)).unflatten(0, (2, 3))
    assert module(latent, finer).shape == latent.shape


def test_padding_moves_no_occupancy():
    """A row of occupancy belongs to the latent's row at the same height, whether patches divide the rows or not."""
    latent = torch.zeros(1, 1, 6, 3, 4)
    module = make("mamba", trained=True, patch=2)
    heard = []
    module.occupancy_patches.register_forward_hook(lambda _module, given, _result: heard.append(given[0]))
    rows = torch.arange(24.0)[:, None].expand(24, 32)
    module(latent, rows.expand(1, 1, 5, 8, 24, 32))
    assert heard[0][0, 0, 0, :, 0].tolist() == [3.5, 11.5, 19.5, 0.0]


def test_blocks_of_all_kinds_are_of_a_size():
    count = {}
    for encoding in ("mamba", "attention", "gru"):
        module = Alignment(AlignmentConfig(encoding), 64, 16)
        count[encoding] = sum(p.numel() for p in module.blocks.parameters())
    assert max(count.values()) < 1.2 * min(count.values()), count


def test_widths_that_cannot_be():
    with pytest.raises(InputError, match="divisible by 8 and by its 3 heads"):
        AlignmentConfig(width=16, heads=3)
