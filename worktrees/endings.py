"""How has a run ended, and what one line tells a person why?

The exit codes are a contract with the training project (see `runs.Ending`); the line comes from what the stage printed.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from worktrees import metrics, runs
from worktrees.runs import Ending, Stage
from worktrees.text import printable

REASON_CHARACTERS = 300
SCORE_LIMIT_BYTES = 1 << 20
_SIGNAL_NAMES = {number.value: number.name for number in signal.Signals}


class Ended(Exception):
    """The run is over; carries what its result says."""

    def __init__(self, ending: Ending, reason: str = "", exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.ending: Ending = ending
        self.reason = reason[:REASON_CHARACTERS]
        self.exit_code = exit_code


def judge(stage: Stage, code: int, log: Path, start: int) -> None:
    """Raise Ended where an exit code is not 0, with the reason that the stage printed."""
    if code == 0:
        return
    lines = metrics.tail_text(log, lines=200, width=REASON_CHARACTERS, since=start)
    if stage.name == "train" and code == runs.TRAIN_NAN_CODE:
        raise Ended("nan", last_words(lines) or "the loss stopped being finite", code)
    if stage.name in runs.SCORING and code == runs.EVALUATE_INVALID_CODE:
        broken = [line for line in lines if line.startswith("invalid:")]
        raise Ended("invalid", broken[-1] if broken else last_words(lines), code)
    number = -code if code < 0 else code - 128  # a shell or sandbox in between passes a signal on as 128 + number
    if number in _SIGNAL_NAMES:
        raise Ended("crash", f"{stage.name} was killed by {_SIGNAL_NAMES[number]}{_hint(number, lines)}", code)
    raise Ended("crash", last_words(lines) or _silence(stage, code, log), code)


def _hint(number: int, lines: Sequence[str]) -> str:
    """Nothing is printed on SIGKILL; before an abort the C++ runtime names the error."""
    if number == signal.SIGKILL:
        return " (out of memory?)"
    words = last_words(lines)
    return f": {words}" if words else ""


def last_words(lines: Sequence[str]) -> str:
    """Return the line that says why a program ended: its last exception, else its last line with a letter in it.

    Some print a warning or two after the traceback (a process group not destroyed): those are not the reason. A
    traceback with much more output after it was survived, and is not the reason either.
    """
    meaningful = [line.rstrip() for line in lines if any(character.isalnum() for character in line)]
    headers = [at for at, line in enumerate(meaningful) if line.startswith("Traceback (most recent call last)")]
    if headers:
        for at in range(headers[-1] + 1, len(meaningful)):
            if not meaningful[at][0].isspace():
                return meaningful[at] if len(meaningful) - at <= 5 else meaningful[-1].strip()
    return meaningful[-1].strip() if meaningful else ""


def _silence(stage: Stage, code: int, log: Path) -> str:
    disk = os.statvfs(log)
    if disk.f_bavail * disk.f_frsize < 1 << 20:
        return f"{stage.name} ended with exit code {code}: the disk is full"
    return f"{stage.name} ended with exit code {code} and printed nothing"


def read_score(path: Path) -> tuple[float, dict[str, Any]]:
    """Return the score and whatever else score.json holds; raises Ended where there is no finite score."""
    file = metrics.open_plain(path)
    if file is None:
        raise Ended("no_score", "the evaluation wrote no score.json", 0)
    with file:
        row = metrics.parse_object(file.read(SCORE_LIMIT_BYTES))
    if row is None:
        raise Ended("no_score", "score.json is no JSON object", 0)
    score = metrics.finite(row.get("score"))
    if score is None:
        raise Ended("no_score", f"score.json holds no finite score but {row.get('score')!r}", 0)
    extra = {key: value for key, value in row.items() if key != "score"}
    try:
        msgspec.json.decode(msgspec.json.encode(extra))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # half a surrogate pair, deep nesting
        raise Ended("no_score", f"score.json holds a value that cannot be kept: {error}", 0) from error
    return score, extra


_CHUNK_BYTES = 1 << 20
LINE_BYTES = 4096
"""Of a line no more is looked at: a pattern that backtracks may take long on a longer one."""


def read_printed(log: Path, pattern: str, what: str, start: int) -> float:
    """Return the number that the last line with `pattern` holds in its first group, from offset `start` on.

    `what` is how messages call it. A line that redraws itself is looked at each time. Raises Ended where there is none,
    or none that is finite.
    """
    file, expression, found = metrics.open_plain(log), re.compile(pattern), None
    if file is not None:
        with file:
            file.seek(start)
            for row in _rows(file):
                for part in row.split(b"\r"):
                    if match := expression.search(_clean(part)):
                        found = match[1]
    if found is None:
        raise Ended("no_score", f"no line of the training's output matches {pattern!r} ({what})", 0)
    try:
        number = metrics.finite(float(found))
    except ValueError:
        number = None
    if number is None:
        raise Ended("no_score", f"{pattern!r} ({what}) found {found!r}, which is no finite number", 0)
    return number


def read_guard(extra: Mapping[str, Any], key: str, name: str) -> float:
    """Return a guard's number from what else score.json holds; raises Ended where it is no finite one."""
    number = metrics.finite(extra.get(key))
    if number is None:
        raise Ended("no_score", f"score.json holds no finite {key!r} (guard {name}) but {extra.get(key)!r}", 0)
    return number


def _rows(file: BinaryIO) -> Iterator[bytes]:
    """Yield line after line; of one without an end at most a chunk at a time."""
    rest = b""
    while chunk := file.read(_CHUNK_BYTES):
        *rows, rest = (rest + chunk).split(b"\n")
        yield from rows
        rest = rest[:_CHUNK_BYTES]
    yield rest


def _clean(part: bytes) -> str:
    return printable(part[:LINE_BYTES].decode("utf-8", errors="replace"))
