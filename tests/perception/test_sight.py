"""Where lines of sight end: targets against the ray caster, chances told to voxels, the encoder trained on them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from occforge.core.batch import CameraBatch
from occforge.core.camera import look_camera, street_camera
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import CARLA_SC, UNKNOWN
from occforge.perception._frustum import cell_centres_m, depth_range_m
from occforge.perception._sight import (
    IGNORED,
    LEAST_CHANCE,
    SightConfig,
    SightHead,
    first_hits,
    ray_code_B4HW,
    shown_ends,
)
from occforge.perception.network import Shown
from occforge.render.raycast import raycast

GRID = GridSpec((16, 16, 8), (3.2, 3.2, 0.8), (0.0, -25.6, -2.0))
CAMERAS = [street_camera((16, 48)), look_camera((-2.0, 2.0, 0.5), 1.2, (16, 48), yaw_rad=0.3, pitch_rad=0.1)]


def boxes(seed: int) -> np.ndarray:
    """A floor and a few large boxes before the cameras."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(GRID.shape_XYZ, np.uint8)
    labels[:, :, 0] = 1
    for k in range(2, 8):
        x, y = rng.integers(4, 13), rng.integers(1, 13)
        labels[x : x + 3, y : y + 3, : rng.integers(2, 8)] = k
    return labels


def test_first_hits_are_the_ray_casters() -> None:
    labels = np.stack([boxes(0), boxes(1)])
    cameras, bins = CameraBatch.stack(CAMERAS), 2048
    depth, kind = (x[:, 0] for x in first_hits(torch.from_numpy(labels), bins, (16, 48), cameras, GRID))
    near, far = depth_range_m(GRID, cameras)
    for b, camera in enumerate(CAMERAS):
        view = raycast(Scene(labels[b], GRID, CARLA_SC), camera)
        agree = kind[b].numpy() == view.semantic_HW
        assert agree.mean() > 0.99  # a sample may step over a voxel's corner
        found_m = near[b] + (depth[b] + 0.5) / bins * (far[b] - near[b])
        hit = agree & (view.semantic_HW > 0)
        assert np.abs(found_m.numpy() - view.depth_HW)[hit].max() < 0.5
        assert (depth[b].numpy()[agree] == bins).sum() == (view.semantic_HW[agree] == 0).sum()


def test_what_unknown_hides_is_not_learned_from() -> None:
    labels = np.zeros((1, *GRID.shape_XYZ), np.uint8)
    labels[:, 8:], labels[:, 12:] = UNKNOWN, 3
    depth, kind = first_hits(torch.from_numpy(labels), 64, (16, 48), CameraBatch.stack(CAMERAS[:1]), GRID)
    assert (
        not (kind == 3).any()
        and bool((kind == IGNORED).any())
        and bool(((kind == IGNORED) == (depth == IGNORED)).all())
    )
    head = SightHead(SightConfig(64, 1), 2, GRID, CARLA_SC)
    logits = torch.randn(1, 65 + CARLA_SC.class_count, 16, 48)
    everywhere = torch.full((1, *GRID.shape_XYZ), UNKNOWN, dtype=torch.uint8)
    for term in head.loss(logits, everywhere, CameraBatch.stack(CAMERAS[:1])).values():
        assert bool(term.isfinite())


def shown_by(labels: list[np.ndarray], cameras: CameraBatch, size_HW: tuple[int, int]) -> Shown:
    views = [
        raycast(Scene(one, GRID, CARLA_SC), camera.resized(size_HW))
        for one, camera in zip(labels, CAMERAS, strict=False)
    ]
    return Shown(*(torch.from_numpy(np.stack([getattr(v, n) for v in views])) for n in ("depth_HW", "semantic_HW")))


@pytest.mark.parametrize("times", [1, 2, 4])
def test_what_pixels_show_is_learned_in_their_cells(times: int) -> None:
    cameras, bins = CameraBatch.stack(CAMERAS), 64
    shown = shown_by([boxes(0), boxes(1)], cameras, (16 * times, 48 * times))
    bin_BRHW, class_BRHW = shown_ends(shown, bins, (16, 48), cameras, GRID)
    assert bin_BRHW.shape == class_BRHW.shape == (2, 4, 16, 48)
    near, far = depth_range_m(GRID, cameras)
    for b, h, w in np.ndindex(2, 16, 48):
        cell = (slice(h * times, (h + 1) * times), slice(w * times, (w + 1) * times))
        allowed = {
            (int(k), bins if k == 0 else int((d - near[b]) / (far[b] - near[b]) * bins))
            for k, d in zip(shown.class_BHW[b][cell].flatten(), shown.depth_BHW_m[b][cell].flatten(), strict=True)
        }
        told = set(zip(class_BRHW[b, :, h, w].tolist(), bin_BRHW[b, :, h, w].tolist(), strict=True))
        assert told == allowed if times < 4 else told <= allowed


