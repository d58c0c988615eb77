"""What did agents run, and what did the lab decide?

An act is one command or tool call of an agent, from the transcripts: commands with how they ended, other tools with
whether they were refused. A call that a cut or broken reply asked for was never carried out and is no act. What an
engine that was killed had running is not here: its step is written when a command has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentcore import events as ev
from agentcore.brief.transcript import Step, Tail
from agentcore.events import Entry
from agentcore.state import LabState
from worktrees.layout import LabPaths

DECISIONS = (
    ev.EngineStarted,
    ev.EngineStopped,
    ev.RunStopped,
    ev.WorktreePaused,
    ev.WorktreeResumed,
    ev.AgentsAssigned,
    ev.AgentBarred,
    ev.AgentFailed,
    ev.CandidateJudged,
    ev.StackJudged,
    ev.ThresholdChanged,
    ev.CandidateMoved,
    ev.CandidateExtended,
    ev.CandidateReordered,
    ev.WorktreeRebaseAsked,
    ev.WorktreeRetired,
    ev.WorktreeRestored,
    ev.ExperimentPinned,
    ev.ExperimentUnpinned,
    ev.ModeChanged,
    ev.IdeaAdded,
    ev.IdeaDropped,
    ev.HistoryImported,
    ev.HistoryDropped,
    ev.MergesWanted,
    ev.TrunkMoved,
    ev.WarningRaised,
    ev.AwayStarted,
    ev.AwayLimitReached,
    ev.AwayEnded,
    ev.ActionUndone,
    ev.ActionRedone,
)
"""The events that say who or what decided something, and not what was measured."""

_INPUTS = ("command", "path", "text", "hypothesis")
"""What tells one tool call from another; the text of an edit is in the transcript."""


@dataclass(frozen=True)
class Act:
    """One thing that an agent did. Of a tool other than `run` only the first fields and `refused` say something."""

    at: float
    """When it began, Unix time; of a tool when it was asked for."""
    worktree: str
    proposal: int
    """Number of the transcript."""
    experiment: int | None
    tool: str
    """`run` for a command, else the tool's name."""
    argv: tuple[str, ...]
    refused: str = ""
    """By which rule, in words; empty where it was allowed."""
    code: int | None = None
    ended_by: str = ""
    wall_s: float | None = None
    output_bytes: int | None = None
    sandbox: str = ""
    """The backend that contained it."""


def acts(paths: LabPaths, state: LabState, worktree: str = "", experiment: int | None = None) -> list[Act]:
    """Return what agents did, oldest first: all of it, or that of one worktree, or of one experiment."""
    proposals = {(each.worktree, each.transcript): each.number for each in state.experiments.values()}
    found: list[Act] = []
    for path in sorted(paths.transcripts.glob("*/*.jsonl")):
        name, number = path.parent.name, int(path.stem) if path.stem.isdecimal() else 0
        own = proposals.get((name, number))
        if (not worktree or name == worktree) and (experiment is None or own == experiment):
            found += _acts(path, name, number, own)
    return sorted(found, key=lambda act: act.at)


def decisions(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that tell of a decision."""
    return [entry for entry in entries if isinstance(entry.event, DECISIONS) or _is_refusal(entry.event)]


def _is_refusal(event: ev.Event) -> bool:
    """True for an experiment that broke a rule; every other outcome is a measurement."""
    return isinstance(event, ev.ExperimentDecided) and event.outcome == "invalid"


def _acts(path: Path, worktree: str, proposal: int, experiment: int | None) -> Iterator[Act]:
    asked: list[Step] = []  # of the newest reply, without a result yet: results come in the order of the calls
    is_replying = has_run = False
    for step in Tail(path).read():
        match step.kind:
            case "command":
                has_run = True
                yield _command(step, worktree, proposal, experiment)
            case "tool":
                asked = [*asked, step] if is_replying else [step]
                is_replying = True
            case "result":
                is_replying = False
                call = next((each for each in asked if each.fields.get("name") == step.fields.get("tool")), None)
                if call is not None:
                    asked = [each for each in asked if each is not call]
                    if call.fields.get("name") != "bash" or not has_run:  # else the command's own step tells it
                        yield _tool(call, step, worktree, proposal, experiment)
                has_run = False
            case "usage" | "state":
                is_replying = False


def _tool(call: Step, result: Step, worktree: str, proposal: int, experiment: int | None) -> Act:
    name, given = str(call.fields.get("name")), call.fields.get("input")
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    argv = tuple(str(fields[key]) for key in _INPUTS if fields.get(key))
    lines = [line for line in str(result.fields.get("text") or "").splitlines() if line.strip()]
    refused = "" if result.fields.get("ok") is not False else (lines[0] if lines else "refused")
    return Act(call.at, worktree, proposal, experiment, name, argv, refused)


def _command(step: Step, worktree: str, proposal: int, experiment: int | None) -> Act:
    """Whoever can write to a transcript can put any value there: what is no number is none."""
    fields = step.fields
    code, wall_s, size, argv = (fields.get(name) for name in ("code", "wall_s", "output_bytes", "argv"))
    took_s = float(wall_s) if isinstance(wall_s, int | float) else None
    ended_by = str(fields.get("ended_by") or "")
    return Act(
        at=step.at - (took_s or 0.0),
        worktree=worktree,
        proposal=proposal,
        experiment=experiment,
        tool="run",
        argv=tuple(map(str, argv)) if isinstance(argv, list) else (),
        refused=str(fields.get("text") or ended_by) if ended_by == "not started" else "",
        code=code if isinstance(code, int) else None,
        ended_by=ended_by,
        wall_s=took_s,
        output_bytes=size if isinstance(size, int) else None,
        sandbox=str(fields.get("sandbox") or ""),
    )
