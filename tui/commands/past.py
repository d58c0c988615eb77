"""Commands that tell what happened: the report, and the events behind it."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from agentcore.events import Entry
from agentcore.journal.rows import JournalError
from agentcore.overview.observer import Observer
from agentcore.report import Report
from tui.commands.look import FOLLOW_S, observe, since_when
from tui.exits import FAILED, OK, PRECONDITION, USAGE, Ending
from tui.output import print_json
from tui.story import Told, as_object, line, tell

LINES = 40
"""Events that are printed where nobody says since when."""

FORMS = (".md", ".json", ".html", ".svg", ".png")
"""How the name of a report's file may end."""


def report(arguments: Namespace) -> int:
    """Print what happened while nobody looked: ten lines, or all of it in another form."""
    from agentcore.report import file  # here: only this command makes reports

    observer, now = observe(arguments), time.time()
    output = Path(arguments.output) if arguments.output else None
    if output and output.suffix not in FORMS:
        raise Ending(USAGE, f"{output}: write a name that ends in {', '.join(FORMS)}")
    if sum((arguments.json, arguments.markdown, output is not None)) > 1:
        raise Ending(USAGE, "choose one of --json, --markdown and -o FILE")
    since = since_when(arguments.since or "away", observer)
    found = observer.report(observer.state, observer.overview(now), since)
    if output:
        _write(output, observer, found)
    elif arguments.json:
        print_json("report", now, file.as_object(found))
    elif arguments.markdown:
        print(file.markdown(found), end="")
    else:
        print(file.title(found))
        print("\n".join(file.lines(found)))
    return OK


def events(arguments: Namespace) -> int:
    """Print what happened, oldest first; with -f go on with what follows."""
    observer, now = observe(arguments), time.time()
    entries: Iterable[Entry] = observer.state.recent
    if arguments.since:
        entries = observer.entries(since_when(arguments.since, observer))
    found = _told(entries, observer, arguments.level)
    lines = arguments.lines if arguments.lines is not None or arguments.since else LINES
    found = found if lines is None else found[len(found) - min(len(found), max(0, lines)) :]
    if arguments.json and not arguments.follow:
        print_json("events", now, {"events": [_object(entry, told) for entry, told in found]})
        return OK
    _print(found, as_json=arguments.json)
    while arguments.follow:
        time.sleep(FOLLOW_S)
        seq = observer.state.seq
        try:
            observer.refresh()
        except JournalError as error:
            raise Ending(FAILED, str(error)) from error
        new = (entry for entry in observer.state.recent if entry.seq > seq)
        _print(_told(new, observer, arguments.level), as_json=arguments.json)
    return OK


def _told(entries: Iterable[Entry], observer: Observer, level: str) -> list[tuple[Entry, Told]]:
    state = observer.state
    told = ((entry, words) for entry in entries if (words := tell(entry, state)))
    return [(entry, words) for entry, words in told if level == "info" or words.level == level]


def _print(found: Iterable[tuple[Entry, Told]], *, as_json: bool) -> None:
    for entry, told in found:
        print(json.dumps(_object(entry, told), ensure_ascii=False) if as_json else line(told), flush=True)


def _object(entry: Entry, told: Told) -> dict[str, object]:
    return as_object(entry.seq, type(entry.event).__name__, told)


def _write(path: Path, observer: Observer, found: Report) -> None:
    """Write the form that the name asks for. A picture is of the whole course of the lab."""
    try:
        path.write_bytes(_content(path.suffix, observer, found))
    except OSError as error:
        raise Ending(FAILED, f"not written: {error}") from error
    print(f"written: {path}", file=sys.stderr)


def _content(form: str, observer: Observer, found: Report) -> bytes:
    from agentcore.report import file  # here: a form needs only its own
    from agentcore.report.page import page
    from agentcore.results import progress_png
    from agentcore.results.progress import kept_ideas, progress
    from agentcore.results.progress_svg import svg

    state = observer.state
    ideas = kept_ideas(state)
    if form == ".png":
        try:
            return progress_png.png(progress(state), ideas, found.metric)
        except progress_png.NoPlotter as error:
            raise Ending(PRECONDITION, str(error)) from error
    body = {"schema": file.SCHEMA, **file.as_object(found)}
    texts = {
        ".md": lambda: file.markdown(found),
        ".json": lambda: json.dumps(body, indent=2, ensure_ascii=False) + "\n",
        ".html": lambda: page(found, progress(state), ideas),
        ".svg": lambda: svg(progress(state), ideas, found.metric) + "\n",
    }
    return texts[form]().encode("utf-8", "replace")
