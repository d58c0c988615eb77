"""How is a report kept? As Markdown for people and as JSON for programs, one pair of files a night."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from agentcore import format as fmt
from agentcore.report import Report

WIDTH = 15
"""Cells of a question, so that ten lines read well in a terminal too."""


def lines(report: Report) -> list[str]:
    """Return the ten lines."""
    return [f"{answer.question:<{WIDTH}} {answer.text}" for answer in report.answers]


def markdown(report: Report) -> str:
    """Return the whole report: the ten lines, then what stands behind each."""
    begin, end = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (report.since, report.until))
    head = [f"# {report.name}: {begin} to {end}, {fmt.duration(report.until - report.since)}", ""]
    parts = [*head, "```", *lines(report), "```", ""]
    for answer in report.answers:
        if answer.detail:
            parts += [f"## {answer.question.capitalize()}", "", *(f"- {plain(text)}" for text in answer.detail), ""]
    return "\n".join(parts)


def save(folder: Path, report: Report) -> Path:
    """Write both files, named after the report's end, over those of the same minute; return the Markdown's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("%Y-%m-%d-%H%M.md", time.localtime(report.until))
    path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    path.write_text(markdown(report), encoding="utf-8")
    return path


def plain(text: str) -> str:
    """Return text from outside so that Markdown takes it as text."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|" else char for char in text)
