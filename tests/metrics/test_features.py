import numpy as np
import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, SEMANTIC_KITTI
from occforge.metrics.features import (
    SceneAutoencoderConfig,
    build,
    load_features,
    save_features,
    scene_feature_D,
    scene_features_ND,
)
from occforge.metrics.frechet import frechet_distance

N = 48


@pytest.fixture(scope="module")
def network(small_street):
    """Trained for some seconds on seeds that no test uses, then standardised."""
    torch.manual_seed(0)
    scenes = [small_street(1000 + seed) for seed in range(32)]
    model = build(SceneAutoencoderConfig(), scenes[0].grid, SEMANTIC_KITTI)
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    labels_NXYZ = torch.from_numpy(np.stack([scene.labels_XYZ for scene in scenes]))
    history = []
    for _ in range(40):
        drawn = torch.randint(len(labels_NXYZ), (4,), generator=generator)
        losses = model.loss(labels_NXYZ[drawn], generator)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        history.append(float(losses["loss"].detach()))
    model.eval().standardise(scenes)
    return model, history


@pytest.fixture(scope="module")
def real_features(network, small_street):
    return scene_features_ND(network[0], (small_street(seed) for seed in range(N)))


def distance(network, real_features, scenes):
    return frechet_distance(scene_features_ND(network[0], scenes), real_features)


def salted(scene, share, seed):
    rng = np.random.default_rng(seed)
    noise = rng.choice(SEMANTIC_KITTI.things, scene.labels_XYZ.shape).astype(np.uint8)
    return Scene(
        np.where(rng.random(scene.labels_XYZ.shape) < share, noise, scene.labels_XYZ), scene.grid, scene.taxonomy
    )


def test_training_reduces_the_loss(network):
    history = network[1]
    assert np.mean(history[-5:]) < 0.6 * np.mean(history[:5])


def test_size_dimensions_and_standardisation(network, small_street):
    model = network[0]
    assert sum(p.numel() for p in model.parameters()) <= 1_000_000
    features = scene_features_ND(model, (small_street(1000 + seed) for seed in range(32)))
    assert features.shape == (32, model.feature_dimensions) and model.feature_dimensions <= 128
    assert np.allclose(features.mean(0), 0, atol=1e-3) and features.std(0, ddof=1).max() < 1.01
    varies = features.std(0) > 0  # classes that never occur have no spread
    assert varies.sum() > 75 and features[:, varies].std(0, ddof=1).mean() > 0.9


def test_salt_raises_the_distance_step_by_step(network, real_features, small_street):
    floor = distance(network, real_features, (small_street(100 + s) for s in range(N)))
    by_share = [
        distance(network, real_features, (salted(small_street(100 + s), share, s) for s in range(N)))
        for share in (0.004, 0.016, 0.064)
    ]
    assert floor < by_share[0] < by_share[1] < by_share[2]
    assert by_share[1] > 1.5 * floor


def test_removing_objects_raises_the_distance_step_by_step(network, real_features, small_street):
    floor, fewer, none = (
        distance(network, real_features, (small_street(100 + s, **k) for s in range(N)))
        for k in ({}, {"persons": False}, {"persons": False, "cars": False})
    )
    assert floor < fewer < none
    assert none > 1.5 * floor


def test_moving_walls_raises_the_distance_step_by_step(network, real_features, small_street):
    floor, near, nearer = (
        distance(network, real_features, (small_street(100 + s, wall_shift=shift) for s in range(N)))
        for shift in (0, 4, 8)
    )
    assert floor < near < nearer
    assert nearer > 1.5 * floor


def test_mirrored_scenes_are_far_away(network, real_features, small_street):
    def mirrored(scene):
        return Scene(np.ascontiguousarray(scene.labels_XYZ[:, ::-1]), scene.grid, scene.taxonomy)

    floor = distance(network, real_features, (small_street(100 + s) for s in range(N)))
    half = distance(
        network, real_features, (mirrored(small_street(100 + s)) if s % 2 else small_street(100 + s) for s in range(N))
    )
    whole = distance(network, real_features, (mirrored(small_street(100 + s)) for s in range(N)))
    assert floor < half < whole
    assert whole > 3 * floor


