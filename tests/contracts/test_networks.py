"""What every perception network promises, those to come included: they are found by listing the modules."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from occforge.core.batch import CameraBatch
from occforge.core.camera import Camera, street_camera
from occforge.core.errors import InputError
from occforge.core.grid import STREET_GRID, GridSpec
from occforge.core.taxonomy import CARLA_SC, NUSCENES_OCC, NYUV2, OCC3D, SEMANTIC_KITTI, UNKNOWN
from occforge.data import nuscenes_occ, nyuv2, occ3d
from occforge.perception.network import Hints, PerceptionNetwork, build_network, network_names, preset
from occforge.recipes._perception import SETUPS

GRID = GridSpec((32, 32, 8), (1.6, 1.6, 0.8), (0.0, -25.6, -2.0))
SIZE_HW, BATCH = (64, 192), 2


@dataclass
class Case:
    """A fresh small network and something for it to look at."""

    name: str
    network: PerceptionNetwork
    image: Tensor
    cameras: CameraBatch

    def hints(self, size_HW: tuple[int, int] = SIZE_HW) -> Hints:
        depth = torch.full((BATCH, *size_HW), 10.0) if "depth_BHW_m" in self.network.needs else None
        return Hints(depth_BHW_m=depth)

    def logits(self, image: Tensor, camera: Camera | None = None) -> Tensor:
        """Of the network in evaluation mode."""
        size_HW = (image.shape[2], image.shape[3])
        cameras = CameraBatch.stack([camera or street_camera(SIZE_HW).resized(size_HW)] * BATCH)
        with torch.no_grad():
            return self.network.eval()(image, cameras, self.hints(size_HW)).logits_BKXYZ


@pytest.fixture(scope="module", params=network_names())
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    torch.manual_seed(0)
    network = build_network(request.param, preset(request.param, "small"), GRID, CARLA_SC)
    image = torch.rand(BATCH, 3, *SIZE_HW)
    yield Case(request.param, network, image, CameraBatch.stack([street_camera(SIZE_HW)] * BATCH))


def test_logits_have_the_grids_shape_and_are_finite(case: Case) -> None:
    logits = case.logits(case.image)
    assert logits.shape == (BATCH, CARLA_SC.class_count, *GRID.shape_XYZ) and bool(logits.isfinite().all())


def test_every_parameter_learns_from_the_loss(case: Case) -> None:
    torch.manual_seed(1)
    network = build_network(case.name, preset(case.name, "small"), GRID, CARLA_SC).train()
    with torch.no_grad():  # weights that start at zero hide those before them
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    target = torch.randint(0, CARLA_SC.class_count, (BATCH, *GRID.shape_XYZ)).to(torch.uint8)
    target[torch.rand(target.shape) < 0.3] = UNKNOWN
    prediction = network(case.image, case.cameras, case.hints())
    terms = network.loss(prediction, target, case.cameras)
    assert all(bool(term.isfinite()) for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not bool((parameter.grad != 0).any())
    ]
    assert idle == []


def test_a_batch_holds_the_prediction_of_each_picture(case: Case) -> None:
    """The part of it that is a picture's gives the losses that the picture has by itself."""
    network, target = case.network.eval(), torch.randint(0, 11, (BATCH, *GRID.shape_XYZ)).to(torch.uint8)
    with torch.no_grad():
        together = network(case.image, case.cameras, case.hints())
        for b in range(BATCH):
            camera = CameraBatch.stack([street_camera(SIZE_HW)])
            alone, losses = network(case.image[b : b + 1], camera, Hints()), []
            for prediction in (together.mapped(lambda x, b=b: x[b : b + 1]), alone):
                torch.manual_seed(3)  # of what a loss draws
                losses.append(network.loss(prediction, target[b : b + 1], camera))
            for name in losses[1]:
                torch.testing.assert_close(losses[0][name], losses[1][name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_pixels_move_the_voxels_of_their_side(case: Case, side: str) -> None:
    other = case.image.clone()
    half = slice(0, SIZE_HW[1] // 2) if side == "left" else slice(SIZE_HW[1] // 2, None)
    other[..., half] = 1.0 - other[..., half]
    change_XYZ = (case.logits(other) - case.logits(case.image)).abs().mean((0, 1))
    centre = torch.from_numpy(GRID.metres_from_index(torch.nonzero(torch.ones(GRID.shape_XYZ)).numpy() + 0.5)).float()
    seen = case.cameras.inside(*case.cameras.project(centre))[0]
    left, right = (change_XYZ.flatten()[seen & (centre[:, 1] * sign > 0)].mean() for sign in (1.0, -1.0))
    assert (left > right) if side == "left" else (right > left)


def test_resizing_picture_and_camera_leaves_the_response_in_its_place(case: Case) -> None:
    other = case.image.clone()
    other[..., :64] = 1.0 - other[..., :64]
    places = []
    y = (torch.arange(GRID.shape_XYZ[1]) + 0.5) / GRID.shape_XYZ[1]
    for factor in (1, 2):
        before, after = (
            case.logits(image.repeat_interleave(factor, 2).repeat_interleave(factor, 3))
            for image in (case.image, other)
        )
        change_XY = (after - before).abs().mean((0, 1, 4))
        places.append(float((change_XY * y).sum() / change_XY.sum()))
    assert min(places) > 0.5 and abs(places[0] - places[1]) < 0.1  # left of the middle, a tenth of the width apart


def test_what_the_camera_does_not_see_is_not_told_by_the_picture(case: Case) -> None:
    behind = street_camera(SIZE_HW).moved((0.0, 0.0, 0.0), torch.pi)
    assert torch.equal(case.logits(case.image, behind), case.logits(1.0 - case.image, behind))


def test_weights_are_all_there_is_to_a_trained_network(case: Case) -> None:
    torch.manual_seed(2)
    again = build_network(case.name, preset(case.name, "small"), GRID, CARLA_SC)
    again.load_state_dict(case.network.state_dict())
    copy = Case(case.name, again, case.image, case.cameras)
    assert torch.equal(copy.logits(case.image), case.logits(case.image))


DATASETS = {
    "street": (STREET_GRID, SEMANTIC_KITTI), "nyuv2": (nyuv2.GRIDS["coarse"], NYUV2),
    "occ3d": (occ3d.GRID, OCC3D), "nuscenes_occ": (nuscenes_occ.GRID, NUSCENES_OCC),
}  # fmt: skip


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", network_names())
def test_every_network_is_small_enough_for_every_dataset(name: str, dataset: str) -> None:
    """At the sizes that its recipe gives it."""
    (grid, taxonomy), setup = DATASETS[dataset], SETUPS[dataset]
    factor = setup.small_factor
    small = grid.pooled((factor, factor, factor))
    network = build_network(name, preset(name, "small"), small, taxonomy).eval()
    cameras = CameraBatch.stack([street_camera(setup.small_HW)])
    target = torch.randint(0, taxonomy.class_count, (1, *small.shape_XYZ)).to(torch.uint8)
    with torch.no_grad():
        prediction = network(torch.rand(1, 3, *setup.small_HW), cameras, Hints())
        terms = network.loss(prediction, target, cameras)
    assert prediction.logits_BKXYZ.shape == (1, taxonomy.class_count, *small.shape_XYZ)
    assert all(bool(term.isfinite()) for term in terms.values())


def test_what_does_not_fit_is_refused(case: Case) -> None:
    with pytest.raises(InputError, match="as its camera says"):
        case.network(case.image[..., :-1], case.cameras, case.hints())
    with pytest.raises(InputError, match="a camera an image"):
        case.network(case.image[:1], case.cameras, case.hints())


def test_what_is_needed_must_be_given(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case.network, "needs", case.network.needs | {"depth_BHW_m"})
    with pytest.raises(InputError, match="needs depth"):
        case.network(case.image, case.cameras, Hints())
