"""What does an engine in the foreground say while it works? Its events as lines on stderr, told as in the view."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agentcore.journal.rows import JournalError
from agentcore.overview.observer import Observer
from tui.story import line, tell
from worktrees.layout import LabPaths

POLL_S = 0.5


@contextmanager
def narrated(paths: LabPaths) -> Iterator[None]:
    """Print what the journal gains from now on, a line an event, until the context ends."""
    done = threading.Event()
    seq = _say_news(Observer(paths), sys.maxsize)
    thread = threading.Thread(target=_follow, args=(paths, seq, done), name="narrator", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _follow(paths: LabPaths, seq: int, done: threading.Event) -> None:
    observer = Observer(paths)  # here: a connection to SQLite belongs to the thread that opened it
    while not done.wait(POLL_S):
        seq = _say_news(observer, seq)
    _say_news(observer, seq)


def _say_news(observer: Observer, seq: int) -> int:
    """Print the events after `seq` that are worth a line; return the last one's number."""
    try:
        observer.refresh()
    except JournalError:  # the engine says it better, and ends
        return min(seq, observer.state.seq)
    for entry in observer.state.recent:
        told = tell(entry, observer.state) if entry.seq > seq else None
        if told and not told.minor:
            print(line(told), file=sys.stderr, flush=True)
    return observer.state.seq
