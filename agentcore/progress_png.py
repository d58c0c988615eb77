"""How does a lab's course become a PNG? By matplotlib, which nightlab does not bring along."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO

from agentcore.progress import Progress

EXTRA = "report"
"""The extra of nightlab that brings it."""


class NoPlotter(Exception):
    """There is no matplotlib here. The message says what to install."""


def png(progress: Progress, metric: str) -> bytes:
    """Return the figure of `progress_svg` as a PNG of 1440 by 720 pixels. Raises NoPlotter."""
    try:
        import_module("matplotlib").use("Agg")
        pyplot = import_module("matplotlib.pyplot")
    except ImportError:
        raise NoPlotter(
            f"a PNG needs matplotlib: pip install 'nightlab[{EXTRA}]'; .svg and .html need nothing"
        ) from None
    figure, axes = pyplot.subplots(figsize=(12, 6), dpi=120)
    places = range(1, len(progress.points) + 1)
    for kept, colour, size in ((False, "#bbbbbb", 16), (True, "#2cc295", 48)):
        shown = [(at, point.score) for at, point in zip(places, progress.points, strict=True) if point.kept is kept]
        axes.scatter([at for at, _ in shown], [score for _, score in shown], s=size, color=colour, zorder=2 + kept)
    axes.step(places, [point.best for point in progress.points], where="post", color="#2cc295")
    axes.set_ylim(progress.low, progress.high)
    axes.set_title(f"{len(progress.points)} experiments, {progress.kept} kept")
    axes.set_xlabel("experiment")
    axes.set_ylabel(f"{metric} ({'lower' if progress.lower_is_better else 'higher'} is better)")
    written = BytesIO()
    figure.savefig(written, format="png", bbox_inches="tight")
    pyplot.close(figure)
    return written.getvalue()
