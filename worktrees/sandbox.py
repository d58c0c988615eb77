"""Through which door does every command of an agent or a training start?

Through `wrap`. Nothing is contained yet: the only backend is `none`, and a command can read and write all that its user
can, reach the network and see every GPU. The policy already says what each command needs, so that a backend which
enforces it changes this file and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Backend = Literal["none"]


@dataclass(frozen=True)
class Policy:
    """What a command needs; all else is to be refused."""

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    """Files and folders that it may change; readable too."""
    network: bool = False
    gpu: str = ""
    """UUID of the GPU that it may use; empty for none."""


def backend() -> Backend:
    """Name what contains the commands on this machine; ``none`` means that nothing does."""
    return "none"


def wrap(argv: Sequence[str], policy: Policy) -> list[str]:
    """Return the command that runs `argv` under `policy`. With backend ``none`` that is `argv` itself."""
    del policy  # no backend enforces it yet
    return list(argv)
