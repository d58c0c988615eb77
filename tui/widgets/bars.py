"""The three lines that never go: title, strip, key line."""

from __future__ import annotations

from textual.geometry import Size

from agentcore import format as fmt
from agentcore.queue.judging import SELF_REPORTED
from agentcore.results.accounts import Cost
from agentcore.retest.speed import SpeedSummary
from tui.bindings import ALL, TABLE, Binding, Table, key_line, on_screen
from tui.follow import Scene
from tui.lines import Line, cells, clip, spread
from tui.theme import Theme
from tui.widgets.pane import Pane

WIDE = 100
"""From here on the title spells its words out and the key line has a second line."""

SPACIOUS = 120
"""Below this the names of the screens stand closer, so that help and leaving have room beside all eight."""

NUMBERS = {
    "lab": "1",
    "worktree": "2",
    "queue": "3",
    "results": "4",
    "retest": "5",
    "directions": "6",
    "report": "7",
    "events": "8",
    "diff": "",
    "experiment": "",
    "imported": "",
}


class TitleBar(Pane):
    """Screen, trunk's number, the noise, what was done so far."""

    def __init__(self, look: Theme, screen: str) -> None:
        super().__init__(look, id="title", frame="bare")
        self.screen_name = screen
        self.scene: Scene | None = None
        self.about = ""
        """What the screen is about instead of the trunk, where it has one subject."""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the one line; a part that does not fit is left out."""
        first: Line = ((f" {NUMBERS[self.screen_name]} {self.screen_name.upper()}".replace("  ", " "), "title"),)
        parts: list[Line] = [((self.about, "text"),)] if self.about else []
        parts += title_parts(self.scene, wide=width >= WIDE) if self.scene else []
        gap = "    " if width >= WIDE else "  "
        line = first
        for part in parts:
            if cells(line) + len(gap) + cells(part) < width:
                line = (*line, (gap, "text"), *part)
            elif self.about:  # beside a worktree the lab's counts, without its trunk before them, would seem its own
                break
        return [line]


class Clock(Pane):
    """The time of day; a pane of its own, so that a tick sends these cells and no others."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="clock", frame="bare")
        self.now = 0.0

    def body(self, width: int, height: int) -> list[Line]:
        """Return the time."""
        return [((fmt.clock(self.now, seconds=True), "grey"),)]


class Strip(Pane):
    """What needs a person, or the answer to the last key."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="strip", frame="bare")
        self.needs: tuple[str, ...] = ()
        self.alarm = ""
        """Why nothing on the screen can be trusted to be current."""
        self.answer = ""
        self.notice = ""
        """What the person may want to look at after having been away."""
        self.calm = "nothing needs you"
        self.headline = ""
        """The lab's number, at the right where what needs a person leaves the room."""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the one line: the answer to a key first, then trouble, then what needs you."""
        if self.answer:
            return [((" ", "text"), (clip(self.answer, width - 2), "bold"))]
        if self.alarm:
            alarm: Line = ((" ", "text"), ("!", "you"), (" " + clip(self.alarm, width - 4), "bold"))
            return [self._beside(alarm, width)]
        if self.notice:
            more = f"    ! {len(self.needs)} more" if self.needs else ""
            return [((" ", "text"), (clip(f"{self.notice}{more}", width - 2), "bold"))]
        if not self.needs:
            return [self._beside(((" ", "text"), (clip(self.calm, width - 2), "grey")), width)]
        count = len(self.needs)
        label = "needs you" if count == 1 else "need you"
        start: Line = ((" ", "text"), (f"! {count} {label}", "you"))
        end: Line = ((self.look.keyed(" {attend}: go there " if width >= WIDE else " {attend}:go "), "grey"),)
        room = width - cells(start) - cells(end) - 4
        text = clip("    ".join(self.needs) if width >= WIDE else "  ".join(self.needs), room)
        line = self._beside((*start, ("   ", "text"), (text, "text")), width - cells(end) - 1)
        return [spread(line, end, width)]

    def _beside(self, line: Line, width: int) -> Line:
        """Return the line with the headline at its right end, or as it is where that does not fit whole."""
        right: Line = ((f"{self.headline} ", "good"),)
        return spread(line, right, width) if self.headline and cells(line) + 3 + cells(right) <= width else line


class KeyLine(Pane):
    """The keys of this screen, most used first; what does not fit is left out whole."""

    def __init__(self, look: Theme, screen: str, table: Table = TABLE) -> None:
        super().__init__(look, id="keys", frame="bare")
        self.screen_name = screen
        self.table = table

    def body(self, width: int, height: int) -> list[Line]:
        """Return one line, or two where there is room: what the screen does, then where else to go."""
        keys = key_line(self.screen_name, self.table)
        if height == 1:
            return [_filled([_tight(key) for key in keys], width, 2, keep_last=True)]
        everywhere = [key for key in keys if key.screens == ALL]
        here = [key for key in keys if key.screens != ALL]
        screens = [key for key in on_screen(self.screen_name, self.table) if NUMBERS.get(key.id)]
        gap = 2 if width >= SPACIOUS else 1
        jumps = _filled([_loose(key) for key in screens], width, gap, keep_last=False)
        return [
            _filled([_loose(key) for key in here], width, 3, keep_last=False),
            (*jumps, ("   ", "text"), *_filled([_loose(key) for key in everywhere], width - cells(jumps) - 3, 3, True)),
        ]


