"""What does the strip say of the lab as a whole: that all is calm, or why the screen cannot be trusted?"""

from __future__ import annotations

from collections.abc import Mapping

from agentcore import format as fmt
from agentcore.away.limits import said
from tui.follow import Scene


def calm(scene: Scene, keys: Mapping[str, str]) -> str:
    """Return what the strip says where nothing needs a person."""
    if away := said(scene.state):
        return f"{away}. {keys['away']}: back"
    quiet = "nothing needs you" if scene.state.seq else "nothing is running yet"
    return "    ".join(scene.overview.notes) or quiet


def alarm(scene: Scene, keys: Mapping[str, str]) -> str:
    """Return why the screen cannot be trusted to be current, and what to do; empty when it can."""
    if scene.trouble:
        return scene.trouble
    if scene.live.engine_alive:
        return ""
    if scene.state.engine is None:
        return "" if not scene.state.seq else "the engine has not started here. Start it: nightlab start"
    remedy = f"Start it: nightlab start, or {keys['start-engine']}"
    if scene.state.engine.stopped is not None:
        return f"The engine stopped at {fmt.clock(scene.state.engine.stopped)}. {remedy}"
    last = fmt.clock(scene.last_sign or scene.state.at)
    runs = ". Trainings may still run" if scene.state.active else ""
    return f"The engine is not running (last sign {last}). {remedy}{runs}"
