"""How does another program get the terminal for a while? A shell in a worktree, an editor; then the view comes back."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from textual.app import App


def lend(app: App[None], argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> str:
    """Run `argv` in `folder` on the terminal until it ends; return what to tell.

    The view stands still meanwhile, and nothing else does: no work hangs on it.
    """
    name = Path(argv[0]).name
    with app.suspend(), _deaf():  # nothing may be raised in here: Textual would not take the terminal back
        print(f"{' '.join(argv)}  in {folder}: its end comes back to nightlab", flush=True)
        try:
            code = subprocess.run(list(argv), cwd=folder, env=dict(env), check=False).returncode
        except OSError as error:
            return f"{name} did not start: {error.strerror or error}"
    return f"back from {name}" + (f", which ended with {code}" if code else "")


@contextmanager
def _deaf() -> Iterator[None]:
    """Leave ctrl+c to the program that has the terminal: a handler of ours is not inherited, as ignoring would be."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