def key_rows(size: Size) -> int:
    """Return how many lines the key line takes on a screen of that size."""
    return 2 if size.width >= WIDE and size.height >= 30 else 1


BANNERS = {"none": ("NO SANDBOX", "you"), "reduced": ("sandbox reduced", "wait")}
"""What stands in the title for as long as the walls are not whole, and in which role."""


def title_parts(scene: Scene, *, wide: bool) -> list[Line]:
    """Return the parts of the title after the screen's name, most important first."""
    overview = scene.overview
    parts: list[Line] = [((overview.name, "bold"),)] if overview.name else []
    if banner := BANNERS.get(scene.state.engine.walls if scene.state.engine else ""):
        parts.append((banner,))
    if away := scene.state.away:
        until = f" {'over' if away.over else 'until'} {fmt.clock(away.until)}" if away.until is not None else ""
        parts.append(((f"AWAY{until}", "you" if away.over else "wait"),))
    parts.append(_trunk(scene, wide))
    if overview.self_reported and trunk_has_number(scene):
        parts.append(((SELF_REPORTED, "wait"),))
    if noise := overview.noise:
        text = f"σ {fmt.score(noise.sigma)} (dof {noise.dof})" if wide else f"σ{fmt.score(noise.sigma)}"
        parts.append(((text, "text"),))
    forced = f" ({overview.forced} forced)" if overview.forced else ""
    counts = f"{overview.experiments} experiments, {overview.kept} kept, {overview.merged} merged{forced}"
    if overview.experiments or trunk_has_number(scene):
        parts.append(((counts if wide else f"{overview.experiments} exp", "text"),))
    if overview.cost.model or overview.cost.tokens:
        parts.append(((spent(overview.cost), "text"),))
    return parts


def headline(speed: SpeedSummary | None, *, ascii_only: bool = False) -> str:
    """Return the speed-up of the verified trunk: `12% faster than baseline at x2 (±4)`; nothing without a number."""
    if speed is None or speed.percent is None:
        return ""
    said = f"{fmt.percent(speed.percent)} faster than baseline at x{speed.scale}"
    if speed.interval is None:
        return f"at least {said}"
    low, high = speed.interval
    sign = "+-" if ascii_only else "±"  # its stand-in of one letter, a plus, would be another claim
    return f"{said} ({low:.0f} or more)" if speed.is_open else f"{said} ({sign}{(high - low) / 2:.0f})"


def spent(cost: Cost) -> str:
    """Return what the models have cost, and the limit where there is one: `$14.20/$40`.

    In tokens where they have no price, as on a server of one's own.
    """
    if cost.tokens and not cost.usd:
        limit = f"/{fmt.tokens(cost.token_limit)}" if cost.token_limit else ""
        return f"{fmt.tokens(cost.tokens)}{limit} tokens"
    return fmt.money(cost.usd) + (f"/${cost.usd_limit:g}" if cost.usd_limit else "")


def trunk_has_number(scene: Scene) -> bool:
    """True once trunk's runs have given it a score."""
    trunk = scene.overview.trunk
    return scene.overview.calibration is None and trunk is not None and trunk.score is not None


def _trunk(scene: Scene, wide: bool) -> Line:
    trunk = scene.overview.trunk
    if calibration := scene.overview.calibration:
        done, wanted = calibration
        return ((f"trunk has no number yet: calibration {done} of {wanted}", "text"),)
    if trunk is None:
        return (("no trunk number yet", "text"),)
    if trunk.score is None:
        return ((f"trunk {fmt.short(trunk.commit)} ?", "text"),)
    metric = f"  {scene.overview.metric} " if wide else " "
    line: Line = ((f"trunk {fmt.short(trunk.commit)}{metric}", "text"), (fmt.score(trunk.score), "title"))
    if trunk.gain_percent is None:
        return line
    base = f" vs baseline {fmt.score(trunk.baseline)}" if wide else ""
    return (*line, (f" ({trunk.gain_percent:+.1f}%{base})", "text"))


def _tight(key: Binding) -> Line:
    if key.shown == "?":
        return (("?", "key"), ("help", "text"))
    return ((key.shown, "key"), (f":{key.label}", "text"))


def _loose(key: Binding) -> Line:
    return ((key.shown, "key"), (f" {key.label}", "text"))


def _filled(keys: list[Line], width: int, gap: int, keep_last: bool) -> Line:
    """Return as many keys as fit; the last of them (how to leave) has its place reserved."""
    last = keys[-1] if keep_last and keys else ()
    room = width - 1 - (cells(last) + gap if last else 0)
    line: Line = ((" ", "text"),)
    for key in keys[:-1] if last else keys:
        need = cells(key) + (gap if cells(line) > 1 else 0)
        if cells(line) + need > room:
            continue
        line = (*line, *(((" " * gap, "text"),) if cells(line) > 1 else ()), *key)
    return (*line, (" " * gap, "text"), *last) if last else line
