"""What must a gain prove before it counts?

The numbers of the promotion rule, and how many slots choose their profile. Each is a setting in lab.toml `[gate]`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from msgspec import Meta

Mode = Literal["me", "gate", "hold"]


@dataclass(frozen=True)
class GateSettings:
    """Thresholds in standard errors, and numbers of runs."""

    mode: Mode = "me"
    """Who merges a READY candidate: the researcher, the gate itself, or nobody (no confirmation starts)."""
    z_screen: float = 1.3
    """A screening run goes on to confirmation at this many standard errors against its base's pool."""
    z_confirm: float = 1.64
    """A confirmation passes at this many."""
    z_near_miss: float = 0.5
    """Below it a confirmation is REJECTED; from here to z_confirm it is NOISE, a near miss."""
    confirm_seeds: Annotated[int, Meta(ge=1)] = 3
    """Fresh seeds of a confirmation, each also run by trunk."""
    calibration_runs: Annotated[int, Meta(ge=2)] = 8
    """Runs of the first trunk, from which the noise is estimated."""
    pool_min: Annotated[int, Meta(ge=1)] = 3
    """Runs that every later trunk is brought up to."""
    max_reconfirm: Annotated[int, Meta(ge=0)] = 2
    """How often a candidate is confirmed again because trunk moved; then it is NOISE. Without a bound a busy lab would
    measure the same idea for ever."""
    max_rework: Annotated[int, Meta(ge=0)] = 1
    """How often an agent may write a candidate again that conflicts with trunk; then it is REJECTED."""
    stack_max: Annotated[int, Meta(ge=1)] = 1
    """Candidates that are confirmed together as one tree; 1: each alone."""
    z_simpler: float = -1.0
    """An experiment with fewer lines whose screening run does not pass may still become a candidate above this: a look
    that turns away three of four that lose 2 sigma, and about one of seven that lose nothing."""
    simpler_margin: Annotated[float, Meta(ge=0)] = 1.0
    """Standard deviations of a run that a simplification may lose at most, as far as its seeds can exclude more."""
    simpler_seeds: Annotated[int, Meta(ge=1)] = 6
    """Seeds of its confirmation; after `confirm_seeds` of them it ends if the estimate is beyond the margin."""
    throughput_tol: Annotated[float, Meta(gt=0)] = 0.01
    """A run on a GPU with a budget in seconds that trains so much slower than its slot's last ones is not counted."""
    tighten: bool = True
    """Ask more of a confirmation when too many that passed may be false, see `judging.threshold_due`."""
    floor: float | None = None
    ceiling: float | None = None
    """A score outside is not believed: the run is invalid."""
    max_gain: float | None = None
    """A gain above it is too good to be true until a person has looked: the candidate is BLOCKED."""


STRICT = GateSettings()
EXPLORE = replace(STRICT, z_screen=1.0, z_confirm=1.0, confirm_seeds=2)
"""For one or two slots, which have no runs to spare."""


def for_slots(slots: int) -> GateSettings:
    """Return the defaults for a lab of that many slots."""
    profile = EXPLORE if slots <= 2 else STRICT
    return replace(profile, calibration_runs=6 if slots < 4 else 8, stack_max=4 if slots >= 16 else 1)
