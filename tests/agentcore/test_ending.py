"""Every lab has a way to end by itself, and its last word says which limit it was and by what number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine import launch
from agentcore.engine.control import Command
from agentcore.engine.ending import exit_reason
from agentcore.plan import Limits as EngineLimits
from tests import toy
from tests.agentcore.tales import Tale, calibrated, started
from tests.engines import end_lab, spawn, state_of, wait_for
from worktrees.project import Limits

NONE = Limits(hours=0, experiments=0, gpu_hours=0, failures=0, no_gain=0)


def reason(tale: Tale, seconds: float = 0.0, **limits: float) -> str:
    """Return why a lab with only these limits ends, so long after its newest event."""
    return exit_reason(tale.state, replace(NONE, **limits), tale.state.at + seconds)  # type: ignore[arg-type]


def decided(*outcomes: ev.Outcome) -> Tale:
    """A calibrated lab after experiments with these outcomes."""
    tale = calibrated()
    for number, outcome in enumerate(outcomes, 1):
        tale.decide(tale.propose("wt0", f"t{number}"), outcome, 1.0 if outcome in ("keep", "drop") else None, 0.0)
    return tale


@pytest.mark.parametrize(
    ("tale", "limits", "said"),
    [
        (decided(), {"hours": 2.0}, ""),
        (decided("drop", "drop"), {"experiments": 3}, ""),
        (decided("drop", "drop"), {"experiments": 2}, "the limit of 2 experiments is reached ([limits] experiments)"),
        (decided(), {"gpu_hours": 0.01}, ""),
        (
            decided(),
            {"gpu_hours": 0.001},
            "0.0 hours of training and evaluation are used, of 0.001 ([limits] gpu_hours)",
        ),
        (decided("crash", "drop", "crash"), {"failures": 2}, ""),
        (decided("drop", "crash", "nan"), {"failures": 2}, "the last 2 experiments failed ([limits] failures)"),
        (decided("drop", "drop"), {"no_gain": 3}, ""),
        (decided("drop", "drop"), {"no_gain": 2}, "2 experiments since the last gain"),
        (decided("drop", "drop", "keep"), {"no_gain": 2}, ""),
    ],
)
def test_each_limit_alone(tale: Tale, limits: dict[str, float], said: str) -> None:
    """Below it nothing is said, at it the number that mattered; an open candidate may still be a gain."""
    found = reason(tale, **limits)
    assert said == found[: len(said)] and bool(said) == bool(found)


def test_a_deadline_counts_from_the_start_of_the_engine() -> None:
    """In hours."""
    tale = calibrated()
    assert ["", "the limit of 2 hours is reached ([limits] hours)"] == [
        reason(tale, seconds, hours=2.0) for seconds in (3600.0, 7200.0)
    ]


def test_whoever_starts_the_engine_again_has_looked_at_what_failed() -> None:
    """What counts in a row begins anew."""
    tale = decided("crash", "crash", "crash").tell(started(pid=2))
    assert ["", ""] == [reason(tale, failures=2), reason(tale, no_gain=2)]


def test_zero_is_no_limit() -> None:
    """For all of them."""
    assert "" == reason(decided(*["crash"] * 30), 1e9)


def test_a_lab_at_its_limit_ends_in_order_and_says_why(tmp_path: Path) -> None:
    """A real engine without any bound of its own: running trainings end, nothing is left undecided half way."""
    paths = toy.make(tmp_path / "lab", lab=toy.LAB + "\n[limits]\nexperiments = 3\n")
    assert 0 == launch.run_engine(paths, EngineLimits())
    state = state_of(paths)
    assert state.engine is not None
    assert ("the limit of 3 experiments is reached ([limits] experiments)", {}) == (
        state.engine.reason,
        dict(state.active),
    )


def test_a_lab_that_is_to_stop_after_its_runs_starts_nothing_more_and_leaves(tmp_path: Path) -> None:
    """A person asks while trainings run: they end and count, and the person's name is the last word."""
    paths = toy.make(tmp_path / "lab")
    engine = spawn(paths)
    try:
        wait_for(paths, lambda state: bool(state.active), "something runs")
        answer = launch.send(paths, Command("stop", "ada", {"after_runs": True}))
        state = wait_for(paths, lambda state: state.engine is not None and state.engine.stopped is not None, "it left")
    finally:
        end_lab(paths, engine)
    assert (0, {}, "stopped by ada, after the runs in progress") == (
        answer.code,
        dict(state.active),
        state.engine.reason if state.engine else "",
    )
