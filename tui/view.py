"""The view of one lab: it reads, it paints, it passes a person's decisions to the engine, and it can leave at any time.

Nothing stops when it closes. It holds what the screens share (the newest scene, what is selected) and the few things
that touch the world: the poll timer, the file watcher, the engine's socket, the bell, the terminal's title.
"""

from __future__ import annotations

import asyncio
import gc
import shlex
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.app import App

from agentcore.absence import began, is_absence
from agentcore.control import Answer, Command, EngineUnreachable, ask
from agentcore.curve import newest_run, rival
from agentcore.effects import ends
from agentcore.presence import last_key, touch
from tui import attention, hints, lending
from tui import format as fmt
from tui.curves import Curves
from tui.follow import Follower, Scene
from tui.live import AgentSteps, Changes, LiveDiff, RunLog
from tui.options import ViewOptions
from tui.screens.base import BaseScreen
from tui.screens.change import BASES, base_of
from tui.screens.directions import DirectionsScreen
from tui.screens.events import EventsScreen
from tui.screens.experiment import ExperimentScreen
from tui.screens.lab import LabScreen
from tui.screens.queue import QueueScreen
from tui.screens.reader import ReaderScreen
from tui.screens.report import ReportScreen
from tui.screens.results import ResultsScreen
from tui.screens.retest import RetestScreen
from tui.screens.worktree import WorktreeScreen
from tui.sources import Source
from tui.theme import Theme
from worktrees.layout import LabPaths

