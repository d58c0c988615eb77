"""What do the screens show of each scenario? Stills, as stored in tests/tui/snapshots/.

python -m tests.tui.frames        (make snapshots) writes them anew; read the difference before you commit it
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentcore.synthetic import scenarios
from agentcore.synthetic.scenarios import SCENARIOS, STILL
from tui.options import ViewOptions
from tui.snapshot import PLAIN, SCREENS, show
from tui.theme import choose
from tui.view import View

STORED = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 35), (160, 45))

SHOWN = {
    "busy": SCREENS,
    "hostile": SCREENS,
    "queue": ("lab", "queue", "diff"),
    "morning": ("lab", "report", "queue"),
    "edit": ("worktree",),
    "crash": ("lab", "worktree"),
}
"""The screens on which a scenario has something of its own to show; the lab alone for all others."""

MIDDLE = {"busy": ("lab", "worktree", "queue", "directions")}
"""The screens that stand differently on a terminal of middle width, where one scenario is enough to see that."""


def stored(name: str) -> Path:
    """Return the file of a scenario."""
    return STORED / f"{name}.txt"


def frames(name: str) -> str:
    """Return all frames of a scenario, each under a line that says which it is."""
    with tempfile.TemporaryDirectory() as folder, _in_greenwich():
        paths = scenarios.make(name, Path(folder) / "lab", still=True)
        return asyncio.run(
            _frames(View(paths, ViewOptions(), choose("", env=PLAIN, ascii_only=False), clock=_now), name)
        )


async def _frames(view: View, name: str) -> str:
    parts = []
    async with view.run_test(size=SIZES[0]) as pilot:
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for screen in MIDDLE.get(name, ()) if (width, height) == SIZES[1] else SHOWN.get(name, ("lab",)):
                parts.append(f"======== {screen} {width}x{height}\n{await show(view, pilot, screen)}")
    return "".join(parts)


def _now() -> float:
    return STILL


@contextmanager
def _in_greenwich() -> Iterator[None]:
    """Tell times of day as there, whatever this machine's zone is."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


if __name__ == "__main__":
    STORED.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        stored(scenario).write_text(frames(scenario), encoding="utf-8")
