"""Stable Diffusion with random weights and few channels, in diffusers' folder format: the whole way through."""

import math
from dataclasses import replace

import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import drive_path, look_camera
from occforge.core.errors import InputError
from occforge.core.grid import GridSpec
from occforge.core.taxonomy import SEMANTIC_KITTI
from occforge.core.tensors import save_tensors
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.sample import Seen, sample
from occforge.latent.stable_diffusion import StableDiffusionGenerator, open_folder
from occforge.latent.weights import load_generator, save_generator
from tiny_stable_diffusion import CONFIG, write_folder

GRID = GridSpec((16, 16, 4), (3.2, 3.2, 1.6), (0.0, -25.6, -2.0))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stable-diffusion")
    write_folder(folder)
    return folder


@pytest.fixture
def generator(path):
    torch.manual_seed(1)
    return StableDiffusionGenerator(open_folder(path), CONFIG, GRID, SEMANTIC_KITTI)


def cameras(frames: int) -> CameraBatch:
    path = drive_path(look_camera((0.3, 0.0, -0.1), math.radians(80), (32, 64)), frames, 1.0)
    return CameraBatch.stack([*path.cameras, *path.cameras])


def shares(seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.rand(2, 20, *GRID.shape_XYZ, generator=g).softmax(1)


def given(generator, frames: int = 3):
    g = torch.Generator().manual_seed(2)
    y = torch.randn(2, frames, 4, *generator.volume_HW, generator=g)
    return y, torch.tensor([10, 700]), generator.words(["a car", "fog"]), cameras(frames)


def woken(generator):
    """As if trained: the zero convolutions are no longer zero."""
    torch.nn.init.normal_(generator.stem.net[-1].weight, std=0.3)
    for alignment in generator.alignments.values():
        torch.nn.init.normal_(alignment.zero.weight, std=0.3)
    return generator


def test_at_the_start_the_network_is_the_bare_one_bit_for_bit(generator):
    y, t, words, cams = given(generator)
    seen = generator.see(shares(), cams)
    assert torch.equal(generator.paint(y, t, words, cams, seen), generator.paint(y, t, words, cams, None))
    flat = generator.folder.unet(y.flatten(0, 1), t.repeat_interleave(3), words.repeat_interleave(3, 0)).sample
    assert torch.equal(generator.paint(y, t, words, cams, seen).flatten(0, 1), flat)


def test_a_training_step_moves_what_was_added_and_nothing_else(generator, path):
    y, t, words, cams = given(generator)
    woken(generator)
    frozen = {k: v.clone() for k, v in generator.folder.unet.state_dict().items()}
    optimizer = torch.optim.AdamW(generator.parameters(), 1e-2)
    said = generator.paint(y, t, words, cams, generator.see(shares(), cams))
    said.square().mean().backward()
    silent = [n for n, p in generator.named_parameters() if p.grad is None or not float(p.grad.abs().max()) > 0]
    assert not silent
    optimizer.step()
    assert all(torch.equal(v, frozen[k]) for k, v in generator.folder.unet.state_dict().items())
    assert not any(name.startswith(("unet", "vae", "text")) for name in generator.state_dict())
    after = generator.paint(y, t, words, cams, generator.see(shares(), cams))
    assert float((after - said).detach().abs().max()) > 1e-4


def test_occupancy_is_heard_and_carries_gradients(generator):
    y, t, words, cams = given(generator)
    share = shares().requires_grad_()
    woken(generator)
    said = generator.paint(y, t, words, cams, generator.see(share, cams))
    assert (
        float((said - generator.paint(y, t, words, cams, generator.see(shares(1), cams))).detach().abs().max()) > 1e-4
    )
    said.square().mean().backward()
    assert float(share.grad.abs().max()) > 0


@torch.no_grad()
def test_a_video_is_drawn_and_decoded(generator):
    woken(generator)
    cams = cameras(4)

    def perceive(latent, _level_B):
        pictures = generator.decode(latent)
        assert pictures.shape == (2, 4, 3, 32, 64)
        return generator.see(shares(), cams)

    def paint(y, t, words, seen):
        doubled = CameraBatch(
            *(torch.cat([a] * (len(y) // 2)) for a in (cams.K_B33, cams.camera_from_grid_B44)), cams.size_HW
        )
        return generator.paint(y, t, words, doubled, seen)

    words = generator.words(["a street", "fog"]), generator.words(["", ""])
    nothing = Seen(torch.zeros(2, 4, 25, 16, 32), torch.zeros(2, 4, 4, 4, *generator.volume_HW))
    latent, _ = sample(
        paint, CONFIG.diffusion, PaintingConfig(steps=3, guidance=2.0), (2, 4, 4, *generator.volume_HW), words, nothing,
        [torch.Generator().manual_seed(i) for i in range(2)], perceive,
    )  # fmt: skip
    pictures = generator.decode(latent)
    assert pictures.shape == (2, 4, 3, 32, 64) and bool(torch.isfinite(pictures).all())
    assert generator.encode(pictures).shape == latent.shape


def test_what_was_added_comes_back_from_its_file(generator, path, tmp_path):
    woken(generator)
    save_generator(generator, tmp_path / "added.safetensors", {"steps": 1})
    back = load_generator(tmp_path / "added.safetensors", path)
    with pytest.raises(InputError, match="give --stable-diffusion"):
        load_generator(tmp_path / "added.safetensors")
    y, t, words, cams = given(generator)
    one, two = (g.paint(y, t, words, cams, g.see(shares(), cams)) for g in (generator, back))
    assert torch.allclose(one, two, atol=2e-2) and back.config == CONFIG
    save_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(InputError, match="is no picture generator"):
        load_generator(tmp_path / "other.safetensors", path)


def test_a_prompt_that_would_be_cut_says_what(generator):
    assert generator.words(["street cars"]).shape == (1, 12, 32)
    with pytest.raises(InputError, match="at most 10 tokens, got 12; cut would be 'in'"):
        generator.words(["street cars in"])
    assert torch.equal(generator.words(["street cars in"], cut=True), generator.words(["street cars"]))


def test_folders_and_sizes_that_cannot_be(path, tmp_path):
    with pytest.raises(InputError, match="lacks unet, vae, text_encoder, tokenizer"):
        open_folder(tmp_path)
    for name in ("unet", "vae", "text_encoder", "tokenizer"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="cannot be read as Stable Diffusion"):
        open_folder(tmp_path)
    with pytest.raises(InputError, match="divisible by 16, got"):
        StableDiffusionGenerator(open_folder(path), replace(CONFIG, size_HW=(40, 64)), GRID, SEMANTIC_KITTI)