@pytest.mark.parametrize("far", [0.0, 1.0, 2.0])
def test_the_loss_of_pixels_is_a_mean_of_their_cross_entropies_weighed_by_depth(far: float) -> None:
    cameras, bins = CameraBatch.stack(CAMERAS), 16
    shown = shown_by([boxes(0), boxes(1)], cameras, (32, 96))
    shown.class_BHW[:, :4] = UNKNOWN
    head = SightHead(SightConfig(bins, 1, taught="pixels", far=far), 2, GRID, CARLA_SC)
    logits = torch.randn(2, bins + 1 + CARLA_SC.class_count, 16, 48, requires_grad=True)
    nothing = torch.zeros(2, *GRID.shape_XYZ, dtype=torch.uint8)
    terms = head.loss(logits, nothing, cameras, shown)
    bin_BRHW, class_BRHW = shown_ends(shown, bins, (16, 48), cameras, GRID)
    known = bin_BRHW != IGNORED
    assert int((~known).sum()) == 2 * 4 * 2 * 48
    each = [logits[:, None].expand(-1, 4, -1, -1, -1).movedim(2, -1)[known].split([bins + 1, CARLA_SC.class_count], -1)]
    depth = torch.where(bin_BRHW[known] == bins, bins / 2, bin_BRHW[known] + 0.5)
    weight = depth**far / (depth**far).sum()
    ends = F.cross_entropy(each[0][0], bin_BRHW[known], reduction="none")
    torch.testing.assert_close(terms["sight_depth"], (weight * ends).sum())
    kinds = F.cross_entropy(each[0][1], class_BRHW[known], head.weight_K, reduction="none")
    torch.testing.assert_close(terms["sight_class"], (weight * kinds).sum())
    if not far:
        torch.testing.assert_close(terms["sight_depth"], ends.mean())
    assert head.loss(logits, nothing, cameras) == {}, "nothing is learned where nothing is known"


def test_rays_pass_through_what_lies_behind_a_cell_and_know_the_floor() -> None:
    cameras = CameraBatch.stack(CAMERAS)
    origin, ray = cameras.rays((4, 12))
    centre = cell_centres_m(GRID, cameras, 6, 4, 12)
    depth = (centre - origin[:, None, None, None]) / ray[:, None]
    torch.testing.assert_close(depth, depth[..., :1].expand_as(depth), rtol=1e-3, atol=1e-3)
    code = ray_code_B4HW(cameras, GRID, (4, 12))
    meets = code[:, 3] > 0
    floor_depth = 10.0 / code[:, 3][meets]
    reached = origin[:, None, None].expand_as(ray)[meets] + floor_depth[:, None] * ray[meets]
    torch.testing.assert_close(reached[:, 2], torch.full_like(floor_depth, GRID.origin_m[2]), rtol=0.0, atol=1e-3)
    assert bool((ray[..., 2][~meets] >= 0).all())


def test_a_certain_end_is_told_to_its_voxel_and_to_those_behind_it() -> None:
    cameras = CameraBatch.stack(CAMERAS[:1])
    head = SightHead(SightConfig(16, 1), 2, GRID, CARLA_SC)
    centre = cell_centres_m(GRID, cameras, 16, 16, 48)[0, :, 8, 24]
    logits = torch.zeros(1, 17 + CARLA_SC.class_count, 16, 48)
    logits[:, 5] = 50.0
    ends, before = head.ends(logits, centre, cameras)[0]
    expected = torch.zeros(16)
    expected[5] = 1.0
    torch.testing.assert_close(ends, expected, atol=1e-3, rtol=0.0)
    torch.testing.assert_close(before, (torch.arange(16) > 5).float(), atol=1e-3, rtol=0.0)
    behind = -centre[:1]
    assert not head.ends(logits, behind, cameras).any()


