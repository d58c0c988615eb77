"""How does a report look as one page that can be mailed: no script, no font, no file beside it?"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from agentcore.report import Report
from agentcore.report.file import title
from agentcore.report.tables import Table, tables
from agentcore.results.progress import Progress
from agentcore.results.progress_svg import svg
from worktrees.text import printable

STYLE = (
    ":root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;"
    "padding:0 1rem}h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}svg{width:100%;height:auto}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem;"
    "border-bottom:1px solid #8884}th{font-weight:600}.ten th{white-space:nowrap;width:8.5rem}"
    "summary{cursor:pointer;margin:.4rem 0}"
)


def page(report: Report, progress: Progress, ideas: Mapping[int, str]) -> str:
    """Return the HTML. `ideas`: the words of each kept experiment, for the plot. Text from a model stays text."""
    name = _text(title(report))
    ten = "".join(f"<tr><th>{_text(each.question)}</th><td>{_text(each.text)}</td></tr>" for each in report.answers)
    details = "".join(
        f"<details><summary>{_text(each.question)}</summary><ul>"
        + "".join(f"<li>{_text(line)}</li>" for line in each.detail)
        + "</ul></details>"
        for each in report.answers
        if each.detail
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f'<h1>{name}</h1><table class="ten">{ten}</table>'
        f"<h2>Progress</h2>{svg(progress, ideas, report.metric)}"
        f"{''.join(_table(table) for table in tables(report.evidence))}"
        f"<h2>What stands behind the ten lines</h2>{details}</body></html>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in table.head)
    rows = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<h2>{_text(table.title)}</h2><table><tr>{head}</tr>{rows}</table>"


def _text(text: str) -> str:
    return escape(printable(text))
