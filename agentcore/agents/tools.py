"""What can a model do in its worktree? Five tools: run a command, edit a file, keep a note, ask the researcher, submit
its proposal.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from agentcore.agents import Proposal
from agentcore.agents.editor import SCHEMA as EDITOR
from agentcore.agents.editor import ToolError, edit, text
from agentcore.brief.text import Brief
from agentcore.worktree.workspace import Workspace
from worktrees import confined

OUTPUT_CHARACTERS = 16_000
"""What the model sees of a command's output: its beginning and its end."""

MARGIN_BYTES = 4096
"""Read beyond what is shown of a long output, so that a secret at the border is seen whole."""

ALIKE = 0.6
"""Similarity of two lines from which they say the same."""

SCHEMAS: list[dict[str, Any]] = [
    {
        "name": "bash",
        "description": (
            "Run a command with bash in the worktree. Each call starts a fresh shell there. It is ended after a time "
            "limit, with everything that it started. No network, no GPU."
        ),
        "input_schema": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "restart": {"type": "boolean", "description": "Accepted and not needed: every call starts afresh."},
            },
        },
    },
    EDITOR,
    {
        "name": "note",
        "description": "Keep one line for the next time that you think in this worktree.",
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
    {
        "name": "ask_researcher",
        "description": (
            "Ask the researcher what only they can know or decide. Ends your work on this proposal; the answer comes "
            "with a later one. Where nobody answers you will be asked for another idea, so ask only what you cannot "
            "find out or decide yourself."
        ),
        "input_schema": {
            "type": "object",
            "properties": {"question": {"type": "string", "description": "One line that can be answered in one line."}},
            "required": ["question"],
        },
    },
    {
        "name": "submit",
        "description": (
            "Hand your edit in as one experiment, after a smoke check whose traceback comes back if it fails. "
            "Ends your work on this proposal."
        ),
        "input_schema": {
            "type": "object",
            "properties": {
                "hypothesis": {
                    "type": "string",
                    "description": "One line: what changes, and why it should help.",
                },
                "expected_gain": {
                    "type": "number",
                    "description": "Improvement of the metric that you expect, positive is better.",
                },
                "why": {"type": "string", "description": "The evidence or reasoning in two or three sentences."},
            },
            "required": ["hypothesis", "expected_gain", "why"],
        },
    },
]


class Tools:
    """The tools of one proposal. `proposal` is set once a submission was accepted, `question` once one was asked."""

    def __init__(self, brief: Brief, workspace: Workspace, command_s: float) -> None:
        self.proposal: Proposal | None = None
        self.question = ""
        self._brief = brief
        self._workspace = workspace
        self._command_s = command_s

    async def use(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Carry one call out and return what the model sees. Raises ToolError for a call that cannot be."""
        match name:
            case "bash":
                return await self._bash(arguments)
            case "str_replace_based_edit_tool":
                return await asyncio.to_thread(self._edit, arguments)
            case "note":
                self._workspace.note(text(arguments, "text"))
                return "noted"
            case "ask_researcher":
                return self._ask(arguments)
            case "submit":
                return await self._submit(arguments)
        known = ", ".join(schema["name"] for schema in SCHEMAS)
        raise ToolError(f"there is no tool {name!r}; there are: {known}")

    def _ask(self, arguments: Mapping[str, Any]) -> str:
        question = " ".join(text(arguments, "question").split())
        if not question:
            raise ToolError("the question is empty: one line that can be answered in one line")
        if refusal := self._workspace.question_refusal():
            raise ToolError(refusal)
        self.question = question
        return "asked"

    def _edit(self, arguments: Mapping[str, Any]) -> str:
        return edit(self._workspace.folder, self._brief.edit, arguments, self._workspace.local_files())

    async def _bash(self, arguments: Mapping[str, Any]) -> str:
        if arguments.get("restart") and not arguments.get("command"):
            return "every call starts a fresh shell"
        try:
            ran = await self._workspace.run(["bash", "-c", text(arguments, "command")], self._command_s)
        except confined.CannotStart as error:
            raise ToolError(str(error)) from error
        shown = await asyncio.to_thread(trimmed, ran.output, OUTPUT_CHARACTERS, self._workspace.clean)
        match ran.finished.ended_by:
            case "time":
                raise ToolError(f"{shown}\n(ended after its limit of {self._command_s:g} s)")
            case "output":
                raise ToolError(f"{shown}\n(ended: it printed {ran.finished.output_bytes >> 20} MiB)")
            case "memory":
                raise ToolError(f"{shown}\n(ended: its processes held too much memory)")
        if ran.finished.code:
            raise ToolError(f"{shown}\n(exit code {ran.finished.code})")
        return shown or "(no output)"

    async def _submit(self, arguments: Mapping[str, Any]) -> str:
        hypothesis = " ".join(text(arguments, "hypothesis").split())
        if not hypothesis:
            raise ToolError("the hypothesis is empty: one line, what changes and why it should help")
        if refusal := await self._workspace.refusal():
            raise ToolError(refusal)
        if failure := await self._workspace.smoke():
            raise ToolError(failure)
        self.proposal = Proposal(
            hypothesis=hypothesis,
            detail={
                "expected_gain": _gain(arguments.get("expected_gain")),
                "why": self._workspace.clean(str(arguments.get("why") or ""))[:2000],
            },
            rework_of=_named(hypothesis, self._brief.conflicts),
            mends=_mends(hypothesis, self._brief),
        )
        return "submitted"


def trimmed(path: Path, limit: int, clean: Callable[[str], str] = str) -> str:
    """Return the text in a file, at most `limit` characters: its head and its tail, and how much was left out.

    `clean` sees more than is returned: half of a secret at the border would not be known for one afterwards.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= 4 * limit:
            whole = clean(file.read().decode("utf-8", "replace"))
            if len(whole) <= limit:
                return whole
            head, tail, left_out = whole[: limit // 2], whole[-limit // 2 :], f"{len(whole) - limit:,} characters"
        else:  # more bytes than any `limit` characters take: only the ends are read
            end = 2 * limit + MARGIN_BYTES
            head = clean(file.read(end).decode("utf-8", "replace"))[: limit // 2]
            file.seek(max(0, size - end))
            tail = clean(file.read().decode("utf-8", "replace"))[-limit // 2 :]
            left_out = f"{max(0, size - len(head.encode()) - len(tail.encode())):,} bytes"
    return f"{head}\n… {left_out} left out …\n{tail}"


def _mends(hypothesis: str, brief: Brief) -> bool:
    """True where a hypothesis is that of the crashed experiment again, or names it."""
    crash = brief.crash
    if crash is None:
        return False
    is_alike = SequenceMatcher(None, hypothesis.lower(), crash.hypothesis.lower()).ratio() >= ALIKE
    return is_alike or not _numbers(hypothesis).isdisjoint((crash.root, crash.latest))


def _named(hypothesis: str, conflicts: tuple[int, ...]) -> int | None:
    """Return the conflict that a hypothesis says it writes again."""
    return next((number for number in conflicts if number in _numbers(hypothesis)), None)


def _numbers(hypothesis: str) -> set[int]:
    """Return the experiments that a hypothesis names: #1 is not in #12."""
    return {int(number) for number in re.findall(r"#([0-9]{1,9})\b", hypothesis)}


def _gain(given: object) -> float | None:
    """Return a number that JSON can hold, or None: models also send NaN, texts, and a one with 400 zeros."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not abs(given) < sys.float_info.max:
        return None
    return float(given)
