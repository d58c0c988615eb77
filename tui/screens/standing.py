"""What does the strip say of the lab as a whole: that all is calm, or why the screen cannot be trusted?"""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.away import said
from tui.follow import Scene


def calm(scene: Scene) -> str:
    """Return what the strip says where nothing needs a person."""
    if away := said(scene.state):
        return f"{away}. A: back"
    quiet = "nothing needs you" if scene.state.seq else "nothing is running yet"
    return "    ".join(scene.overview.notes) or quiet


def alarm(scene: Scene) -> str:
    """Return why the screen cannot be trusted to be current, and what to do; empty when it can."""
    if scene.trouble:
        return scene.trouble
    if scene.live.engine_alive:
        return ""
    if scene.state.engine is None:
        return "" if not scene.state.seq else "the engine has not started here. Start it: nightlab start"
    if scene.state.engine.stopped is not None:
        return f"The engine stopped at {fmt.clock(scene.state.engine.stopped)}. Start it: nightlab start, or S"
    last = fmt.clock(scene.last_sign or scene.state.at)
    runs = ". Trainings may still run" if scene.state.active else ""
    return f"The engine is not running (last sign {last}). Start it: nightlab start, or S{runs}"
