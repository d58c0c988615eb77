"""The view of one lab: it reads, it paints, it passes a person's decisions to the engine, and it can leave at any time.

Nothing stops when it closes. It holds what the screens share (the newest scene, what is selected), its own life (the
poll timer, the signals), and where one can go. A part each has what is read beside the journal, what is sent to the
engine, who gets the terminal, how a person is called, and when one was here last.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual.app import App

from agentcore.overview.observer import Observer
from tui.bindings import names
from tui.calling import Caller
from tui.follow import Follower, Scene
from tui.lending import Lender
from tui.options import ViewOptions
from tui.presence import Presence
from tui.reading import Reading
from tui.screens import catalogue
from tui.screens.base import BaseScreen
from tui.screens.change import BASES, base_of
from tui.sending import Sender
from tui.sources import Source
from tui.theme import Theme
from worktrees.layout import LabPaths

if TYPE_CHECKING:
    from agentcore.project.checkup import Check
    from tui.screens.experiment import ExperimentScreen
    from tui.screens.queue import QueueScreen
    from tui.screens.reader import ReaderScreen

POLL_S = 0.4
"""How often the journal is asked for news; everything else is read once a second."""

PAUSES = 2
"""Beats that are left out after one that found news: the first is seen at once, and a lab where something happens all
the time is painted once in three beats."""

AWAY_POLL_S = 5.0
"""The same while the terminal says that nobody looks."""

SIGNALS = {signal.SIGTERM: 143, signal.SIGHUP: 129}


class View(App[None], inherit_bindings=False):
    """The app. Screens come and go; this stays."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: transparent; }"

    def __init__(
        self,
        paths: LabPaths,
        options: ViewOptions,
        look: Theme,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        env: Mapping[str, str] | None = None,
        examine: Callable[[], Iterable[Check]] | None = None,
        start: Callable[[], int] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`examine` looks at this machine, in a thread, where nothing has run yet; `start` starts the lab's engine;
        `observer` sees the lab.
        """
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self.paths, self.options = paths, options
        own = names(options.table)
        self.look = look = look if own == look.keys else replace(look, keys=own)
        self.clock, self.monotonic = clock, monotonic
        self.env = env or {}
        """The environment as it was before the toolkit changed it; children get it."""
        self.table = options.table
        """The keys: as shipped, as somebody keyed them, without those that this terminal cannot serve."""
        self.follower = Follower(observer or Observer(paths), clock(), options.refresh_s)
        self.fault = ""
        """The traceback of what ended the view; empty while it is well."""
        self.selected = ""
        """The worktree that all screens mean."""
        self.base = BASES[0]
        """What its change is shown against."""
        self.checks: tuple[Check, ...] | None = None if examine else ()
        """What was found on this machine; None while it is being looked at."""
        self._examine, self.start_engine = examine, start
        self._poll_s = max(POLL_S, options.refresh_s) if options.refresh_s > 1 else POLL_S
        self._pauses = 0
        self._previous = "lab"
        self._attended = -1
        self.reading, self.presence = Reading(self), Presence(self)
        self.sender, self.lender, self._caller = Sender(self), Lender(self), Caller(self)

    @property
    def scene(self) -> Scene:
        """The newest scene."""
        return self.follower.scene

    @property
    def front(self) -> BaseScreen | None:
        """The screen that is looked at; None while help covers it or nothing is up yet."""
        screen = self.screen_stack[-1] if self.screen_stack else None
        return screen if isinstance(screen, BaseScreen) else None

    # Life

    def on_mount(self) -> None:
        """Read the lab once, show screen 1, then start what keeps it current."""
        if not (self._driver and self._driver.can_suspend):
            self.table = tuple(binding for binding in self.table if not binding.suspends)
        self._look_first()
        self.presence.arrive()
        self.push_screen(self.screen_of("lab"))
        self._timer = self.set_interval(self._poll_s, self.beat)
        self.reading.start()
        if self._examine and not self.scene.overview.rows:
            self.run_worker(self.look_at_machine(), name="first look")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number, code in SIGNALS.items():  # Textual alone leaves the terminal raw on these
                loop.add_signal_handler(number, self.exit, None, code)

    async def look_at_machine(self) -> None:
        """Find out what this machine has for a lab."""
        if self._examine:
            self.checks = tuple(await asyncio.to_thread(self._examine))
            self.paint()

    def _look_first(self) -> None:
        """Read what the lab has been so far. None of it is ever garbage: it would only be searched again and again."""
        gc.disable()
        self.look_again()
        gc.freeze()
        gc.enable()

    def beat(self) -> None:
        """Look for news, and where there was some, rest."""
        if self._pauses:
            self._pauses -= 1
            return
        before = self.scene.state
        self.tick()
        if self.scene.state is not before and self._poll_s == POLL_S:
            self._pauses = PAUSES

    def tick(self) -> None:
        """Read what is new and paint it."""
        if self.follower.poll(self.clock()):
            self._took_scene()
            self.paint()
        self.reading.follow_files()

    def look_again(self) -> Scene:
        """Read what is new at once, without waiting for the next tick."""
        self.follower.poll(self.clock())
        self._took_scene()
        return self.scene

    def paint(self) -> None:
        """Paint the screen that is looked at."""
        if front := self.front:
            front.paint()

    def on_app_blur(self) -> None:
        """Look less often while nobody looks."""
        self._poll_every(AWAY_POLL_S)

    def on_app_focus(self) -> None:
        """Be current again."""
        self._poll_every(self._poll_s)
        self.tick()

    def _poll_every(self, seconds: float) -> None:
        self._timer.stop()
        self._timer = self.set_interval(seconds, self.beat)

    def _took_scene(self) -> None:
        names = [row.worktree for row in self.scene.overview.rows]
        if self.selected not in names:
            self.selected = names[0] if names else ""
        self.reading.want_diff()
        self._caller.listen()

    # Going about

    def screen_of(self, name: str) -> BaseScreen:
        """Return the screen of that name; it is made when it is first asked for."""
        if not self.is_screen_installed(name):
            self.install_screen(catalogue.make(self, name), name)
        found = self.get_screen(name)
        assert isinstance(found, BaseScreen), "no other screens are installed"
        return found

    def go(self, name: str) -> None:
        """Show the screen `name`."""
        front = self.front
        if front is None or front.NAME == name:
            return
        self._previous = front.NAME
        self.switch_screen(self.screen_of(name))

    def previous(self) -> None:
        """Show the screen before this one."""
        self.go(self._previous)

    def help(self) -> None:
        """Show every key and word of this screen."""
        from tui.help import HelpScreen

        if front := self.front:
            self.push_screen(HelpScreen(self, front.NAME))

    def select(self, worktree: str) -> None:
        """Mean `worktree` from now on."""
        self.selected = worktree
        self.reading.want_diff()
        self.reading.follow_files()
        self.paint()

    def next_base(self) -> None:
        """Show its change against the next of `BASES`."""
        self.base = BASES[(BASES.index(self.base) + 1) % len(BASES)]
        self.reading.want_diff()
        self.paint()
        worktree = self.scene.state.worktrees.get(self.selected)
        if worktree and (front := self.front):
            front.say(f"the change is shown against {base_of(self.scene.state, worktree, self.base)[1]} ({self.base})")

    def read_worktree(self) -> None:
        """Show the selected worktree's diff and nothing else."""
        self.read_experiments(())

    def read_candidate(self, experiment: int) -> None:
        """Show a candidate's change and nothing else."""
        self.read_experiments((experiment,))

    def read_experiments(self, numbers: tuple[int, ...]) -> None:
        """Show the change of one experiment, or from one's tree to another's, and nothing else."""
        cast("ReaderScreen", self.screen_of("diff")).read(numbers)
        self.go("diff")

    def read_texts(self, base: int) -> None:
        """Show how the researcher's texts have changed since version `base`, and nothing else."""
        cast("ReaderScreen", self.screen_of("diff")).read((), base)
        self.go("diff")

    def open_experiments(self, numbers: Sequence[int]) -> None:
        """Show all that is known of one experiment, or of two beside each other."""
        screen = cast("ExperimentScreen", self.screen_of("experiment"))
        screen.numbers = tuple(numbers)
        screen.opened_from = self.front.NAME if self.front else screen.opened_from
        self.go("experiment")

    def attend(self) -> None:
        """Go to the next thing that needs a person: its worktree, its candidate, else the events."""
        needs = self.scene.overview.needs
        self._attended = (self._attended + 1) % len(needs)
        need = needs[self._attended]
        if need.worktree:
            self.go("lab")
            self.select(need.worktree)
        elif need.experiment is not None:
            self.visit(Source("queue", experiment=need.experiment))
        else:
            self.go("events")
        if front := self.front:
            front.say(need.text)

    def visit(self, place: Source) -> None:
        """Show where something comes from."""
        if place.screen == "experiment" and place.experiment is not None:
            self.open_experiments([place.experiment])
            return
        self.go(place.screen)
        if place.worktree:
            self.select(place.worktree)
        if place.experiment is not None:
            cast("QueueScreen", self.screen_of("queue")).select(place.experiment)
        self.paint()

    # The terminal

    def send_raw(self, sequence: str) -> None:
        """Send the terminal a sequence that paints nothing."""
        if self._driver and not self.is_headless:
            self._driver.write(sequence)

    def detach(self) -> None:
        """Close the view; all work goes on."""
        self.exit(return_code=0)

    def _fatal_error(self) -> None:
        """Keep the traceback for when the terminal is a terminal again, and end."""
        self.fault = "".join(traceback.format_exception(self._exception)) if self._exception else "no cause is known"
        self._close_messages_no_wait()
