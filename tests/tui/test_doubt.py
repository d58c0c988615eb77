"""What cannot be believed is readable on every size: walls that are not whole, gains too good, broken rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from tests.tui.driving import sitting_at
from tests.tui.labs import small_lab
from worktrees.sandbox import Backend

SIZES = [(80, 24), (160, 45)]
GOOD = "the gain of +0.9000 is above max_gain 0.3"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("walls", "banner"), [("none", "NO SANDBOX"), ("reduced", "sandbox reduced"), ("full", "")])
async def test_walls_that_are_not_whole_stand_in_the_title(
    tmp_path: Path, size: tuple[int, int], walls: Backend, banner: str
) -> None:
    """On every screen, for as long as it is so."""
    lab = small_lab(tmp_path)
    engine = lab.state.engine
    assert engine is not None
    lab.tell(ev.EngineStarted(engine.pid, engine.start_ticks, engine.boot_id, "0.1.0", lab.slots, walls))
    async with sitting_at(lab, size) as person:
        for key in ("1", "2", "3", "8"):
            await person.press(key)
            assert (banner in person.rows[0], "andbox" in person.rows[0].lower()) == (True, bool(banner))


@pytest.mark.parametrize("size", SIZES)
async def test_a_blocked_candidate_says_why(tmp_path: Path, size: tuple[int, int]) -> None:
    """Above all screens, and in the queue; the way out is named."""
    lab = small_lab(tmp_path)
    number = lab.make_ready("wt1", "WARMUP 0.05 to 0.02")
    lab.tell(ev.CandidateMoved(number, "BLOCKED", GOOD, "engine"))
    async with sitting_at(lab, size) as person:
        assert f"#{number} is BLOCKED: the gain of" in person.strip
        await person.press("3")
        assert "BLOCKED" in person.row("WARMUP")
        assert GOOD[:20] in person.text


async def test_a_blocked_candidate_is_not_merged_by_key(tmp_path: Path) -> None:
    """`m` says what it is, and offers no `y`."""
    lab = small_lab(tmp_path)
    number = lab.make_ready("wt1", "WARMUP 0.05 to 0.02")
    lab.tell(ev.CandidateMoved(number, "BLOCKED", GOOD, "engine"))
    async with sitting_at(lab) as person:
        await person.press("3", "m")
        assert "BLOCKED" in person.strip
        assert [] == [row for row in person.rows if "y merge" in row or "y:merge" in row]


@pytest.mark.parametrize("size", SIZES)
async def test_an_invalid_experiment_names_its_rule(tmp_path: Path, size: tuple[int, int]) -> None:
    """Where outcomes are told."""
    lab = small_lab(tmp_path)
    reason = "invalid: frozen: evaluate.py is part of the harness"
    lab.tell(ev.ThinkingStarted("wt0"))
    number = lab.propose("wt0", "score more kindly")
    experiment = lab.state.experiments[number]
    lab.tell(ev.ExperimentDecided(number, "invalid", None, None, None, reason))
    assert replace(experiment, outcome="invalid", reason=reason, decided=lab.now) == lab.state.experiments[number]
    async with sitting_at(lab, size) as person:
        await person.press("8")
        assert "INVALID" in person.row("frozen: evaluate.py")
