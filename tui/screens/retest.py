"""Screen 5: does what helped the small model help the larger one?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.queue.stacks import besides
from agentcore.retest.verdicts import RetestRow, retest_rows
from tui import layout
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.sheets import retest
from tui.widgets.pane import Pane
from tui.widgets.retests import RetestDetail, RetestList, ScatterPane

if TYPE_CHECKING:
    from tui.view import View


class RetestScreen(BaseScreen):
    """The retests, their plot, and what stands behind one."""

    NAME = "retest"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.retests = RetestList(view.look)
        self.scatter = ScatterPane(view.look)
        self.detail = RetestDetail(view.look)

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.retests, self.scatter, self.detail

    def ring(self) -> Iterable[Pane]:
        """Return the panes that `tab` goes through."""
        return self.retests, self.detail

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        narrow = width < layout.WIDE
        self.retests.frame = "bare" if narrow else "box"
        self.scatter.frame = self.detail.frame = "rule" if narrow else "box"
        return layout.retest(width, height, len(self.retests.rows))

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.retests),
            "scroll-down": lambda: self.detail.scroll_by(1),
            "scroll-up": lambda: self.detail.scroll_by(-1),
            "retest-now": lambda: self.cover.open_sheet(retest.question),
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        self.scatter.rows = tuple(reversed(retest_rows(scene.state)))
        self.retests.feed(self.scatter.rows)
        self.retests.empty = _none_yet(scene)
        row = self.retests.selected
        self.scatter.selected = row.number if row else None
        self.detail.row = row
        self.detail.ideas = [_merge(scene, number) for number in row.experiments] if row else ()
        verified = scene.overview.verified
        if verified and verified.gain is not None:
            self.bar.about = f"verified {fmt.short(verified.commit)} {fmt.gain(verified.gain)} over the first trunk"

    def listing(self) -> Listing:
        """Return the retests."""
        head = ("retest", "word", "base", "trunk", "merges", "small", "large", "sigmas", "why")
        return Listing(head, tuple(_cells(row) for row in self.retests.rows))

    def _move(self, delta: int) -> None:
        self.retests.move(delta)
        self.detail.top = 0
        self.paint()


def _none_yet(scene: Scene) -> str:
    settings = scene.state.retest_settings
    if not settings.budget:
        return "This lab has no larger size: set [retest] budget in lab.toml"
    due = f"after {fmt.count(settings.every, 'promotion')}" if settings.every else "when you ask for it"
    return f"Nothing was tried yet. Trunk is trained at {settings.scale} times the size {due}; t: try it now"


def _merge(scene: Scene, number: int) -> str:
    candidate = scene.state.candidates[number]
    verdict, others = candidate.verdict, besides(candidate)
    gain = f" {fmt.gain(verdict.gain)} ({fmt.sigmas(verdict.z)}σ)" if verdict else ""
    gain += f" with {others}:" if others else ""
    return f"#{number}{gain} {scene.state.experiments[number].hypothesis}"


def _cells(row: RetestRow) -> tuple[str, ...]:
    gains = (fmt.gain(each.gain if each else None) for each in (row.small, row.large))
    merges = " ".join(f"#{number}" for number in row.experiments)
    sigmas = fmt.sigmas(row.large.z if row.large else None)
    return (str(row.number), row.word, row.base, row.trunk, merges, *gains, sigmas, row.text)
