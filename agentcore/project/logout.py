"""Would a logout end the lab? Engine, view and trainings are processes of a person, and systemd may end those.

Two settings decide: `KillUserProcesses` ends whatever is in the login's session, tmux included; without lingering the
person's own service manager ends with the last login, and all that was started under it. Outside both nothing ends.
"""

from __future__ import annotations

import re
import subprocess

PATIENCE_S = 3.0


def danger(cgroup: str, user: str) -> tuple[str, str]:
    """Return why a logout would end what is started here, and what to do; two empty strings where it would not.

    `cgroup`: what /proc/self/cgroup says, where a login's session or a service manager has its processes.
    """
    linger = f"loginctl enable-linger {user}"
    if re.search(r"/session-[^/]+\.scope", cgroup):
        if _asked("show-session", "KillUserProcesses") != "yes" or user == "root":  # logind spares root by default
            return "", ""
        text = "a logout ends your processes on this machine (KillUserProcesses=yes), tmux and the lab among them"
        return text, f"{linger}; then systemd-run --user --scope tmux new -s lab nightlab"
    if re.search(r"/user@\d+\.service", cgroup) and _asked("show-user", "Linger", user) == "no":
        return "your last logout ends what runs under your user manager, this shell and the lab among them", linger
    return "", ""


def _asked(verb: str, name: str, *what: str) -> str:
    """Return a property of systemd-logind; empty where there is none to ask."""
    argv = ["loginctl", verb, *what, "-p", name, "--value"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