@pytest.mark.parametrize("scale", [2, 4])
def test_the_head_reads_the_scale_it_was_told(scale: int) -> None:
    head = SightHead(SightConfig(8, scale), 3, GRID, CARLA_SC)
    pyramid = {s: torch.randn(2, 3, 16 // s, 48 // s) for s in (2, 4)}
    assert head(pyramid, CameraBatch.stack(CAMERAS)).shape == (2, 9 + CARLA_SC.class_count, 16 // scale, 48 // scale)


def test_the_last_convolution_is_a_matrix() -> None:
    head, cameras = SightHead(SightConfig(16, 2), 8, GRID, CARLA_SC).eval(), CameraBatch.stack(CAMERAS)
    feature = torch.randn(2, 8, 16, 48)
    with torch.no_grad():
        convolved = head.net(torch.cat([feature, ray_code_B4HW(cameras, GRID, (16, 48))], 1))
        torch.testing.assert_close(head({2: feature}, cameras), convolved, atol=1e-5, rtol=1e-4)


def test_evidence_counts_the_lines_that_cross_a_voxel() -> None:
    """Against a loop over all cells; shares sum to one where there are cells, and nothing is said elsewhere."""
    cameras, bins, classes = CameraBatch.stack(CAMERAS), 12, CARLA_SC.class_count
    head = SightHead(SightConfig(bins, 1, splat=True), 2, GRID, CARLA_SC)
    logits = 2.0 * torch.randn(2, bins + 1 + classes, 6, 18, generator=torch.Generator().manual_seed(0))
    logits[:, 3] -= 9.0  # hardly ever there: no class is told
    evidence = head.evidence(logits, cameras)
    ends, kinds = logits[:, : bins + 1].softmax(1)[:, :bins], logits[:, bins + 1 :].softmax(1)
    assert 0.05 < float((ends < LEAST_CHANCE).float().mean()) < 0.5
    counted = np.zeros((2, *GRID.shape_XYZ, 3 + classes))
    index = np.floor(GRID.index_from_metres(cell_centres_m(GRID, cameras, bins, 6, 18).reshape(-1, 3).double().numpy()))
    for (b, d, h, w), (x, y, z) in zip(np.ndindex(2, bins, 6, 18), index.astype(int), strict=True):
        if min(x, y, z) < 0 or x >= 16 or y >= 16 or z >= 8:
            continue
        p, before = float(ends[b, d, h, w]), float(ends[b, :d, h, w].sum())
        counted[b, x, y, z] += np.concatenate(
            [[p, 1.0 - before - p, before], p * (p >= LEAST_CHANCE) * kinds[b, :, h, w].numpy()]
        )
    end, crossed = counted[..., :1], counted[..., :3].sum(-1, keepdims=True)
    expected = np.concatenate(
        [np.log1p(end), counted[..., :3] / np.maximum(crossed, 1e-6), counted[..., 3:] / np.maximum(end, 0.05)], -1
    )
    np.testing.assert_allclose(evidence.movedim(1, -1).numpy(), expected, atol=1e-4)
    assert 0.01 < (crossed > 0).mean() < 0.9 and not evidence.movedim(1, -1).numpy()[crossed[..., 0] == 0].any()


def test_voxels_are_told_where_in_them_lines_end() -> None:
    cameras, bins = CameraBatch.stack(CAMERAS[1:]), 24
    head = SightHead(SightConfig(bins, 1, splat=True, places=True), 2, GRID, CARLA_SC)
    logits = torch.zeros(1, bins + 1 + CARLA_SC.class_count, 6, 18)
    logits[:, 7] = 40.0  # every line ends in one bin
    evidence = head.evidence(logits, cameras)
    assert evidence.shape[1] == head.evidence_channels == 4 + CARLA_SC.class_count + 3
    index = GRID.index_from_metres(cell_centres_m(GRID, cameras, bins, 6, 18)[0, 7].reshape(-1, 3).double().numpy())
    inside = ((index >= 0) & (index < GRID.shape_XYZ)).all(1)
    assert inside.sum() > 10
    for voxel in {tuple(v) for v in np.floor(index[inside]).astype(int)}:
        of = index[(np.floor(index) == voxel).all(1)]
        told = evidence[0, -3:, *voxel].numpy()
        np.testing.assert_allclose(told, (of - np.floor(of) - 0.5).mean(0), atol=1e-4)


def test_certain_ends_are_certain_evidence() -> None:
    cameras, bins = CameraBatch.stack(CAMERAS[:1]), 32
    labels = torch.from_numpy(boxes(0))[None]
    depth, kind = (x[:, 0] for x in first_hits(labels, bins, (16, 48), cameras, GRID))
    told = torch.cat([F.one_hot(depth, bins + 1), F.one_hot(kind, CARLA_SC.class_count)], 3).movedim(-1, 1) * 40.0
    log_ends, ends, passing, _ = SightHead(SightConfig(bins, 1), 2, GRID, CARLA_SC).evidence(told, cameras)[0, :4]
    met = log_ends > 0.5
    kinds = SightHead(SightConfig(bins, 1), 2, GRID, CARLA_SC).evidence(told, cameras)[0, 4:].argmax(0)
    assert int(met.sum()) > 20 and bool((labels[0][met] != 0).all()), "lines end in what is occupied"
    assert torch.equal(kinds[met], labels[0][met].long())
    assert bool((labels[0][passing > 0.99] == 0).all()) and bool((ends[met] > 0).all())
