"""What can be asked of the engine on every screen, and what of it is asked back before it is done?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentcore.undo import undoing
from tui import bindings
from tui.follow import Scene
from tui.sheets import away, kill, lift, merge, several, stop, take_out, undo
from tui.sheets.sheet import Question

if TYPE_CHECKING:
    from tui.screens.base import BaseScreen


class Asker:
    """The costly actions on one screen: of the lab, or of what is marked, else of what is selected."""

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
        """Ask before worktrees are retired; by its name where work in one is in no commit."""
        from tui.sheets import retire  # here: it reads the folder by git, which the first paint need not wait for

        view, names = self._screen.view, self.worktrees
        loose = [name for name in names if retire.is_loose(view.scene, name, view.paths)]
        if not loose:
            self._ask_of("Retire {} worktrees?", names, retire.question)
        elif len(names) == 1:
            self._screen.cover.open_form(retire.fields(), retire.asking(loose[0]))
        else:
            self._screen.say(f"{loose[0]} holds work that is in no commit: retire it alone, its name is asked for")

    def stop(self) -> None:
        """Ask before the lab is stopped."""
        self._screen.cover.open_sheet(stop.question)

    def kill(self) -> None:
        """Ask before the runs of worktrees are ended."""
        self._ask_of("Stop the runs of {} worktrees?", self.worktrees, kill.question)

    def merge(self) -> None:
        """Ask before candidates are merged: the marked ones in the order of the list, else the one that is meant."""
        numbers, change_of = self.candidates, self._screen.view.reading.change_of
        if numbers:
            self._screen.cover.open_sheet(lambda scene: merge.question_of_all(scene, numbers, change_of))

    def take_out(self) -> None:
        """Ask before candidates leave the queue for good, or their merges are taken back."""
        match self.candidates:
            case [number]:
                self._screen.cover.open_sheet(lambda scene: take_out.question(scene, number))
            case [_, *_] as numbers:
                self._screen.cover.open_sheet(lambda scene: take_out.question_of_all(scene, numbers))

    def tell(self) -> None:
        """Ask for a line for the agents of worktrees."""
        self._screen.cover.open_entry(self.worktrees)

    def pause(self) -> None:
        """Pause worktrees after their runs, or let them go on."""
        self._screen.view.sender.pause(self.worktrees)
        self._screen.spend_marks()

    def rebase(self) -> None:
        """Bring worktrees to their base on today's trunk."""
        self._screen.view.sender.for_worktrees("rebase", self.worktrees)
        self._screen.spend_marks()

    def decide(self, verb: str) -> None:
        """Ask for something of candidates that asks no question back."""
        self._screen.view.sender.decide(verb, self.candidates)
        self._screen.spend_marks()

    @property
    def worktrees(self) -> list[str]:
        """The worktrees that an action takes."""
        return [row.worktree for row in self._screen.situation().rows]

    @property
    def candidates(self) -> list[int]:
        """The experiments whose candidates an action takes."""
        return [target.experiment for target in self._screen.situation().targets]

    def _ask_of(self, title: str, names: list[str], ask: Callable[[Scene, str], Question]) -> None:
        """Ask about one worktree, or by one sheet about several; `title` has a place for how many they are."""
        if len(names) == 1:
            self._screen.cover.open_sheet(lambda scene: ask(scene, names[0]))
        else:
            of_all = title.format(len(names))
            self._screen.cover.open_sheet(
                lambda scene: several.question(of_all, {name: ask(scene, name) for name in names})
            )
