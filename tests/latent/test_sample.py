"""Joint sampling: exact where the best network is known, and what is read when."""

import math

import pytest
import torch

from occforge.core.batch import CameraBatch
from occforge.core.camera import drive_path, street_camera
from occforge.core.errors import InputError
from occforge.latent.objective import Diffusion
from occforge.latent.painting_config import PaintingConfig
from occforge.latent.sample import Seen, as_read, normal, sample

SAMPLERS = ("dpm++", "ddim", "ddpm", "unipc")
KINDS = ("sample", "epsilon", "v_prediction")
SHAPE = (4, 1, 3, 8, 8)
WORDS = (torch.zeros(4, 1, 1), torch.zeros(4, 1, 1))
MEAN, SPREAD = 0.3, 0.5


def generators(count: int = 4, first: int = 0):
    return [torch.Generator().manual_seed(first + i) for i in range(count)]


def nothing(B: int = 4) -> Seen:
    return Seen(torch.zeros(B, 1, 1, 4, 4), torch.zeros(B, 1, 1, 1, 2, 2))


def best(diffusion: Diffusion):
    """The perfect network of pictures whose pixels are independent and normal: E[y_0 given y_t] in closed form."""

    def paint(y_t, t_B, _words, _seen):
        sigma = (1.0 - diffusion.alpha_bar(t_B, y_t.double())).sqrt()
        a = (1.0 - sigma**2).sqrt()
        clean = MEAN + a * SPREAD**2 / (a**2 * SPREAD**2 + sigma**2) * (y_t.double() - a * MEAN)
        noise = (y_t.double() - a * clean) / sigma
        said = {"sample": clean, "epsilon": noise, "v_prediction": a * noise - sigma * clean}
        return said[diffusion.prediction].float()

    return paint


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_network_draws_from_its_distribution(sampler, kind):
    diffusion = Diffusion(prediction=kind)
    config = PaintingConfig(sampler, steps=100 if sampler == "ddpm" else 30)
    y, _ = sample(best(diffusion), diffusion, config, (4, 1, 3, 32, 32), WORDS, nothing(), generators())
    assert float(y.mean()) == pytest.approx(MEAN, abs=0.03) and float(y.std()) == pytest.approx(SPREAD, rel=0.07)


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "unipc"])
def test_any_number_of_steps_ends_at_the_picture(sampler):
    """That do not divide the diffusion's steps, and for which the last is half of the way."""
    diffusion = Diffusion()
    for steps in (150, 300):
        config = PaintingConfig(sampler, steps=steps)
        y, _ = sample(best(diffusion), diffusion, config, (4, 1, 3, 32, 32), WORDS, nothing(), generators())
        assert float(y.mean()) == pytest.approx(MEAN, abs=0.015) and float(y.std()) == pytest.approx(SPREAD, rel=0.03)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_gives_its_picture_in_any_batch(sampler):
    diffusion, config = Diffusion(), PaintingConfig(sampler, steps=5)
    y, _ = sample(best(diffusion), diffusion, config, SHAPE, WORDS, nothing(), generators())
    words = tuple(w[2:3] for w in WORDS)
    alone, _ = sample(best(diffusion), diffusion, config, (1, *SHAPE[1:]), words, nothing(1), generators(1, 2))
    assert torch.allclose(y[2:3], alone, atol=1e-6)
    assert torch.equal(normal(SHAPE, generators())[2:3], normal((1, *SHAPE[1:]), generators(1, 2)))


