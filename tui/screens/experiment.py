"""One experiment, or two beside each other: what is known, how they trained, what they changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events

from agentcore.results.curve import rival
from agentcore.results.facts import Facts, facts, pair_title
from agentcore.state import LabState
from tui import layout
from tui.bindings import Target
from tui.curves import Curves
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.change import READING
from tui.screens.lab import PREVIEW_LINES
from tui.screens.targets import target_of
from tui.widgets.diff import DiffPane
from tui.widgets.experiment import ComparedCurve, KnownPane
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.view import View
    from worktrees.diff import Diff


class ExperimentScreen(BaseScreen):
    """The facts, the curves and the change of one experiment; of two, the facts and curves of both, and the change
    from the tree of the one to that of the other.
    """

    NAME = "experiment"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.known = KnownPane(view.look)
        self.curve = ComparedCurve(view.look)
        self.diff = DiffPane(view.look, id="diff")
        self.curves = Curves(view.paint)
        self.numbers: tuple[int, ...] = ()
        """One experiment, or two."""
        self.opened_from = "results"
        self._read_of: tuple[LabState, tuple[int, ...]] | None = None
        self._facts: tuple[Facts, ...] = ()
        self._runs: tuple[int | None, int | None] = (None, None)
        """The runs whose curves are shown."""

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.known, self.curve, self.diff

    def ring(self) -> Iterable[Pane]:
        """Return what can be scrolled."""
        return self.known, self.diff

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        wide = width >= layout.WIDE
        self.known.frame = self.curve.frame = self.diff.frame = "box" if wide else "rule"
        return layout.experiment(width, height, self.known.tall(width // 2 - 2 if wide else width))

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self.front.scroll_by(1),
            "above": lambda: self.front.scroll_by(-1),
            "first": lambda: self.front.scroll_by(-self.front.count()),
            "last": lambda: self.front.scroll_by(self.front.count()),
            "page-down": lambda: self.front.page(1),
            "page-up": lambda: self.front.page(-1),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
            "diff": lambda: self.view.read_experiments(self.numbers),
            "metric": lambda: self.say(self.curve.next_metric()),
            "log-scale": self.curve.change_scale,
            "verify": lambda: self.asker.decide("verify"),
        }

    @property
    def front(self) -> KnownPane | DiffPane:
        """The pane that keys scroll."""
        return self.diff if self.mover.pane is self.diff else self.known

    def leave(self) -> None:
        """Go back to where it was opened."""
        self.view.go(self.opened_from)

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes; what goes through all runs is looked up again only for a new state."""
        if not self.numbers:
            return
        if self._read_of is None or self._read_of[0] is not scene.state or self._read_of[1] != self.numbers:
            self._read_of = (scene.state, self.numbers)
            self._facts = tuple(facts(scene.state, number) for number in self.numbers)
            self._runs = runs_of(scene.state, self.numbers)
        self.bar.about = pair_title(self.numbers)
        self.known.show(self.numbers, self._facts)
        self._follow_runs()
        self.diff.empty = READING
        self.diff.show(change_of(self.view, self.numbers), subject=subject(self.numbers))

    def target(self, scene: Scene) -> Target | None:
        """Return the candidate of the experiment; of two none is meant."""
        return target_of(scene, self.numbers[0]) if len(self.numbers) == 1 else None

    def copyable(self) -> dict[str, str]:
        """Return what can be copied of them."""
        from tui import worth  # here: it reads transcripts, which the first paint does not

        return worth.of_experiments(self.view, self.numbers)

    def on_mount(self) -> None:
        """Be ready to read curves."""
        self.run_worker(self.curves.run(), name="compared curves")

    def on_screen_resume(self) -> None:
        """Read the curves while they are looked at."""
        self.curves.is_wanted = True
        super().on_screen_resume()

    def on_screen_suspend(self, event: events.ScreenSuspend) -> None:
        """Leave them alone while nobody looks."""
        self.curves.is_wanted = False

    def _follow_runs(self) -> None:
        paths = [self.view.paths.run(run).metrics if run is not None else None for run in self._runs]
        self.curves.follow(paths[0], paths[1])
        is_pair = len(self.numbers) == 2
        self.curve.names = tuple(f"#{number}" for number in self.numbers) if is_pair else ()
        self.curve.is_over = self._runs[0] not in self.view.scene.state.active
        self.curve.show(self.curves.own, self.curves.rival, *self._runs)


def runs_of(state: LabState, numbers: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Return the runs to compare: of two experiments, or of one and of trunk."""
    own = [state.experiments[number].run for number in numbers]
    if len(own) == 2:
        return own[0], own[1]
    other = rival(state, own[0]) if own[0] is not None else None
    return own[0], other.number if other else None


def change_of(view: View, numbers: tuple[int, ...]) -> Diff | None:
    """Return what an experiment changed, or the change from the first one's tree to the second one's."""
    if len(numbers) == 1:
        return view.reading.change_of(numbers[0])
    first, second = (view.scene.state.experiments[number].commit for number in numbers)
    return view.reading.change_between(first, second)


def subject(numbers: tuple[int, ...]) -> str:
    """Return what that change is called."""
    return f"diff of #{numbers[0]}" if len(numbers) == 1 else f"from #{numbers[0]} to #{numbers[1]}"
