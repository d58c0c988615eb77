"""One diff and nothing else: of a worktree, live, of a candidate as it would land, between two experiments, or between
two versions of the researcher's texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentcore.results.facts import pair_title
from tui import layout
from tui.bindings import Target
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.change import READING, show_change
from tui.screens.experiment import change_of, subject
from tui.screens.targets import target_of, target_of_row
from tui.screens.versions import named, newest, next_base
from tui.screens.worktree import SIDEWAYS
from tui.unified import unified
from tui.widgets.diff import DiffPane
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.view import View


class ReaderScreen(BaseScreen):
    """A full-screen diff."""

    NAME = "diff"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.diff = DiffPane(view.look, id="diff", numbered=True)
        self._experiments: tuple[int, ...] = ()
        self._texts_since = 0

    def read(self, experiments: tuple[int, ...], texts_since: int = 0) -> None:
        """Read the change of an experiment, or from one's tree to another's; with none of them that of the texts since
        a version, else the selected worktree's.
        """
        self._experiments, self._texts_since = experiments, texts_since

    def panes(self) -> Iterable[Pane]:
        """Return the pane."""
        return (self.diff,)

    def places(self, width: int, height: int) -> layout.Places:
        """Give the pane all the room."""
        self.diff.frame = "box" if width >= layout.MEDIUM else "rule"
        self.diff.heavy = True
        return layout.whole(width, height, "diff")

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            "down": lambda: self.diff.scroll_by(1),
            "above": lambda: self.diff.scroll_by(-1),
            "first": lambda: self.diff.scroll_by(-self.diff.count()),
            "last": lambda: self.diff.scroll_by(self.diff.count()),
            "page-down": lambda: self.diff.page(1),
            "page-up": lambda: self.diff.page(-1),
            "left": lambda: self.diff.sideways(-SIDEWAYS),
            "right": lambda: self.diff.sideways(SIDEWAYS),
            "next-hunk": lambda: self.say(self.diff.hunk(1)),
            "previous-hunk": lambda: self.say(self.diff.hunk(-1)),
            "follow": self.diff.follow,
            "base": self._next_base,
            "split": self.diff.split,
            "wrap": self.diff.wrap,
        }

    def copyable(self) -> dict[str, str]:
        """Return what can be copied, by its letter: the diff."""
        return {"d": unified(self.diff.diff)} if self.diff.diff else {}

    def leave(self) -> None:
        """Go back to where the diff was opened."""
        self.view.previous()

    def show(self, scene: Scene) -> None:
        """Hand the diff to the pane."""
        if self._texts_since:
            self._show_texts(scene)
            return
        if not self._experiments:
            self.bar.about = self.view.selected
            show_change(self.view, self.diff)
            return
        first = scene.state.experiments[self._experiments[0]]
        is_pair = len(self._experiments) == 2
        self.bar.about = pair_title(self._experiments) if is_pair else f"{first.worktree} #{first.number}"
        self.diff.aside, self.diff.is_live, self.diff.empty = "", False, READING
        title = subject(self._experiments) if is_pair else first.hypothesis
        self.diff.show(change_of(self.view, self._experiments), subject=title)

    def _show_texts(self, scene: Scene) -> None:
        base, now, commits = self._texts_since, newest(scene.state), scene.state.prompts_commits
        self.bar.about = named(base, now)
        self.diff.aside, self.diff.is_live, self.diff.empty = "", False, READING
        change = self.view.reading.change_between(commits[base - 1], commits[now - 1])
        self.diff.show(change, subject=f"texts v{now}", against=f"v{base}")

    def target(self, scene: Scene) -> Target | None:
        """Return the candidate that is read, or the worktree's."""
        if self._texts_since:
            return None
        if not self._experiments:
            return target_of_row(scene, self.view.selected)
        return target_of(scene, self._experiments[0]) if len(self._experiments) == 1 else None

    def _next_base(self) -> None:
        if self._texts_since:
            self._texts_since = next_base(self.view.scene.state, self._texts_since)
            self.paint()
        elif not self._experiments:
            self.view.next_base()
        else:
            self.say("a candidate is shown as it would land")
