"""The parts without a terminal: numbers, geometry, progress, events in words, the bell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.geometry import Region

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.overview.observer import Observer
from agentcore.results.progress import Progress, follow, progress
from tests.tui.labs import BASELINE, LabMaker, small_lab
from tui import layout
from tui.attention import Call, Ear, desktop, listen, title
from tui.follow import Follower, Scene
from tui.lines import clip, fit, flush, tame, wrap
from tui.story import tell
from tui.widgets.devices import history
from tui.widgets.progress import plot
from worktrees.devices import DeviceSample


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (".9789", fmt.score(0.97889)),
        ("1.7012", fmt.score(1.7012)),
        ("10.0000", fmt.score(10.0)),
        ("-", fmt.score(None)),
        ("+.0012", fmt.gain(0.0012)),
        ("-.0004", fmt.gain(-0.0004)),
        ("0", fmt.gain(0.00004)),
        ("+1.200", fmt.gain(1.2)),
        ("-12.50", fmt.gain(-12.5)),
        ("4.2", fmt.sigmas(4.21)),
        ("61%", fmt.share(0.619)),
        ("98%", fmt.percent(98.4)),
        ("at most 4%", fmt.bound(0.042)),
        ("under 1%", fmt.bound(0.0004)),
        ("44G", fmt.memory(45_056)),
        ("1.2G", fmt.memory(1229)),
        ("812M", fmt.memory(812)),
        ("1.0G", fmt.memory(999.6)),
        ("18s", fmt.duration(18.9)),
        ("1m58s", fmt.duration(118)),
        ("5h19m", fmt.duration(19_140)),
        ("2d3h", fmt.duration(183_600)),
        ("0s", fmt.duration(-5)),
        ("59s", fmt.age(59.9)),
        ("14m", fmt.age(899)),
        ("5h", fmt.age(19_140)),
        ("2d", fmt.age(183_600)),
        ("$2.31", fmt.money(2.314)),
        ("$99.99", fmt.money(99.99)),
        ("$140", fmt.money(139.96)),
        ("812", fmt.tokens(812)),
        ("41k", fmt.tokens(41_200)),
        ("1.2M", fmt.tokens(1_234_000)),
    ],
)
def test_numbers_have_one_format(written: str, number: str) -> None:
    """Scores, gains, shares, sizes and times are written as the design says."""
    assert written == number


def test_text_is_cut_with_an_ellipsis_by_cells() -> None:
    """Wide letters count twice, and a cut is always visible."""
    assert ("日本…", 6) == (clip("日本語テキスト", 6), len(fit("ab", 6)))
    assert ("   ab", "abc…") == (flush("ab", 5), clip("abcdef", 4))


def test_text_from_outside_is_tamed() -> None:
    """Escapes, controls, joiners and newlines do not survive."""
    assert "ab c d" == tame("a\x1b[31mb\nc\x07 \u200dd\ufe0f")


def test_sentences_are_wrapped_at_blanks_and_long_words_are_broken() -> None:
    """No line is longer than asked, nothing is lost."""
    assert ["one two", "three"] == wrap("one two three", 8)
    assert "abcdefghij" == "".join(wrap("abcdefghij", 4))


@pytest.mark.parametrize("width", [-1, 0, 1])
def test_text_is_wrapped_where_there_is_no_room(width: int) -> None:
    """A terminal of one column gets lines that are cut; it was waited for forever."""
    assert ["日", "本", "a"] == wrap("日本 a", width)


@pytest.mark.parametrize("width", [60, 79, 80, 99, 100, 139, 140, 160, 250])
@pytest.mark.parametrize("height", [12, 20, 21, 27, 41, 66])
@pytest.mark.parametrize("rows", [1, 2, 8, 64])
def test_panes_fill_the_screen_without_overlap(width: int, height: int, rows: int) -> None:
    """At every size the panes tile the area exactly, and the list is always there."""
    places = layout.lab(width, height, rows, rows)
    assert "rows" in places
    assert width * height == sum(region.area for region in places.values())
    area = Region(0, 0, width, height)
    assert all(area.contains_region(region) for region in places.values())
    regions = list(places.values())
    assert not any(a.overlaps(b) for i, a in enumerate(regions) for b in regions[i + 1 :])


def test_panes_go_in_a_fixed_order() -> None:
    """As lines get short at 80 columns: first the plot, then the events, then the detail."""
    kept = [set(layout.lab(80, height, 8, 8)) for height in (21, 17, 14, 11)]
    everything = {"rows", "detail", "events", "progress"}
    assert [everything, everything - {"progress"}, {"rows", "detail"}, {"rows"}] == kept


def test_progress_follows_the_best_kept_score(tmp_path: Path) -> None:
    """Dropped scores never move the line; a better kept one does; what has no score has no point."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "worse", "drop", 1.7100)
    lab.experiment("wt0", "lucky but dropped", "drop", 1.6900)
    lab.experiment("wt0", "broken", "crash", None, "error")
    lab.experiment("wt0", "better", "keep", 1.6990)
    course = progress(lab.state)
    assert [1, 2, 4] == [point.experiment for point in course.points]
    assert [pytest.approx(BASELINE, abs=1e-3)] * 2 + [1.6990] == [point.best for point in course.points]
    assert 1 == course.kept


