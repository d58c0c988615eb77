"""How does text reach a person's clipboard from the far end of an SSH line?

Inside tmux its own buffer is filled: `load-buffer -w` passes it on to the terminal, where tmux by default drops what a
program sends (`set-clipboard external`). Elsewhere the terminal is asked (OSC 52). Whether it took the text no program
can know, so a file always holds it too.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tui.lines import clip

OSC52_BYTES = 74_994
"""The most that is sent to a terminal: with its frame and in base64 that is 100,000 bytes, where terminals stop."""

TMUX_S = 3.0

SHORT = 24
"""A line of so many characters is told itself, a longer one by its beginning, several by their number."""

HASH = 8
"""Digits by which a commit is told."""


async def give(text: str, *, file: Path, env: Mapping[str, str], write: Callable[[str], None]) -> str:
    """Give `text` to the clipboard and to `file`; return the sentence that says where it is.

    `write` sends a sequence to the terminal.
    """
    name = _name(text)
    kept = await asyncio.to_thread(_keep, text, file)
    if env.get("TMUX"):
        fault = await _to_tmux(text)
        taken = f"not taken by tmux ({fault})" if fault else "given to tmux (prefix ]) and to your terminal"
    elif len(text.encode()) <= OSC52_BYTES:
        write(osc52(text))
        taken = "given to your terminal"
    else:
        taken = "too long for a terminal's clipboard"
    return f"{name} {taken}; {kept}"


def osc52(text: str) -> str:
    """Return the sequence that asks a terminal to take `text` into its clipboard."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def _name(text: str) -> str:
    lines = text.splitlines()
    if len(lines) != 1:
        return f"{len(lines)} lines"
    if len(text) == 40 and not set(text) - set("0123456789abcdef"):
        return text[:HASH]
    return clip(text, SHORT)


async def _to_tmux(text: str) -> str:
    """Load the text into tmux's buffer; return why not, or an empty string."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux", "load-buffer", "-w", "-", stdin=pipe, stdout=null, stderr=pipe
        )
    except OSError as error:
        return str(error)
    try:
        async with asyncio.timeout(TMUX_S):
            _, said = await process.communicate(text.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"no answer in {TMUX_S:g} s"
    return "" if process.returncode == 0 else said.decode("utf-8", "replace").strip() or f"exit {process.returncode}"


def _keep(text: str, file: Path) -> str:
    """Write the file, for its owner alone; return the words for where it is."""
    try:
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        fresh.replace(file)
    except OSError as error:
        return f"no file ({error.strerror})"
    return f"also in {file.parent.name}/{file.name}"
