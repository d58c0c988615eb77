"""What a shell is told of nightlab's words."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tui.cli import COMMANDS, parser
from tui.completion import script


def complete(line: str) -> list[str]:
    """Return what bash offers after `line`."""
    words = line.split(" ")
    listed = " ".join(word or "''" for word in words)
    asked = f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _nightlab; echo ${{COMPREPLY[@]}}"
    program = f"{script('bash', parser())}\n{asked}"
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(shell: str) -> None:
    """The shell itself finds no error in it; every command is there."""
    text = script(shell, parser())
    if program := shutil.which(shell):
        done = subprocess.run([program, "-n"], input=text, capture_output=True, text=True, check=False)
        assert (0, "") == (done.returncode, done.stderr)
    assert [] == [entry.name for entry in COMMANDS if entry.name not in text]


def test_bash_completes_commands_flags_and_choices() -> None:
    """The first word is a command; then come its own flags and the words that it takes."""
    assert {entry.name for entry in COMMANDS if entry.name.startswith("re")} == set(complete("nightlab re"))
    assert ["--markdown"] == complete("nightlab keys --m")
    assert ["gate"] == complete("nightlab mode g")
