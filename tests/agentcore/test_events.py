"""An event survives being written and read; what cannot be read is said by name."""

from __future__ import annotations

import pytest

from agentcore import events as ev
from agentcore.brief.spending import Usage
from agentcore.events import Event, decode, encode
from tests.agentcore.tales import CONFIG, started
from worktrees.statistics import Verdict

EVENTS: tuple[Event, ...] = (
    CONFIG,
    started(),
    ev.EngineStopped("SIGTERM received"),
    ev.ClockMoved(22_260.0),
    ev.WorktreeCreated("wt0", "cpu0", "search", "c0", "t0"),
    ev.WorktreeMoved("wt0", "c1", "t1"),
    ev.WorktreePaused("wt0", "by you", "you"),
    ev.WorktreeResumed("wt0", "you"),
    ev.AgentsAssigned({"wt0": "anthropic", "wt1": "search"}, "claude", ""),
    ev.AgentBarred("anthropic", "key", "401 authentication_error"),
    ev.ThinkingStarted("wt0"),
    ev.ThinkingStarted("wt0", "anthropic", "schedule", 3),
    ev.RoomEntered("wt0", "full", 25),
    ev.AgentStateChanged("wt0", "LIMIT", "429", 1760000000.0),
    ev.TokensUsed("wt0", "claude", Usage(10, 20, 0, 30, 40), 0.012),
    ev.NoteTaken("wt0", "after this: 400k"),
    ev.MessageSent("wt0", "try rope", "you"),
    ev.MessagesRead("wt0", 1),
    ev.PromptsChanged("abc", ("program.md",)),
    ev.AgentFailed("wt0", "nothing new"),
    ev.AgentFailed("wt0", "no credit", "anthropic", True, "ab" * 32),
    ev.ExperimentRebased(1, "c2", "t2", "c3", "t3"),
    ev.ExperimentProposed(
        1, "wt0", "search", "c0", "t0", "c1", "t1", "RATE 0.1 → 0.2", 1, 1, ("train.py",), {"changes": {"RATE": 0.2}}
    ),
    ev.RunStarted(1, "screen", 1, "c1", "t1", 1_000_001, 1, "cpu0"),
    ev.RunEnded(1, "ok", 1.25, "", 20.0, 4.0, 20.0, 512.0),
    ev.RunEnded(2, "contended", None, "slower", 300.0, 4.0, 20.0, 512.0, tokens_per_s=1e6, other_mb=0.0),
    ev.RunEnded(2, "crash", None, "RuntimeError: shapes", 20.0, 0.0, 20.0, 512.0),
    ev.ExperimentDecided(1, "keep", 1.25, 0.1, 2.0, ""),
    ev.ExperimentDecided(2, "keep", 1.25, -0.1, -0.5, "simpler: 3 lines fewer", simpler=True),
    ev.ExperimentDecided(2, "crash", None, None, None, "RuntimeError: shapes"),
    ev.CandidateRebased(1, "c0", "t0", "c9", "t9", (1, 2)),
    ev.CandidateJudged(1, "READY", Verdict(0.1, 0.05, (1, 2), True), "l1", ""),
    ev.StackRebased((1, 2), ("c8", "c9"), "c0", "t0", "t9", (1, 2)),
    ev.StackJudged((1, 2), Verdict(0.1, 0.05, (1, 2), True), ("l1", "l2"), (), ""),
    ev.StackJudged((1, 2), None, (), ((1,), (2,)), "a confirmation run failed"),
    ev.ThresholdChanged(1.96, 0.3125, 25),
    ev.CandidateMoved(1, "STALE", "trunk moved", "engine"),
    ev.MergeIntended(1, "c0", "l1", "t9", "abc", "you"),
    ev.TrunkMoved("c0", "l1", "t9", 1, "you"),
    ev.TrunkMoved("l1", "c0", "t0", None, "you", undone=1),
    ev.MergeIntended(2, "c0", "l2", "t9", "abc", "you", stack=(1, 2)),
    ev.TrunkMoved("c0", "l2", "t9", 2, "you", stack=(1, 2)),
    ev.MergesWanted((2, 3), "ada"),
    ev.RevertIntended(1, "l2", "r1", "t8", "abc", "you", "worse on long texts"),
    ev.RevertIntended(1, "l2", "r1", "t8", "abc", "retest", "gain -0.1", retest=1),
    ev.RevertIntended(2, "l3", "r1", "t8", "abc", "you", "undone", stack=(1, 2)),
    ev.TrunkMoved("l2", "r1", "t8", None, "you", reverted=1, reason="worse on long texts"),
    ev.CandidateExtended(1, (1, 2, 3, 4, 5, 6), "you", "3 more seeds"),
    ev.ExperimentPinned(1, "l1", "you", "for the paper"),
    ev.ExperimentUnpinned(1, "you", ""),
    ev.ModeChanged("gate", "you", "going home"),
    ev.RetestStarted(1, (ev.Step((), "c0", "t0"), ev.Step((1, 2), "l1", "t9")), (1,), 2, "8 GFLOP", "you"),
    ev.RetestJudged(1, 1, "SHORT", Verdict(-0.1, 0.05, (1,), False), (7, 8), "gain -0.1"),
    ev.RevertPrepared(1, 1, "l2", "r0", "t8"),
    ev.RetestEnded(1, "FADED", "gain +0.01"),
    ev.RunStarted(9, "speed", None, "l1", "t9", 1, 2, "cpu0", fraction=0.8612),
    ev.SpeedMeasured(1, "c0", "l1", "FASTER", 0.861, 0.79, 0.93, 0.125, (9,), "gain +0.01 with the whole budget"),
    ev.SpeedMeasured(2, "c0", "l2", "FLAT", None, None, None, None, (), ""),
    ev.IdeaAdded(1, "tie the embeddings", "ada"),
    ev.IdeaDropped(1, "ada"),
    ev.HistoryImported("/old/results.tsv", "d1", "val_bpb", (ev.OldRow("c9", "crash", None, 44.0, "x", ""),), "ada"),
    ev.HistoryDropped("d1", "ada"),
    ev.RunStopped(3, "ada"),
    ev.MessageTakenBack("wt0", "prefer fewer layers", "ada"),
    ev.CandidateReordered(2, (2, 1, 3), "ada"),
    ev.WorktreeRebaseAsked("wt0", True, "ada"),
    ev.WorktreeRetiring("wt0", "wt0-1", "ada"),
    ev.WorktreeRetired("wt0", "wt0-1", "c9", "ada"),
    ev.WorktreeRestored("wt0", "ada"),
    ev.QuestionAsked("wt0", "device batch 128?", "anthropic", "ab"),
    ev.QuestionParked("wt0", "nobody answered for 30 minutes"),
    ev.AwayStarted(1.5, 25.0, "gate", "park", "ada"),
    ev.AwayLimitReached("usd", "$25.00 are used"),
    ev.AwayEnded("ada came back", "ada"),
    ev.LeftoversPruned("ada", "asked for", {"checkout": 2}, 4096, (ev.TranscriptSpan("wt0", 1, 3),)),
    ev.ReportWritten(1.5, ".lab/reports/2026-03-14-0800.md"),
    ev.NoticeGiven(40, "urgent", ("wt3 asks: raise the batch?",)),
    ev.ActionUndone(7, 9, "ada"),
    ev.ActionRedone(7, 9, "ada"),
    ev.WarningRaised("disk", "full"),
    ev.WarningCleared("disk"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    """Every type survives its JSON, tuples and all."""
    assert event == decode(*encode(event))


def test_every_type_is_tried_above() -> None:
    """A new event needs a line in this file."""
    assert set(ev.TYPES) == {type(event).__name__ for event in EVENTS}


def test_an_unknown_event_names_the_nearest() -> None:
    """A journal of a newer nightlab is not guessed at."""
    with pytest.raises(ValueError, match=r"unknown event 'TrunkMovd' \(nearest known: TrunkMoved\)"):
        decode("TrunkMovd", b"{}")


def test_an_unknown_event_with_no_near_name_says_only_that() -> None:
    """No wild guess."""
    with pytest.raises(ValueError, match="unknown event 'Zzz': this journal was written by a newer nightlab"):
        decode("Zzz", b"{}")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(b'{"worktree": "wt0"}', "reason", id="a missing field"),
        pytest.param(b'{"worktree": 1, "reason": ""}', "worktree", id="a field of another kind"),
    ],
)
def test_a_wrong_body_names_event_and_field(body: bytes, named: str) -> None:
    """The message says where to look."""
    with pytest.raises(ValueError, match=f"event AgentFailed: .*{named}"):
        decode("AgentFailed", body)


def test_a_body_that_is_no_json_names_its_event() -> None:
    """A torn or foreign row is an error like any other."""
    with pytest.raises(ValueError, match="event AgentFailed"):
        decode("AgentFailed", b"{")


def test_a_field_of_a_later_version_is_ignored() -> None:
    """Facts that this version does not know harm nothing."""
    assert ev.WarningCleared("disk") == decode("WarningCleared", b'{"topic": "disk", "colour": "red"}')


def test_a_field_that_an_earlier_version_lacked_has_its_default() -> None:
    """Journals outlive versions."""
    old = b'{"old": "c0", "new": "l1", "tree": "t9", "experiment": 1, "by": "you"}'
    assert ev.TrunkMoved("c0", "l1", "t9", 1, "you") == decode("TrunkMoved", old)
