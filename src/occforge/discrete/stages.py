"""The stages of Comp-D3PM and the grids that they diffuse (Eqs. 6-8, and a refinement that is ours).

    scene -- pool --> half -- encode --> fusion codes          background: p(B | request)
      |                 |                                      objects:    p(F | B, request)
      +-- encode --> refinement codes                          fusion:     p(half scene | B, F, request)
      +-- split, pool --> B, F                                 refine:     p(scene | half scene)

Every stage has one `Stage`: a transition, a network and how its conditions are laid out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from occforge.core.errors import InputError
from occforge.core.grid import GridSpec, Scene
from occforge.core.taxonomy import UNKNOWN, Taxonomy
from occforge.discrete.bedit import BEDiT, BEDiTConfig, Stream
from occforge.discrete.calibration import Calibration
from occforge.discrete.codes import ANY_VOXEL, ShapeCodes
from occforge.discrete.presence import Presence
from occforge.discrete.refine import RefineConfig, SparseRefiner
from occforge.discrete.request import RequestPrior
from occforge.discrete.separate import Factor, pool, split
from occforge.discrete.text import PromptReader, TextConfig
from occforge.discrete.transition import Kind, Transition

StageName = Literal["background", "objects", "fusion", "refine"]


@dataclass(frozen=True)
class TrunkConfig:
    """What of a BEDiT does not follow from grid and process; see `BEDiTConfig`."""

    channels: tuple[int, ...] = (96, 256)
    convs: int = 2
    depth: int = 5
    heads: int = 4
    embed: int = 8
    head: int = 32
    self_condition: bool = True
    evidence: bool = False


@dataclass(frozen=True)
class CompositionConfig:
    """What the stages diffuse, at which size. All pooling factors count voxels of the full grid.

    `fusion_codes` > 0: fusion draws that many shape codes of the scene at `fusion_factor`; 0: labels, as in the paper.
    `refine_codes` > 0: a sparse stage draws the full grid from twice the voxel size; then `fusion_factor` is (2, 2, 2).
    `object_threshold`, `background_threshold`: th of Sec. 4.1 for each stream.
    """

    background_factor: Factor = (8, 8, 4)
    object_factor: Factor = (4, 4, 4)
    background_threshold: float = 0.95
    object_threshold: float = 0.975
    fusion_factor: Factor = (2, 2, 2)
    fusion_codes: int = 2048
    refine_codes: int = 2048
    T: int = 100
    fusion_kind: Kind = "absorbing"
    background: TrunkConfig = field(default_factory=TrunkConfig)
    objects: TrunkConfig = field(default_factory=lambda: TrunkConfig(channels=(48, 96, 256), depth=4))
    fusion: TrunkConfig = field(
        default_factory=lambda: TrunkConfig(channels=(96, 128, 192), depth=2, embed=16, self_condition=False)
    )
    refine_width: int = 192
    refine_depth: int = 2
    text: TextConfig = field(default_factory=TextConfig)


@dataclass(frozen=True)
class Alphabet:
    """The labels that a stream can hold, as states 0..K-1; K stands for unknown."""

    labels: tuple[int, ...]

    @property
    def states(self) -> int:
        """K."""
        return len(self.labels)

    def encode(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels to states; unknown and foreign labels become K."""
        table = np.full(256, self.states, np.uint8)
        table[list(self.labels)] = np.arange(self.states)
        return table[labels]

    def decode(self, states: NDArray[np.integer]) -> NDArray[np.uint8]:
        """States to labels; K becomes unknown."""
        return np.array([*self.labels, UNKNOWN], np.uint8)[states]


@dataclass(frozen=True)
class SceneGrids:
    """One scene as the stages see it, states per cell; the refinement's grids only if there is a refinement."""

    background: NDArray[np.uint8]
    objects: NDArray[np.uint8]
    fusion: NDArray[np.int16]
    half: NDArray[np.uint8]
    refine: NDArray[np.int16]


Read = Callable[[SceneGrids], NDArray[np.integer]]
"""A grid of states (X, Y, Z) read from a scene; the number of states stands for unknown."""


@dataclass(frozen=True)
class Given:
    """A grid that a stage is conditioned on, and how many states it has, unknown not counted."""

    read: Read
    states: int


@dataclass(frozen=True)
class Stage:
    """One diffusion of p(x_0 | given, request): its network, its noise and where its grids come from.

    `target` reads x_0, which lies on `grid`; `given` are the network's conditions in order. `emphasis`: an absorbing
    stage learns from masked cells with odds of 0.1 and (odds, reach, grid) more within so many cells of what occupies
    these grids, which must follow from the conditions alone.
    """

    network: BEDiT
    transition: Transition
    grid: GridSpec
    target: Read
    given: tuple[Given, ...] = ()
    emphasis: tuple[tuple[float, int, Read], ...] = ()


