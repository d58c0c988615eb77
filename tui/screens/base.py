"""What do all screens share? Title, strip and key line, and the dispatch of keys by the one table.

A screen gives its panes, their places, and one function for each binding of its own. It paints what the scene says and
passes what a person wants on to the view; it never changes the lab by itself.
What every screen can do beside that is told where it is done: moving, finding, taking, asking, telling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from agentcore.overview import WorktreeRow
from tui import bindings, layout
from tui.bindings import Binding, Situation, Target
from tui.exporting import Listing, Maker, makers
from tui.follow import Scene
from tui.screens.asking import Asker
from tui.screens.covering import Cover
from tui.screens.finding import Finder
from tui.screens.moving import Mover
from tui.screens.placing import Placer
from tui.screens.standing import alarm, calm
from tui.screens.starting import start_engine
from tui.screens.taking import Taker
from tui.screens.telling import Teller
from tui.sheets.sheet import Sheet
from tui.sheets.typing import TextLine
from tui.widgets.bars import NUMBERS, Clock, KeyLine, Strip, TitleBar, headline
from tui.widgets.note import NoteLine
from tui.widgets.pane import Pane
from tui.widgets.small import SmallPane

if TYPE_CHECKING:
    from tui.view import View

WHEEL = 3
"""Lines that a notch of the mouse's wheel moves."""

Action = Callable[[], None]


