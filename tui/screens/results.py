"""Screen 4: every experiment, its place in the course of the lab, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.timer import Timer

from agentcore import format as fmt
from agentcore.results import file as results_file
from agentcore.results.measures import MEASURES, Measure, progress_of
from agentcore.results.progress import Progress
from agentcore.results.rows import COLUMNS, ResultRow, Results, follow, is_rising, ordered
from agentcore.results.sieve import sift
from tui import layout
from tui.axis import SCORE
from tui.bindings import Target
from tui.exporting import Maker, plot
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.lab import PREVIEW_LINES, waiting
from tui.screens.offering import Offer
from tui.screens.targets import as_target, target_of
from tui.theme import OUTCOMES
from tui.widgets.diff import DiffPane
from tui.widgets.pane import Pane
from tui.widgets.progress import ProgressPane
from tui.widgets.results import ResultPane, ResultsList

if TYPE_CHECKING:
    from tui.view import View

REST_S = 0.15
"""The cursor must have stood still for so long before a change is read for it: a key held down passes hundreds."""


class ResultsScreen(BaseScreen):
    """The plot, the table and the selected row's change. What the table lists is made anew only when that changes."""

    NAME = "results"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        look = view.look
        self.progress = ProgressPane(look)
        self.table = ResultsList(look)
        self.detail = ResultPane(look)
        self.diff = DiffPane(look, id="diff")
        self._results = Results()
        self._counts = ""
        self._sought = ""
        self._order = 0
        self._is_reversed = False
        self._listed: Results | None = None
        self._how: tuple[object, ...] = ()
        """What the table was made of, and how."""
        self._rows: list[ResultRow] = []
        self._measure: Measure | None = None
        """What is plotted; None for the score."""
        self._measured: tuple[Results, Measure, Progress] | None = None
        self._offer = Offer(view.paths.root)
        self._rest: Timer | None = None
        self._is_resting = True

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.table, self.progress, self.detail, self.diff

    def ring(self) -> Iterable[Pane]:
        """Return the table and the change."""
        return self.table, self.diff

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        wide = width >= layout.WIDE
        self.table.frame = "box" if wide else "bare"
        self.progress.frame = self.diff.frame = self.detail.frame = "box" if wide else "rule"
        return layout.results(width, height, plots=self.view.options.plots)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.table),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
            "open-experiment": lambda: self._open(self._selected()),
            "diff": self._read,
            "compare": self._compare,
            "sort": self._sort,
            "reverse": self._reverse,
            "metric": self._next_measure,
            "log-scale": self._change_scale,
            "verify": lambda: self.asker.decide("verify"),
            "import": self._import,
            "imported": lambda: self.view.go("imported"),
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        self._follow(scene)
        self._list()
        row = self.table.selected
        ordered_by = f"by {self.table.by.name} {self.table.arrow}"
        counted = self._counts if self.size.width >= layout.NARROW else self._counts.partition(",")[0]
        self.bar.about = f"{counted}   {ordered_by}"
        if scene.state.imports:
            self.bar.about += f"   I: {_imported(scene)} of before"
        if self._sought:
            self.bar.about = f"{len(self._rows)} of {len(self._results.rows)} with {self._sought}   esc: all"
        self.table.marks = self.marks
        self._offer.look(scene.state)
        self.table.empty = self._why_empty(scene)
        self.detail.state, self.detail.row = scene.state, row
        self._plot(scene, row)
        if "diff" in self.placer.places and self._is_resting:
            self.diff.empty = "reading" if row else "no experiment is selected"
            change = self.view.reading.change_of(row.experiment) if row else None
            self.diff.show(change, subject=f"#{row.experiment} {row.worktree}" if row else "diff")

    def target(self, scene: Scene) -> Target | None:
        """Return the selected experiment's candidate, and never another one."""
        row = self.table.selected
        return target_of(scene, row.experiment) if row else None

    def marked_targets(self, scene: Scene) -> tuple[Target, ...]:
        """Return the marked experiments as candidates, oldest first."""
        return tuple(as_target(scene, number) for number in self._marked())

    # What is listed

    def filter_by(self, text: str) -> None:
        """List only the rows for which all terms hold."""
        self._sought = text
        self._list()
        self.paint()

    def find(self, text: str) -> None:
        """Look for nothing: what is typed are terms, and the table was shortened to them."""

    def find_next(self) -> None:
        """Go to the next row: all that are listed match."""
        self._move(1)

    def find_previous(self) -> None:
        """Go to the row before."""
        self._move(-1)

    def under_cursor(self) -> object | None:
        """Return the selected experiment's number."""
        row = self.table.selected
        return row.experiment if row else None

    def copyable(self) -> dict[str, str]:
        """Return what can be copied of the marked experiments, else of the selected one."""
        from tui import worth  # here: it reads transcripts, which the first paint does not

        return worth.of_experiments(self.view, self._marked() or self._selected())

    def exportable(self) -> dict[str, Maker]:
        """Return the forms of what is listed; as tab-separated values it is oldest first, as other programs append."""
        rows, state = list(self._rows), self.view.scene.state
        return {
            **super().exportable(),
            "m": lambda: results_file.markdown(rows, state),
            "t": lambda: results_file.tsv(sorted(rows, key=lambda row: row.experiment), state),
            "j": lambda: results_file.as_json(rows, state),
            "p": plot(self.view.scene, self.progress.progress, self.progress.measure),
        }

    def _follow(self, scene: Scene) -> None:
        results = follow(self._results, scene.state)
        if results is not self._results or not self._counts:
            self._results, self._counts = results, counts(results.rows)

    def _list(self) -> None:
        """Order and shorten the table, where rows, order or filter have changed."""
        config = self.view.scene.state.config
        lower = config.lower_is_better if config else True
        how = (self._order, self._is_reversed, self._sought, lower)
        if self._listed is self._results and self._how == how:
            return
        self._listed, self._how, by = self._results, how, COLUMNS[self._order]
        rows = sift(self._results.rows, self._sought)
        self._rows = ordered(rows, by, lower_is_better=lower, reverse=self._is_reversed)
        self.table.by, self.table.sought = by, self._sought
        self.table.is_rising = is_rising(by, lower) != self._is_reversed
        self.table.feed(self._rows)

    def _why_empty(self, scene: Scene) -> str:
        if self._sought and self._results.rows:
            return f"no experiment matches {self._sought}; esc lists all"
        told = ["No experiments yet.", waiting(scene) if scene.overview.calibration else "", self._offer.words]
        if scene.state.imports:
            told.append(f"{_imported(scene)} of before this lab: I shows them.")
        return " ".join(filter(None, told))

    def _plot(self, scene: Scene, row: ResultRow | None) -> None:
        plot, measure = self.progress, self._measure
        plot.marked, plot.experiments = row.experiment if row else None, len(self._results.rows)
        plot.waiting = waiting(scene)
        if measure is None:
            plot.progress, plot.measure, plot.write = scene.progress, "", SCORE
            return
        known = self._measured
        if known is None or known[0] is not self._results or known[1] is not measure:
            known = self._measured = (self._results, measure, progress_of(self._results.rows, measure))
        plot.progress, plot.measure, plot.write = known[2], measure.name, measure.write

    # Keys

    def _move(self, delta: int) -> None:
        self._is_resting = False
        self.table.move(delta)
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, self._come_to_rest)
        self.paint()

    def _come_to_rest(self) -> None:
        self._is_resting = True
        self.paint()

    def _selected(self) -> list[int]:
        row = self.table.selected
        return [row.experiment] if row else []

    def _marked(self) -> list[int]:
        return sorted(number for number in self.marks if isinstance(number, int))

    def _read(self) -> None:
        for number in self._selected():
            self.view.read_candidate(number)

    def _open(self, numbers: list[int]) -> None:
        if numbers:
            self.view.open_experiments(numbers)
        elif self._offer.rows and not self._results.rows:
            self.do(next(each for each in self.view.table if each.id == "import"))
        else:
            self.say("there is no experiment to open")

    def _import(self) -> None:
        if self._offer.rows:
            self.view.sender.ask("import", self._offer.arguments)
        else:
            self.say(self._offer.words or "no results.tsv lies here that is not imported: nightlab import FILE")

    def _compare(self) -> None:
        marked = self._marked()
        if len(marked) == 2:
            self._open(marked)
        else:
            self.say(f"{len(marked)} marked: mark two experiments with space, then | compares them")

    def _sort(self) -> None:
        self._order, self._is_reversed = (self._order + 1) % len(COLUMNS), False
        self.paint()

    def _reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self.paint()

    def _next_measure(self) -> None:
        known = [each for each in MEASURES if any(each.value(row) is not None for row in self._results.rows)]
        choices: list[Measure | None] = [None, *known]
        at = choices.index(self._measure) if self._measure in choices else 0
        self._measure = choices[(at + 1) % len(choices)]
        self.paint()

    def _change_scale(self) -> None:
        self.progress.is_log = not self.progress.is_log
        self.paint()


def counts(rows: Iterable[ResultRow]) -> str:
    """Return how many there are of each outcome: `83 experiments, 15 keep, 58 drop, 8 crash`."""
    found = Counter(row.outcome for row in rows)
    parts = [f"{found[outcome]} {outcome}" for outcome in OUTCOMES if found[outcome]]  # type: ignore[index]
    return ", ".join([f"{found.total()} experiments", *parts])


def _imported(scene: Scene) -> str:
    return fmt.count(sum(len(night.rows) for night in scene.state.imports), "row")
