"""What happened, from a shell: the report in its forms, and the events behind it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore import events as ev
from tests.tui.labs import LabMaker, small_lab
from tui.cli import main
from tui.moments import moment


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab of two hours ago with a merge, a drop, and a wait for a provider in the midst of them."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "MATRIX_LR 0.020 to 0.034", "drop", 1.7040)
    lab.tell(ev.AwayStarted(None, None, "gate", "park", "you"))
    lab.think("wt0")
    lab.wait("wt0", text="429")
    lab.merge(lab.make_ready("wt1", "WARMUP 0.05 to <0.02>"))
    return lab


def said(lab: LabMaker, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run one command; return its code, stdout and stderr."""
    code = main([words[0], "--lab", str(lab.paths.root), *words[1:]])
    return (code, *capsys.readouterr())


def test_the_report_is_ten_lines(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Under a line that says of when; what was before the person left is not in it."""
    code, out, _ = said(lab, capsys, "report")
    title, *lines = out.splitlines()
    assert (0, 10) == (code, len(lines))
    assert re.fullmatch(r"nanochat: \S+ \S+ to \S+ \S+, \S+", title)
    assert "0 of 1" in lines[3]
    _, whole, _ = said(lab, capsys, "report", "--since", "2020-01-01")
    assert "1 of 2: 1 no gain" in whole


def test_programs_ask_for_what_they_need(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """`--since away` with `--json`, as a script in the morning does."""
    _, out, _ = said(lab, capsys, "report", "--since", "away", "--json")
    body = json.loads(out)
    assert ("nightlab.report/1", 0.0022, 1) == (body["schema"], round(body["trunk"]["gain"], 4), len(body["merged"]))
    assert body["since"] == lab.state.away.since  # type: ignore[union-attr]
    assert {"needs_you", "cost", "faults", "slots", "near_misses", "agents"} <= body.keys()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("night.md", "## Merged"),
        ("night.json", '"schema": "nightlab.report/1"'),
        ("night.html", "WARMUP 0.05 to &lt;0.02&gt;"),
        ("night.svg", '<svg xmlns="http://www.w3.org/2000/svg"'),
    ],
)
def test_a_file_has_the_form_that_its_name_asks_for(
    lab: LabMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, word: str
) -> None:
    """stdout stays empty: the file is the data."""
    file = tmp_path / name
    assert (0, "", f"written: {file}\n") == said(lab, capsys, "report", "-o", str(file))
    assert word in file.read_text()


def test_other_names_and_forms_are_refused(lab: LabMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """2 with the endings there are, or where two forms are asked for; 1 where nothing can be written."""
    assert 2 == said(lab, capsys, "report", "-o", str(tmp_path / "night.pdf"))[0]
    assert 2 == said(lab, capsys, "report", "--json", "--markdown")[0]
    code, _, err = said(lab, capsys, "report", "-o", str(tmp_path / "none" / "night.md"))
    assert (1, True) == (code, err.startswith("nightlab: not written: "))


def test_a_png_says_what_it_lacks(
    lab: LabMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4, and the extra that brings it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as where it is not installed
    code, _, err = said(lab, capsys, "report", "-o", str(tmp_path / "progress.png"))
    assert (4, True) == (code, "pip install 'nightlab[report]'" in err)


def test_events_since_a_time_come_from_the_whole_journal(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """What is older than what a view keeps in memory, too; without a time the newest forty."""
    for number in range(600):
        lab.tell(ev.NoteTaken("wt0", f"note {number}"), 0.01)
    assert 40 == len(said(lab, capsys, "events")[1].splitlines())
    lines = said(lab, capsys, "events", "--since", "away")[1].splitlines()
    assert ("AWAY", True) == (lines[0].split()[2], len(lines) > 600)
    assert 3 == len(said(lab, capsys, "events", "--since", "away", "--lines", "3")[1].splitlines())


def test_a_level_leaves_out_what_went_well(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """What broke, and when: the wait for the provider alone."""
    _, out, _ = said(lab, capsys, "events", "--since", "away", "--level", "warn", "--json")
    body = json.loads(out)
    assert "nightlab.events/1" == body["schema"]
    assert [("warn", "wt0", "LIMIT", "AgentStateChanged")] == [
        (each["level"], each["who"], each["word"], each["type"]) for each in body["events"]
    ]


def test_following_prints_what_comes_next(lab: LabMaker) -> None:
    """One JSON object a line, until ctrl+c."""
    argv = [sys.executable, "-m", "tui.cli", "events", "--lab", str(lab.paths.root), "-f", "--json", "--lines", "1"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert "MERGED" == json.loads(process.stdout.readline())["word"]
        lab.tell(ev.WarningRaised("disk", "full"))
        raised = json.loads(process.stdout.readline())
        assert ("warn", "full") == (raised["level"], raised["text"])
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(10)
    finally:
        process.kill()
        process.communicate()


def test_a_past_time_of_day_is_the_last_one() -> None:
    """`22:41` in the morning is last night's."""
    now = moment("2026-03-14T08:00", 0.0)
    assert moment("2026-03-13T22:41", 0.0) == moment("22:41", now, is_past=True)