@pytest.mark.parametrize(
    ("every", "reads", "readings"), [(1, "noisy", 7), (1, "estimate", 6), (3, "estimate", 3), (0, "estimate", 0)]
)
def test_when_the_picture_is_read_and_that_it_is_heard(every, reads, readings):
    diffusion, read, heard = Diffusion(), [], []

    def perceive(picture, level_B):
        read.append((float(level_B[0]), float(picture.std())))
        return Seen(torch.full((4, 1, 1, 4, 4), float(len(read))), nothing().volume_BNODHW)

    def paint(y_t, t_B, words, seen):
        heard.append(float(seen.maps_BNMHW[0, 0, 0, 0, 0]))
        return best(diffusion)(y_t, t_B, words, seen)

    config = PaintingConfig(steps=6, perceive_every=every, perceive_below=1.0, reads=reads)
    _, seen = sample(paint, diffusion, config, SHAPE, WORDS, nothing(), generators(), perceive)
    assert len(read) == readings and float(seen.maps_BNMHW.max()) == readings
    if readings:
        assert read[-1][0] == 0.0 and heard[-1] == readings - 1, "the last step hears of a reading just before it"
        levels = [level for level, _ in read]
        assert levels == sorted(levels, reverse=True)
    assert heard == sorted(heard) and heard[0] == (1.0 if reads == "noisy" else 0.0)


def test_nothing_is_read_above_a_noise_level():
    read = []

    def perceive(_picture, level_B):
        read.append(float(level_B[0]))
        return nothing()

    config = PaintingConfig(steps=20, perceive_every=1, perceive_below=0.5, reads="noisy")
    sample(best(Diffusion()), Diffusion(), config, SHAPE, WORDS, nothing(), generators(), perceive)
    assert 4 < len(read) < 10 and 0.4 < max(read) <= 0.5 and read[-1] == 0.0


@pytest.mark.parametrize(("reads", "late"), [("noisy", 0), ("estimate", 1)])
def test_perception_is_told_the_level_of_what_it_reads(reads, late):
    """That of the picture at hand, or of the step at which the estimate was made."""
    told, drawn, diffusion = [], [], Diffusion()

    def perceive(_picture, level_B):
        told.append(float(level_B[0]))
        return nothing()

    def paint(y_t, t_B, words, seen):
        drawn.append(float((1.0 - diffusion.alpha_bar_T[t_B[0]]).sqrt()))
        return best(diffusion)(y_t, t_B, words, seen)

    config = PaintingConfig(steps=6, perceive_every=1, perceive_below=1.0, reads=reads)
    sample(paint, diffusion, config, SHAPE, WORDS, nothing(), generators(), perceive)
    assert told == pytest.approx([*drawn[: len(drawn) - late], 0.0])


def test_noise_is_read_as_it_is_and_an_estimate_within_the_range_of_pictures():
    picture = torch.tensor([-3.0, -1.0, 0.0, 1.0, 2.0]).view(1, 1, 1, 5)
    assert as_read(picture, "noisy", (1, 5)).flatten().tolist() == [-1.0, 0.0, 0.5, 1.0, 1.5]
    assert as_read(picture, "estimate", (1, 5)).flatten().tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("size_HW", [(16, 48), (4, 12)])
def test_perception_reads_pictures_at_its_own_size(size_HW):
    """A ramp stays that ramp, pixel centre for pixel centre, away from the edges where it is repeated."""
    ramp = ((torch.arange(24) + 0.5) / 24).expand(1, 3, 8, 24)
    read = as_read(2.0 * ramp - 1.0, "noisy", size_HW)
    assert read.shape == (1, 3, *size_HW)
    expected = ((torch.arange(size_HW[1]) + 0.5) / size_HW[1]).expand_as(read)
    torch.testing.assert_close(read[..., 1:-1], expected[..., 1:-1])
    half = as_read((2.0 * ramp - 1.0).bfloat16(), "noisy", size_HW)  # as where training takes bfloat16
    torch.testing.assert_close(half, read, atol=0.02, rtol=0.0)


def test_guidance_of_one_is_none_and_more_goes_on_from_there():
    diffusion = Diffusion()

    def paint(y_t, _t_B, words, _seen):
        return words.mean((1, 2)).view(-1, 1, 1, 1, 1).expand_as(y_t)

    words = torch.full((4, 1, 1), 0.2), torch.full((4, 1, 1), 0.1)
    for guidance, result in ((1.0, 0.2), (3.0, 0.4)):
        config = PaintingConfig("ddim", 4, guidance)
        y, _ = sample(paint, diffusion, config, SHAPE, words, nothing(), generators())
        assert torch.allclose(y, torch.tensor(result), atol=0.02)


