"""In which forms do results leave the lab? The field's five columns, everything as JSON, a table for Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from agentcore import format as fmt
from agentcore.report.file import plain
from agentcore.results.rows import ResultRow, as_object, became, run_s
from agentcore.state import Import, LabState
from worktrees.text import printable

STATUS = {"keep": "keep", "drop": "discard", "duplicate": "discard"}
"""autoresearch's word for an outcome; whatever else happened is its "crash"."""

TITLES = ("#", "WT", "OUTCOME", "VAL", "GAIN", "σ", "MEM", "MIN", "±LINES", "IDEA")


def tsv(rows: Iterable[ResultRow], state: LabState) -> str:
    """Return the five columns that the field's scripts read, and nothing else. What has no score has 0, as there."""
    metric = state.config.metric if state.config else "score"
    lines = [f"commit\t{metric}\tmemory_gb\tstatus\tdescription"]
    for row in rows:
        status = STATUS.get(row.outcome, "crash")
        numbers = f"{row.commit[:7]}\t{row.score or 0.0:.6f}\t{(row.peak_mb or 0.0) / 1024:.1f}"
        lines.append(f"{numbers}\t{status}\t{_one_line(row.hypothesis)}")
    return "\n".join(lines) + "\n"


def objects(rows: Iterable[ResultRow], state: LabState) -> dict[str, Any]:
    """Return everything that is known of the rows."""
    return {"experiments": [as_object(row, state) for row in rows]}


def old_objects(nights: Iterable[Import]) -> dict[str, Any]:
    """Return everything that is known of imported nights: never among the experiments."""
    return {"imported": [asdict(night) for night in nights]}


def as_json(rows: Iterable[ResultRow], state: LabState) -> str:
    """Return `objects` as a text of one object with its schema."""
    body = {"schema": "nightlab.results/1", **objects(rows, state)}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def markdown(rows: Iterable[ResultRow], state: LabState) -> str:
    """Return a table for Markdown; text from a model cannot become Markdown of its own."""
    lines = ["| " + " | ".join(TITLES) + " |", "|" + "---|" * len(TITLES)]
    for row in rows:
        texts = [plain(_one_line(text)) for text in cells(row)]
        lines.append("| " + " | ".join([*texts[:-1], texts[-1] + _standing(row, state)]) + " |")
    return "\n".join(lines) + "\n"


def cells(row: ResultRow) -> list[str]:
    """Return a row as texts, under `TITLES`."""
    return [
        str(row.experiment),
        row.worktree,
        row.outcome.upper(),
        fmt.score(row.score),
        fmt.gain(row.gain),
        fmt.sigmas(row.z),
        fmt.memory(row.peak_mb or None),
        minutes(row),
        fmt.change(row.added, row.removed),
        row.hypothesis + (f"  ({row.reason})" if row.reason else ""),
    ]


def minutes(row: ResultRow) -> str:
    """Write how long a run took, in minutes."""
    spent_s = run_s(row)
    return f"{spent_s / 60:.1f}" if spent_s else fmt.MISSING


def _standing(row: ResultRow, state: LabState) -> str:
    words = became(state, row.experiment)
    return f" ({plain(_one_line(words))})" if words else ""


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())
