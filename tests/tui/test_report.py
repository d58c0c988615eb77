"""Stories of screen 7: the morning in ten lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.overview.observer import Observer
from agentcore.report.file import lines, save
from tests.tui.driving import crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab after a merge, a drop and a near miss, with one candidate READY."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.merge(lab.make_ready("wt1", "WARMUP 0.05 to 0.02"))
    lab.make_ready("wt0", "DEPTH 4 to 5")
    return lab


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 45), (250, 70)])
async def test_seven_shows_the_ten_lines(lab: LabMaker, size: tuple[int, int]) -> None:
    """At every size all ten questions stand on the screen, and nothing sticks out."""
    async with sitting_at(lab, size) as person:
        await person.press("7")
        await person.until(lambda: "what next?" in person.text)
        assert "7 REPORT" in person.rows[0]
        assert "gain +.0022" in person.row("better?")
        assert [] == crooked(person.rows, size[0])


async def test_a_line_shows_what_stands_behind_it_and_leads_there(lab: LabMaker) -> None:
    """`j` goes to the second question, its merge is told below, `enter` opens the queue, `-` comes back."""
    async with sitting_at(lab) as person:
        await person.press("7")
        await person.until(lambda: "what next?" in person.text)
        await person.press("j")
        assert "enter: queue" in person.text and "WARMUP 0.05 to 0.02" in person.text
        await person.press("enter")
        assert "3 QUEUE" in person.rows[0]
        await person.press("minus")
        assert "7 REPORT" in person.rows[0]


def test_the_file_of_a_night_has_the_same_ten_lines(lab: LabMaker) -> None:
    """Markdown for `cat`, JSON for programs; text from a model cannot become Markdown."""
    lab.experiment("wt0", "try `rm` and [this](http://x)", "drop", 1.7040)
    observer = Observer(lab.paths)
    observer.refresh()
    report = observer.report(observer.state, observer.overview(lab.now), 0.0)
    path = save(lab.paths.dot / "reports", report)
    text = path.read_text()
    assert lines(report) == text.split("```")[1].strip().splitlines()
    assert r"try \`rm\` and \[this\](http://x)" in text
    assert 10 == len(json.loads(path.with_suffix(".json").read_text())["answers"])
