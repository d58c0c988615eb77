"""What does `enter` do with a step of the first run? It does the step, or looks again whether it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.sheets import new
from tui.widgets.welcome import DEMO, Step

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Beginner:
    """The steps of the first run, on the screen that lists them."""

    def __init__(self, screen: BaseScreen, steps: Callable[[], Sequence[Step]]) -> None:
        """`steps`: what is listed now."""
        self._screen, self._steps = screen, steps

    def do(self, step: Step | None) -> None:
        """Do a step, or check it."""
        screen = self._screen
        match step.does if step else "":
            case "start" if screen.view.options.readonly:
                screen.say("read-only: this view was opened with --readonly and starts nothing")
            case "start":
                screen.start_engine()
            case "make":
                screen.cover.open_form(new.fields(), new.question)
            case "demo" if not screen.view.lender.demo():
                screen.say(f"in another terminal: {DEMO}")
            case "check" if step:
                screen.view.run_worker(self._check(step.name), exclusive=True, group="check")
            case "" if step:
                screen.say(f"{step.name}: {step.text}")

    async def _check(self, name: str) -> None:
        view, say = self._screen.view, self._screen.say
        say(f"{name}: looking again")
        await view.look_at_machine()
        found = [step for step in self._steps() if step.name == name]
        say(f"{name}: {found[0].text}" if found else f"{name}: done")
