"""What did an agent do? One JSONL file per proposal: a line per step, readable while it grows, without secrets.

Every line is an object with `at` (Unix time) and `kind`:

    brief     text            what the agent was told
    thought   text            the model's reasoning, where the server shows it
    text      text            what it said
    tool      name, input     what it asked for
    result    text, ok        what it got
    message   text            what the researcher said meanwhile
    state     state, text     why it waits (LIMIT, CUT, REFUSED, FULL), or that it goes on
    usage     …               tokens and dollars of one model turn
    output    text            what a command agent printed
    command   argv, code, …   what was run for it in its worktree, and how that ended
    proposal  hypothesis, …   the end: what it proposes
    failed    text            the end: why there is none

The journal holds the SHA-256 of each finished one (`seal`), so that a later change shows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agentcore.brief.scrub import Scrubber

Kind = Literal[
    "brief", "thought", "text", "tool", "result", "message", "state", "usage", "output", "command", "proposal", "failed"
]


class Transcript:
    """The writer of one file. A line is one write, so that a kill tears at most the last one."""

    def __init__(self, path: Path, scrubber: Scrubber, clock: Callable[[], float]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._scrubber = scrubber
        self._clock = clock
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._hash = hashlib.sha256(path.read_bytes() if os.fstat(self._file).st_size else b"")

    def write(self, kind: Kind, **fields: Any) -> None:
        """Append a step.

        A full disk costs the line and not the agent's work (the engine's disk floor says why), as does a tool's input
        that is nested too deep to be written.
        """
        try:
            row = {"at": round(self._clock(), 3), "kind": kind, **_cleaned(fields, self._scrubber.clean)}
            line = json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n"
            self._hash.update(line[: os.write(self._file, line)])
        except (OSError, RecursionError):
            return

    def seal(self) -> str:
        """End the transcript; return the SHA-256 of all that was written to it, whatever others did to the file."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Release the file. What is written afterwards is lost."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@dataclass(frozen=True)
class Step:
    """One line of a transcript."""

    at: float
    kind: str
    fields: Mapping[str, Any]


class Tail:
    """Reads a transcript as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read(self) -> Iterator[Step]:
        """Yield the steps since the last call, from complete lines only; nothing where there is no file yet."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
                yield Step(float(row.pop("at")), str(row.pop("kind")), row)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # torn by a full disk
                continue


def newest(folder: Path) -> Path | None:
    """Return the newest transcript of a worktree's folder, or None where there is none."""
    return max(folder.glob("*.jsonl"), default=None)


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(each, clean) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each, clean) for each in value]
    return value
