"""What do all screens share? Title, strip and key line, the dispatch of keys by the one table, what lies over a screen.

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

from agentcore import undoing
from agentcore.away import used
from tui import bindings, layout
from tui import format as fmt
from tui.attention import Call
from tui.bindings import Binding, Situation, Target
from tui.exporting import Listing, Maker, makers
from tui.follow import Scene
from tui.lines import Line
from tui.screens.finding import Finder
from tui.screens.taking import Taker
from tui.sheets import away, kill, lift, merge, undo
from tui.sheets.entry import Entry
from tui.sheets.form import Asking, Field, Form
from tui.sheets.menu import Menu
from tui.sheets.palette import Choice, Palette
from tui.sheets.sheet import Question, Sheet
from tui.sheets.typing import TextLine
from tui.widgets.bars import NUMBERS, Clock, KeyLine, Strip, TitleBar, headline, key_rows
from tui.widgets.note import NoteLine
from tui.widgets.pane import ListPane, Pane, TextPane
from tui.widgets.small import SmallPane

if TYPE_CHECKING:
    from tui.view import View

ANSWER_S = 6.0
"""How long the answer to a key stands in the strip."""

WHEEL = 3
"""Lines that a notch of the mouse's wheel moves."""

FAR = 1_000_000
"""More lines than any list or text has."""

