"""What can be asked of the engine on every screen, and what of it is asked back before it is done?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentcore import undoing
from tui import bindings
from tui.sheets import away, kill, lift, stop, undo

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Asker:
    """The costly actions that concern the lab or the selected worktree, on one screen."""

    def __init__(self, screen: BaseScreen) -> None:
        self._screen = screen

    def lift(self) -> None:
        """Ask before the rule is lifted that holds the selected candidate, else the first BLOCKED one."""
        if number := bindings.blocked(self._screen.situation()):
            self._screen.cover.open_sheet(lambda scene: lift.question(scene, number))

    def turn_back(self, verb: undo.Verb) -> None:
        """Undo or redo: ask where trunk, a branch or a folder is touched, else do it at once."""
        action = undo.chosen(self._screen.view.scene.state, verb)
        if action is not None and undoing.asks(action):
            self._screen.cover.open_sheet(lambda scene: undo.question(scene, verb))
        elif action is not None:
            self._screen.view.sender.ask(verb, {"expect": {"action": action.seq}})

    def away(self) -> None:
        """Leave the lab alone, or come back."""
        view = self._screen.view
        if view.scene.state.away is None:
            self._screen.cover.open_form(away.fields(view.scene), away.asking(view.paths))
        else:
            view.sender.ask("back", {})

    def retire(self) -> None:
        """Ask before the selected worktree is retired; by its name where work in it is in no commit."""
        from tui.sheets import retire  # here: it reads the folder by git, which the first paint need not wait for

        view, name = self._screen.view, self._screen.view.selected
        if retire.is_loose(view.scene, name, view.paths):
            self._screen.cover.open_form(retire.fields(), retire.asking(name))
        else:
            self._screen.cover.open_sheet(lambda scene: retire.question(scene, name))

    def stop(self) -> None:
        """Ask before the lab is stopped."""
        self._screen.cover.open_sheet(stop.question)

    def kill(self) -> None:
        """Ask before the selected worktree's run is ended."""
        name = self._screen.view.selected
        self._screen.cover.open_sheet(lambda scene: kill.question(scene, name))