def test_reconstruction_beats_the_commonest_class(network, small_street):
    labels = torch.from_numpy(small_street(5).labels_XYZ)[None]
    rebuilt = network[0].reconstruct(labels)
    assert rebuilt.shape == labels.shape and rebuilt.dtype == torch.uint8
    assert (rebuilt == labels).float().mean() > (labels == 0).float().mean() + 0.05


def test_saved_and_loaded_is_the_same_network(network, small_street, tmp_path):
    model = network[0]
    save_features(model, tmp_path / "features.safetensors")
    assert (tmp_path / "features.safetensors").stat().st_size < 2_000_000
    loaded = load_features(tmp_path / "features.safetensors")
    assert loaded.digest() == model.digest()
    assert loaded.config == model.config and loaded.grid == model.grid and loaded.taxonomy == model.taxonomy
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    scene = small_street(3)
    assert np.allclose(scene_feature_D(loaded, scene), scene_feature_D(model, scene), atol=1e-5)


def test_unknown_is_masked_and_every_parameter_learns():
    grid = GridSpec((32, 48, 16), (0.4, 0.4, 0.4), (0.0, -9.6, -2.0))
    torch.manual_seed(0)
    model = build(SceneAutoencoderConfig(), grid, CARLA_SC)
    labels = torch.randint(0, CARLA_SC.class_count, (2, 32, 48, 16), dtype=torch.uint8)
    labels[:, :16] = 255
    losses = model.loss(labels, torch.Generator().manual_seed(0))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    unknown = model.loss(torch.full_like(labels, 255), torch.Generator().manual_seed(0))
    assert float(unknown["reconstruction"]) == 0.0


def test_census_counts_columns():
    grid = GridSpec((32, 48, 8), (0.2, 0.2, 0.2), (0.0, 0.0, 0.0))
    model = build(SceneAutoencoderConfig(), grid, SEMANTIC_KITTI)
    labels = torch.randint(0, 20, (2, 32, 48, 8), dtype=torch.uint8)
    labels[1, :, :, 4:] = 255
    census = model.census_BhwK(labels)
    assert census.shape == (2, 2, 3, 19)
    for b, h, w, k in ((0, 0, 0, 1), (0, 1, 2, 19), (1, 1, 0, 7)):
        column = labels[b, 16 * h : 16 * h + 16, 16 * w : 16 * w + 16]
        assert census[b, h, w, k - 1] == pytest.approx(np.log1p(int((column == k).sum())))


def test_patches_hold_their_voxels():
    grid = GridSpec((16, 48, 8), (0.2, 0.2, 0.2), (0.0, 0.0, 0.0))
    model = build(SceneAutoencoderConfig(), grid, SEMANTIC_KITTI)
    labels = torch.randint(0, 20, (1, 16, 48, 8), dtype=torch.uint8)
    labels[0, 0, 0, 0] = 255
    patches = model.patches_BxyzP(labels)
    assert torch.equal(patches[0, 1, 2, 1], labels[0, 4:8, 8:12, 4:8].flatten().int())
    assert patches[0, 0, 0, 0, 0] == 20


def test_border_errors(network, small_street, tmp_path):
    with pytest.raises(InputError, match="not divisible"):
        build(SceneAutoencoderConfig(), GridSpec((20, 48, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), SEMANTIC_KITTI)
    with pytest.raises(InputError, match="too narrow"):
        build(SceneAutoencoderConfig(), GridSpec((16, 32, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), SEMANTIC_KITTI)
    with pytest.raises(InputError, match="made for grids"):
        network[0](torch.zeros(1, 16, 16, 16, dtype=torch.uint8))
    scene = small_street(0)
    with pytest.raises(InputError, match="expected taxonomy"):
        scene_feature_D(network[0], Scene(np.zeros_like(scene.labels_XYZ), scene.grid, CARLA_SC))
    with pytest.raises(InputError, match="found none"):
        load_features(tmp_path / "absent.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"not a file of tensors")
    with pytest.raises(InputError, match="not a readable"):
        load_features(tmp_path / "broken.safetensors")
