"""The command `gc`: what may go of all that a lab has made? The engine removes it, or this process where none runs."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentcore import format as fmt
from agentcore.engine import launch, pruning
from agentcore.engine.control import Answer, Command, EngineUnreachable
from agentcore.engine.pruning import DAY_S, Age, Item
from agentcore.overview.observer import Observer
from tui.commands.decide import confirmed
from tui.commands.look import observe
from tui.exits import FAILED, LIMIT, OK, PRECONDITION, USAGE, Ending
from tui.output import print_json, print_table
from worktrees import leftovers
from worktrees.layout import LabPaths
from worktrees.leftovers import Leftover

PATIENCE_S = 600.0
"""How long an engine may take to remove what it found."""


def gc(arguments: Namespace) -> int:
    """List what may go, or remove it; transcripts only of an age that was named, after a question or with --yes."""
    days: float | None = arguments.transcripts
    if days is not None and not days >= 0:
        raise Ending(USAGE, f"--transcripts {days:g} is no age in days")
    observer = observe(arguments)
    if arguments.dry_run:
        return _list(observer, days, arguments)
    needs_word = days is not None and not arguments.yes
    if needs_word and not confirmed(f"Remove transcripts older than {days:g} days for good?"):
        return OK
    answer = _ask(observer.paths, Command("gc", arguments={"transcripts": days}))
    if not answer.done:
        raise Ending(answer.code, answer.message)
    if arguments.json:
        print_json("gc", time.time(), {"message": answer.message, **answer.body})
    else:
        print(answer.message)
    return OK


def _ask(paths: LabPaths, command: Command) -> Answer:
    try:
        return launch.send(paths, command, PATIENCE_S)
    except EngineUnreachable:
        return _alone(paths, command)


def _alone(paths: LabPaths, command: Command) -> Answer:
    """Do as the engine would, with its lock. Raises Ending where the lab cannot be opened, or one has just started."""
    from agentcore.engine.housekeeping import asked
    from agentcore.engine.lab import Lab
    from agentcore.engine.lock import EngineRunning, locked
    from agentcore.engine.signing import who
    from agentcore.journal.rows import JournalError
    from worktrees.executor import LocalExecutor
    from worktrees.project import ProjectError, load
    from worktrees.repository import RepositoryError

    try:
        with locked(paths.lock):
            lab = Lab(paths, load(paths.config), (), LocalExecutor(), time.time)
            try:
                return asyncio.run(asked(lab, command.arguments["transcripts"], who(lab, command)))
            finally:
                lab.close()
    except (EngineRunning, ProjectError, RepositoryError) as error:
        raise Ending(PRECONDITION, str(error)) from error
    except JournalError as error:
        raise Ending(LIMIT, str(error)) from error


def _list(observer: Observer, days: float | None, arguments: Namespace) -> int:
    age = Age(transcript_s=None if days is None else days * DAY_S)
    items = list(pruning.items(observer.state, _found(observer), age, time.time()))
    going, staying = ([each for each in items if bool(each.needed_by) == stays] for stays in (False, True))
    size = sum(each.leftover.bytes for each in going)
    counted = pruning.told(pruning.counts([each.leftover for each in going]))
    message = f"would remove {counted}, {fmt.size(size)}" if counted else "would remove nothing"
    if arguments.json:
        facts = {"bytes": size, "items": [_item(observer.paths, each) for each in items]}
        print_json("gc", time.time(), {"dry_run": True, "message": message, **facts})
        return OK
    rows = [*_rows("goes", going), *_rows("stays", staying)]
    if rows:
        print_table(["", "WHAT", "COUNT", "SIZE", "WHY"], rows, right="COUNT SIZE")
    print(message)
    return OK


def _found(observer: Observer) -> Iterator[Leftover]:
    from agentcore.engine.housekeeping import kept  # here: they import git
    from worktrees.repository import Repository, RepositoryError

    yield from leftovers.find(observer.paths)
    try:
        yield from kept(Repository(observer.paths.root), observer.state, time.time())
    except RepositoryError as error:
        raise Ending(FAILED, str(error)) from error


def _rows(word: str, items: Iterable[Item]) -> list[list[str]]:
    """Return a line for each kind and reason."""
    found: dict[tuple[str, str], list[int]] = {}
    for each in items:
        found.setdefault((each.leftover.kind, each.why or each.needed_by), []).append(each.leftover.bytes)
    return [
        [word, pruning.NOUNS[kind], str(len(sizes)), fmt.size(sum(sizes)), why]
        for (kind, why), sizes in sorted(found.items())
    ]


def _item(paths: LabPaths, item: Item) -> Mapping[str, Any]:
    leftover = item.leftover
    names = [str(path.relative_to(paths.root)) if path.is_absolute() else str(path) for path in leftover.paths]
    age_s = round(max(0.0, time.time() - leftover.at))
    facts = {"kind": leftover.kind, "of": leftover.of, "number": leftover.number, "bytes": leftover.bytes}
    return {**facts, "age_s": age_s, "paths": names, "goes": not item.needed_by, "why": item.why or item.needed_by}
