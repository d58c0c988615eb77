"""What a shell is told of nightlab's words."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tui.cli import COMMANDS, parser
from tui.completion import script

needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed here")
needs_fish = pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed here")


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


STUBS = """
compdef() { : }
compadd() { print -l -- "$@" }
_describe() { print -l -- "${commands[@]}" }
_files() { : }
"""
"""What zsh's completion brings, as far as the script asks for it: whatever is offered is printed."""


def zsh(line: str, tmp_path: Path) -> list[str]:
    """Return what zsh is offered after `line`."""
    words = line.split(" ")
    (tmp_path / "script").write_text(script("zsh", parser()))
    program = f"{STUBS}\nsource {tmp_path}/script\nwords=({line}); CURRENT={len(words)}; _nightlab"
    done = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True, check=True)
    assert "" == done.stderr
    return done.stdout.split("\n")


@needs_zsh
def test_zsh_completes_commands_flags_and_choices(tmp_path: Path) -> None:
    """Each command with its sentence; then its own flags and words, whichever of them zsh takes."""
    assert [f"{each.name}:{each.about}" for each in COMMANDS] == zsh("nightlab ", tmp_path)[:-1]
    assert {"gate", "hold", "--dry-run"} <= set(zsh("nightlab mode g", tmp_path))


def fish(line: str, tmp_path: Path) -> list[str]:
    """Return what fish offers after `line`, in an empty folder."""
    (tmp_path / "script").write_text(script("fish", parser()))
    (tmp_path / "empty").mkdir(exist_ok=True)
    program = f"source {tmp_path}/script; complete -C '{line}'"
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", program],
        cwd=tmp_path / "empty",
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout.splitlines()


@needs_fish
def test_fish_completes_commands_flags_and_choices(tmp_path: Path) -> None:
    """Each with its sentence; after a flag that takes one of some words only these."""
    assert {f"{each.name}\t{each.about}" for each in COMMANDS if each.name.startswith("re")} == set(
        fish("nightlab re", tmp_path)
    )
    assert ["--markdown\tas the document docs/keys.md"] == fish("nightlab keys --m", tmp_path)
    assert ["gate", "none"] == [each.split("\t")[0] for each in fish("nightlab away --merge ", tmp_path)]
