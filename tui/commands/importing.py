"""The command that brings an old night in."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from pathlib import Path

from agentcore.brief.scrub import Scrubber, take_secrets
from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from agentcore.events import HistoryImported
from agentcore.journal.rows import JournalError
from agentcore.project import importing
from agentcore.state import LabState
from tui.commands.look import observe
from tui.exits import FAILED, OK, REFUSED, UNREACHABLE, Ending
from tui.output import print_json
from worktrees.layout import LabPaths
from worktrees.repository import Repository, RepositoryError


def bring(arguments: Namespace) -> int:
    """Import the rows of a results.tsv as history; through the engine, or where none runs under its lock."""
    observer = observe(arguments)
    try:
        path = Path(arguments.file).absolute()
        text = importing.load(path)
        table = importing.read(text, path.name)
        if arguments.dry_run:
            event = _event(observer.paths, observer.state, table, path)
            return _tell("would import", event, arguments, dry_run=True)
        command = Command("import", arguments={"source": str(path), "text": text})
        try:
            answer = launch.send(observer.paths, command)
        except EngineUnreachable:
            return _tell("imported", _alone(observer.paths, table, path), arguments)
    except importing.NotImported as error:
        raise Ending(REFUSED, f"{error}; nothing was imported") from error
    except RepositoryError as error:
        raise Ending(FAILED, str(error)) from error
    if not answer.done:
        raise Ending(answer.code, f"{answer.message}; nothing was imported")
    if arguments.json:
        print_json("import", time.time(), {"message": answer.message, **answer.body})
    else:
        print(answer.message)
    return OK


def _alone(paths: LabPaths, table: importing.Table, path: Path) -> HistoryImported:
    """Write it where no engine runs."""
    from agentcore.engine.lock import EngineRunning  # here: where an engine answers none of it is needed
    from agentcore.engine.offline import record

    try:
        return record(paths, lambda state: _event(paths, state, table, path), time.time())
    except EngineRunning as error:  # it starts, or ends, just now
        raise Ending(UNREACHABLE, f"{error}, and does not answer: try again in a moment") from error
    except JournalError as error:
        raise Ending(FAILED, str(error)) from error


def _event(paths: LabPaths, state: LabState, table: importing.Table, path: Path) -> HistoryImported:
    known = Repository(paths.root).commits(importing.hashes(table))
    scrubber = Scrubber(take_secrets(dict(os.environ)).values())
    return importing.history(state, table, str(path), "you", known, scrubber)


def _tell(did: str, event: HistoryImported, arguments: Namespace, *, dry_run: bool = False) -> int:
    message = f"{did} {importing.told(event)}"
    if arguments.json:
        also = {"dry_run": True} if dry_run else {}
        print_json("import", time.time(), {**also, "message": message, **importing.facts(event)})
    else:
        print(message)
    return OK
