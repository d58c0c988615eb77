"""How does a lab's course become a PNG? By matplotlib, which nightlab does not bring along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from io import BytesIO

from agentcore import format as fmt
from agentcore.results.progress import Point, Progress
from agentcore.results.progress_svg import LABEL, LEVELS
from worktrees.text import printable

EXTRA = "report"
"""The extra of nightlab that brings it."""

INCHES, DPI = (12, 6), 120
"""1440 by 720 pixels."""
APART = 0.018
"""Share of the width that two labels need between them: nearer ones would be printed over one another."""
GREEN, EDGE, GREY = "#2cc295", "#00664b", "#9a9a9a"


class NoPlotter(Exception):
    """There is no matplotlib here. The message says what to install."""


def png(progress: Progress, ideas: Mapping[int, str], metric: str) -> bytes:
    """Return the figure of `progress_svg` as a PNG. Raises NoPlotter."""
    try:  # the figure itself and no pyplot, which keeps figures of its own and looks for a display
        figure = import_module("matplotlib.figure").Figure(figsize=INCHES, dpi=DPI)
    except ImportError:
        raise NoPlotter(
            f"a PNG needs matplotlib: pip install 'nightlab[{EXTRA}]'; .svg and .html need nothing"
        ) from None
    figure.subplots_adjust(left=0.07, right=0.85, top=0.92, bottom=0.1)
    axes, points, low, high = figure.add_subplot(), progress.points, progress.low, progress.high
    better = "lower" if progress.lower_is_better else "higher"
    axes.set_title(f"{len(points)} experiments, {progress.kept} kept", loc="right")  # at the left stands the first idea
    axes.set_xlabel(f"experiment; {metric}, {better} is better", loc="left", parse_math=False)
    axes.set_ylim(low, high)
    scores = [low + (high - low) * level / (LEVELS - 1) for level in range(LEVELS)]
    axes.set_yticks(scores, [fmt.score(score) for score in scores])
    axes.grid(axis="y", alpha=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    if points:
        _draw(axes, progress, ideas)
    else:
        axes.set_xticks([])
        axes.text(0.02, 0.9, "no experiment has a score yet", transform=axes.transAxes)
    written = BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def _draw(axes, progress: Progress, ideas: Mapping[int, str]) -> None:  # type: ignore[no-untyped-def] # matplotlib's
    points, last = progress.points, len(progress.points) - 1
    start = points[0].best if progress.baseline is None else progress.baseline
    axes.set_xlim(-0.01 * max(1, last), max(1, last) * 1.01)
    ticks = sorted({round(last * tick / 8) for tick in range(9)})
    axes.set_xticks(ticks, [str(points[index].experiment) for index in ticks])
    best = [start, *(point.best for point in points)]
    axes.step([0, *range(len(points))], best, where="post", color=GREEN, linewidth=2)
    held = [min(progress.high, max(progress.low, point.score)) for point in points]  # outside is drawn at the edge
    for kept, look in ((False, {"s": 22, "color": GREY, "alpha": 0.6}), (True, {"s": 60, "color": GREEN, "ec": EDGE})):
        chosen = [index for index, point in enumerate(points) if point.kept is kept]
        axes.scatter(chosen, [held[index] for index in chosen], zorder=3 + kept, clip_on=False, **look)
    for index, words in _labels(points, ideas):
        axes.annotate(
            words, (index, held[index]), (5, 5), textcoords="offset points", rotation=30, rotation_mode="anchor",
            fontsize=8, alpha=0.8, parse_math=False,
        )  # fmt: skip


def _labels(points: tuple[Point, ...], ideas: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """Yield the place and the words of each kept point that has room for them."""
    named, apart = -1, APART * max(1, len(points) - 1)
    for index, point in enumerate(points):
        if point.kept and (named < 0 or index - named >= apart):
            named = index
            yield index, " ".join(printable(ideas.get(point.experiment, "")).split())[:LABEL]
