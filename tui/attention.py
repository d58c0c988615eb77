"""When does the view call a person? A bell once per event, and a title that says how things stand.

The bell rings when something becomes true, never for what was already so when the view was opened, never again for the
same thing, at most once in 30 seconds, and for READY candidates once in ten minutes.
"""

from __future__ import annotations

from tui import format as fmt
from tui.follow import Scene

BELL_S = 30.0
READY_S = 600.0

RUNNING = ("BASE", "CONFIRM", "RETEST", "WARM", "TRAIN", "EVAL")

READY = "ready "
"""How the key of a candidate that waits for a person begins."""


class Attention:
    """Remembers what was already called for."""

    def __init__(self) -> None:
        self._seen: set[str] | None = None
        self._rung = self._rung_ready = float("-inf")

    def rings(self, scene: Scene) -> bool:
        """Return True where this scene is a reason to ring, once."""
        now = {need.key for need in scene.overview.needs}
        if self._seen is None:
            if scene.state.seq:
                self._seen = now
            return False
        new = now - self._seen
        self._seen |= new
        urgent = any(not key.startswith(READY) for key in new)
        if not new or scene.now - self._rung < BELL_S:
            return False
        if not urgent:
            if scene.now - self._rung_ready < READY_S:
                return False
            self._rung_ready = scene.now
        self._rung = scene.now
        return True


def title(scene: Scene, *, ascii_only: bool) -> str:
    """Return the terminal's title: `nightlab ! 2  ▸ 4  .9789`."""
    parts = ["nightlab"]
    if count := len(scene.overview.needs):
        parts.append(f"! {count} ")
    if running := sum(row.state in RUNNING for row in scene.overview.rows):
        parts.append(f"{'>' if ascii_only else '▸'} {running} ")
    if scene.overview.trunk and scene.overview.trunk.score is not None:
        parts.append(fmt.score(scene.overview.trunk.score))
    return " ".join(parts).strip()
