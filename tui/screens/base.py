"""What do all screens share? Title, strip and key line, the dispatch of keys by the one table, sheets, the text line.

A screen gives its panes, their places, and one function for each binding of its own. It paints what the scene says and
passes what a person wants on to the view; it never changes the lab by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.screen import Screen

from tui import bindings, layout
from tui import format as fmt
from tui.bindings import Situation, Target
from tui.follow import Scene
from tui.sheets import merge, undo
from tui.sheets.entry import Entry
from tui.sheets.sheet import Question, Sheet
from tui.widgets.bars import Clock, KeyLine, Strip, TitleBar, key_rows
from tui.widgets.pane import Pane
from tui.widgets.small import SmallPane

if TYPE_CHECKING:
    from tui.view import View

ANSWER_S = 6.0
"""How long the answer to a key stands in the strip."""

CLOCK = 9
"""Cells of the clock at the right end of a wide title."""

Action = Callable[[], None]


class BaseScreen(Screen[None], inherit_bindings=False):
    """A screen of the view."""

    NAME: ClassVar[str]
    AUTO_FOCUS = None
    DEFAULT_CSS = "BaseScreen { layers: base sheet; overflow: hidden; }"

    def __init__(self, view: View) -> None:
        super().__init__(name=self.NAME)
        self.view = view
        look = view.look
        self.bar = TitleBar(look, self.NAME)
        self.clock = Clock(look)
        self.strip = Strip(look)
        self.keys = KeyLine(look, self.NAME)
        self.small = SmallPane(look)
        self.sheet: Sheet | None = None
        self.entry: Entry | None = None
        self._places: Mapping[str, Region] = {}
        self._answered = 0

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
            **{name: self._go(name) for name in ("lab", "worktree", "queue", "report", "events")},
            "previous": self.view.previous,
            "up": self.leave,
            "help": self.view.help,
            "detach": self.view.detach,
            "redraw": self.redraw,
            "attend": self.view.attend,
            "merge": self.ask_merge,
            "undo": lambda: self.open_sheet(undo.question),
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""

    def target(self, scene: Scene) -> Target | None:
        """Return the candidate that a merge from this screen would take."""
        return None

    def leave(self) -> None:
        """Go one level up."""
        self.view.go("lab")

    # Painting

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield from (self.bar, self.clock, self.strip, *self.panes(), self.keys, self.small)

    def paint(self) -> None:
        """Show the view's newest scene."""
        scene = self.view.scene
        self.bar.scene = self.small.scene = scene
        self.clock.now = scene.now
        self.strip.needs = tuple(need.text for need in scene.overview.needs)
        self.strip.alarm = alarm(scene)
        self.strip.calm = "nothing needs you" if scene.state.seq else "nothing is running yet"
        self.show(scene)
        self.stand()
        for pane in (self.bar, self.clock, self.strip, self.keys, self.small, *self.panes()):
            pane.paint()

    def stand(self) -> None:
        """Give every pane its place for the screen's size and the scene."""
        width, height = self.size
        places = self._placed(width, height) if width else self._places
        if places == self._places:
            return
        self._places = places
        for pane in (self.bar, self.clock, self.strip, *self.panes(), self.keys, self.small):
            pane.place(places.get(pane.id or ""))
        for over in (self.sheet, self.entry):
            if over:
                over.fit_into(width, height)

    def on_resize(self, event: events.Resize) -> None:
        """Stand right at the new size."""
        self._places = {}
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
        self.strip.answer = text
        self._answered += 1
        self.strip.paint()
        if text:
            mine = self._answered
            self.set_timer(ANSWER_S, lambda: self.say("") if mine == self._answered else None)

    def _placed(self, width: int, height: int) -> Mapping[str, Region]:
        if layout.is_small(width, height):
            return {"small": Region(0, 0, width, height)}
        keys = key_rows(Size(width, height))
        clock = CLOCK if width >= layout.WIDE else 0
        places = {
            "title": Region(0, 0, width - clock, 1),
            "strip": Region(0, 1, width, 1),
            "keys": Region(0, height - keys, width, keys),
        }
        if clock:
            places["clock"] = Region(width - clock, 0, clock, 1)
        inside = self.places(width, height - 2 - keys)
        return places | {name: region.translate((0, 2)) for name, region in inside.items()}

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Do what the table says of a key, or say why not."""
        event.stop()
        event.prevent_default()
        key = event.character if event.is_printable and event.character else event.key
        if over := self.sheet or self.entry:
            over.press(key)
            return
        binding = bindings.find(self.NAME, key)
        if binding is None:
            self.say(f"{key} does nothing here; ? lists the keys")
        elif reason := binding.disabled(self.situation()):
            self.say(reason)
        else:
            self.say("")
            self.actions()[binding.id]()

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text where text is asked for, and nowhere else: what it spells could be keys."""
        event.stop()
        if self.entry:
            self.entry.insert(event.text)

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
        )

    def _go(self, name: str) -> Action:
        return lambda: self.view.go(name)

    # Sheets

    def ask_merge(self) -> None:
        """Ask before merging this screen's target."""
        if target := self.target(self.view.scene):
            self.open_sheet(lambda scene: merge.question(scene, target.experiment))

    def open_sheet(self, ask: Callable[[Scene], Question]) -> None:
        """Put a question over this screen."""
        view = self.view
        self.sheet = Sheet(view.look, ask=ask, fresh=view.look_again, send=view.command, clock=view.monotonic)
        self.mount(self.sheet)
        self.sheet.fit_into(*self.size)

    def on_sheet_closed(self, event: Sheet.Closed) -> None:
        """Take the sheet away and tell what came of it."""
        if self.sheet:
            self.sheet.remove()
            self.sheet = None
        self.view.look_again()
        self.paint()
        self.say(event.said)
        if event.wants_diff:
            self.read_first()

    def read_first(self) -> None:
        """Open the diff of what the sheet asked about."""
        if target := self.target(self.view.scene):
            self.view.read_candidate(target.experiment)

    # The text line

    def open_entry(self) -> None:
        """Ask for a line of text for the selected worktree's agent."""
        name = self.view.selected
        self.entry = Entry(self.view.look, name, self.view.unsent.pop(name, ""))
        self.mount(self.entry)
        self.entry.fit_into(*self.size)

    def on_entry_closed(self, event: Entry.Closed) -> None:
        """Take the line away and send what it holds."""
        if self.entry:
            self.entry.remove()
            self.entry = None
        self.paint()
        if event.text:
            self.view.tell(event.worktree, event.text)
        else:
            self.say("nothing was sent")

    def on_mount(self) -> None:
        """Use the theme's ground for what no pane covers."""
        if ground := self.view.look.ground:
            self.styles.background = ground


def alarm(scene: Scene) -> str:
    """Return why the screen cannot be trusted to be current, and what to do; empty when it can."""
    if scene.trouble:
        return scene.trouble
    if scene.live.engine_alive:
        return ""
    if scene.state.engine is None:
        return "" if not scene.state.seq else "the engine has not started here. Start it: nightlab start"
    if scene.state.engine.stopped is not None:
        return f"The engine stopped at {fmt.clock(scene.state.engine.stopped)}. Start it: nightlab start"
    last = fmt.clock(scene.last_sign or scene.state.at)
    return f"The engine is not running (last sign {last}). Start it: nightlab start"
