"""What a street is before anything stands on it: the sampled specification, and the street's own coordinates.

Along the street runs s (metres of arc along the middle of the carriageway, 0 beside the sensor), across it d (left
positive). Frame: SemanticKITTI's LiDAR frame, x forward, y left, z up, the sensor at the origin 1.73 m above the road.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError

CAR_LANE_M = 2.2
"""Width of a lane of parked cars."""
KERB_RADIUS_M = 5.0
"""Radius of the kerb where a side street meets the street."""
JUNCTION_CLEAR_M = 5.0
"""No car stands nearer than this to a side street."""

PRIOR: dict[str, tuple[float, ...]] = {
    "layout": (0.28, 0.17, 0.17, 0.19, 0.19),
    "parked": (0.28, 0.22, 0.24, 0.26),
    "traffic": (0.30, 0.40, 0.30),
    "persons": (0.32, 0.40, 0.28),
    "left": (0.36, 0.35, 0.29),
    "right": (0.36, 0.35, 0.29),
    "bicycles": (0.50, 0.50),
    "trucks": (0.58, 0.42),
    "weather": (0.28, 0.20, 0.16, 0.16, 0.20),
}
"""Shares of the values of `ATTRIBUTES`, in their order."""


@dataclass(frozen=True)
class SideSpec:
    """One side of the street, from the kerb outwards; all widths in metres, 0 where there is none."""

    zoning: str
    """A value of the attributes `left` and `right`."""
    parking_m: float
    verge_m: float
    """Grass between kerb and sidewalk."""
    sidewalk_m: float
    arm_m: float
    """Width of the carriageway of the side street that leaves on this side."""
    bank_m: float
    """How far the land rises away from the street."""
    undulation_m: float
    boundary: str
    """What closes the plots towards the street: none, fence, wall, hedge, bushes."""
    houses: str
    """Kind of the buildings: row, detached, blocks, or none."""
    setback_m: float
    """From the sidewalk to the houses."""
    lot: bool
    """Whether a paved or gravel lot lies beside the street."""


@dataclass(frozen=True)
class StreetSpec:
    """Everything that is drawn about a street before its objects are placed; lengths in metres."""

    seed: int
    attributes: dict[str, str]
    """What is wanted, every attribute."""
    lanes: int
    """Lanes in each direction."""
    lane_m: float
    median_m: float
    median_green: bool
    lead_m: float
    """Length of the straight before the bend."""
    curvature_per_m: float
    """Of the middle of the carriageway after the lead; left positive, 0 for a straight street."""
    arm_x_m: float
    """Where the middle of the side street meets the street."""
    grade: float
    """Rise of the road beyond `grade_from_m`, metres per metre."""
    grade_from_m: float
    lamp_spacing_m: float
    lamp_side: int
    """Lamps stand left (1), right (-1) or on both sides in turn (0)."""
    left: SideSpec
    right: SideSpec

    @property
    def half_width_m(self) -> float:
        """From the middle of the carriageway to its edge."""
        return self.median_m / 2 + self.lanes * self.lane_m

    @property
    def middle_y_m(self) -> float:
        """y of the middle of the carriageway beside the sensor, which drives on the innermost right lane."""
        return self.median_m / 2 + self.lane_m / 2

    def side(self, sign: int) -> SideSpec:
        """The left (1) or the right (-1) side."""
        return self.left if sign > 0 else self.right

    def lane_d_m(self, lane: int, sign: int) -> float:
        """d of the middle of a lane, counted from the middle of the carriageway."""
        return sign * (self.median_m / 2 + (lane + 0.5) * self.lane_m)

    def pose(self, s_m: float, d_m: float) -> tuple[float, float, float]:
        """Position x, y in metres and heading of the street in radians at the street coordinates s, d."""
        bend_m = max(0.0, s_m - self.lead_m)
        if self.curvature_per_m == 0.0 or bend_m == 0.0:
            return s_m, self.middle_y_m + d_m, 0.0
        yaw = bend_m * self.curvature_per_m
        radius_m = 1.0 / self.curvature_per_m
        return (
            self.lead_m + (radius_m - d_m) * math.sin(yaw),
            self.middle_y_m + radius_m - (radius_m - d_m) * math.cos(yaw),
            yaw,
        )

    def numbers(self) -> NDArray[np.float64]:
        """The specification as `raster.lay_ground` reads it, (32,)."""
        value = np.zeros(32)
        value[:11] = (
            self.lead_m, self.curvature_per_m, self.middle_y_m, self.half_width_m, self.median_m / 2, self.arm_x_m,
            self.grade, self.grade_from_m, KERB_RADIUS_M, JUNCTION_CLEAR_M, float(self.median_green),
        )  # fmt: skip
        for start, side in ((11, self.left), (20, self.right)):
            value[start : start + 6] = (
                side.parking_m, side.verge_m, side.sidewalk_m, side.arm_m / 2, side.bank_m, side.undulation_m,
            )  # fmt: skip
        return value


def check_wishes(wishes: dict[str, str]) -> None:
    """Raise `InputError` if a wish names no attribute or no value of it."""
    for name, value in wishes.items():
        if name not in ATTRIBUTES:
            raise InputError(f"wishes: no attribute '{name}'; attributes: {', '.join(ATTRIBUTES)}")
        if value not in ATTRIBUTES[name]:
            raise InputError(f"wishes: {name} cannot be '{value}'; values: {', '.join(ATTRIBUTES[name])}")


def sample_wishes(rng: np.random.Generator, wishes: dict[str, str] | None = None) -> dict[str, str]:
    """A value for every attribute, drawn from `PRIOR`, where `wishes` does not fix it; raises `InputError`."""
    check_wishes(wishes or {})
    drawn = {name: values[int(rng.choice(len(values), p=PRIOR[name]))] for name, values in ATTRIBUTES.items()}
    return drawn | (wishes or {})


def _pick(rng: np.random.Generator, values: tuple[str, ...], shares: tuple[float, ...]) -> str:
    return values[int(rng.choice(len(values), p=shares))]


def _sample_side(rng: np.random.Generator, zoning: str, parked: bool, arm_m: float, wide: bool) -> SideSpec:
    """A side that fits its zoning; the same number of draws whatever comes in."""
    u = rng.random(10)
    buildings = zoning == "buildings"
    parking_m = CAR_LANE_M if parked or u[0] < 0.14 else 0.0
    sidewalk_m = (2.4, 2.8, 3.2, 4.0)[int(u[1] * (3 if wide else 4))]
    if not buildings and not parked and parking_m == 0.0 and arm_m == 0.0 and u[2] < 0.3:
        sidewalk_m = 0.0
    verge_m = 1.6 if u[3] < 0.3 and sidewalk_m > 0 and not wide and parking_m == 0.0 else 0.0
    houses = _pick(rng, ("row", "detached", "blocks"), (0.34, 0.42, 0.24))
    boundary = {
        "buildings": _pick(rng, ("none", "fence", "wall", "hedge"), (0.1, 0.4, 0.25, 0.25)),
        "vegetation": _pick(rng, ("none", "fence", "hedge", "bushes"), (0.2, 0.2, 0.35, 0.25)),
        "open": _pick(rng, ("none", "fence", "wall"), (0.25, 0.6, 0.15)),
    }[zoning]
    setback_m = (2.0, 3.0, 4.0)[int(u[4] * 3)] if houses == "detached" else (0.0, 0.0, 1.6)[int(u[4] * 3)]
    if setback_m < 2.0 and buildings:
        boundary = "none"
    lot = bool(zoning == "open" and u[5] < 0.65)
    return SideSpec(
        zoning=zoning,
        parking_m=parking_m,
        verge_m=verge_m,
        sidewalk_m=sidewalk_m,
        arm_m=arm_m,
        bank_m=0.0 if buildings or lot else (0.0, 0.4, 1.0, 1.6)[int(u[6] * 4)],
        undulation_m=0.0 if buildings or lot else 0.25 * float(u[7]),
        boundary=boundary,
        houses=houses if buildings else "none",
        setback_m=setback_m,
        lot=lot,
    )


def sample_spec(seed: int, rng: np.random.Generator, wishes: dict[str, str] | None = None) -> StreetSpec:
    """Draw a street; `wishes` fixes attributes. Raises `InputError` for wishes that no attribute knows."""
    want = sample_wishes(rng, wishes)
    u = rng.random(12)
    layout, parked = want["layout"], want["parked"]
    lanes = 2 if u[0] < (0.25 if "curve" in layout else 0.42) else 1
    arm_m = (6.4, 7.2, 8.0)[int(u[1] * 3)]
    arm_side = 1 if u[2] < 0.5 else -1
    left_arm_m = arm_m if layout == "crossing" or (layout == "t-junction" and arm_side > 0) else 0.0
    right_arm_m = arm_m if layout == "crossing" or (layout == "t-junction" and arm_side < 0) else 0.0
    bend = {"left-curve": 1.0, "right-curve": -1.0}.get(layout, 0.0)
    grade = 0.0 if u[3] < 0.5 else float(0.005 + 0.025 * u[4])
    return StreetSpec(
        seed=seed,
        attributes=want,
        lanes=lanes,
        lane_m=3.2 if u[5] < 0.35 else 3.6,
        median_m=2.0 if lanes == 2 and u[6] < 0.6 else 0.0,
        median_green=bool(u[7] < 0.4),
        lead_m=float(3.0 + 7.0 * u[8]),
        curvature_per_m=bend / float(28.0 + 24.0 * u[9]),
        arm_x_m=round(float(20.0 + 12.0 * u[10]) / 0.4) * 0.4,
        grade=grade,
        grade_from_m=float(6.0 + 14.0 * u[11]),
        lamp_spacing_m=float(rng.choice([9.0, 11.0, 13.0])),
        lamp_side=int(rng.choice([-1, 0, 1])),
        left=_sample_side(rng, want["left"], parked in ("left", "both"), left_arm_m, lanes == 2),
        right=_sample_side(rng, want["right"], parked in ("right", "both"), right_arm_m, lanes == 2),
    )