def test_following_the_progress_comes_to_the_same(tmp_path: Path) -> None:
    """Outcome by outcome as all at once, the baseline's last run included; nothing new is the same object."""
    lab = small_lab(tmp_path)
    known = follow(Progress(), lab.state)
    for number, score in enumerate((1.7100, 1.6900, None, 1.6990, 1.7005)):
        lab.experiment(f"wt{number % 2}", "idea", "crash" if score is None else "keep", score)
        known = follow(known, lab.state)
    assert lab.state.trunk
    lab.end_run(lab.start_run("baseline", None, lab.state.trunk.commit, "cpu0", 9), 1.7050)
    known = follow(known, lab.state)
    assert progress(lab.state) == known
    assert known is follow(known, lab.state)


def test_progress_turns_for_a_metric_where_higher_is_better(tmp_path: Path) -> None:
    """The best of an accuracy is the largest."""
    lab = small_lab(tmp_path)
    assert lab.state.config
    lab.tell(replace(lab.state.config, lower_is_better=False))
    lab.experiment("wt0", "better", "keep", 1.8)
    lab.experiment("wt0", "worse", "keep", 1.75)
    assert [1.8, 1.8] == [point.best for point in progress(lab.state).points]


def test_one_broken_run_does_not_flatten_the_plot(tmp_path: Path) -> None:
    """A score far outside is drawn at the edge; the range stays where the others are."""
    lab = small_lab(tmp_path)
    for score in (1.7020, 1.7030, 1.7025, 1.7015, 9.0):
        lab.experiment("wt0", "idea", "drop", score)
    assert 1.71 > progress(lab.state).high