CLOCK = 9
"""Cells of the clock at the right end of a wide title."""

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
        self.sheet: Sheet | None = None
        self.entry: Entry | None = None
        self.over: TextLine | Menu | None = None
        """What else takes the keys just now: the palette, a menu, the line that is looked for."""
        self.marks: set[object] = set()
        """What is marked: an action that can take several takes all of it."""
        self.is_full = False
        """Whether the pane that has the focus takes the whole screen."""
        self._finder, self._taker = Finder(self), Taker(self)
        self._places: Mapping[str, Region] = {}
        self._answered = self._noted = 0
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
            "tab": lambda: self.next_pane(1),
            "tab-back": lambda: self.next_pane(-1),
            "full": self.toggle_full,
            "mark": self.toggle_mark,
            "look-for": self._finder.open,
            "next-match": self.find_next,
            "previous-match": self.find_previous,
            "copy": self._taker.ask_copy,
            "export": self._taker.ask_export,
            "copy-selected": self._taker.copy_selected,
            "shell": self.view.shell,
            "edit": self.view.edit,
            "palette": self.open_palette,
            "lift-rule": self.ask_lift,
            "help": self.view.help,
            "detach": self.view.detach,
            "redraw": self.redraw,
            "attend": self.view.attend,
            "merge": self.ask_merge,
            "undo": lambda: self._turn_back("undo"),
            "away": self._away,
            "redo": lambda: self._turn_back("redo"),
        }

    def show(self, scene: Scene) -> None:
        """Hand the scene to the panes."""

    def target(self, scene: Scene) -> Target | None:
        """Return the candidate that a merge from this screen would take."""
        return None

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

    def paint(self) -> None:
        """Show the view's newest scene."""
        if self._is_answering:
            return
        scene = self.view.scene
        self.bar.scene = self.small.scene = scene
        self.clock.now = scene.now
        self.strip.needs = tuple(need.text for need in scene.overview.needs)
        self.strip.headline = headline(scene.overview.speed, ascii_only=self.view.look.ascii)
        self.strip.alarm = alarm(scene)
        self.strip.calm = calm(scene)
        self.strip.notice = self.view.absence
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
        self.note.hide()
        for over in (self.sheet, self.entry, self.over):
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

    def announce(self, call: Call) -> None:
        """Tell a piece of news for a few seconds: in the strip where the screen is narrow, else above the keys."""
        if self.size.width >= layout.MEDIUM:
            self.tell_note(call.line)
        elif self.is_calm:
            self.say(call.text)

    @property
    def is_calm(self) -> bool:
        """True while nothing lies over the screen and nothing is being told."""
        return not (self.sheet or self.entry or self.over or self.strip.answer or self.note.line)

    def tell_note(self, line: Line, *, right: bool = True) -> None:
        """Say something over the lowest line above the keys, for a few seconds; never over a sheet."""
        width, height = self.size
        if self.sheet or self.entry or self.over or layout.is_small(width, height):
            return
        self.note.show(line, width=width, bottom=height - key_rows(self.size), right=right)
        self._noted += 1
        mine = self._noted
        self.set_timer(ANSWER_S, lambda: self.note.hide() if mine == self._noted else None)

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
        if self.is_full and (pane := self.focused_pane) and pane.id:
            inside = layout.whole(width, height - 2 - keys, pane.id)
        return places | {name: region.translate((0, 2)) for name, region in inside.items()}

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Do what the table says of a key, or say why not."""
        event.stop()
        event.prevent_default()
        key = event.character if event.is_printable and event.character else event.key
        if over := self.sheet or self.entry or self.over:
            over.press(key)
            return
        binding = bindings.find(self.NAME, key, self.view.table)
        self._is_answering = True
        try:
            if binding is None:
                self.say(f"{key} does nothing here; ? lists the keys")
            else:
                self.do(binding)
        finally:
            self._is_answering = False
        self.view.touched()

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
        if under and not (self.sheet or self.entry or self.over):
            self.focus_on(under)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move as `j` does, faster."""
        self._wheel("down")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move as `k` does, faster."""
        self._wheel("above")

    def _wheel(self, name: str) -> None:
        if not (self.sheet or self.entry or self.over):
            move = self.actions()[name]
            for _ in range(WHEEL):
                move()

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text where text is asked for, and nowhere else: what it spells could be keys."""
        event.stop()
        line = self.sheet or self.entry or self.over
        if isinstance(line, TextLine | Sheet):
            line.insert(event.text)

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

    def step_up(self) -> None:
        """Close the full screen, else end the search, else go one level up."""
        if self.is_full:
            self.toggle_full()
        elif not self._finder.end():
            self.leave()

    # The focus

    def moving(self, move: Callable[[int], None], main: ListPane) -> dict[str, Action]:
        """Return what the moving keys do on a screen whose `main` list is moved by `move`.

        Where `tab` gave the focus to another pane, that is scrolled instead.
        """

        def by(delta: int) -> None:
            pane = self.focused_pane
            if isinstance(pane, TextPane):
                pane.scroll_by(delta)
            elif pane is main or not isinstance(pane, ListPane):
                move(delta)
            else:
                pane.move(delta)

        def page(direction: int) -> None:
            pane = self.focused_pane
            by(direction * max(1, (pane if isinstance(pane, TextPane) else main).inner()[1] // 2))

        return {
            "down": lambda: by(1),
            "above": lambda: by(-1),
            "first": lambda: by(-FAR),
            "last": lambda: by(FAR),
            "page-down": lambda: page(1),
            "page-up": lambda: page(-1),
        }

    @property
    def focused_pane(self) -> Pane | None:
        """The pane that the moving keys mean: the one with the heavy frame, else the first list or text."""
        placed = [pane for pane in self.panes() if pane.id and (self.is_full or pane.id in self._places)]
        heavy = [pane for pane in placed if pane.heavy]
        return next(iter((*heavy, *(pane for pane in placed if isinstance(pane, ListPane | TextPane)))), None)

    def next_pane(self, step: int) -> None:
        """Give the focus to the next pane of the ring."""
        ring = [pane for pane in self.ring() if pane.id in self._places or self.is_full]
        if len(ring) < 2:
            self.say("there is one pane here")
            return
        now = self.focused_pane
        at = ring.index(now) if now in ring else 0
        self.focus_on(ring[(at + step) % len(ring)])

    def focus_on(self, chosen: Pane) -> None:
        """Give the focus to a pane."""
        for pane in self.ring():
            pane.heavy = pane is chosen
        self.paint()
        self.say(f"keys move {chosen.id}; tab: the next pane   f: full screen")

    def toggle_full(self) -> None:
        """Give the whole screen to the pane that has the focus, or take it back."""
        if not (self.is_full or self.focused_pane):
            self.say("there is no pane to enlarge")
            return
        self.is_full = not self.is_full
        self.paint()

    def toggle_mark(self) -> None:
        """Mark what is under the cursor, or unmark it."""
        if (thing := self.under_cursor()) is None:
            self.say("there is nothing to mark")
            return
        self.marks ^= {thing}
        self.paint()
        self.say(f"{len(self.marks)} marked: y copies all of them" if self.marks else "nothing is marked")

    # What lies over the screen

    def lay_over(self, over: TextLine | Menu) -> None:
        """Let something take the keys until it is lifted."""
        self.note.hide()
        self.over = over
        self.mount(over)
        over.fit_into(*self.size)

    def lift_over(self) -> None:
        """Take away what was laid over the screen."""
        if self.over:
            self.over.remove()
            self.over = None
        self.paint()

    def open_palette(self) -> None:
        """Offer every action by name: those of this screen first."""
        situation = self.situation()
        here = list(bindings.on_screen(self.NAME, self.view.table))
        choices = [Choice(each, each.disabled(situation)) for each in here if each.id != "palette"]
        elsewhere = (each for each in self.view.table if each not in here)
        choices += [Choice(each, f"on screen {bindings.where(each)}") for each in elsewhere]
        self.lay_over(Palette(self.view.look, choices=choices, close=self._chose))

    def _chose(self, binding: Binding | None) -> None:
        self.lift_over()
        if binding:
            self.do(binding)

    # Sheets

    def ask_lift(self) -> None:
        """Ask before the rule is lifted that holds the selected candidate, else the first BLOCKED one."""
        if number := bindings.blocked(self.situation()):
            self.open_sheet(lambda scene: lift.question(scene, number))

    def ask_merge(self) -> None:
        """Ask before merging this screen's target."""
        if target := self.target(self.view.scene):
            self.open_sheet(lambda scene: merge.question(scene, target.experiment, self.view.change_of))

    def _turn_back(self, verb: undo.Verb) -> None:
        """Undo or redo: ask where trunk, a branch or a folder is touched, else do it at once."""
        action = undo.chosen(self.view.scene.state, verb)
        if action is not None and undoing.asks(action):
            self.open_sheet(lambda scene: undo.question(scene, verb))
        elif action is not None:
            self.view.ask(verb, {"expect": {"action": action.seq}})

    def _away(self) -> None:
        """Leave the lab alone, or come back."""
        if self.view.scene.state.away is None:
            self.open_form(away.fields(self.view.scene), away.asking(self.view.paths))
        else:
            self.view.ask("back", {})

    def ask_retire(self) -> None:
        """Ask before the selected worktree is retired; by its name where work in it is in no commit."""
        from tui.sheets import retire  # here: it reads the folder by git, which the first paint need not wait for

        name = self.view.selected
        if retire.is_loose(self.view.scene, name, self.view.paths):
            self.open_form(retire.fields(), retire.asking(name))
        else:
            self.open_sheet(lambda scene: retire.question(scene, name))

    def ask_kill(self) -> None:
        """Ask before the selected worktree's run is ended."""
        name = self.view.selected
        self.open_sheet(lambda scene: kill.question(scene, name))

    def open_sheet(self, ask: Callable[[Scene], Question]) -> None:
        """Put a question over this screen."""
        view = self.view
        self._put(Sheet(view.look, ask=ask, fresh=view.look_again, send=view.command, clock=view.monotonic))

    def open_form(self, fields: tuple[Field, ...], ask: Asking) -> None:
        """Put a question over this screen whose first facts can be changed."""
        view, look = self.view, self.view.look
        self._put(Form(look, fields=fields, ask=ask, fresh=view.look_again, send=view.command, clock=view.monotonic))

    def _put(self, sheet: Sheet) -> None:
        self.note.hide()
        self.sheet = sheet
        self.mount(sheet)
        sheet.fit_into(*self.size)

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


def calm(scene: Scene) -> str:
    """Return what the strip says where nothing needs a person."""
    away = scene.state.away
    if away is None:
        quiet = "nothing needs you" if scene.state.seq else "nothing is running yet"
        return "    ".join(scene.overview.notes) or quiet
    if away.over:
        return f"away is over: {away.over}; nothing new starts. A: back"
    money = "" if away.usd is None else f", {fmt.money(used(scene.state, away))} of {fmt.money(away.usd)} used"
    until = "" if away.until is None else f" until {fmt.clock(away.until)}"
    return f"away{until}{money}, merges {'by the gate' if away.merge == 'gate' else 'wait for you'}. A: back"


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
