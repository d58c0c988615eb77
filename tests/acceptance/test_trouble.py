"""Points 27 to 30: what is wrong is said, who is away is called, and nothing is sent for nothing."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.driver import Seat, seated

pytestmark = pytest.mark.acceptance

SENTENCES = {
    "nogpu": r"No GPU \(no NVIDIA driver\): 2 CPU slots, the small corpus and a short budget",
    "nokey": r"No model key .*: the built-in search agent proposes",
    "limit": r"back \d\d:\d\d.*429 from provid",
    "diskfull": r"are free on the disk of \.lab: no new runs until there is room",
    "trunkmoved": r"trunk moved outside: [0-9a-f]{7} to [0-9a-f]{7}",
    "lostgpu": r"GPU 3 is gone",
    "nosupervisor": r"The engine is not running \(last sign \d\d:\d\d\)\. Start it: nightlab start",
    "first": r"First run: \d of \d ready",
}


@pytest.mark.parametrize("scenario", SENTENCES)
def test_27_trouble_has_its_sentence(tmp_path: Path, scenario: str) -> None:
    """It is on the screen, and the view stays open for ten seconds."""
    with seated(tmp_path, scenario, (160, 45)) as seat:
        seat.sees(SENTENCES[scenario])
        seat.holds_for(10.0, lambda: seat.is_open and "Traceback" not in seat.text)


def test_28_a_question_rings_once(tmp_path: Path) -> None:
    """In another window the bell's flag is set once; looked at, it is not set again for the same question."""
    with seated(tmp_path, "ask") as seat:
        seat.tmux("new-window", "-t", "g", "sleep 600")
        flag = ("display-message", "-p", "-t", "g:0", "#{window_bell_flag}")
        seat.until(lambda: seat.tmux(*flag).strip() == "1", "the bell", 20.0)
        seat.tmux("select-window", "-t", "g:0")
        seat.tmux("select-window", "-t", "g:1")
        seat.holds_for(60.0, lambda: seat.tmux(*flag).strip() == "0")


def test_28_a_hash_is_copied(tmp_path: Path) -> None:
    """`y` `h` gives tmux the hash of what is selected."""
    with seated(tmp_path, "queue") as seat:
        seat.press("3", "y", "h")
        seat.until(lambda: len(seat.tmux("show-buffer", check=False).strip()) == 40, "a hash")
        copied = seat.tmux("show-buffer").strip()
        assert "commit" == seat.git("cat-file", "-t", copied)


def test_29_the_morning(tmp_path: Path) -> None:
    """`7` shows the ten lines; what needs a person, the queue and the events are one key away."""
    with seated(tmp_path, "morning") as seat:
        seat.press("7")
        seat.sees("^ 7 REPORT")
        seat.until(lambda: sum("? " in line for line in seat.lines[2:13]) >= 10, "ten lines")
        for key, title in (("3", "QUEUE"), ("4", "RESULTS"), ("5", "RETEST"), ("6", "DIRECTIONS"), ("8", "EVENTS")):
            seat.press(key)
            seat.sees(f"^ {key} {title}")
        seat.press("a")
        seat.sees("LAB|QUEUE")


def test_29_the_strip_offers_the_report(tmp_path: Path) -> None:
    """After an hour away the strip offers `7`; the report lies in a file with ten lines, which the title names."""
    with seated(tmp_path, "morning") as seat:
        seat.sees("7 for the report", 3.0)
        seat.press("4")
        seat.sees("^ 4 RESULTS", 3.0)
        seat.press("7")
        seat.sees(r"saved: \.lab/reports/", 15.0)
        (file,) = seat.paths.reports.glob("*.md")
        assert 10 == len(file.read_text().split("```")[1].strip().splitlines())


def sent(seat: Seat, seconds: float) -> float:
    """Return how many bytes a second the pane gets."""
    seat.until(lambda: re.search(r"│ 7 +[▁-█]{12}", seat.text) is not None, "a minute's history of the devices", 110.0)
    file = seat.paths.root.parent / "bytes"
    seat.tmux("pipe-pane", "-t", "g", f"cat > {file}")
    time.sleep(seconds)  # the point: how much comes in that time
    seat.tmux("pipe-pane", "-t", "g")
    return file.stat().st_size / seconds


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scenario", "most"), [("idle", 100), ("busy", 25_000)])
def test_30_few_bytes(tmp_path: Path, scenario: str, most: int) -> None:
    """At rest next to nothing is sent, at work less than a slow line carries."""
    with seated(tmp_path, scenario, (160, 45)) as seat:
        assert sent(seat, 20.0) < most


def test_30_the_command_line_beside_it(tmp_path: Path) -> None:
    """Codes and JSON are as documented."""
    with seated(tmp_path, "queue") as seat:
        status = json.loads(seat.nightlab("status", "--json").stdout)
        for row in status["worktrees"]:
            assert {"state", "since", "needs_you"} <= row.keys()
        assert 5 == seat.nightlab("merge", "74", "--yes").returncode
        assert 3 == seat.nightlab("status", "--lab", "/").returncode
        assert 2 == seat.nightlab("view", TERM="dumb").returncode or "trunk" in seat.nightlab("view").stdout
        script = seat.nightlab("completion", "bash").stdout
        assert 0 == subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode
