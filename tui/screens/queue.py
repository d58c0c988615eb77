"""Screen 3: the merge queue, and the change of the selected candidate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore.stacks import besides
from agentcore.state import LabState
from tui import format as fmt
from tui import layout
from tui.bindings import Target
from tui.exporting import Listing
from tui.follow import Scene
from tui.lines import Line, clip
from tui.screens.base import Action, BaseScreen
from tui.screens.targets import target_of
from tui.sheets import take_out
from tui.theme import CANDIDATES, Theme
from tui.widgets.diff import DiffPane
from tui.widgets.pane import Pane
from tui.widgets.queue import QueueItem, QueueList, gate_sentences, seeds_cell

if TYPE_CHECKING:
    from tui.view import View

PREVIEW_LINES = 5


class EvidencePane(Pane):
    """What the selected candidate was measured by."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.state = LabState()
        self.item: QueueItem | None = None

    def head(self) -> tuple[str, str]:
        """Return whose evidence it is."""
        return (f"{self.item.worktree} #{self.item.experiment}  {self.item.idea}" if self.item else ""), ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the evidence, most important first."""
        if self.item is None:
            return [((f" {text}", "grey"),) for text in gate_sentences(self.state)]
        facts = evidence(self.state, self.item)
        return [((f" {label:<6} ", "grey"), (clip(text, width - 9), "text")) for label, text in facts]


class QueueScreen(BaseScreen):
    """The candidates in the order of merging, then those that are done with."""

    NAME = "queue"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.candidates = QueueList(view.look)
        self.evidence = EvidencePane(view.look)
        self.diff = DiffPane(view.look, id="diff")

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.candidates, self.evidence, self.diff

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        narrow = width < layout.MEDIUM
        self.candidates.frame = "bare" if narrow else "box"
        self.evidence.frame = self.diff.frame = "rule" if narrow else "box"
        return layout.queue(width, height)

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.moving(self._move, self.candidates),
            "scroll-down": lambda: self.diff.scroll_by(PREVIEW_LINES),
            "scroll-up": lambda: self.diff.scroll_by(-PREVIEW_LINES),
            "verify": lambda: self._decide("verify"),
            "hold": self._hold,
            "reconfirm": lambda: self._decide("reconfirm"),
            "earlier": lambda: self._step(-1),
            "later": lambda: self._step(1),
            "take-out": self._take_out,
            "open": self._read,
            "diff": self._read,
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        self.candidates.marks = self.marks
        self.candidates.feed(scene)
        item = self.candidates.selected
        self.evidence.state, self.evidence.item = scene.state, item
        self.diff.empty = "reading" if item else "no candidate is selected"
        change = self.view.change_of(item.experiment) if item else None
        self.diff.show(change, subject=f"{item.worktree} #{item.experiment}" if item else "diff")

    def ring(self) -> Iterable[Pane]:
        """Return the list and the change."""
        return self.candidates, self.diff

    def filter_by(self, text: str) -> None:
        """List only the candidates that hold `text`."""
        self.candidates.wanted = text
        self.paint()

    def under_cursor(self) -> object | None:
        """Return the selected candidate's number."""
        item = self.candidates.selected
        return item.experiment if item else None

    def copyable(self) -> dict[str, str]:
        """Return what can be copied of the marked candidates, else of the selected one."""
        from tui import worth

        item = self.candidates.selected
        marked = [each.experiment for each in self.candidates.items if each.experiment in self.marks]
        return worth.of_experiments(self.view, marked or ([item.experiment] if item else []))

    def listing(self) -> Listing:
        """Return the candidates that are listed."""
        head = ("STATE", "WORKTREE", "EXPERIMENT", "GAIN", "SIGMAS", "SEEDS", "IDEA", "WHY")
        return Listing(head, tuple(row(item) for item in self.candidates.items))

    def target(self, scene: Scene) -> Target | None:
        """Return the selected candidate, and never another one."""
        item = self.candidates.selected
        return target_of(scene, item.experiment) if item else None

    def select(self, experiment: int) -> None:
        """Put the cursor on a candidate."""
        self.candidates.feed(self.view.scene)
        self.candidates.select(experiment)

    def _move(self, delta: int) -> None:
        self.candidates.move(delta)
        self.paint()

    def _decide(self, verb: str) -> None:
        if item := self.candidates.selected:
            self.view.decide(verb, item.experiment)

    def _step(self, steps: int) -> None:
        if item := self.candidates.selected:
            self.view.ask("move", {"experiment": item.experiment, "by": steps})

    def _hold(self) -> None:
        item = self.candidates.selected
        self._decide("unhold" if item and item.state == "HELD" else "hold")

    def _take_out(self) -> None:
        if item := self.candidates.selected:
            number = item.experiment
            self.open_sheet(lambda scene: take_out.question(scene, number))

    def _read(self) -> None:
        if item := self.candidates.selected:
            self.view.read_candidate(item.experiment)
        else:
            self.say("there is no candidate to read")


def row(item: QueueItem) -> tuple[str, ...]:
    """Return one candidate as cells."""
    numbers = (
        str(item.experiment),
        fmt.gain(item.gain),
        fmt.sigmas(item.z),
        seeds_cell(item.open) if item.open else "",
    )
    return item.state, item.worktree, *numbers, item.idea, item.note


def evidence(state: LabState, item: QueueItem) -> list[tuple[str, str]]:
    """Return (label, text) of what is known of a candidate."""
    candidate, experiment = state.candidates[item.experiment], state.experiments[item.experiment]
    facts = []
    own = state.pools.get(candidate.tree, {})
    trunk = state.pools.get(candidate.trunk_tree, {})
    if candidate.seeds:
        scores = "  ".join(fmt.score(own.get(seed)) for seed in candidate.seeds)
        same = "  ".join(fmt.score(trunk.get(seed)) for seed in candidate.seeds)
        facts.append(("seeds", f"{scores}   trunk, same seeds: {same}"))
    if candidate.commit:
        tree = f"rebased on {fmt.short(candidate.trunk)} as {fmt.short(candidate.commit)}; this tree is measured"
        if others := besides(candidate):
            tree = f"{fmt.short(candidate.tree)}, measured with {others} in it: the gain is of all of them"
        facts.append(("tree", tree))
    meaning = CANDIDATES.get(candidate.state, ("", ""))[1]
    facts.append(("state", f"{candidate.state}: {candidate.reason or meaning}"))
    screen = f"{fmt.score(experiment.score)}, gain {fmt.gain(experiment.gain)} ({fmt.sigmas(experiment.z)}σ)"
    facts.append(("screen", f"{screen}, one run; it does not count in the verdict"))
    return facts
