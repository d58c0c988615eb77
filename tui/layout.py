"""Where does each pane stand, for any size of the terminal?

Pure geometry. Three classes by width: under 100 one column, as much as fits of list, detail, plot and events; from 100
a list above one diff; from 140 two columns. What has to go first when lines are short is fixed: devices, plot, events,
detail. Title, strip, key line and list never go.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.geometry import Region

MIN_WIDTH, MIN_HEIGHT = 60, 15
"""Below this a screen is one line that says so."""

NARROW, MEDIUM, WIDE = 80, 100, 140

Places = Mapping[str, Region]


def is_small(width: int, height: int) -> bool:
    """True where no screen fits."""
    return width < MIN_WIDTH or height < MIN_HEIGHT


def lab(width: int, height: int, rows: int, slots: int, *, plots: bool = True) -> Places:
    """Place the overview's panes between row 0 and `height` (title, strip and key line are not counted)."""
    if width < MEDIUM:
        return _narrow(width, height, rows, plots)
    if width < WIDE:
        return _medium(width, height, rows)
    return _wide(width, height, rows, slots, plots)


def _narrow(width: int, height: int, rows: int, plots: bool) -> Places:
    """List, detail, plot, events from the top; unframed list, ruled others."""
    listed = min(rows + 1, height)
    rest = height - listed
    detail = 3 if rest >= 3 else 0
    rest -= detail
    events = 3 if rest >= 3 else 0
    rest -= events
    plot = min(rest, 6 if rest < 12 else 10) if plots and rest >= 6 else 0
    events += rest - plot if events else 0
    spare = rest - plot if not events else 0
    return _stack(width, [("rows", listed + spare), ("detail", detail), ("progress", plot), ("events", events)])