if TYPE_CHECKING:
    from agentcore.checkup import Check
    from agentcore.report import Report
    from worktrees.diff import Diff

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
    ) -> None:
        """`examine` looks at this machine, in a thread, where nothing has run yet."""
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self.paths, self.options, self.look = paths, options, look
        self.clock, self.monotonic = clock, monotonic
        self.env = env or {}
        """The environment as it was before the toolkit changed it; children get it."""
        self.table = options.table
        """The keys: as shipped, as somebody keyed them, without those that this terminal cannot serve."""
        self.follower = Follower(paths, clock(), options.refresh_s)
        self.live = LiveDiff(self.follower.observer, self.paint)
        self.run_log = RunLog(self.paint)
        self.steps = AgentSteps(self.paint)
        self.curves = Curves(self.paint)
        self.fault = ""
        """The traceback of what ended the view; empty while it is well."""
        self.selected = ""
        """The worktree that all screens mean."""
        self.base = BASES[0]
        """What its change is shown against."""
        self.unsent: dict[str, str] = {}
        """What was to be said to a worktree's agent and did not reach the engine: `i` offers it again."""
        self.checks: tuple[Check, ...] | None = None if examine else ()
        """What was found on this machine; None while it is being looked at."""
        self._examine = examine
        self.report: Report | None = None
        """What happened since somebody was here last; None until it was looked up."""
        self._ear = attention.Ear()
        self._hinted = hints.known(paths.hints) if options.hints else set(hints.WORDS)
        self._poll_s = max(POLL_S, options.refresh_s) if options.refresh_s > 1 else POLL_S
        self._pauses = 0
        self._title_shown = ""
        self._previous = "lab"
        self._attended = -1
        self._runs: tuple[int | None, int | None] = (None, None)
        self._runs_of = (-1, "")
        """The state, by its number, and the worktree that these are of: to look for them goes through all runs."""
        self._changes = Changes(paths.root, self.paint, self.run_worker)
        self._reader: ReaderScreen | None = None
        self._touched: float | None = None
        self._absent: tuple[float, float] | None = None
        """When nobody was here last: the report tells of the time since, and `8` draws a line there."""
        self._has_looked = True

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
        self._reader = ReaderScreen(self)
        own = (
            LabScreen,
            WorktreeScreen,
            QueueScreen,
            ResultsScreen,
            RetestScreen,
            DirectionsScreen,
            ReportScreen,
            EventsScreen,
            ExperimentScreen,
        )
        for screen in (*(kind(self) for kind in own), self._reader):
            self.install_screen(screen, screen.NAME)
        self._look_first()
        self._arrive()
        self.push_screen("lab")
        self._timer = self.set_interval(self._poll_s, self.beat)
        self.run_worker(self.live.run(), name="live diff")
        self.run_worker(self.run_log.run(), name="run log")
        self.run_worker(self.steps.run(), name="agent steps")
        self.run_worker(self.curves.run(), name="curves")
        if self._examine and not self.scene.overview.rows:
            self.run_worker(self._look_at_machine(self._examine), name="first look")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number, code in SIGNALS.items():  # Textual alone leaves the terminal raw on these
                loop.add_signal_handler(number, self.exit, None, code)

    async def _look_at_machine(self, examine: Callable[[], Iterable[Check]]) -> None:
        self.checks = tuple(await asyncio.to_thread(examine))
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
        self.follow_files()

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
        scene = self.scene
        names = [row.worktree for row in scene.overview.rows]
        if self.selected not in names:
            self.selected = names[0] if names else ""
        self._want_diff()
        self._ear, calls, rings = attention.listen(self._ear, scene)
        if rings and self.options.bell:
            self.bell()
        for call in calls:
            if self.options.osc9 and call.level != "news":
                self.send_raw(attention.desktop(call, in_tmux=bool(self.env.get("TMUX"))))
        title = attention.title(scene, ascii_only=self.look.ascii)
        if title != self._title_shown and self.options.title:
            self._title_shown = title
            self.send_raw(f"\x1b]2;{title}\x07")
        if (front := self.front) and calls:
            front.teller.announce(calls[-1])
        elif front:
            self._hint(front)

    def _hint(self, front: BaseScreen) -> None:
        """Tell a newcomer one of the things that nobody guesses, once."""
        if front.teller.is_calm and (name := hints.due(self.scene, self._hinted)):
            self._hinted.add(name)
            hints.remember(self.paths.hints, self._hinted)
            front.teller.note(((hints.words(name, self.table), "bold"),), right=False)

    def _want_diff(self) -> None:
        worktree = self.scene.state.worktrees.get(self.selected)
        if worktree:
            self.live.want(worktree.name, base_of(self.scene.state, worktree, self.base)[0])

    # Going about

    def go(self, name: str) -> None:
        """Show the screen `name`."""
        front = self.front
        if front is None or front.NAME == name:
            return
        self._previous = front.NAME
        self.switch_screen(name)

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
        self._want_diff()
        self.follow_files()
        self.paint()

    def next_base(self) -> None:
        """Show its change against the next of `BASES`."""
        self.base = BASES[(BASES.index(self.base) + 1) % len(BASES)]
        self._want_diff()
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
        if self._reader:
            self._reader.experiments = numbers
            self.go("diff")

    def open_experiments(self, numbers: Sequence[int]) -> None:
        """Show all that is known of one experiment, or of two beside each other."""
        screen = cast(ExperimentScreen, self.get_screen("experiment"))
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
            cast(QueueScreen, self.get_screen("queue")).select(place.experiment)
        self.paint()

    def follow_files(self) -> None:
        """Keep the log of the selected worktree's current or last run in view, and its agent's newest transcript."""
        worktree = self.scene.state.worktrees.get(self.selected)
        asked = worktree.asked if worktree else 0
        self.steps.follow(self.paths.transcript(self.selected, asked) if asked else None, self.selected)
        number = self.shown_run
        path = self.paths.run(number).log if number is not None else None
        self.run_log.follow(path, f"of run {number}" if number is not None else "")
        other = self.rival
        self.curves.follow(
            self.paths.run(number).metrics if number is not None else None,
            self.paths.run(other).metrics if other is not None else None,
        )

    def log_of(self, worktree: str) -> Path | None:
        """Return the log of a worktree's current or last run."""
        number = newest_run(self.scene.state, worktree)
        return self.paths.run(number).log if number is not None else None

    @property
    def shown_run(self) -> int | None:
        """The run that is shown of the selected worktree: what its slot does, else its newest."""
        return self._shown_runs()[0]

    @property
    def rival(self) -> int | None:
        """The run of trunk that the shown run is compared with."""
        return self._shown_runs()[1]

    def _shown_runs(self) -> tuple[int | None, int | None]:
        state = self.scene.state
        if (state.seq, self.selected) != self._runs_of:
            run = newest_run(state, self.selected)
            other = rival(state, run) if run is not None else None
            self._runs_of, self._runs = (state.seq, self.selected), (run, other.number if other else None)
        return self._runs

    def change_of(self, experiment: int) -> Diff | None:
        """Return a candidate's change; None until a thread has read it, and then the screen is painted again."""
        return self._changes.get(*ends(self.scene.state, experiment))

    def look_up_report(self) -> None:
        """Answer the report's questions in a thread, and paint them."""
        self.run_worker(self._look_up_report(), exclusive=True, group="report")

    async def _look_up_report(self) -> None:
        scene = self.scene
        since = began(scene.state, self.left_at, scene.now)
        self.report = await asyncio.to_thread(self.follower.observer.report, scene.state, scene.overview, since)
        self.paint()

    def change_between(self, old: str, new: str) -> Diff | None:
        """Return the change between two commits or trees; None until a thread has read it."""
        return self._changes.get(old, new)

    @property
    def is_settled(self) -> bool:
        """True when nothing that the screen shows is still being read."""
        is_read = not self._changes.loading and self.live.of[0] == (self.selected if self.scene.overview.rows else "")
        is_told = self.report is not None or self.front is None or self.front.NAME != "report"
        return is_read and is_told and all(each.is_current for each in (self.run_log, self.steps, self.curves))

    # The terminal

    def send_raw(self, sequence: str) -> None:
        """Send the terminal a sequence that paints nothing."""
        if self._driver and not self.is_headless:
            self._driver.write(sequence)

    def shell(self) -> None:
        """Give the terminal to a shell in the selected worktree."""
        self._lend([self.env.get("SHELL") or "/bin/sh"], self.paths.worktree(self.selected))

    def edit(self) -> None:
        """Give the terminal to an editor with the direction of the selected worktree, else with the program of all."""
        row = self.scene.row(self.selected)
        names = [self.selected, *([row.direction] if row and row.direction else [])]
        own = [file for name in names if (file := self.paths.directions / f"{name}.md").is_file()]
        self.edit_file(next(iter(own), self.paths.program))

    def edit_file(self, file: Path) -> None:
        """Give the terminal to an editor with a file of the lab."""
        editor = shlex.split(self.env.get("VISUAL") or self.env.get("EDITOR") or "vi")
        self._lend([*editor, str(file)], self.paths.root)

    def _lend(self, argv: Sequence[str], folder: Path) -> None:
        """Give the terminal to a program, and come back when it has ended."""
        said = lending.lend(self, argv, folder, self.env)
        self.look_again()
        if front := self.front:
            front.redraw()
            front.paint()
            front.say(said)

    # Acting

    async def command(self, verb: str, arguments: Mapping[str, object]) -> Answer:
        """Ask the engine; its absence is an answer too."""
        try:
            answer = await ask(self.paths.socket, Command(verb, "you", arguments))
        except EngineUnreachable as error:
            answer = Answer(7, str(error))
        self.look_again()
        return answer

    def pause(self) -> None:
        """Pause the selected worktree after its run, or resume it."""
        worktree = self.scene.state.worktrees.get(self.selected)
        if worktree:
            verb = "resume" if worktree.paused else "pause"
            self.ask(verb, {"worktree": worktree.name})

    def ask(self, verb: str, arguments: Mapping[str, object]) -> None:
        """Ask the engine for something that asks no question back."""
        self.run_worker(self._ask(verb, arguments), exclusive=True, group="tell")

    def decide(self, verb: str, experiment: int) -> None:
        """Ask the engine to do something with a candidate that asks no question back."""
        self.ask(verb, {"experiment": experiment})

    def ask_engine(self, verb: str, arguments: Mapping[str, object]) -> None:
        """Ask the engine for something that asks no question back, and tell its answer."""
        self.run_worker(self._ask(verb, arguments), exclusive=True, group="tell")

    def tell(self, worktree: str, text: str) -> None:
        """Say something to the agent of `worktree`."""
        self.run_worker(self._say(worktree, text))

    async def _say(self, worktree: str, text: str) -> None:
        answer = await self._ask("say", {"worktree": worktree, "text": text})
        if not answer.done:
            self.unsent[worktree] = text

    async def _ask(self, verb: str, arguments: Mapping[str, object]) -> Answer:
        if front := self.front:
            front.say("asked, waiting for the engine")
        answer = await self.command(verb, arguments)
        if front := self.front:
            front.paint()
            front.say(answer.message if answer.done else f"refused: {answer.message}")
        return answer

    def _arrive(self) -> None:
        """Ask when somebody was here last: in this view's time, else by what the last one left, else by away mode."""
        away = self.scene.state.away
        known = last_key(self.paths.watchers)
        self._touched = known if known is not None else away.since if away else None
        self._look_back(self.clock())

    def touched(self) -> None:
        """Remember when a person was last here; after an absence, what they may want to look at first."""
        now = self.clock()
        self._look_back(now)
        if self.front and self.front.NAME == "report":
            self._has_looked = True
        self._touched = now
        touch(self.paths.watchers, now)
        self.paint()

    def _look_back(self, now: float) -> None:
        """Remember the absence that is over now, if there was one."""
        last = self._touched
        if last is not None and is_absence(now - last, self.scene.state.away):
            self._absent, self._has_looked = (last, now), False

    @property
    def left_at(self) -> float | None:
        """When the last absence began that this view knows of, Unix time."""
        return self._absent[0] if self._absent else None

    @property
    def absence(self) -> str:
        """How long nobody was here and which key tells what happened; empty once that was looked at."""
        if self._absent is None or self._has_looked:
            return ""
        since, until = self._absent
        key = next((binding.shown for binding in self.table if binding.id == "report"), ":report")
        return f"away {fmt.duration(until - since)}: {key} for the report"

    def detach(self) -> None:
        """Close the view; all work goes on."""
        self.exit(return_code=0)

    def _fatal_error(self) -> None:
        """Keep the traceback for when the terminal is a terminal again, and end."""
        self.fault = "".join(traceback.format_exception(self._exception)) if self._exception else "no cause is known"
        self._close_messages_no_wait()
