"""How does a view start the engine of its lab? In a thread: an engine takes seconds to answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agentcore.engine.launch import StartError

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


async def start_engine(screen: BaseScreen) -> None:
    """Start it, and say on `screen` what came of it."""
    view, say = screen.view, screen.say
    if view.start_engine is None:
        say("start it: nightlab start")
        return
    say("starting the engine")
    try:
        pid = await asyncio.to_thread(view.start_engine)
    except (StartError, OSError) as error:
        say(f"the engine did not start: {error}")
        return
    view.look_again()
    view.paint()
    say(f"the engine runs as process {pid}, and goes on when this view is closed")
