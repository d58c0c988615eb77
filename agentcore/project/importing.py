"""How does an old night come into the lab? As history: a results.tsv of autoresearch's five columns, row by row.

    commit    val_bpb    memory_gb    status (keep, discard, crash)    description

Its rows are told to people and to agents (what was tried, what was kept, what led nowhere). They are no measurements of
this lab: another machine, another budget, one run each. So nothing is ever computed of them together with ours.

A file whose rows are all here is refused. Of one that has grown since (the loop that writes it goes on) only the new
rows are taken: an old idea that stood twice in each brief would look like one that was tried twice.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentcore import format as fmt
from agentcore.brief.scrub import Scrubber
from agentcore.events import HistoryImported, OldOutcome, OldRow
from agentcore.state import LabState

NAME = "results.tsv"
"""What such a file is called, and where it is looked for: in the lab's folder."""

MOST_BYTES = 300_000
"""Some four thousand experiments; the engine takes a command of a mebibyte at most."""

IDEA_CHARACTERS = 500
"""Of a description that are kept."""

_HEAD = ("commit", "", "memory_gb", "status", "description")
"""The columns; the second is called as the metric is."""
_OUTCOMES: Mapping[str, OldOutcome] = {"keep": "keep", "discard": "drop", "crash": "crash"}
_COMMIT = re.compile(r"[\w.-]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{7,64}")


class NotImported(Exception):
    """Nothing was imported. The message says why, with the number of the line where it is one."""


class AllHere(NotImported):
    """Every row of it was imported before."""


@dataclass(frozen=True)
class Table:
    """A whole results.tsv."""

    metric: str
    rows: tuple[OldRow, ...]
    digest: str


def load(path: Path) -> str:
    """Return the text of a results.tsv. Raises NotImported."""
    try:
        with path.open("rb") as file:
            body = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotImported(f"{path} cannot be read: {error.strerror}") from error
    if len(body) > MOST_BYTES:
        raise NotImported(f"{path} is larger than {MOST_BYTES // 1000} kB: no night has so many rows")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise NotImported(f"{path}, line {line}: no text in UTF-8") from error


def read(text: str, name: str = NAME) -> Table:
    """Return what a results.tsv says. Raises NotImported for the first line that is not as it has to be."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    head = lines[0].split("\t")
    if len(head) != len(_HEAD) or any(want and want != is_ for want, is_ in zip(_HEAD, head, strict=True)):
        found = ", ".join(map(_shown, head[:6]))
        raise NotImported(
            f"{name}, line 1: the columns must be commit, the metric's name, memory_gb, status, description "
            f"with a tab between them; found: {found}"
        )
    rows = tuple(_row(line, f"{name}, line {number}") for number, line in enumerate(lines[1:], 2) if line.strip())
    if not rows:
        raise NotImported(f"{name} has no row below its head: there is nothing to import")
    return Table(head[1], rows, hashlib.sha256(text.encode()).hexdigest())


def hashes(table: Table) -> tuple[str, ...]:
    """Return what may be commits of the lab's repository."""
    return tuple(row.commit for row in table.rows if _HASH.fullmatch(row.commit))


def history(
    state: LabState, table: Table, source: str, by: str, known: Mapping[str, str], scrubber: Scrubber
) -> HistoryImported:
    """Return the event that brings the new rows of a table. `known`: {hash: the whole hash} of those that are commits
    of the lab's repository. Raises NotImported.
    """
    rows = tuple(
        replace(row, idea=scrubber.clean(row.idea)[:IDEA_CHARACTERS], known_as=known.get(row.commit, ""))
        for row in fresh(state, table)
    )
    return HistoryImported(scrubber.clean(source), table.digest, scrubber.clean(table.metric), rows, by)


def fresh(state: LabState, table: Table) -> tuple[OldRow, ...]:
    """Return the rows that are not here yet. Raises NotImported where there are none."""
    same = next((each for each in state.imports if each.digest == table.digest), None)
    if same is not None:
        raise AllHere(f"this very file was imported already, {fmt.clock(same.at)} by {same.by}")
    here = Counter(_same(row) for each in state.imports for row in each.rows)
    new = tuple(_without(table.rows, here))
    if not new:
        raise AllHere(f"all {len(table.rows)} rows were imported already")
    return new


def told(event: HistoryImported) -> str:
    """Return what an import comes to, in one line."""
    linked = sum(bool(row.known_as) for row in event.rows)
    return f"{counted(event.rows)}; this repository has the commits of {linked}"


def facts(event: HistoryImported) -> dict[str, Any]:
    """Return what an import comes to, for programs."""
    found = Counter(row.outcome for row in event.rows)
    return {
        "source": event.source,
        "digest": event.digest,
        "metric": event.metric,
        "rows": len(event.rows),
        **{outcome: found[outcome] for outcome in _OUTCOMES.values()},
        "linked": sum(bool(row.known_as) for row in event.rows),
    }


def counted(rows: Iterable[OldRow]) -> str:
    """Return how many there are of each outcome: `126 rows: 22 keep, 103 drop, 1 crash`."""
    found = Counter(row.outcome for row in rows)
    parts = [f"{found[outcome]} {outcome}" for outcome in _OUTCOMES.values() if found[outcome]]
    return f"{fmt.count(found.total(), 'row')}: {', '.join(parts)}"


def steps(rows: Iterable[OldRow], *, lower_is_better: bool) -> Iterator[tuple[OldRow, float | None]]:
    """Yield each row with its gain over the best that was kept before it; None where there is nothing to compare.

    One run against one run, as its authors compared them: how large its noise is nobody knows.
    """
    best: float | None = None
    for row in rows:
        gain = None if best is None or row.score is None else (best - row.score) * (1 if lower_is_better else -1)
        yield row, gain
        if row.outcome == "keep" and row.score is not None:
            best = row.score


def linked(state: LabState, commit: str) -> str:
    """Return the whole hash of an imported commit that this repository has; empty for any other."""
    rows = (row for night in state.imports for row in night.rows)
    return next((row.known_as for row in rows if row.commit == commit and row.known_as), "")


def _row(line: str, where: str) -> OldRow:
    cells = line.split("\t")
    if len(cells) != len(_HEAD):
        raise NotImported(f"{where}: {fmt.count(len(cells), 'column')} and not {len(_HEAD)}: {_shown(line)}")
    commit, score, memory, status, idea = cells
    if not _COMMIT.fullmatch(commit):
        raise NotImported(f"{where}: {_shown(commit)} is no commit")
    if status not in _OUTCOMES:
        raise NotImported(f"{where}: the status {_shown(status)} is none of {', '.join(_OUTCOMES)}")
    outcome = _OUTCOMES[status]
    value, size = _number(score, where), _number(memory, where)
    if size < 0:
        raise NotImported(f"{where}: {_shown(memory)} is no size of memory")
    return OldRow(commit, outcome, None if outcome == "crash" else value, size, idea.strip())


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise NotImported(f"{where}: {_shown(text)} is no number")
    return number


def _same(row: OldRow) -> tuple[object, ...]:
    """Return by what a row is known again. Its words were cleaned when it came, so they do not tell rows apart."""
    return row.commit, row.outcome, row.score, row.memory_gb


def _without(rows: Iterable[OldRow], here: Counter[tuple[object, ...]]) -> Iterator[OldRow]:
    for row in rows:
        if here[_same(row)] > 0:
            here[_same(row)] -= 1
        else:
            yield row


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
