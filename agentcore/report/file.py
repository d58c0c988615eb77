"""How is a report kept? As Markdown for people and as JSON for programs, one pair of files a night."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from agentcore import format as fmt
from agentcore.report import Report
from agentcore.report.tables import tables
from worktrees.text import printable

WIDTH = 15
"""Cells of a question, so that ten lines read well in a terminal too."""

SCHEMA = "nightlab.report/1"


def lines(report: Report) -> list[str]:
    """Return the ten lines."""
    return [f"{answer.question:<{WIDTH}} {one_line(answer.text)}" for answer in report.answers]


def title(report: Report) -> str:
    """Return of which lab and which time it tells."""
    begin, end = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (report.since, report.until))
    return f"{report.name or 'a new lab'}: {begin} to {end}, {fmt.duration(report.until - report.since)}"


def markdown(report: Report) -> str:
    """Return the whole report: the ten lines, the evidence, then what stands behind each line."""
    parts = [f"# {plain(title(report))}", "", "```", *lines(report), "```", ""]
    for table in tables(report.evidence):
        rows = (table.head, tuple("---" for _ in table.head), *(tuple(map(plain, row)) for row in table.rows))
        parts += [f"## {table.title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]
    for answer in report.answers:
        if answer.detail:
            parts += [f"## {answer.question.capitalize()}", "", *(f"- {plain(text)}" for text in answer.detail), ""]
    return "\n".join(parts)


def as_object(report: Report) -> dict[str, Any]:
    """Return what is known of the time, for programs: the ten answers and the evidence beside them."""
    body = asdict(report)
    return {**body, **body.pop("evidence")}


def save(folder: Path, report: Report) -> Path:
    """Write both files, named after the report's end, over those of the same minute; return the Markdown's path.

    Raises OSError; nothing half written is left then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("%Y-%m-%d-%H%M.md", time.localtime(report.until))
    body = msgspec.json.encode({"schema": SCHEMA, **as_object(report)})
    for file, content in (
        (path.with_suffix(".json"), msgspec.json.format(body, indent=2)),
        (path, markdown(report).encode("utf-8", "replace")),
    ):
        new = file.with_name(f".{file.name}.new")
        try:
            new.write_bytes(content)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    return path


def plain(text: str) -> str:
    """Return text from outside so that Markdown takes it as text, on one line."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|" else char for char in one_line(text))


def one_line(text: str) -> str:
    """Return text from outside on one line, without what is no text."""
    return " ".join(printable(text).split())
