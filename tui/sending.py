"""How does what a person wants reach the engine, and its answer the person?

By the engine's socket, while the view goes on; where there is no engine, that is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentcore.control import Answer, Command, EngineUnreachable, ask

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
        self._view.run_worker(self._ask(verb, arguments), exclusive=True, group="tell")

    def pause(self) -> None:
        """Pause the selected worktree after its run, or resume it."""
        worktree = self._view.scene.state.worktrees.get(self._view.selected)
        if worktree:
            verb = "resume" if worktree.paused else "pause"
            self.ask(verb, {"worktree": worktree.name})

    def decide(self, verb: str, experiment: int) -> None:
        """Ask the engine to do something with a candidate that asks no question back."""
        self.ask(verb, {"experiment": experiment})

    def tell(self, worktree: str, text: str) -> None:
        """Say something to the agent of `worktree`."""
        self._view.run_worker(self._say(worktree, text))

    async def _say(self, worktree: str, text: str) -> None:
        answer = await self._ask("say", {"worktree": worktree, "text": text})
        if not answer.done:
            self.unsent[worktree] = text

    async def _ask(self, verb: str, arguments: Mapping[str, object]) -> Answer:
        if front := self._view.front:
            front.say("asked, waiting for the engine")
        answer = await self.command(verb, arguments)
        if front := self._view.front:
            front.paint()
            front.say(answer.message if answer.done else f"refused: {answer.message}")
        return answer
