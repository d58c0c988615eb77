"""Which scenarios are there? Labs that were in the middle of something, made anew from a name and a seed.

    study.py    what is trained, and what it scores      script.py   how a past is told, event by event
    night.py    the night that most of them begin with   acts.py     what each is in the middle of
    stage.py    how an engine takes one                  cast.py     who proposes there
    gpus.py     what its GPUs do                          project.py  the files that it begins with

What a training is there, `agentcore.synthetic.player` tells.

Everything is real (journal, git, engine, queue) but trainings, GPUs and agents: they are played. An engine goes on
from a scenario's past as from any lab's. A *still* is a scenario at one fixed moment that nobody goes on with: for
pictures, and for tests that compare them.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from worktrees.layout import LabPaths

STILL = 1_800_000_000.0
"""The moment of every still (Unix time)."""


class UnknownScenario(Exception):
    """There is no scenario of that name. The message says which there are."""


@dataclass(frozen=True)
class Part:
    """What an engine needs to know of a scenario to go on with it: `.lab/scenario.json`."""

    name: str
    seed: int = 1
    speed: float = 1.0
    """Trainings and agents go so many times as fast."""
    slots: int = 8
    kind: str = "cuda"
    run_s: float = 300.0
    """Of a training, before `speed`."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """{worktree: how its agent is, see cast.py}; `steady` for all others."""
    lost: str = ""
    """The GPU that does not answer."""
    has_model: bool = True
    """False for a lab without a key, where the search agent proposes."""


@dataclass(frozen=True)
class Scenario:
    """One scenario: what it shows, and what is peculiar to it."""

    about: str
    part: Part
    has_engine: bool = True
    """False where the view opens on a lab without one."""
    disk_floor_gb: float = 0.01


_QUIET = {"wt1": "slow", "wt3": "slow"}

SCENARIOS: Mapping[str, Scenario] = {
    "first": Scenario("a lab in which nothing has run yet", Part("first"), has_engine=False),
    "idle": Scenario("a lab at rest: everything is paused", Part("idle")),
    "busy": Scenario(
        "eight worktrees, each in another state",
        Part("busy", roles={"wt1": "slow", "wt4": "limited", "wt6": "daring"}),
    ),
    "edit": Scenario("an agent that edits its worktree", Part("edit", roles={**_QUIET, "wt0": "editing"})),
    "crash": Scenario("a training that has crashed", Part("crash", roles={**_QUIET, "wt0": "crashing"})),
    "hostile": Scenario(
        "logs and models that print what terminals obey", Part("hostile", roles={"wt0": "hostile", **_QUIET})
    ),
    "queue": Scenario("a merge queue with candidates of every kind", Part("queue", run_s=20.0)),
    "ask": Scenario("an agent that asks", Part("ask", roles={**_QUIET, "wt3": "asking"})),
    "morning": Scenario("the morning after a night alone", Part("morning")),
    "nogpu": Scenario("a machine without a GPU", Part("nogpu", slots=2, kind="cpu", run_s=40.0)),
    "nokey": Scenario("no model key", Part("nokey", has_model=False)),
    "limit": Scenario(
        "a provider that says wait", Part("limit", roles={f"wt{index}": "limited" for index in range(8)})
    ),
    "diskfull": Scenario("a disk under its floor", Part("diskfull"), disk_floor_gb=900_000.0),
    "trunkmoved": Scenario("a trunk that a hand has moved", Part("trunkmoved", roles=_QUIET)),
    "lostgpu": Scenario("a GPU that is gone", Part("lostgpu", roles={"wt1": "slow"}, lost="gpu3")),
    "nosupervisor": Scenario("a lab whose engine was killed", Part("nosupervisor", roles=_QUIET), has_engine=False),
}


def find(name: str) -> Scenario:
    """Return the scenario `name`. Raises UnknownScenario."""
    if name not in SCENARIOS:
        near = difflib.get_close_matches(name, SCENARIOS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(SCENARIOS)}"
        raise UnknownScenario(f"no scenario {name!r}; {hint}")
    return SCENARIOS[name]


def make(
    name: str, root: Path, *, seed: int = 1, speed: float = 1.0, slots: int | None = None, still: bool = False
) -> LabPaths:
    """Make scenario `name` in `root`, a new or empty folder; it ends now, or as a still at `STILL`.

    Raises UnknownScenario, OSError.
    """
    from agentcore.synthetic.scenarios import acts, project  # here: naming the scenarios must cost the view nothing

    scenario = find(name)
    end = STILL if still else time.time()
    part = replace(scenario.part, seed=seed, speed=speed, slots=slots or scenario.part.slots)
    paths = project.make(root, name, disk_floor_gb=scenario.disk_floor_gb, at=int(end - acts.SPAN_S))
    paths.scenario.write_bytes(msgspec.json.encode(part))
    acts.act(paths, part, end, is_still=still)
    return paths


def read(paths: LabPaths) -> Part:
    """Return which scenario a lab is. Raises FileNotFoundError where it is none."""
    return msgspec.json.decode(paths.scenario.read_bytes(), type=Part)
