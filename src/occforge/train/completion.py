"""Training of MonoScene's volume network alone: it completes what lines of sight show, told the truth with errors.

A picture costs most of a training step and a street's rays nearly nothing, so what lies behind and beside what is seen
can be learned from far more streets than pictures are made of. The network that reads pictures is told in its place by
`told_sight`, with errors like those of one.

Shape legend: B batch, C channels, K classes, D bins of depth, H W rows and columns of a map, R pixels of a cell.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.batch import CameraBatch
from occforge.core.errors import InputError
from occforge.core.files import file_digest
from occforge.core.grid import GridSpec
from occforge.core.tensors import load_state, load_tensors
from occforge.data.pairs import WorldPairs
from occforge.data.shards import reading_order
from occforge.perception._frustum import bin_centres_m
from occforge.perception._sight import shown_ends
from occforge.perception.monoscene import Config, MonoScene, build
from occforge.perception.network import Shown
from occforge.perception.weights import save_network
from occforge.train.augment import mirror
from occforge.train.budget import Timed
from occforge.train.loop import LoopConfig, train
from occforge.train.perception import start_from
from occforge.train.tasks import draws


@dataclass(frozen=True)
class Errors:
    """How wrong the readings are that the volume network is told, each picture by a share of it drawn at random.

    `depth`: deviation of depth at 20 m, relative to it and growing with it. `shift`: deviation, in cells, of where a
    cell's ends are taken from. `kind`: deviation of the classes' logits, of which the true one is 5 above the others.
    """

    depth: float = 0.12
    shift: float = 1.0
    kind: float = 2.0


class CompletionTask:
    """The volume network of `network` on streets whose rays are known; no picture is made or read."""

    def __init__(self, network: MonoScene, streets: WorldPairs, errors: Errors) -> None:
        if network.sight is None:
            raise InputError(
                "completion: expected a network that reads lines of sight, got one without; set sight.bins"
            )
        self.network, self.streets, self.errors = network, streets, errors
        self.module: nn.Module = network
        for part in (network.image_encoder, network.sight):
            part.requires_grad_(False)

    def losses(self, step: int, slots: Sequence[int], batch: int, seed: int) -> Tensor:
        """See `Task.losses`. The terms pool over this process's slots, as batch norms do."""
        device = next(self.network.parameters()).device
        assert self.network.sight is not None
        sights, cameras, targets = [], [], []
        for slot, index in zip(slots, reading_order(len(self.streets), step, slots, batch, seed), strict=True):
            rng = draws(seed, step, slot)
            pair = self.streets.seen(index)
            if rng.numpy.random() < 0.5:
                pair = mirror(pair, self.streets.grid)
            assert pair.surface_HW_m is not None and pair.class_HW is not None
            shown = Shown(torch.from_numpy(pair.surface_HW_m)[None], torch.from_numpy(pair.class_HW)[None])
            camera = CameraBatch.stack([pair.camera])
            sights.append(self.told(shown, camera, float(rng.numpy.random()), rng.torch))
            cameras.append(pair.camera)
            targets.append(torch.from_numpy(pair.labels_XYZ))
        camera_batch = CameraBatch.stack(cameras).to(device)
        sight_BSHW = torch.cat(sights).to(device)
        prediction = self.network.complete(self.network.placed(camera_batch), sight_BSHW, camera_batch)
        terms = self.network.loss(prediction, torch.stack(targets).to(device), camera_batch)
        return torch.stack(list(terms.values())).sum().expand(len(slots))

    def told(self, shown: Shown, cameras: CameraBatch, share: float, generator: torch.Generator) -> Tensor:
        """`told_sight` at the size of the network's own map, with that share of the errors."""
        sight = self.network.config.sight
        halved = 2 if self.network.config.image.details else 1
        H, W = (n // (halved * sight.scale) for n in cameras.size_HW)
        grid, classes = self.network.grid, self.network.taxonomy.class_count
        return told_sight(shown, sight.bins, classes, (H, W), cameras, grid, self.errors, share, generator)


def told_sight(
    shown: Shown,
    bins: int,
    classes: int,
    size_HW: tuple[int, int],
    cameras: CameraBatch,
    grid: GridSpec,
    errors: Errors,
    share: float,
    generator: torch.Generator,
) -> Tensor:
    """Logits (1, D + 1 + K, H, W), as `SightHead` gives them, of a reader that errs by `share` of `errors`.

    Depth is a mixture over two pixels of each cell, as wide as it is likely to be wrong.
    """
    bin_1RHW, class_1RHW = shown_ends(shown, bins, size_HW, cameras, grid)
    bin_RHW, class_RHW = bin_1RHW[0, [0, 3]], class_1RHW[0, [0, 3]]
    H, W = size_HW

    def field(channels: int, coarse: int) -> Tensor:
        small = torch.randn(1, channels, -(-H // coarse), -(-W // coarse), generator=generator)
        return F.interpolate(small, size_HW, mode="bilinear")[0]

    shift_2HW = share * errors.shift * field(2, 4)
    row_HW = (torch.arange(H)[:, None] + shift_2HW[0]).round().long().clamp(0, H - 1)
    column_HW = (torch.arange(W)[None] + shift_2HW[1]).round().long().clamp(0, W - 1)
    bin_RHW, class_RHW = bin_RHW[:, row_HW, column_HW], class_RHW[:, row_HW, column_HW].clamp(min=0)
    centre_D = bin_centres_m(grid, cameras, bins)[0]
    depth_RHW = centre_D[bin_RHW.clamp(0, bins - 1)]
    wrong_RHW = share * errors.depth * (depth_RHW / 20.0).clamp(0.2, 1.5)
    noise_HW = 0.7 * field(1, 8)[0] + 0.7 * field(1, 2)[0] + 0.3 * field(1, 1)[0]
    depth_RHW = depth_RHW * torch.exp(wrong_RHW * noise_HW)
    spread_RHW = 0.3 + 0.7 * wrong_RHW * depth_RHW
    ends_RDHW = (-0.5 * ((centre_D[:, None, None] - depth_RHW[:, None]) / spread_RHW[:, None]) ** 2).softmax(1)
    none_R1HW = (bin_RHW == bins)[:, None]
    ends_SHW = torch.cat([ends_RDHW * ~none_R1HW, none_R1HW.float()], 1).mean(0)
    kind_KHW = 5.0 * F.one_hot(class_RHW, classes).movedim(-1, 1).float().mean(0)
    kind_KHW = kind_KHW + share * errors.kind * field(classes, 4)
    return torch.cat([ends_SHW.clamp(min=1e-6).log(), kind_KHW])[None]


def train_completion(
    config: Config,
    streets: WorldPairs,
    errors: Errors,
    loop: LoopConfig,
    out: Path,
    start: Path | None = None,
) -> Path:
    """Train the volume network; `out`/monoscene.safetensors is a whole network whose image encoder has learned nothing.

    Give it to `occforge train street.monoscene --start` with `--encoder`. Begins with the volume of `start`. Continues
    where a stopped run of the same configuration was.
    """
    torch.manual_seed(loop.seed)
    network = build(config, streets.grid, streets.taxonomy)
    if start is not None:
        start_from(network, "monoscene", start, other_encoder=True)
    for scale in config.scales:  # what is lifted begins as nothing, as it is here: the volume network has not met it
        for parameter in network.image_encoder.resize[f"{scale}"].parameters():
            nn.init.zeros_(parameter)
    made_from = {
        "config": asdict(config),
        "source": streets.identity,
        "pairs": len(streets),
        "errors": asdict(errors),
        "start": None if start is None else file_digest(start),
    }
    with Timed(CompletionTask(network, streets, errors), out / "cpu.jsonl") as timed:
        final = train(timed, loop, out, json.loads(json.dumps(made_from)))
    network.to("cpu")
    load_state(network, load_tensors(final)[0], final)
    path = out / "monoscene.safetensors"
    said = {"source": streets.identity, "steps": loop.steps}
    save_network(network, "monoscene", config, streets.size_HW, path, said)
    return path