def test_occupancy_guides_where_one_is_seen():
    diffusion = Diffusion()
    asked: list[int] = []

    def paint(y_t, _t_B, words, seen):
        asked.append(len(y_t))
        return (words.mean((1, 2)) + 0.1 * seen.maps_BNMHW.mean((1, 2, 3, 4))).view(-1, 1, 1, 1, 1).expand_as(y_t)

    words, something = (torch.full((4, 1, 1), 0.2), torch.full((4, 1, 1), 0.1)), nothing()
    something = Seen(torch.ones_like(something.maps_BNMHW), something.volume_BNODHW)
    for seen, config, result, branches in (
        (nothing(), PaintingConfig("ddim", 4, 1.0, 3.0), 0.2, 1),
        (something, PaintingConfig("ddim", 4, 1.0, 1.0), 0.3, 1),
        (something, PaintingConfig("ddim", 4, 1.0, 3.0), 0.5, 2),
        (something, PaintingConfig("ddim", 4, 3.0, 3.0), 0.7, 3),
    ):
        asked.clear()
        y, _ = sample(paint, diffusion, config, SHAPE, words, seen, generators())
        assert torch.allclose(y, torch.tensor(result), atol=0.02) and asked == [4 * branches] * 4


def test_steps_that_cannot_be():
    with pytest.raises(InputError, match="1 or more, got 0"):
        PaintingConfig(steps=0)
    with pytest.raises(InputError, match="at most 10, got 11"):
        sample(best(Diffusion()), Diffusion(10), PaintingConfig(steps=11), SHAPE, WORDS, nothing(), generators())


@pytest.mark.parametrize("kind", KINDS)
def test_frames_agree_about_the_points_that_both_see(kind):
    diffusion, H, W = Diffusion(prediction=kind), 8, 24
    seen = Seen(torch.full((1, 3, 1, H, W), 0.1), torch.zeros(1, 3, 1, 1, 2, 2))  # a wall 10 m ahead of every camera
    words = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)
    still = CameraBatch.stack(drive_path(street_camera((H, W)), 1).cameras * 3)
    apart = CameraBatch.stack(drive_path(street_camera((H, W)), 3, 5.0).cameras)

    def made(cameras, **options):
        config = PaintingConfig(steps=12, **options)
        shape = (1, 3, 3, H, W)
        y, _ = sample(best(diffusion), diffusion, config, shape, words, seen, generators(1), cameras=cameras)
        return y[0]

    alone, one = made(still, agreement=0.0), made(still, agreement=1.0, agree_until=1.0)
    assert torch.equal(alone, made(None, agreement=1.0)), "without cameras, or a share, frames are left to themselves"
    assert torch.allclose(one[1], one[0], atol=1e-3) and torch.allclose(one[2], one[0], atol=1e-3)
    assert torch.allclose(one[0], alone[0], atol=0.02) and float((alone[1] - alone[0]).abs().mean()) > 0.3
    some = made(still, agreement=0.5)
    assert 0.01 < float((some[1] - some[0]).abs().mean()) < 0.8 * float((alone[1] - alone[0]).abs().mean())
    assert torch.allclose(made(apart, agreement=1.0), alone, atol=0.02), (
        "a wall that comes along is another wall: no point is shared"
    )


@pytest.mark.parametrize("options", [{"guidance": math.nan}, {"occupancy_guidance": math.inf}, {"guidance": -1.0}])
def test_guidance_is_a_number(options):
    with pytest.raises(InputError, match=r"guidance: expected 0 to 20, got (nan|inf|-1)"):
        PaintingConfig(**options)


@pytest.mark.parametrize("options", [{"agreement": 1.5}, {"agree_until": -0.1}])
def test_agreement_is_a_share(options):
    with pytest.raises(InputError, match="expected 0 to 1"):
        PaintingConfig(**options)
