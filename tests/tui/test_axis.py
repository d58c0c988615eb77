"""Numbers on an axis tell its rows apart, and long numbers of experiments are not cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.results.progress import Point, Progress
from agentcore.results.rows import Results, follow
from tests.tui.driving import DARK, sitting_at
from tests.tui.labs import small_lab
from tui.axis import FINER_SCORES, SCORE, labels
from tui.lines import Line
from tui.widgets.curve import finer, written
from tui.widgets.progress import plot
from tui.widgets.queue import QueueList
from tui.widgets.results import ResultsList


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.9998, 0.9913], ["0.9998", "0.9913"]),
        ([0.97892, 0.97888, 0.97884], ["0.97892", "0.97888", "0.97884"]),
        ([1.0, 1.0, 1.0], ["1.000000", "", ""]),
    ],
)
def test_a_narrow_range_gets_more_digits(values: list[float], expected: list[str]) -> None:
    """As many as tell the numbers apart; what is the same all the same is written once."""
    assert expected == labels(values, SCORE, FINER_SCORES)


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("loss", [3.09121, 3.09119]),
        ("mfu", [0.3981, 0.3979]),
        ("memory", [45_100.0, 45_090.0]),
        ("rate", [1.588e6, 1.589e6]),
    ],
)
def test_each_metric_of_a_run_can_be_told_apart(metric: str, values: list[float]) -> None:
    """Also where the usual way to write it is the same for both."""
    names = labels(values, lambda value: written(metric, value), finer(metric))
    assert (2, True) == (len(set(names)), all(0 < len(name) <= 8 for name in names))


def test_the_plot_of_a_calm_night_has_no_number_twice() -> None:
    """Scores that differ in the fifth digit only."""
    points = tuple(Point(number, 0.97880 + number * 1e-6, False, 0.97880) for number in range(30))
    lines = plot(Progress(points, low=0.97880, high=0.97884), 70, 12)
    names = [name for line in lines[:-2] if (name := line[0][0].strip())]
    assert (len(names), True) == (len(set(names)), len(names) >= 3)


def text_of(line: Line) -> str:
    """Return a line without its colours."""
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("width", [60, 80, 100])
async def test_a_number_of_five_digits_is_shown_whole(tmp_path: Path, width: int) -> None:
    """In the results, under its title, and in the queue."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    row = replace(follow(Results(), lab.state).rows[0], experiment=12_345)
    results = ResultsList(DARK)
    results.feed([row])
    assert "12345 wt0 " in text_of(results.item(0, width))
    assert text_of(results.header(width)[0]).index("WT ") == text_of(results.item(0, width)).index("wt0 ")
    async with sitting_at(lab) as person:
        scene = person.view.scene
        waiting = tuple(replace(each, experiment=12_345) for each in scene.overview.queue)
        queue = QueueList(DARK)
        queue.feed(replace(scene, overview=replace(scene.overview, queue=waiting)))
        assert "wt0 #12345 WARMUP" in text_of(queue.item(0, width))
