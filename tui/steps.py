"""How is one step of an agent told in one line of words?

A transcript holds all of a step: a thought of a page, the whole output of a command. A person who follows an agent
wants to know what it does, so that a step is folded here to its time, a word, and the first line of what was said.
What was folded away is kept beside it, for who wants to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from agentcore import format as fmt
from agentcore.brief.transcript import Step
from tui.theme import STATES
from worktrees.text import printable

WIDTH = 400
"""Characters of a step that are kept."""

WORD = 9
"""Cells of the column with the words."""

MORE_LINES, MORE_WIDTH = 500, 2000
"""What is kept of a step's whole text; the transcript on disk has all of it."""


@dataclass(frozen=True)
class StepTold:
    """One step in words."""

    at: float
    role: str
    """What the word looks like."""
    word: str
    text: str
    more: tuple[str, ...] = ()
    """The whole of it, line by line; empty where the text says it all."""

    @property
    def is_quiet(self) -> bool:
        """True for what is read second: the brief, thoughts, output."""
        return self.role == "grey"


def tell_step(step: Step) -> StepTold:
    """Return the words of a step."""
    told, lines = _fold(step), _whole(step)
    more = tuple(printable(line)[:MORE_WIDTH].rstrip() for line in lines[:MORE_LINES])
    return replace(told, more=more) if "".join(more).strip() not in ("", told.text) else told


def _fold(step: Step) -> StepTold:
    say, fields = partial(StepTold, step.at), step.fields
    text = _string(fields.get("text"))
    match step.kind:
        case "tool":
            return say("run", *_tool(_string(fields.get("name")), fields.get("input")))
        case "thought":
            return say("grey", "thought", _folded(text))
        case "text":
            return say("text", "says", _folded(text))
        case "result":
            ok = fields.get("ok") is not False
            return say("grey" if ok else "bad", "result" if ok else "error", _counted(text))
        case "brief" | "output":
            return say("grey", step.kind, _counted(text))
        case "command":
            return say("grey", "ran", _command(fields))
        case "message":
            return say("you", ">", _one_line(text))
        case "state":
            return _state(step.at, _string(fields.get("state")), text, fields.get("until"))
        case "usage":
            return _usage(step.at, fields)
        case "proposal":
            number, hypothesis = _number(fields.get("experiment")), _one_line(fields.get("hypothesis"))
            return say("good", "proposal", f"#{number} {hypothesis}")
        case "failed":
            return say("bad", "failed", _one_line(text))
    return say("text", _one_line(step.kind, WORD), _one_line(text))


def step_line(step: Step) -> str:
    """Return a step as one printable line, for a terminal without a view."""
    told = tell_step(step)
    return f"{fmt.clock(told.at, seconds=True)} {told.word:<{WORD}} {told.text}".rstrip()


def _whole(step: Step) -> list[str]:
    """Return everything that a step holds for a reader, line by line."""
    fields = step.fields
    given = fields.get("input")
    if step.kind != "tool" or not isinstance(given, Mapping):
        argv = fields.get("argv")
        text = " ".join(map(_string, argv)) if isinstance(argv, list) else _string(fields.get("text"))
        return (text or _string(fields.get("hypothesis"))).splitlines()
    if isinstance(given.get("command"), str) and "path" not in given:
        return _string(given["command"]).splitlines()
    old = _string(given.get("old_str")).splitlines()
    new = _string(given.get("new_str") or given.get("insert_text") or given.get("file_text")).splitlines()
    if old or new:
        return [*(f"- {line}" for line in old), *(f"+ {line}" for line in new)]
    return json.dumps(given, ensure_ascii=False, indent=2, default=str).splitlines()


def _tool(name: str, given: object) -> tuple[str, str]:
    """Return (word, text) of a tool call; what a model sends may have any shape."""
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    match name:
        case "bash":
            return "bash", _folded(_string(fields.get("command")))
        case "str_replace_based_edit_tool":
            parts = (fields.get("command"), fields.get("path"), _size(fields))
            return "edit", _one_line(" ".join(part for part in map(_string, parts) if part))
        case "note":
            return "note", _one_line(fields.get("text"))
        case "submit":
            return "submit", _one_line(fields.get("hypothesis"))
    return _one_line(name, WORD) or "tool", _one_line(given)


def _command(fields: Mapping[str, Any]) -> str:
    """Return what was run and how it ended: `exit code 1 after 12s: bash -c …`."""
    argv, code, seconds = fields.get("argv"), fields.get("code"), fields.get("wall_s")
    words = " ".join(map(_string, argv)) if isinstance(argv, list) else ""
    ending = f"exit code {_number(code)}" if code is not None else f"ended by {_one_line(fields.get('ended_by'))}"
    after = f" after {seconds:.1f}s" if isinstance(seconds, int | float) else ""
    return f"{ending}{after}: {_folded(words)}"


def _size(fields: Mapping[str, Any]) -> str:
    """Return how much an edit adds and removes, or which lines are looked at."""
    match fields.get("command"):
        case "str_replace":
            old, new = (_string(fields.get(key)).splitlines() for key in ("old_str", "new_str"))
            while old and new and old[0] == new[0]:
                old, new = old[1:], new[1:]
            while old and new and old[-1] == new[-1]:
                old, new = old[:-1], new[:-1]
            return fmt.change(len(new), len(old))
        case "insert":
            return f"+{len(_string(fields.get('insert_text', fields.get('new_str'))).splitlines())}"
        case "create":
            return f"+{len(_string(fields.get('file_text')).splitlines())}"
    lines = fields.get("view_range")
    return "-".join(map(str, lines)) if isinstance(lines, list) else ""


def _state(at: float, state: str, text: str, until: object) -> StepTold:
    _, role, meaning = STATES.get(state, (" ", "text", ""))
    back = f"back {fmt.clock(until)}: " if isinstance(until, int | float) else ""
    words = "goes on" if state == "THINK" else back + (_one_line(text) or meaning)
    return StepTold(at, role, _one_line(state, WORD), words)


def _usage(at: float, fields: Mapping[str, Any]) -> StepTold:
    read = sum(_number(fields.get(name)) for name in ("input", "cache_write", "cache_read"))
    written, usd = _number(fields.get("output")), fields.get("usd")
    usd = float(usd) if isinstance(usd, int | float) else 0.0
    text = f"{fmt.tokens(read)} in, {fmt.tokens(written)} out" + (f", {fmt.money(usd)}" if usd else "")
    return StepTold(at, "grey", "usage", text)


def _counted(text: str) -> str:
    """Return the first line, and how many there are."""
    lines = text.splitlines()
    if len(lines) < 2:
        return _one_line(text) or "(nothing)"
    return f"{len(lines)} lines: {_folded(text).removesuffix(' …')}"


def _folded(text: str) -> str:
    """Return the first line that says something; an ellipsis stands for more."""
    lines = [line for line in map(_one_line, text.splitlines()) if line]
    return "" if not lines else lines[0] + (" …" if len(lines) > 1 else "")


def _one_line(value: object, width: int = WIDTH) -> str:
    line = " ".join(printable(_string(value)).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _string(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