def _medium(width: int, height: int, rows: int) -> Places:
    """A boxed list with its detail line, one diff, the events."""
    listed = min(rows + 4, height)
    rest = height - listed
    events = min(8, rest // 3) if rest >= 12 else 0
    diff = rest - events if rest - events >= 4 else 0
    return _stack(width, [("rows", height - diff - events), ("diff", diff), ("events", events)])


def _wide(width: int, height: int, rows: int, slots: int, plots: bool) -> Places:
    """Left: list, plot, events. Right: diff, devices, queue. The lower edges are one line."""
    right = max(56, min(100, width * 35 // 100))
    left = width - right
    below = max(5, min(12, height // 4))
    listed = min(rows + 4, height - below)
    plot = height - below - listed
    if plot < 7 or not plots:
        listed, plot = height - below, 0
    devices = slots + 2 if slots and height - below - slots - 2 >= 8 else 0
    return {
        **_stack(left, [("rows", listed), ("progress", plot), ("events", below)]),
        **_stack(right, [("diff", height - below - devices), ("devices", devices), ("queue", below)], left),
    }


def welcome_width(width: int) -> int:
    """Return how wide the box of a lab without worktrees is."""
    return min(78, width - 2)


def welcome(width: int, height: int, tall: int) -> Places:
    """One box of `tall` lines in the middle, before there is anything to list."""
    wide, tall = welcome_width(width), min(tall, height)
    return {"welcome": Region((width - wide) // 2, min(1, height - tall), wide, tall)}


def queue(width: int, height: int, candidates: int, merged: int) -> Places:
    """Candidates, merges and the evidence of the selected one, below each other where it is narrow.

    Where it is wide: lists, scatter and trunk's history at the left, change and evidence at the right, the pipeline
    below both. `candidates`, `merged`: how many there are to list.
    """
    if width < WIDE:
        told = min(merged, 4) + 1 if merged else 0
        known = min(max(5, height * 2 // 5), height - 4)
        listed = max(3, min(max(candidates, 2) + 1, height - known - told))
        told = min(told, max(0, height - listed - known))
        rest = height - listed - told - known
        diff = rest if rest >= 6 else 0
        parts = [("candidates", listed), ("merged", told), ("evidence", known + rest - diff), ("diff", diff)]
        return _stack(width, parts)
    right = max(56, min(100, width * 35 // 100))
    left = width - right
    pipeline = min(11, height // 4)
    rest = height - pipeline
    known = min(16, rest // 2)
    listed = min(max(candidates, 2) + 4, rest // 2)
    told = min(merged + 3, rest - listed) if merged else 0
    plots = rest - listed - told
    if plots < 8 or not merged:
        listed, told, plots = (listed, rest - listed, 0) if merged else (rest, 0, 0)
    places = {
        **_stack(left, [("candidates", listed), ("merged", told)]),
        **_stack(right, [("diff", rest - known), ("evidence", known)], left),
        "pipeline": Region(0, rest, width, pipeline),
    }
    if plots:
        half = left // 2
        places["scatter"] = Region(0, rest - plots, half, plots)
        places["history"] = Region(half, rest - plots, left - half, plots)
    return places


def directions(width: int, height: int, pane: str, worktrees: int) -> Places:
    """The chosen pane under its tabs, and from 100 columns on the ideas below it; where there is room all four: the
    program beside the others.
    """
    if width < MEDIUM or (width < WIDE and height < 20):
        return _stack(width, [("tabs", 1), (pane, height - 1)])
    if width < WIDE:
        above, listed = pane if pane != "ideas" else "program", (height - 1) * 2 // 5
        return _stack(width, [("tabs", 1), (above, height - 1 - listed), ("ideas", listed)])
    left = max(60, min(100, width // 2))
    listed = min(worktrees + 3, height // 3)
    rules = min(20, (height - listed) * 3 // 5)
    return {
        **_stack(left, [("program", height)]),
        **_stack(width - left, [("assigned", listed), ("ideas", height - listed - rules), ("rules", rules)], left),
    }


def retest(width: int, height: int, retests: int) -> Places:
    """The list above the plot; what stands behind one is beside both (wide) or below."""
    listed = max(3, min(retests + 1, height // 3))
    if width < WIDE:
        rest = height - listed
        plot = min(10, rest - 6) if rest >= 13 else 0
        return _stack(width, [("retests", listed), ("scatter", plot), ("detail", rest - plot)])
    left = width * 60 // 100
    return {
        **_stack(left, [("retests", listed + 2), ("scatter", height - listed - 2)]),
        **_stack(width - left, [("detail", height)], left),
    }


def results(width: int, height: int, *, plots: bool = True) -> Places:
    """The plot above the table, what is known of the selected row below; beside them (wide) its change.

    Short of lines the plot goes first.
    """
    detail = 3 if width < WIDE else 6
    plot = 0 if not plots or height < 20 else 8 if height < 27 else min(16, height // 3)
    right = max(56, min(100, width * 38 // 100)) if width >= WIDE else 0
    left = _stack(width - right, [("progress", plot), ("results", height - plot - detail), ("detail", detail)])
    return {**left, **_stack(right, [("diff", height)], width - right)} if right else left


def imported(width: int, height: int) -> Places:
    """The rows, what is known of the selected one, and its change: below, or beside them (wide)."""
    if width < WIDE:
        detail, change = 4, height * 2 // 5 if height >= 16 else 0
        return _stack(width, [("imported", height - detail - change), ("detail", detail), ("diff", change)])
    left = width - max(56, min(100, width * 38 // 100))
    return {
        **_stack(left, [("imported", height - 6), ("detail", 6)]),
        **_stack(width - left, [("diff", height)], left),
    }


def experiment(width: int, height: int, facts: int) -> Places:
    """What is known (`facts` lines of it) above the curves, and the change below, or beside them where it is wide."""
    if width < WIDE:
        curve = 8 if height >= 26 else 7 if height >= 20 else 0
        known = min(facts + 1, (height - curve) * 3 // 5)
        return _stack(width, [("known", known), ("curve", curve), ("diff", height - known - curve)])
    left = width // 2
    known = min(facts + 2, height * 3 // 5)
    return {
        **_stack(left, [("known", known), ("curve", height - known)]),
        **_stack(width - left, [("diff", height)], left),
    }


def report(width: int, height: int, answers: int) -> Places:
    """The answers above the plot; what stands behind one is beside them (wide) or below."""
    if width < WIDE:
        listed = min(answers, height)
        rest = height - listed
        plot = min(8, rest - 5) if rest >= 11 else 0
        return _stack(width, [("answers", listed), ("progress", plot), ("detail", rest - plot)])
    left = width * 62 // 100
    listed = min(answers + 2, height)
    return {
        **_stack(left, [("answers", listed), ("progress", height - listed)]),
        **_stack(width - left, [("detail", height)], left),
    }


def worktree(width: int, height: int, pane: str, *, agent: bool) -> Places:
    """Facts above; below them diff, log, curve and agent at once where there is room, else the chosen one, and from 100
    columns on a second one below it.

    What goes on now stands below the chosen one, and in the place of an agent that has no steps to show.
    """
    if width < WIDE:
        facts = 1 if height >= 12 else 0
        now = 0 if height < 17 else 4 if width < MEDIUM else 5
        rest = height - 1 - facts - now
        second = "log" if pane != "log" else "agent" if agent else "curve"
        beside = rest * 2 // 5 if width >= MEDIUM and rest >= 20 else 0
        parts = [("facts", facts), ("tabs", 1), (pane, rest - beside), (second, beside), ("now", now)]
        return _stack(width, parts)
    rest = height - 2
    left, log = max(width // 2, min(100, width * 54 // 100)), rest * 3 // 7
    low = rest if rest < 20 else rest * 3 // 5
    low = low if agent else min(5, rest)
    places = {
        **_stack(width, [("facts", 2)]),
        **_stack(left, [("diff", rest - log), ("log", log)]),
        **_stack(width - left, [("curve", rest - low), ("agent" if agent else "now", low)], left),
    }
    return {name: place if name == "facts" else place.translate((0, 2)) for name, place in places.items()}


def whole(width: int, height: int, pane: str) -> Places:
    """One pane and nothing else."""
    return {pane: Region(0, 0, width, height)}


def _stack(width: int, parts: list[tuple[str, int]], x: int = 0) -> dict[str, Region]:
    """Place panes of the given heights one below the other; those without height are left out."""
    places, y = {}, 0
    for name, height in parts:
        if height > 0:
            places[name] = Region(x, y, width, height)
            y += height
    return places
