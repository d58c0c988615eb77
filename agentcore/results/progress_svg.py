"""How does a lab's course look as a picture that needs nothing but a browser?

The field's well-known figure: grey dots for what was dropped, green ones with their idea for what was kept, and a step
line along the best so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from agentcore import format as fmt
from agentcore.results.progress import Progress
from worktrees.text import printable

WIDTH, HEIGHT = 960, 460
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 100, 44
"""Margins, pixels; at the top and at the right there is room for the words of an idea."""

LEVELS = 5
"""Numbers along the axis of scores."""
LABEL = 34
"""Characters of an idea beside its dot."""

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:currentColor}.small{font-size:10px;opacity:.8}"
    ".axis{stroke:currentColor;opacity:.25}.dropped{fill:#9a9a9a;opacity:.6}.kept{fill:#2cc295;stroke:#00664b}"
    ".best{fill:none;stroke:#2cc295;stroke-width:2}"
)


def svg(progress: Progress, ideas: Mapping[int, str], metric: str) -> str:
    """Return the picture. `ideas`: the words of each kept experiment. Without a scored experiment it only says so."""
    points, right, bottom = progress.points, WIDTH - RIGHT, HEIGHT - BOTTOM
    better = "lower" if progress.lower_is_better else "higher"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><style>{STYLE}</style>',
        f'<text x="{right}" y="18" text-anchor="end">{len(points)} experiments, {progress.kept} kept</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}">experiment; {escape(metric)}, {better} is better</text>',
    ]
    if not points:
        return "".join([*parts, f'<text x="{LEFT}" y="60">no experiment has a score yet</text></svg>'])

    def x(index: int) -> float:
        return round(LEFT + (right - LEFT) * index / max(1, len(points) - 1), 1)

    def y(score: float) -> float:
        share = (progress.high - score) / (progress.high - progress.low)
        return round(TOP + (bottom - TOP) * min(1.0, max(0.0, share)), 1)

    for level in range(LEVELS):
        score = progress.low + (progress.high - progress.low) * level / (LEVELS - 1)
        parts.append(f'<path class="axis" d="M{LEFT} {y(score)}H{right}"/>')
        parts.append(f'<text class="small" x="8" y="{y(score) + 4}">{fmt.score(score)}</text>')
    for index in sorted({round((len(points) - 1) * tick / 8) for tick in range(9)}):
        number = points[index].experiment
        parts.append(f'<text class="small" x="{x(index)}" y="{bottom + 16}" text-anchor="middle">{number}</text>')
    start = points[0].best if progress.baseline is None else progress.baseline
    steps = "".join(f"H{x(index)}V{y(point.best)}" for index, point in enumerate(points))
    parts.append(f'<path class="best" d="M{LEFT} {y(start)}{steps}H{right}"/>')
    for index, point in enumerate(points):
        if not point.kept:
            parts.append(f'<circle class="dropped" cx="{x(index)}" cy="{y(point.score)}" r="3"/>')
    named = -1
    for index, point in enumerate(points):
        if not point.kept:
            continue
        words = " ".join(printable(ideas.get(point.experiment, "")).split())
        dot = f'<circle class="kept" cx="{x(index)}" cy="{y(point.score)}" r="5">'
        parts.append(f"{dot}<title>#{point.experiment} {fmt.score(point.score)} {escape(words)}</title></circle>")
        if named < 0 or x(index) - x(named) >= 14:  # nearer ones would be printed over one another
            turned = f'transform="translate({x(index) + 6} {y(point.score) - 6}) rotate(-30)"'
            parts.append(f'<text class="small" {turned}>{escape(words[:LABEL])}</text>')
            named = index
    return "".join([*parts, "</svg>"])
