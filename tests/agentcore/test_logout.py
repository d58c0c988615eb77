"""Doctor says where a logout would end the night, and what to do before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.project.logout import danger

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
MANAGED = "0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope\n"
SYSTEM = "0::/system.slice/nightlab.service\n"

KILLED = "a logout ends your processes on this machine (KillUserProcesses=yes), tmux and the lab among them"
UNMANAGED = "your last logout ends what runs under your user manager, this shell and the lab among them"
LINGER = "loginctl enable-linger ada"
BOTH = f"{LINGER}; then systemd-run --user --scope tmux new -s lab nightlab"


def logind(folder: Path, monkeypatch: pytest.MonkeyPatch, *, kills: str, linger: str) -> None:
    """Put a `loginctl` that answers so first on the PATH."""
    folder.mkdir()
    program = folder / "loginctl"
    program.write_text(f"#!/bin/sh\ncase $1 in show-session) echo {kills};; show-user) echo {linger};; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("cgroup", "kills", "linger", "expected"),
    [
        (SESSION, "yes", "no", (KILLED, BOTH)),
        (SESSION, "yes", "yes", (KILLED, BOTH)),
        (SESSION, "no", "no", ("", "")),
        (MANAGED, "yes", "no", (UNMANAGED, LINGER)),
        (MANAGED, "yes", "yes", ("", "")),
        (SYSTEM, "yes", "no", ("", "")),
    ],
)
def test_a_logout_that_ends_the_lab_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cgroup: str,
    kills: str,
    linger: str,
    expected: tuple[str, str],
) -> None:
    """It depends on where the shell runs; lingering alone saves nothing that is in the login's session."""
    logind(tmp_path / "bin", monkeypatch, kills=kills, linger=linger)
    assert expected == danger(cgroup, "ada")


def test_root_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As logind does by default."""
    logind(tmp_path / "bin", monkeypatch, kills="yes", linger="no")
    assert ("", "") == danger(SESSION, "root")


def test_without_logind_there_is_no_danger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, say, there is nobody to ask."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ("", "") == danger(SESSION, "ada")
