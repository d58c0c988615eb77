"""The command `audit`: is everything as it was written, and who did what? It needs no engine and changes nothing."""

from __future__ import annotations

import json
import shlex
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agentcore import format as fmt
from agentcore.journal.rows import JournalError, Reader
from tui.commands.look import observe
from tui.exits import FAILED, OK, REFUSED, USAGE, Ending
from tui.output import print_json, print_table
from tui.place import find_lab
from worktrees.text import printable

if TYPE_CHECKING:
    from agentcore.events import Entry
    from agentcore.journal.acts import Act
    from agentcore.journal.audit import Report
    from agentcore.overview.observer import Observer

WIDTH = 100
"""Characters of a command that the table shows; --json has what the transcript has."""


def audit(arguments: Namespace) -> int:
    """Verify the journal and the transcripts, or show what agents ran and the lab decided."""
    if arguments.what == "show":
        return _show(arguments)
    if arguments.of:
        raise Ending(USAGE, "audit verify takes the whole lab; audit show takes a worktree or an experiment")
    return _verify(arguments)


def _verify(arguments: Namespace) -> int:
    from agentcore.journal.audit import Unverifiable, verify  # here: `audit show` needs no git

    try:
        report = verify(find_lab(arguments.lab))
    except Unverifiable as error:
        raise Ending(FAILED, str(error)) from error
    if arguments.json:
        body = {"ok": not report.findings, **asdict(report), "head": str(report.head) if report.head else None}
        print_json("audit-verify", time.time(), body)
    else:
        _print_report(report)
    return REFUSED if report.findings else OK


def _print_report(report: Report) -> None:
    print(f"journal      {fmt.count(report.rows, 'row')}")
    if report.chained_later:
        print(f"             rows 1-{report.chained_later} were chained when this nightlab first opened the journal")
    if report.head:
        print(f"head         row {report.head.seq}, by audit.head")
    commits = fmt.count(report.commits, "commit")
    print(f"trunk        {commits} with the hash of a row, {report.commits_without} without")
    print(f"transcripts  {report.transcripts} with their hash in the journal, {report.transcripts_without} without")
    if report.transcripts_pruned:
        print(f"             {report.transcripts_pruned} of them pruned (nightlab gc): only the hash is left")
    for finding in report.findings:
        print(f"! {finding.kind}: {printable(finding.text)}")
    print("BROKEN: not all is as it was written" if report.findings else "all is as it was written")


def _show(arguments: Namespace) -> int:
    from agentcore.journal.acts import acts, decisions  # here: `audit verify` folds nothing

    observer = observe(arguments)
    worktree, experiment = _wanted(observer, arguments.of)
    done = acts(observer.paths, observer.state, worktree, experiment)
    try:
        with closing(Reader(observer.paths.journal)) as reader:
            taken = [entry for entry in decisions(reader.after(0)) if _concerns(observer, entry, worktree, experiment)]
    except JournalError as error:
        raise Ending(FAILED, str(error)) from error
    if arguments.json:
        body = {"acts": [_act(each) for each in done], "decisions": [_decision(each) for each in taken]}
        print_json("audit-show", time.time(), body)
    else:
        rows = sorted([*map(_act_row, done), *_decision_rows(observer, taken)], key=lambda row: row[0])
        cells = [[_moment(at), *row] for at, row in rows]
        print_table(["TIME", "WHO", "TURN", "#", "WHAT", "CODE", "S", "ENDED", "DECISION"], cells, right="TURN CODE S")
    return OK


def _wanted(observer: Observer, name: str | None) -> tuple[str, int | None]:
    """Return (worktree, experiment), of which at most one says something."""
    if name is None or name in observer.state.worktrees:
        return name or "", None
    number = name.removeprefix("#")
    if number.isdecimal() and int(number) in observer.state.experiments:
        return "", int(number)
    known = ", ".join(sorted(observer.state.worktrees)) or "none yet"
    last = len(observer.state.experiments)
    raise Ending(USAGE, f"{name!r} is neither a worktree ({known}) nor an experiment (the last is #{last})")


def _concerns(observer: Observer, entry: Entry, worktree: str, experiment: int | None) -> bool:
    own = getattr(entry.event, "experiment", None)
    if experiment is not None:
        return experiment in (own, *(getattr(entry.event, name, None) for name in ("undone", "reverted")))
    known = observer.state.experiments.get(own) if own is not None else None
    return not worktree or worktree in (getattr(entry.event, "worktree", ""), known.worktree if known else "")


def _act(act: Act) -> dict[str, Any]:
    return {**asdict(act), "decision": "refused" if act.refused else "allowed"}


def _decision(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.seq, "at": entry.at, "event": type(entry.event).__name__, **json.loads(_encoded(entry))}


def _encoded(entry: Entry) -> bytes:
    from agentcore.events import encode  # here: only --json asks for it

    return encode(entry.event)[1]


def _act_row(act: Act) -> tuple[float, list[str]]:
    words = shlex.join(act.argv) if act.tool == "run" else f"{act.tool}: {' '.join(act.argv)}"
    return act.at, [
        act.worktree,
        str(act.proposal),
        f"#{act.experiment}" if act.experiment is not None else "-",
        _short(words),
        "" if act.code is None else str(act.code),
        "" if act.wall_s is None else f"{act.wall_s:.1f}",
        act.ended_by,
        f"refused: {_short(act.refused)}" if act.refused else "allowed",
    ]


def _decision_rows(observer: Observer, entries: list[Entry]) -> Iterator[tuple[float, list[str]]]:
    from tui.story import tell  # here: --json has the events themselves

    for entry in entries:
        if told := tell(entry, observer.state):
            number = f"#{told.experiment}" if told.experiment is not None else "-"
            yield entry.at, [told.who, "", number, _short(told.text), "", "", "", told.word]


def _short(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
