"""`nightlab queue` and `nightlab show` say what screen 3 and its details say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tui.labs import LabMaker, small_lab
from tui.cli import main


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with a merge and a READY candidate that changes the same line as the one behind it."""
    lab = small_lab(tmp_path)
    lab.merge(lab.make_ready("wt0", "EMBED_LR 0.2 to 0.3"))
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02", 1.6980)
    lab.make_ready("wt1", "WARMUP 0.05 to 0.10", 1.6985)
    return lab


def said(lab: LabMaker, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command prints."""
    capsys.readouterr()
    assert 0 == main([words[0], "--lab", str(lab.paths.root), *words[1:]])
    return capsys.readouterr().out


def test_the_queue_tells_what_is_open_what_was_merged_and_what_waits(
    lab: LabMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, and as one object."""
    text = said(lab, capsys, "queue")
    assert "why not merged yet: 2 for you" in text and "no larger size" in text
    found = json.loads(said(lab, capsys, "queue", "--json"))
    assert ([2, 3], [1]) == tuple([each["experiment"] for each in found[name]] for name in ("candidates", "merged"))
    assert ([], [], None) == (found["now"], found["next"], found["wanted"])


def test_a_candidate_is_shown_with_its_verdict_and_what_its_merge_changes(
    lab: LabMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same facts in both forms."""
    text = said(lab, capsys, "show", "#2")
    assert "of 1.64 asked" in text and "#3 changes train.py:" in text
    found = json.loads(said(lab, capsys, "show", "2", "--json"))
    assert (2, "READY", 3) == (
        found["experiment"]["number"],
        found["candidate"]["state"],
        found["evidence"]["formula"]["seeds"],
    )
    assert ["3"] == list(found["effect"]["conflict"])
    assert ["screen", "confirm", "confirm", "confirm"] == [run["purpose"] for run in found["runs"]]


def test_a_worktree_is_shown_with_its_newest_experiments(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it stands, and what it has tried."""
    text = said(lab, capsys, "show", "wt0")
    assert text.startswith("wt0\nstate     IDLE") and "#2        KEEP" in text
    found = json.loads(said(lab, capsys, "show", "wt0", "--json"))["worktree"]
    assert ("wt0", "IDLE", [1, 2]) == (found["worktree"], found["state"], found["numbers"])


def test_what_is_neither_is_named(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """With what there is."""
    assert 2 == main(["show", "--lab", str(lab.paths.root), "99"])
    assert "there is no experiment #99; the last is #3" in capsys.readouterr().err


def test_a_dry_run_of_several_merges_says_their_order(lab: LabMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the first lands at once."""
    assert said(lab, capsys, "merge", "3", "2", "--dry-run").rstrip().endswith("; then #2 once READY on it")
