"""Screen 6: what agents are told, who works on what, the ideas that wait, the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentcore import format as fmt
from agentcore.brief.terms import terms
from agentcore.worktree.ideas import ideas
from tui import layout
from tui.exporting import Listing
from tui.follow import Scene
from tui.screens.base import Action, BaseScreen
from tui.screens.versions import bases, named, newest, next_base
from tui.series import Order
from tui.sheets.entry import Entry
from tui.widgets.directions import AssignedPane, IdeasPane, ProgramPane, RulesPane, version_of
from tui.widgets.pane import ListPane, Pane, TextPane
from tui.widgets.tabs import TabStrip
from worktrees.project import ProjectError, load

if TYPE_CHECKING:
    from tui.view import View

TABS = {"Program": "program", "Per worktree": "assigned", "Ideas": "ideas", "Rules": "rules"}
"""Name of a tab: the pane that it shows."""


class DirectionsScreen(BaseScreen):
    """The program, the directions, the ideas and the rules; one at a time where there is no room for all."""

    NAME = "directions"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.tabs = TabStrip(view.look, tuple(TABS))
        self.program = ProgramPane(view.look)
        self.assigned = AssignedPane(view.look)
        self.ideas = IdeasPane(view.look)
        self.rules = RulesPane(view.look)
        self._rules_of: tuple[tuple[int, int] | None, int] | None = None
        self._base = 0
        """The version that a person chose to compare with; 0: the one before the newest."""

    def panes(self) -> Iterable[Pane]:
        """Return the panes."""
        return self.tabs, self.program, self.assigned, self.ideas, self.rules

    def places(self, width: int, height: int) -> layout.Places:
        """Place the panes."""
        for pane in self.ring():
            pane.frame = "box" if width >= layout.WIDE else "rule"
        return layout.directions(width, height, TABS[self.tabs.shown], len(self.assigned.rows))

    def ring(self) -> Iterable[Pane]:
        """Return the panes that `tab` goes through."""
        return self.program, self.assigned, self.ideas, self.rules

    def actions(self) -> dict[str, Action]:
        """Return what this screen's keys do."""
        return {
            **super().actions(),
            **self.mover.actions(self._move, self.ideas),
            "tab": lambda: self._switch(1),
            "tab-back": lambda: self._switch(-1),
            "edit-words": self._edit,
            "new-idea": self._write_idea,
            "drop-idea": self._drop_idea,
            "diff-texts": self._read_change,
            "base-texts": self._next_base,
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""
        paths = self.view.paths
        self.program.follow(paths.program)
        self.assigned.feed(scene.overview.rows)
        self.assigned.state, self.assigned.folder = scene.state, paths.directions
        self.ideas.feed(ideas(scene.state))
        self.ideas.marks = self.marks
        self._show_rules(scene)
        self.bar.about = _versions(scene)
        chosen = TABS[self.tabs.shown]
        for pane in self.ring():
            pane.heavy = pane.id == chosen

    def under_cursor(self) -> object | None:
        """Return the selected idea's number, where ideas are what the keys move."""
        return self.ideas.selected.number if TABS[self.tabs.shown] == "ideas" and self.ideas.selected else None

    def listing(self) -> Listing:
        """Return the ideas."""
        rows = ((str(row.number), row.standing, row.by, row.text, row.reason) for row in self.ideas.rows)
        return Listing(("idea", "state", "from", "text", "became"), tuple(rows))

    def _show_rules(self, scene: Scene) -> None:
        """Read lab.toml where it has changed, and tell its rules again where they or the lab have."""
        path = self.view.paths.config
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if self._rules_of != (stamp, scene.state.seq):
                self._rules_of = (stamp, scene.state.seq)
                self.rules.tell(terms(load(path), scene.state))
        except (ProjectError, OSError) as error:
            self.rules.tell((("lab.toml", str(error)),))

    def _switch(self, step: int) -> None:
        names = list(TABS)
        self.tabs.shown = names[(names.index(self.tabs.shown) + step) % len(names)]
        self.paint()

    def _move(self, delta: int) -> None:
        pane = self.mover.pane
        if isinstance(pane, ListPane):
            pane.move(delta)
        elif isinstance(pane, TextPane):
            pane.scroll_by(delta)

    def _edit(self) -> None:
        """Open what the focus is on: the program, a worktree's direction, the rules' lab.toml."""
        self.view.lender.edit_file(self._file())

    def _read_change(self) -> None:
        """Read what has changed since the version before, or since the one that was chosen."""
        known = bases(self.view.scene.state)
        self.view.read_texts(self._base if self._base in known else known[0])

    def _next_base(self) -> None:
        state = self.view.scene.state
        self._base = next_base(state, self._base or bases(state)[0])
        self.say(f"{self.view.look.keys['diff-texts']}: {named(self._base, newest(state))}")

    def _file(self) -> Path:
        paths = self.view.paths
        match TABS[self.tabs.shown]:
            case "assigned" if self.assigned.rows:
                row = self.assigned.rows[self.assigned.cursor]
                own = paths.directions / f"{row.worktree}.md"
                shared = paths.directions / f"{row.direction}.md"
                return shared if shared.is_file() and not own.is_file() else own
            case "rules":
                return paths.config
            case _:
                return paths.program

    def _write_idea(self) -> None:
        self.tabs.shown = "Ideas"
        titles = ("an idea for any agent", "enter: offer it   esc: cancel")
        self.cover.lay(Entry(self.view.look, titles, close=self._offer))

    def _offer(self, text: str) -> None:
        self.cover.lift()
        if text.strip():
            self.view.sender.ask("idea", {"text": text.strip()})
        else:
            self.say("no idea was written")

    def _drop_idea(self) -> None:
        marked = [row.number for row in self.ideas.rows if row.number in self.marks]
        chosen = marked or ([number] if isinstance(number := self.under_cursor(), int) else [])
        if chosen:
            self.view.sender.ask_each([Order(f"idea {each}", "drop-idea", {"idea": each}) for each in chosen])
            self.spend_marks()
        else:
            self.say("choose an idea first: tab goes to Ideas")


def _versions(scene: Scene) -> str:
    """Say which version of the words is the newest, and which ones agents work with."""
    counts = Counter(version_of(scene.state, name) for name in scene.state.worktrees)
    counts.pop(0, None)
    told = ", ".join(f"on v{version}: {count}" for version, count in sorted(counts.items(), reverse=True))
    saved = f", saved {fmt.clock(scene.state.prompts_at)}" if scene.state.prompts > 1 else ""
    return f"words v{scene.state.prompts}{saved}" + (f"   agents {told}" if told else "")
