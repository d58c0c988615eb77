"""The real program behind a real pseudo-terminal: signals, faults, bytes."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.bench.terminal import Terminal
from tests.bench.view import command, environment
from tests.tui.labs import LabMaker, small_lab
from tui.lending import editor

LEFT = "\x1b[?1049l"
"""Back from the alternate screen."""


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab at rest."""
    return small_lab(tmp_path)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_leave_the_terminal_as_it_was(lab: LabMaker, number: signal.Signals, code: int) -> None:
    """A dropped line or a kill puts the screen and the settings back, and is the exit code."""
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment()) as terminal:
        terminal.wait_for("1 LAB")
        terminal.signal(number)
        assert code == terminal.process.wait(10)
        terminal.wait_for(LEFT)
        assert terminal.is_restored()


def test_q_says_how_to_come_back(lab: LabMaker) -> None:
    """After `q` the terminal is as before, with one line of what goes on; the title was set once."""
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment()) as terminal:
        terminal.wait_for("1 LAB")
        terminal.wait_for("No GPU (no NVIDIA driver)")
        terminal.send("q")
        assert 0 == terminal.process.wait(10)
        terminal.wait_for("Return: nightlab")
        assert 1 == terminal.received().count(b"\x1b]2;nightlab")
        assert terminal.is_restored()


def test_a_fault_of_ours_is_one_sentence_and_exit_code_1(lab: LabMaker) -> None:
    """When the view itself fails, the traceback is in a file and the terminal is usable."""
    broken = command(lab.paths.root)
    broken[2] = "import tui.widgets.events as e; e.event_line = None\n" + broken[2]
    with Terminal(broken, size=(80, 24), env=environment()) as terminal:
        assert 1 == terminal.process.wait(10)
        terminal.wait_for("the view failed; the lab goes on")
        assert b"Traceback" not in terminal.received()
        assert terminal.is_restored()
    assert "TypeError" in (lab.paths.dot / "view.log").read_text()


def test_no_color_sends_no_colour(lab: LabMaker) -> None:
    """With NO_COLOR set not one colour code is sent; the selected row is reverse."""
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment(NO_COLOR="1")) as terminal:
        terminal.wait_for("detach")
        sent = terminal.received().decode()
    codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", sent) for code in found.split(";") if code}
    assert "7" in codes
    assert set() == codes - {"0", "1", "4", "7"}


def test_a_dumb_terminal_is_refused(lab: LabMaker) -> None:
    """TERM=dumb gets a sentence and exit code 2, not escape codes."""
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment(TERM="dumb")) as terminal:
        assert 2 == terminal.process.wait(10)
        terminal.wait_for("use: nightlab status")
        assert b"\x1b" not in terminal.received()


def test_the_first_paint_imports_nothing_heavy(lab: LabMaker) -> None:
    """Opening the view needs none of the libraries that cost half a second each."""
    import subprocess

    program = "import sys, tui.app; print([m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    heavy = ["torch", "optuna", "anthropic", "ray", "numpy", "pygit2", "watchfiles", "pygments", "psutil"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_a_shell_gets_the_terminal_and_its_end_comes_back(lab: LabMaker, tmp_path: Path) -> None:
    """`s` starts $SHELL in the worktree; a ctrl+c there ends no view; when the shell ends the view is there again."""
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\ntrap "echo heard" INT\nkill -INT 0\nread line\necho "$line" > here\n')
    shell.chmod(0o755)
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment(SHELL=str(shell))) as terminal:
        terminal.wait_for("1 LAB")
        at = terminal.send("s")
        terminal.wait_for("heard", since=at)
        at = terminal.send("written\n")
        terminal.wait_for("back from shell", since=at)
        terminal.send("q")
        assert 0 == terminal.process.wait(10)
        assert terminal.is_restored()
    assert "written\n" == (lab.paths.worktree("wt0") / "here").read_text()


def test_an_editor_gets_the_direction(lab: LabMaker, tmp_path: Path) -> None:
    """`e` opens the program that directs the worktree; one that cannot start is a sentence."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho more >> "$1"\n')
    editor.chmod(0o755)
    lab.paths.program.write_text("try\n")
    with Terminal(command(lab.paths.root), size=(80, 24), env=environment(EDITOR=str(editor))) as terminal:
        terminal.wait_for("1 LAB")
        at = terminal.send("e")
        terminal.wait_for("back from editor", since=at)
        editor.unlink()
        at = terminal.send("e")
        terminal.wait_for("did not start", since=at)
        terminal.send("q")
        assert 0 == terminal.process.wait(10)
    assert "try\nmore\n" == lab.paths.program.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [('[keys]\nmege = "M"', "there is no action 'mege'"), ('theme = "cb-drak"', "did you mean 'cb-dark'?")],
)
def test_settings_that_cannot_be_used_are_told_before_anything_starts(
    lab: LabMaker, tmp_path: Path, text: str, said: str
) -> None:
    """Exit code 2, one sentence, not one escape code, and no engine."""
    (tmp_path / "own.toml").write_text(text)
    argv = [sys.executable, "-m", "tui.cli", "view", "--lab", str(lab.paths.root)]
    env = environment(NIGHTLAB_CONFIG=str(tmp_path / "own.toml"))
    with Terminal(argv, size=(80, 24), env=env) as terminal:
        assert 2 == terminal.process.wait(10)
        terminal.wait_for(said)
        assert b"\x1b" not in terminal.received()
    assert not lab.paths.lock.exists()


@pytest.mark.parametrize(
    ("env", "argv"),
    [
        ({}, ["vi"]),
        ({"VISUAL": "code -w", "EDITOR": "nano"}, ["code", "-w"]),
        ({"EDITOR": " "}, ["vi"]),
        ({"EDITOR": "vim -c 'set"}, ["vim", "-c", "'set"]),
    ],
)
def test_an_editor_is_what_the_environment_names(env: dict[str, str], argv: list[str]) -> None:
    """A quote that nobody closed does not end the view."""
    assert argv == editor(env)