class BaseScreen(Screen[None], inherit_bindings=False):
    """A screen of the view."""

    NAME: ClassVar[str]
    AUTO_FOCUS = None
    DEFAULT_CSS = "BaseScreen { layers: base note sheet; overflow: hidden; }"

    def __init__(self, view: View) -> None:
        super().__init__(name=self.NAME)
        self.view = view
        look = view.look
        self.bar = TitleBar(look, self.NAME)
        self.clock = Clock(look)
        self.strip = Strip(look)
        self.keys = KeyLine(look, self.NAME, view.table)
        self.small = SmallPane(look)
        self.note = NoteLine(look)
        self.placer, self.cover, self.mover = Placer(self), Cover(self), Mover(self)
        self.teller, self.asker = Teller(self), Asker(self)
        self.marks: set[object] = set()
        """What is marked: the next action that can take several takes all of it."""
        self._finder, self._taker = Finder(self), Taker(self)
        self._is_answering = False
        """While a key is answered nothing is painted: what it changed is painted once, at the end."""

    # What a screen gives

    def panes(self) -> Iterable[Pane]:
        """Return the panes between the strip and the key line."""
        return ()

    def places(self, width: int, height: int) -> layout.Places:
        """Return where each pane stands, by its id, in an area of that size."""
        return {}

    def actions(self) -> dict[str, Action]:
        """Return what each binding of this screen does, by the binding's id."""
        return {
            **{name: self._go(name) for name, number in NUMBERS.items() if number},
            "previous": self.view.previous,
            "up": self.step_up,
            "tab": lambda: self.mover.next_pane(1),
            "tab-back": lambda: self.mover.next_pane(-1),
            "full": self.mover.toggle_full,
            "mark": self.toggle_mark,
            "look-for": self._finder.open,
            "next-match": self.find_next,
            "previous-match": self.find_previous,
            "copy": self._taker.ask_copy,
            "export": self._taker.ask_export,
            "copy-selected": self._taker.copy_selected,
            "shell": self.view.lender.shell,
            "edit": self.view.lender.edit,
            "palette": self.cover.open_palette,
            "lift-rule": self.asker.lift,
            "help": self.view.help,
            "detach": self.view.detach,
            "redraw": self.redraw,
            "attend": self.view.attend,
            "merge": self.asker.merge,
            "pause": self.asker.pause,
            "kill": self.asker.kill,
            "retire": self.asker.retire,
            "rebase": self.asker.rebase,
            "tell": self.asker.tell,
            "undo": lambda: self.asker.turn_back("undo"),
            "away": self.asker.away,
            "stop-lab": self.asker.stop,
            "start-engine": self.start_engine,
            "redo": lambda: self.asker.turn_back("redo"),
        }

    def start_engine(self) -> None:
        """Start the engine of the lab, and say what came of it."""
        self.view.run_worker(start_engine(self), exclusive=True, group="start")

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""

    def target(self, scene: Scene) -> Target | None:
        """Return the candidate that a merge from this screen would take."""
        return None

    def marked_targets(self, scene: Scene) -> tuple[Target, ...]:
        """Return the marked candidates, in the order of the list."""
        return ()

    def marked_rows(self, scene: Scene) -> tuple[WorktreeRow, ...]:
        """Return the marked worktrees, or those of the marked candidates, in the order of the list."""
        return ()

    def leave(self) -> None:
        """Go one level up."""
        self.view.go("lab")

    def ring(self) -> Iterable[Pane]:
        """Return the panes that `tab` goes through, those that are hidden included."""
        return ()

    def under_cursor(self) -> object | None:
        """Return what `space` marks."""
        return None

    def copyable(self) -> dict[str, str]:
        """Return what `y` offers, by the letter: h hash, d diff, p path, m message, l log, t turn."""
        from tui import worth  # here: it reads transcripts, which the first paint does not

        return worth.of_worktrees(self.view, [self.view.selected])

    def listing(self) -> Listing | None:
        """Return what this screen lists, as a table; None where it lists nothing."""
        return None

    def exportable(self) -> dict[str, Maker]:
        """Return what `E` offers beside a picture of the screen, by the letter: m markdown, t tsv, j json, p png."""
        listing = self.listing()
        return makers(listing, self.NAME) if listing else {}

    def filter_by(self, text: str) -> None:
        """List only what holds `text`; nothing here unless a screen has a list that it may shorten."""

    def find(self, text: str) -> None:
        """Go to where `text` stands in the pane that has the focus."""
        self._finder.find(text)

    def find_next(self) -> None:
        """Go to the next match."""
        self._finder.again(1)

    def find_previous(self) -> None:
        """Go to the match before."""
        self._finder.again(-1)

    # Painting

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        for pane in self.panes():
            pane.takes_mouse = self.view.options.mouse
        yield from (self.bar, self.clock, self.strip, *self.panes(), self.keys, self.small, self.note)

    def painted(self) -> tuple[Pane, ...]:
        """Return all that has a place and is painted with the scene."""
        return self.bar, self.clock, self.strip, *self.panes(), self.keys, self.small

    def paint(self) -> None:
        """Show the view's newest scene."""
        if self._is_answering:
            return
        scene = self.view.scene
        self.bar.scene = self.small.scene = scene
        self.clock.now = scene.now
        self.strip.needs = tuple(need.text for need in scene.overview.needs)
        self.strip.headline = headline(scene.overview.speed, ascii_only=self.view.look.ascii)
        self.strip.alarm = alarm(scene, self.view.look.keys)
        self.strip.calm = calm(scene, self.view.look.keys)
        self.strip.notice = self.view.presence.absence
        self.show(scene)
        self.placer.stand()
        for pane in self.painted():
            pane.paint()

    def on_mount(self) -> None:
        """Use the theme's ground for what no pane covers."""
        if ground := self.view.look.ground:
            self.styles.background = ground

    def on_resize(self, event: events.Resize) -> None:
        """Stand right at the new size."""
        self.placer.forget()
        self.paint()

    def on_screen_resume(self) -> None:
        """Be current when shown again."""
        self.paint()

    def redraw(self) -> None:
        """Send the whole screen again: a terminal may have been written over."""
        self.refresh(layout=True)
        self.view.refresh()

    def say(self, text: str) -> None:
        """Answer the last key in the strip, for a few seconds."""
        self.teller.say(text)

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Do what the table says of a key, or say why not."""
        event.stop()
        event.prevent_default()
        key = event.character if event.is_printable and event.character else event.key
        if over := self.cover.top:
            over.press(key)
            return
        binding = bindings.find(self.NAME, key, self.view.table)
        self._is_answering = True
        try:
            if binding is None:
                self.say(f"{key} does nothing here; {self.view.look.keys['help']} lists the keys")
            else:
                self.do(binding)
        finally:
            self._is_answering = False
        self.view.presence.touched()

    def do(self, binding: Binding) -> None:
        """Do what a binding says, or say why not."""
        if reason := binding.disabled(self.situation()):
            self.say(reason)
        else:
            self.say("")
            self.actions()[binding.id]()

    def on_click(self, event: events.Click) -> None:
        """Give the focus to the pane that was clicked."""
        at = (event.screen_x, event.screen_y)
        under = next((pane for pane in self.ring() if pane.display and pane.region.contains(*map(int, at))), None)
        if under and not self.cover.top:
            self.mover.focus_on(under)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move as `j` does, faster."""
        self._wheel("down")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move as `k` does, faster."""
        self._wheel("above")

    def _wheel(self, name: str) -> None:
        if not self.cover.top:
            move = self.actions()[name]
            for _ in range(WHEEL):
                move()

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text where text is asked for, and nowhere else: what it spells could be keys."""
        event.stop()
        over = self.cover.top
        if isinstance(over, TextLine | Sheet):
            over.insert(event.text)

    def situation(self) -> Situation:
        """Return what permissions depend on."""
        scene = self.view.scene
        return Situation(
            state=scene.state,
            overview=scene.overview,
            row=scene.row(self.view.selected),
            target=self.target(scene),
            engine_alive=scene.live.engine_alive,
            readonly=self.view.options.readonly,
            marked=self.marked_targets(scene),
            marked_rows=self.marked_rows(scene),
        )

    def _go(self, name: str) -> Action:
        return lambda: self.view.go(name)

    def step_up(self) -> None:
        """Close the full screen, else end the search, else go one level up."""
        if self.mover.is_full:
            self.mover.toggle_full()
        elif not self._finder.end():
            self.leave()

    def toggle_mark(self) -> None:
        """Mark what is under the cursor, or unmark it."""
        if (thing := self.under_cursor()) is None:
            self.say("there is nothing to mark")
            return
        self.marks ^= {thing}
        self.paint()
        self.say(f"{len(self.marks)} marked: the next action takes all of them" if self.marks else "nothing is marked")

    def spend_marks(self) -> None:
        """Forget what was marked: an action has taken it."""
        self.marks.clear()
        self.paint()

    # What is asked

    def on_sheet_closed(self, event: Sheet.Closed) -> None:
        """Take the sheet away and tell what came of it."""
        self.cover.drop(Sheet)
        self.view.look_again()
        if event.is_yes:
            self.spend_marks()
        self.paint()
        self.say(event.said)
        if event.reads is not None:
            self.view.read_candidate(event.reads)