def test_the_plot_draws_kept_dropped_and_the_step(tmp_path: Path) -> None:
    """The first column starts at the baseline, the kept dot stands at the end of a step down."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "worse", "drop", 1.7040)
    lab.experiment("wt0", "better", "keep", 1.6990)
    drawn = ["".join(text for text, _ in line) for line in plot(progress(lab.state), 50, 6)]
    assert 6 == len(drawn)
    assert "·" in drawn[0] and "─" in drawn[2] + drawn[3] and "●" in drawn[4]
    column = drawn[4].index("●")
    assert "┐" in {drawn[2][column], drawn[3][column]}


@pytest.mark.parametrize(("width", "height"), [(15, 6), (50, 2), (0, 0), (20, 3), (300, 60)])
def test_the_plot_fits_any_area(tmp_path: Path, width: int, height: int) -> None:
    """Too small is empty, otherwise exactly as many lines as there are."""
    lab = small_lab(tmp_path)
    lab.experiment("wt0", "worse", "drop", 1.7040)
    assert len(plot(progress(lab.state), width, height)) in (0, height)


def test_every_event_is_told_or_left_out_on_purpose(tmp_path: Path) -> None:
    """The words hold what a person needs: who, which experiment, what, how much."""
    lab = small_lab(tmp_path)
    ready = lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    lab.merge(ready)
    lab.tell(ev.WorktreePaused("wt1", "disk is full", "engine"))
    lab.tell(ev.WarningRaised("disk", "3G free"))
    told = [told for entry in lab.state.recent if (told := tell(entry, lab.state))]
    words = {line.word: f"{line.who} {line.text}" for line in told}
    assert "wt0 1.6990, gain +.0022 (1.7σ)  WARMUP 0.05 to 0.02" == words["KEEP"]
    assert "wt0 gain +.0022 ±.0006 (3.7σ)  confirmed on today's trunk: m merges it" == words["READY"]
    assert words["MERGED"].startswith("trunk ") and words["MERGED"].endswith("(by you)  WARMUP 0.05 to 0.02")
    assert "wt1 disk is full (by engine)" == words["PAUSE"]
    assert "disk 3G free" == words["WARN"]
    silent = {type(entry.event).__name__ for entry in lab.state.recent if tell(entry, lab.state) is None}
    assert {"ThinkingStarted", "MergeIntended", "WorktreeMoved"} == silent


def test_what_agents_do_is_told(tmp_path: Path) -> None:
    """Who works where, who cannot, why one waits and until when; what only repeats that is for the screen of all."""
    lab = small_lab(tmp_path)
    lab.employ(wt0="anthropic")
    lab.tell(ev.AgentsAssigned({"wt0": "search", "wt1": "search"}, reason="no model key is set"))
    lab.tell(ev.PromptsChanged("a", ("program.md", "a.md", "b.md", "c.md", "d.md")))
    lab.tell(ev.PromptsChanged("b", ("program.md",)))
    lab.employ(wt0="anthropic")
    lab.think("wt0")
    lab.spend("wt0", 0.12)
    lab.wait("wt0", "LIMIT", "429 rate_limit_error: " + "slower " * 20, back_s=60)
    back = fmt.clock(lab.now + 60)
    lab.wait("wt0", "THINK")
    lab.wait("wt0", "CUT", "reply 3 reached its limit of tokens")
    lab.tell(ev.NoteTaken("wt0", "rope helped"))
    lab.tell(ev.MessageSent("wt0", "try rope", "you"))
    lab.tell(ev.MessagesRead("wt0", 1))
    number = lab.propose("wt0", "rope")
    assert lab.state.trunk
    trunk = lab.state.trunk
    lab.tell(ev.ExperimentRebased(number, trunk.commit, trunk.tree, trunk.commit, trunk.tree))
    lab.decide(number, "returned", reason="its base moved")
    lab.tell(ev.AgentBarred("anthropic", "key", "401 invalid x-api-key"))
    told = [told for entry in lab.state.recent if (told := tell(entry, lab.state))]
    begin = next(index for index, line in enumerate(told) if line.word == "AGENTS")
    assert [
        ("lab AGENTS anthropic (claude-opus-5) in wt0; search in wt1", False),
        ("lab AGENTS search in wt0, wt1: no model key is set", False),
        ("lab PROMPTS v1: program.md, a.md, b.md and 2 more", False),
        ("lab PROMPTS v2: program.md", False),
        ("lab AGENTS anthropic (claude-opus-5) in wt0; search in wt1", False),
        (f"wt0 LIMIT 429 rate_limit_error: slower slower slower slow…, back {back}", False),
        ("wt0 THINK goes on", True),
        ("wt0 CUT reply 3 reached its limit of tokens", True),
        ("wt0 NOTE rope helped", True),
        ("wt0 > try rope (by you)", False),
        ("wt0 READ 1 message", True),
        ("wt0 EDIT rope (+1 -1)", True),
        (f"wt0 REBASED on {trunk.commit[:7]} before its run", True),
        ("wt0 RETURNED its base moved  rope", False),
        ("lab KEY anthropic: 401 invalid x-api-key; the search agent stands in", False),
    ] == [(f"{line.who} {line.word} {line.text}", line.minor) for line in told[begin:]]


def test_the_history_has_one_bar_for_five_seconds() -> None:
    """Bars stand at their time; seconds in which nothing was measured are blank."""
    samples = [DeviceSample("cpu0", 1000.0 + second, utilisation=percent) for second, percent in ((0, 0), (30, 100))]
    assert "     ▁     █" == history(samples, now=1034.0)


class Bell:
    """A lab with somebody who listens."""

    def __init__(self, root: Path, lab: LabMaker | None = None) -> None:
        self.lab = lab or small_lab(root)
        self.follower = Follower(Observer(self.lab.paths), self.lab.now)
        self.ear = Ear()
        self.calls: tuple[Call, ...] = ()
        self.now = self.lab.now

    def scene(self, after: float = 0.0) -> Scene:
        """Return the lab as it is `after` seconds later."""
        self.now += after
        self.follower.poll(self.now)
        return self.follower.scene

    def rings(self, after: float = 0.0) -> bool:
        """Tell whether the bell rings `after` seconds later."""
        self.ear, self.calls, rings = listen(self.ear, self.scene(after))
        return rings


def test_the_newest_bar_of_a_device_does_not_go_and_come() -> None:
    """Just after five seconds are over, the last measurement stands for the next five."""
    samples = [DeviceSample("gpu0", at, utilisation=100.0) for at in (1028.0, 1029.0)]
    assert ["██", "█ "] == [history(samples, now)[-2:] for now in (1030.5, 1034.5)]


def test_the_bell_rings_for_a_question(tmp_path: Path) -> None:
    """An agent that asks calls a person, once."""
    bell = Bell(tmp_path)
    assert not bell.rings()
    bell.lab.think("wt0")
    bell.lab.tell(ev.QuestionAsked("wt0", "raise the batch?", "anthropic"))
    assert [True, False] == [bell.rings(), bell.rings(after=60)]


def test_the_bell_rings_once_for_what_becomes_true(tmp_path: Path) -> None:
    """A READY candidate rings, and not again; what was so when the view was opened does not ring."""
    bell = Bell(tmp_path)
    bell.lab.make_ready("wt0", "old")
    assert not bell.rings()
    bell.lab.make_ready("wt1", "new")
    assert [True, False, False] == [bell.rings(), bell.rings(), bell.rings(after=60)]


def test_ready_rings_once_in_ten_minutes_a_warning_sooner(tmp_path: Path) -> None:
    """A second READY within ten minutes is quiet; a warning is not; nothing rings within 30 seconds."""
    bell = Bell(tmp_path)
    assert not bell.rings()
    bell.lab.make_ready("wt0", "one")
    assert bell.rings()
    bell.lab.make_ready("wt1", "two")
    assert not bell.rings(after=60)
    bell.lab.tell(ev.WarningRaised("disk", "3G free"))
    assert bell.rings(after=1)
    bell.lab.tell(ev.WarningRaised("key", "refused"))
    assert not bell.rings(after=5)


def test_what_came_and_went_between_two_looks_still_rings(tmp_path: Path) -> None:
    """A warning that was cleared again before the view looked is an event all the same."""
    bell = Bell(tmp_path)
    assert not bell.rings()
    bell.lab.tell(ev.WarningRaised("disk", "3G free"))
    bell.lab.tell(ev.WarningCleared("disk"))
    assert bell.rings()
    assert ["! disk WARN 3G free"] == [call.text for call in bell.calls]


def test_only_what_needs_a_person_rings(tmp_path: Path) -> None:
    """A merge by the gate is told and not rung for; a drop, a keep or your own pause are not even told."""
    bell = Bell(tmp_path)
    number = bell.lab.make_ready("wt0", "idea")
    assert not bell.rings()
    bell.lab.experiment("wt1", "worse", "drop", 1.7040)
    bell.lab.tell(ev.WorktreePaused("wt1", "by you", "you"))
    assert (False, ()) == (bell.rings(), bell.calls)
    bell.lab.merge(number, by="gate")
    assert (False, ["news"]) == (bell.rings(), [call.level for call in bell.calls])
    bell.lab.tell(ev.WorktreePaused("wt0", "3 crashes in a row", "engine"))
    assert (True, ["stopped"]) == (bell.rings(), [call.level for call in bell.calls])  # now nobody works


def test_the_bell_rings_for_what_one_chose_to_hear_while_away(tmp_path: Path) -> None:
    """The default is that nobody works any more, and the report; what needs a person is told all the same."""
    bell = Bell(tmp_path)
    bell.lab.tell(ev.AwayStarted(None, None, "none", "park", "you", "stopped"))
    assert not bell.rings()
    bell.lab.tell(ev.AgentBarred("anthropic", "key", "401"))
    assert (False, ["urgent"]) == (bell.rings(after=60), [call.level for call in bell.calls])
    bell.lab.tell(ev.WarningRaised("disk", "3G free"))
    assert bell.rings(after=60)
    bell.lab.tell(ev.AwayLimitReached("until", "it is 08:00"))
    bell.lab.tell(ev.ReportWritten(bell.lab.now, ".lab/reports/r.md"))
    assert (True, ["report"]) == (bell.rings(after=60), [call.level for call in bell.calls])
    bell.lab.tell(ev.AwayStarted(None, None, "none", "park", "you", "nothing"))
    bell.lab.tell(ev.WarningRaised("work", "git is gone"))
    assert not bell.rings(after=60)


def test_an_engine_that_was_killed_rings_once(tmp_path: Path) -> None:
    """It writes no event; what was so when the view was opened does not ring."""
    lab = small_lab(tmp_path, alive=False)
    bell = Bell(tmp_path, lab)
    assert [False, False] == [bell.rings(), bell.rings(after=60)]
    engine = lab.state.engine
    assert engine
    lab.tell(ev.EngineStarted(engine.pid + 1, engine.start_ticks, engine.boot_id, "0.1.0", lab.slots, "full"))
    assert [True, False] == [bell.rings(), bell.rings(after=60)]


def test_a_desktop_notification_is_wrapped_for_tmux(tmp_path: Path) -> None:
    """Only text goes into it, whatever the event holds; tmux passes on what is doubled and framed."""
    bell = Bell(tmp_path)
    bell.rings()
    bell.lab.tell(ev.WarningRaised("disk", "3G\x07 free\x1b]0;PWN\x07"))
    bell.rings()
    assert "\x1b]9;nightlab: ! disk WARN 3G free\x07" == desktop(bell.calls[0], in_tmux=False)
    wrapped = "\x1bPtmux;\x1b\x1b]9;nightlab: ! disk WARN 3G free\x07\x1b\\"
    assert wrapped == desktop(bell.calls[0], in_tmux=True)


def test_the_title_counts_needs_and_runs(tmp_path: Path) -> None:
    """The terminal's title is short and holds no glyph that ASCII terminals lack."""
    bell = Bell(tmp_path)
    bell.lab.make_ready("wt0", "one")
    bell.lab.screen(bell.lab.propose("wt1", "two"))
    assert "nightlab ! 1  ▸ 1  1.7012" == title(bell.scene(), ascii_only=False)
    assert "nightlab ! 1  > 1  1.7012" == title(bell.scene(), ascii_only=True)


def test_a_lab_is_followed_from_its_first_event(tmp_path: Path) -> None:
    """A follower of a lab without a journal has an empty scene, and takes the first events when they come."""
    lab = LabMaker(tmp_path)
    follower = Follower(Observer(lab.paths), lab.now)
    follower.poll(lab.now)
    assert () == follower.scene.overview.rows
    lab.begin()
    assert follower.poll(lab.now + 0.3)
    assert "nanochat" == follower.scene.overview.name
