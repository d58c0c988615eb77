"""In which forms can a list leave the view, and where does the file go? `.lab/exports`, named by screen and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentcore.results.progress import Progress, kept_ideas
from tui.follow import Scene
from tui.lines import tame

FORMS: Mapping[str, tuple[str, str]] = {
    "m": ("markdown", "md"),
    "t": ("tab-separated values", "tsv"),
    "j": ("json", "json"),
    "p": ("png", "png"),
    "s": ("svg: a picture of the screen", "svg"),
}
"""Letter of a form: its name, and how its files end."""

Maker = Callable[[], str | bytes]


@dataclass(frozen=True)
class Listing:
    """What a screen lists, as a table of texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def makers(listing: Listing, schema: str) -> dict[str, Maker]:
    """Return how a table is made in each form that a table has."""
    return {"m": lambda: markdown(listing), "t": lambda: tsv(listing), "j": lambda: as_json(listing, schema)}


def markdown(listing: Listing) -> str:
    """Return the table as markdown."""
    lines = [listing.head, tuple("---" for _ in listing.head), *listing.rows]
    return "".join("| " + " | ".join(tame(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def tsv(listing: Listing) -> str:
    """Return the table with a tab between two cells; no cell holds one."""
    return "".join("\t".join(tame(cell) for cell in line) + "\n" for line in (listing.head, *listing.rows))


def as_json(listing: Listing, schema: str) -> str:
    """Return the table as one object, its rows by the names of the columns."""
    names = [name.lower() for name in listing.head]
    rows = [dict(zip(names, row, strict=True)) for row in listing.rows]
    return json.dumps({"schema": f"nightlab.{schema}/1", "rows": rows}, indent=2, ensure_ascii=False) + "\n"


def plot(scene: Scene, shown: Progress | None = None, measure: str = "") -> Maker:
    """Return how the course of the lab becomes a PNG. `shown`, `measure`: another course than that of the score.

    To be made in a thread: its library takes a second to come. Raises NoPlotter where it is not installed.
    """
    from agentcore.results.progress_png import png  # here: the first paint draws nothing

    course, config = shown or scene.progress, scene.state.config
    metric, ideas = measure or (config.metric if config else "score"), kept_ideas(scene.state)
    return lambda: png(course, ideas, metric)


def save(content: str | bytes, folder: Path, name: str, ending: str, now: float) -> Path:
    """Write a file and return where; an older one of the same second stays. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    number = 1
    path = folder / f"{stem}.{ending}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.{ending}"
    path.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    return path
