"""The question before the lab is stopped: after the runs in progress, or with them."""

from __future__ import annotations

from agentcore import format as fmt
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene) -> Question:
    """Return what is asked before the engine is told to leave."""
    state = scene.state
    runs = sorted(state.active.values(), key=lambda run: run.number)
    pins = (str(state.engine.pid) if state.engine else "",)
    left = [row.left_s for row in scene.overview.rows if row.left_s is not None]
    wait = f", about {fmt.duration(max(left))} more" if left else ""
    facts = [
        ("running", f"{fmt.count(len(runs), 'run')}{wait}" if runs else "nothing trains just now"),
        ("g", "nothing new starts, the runs end and count, then the engine leaves"),
        ("k", "the runs are killed now; what they have trained is lost, their experiments run again"),
        ("undo", "nightlab start goes on where it stopped; a killed run cannot be brought back"),
        ("or", "q only closes this view: all work goes on"),
    ]
    now = ("k", "kill them now", {"now": True})
    return Question("Stop the lab?", tuple(facts), "after the runs", pins, "stop", {"after_runs": True}, "g", now)
