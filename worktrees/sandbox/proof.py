"""Do the walls of a policy stand?

A new sandbox is made exactly as for a command, `probe` runs in it in place of the command, and what it saw comes back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worktrees import processes
from worktrees.sandbox import host
from worktrees.sandbox.choice import Backend
from worktrees.sandbox.door import wrap
from worktrees.sandbox.policy import Policy, layers

LIMIT_S = 30.0
PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class Finding:
    """One thing that was tried from inside."""

    name: str
    ok: bool
    text: str
    """What was seen."""


def self_test(
    policy: Policy, using: Backend, absent: Iterable[Path] = (), tag: str = "", limit_s: float = LIMIT_S
) -> list[Finding]:
    """Try the walls of `policy` in a new sandbox; about 30 ms. A sandbox that does not start is one finding.

    `absent` are folders that must show nothing but what the policy grants inside them: the home folder, the lab. They
    must not be among what is granted themselves. `tag`: how its processes are marked (`processes.TAG`), as those of the
    commands that follow. Call it after `prepare`, before the first command of its kind.
    """
    try:
        settings = _settings(policy, using, [path for path in absent if path.is_dir()])
        argv = [sys.executable, "-I", "-S", "-c", PROBE.read_text(encoding="utf-8"), *settings]
        done = _run(wrap(argv, policy, using), {"PATH": os.defpath, "LC_ALL": "C.UTF-8", processes.TAG: tag}, limit_s)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return [Finding("start", False, str(error))]
    findings = list(_findings(done.stdout.splitlines()))
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["printed nothing"]
        findings.append(Finding("start", False, f"exit code {done.returncode}: {words[-1]}"))
    return findings


def _run(argv: Sequence[str], environment: Mapping[str, str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and nothing of it is left; raises TimeoutExpired.

    Where bubblewrap is killed as it starts (memory runs out) the process that it has made inside waits for it for ever.
    """
    with subprocess.Popen(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, words = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # not collected yet, so the number is still its
            raise
    return subprocess.CompletedProcess(argv, process.returncode, output, words)


def _settings(policy: Policy, using: Backend, absent: Sequence[Path]) -> Iterator[str]:
    granted = layers(policy, always=host.readable(policy))
    yield from (f"backend={using}", f"folder={policy.folder}")
    if policy.network:
        yield "network="
    names = {"read": "readable", "write": "writable", "hide": "hidden"}
    asked = [layer for layer in granted if layer.access != "read" or layer.path in policy.readable]
    yield from (f"{names[layer.access]}={layer.path}" for layer in asked)
    yield from (f"node={node}" for node in policy.device_nodes)
    for folder in absent:
        yield f"absent={folder}"
        inside = {each.path.relative_to(folder).parts[0] for each in granted if folder in each.path.parents}
        yield from (f"shown in {folder}={name}" for name in sorted(inside))


def _findings(lines: Iterable[str]) -> Iterator[Finding]:
    for line in lines:
        name, ok, text = line.split("\t", 2)
        yield Finding(name, ok == "yes", text)
