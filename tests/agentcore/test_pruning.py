"""What a lab leaves may go once nothing needs it, and each thing says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.pruning import DAY_S, Age, items, spans
from agentcore.events import TranscriptSpan
from tests.agentcore.tales import Tale, calibrated
from worktrees.leftovers import Kind, Leftover

NOW = 100 * DAY_S


def leftover(kind: Kind, of: str = "run 1", number: int = 1, *, at: float = 0.0, is_held: bool = False) -> Leftover:
    """Return a leftover of that kind."""
    return Leftover(kind, of, number, (Path("/lab/.lab") / kind / of / str(number),), 4096, at, is_held)


def drop(tale: Tale) -> int:
    """Tell an experiment that is dropped; return its number."""
    number = tale.propose("wt0", "t2")
    tale.screen(number, 1.2)
    tale.decide(number, "drop", 1.2, -1.0)
    return number


def needed(tale: Tale, each: Leftover, age: Age | None = None, now: float = NOW) -> str:
    """Return what needs a leftover; empty where it may go."""
    (item,) = items(tale.state, [each], age or Age(), now)
    assert bool(item.why) != bool(item.needed_by)
    return item.needed_by


@pytest.mark.parametrize("kind", ["checkout", "checkpoint", "scratch"])
def test_what_a_run_left_goes_after_its_end(kind: Kind) -> None:
    """Not while it goes on, not while its shim lives, and not where nobody knows the run."""
    tale = calibrated()
    proposed = tale.propose("wt0", "t1")
    number = len(tale.state.runs) + 1
    tale.tell(ev.RunStarted(number, "screen", proposed, "c1", "t1", 5, 1, "cpu0"))
    running = needed(tale, leftover(kind, number=number))
    held = needed(tale, leftover(kind, is_held=True))
    unknown = needed(tale, leftover(kind, number=999))
    assert ("", "its run goes on", "its run goes on", "nobody knows this run") == (
        needed(tale, leftover(kind)), running, held, unknown,
    )  # fmt: skip


def test_where_there_is_room_a_run_is_left_alone_for_a_day() -> None:
    """Counted from its end in the journal."""
    tale = calibrated()
    ended = tale.state.runs[1].ended
    assert ended is not None
    calm = Age(run_s=DAY_S)
    assert ("its run ended less than 1 day ago", "") == tuple(
        needed(tale, leftover("checkpoint"), calm, ended + days * DAY_S) for days in (0.9, 1.1)
    )


@pytest.mark.parametrize("kind", ["worktree", "kept"])
def test_a_retired_worktree_goes_when_undo_cannot_bring_it_back(kind: Kind) -> None:
    """After 14 days; one that is at work never."""
    tale = calibrated()
    at_work = needed(tale, leftover(kind, "wt1", 0))
    tale.tell(ev.WorktreeRetiring("wt1", "wt1-1", "you"))
    tale.tell(ev.WorktreeRetired("wt1", "wt1-1", "", "you"))
    retired = tale.state.at
    early, late = (needed(tale, leftover(kind, "wt1", 0), now=retired + days * DAY_S) for days in (13, 15))
    assert ("its worktree is at work", "undo brings it back for 14 days", "") == (
        at_work, early, late,
    )  # fmt: skip


def test_transcripts_stay_until_somebody_names_an_age() -> None:
    """They are sealed for audits; then the younger ones stay."""
    tale = calibrated()
    tale.merge(tale.ready("wt0", "t1"))
    number = drop(tale)
    dropped = tale.state.experiments[number]
    each = leftover("transcript", "wt0", dropped.transcript, at=NOW - 30 * DAY_S)
    ages = (None, 31 * DAY_S, 29 * DAY_S)
    told = [needed(tale, each, Age(transcript_s=age)) for age in ages]
    stays = "--transcripts DAYS lets old ones go"
    assert [stays, "it is younger than 31 days", ""] == told


def test_evidence_stays() -> None:
    """The transcripts of what is in trunk, in the queue, pinned, open, or just being written."""
    tale, age = calibrated(), Age(transcript_s=0.0)

    def of(number: int) -> str:
        experiment = tale.state.experiments[number]
        return needed(tale, leftover("transcript", experiment.worktree, experiment.transcript), age)

    merged = tale.ready("wt0", "t1")
    ready = of(merged)
    tale.merge(merged)
    dropped = drop(tale)
    free = of(dropped)
    tale.tell(ev.ExperimentPinned(dropped, "commit", "you", ""))
    pinned, opened = of(dropped), of(tale.propose("wt1", "t3"))
    tale.tell(ev.ThinkingStarted("wt0", "search"))
    writing = needed(tale, leftover("transcript", "wt0", tale.state.worktrees["wt0"].asked), age)
    unknown = needed(tale, leftover("transcript", "wt0", 99), age)
    assert ["its experiment is READY", "its experiment is MERGED", "", "its experiment is pinned"] == [
        ready, of(merged), free, pinned,
    ]  # fmt: skip
    assert ["its experiment has no outcome yet", "its agent writes it", "nobody knows this turn"] == [
        opened, writing, unknown,
    ]  # fmt: skip


def test_spans_name_exactly_what_goes() -> None:
    """A transcript between two that go may stay, and is then still missed by an audit."""
    gone = [leftover("transcript", name, number) for name, number in (("wt0", 1), ("wt0", 2), ("wt0", 4), ("wt1", 5))]
    assert (TranscriptSpan("wt0", 1, 2), TranscriptSpan("wt0", 4, 4), TranscriptSpan("wt1", 5, 5)) == spans(
        [*gone, replace(gone[0], kind="checkout")]
    )
