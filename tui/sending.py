"""How does what a person wants reach the engine, and its answer the person?

By the engine's socket, while the view goes on; where there is no engine, that is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentcore.engine.control import Answer, Command, EngineUnreachable, ask
from tui.series import Order, in_turn

if TYPE_CHECKING:
    from tui.view import View


class Sender:
    """What the view sends to the engine."""

    def __init__(self, view: View) -> None:
        self.unsent: dict[str, str] = {}
        """What was to be said to a worktree's agent and did not reach the engine: `i` offers it again."""
        self._view = view

    async def command(self, verb: str, arguments: Mapping[str, object]) -> Answer:
        """Ask the engine; its absence is an answer too."""
        try:
            answer = await ask(self._view.paths.socket, Command(verb, "you", arguments))
        except EngineUnreachable as error:
            answer = Answer(7, str(error))
        self._view.look_again()
        return answer

    def ask(self, verb: str, arguments: Mapping[str, object]) -> None:
        """Ask the engine for something that asks no question back, and tell its answer."""
        self._view.run_worker(self._ask((Order("", verb, arguments),)), exclusive=True, group="tell")

    def ask_each(self, orders: Sequence[Order]) -> None:
        """Ask the engine for several things of that kind, one after the other."""
        self._view.run_worker(self._ask(orders))

    def pause(self, worktrees: Sequence[str]) -> None:
        """Pause worktrees after their runs; where all of them are paused already, let them go on."""
        known = self._view.scene.state.worktrees
        at_work = [name for name in worktrees if not known[name].paused]
        self.for_worktrees("pause" if at_work else "resume", at_work or worktrees)

    def for_worktrees(self, verb: str, worktrees: Sequence[str]) -> None:
        """Ask the engine to do something with worktrees that asks no question back."""
        self.ask_each([Order(name, verb, {"worktree": name}) for name in worktrees])

    def decide(self, verb: str, experiments: Sequence[int]) -> None:
        """Ask the engine to do something with candidates that asks no question back."""
        self.ask_each([Order(f"#{number}", verb, {"experiment": number}) for number in experiments])

    def tell(self, worktrees: Sequence[str], text: str) -> None:
        """Say something to the agents of those worktrees."""
        self._view.run_worker(self._say(worktrees, text))

    async def _say(self, worktrees: Sequence[str], text: str) -> None:
        answer = await self._ask([Order(name, "say", {"worktree": name, "text": text}) for name in worktrees])
        if not answer.done:
            self.unsent |= {name: text for name in worktrees if name not in answer.body.get("done", ())}

    async def _ask(self, orders: Sequence[Order]) -> Answer:
        if front := self._view.front:
            front.say("asked, waiting for the engine")
        answer = await in_turn(self.command, orders)
        if front := self._view.front:
            front.paint()
            front.say(answer.message if answer.done else f"refused: {answer.message}")
        return answer