def fusion_emphasis(background: Read, objects: Read) -> tuple[tuple[float, int, Read], ...]:
    """Where fusion learns: near surfaces, more near objects, most inside them, thin ones being a few cells a scene."""
    return (2.0, 1, background), (3.0, 1, objects), (10.0, 0, objects)


class Levels:
    """The grids of the stages: how a scene of one geometry and taxonomy is separated, pooled and coded."""

    def __init__(
        self,
        config: CompositionConfig,
        grid: GridSpec,
        taxonomy: Taxonomy,
        fusion_book: ShapeCodes | None = None,
        refine_book: ShapeCodes | None = None,
    ) -> None:
        self.config, self.grid, self.taxonomy = config, grid, taxonomy
        self.fusion_book, self.refine_book = fusion_book, refine_book
        self.alphabets = {
            "background": Alphabet((0, *taxonomy.background)),
            "objects": Alphabet((0, *taxonomy.objects)),
            "labels": Alphabet(tuple(range(taxonomy.class_count))),
        }
        self.background_grid = grid.pooled(config.background_factor)
        self.object_grid = grid.pooled(config.object_factor)
        self.half_grid = grid.pooled(config.fusion_factor)
        self.fusion_grid = self.half_grid.pooled((2, 2, 2)) if config.fusion_codes else self.half_grid
        self.refine_ranks = 1 if refine_book is None else int(np.bincount(refine_book.parent_K).max())

    def presence(self, background_XYZ: Tensor, objects_XYZ: Tensor) -> Presence:
        """Which states fusion may draw where, given the coarse grids (states, long)."""
        labels_K1 = np.array(self.alphabets["labels"].labels)[:, None]
        block_KV = labels_K1 if self.fusion_book is None else self.fusion_book.block_K8
        coarse = [(background_XYZ, self.taxonomy.background), (objects_XYZ, self.taxonomy.objects)]
        return Presence(block_KV, coarse, self.fusion_grid.shape_XYZ)

    def half_scene(self, labels_XYZ: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The scene that fusion draws: pooled so that no occupied block is lost; the scene itself without pooling."""
        if self.config.fusion_factor == (1, 1, 1):
            return labels_XYZ
        return pool(labels_XYZ, self.config.fusion_factor, self.taxonomy, ANY_VOXEL)

    def coarse(
        self, labels_XYZ: NDArray[np.uint8], pooled: Factor = (1, 1, 1)
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """(B, F): states of the separated, pooled background and objects of a scene (Eq. 6).

        `pooled`: voxels of the full grid that one of `labels_XYZ` stands for; it divides the factors of both grids.
        """
        config = self.config
        background, objects = split(labels_XYZ, self.taxonomy)
        background = pool(
            background, divided(config.background_factor, pooled), self.taxonomy, config.background_threshold
        )
        objects = pool(objects, divided(config.object_factor, pooled), self.taxonomy, config.object_threshold)
        return self.alphabets["background"].encode(background), self.alphabets["objects"].encode(objects)

    def coarse_scene(self, background: NDArray[np.uint8], objects: NDArray[np.uint8] | None = None) -> Scene:
        """The coarse grids as a scene to look at: objects stand in front of the background, on their finer grid."""
        labels = self.alphabets["background"].decode(background)
        if objects is None:
            return Scene(labels, self.background_grid, self.taxonomy)
        for axis, (fine, coarse) in enumerate(zip(self.object_grid.shape_XYZ, labels.shape, strict=True)):
            labels = labels.repeat(fine // coarse, axis)
        object_labels = self.alphabets["objects"].decode(objects)
        return Scene(np.where(object_labels > 0, object_labels, labels), self.object_grid, self.taxonomy)

    def grids(self, labels_XYZ: NDArray[np.uint8]) -> SceneGrids:
        """Everything that training needs of one scene."""
        background, objects = self.coarse(labels_XYZ)
        half = self.half_scene(labels_XYZ)
        if self.fusion_book is None:
            fusion = self.alphabets["labels"].encode(half).astype(np.int16)
        else:
            fusion = self.fusion_book.encode(half).astype(np.int16)
        refine = np.zeros((0, 0, 0), np.int16)
        if self.refine_book is not None:
            refine = self.refine_book.encode(labels_XYZ).astype(np.int16)
        return SceneGrids(background, objects, fusion, half, refine)


def divided(factor: Factor, by: Factor) -> Factor:
    """What is left of a pooling factor for labels that are pooled already; raises `InputError` if nothing whole is."""
    if any(n < 1 or f % n for f, n in zip(factor, by, strict=True)):
        raise InputError(
            f"scene: {by} voxels of the full grid were pooled to one, {factor} can no longer be made of them"
        )
    return factor[0] // by[0], factor[1] // by[1], factor[2] // by[2]


class Composition(nn.Module):
    """All networks of the scene-first generator, with the geometry and classes they were built for."""

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = levels
        config, taxonomy = levels.config, levels.taxonomy
        fusion_states = config.fusion_codes or taxonomy.class_count
        self.transitions: dict[str, Transition] = {
            "background": Transition(levels.alphabets["background"].states, config.T),
            "objects": Transition(levels.alphabets["objects"].states, config.T),
            "fusion": Transition(fusion_states, config.T, config.fusion_kind),
            "refine": Transition(levels.refine_ranks, config.T, "absorbing"),
        }
        self.calibration = {name: Calibration() for name in self.transitions}
        self.request_prior = RequestPrior()
        self.text = PromptReader(config.text)
        objects_see = (self._stream("background", levels.object_grid),)
        fusion_sees = tuple(self._stream(name, levels.fusion_grid) for name in ("background", "objects"))
        self.networks = nn.ModuleDict(
            {
                "background": self._bedit("background", config.background, levels.background_grid, ()),
                "objects": self._bedit("objects", config.objects, levels.object_grid, objects_see),
                "fusion": self._bedit("fusion", config.fusion, levels.fusion_grid, fusion_sees),
            }
        )
        if config.refine_codes:
            heights = levels.half_grid.shape_XYZ[2]
            sizes = RefineConfig(
                taxonomy.class_count, config.refine_codes, heights, config.refine_width, config.refine_depth
            )
            self.networks["refine"] = SparseRefiner(sizes)
        self._install_books()

    def _install_books(self) -> None:
        if self.levels.fusion_book is not None:
            self.bedit("fusion").set_code_blocks(torch.from_numpy(self.levels.fusion_book.block_K8).long())
        if self.levels.refine_book is not None:
            book = self.levels.refine_book
            self.refiner.set_code_blocks(torch.from_numpy(book.block_K8).long(), torch.from_numpy(book.parent_K).long())

    def _bedit(self, name: StageName, trunk: TrunkConfig, grid: GridSpec, conditions: tuple[Stream, ...]) -> BEDiT:
        code_blocks = name == "fusion" and self.levels.config.fusion_codes > 0
        return build_bedit(trunk, self.transitions[name], grid, conditions, code_blocks)

    def _stream(self, name: str, target: GridSpec) -> Stream:
        grid = self.levels.background_grid if name == "background" else self.levels.object_grid
        return stream(self.levels.alphabets[name].states, grid, target)

    @property
    def stages(self) -> dict[str, Stage]:
        """The diffused stages in their order: what each learns, given what."""
        levels, transitions = self.levels, self.transitions
        background = Given(attrgetter("background"), levels.alphabets["background"].states)
        objects = Given(attrgetter("objects"), levels.alphabets["objects"].states)
        return {
            "background": Stage(
                self.bedit("background"), transitions["background"], levels.background_grid, background.read
            ),
            "objects": Stage(
                self.bedit("objects"), transitions["objects"], levels.object_grid, objects.read, (background,)
            ),
            "fusion": Stage(
                self.bedit("fusion"),
                transitions["fusion"],
                levels.fusion_grid,
                attrgetter("fusion"),
                (background, objects),
                fusion_emphasis(background.read, objects.read),
            ),
        }

    def bedit(self, name: StageName) -> BEDiT:
        """The network of a diffused stage."""
        network = self.networks[name]
        assert isinstance(network, BEDiT)
        return network

    @property
    def refiner(self) -> SparseRefiner:
        """The network of the refinement."""
        network = self.networks["refine"]
        assert isinstance(network, SparseRefiner)
        return network


def build_bedit(
    trunk: TrunkConfig,
    transition: Transition,
    grid: GridSpec,
    conditions: tuple[Stream, ...] = (),
    code_blocks: bool = False,
) -> BEDiT:
    """A network with fresh weights for x_0 on `grid`."""
    return BEDiT(
        BEDiTConfig(
            transition=transition,
            heights=grid.shape_XYZ[2],
            conditions=conditions,
            self_condition=trunk.self_condition,
            evidence=trunk.evidence,
            channels=trunk.channels,
            convs=trunk.convs,
            depth=trunk.depth,
            heads=trunk.heads,
            embed=trunk.embed,
            head=trunk.head,
            code_blocks=code_blocks,
        )
    )


def stream(states: int, grid: GridSpec, target: GridSpec) -> Stream:
    """How a network on the grid `target` sees a condition of so many known states on `grid`."""
    coarser = target.shape_XYZ[0] // grid.shape_XYZ[0]
    assert tuple(n * coarser for n in grid.shape_XYZ[:2]) == target.shape_XYZ[:2]
    return Stream(states + 1, grid.shape_XYZ[2], coarser)


def as_condition(grids: Sequence[NDArray[np.integer]]) -> Tensor:
    """Grids of a batch as one long tensor (B, X, Y, Z)."""
    return torch.from_numpy(np.stack(grids).astype(np.int64))
