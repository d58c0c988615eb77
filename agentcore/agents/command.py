"""The backend `command`: any program that edits files in the folder that it is started in.

It gets the brief as an argument or a file, works until it exits or a limit ends it, and then the diff is read like any
other's. Its hypothesis is what it wrote to the file in $NIGHTLAB_HYPOTHESIS, else the last line that it printed after
``Hypothesis:``, else the last line that it printed. A last line ``Question: …`` asks the researcher.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from agentcore.agents import Asked, NoProposal, Proposal
from agentcore.agents.tools import trimmed
from agentcore.brief.text import Brief
from agentcore.worktree.workspace import Workspace, one_line
from worktrees import confined, metrics
from worktrees.project import CommandSettings

LAST_LINES, WIDTH = 200, 1000
TRANSCRIPT_CHARACTERS = 40_000
HANDING_IN = """

# Handing in

Edit the file in the current folder and exit; the lab reads the diff. End your output with one line of the form
`Hypothesis: what changes: why it should help`. Where you cannot go on without the researcher, end it with `Question: …`
instead: your edit is dropped, the answer comes with a later brief; without one you will be asked for another idea."""

_QUESTION = re.compile(r"^\W*question[\s*_]*:[\s*_]*(.+)$", re.IGNORECASE)
_LABELLED = re.compile(r"^\W*hypothesis[\s*_]*:[\s*_]*(.+)$", re.IGNORECASE)


class CommandAgent:
    """Starts the program of lab.toml once per proposal."""

    def __init__(self, settings: CommandSettings) -> None:
        self.name = "command"
        self._settings = settings

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Run the program in the worktree. Raises Asked, and NoProposal where it cannot start or changed nothing."""
        words = workspace.clean(f"{brief.rules}\n\n{brief.text}{HANDING_IN}")
        told, hypothesis = workspace.scratch / "brief.md", workspace.scratch / "hypothesis.txt"
        told.write_text(words, encoding="utf-8")
        values = {"{brief}": words, "{brief_file}": str(told), "{worktree}": str(workspace.folder)}
        try:
            ran = await workspace.run(
                [_filled(part, values) for part in self._settings.argv],
                workspace.limits.seconds,
                output_bytes=int(self._settings.output_mb * (1 << 20)),
                environment={**self._environment(workspace), "NIGHTLAB_HYPOTHESIS": str(hypothesis)},
                network=self._settings.network,
                read=[*self._program(), *_outside(self._settings.read)],
                write=_outside(self._settings.write),
            )
        except confined.CannotStart as error:
            raise NoProposal(f"{error}: see [agents.command] argv") from error
        printed = await asyncio.to_thread(trimmed, ran.output, TRANSCRIPT_CHARACTERS, workspace.clean)
        workspace.transcript.write("output", text=printed)
        lines = await asyncio.to_thread(metrics.tail_text, ran.output, LAST_LINES, WIDTH)
        if (question := _asked(lines)) and not workspace.question_refusal():
            raise Asked(question)
        ended = _ended(ran.finished, workspace.limits.seconds)
        if failure := await workspace.smoke():
            raise NoProposal(failure)
        said = "\n".join(await asyncio.to_thread(metrics.tail_text, hypothesis, LAST_LINES, WIDTH))  # follows no link
        return Proposal(one_line(said or _spoken(lines)) or "no hypothesis was given", detail={"ended": ended})

    def _program(self) -> Iterator[Path]:
        """Yield the file of the program and, where that is a link, what it leads to: it may lie in the home folder."""
        if found := shutil.which(self._settings.argv[0]):
            yield from dict.fromkeys((Path(found).absolute(), Path(found).resolve()))

    def _environment(self, workspace: Workspace) -> dict[str, str]:
        """Return the variables that lab.toml hands on, secrets among them."""
        found = {name: workspace.secret(name) or os.environ.get(name) for name in self._settings.env}
        return {name: value for name, value in found.items() if value is not None}


def _outside(paths: tuple[str, ...]) -> list[Path]:
    """Return the paths of lab.toml that exist."""
    found = (Path(path).expanduser().absolute() for path in paths)
    return [path for path in found if path.exists()]


def _filled(part: str, values: dict[str, str]) -> str:
    """Fill an argument's placeholders in, in one pass: a brief may hold braces of its own."""
    return re.sub("|".join(map(re.escape, values)), lambda match: values[match[0]], part)


def _ended(finished: confined.Finished, seconds: float) -> str:

    match finished.ended_by:
        case "time":
            return f"ended after {seconds:g} s"
        case "output":
            return "ended: it printed too much"
        case "memory":
            return "ended: it held too much memory"
    return f"exit code {finished.code}"


def _asked(lines: tuple[str, ...]) -> str:
    """Return the question that the last line is, or nothing."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    match = _QUESTION.match(last)
    return match[1].strip() if match else ""


def _spoken(lines: tuple[str, ...]) -> str:
    for line in reversed(lines):
        if match := _LABELLED.match(line):
            return match[1]
    return next((line for line in reversed(lines) if any(character.isalnum() for character in line)), "")
