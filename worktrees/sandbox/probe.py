"""Try the walls from inside and print a line for each: name, yes or no, what was seen.

Its text is run inside a new sandbox as ``python -I -S -c``, with NAME=VALUE arguments from `proof`. It imports nothing
that takes time.
"""

from __future__ import annotations

import os
import sys
from _socket import socket  # socket.py alone takes 10 ms to import

TYPE_CHECKING = False
if TYPE_CHECKING:  # the real one would be an import
    from collections.abc import Callable


NOTHING = "nothing to read"


def report(name: str, ok: bool, seen: object) -> None:
    """Print a finding."""
    print(name, "yes" if ok else "no", " ".join(str(seen).split()), sep="\t")


def refused(action: Callable[..., object], *arguments: object) -> str:
    """Return the error that an action ends in, or an empty string."""
    try:
        action(*arguments)
    except OSError as error:
        return error.strerror or "refused"
    return ""


def create(path: str) -> None:
    """Make a file and remove it."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def opened(path: str, flags: int) -> None:
    """Open a file and leave it as it is."""
    os.close(os.open(path, flags))


def lines(path: str) -> list[str]:
    """Return the lines of a small file."""
    with open(path) as file:
        return file.read().splitlines()


def content(path: str) -> None:
    """Read what a path holds; raises OSError where nothing of it can be read."""
    if not os.path.isdir(path):
        return opened(path, os.O_RDONLY)
    for name in os.listdir(path):
        if not refused(content, os.path.join(path, name)):
            return None
    raise OSError(0, NOTHING)


def walls(settings: dict[str, list[str]]) -> None:
    """Report on files."""
    canary = ".nightlab-canary"
    error = refused(create, f"/usr/{canary}")
    report("write to /usr", bool(error), error or "possible")
    for path in settings.get("readable", []):
        error = refused(create, f"{path}/{canary}") if os.path.isdir(path) else refused(opened, path, os.O_WRONLY)
        report(f"write to {path}", bool(error), error or "possible")
        error = refused(content, path)
        report(f"read {path}", error in ("", NOTHING), error or "possible")
    for path in settings.get("writable", []):
        error = refused(create, f"{path}/{canary}") if os.path.isdir(path) else refused(opened, path, os.O_RDWR)
        report(f"change {path}", not error, error or "possible")
    for path in settings.get("hidden", []):
        error = refused(content, path)
        report(f"read {path}", bool(error), error or "possible")
    for path in settings.get("absent", []):
        try:
            seen = sorted(set(os.listdir(path)) - set(settings.get(f"shown in {path}", [])))
        except OSError as reason:
            seen, text = [], reason.strerror
        else:
            text = f"shows {', '.join(seen[:3])}" if seen else "shows nothing of its own"
        report(f"look into {path}", not seen, text)
    report("start folder", os.getcwd() == settings["folder"][0], os.getcwd())


def identity(backend: str) -> None:
    """Report on what this process may do."""
    status = dict(line.split(":\t", 1) for line in lines("/proc/self/status") if ":\t" in line)
    report("no new privileges", status["NoNewPrivs"] == "1", status["NoNewPrivs"])
    report("system calls filtered", status["Seccomp"] == "2", status["Seccomp"])
    only_search = backend == "reduced" and int(status["CapEff"], 16) & ~(1 << 1 | 1 << 2) == 0
    report("no capability", int(status["CapEff"], 16) == 0 or only_search, status["CapEff"])
    report("not root", "0" not in status["Uid"].split(), status["Uid"].split()[0])
    error = refused(opened, "/proc/sys/kernel/core_pattern", os.O_WRONLY)
    report("change the kernel's settings", bool(error), error or "possible")


def surroundings(backend: str, has_network: bool, nodes: list[str]) -> None:
    """Report on other processes, the network and the GPUs."""
    if backend == "full":
        count = sum(name.isdecimal() for name in os.listdir("/proc"))
        report("other processes", count <= 4, f"{count} processes seen")
        interfaces = [line.partition(":")[0].strip() for line in lines("/proc/self/net/dev") if ":" in line]
        report("network", has_network or interfaces == ["lo"], ", ".join(interfaces))
    else:
        error = refused(os.kill, os.getppid(), 0)
        report("other processes", bool(error), error or "can be signalled")
        error = refused(socket)
        report("network", has_network or bool(error), error or "possible")
    names = (f"/dev/{name}" for name in os.listdir("/dev")) if backend == "full" else nodes
    gpus = sorted(name for name in names if name.startswith("/dev/nvidia") and not refused(opened, name, os.O_RDWR))
    report("GPU", gpus == sorted(node for node in nodes if os.path.basename(node).startswith("nvidia")), gpus or "none")


if __name__ == "__main__":
    given: dict[str, list[str]] = {}
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        given.setdefault(key, []).append(value)
    walls(given)
    identity(given["backend"][0])
    surroundings(given["backend"][0], "network" in given, given.get("node", []))
