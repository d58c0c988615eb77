"""Every scenario looks as it is stored; `make snapshots` writes what is stored anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.synthetic.scenarios import SCENARIOS
from tests.tui.driving import crooked
from tests.tui.frames import SIZES, frames, stored
from tests.tui.labs import small_lab
from tui.cli import main


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_looks_as_stored(name: str) -> None:
    """Each of its frames at both sizes, to the letter: a changed one is shown by the difference."""
    assert stored(name).read_text(encoding="utf-8") == frames(name)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_line_is_too_wide(name: str) -> None:
    """No frame has a line wider than its terminal, or more lines than it has."""
    heads = [f"{width}x{height}" for width, height in SIZES]
    for frame in stored(name).read_text(encoding="utf-8").split("======== ")[1:]:
        head, *lines = frame.splitlines()
        width, height = SIZES[heads.index(head.split()[-1])]
        assert len(lines) <= height
        assert [] == [line for line in crooked(lines, width) if len(line) > width]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--size", "²x²"), 2, "is no size: write 80x24"),
        (("--svg", "/nonexistent/lab.svg"), 1, "not written: "),
    ],
)
def test_a_snapshot_that_cannot_be_made_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    """One sentence and a code, never a traceback."""
    lab = small_lab(tmp_path)
    assert code == main(["snapshot", "--lab", str(lab.paths.root), *words])
    assert said in capsys.readouterr().err
