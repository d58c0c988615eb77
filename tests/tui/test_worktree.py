"""Stories of screen 2: a change against four bases, a log in colour, a curve beside trunk's, an agent step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from agentcore import events as ev
from agentcore import format as fmt
from tests import toy
from tests.tui.driving import Person, crooked, sitting_at
from tests.tui.labs import SOURCE, LabMaker, small_lab
from tui.canvas import draw
from tui.lines import window
from tui.screens.worktree import WorktreeScreen
from tui.snapshot import PLAIN
from tui.theme import choose


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """An agent in wt0 that thinks; the lab's settings say which file it may change."""
    lab = small_lab(tmp_path)
    lab.paths.config.write_text(toy.LAB)
    lab.employ(wt0="anthropic")
    lab.think("wt0")
    return lab


def screen_of(person: Person) -> WorktreeScreen:
    """Return screen 2."""
    return cast(WorktreeScreen, person.view.screen_of("worktree"))


def train(lab: LabMaker, run: int, until: float, loss: float) -> None:
    """Write the metrics of a run: a loss that falls to `loss`, in a hundred steps."""
    folder = lab.paths.run(run)
    folder.out.mkdir(parents=True, exist_ok=True)
    steps = [n / 100 for n in range(1, round(100 * until) + 1)]
    points = ({"step": 1, "progress": p, "loss": loss + 2 * (1 - p), "tokens_per_s": 1.5e6} for p in steps)
    folder.metrics.write_text("".join(json.dumps(point) + "\n" for point in points))


# The title


async def test_the_title_names_an_experiment_once(lab: LabMaker) -> None:
    """Of a run for the queue the words begin with the number already: it said "#1 #1 deeper"."""
    number = lab.make_ready("wt1", "deeper")
    candidate = lab.state.candidates[number]
    lab.start_run("confirm", number, candidate.commit, lab.slots[0].name, 7, candidate.tree)
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("2")
        await person.until(lambda: "deeper" in person.rows[0])
        assert person.rows[0].count(f"#{number}") == 1


async def test_the_first_screen_says_whose_experiment_a_slot_trains(lab: LabMaker) -> None:
    """A slot that is free takes the next run of any worktree: wt1's was headed as if it were wt0's own."""
    number = lab.make_ready("wt1", "deeper")
    candidate = lab.state.candidates[number]
    lab.start_run("confirm", number, candidate.commit, lab.slots[0].name, 7, candidate.tree)
    async with sitting_at(lab) as person:
        await person.sees(f"── wt0: wt1 #{number} ──")


# The diff


async def test_b_goes_through_the_bases(lab: LabMaker) -> None:
    """The same files against the last kept commit, trunk, the baseline, and what is committed of them."""
    merged = lab.make_ready("wt1", "deeper")
    lab.edit("wt0", "WARMUP = 0.05", "WARMUP = 0.10")
    async with sitting_at(lab) as person:
        await person.press("2")
        await person.sees("WARMUP = 0.10")
        assert lab.state.trunk and f"against {lab.state.trunk.commit[:7]}" in person.row("── wt0 next edit")
        lab.merge(merged)
        await person.until(lambda: person.view.scene.state.seq == lab.state.seq)
        for base in (f"against trunk {lab.state.trunk.commit[:7]}", "the baseline", "what is committed"):
            await person.press("b")
            await person.sees(base)
            await person.sees("WARMUP = 0.10")
            assert base in person.strip
        await person.press("d", "b")
        assert "(last kept)" in person.strip


async def test_old_and_new_stand_side_by_side_and_long_lines_are_wrapped(lab: LabMaker) -> None:
    """`|` pairs a changed line with what it was, `w` shows all of a long one; both keep every line straight."""
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 5  # " + "x" * 90 + "THE END")
    async with sitting_at(lab) as person:
        await person.press("2")
        await person.sees("xxx")
        assert "THE END" not in person.text
        await person.press("|")
        assert "DEPTH = 4" in (both := person.row("DEPTH = 5")) and both.index("DEPTH = 4") < both.index("DEPTH = 5")
        await person.press("w")
        assert "THE END" in person.text and [] == crooked(person.rows, 80)
        await person.press("|")
        assert "DEPTH = 4" not in person.row("DEPTH = 5") and "THE END" in person.text
        await person.press("w")
        assert "THE END" not in person.text


async def test_a_file_that_may_not_be_changed_comes_first_in_a_box(lab: LabMaker) -> None:
    """The rule is named over it and below, whatever the order of the files' names."""
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 5")
    async with sitting_at(lab) as person:
        await person.press("2")
        await person.sees("rules  kept: only train.py changed")
        (lab.paths.worktree("wt0") / "zzz.py").write_text("cheat = 1\n")
        await person.sees("┌─ RULE edit: zzz.py was changed, editable: train.py ─")
        assert person.text.index("cheat = 1") < person.text.index("└──") < person.text.index("DEPTH = 5")
        assert "rules  BROKEN edit: zzz.py" in person.text
        await person.resize(160, 45)
        assert "1 file outside of what may be edited" in person.text


async def test_a_touched_diff_stands_still_until_f(lab: LabMaker) -> None:
    """Also where everything fits: a key that scrolls freezes it, `F` follows again."""
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 5")
    async with sitting_at(lab) as person:
        await person.press("2")
        await person.sees("DEPTH = 5")
        await person.press("k", "k")
        assert "FROZEN  F: follow" in person.text
        lab.edit("wt0", "DEPTH = 5", "DEPTH = 6")
        await person.sees("FROZEN, 1 newer  F: follow")
        assert "DEPTH = 6" not in person.text
        await person.press("F")
        assert "DEPTH = 6" in person.text and "FROZEN" not in person.text


async def test_a_search_goes_from_match_to_match(lab: LabMaker) -> None:
    """Through the diff and round its end, also where lines are wrapped; what was found is read and stands still."""
    path = lab.paths.worktree("wt0") / "train.py"
    path.write_text(SOURCE + "".join(f"value_{number} = {number}\n" for number in range(100)))
    async with sitting_at(lab) as person:
        await person.press("2")
        await person.sees("value_3 = 3")
        await person.press("/", *"value_9", "enter")
        assert "value_9 = 9" in person.text
        await person.press("n")
        assert "value_90 = 90" in person.text
        await person.press("N", "N")
        assert "value_99 = 99" in person.text
        await person.press("w", "n")
        assert "value_9 = 9" in person.text and "FROZEN" in person.text


# The log


async def test_a_log_keeps_its_colours_and_stays_after_the_end(lab: LabMaker) -> None:
    """What a program printed in red is red here; a crashed run's log can still be read, and `}` finds its error."""
    number = lab.propose("wt1", "idea")
    run = lab.screen(number)
    lab.log(run, "\x1b[31mhot\x1b[0m \x1b[2J\x1b]0;PWN\x07\n" + "x\n" * 40 + "Traceback: no\n" + "y\n" * 40)
    lab.end_run(run, None, "no")
    lab.decide(number, "crash", None, "no")
    async with sitting_at(lab) as person:
        await person.press("2", "right_square_bracket", "tab")
        await person.sees(f"log of run {run}")
        await person.sees("following")
        await person.press("g")
        await person.sees(" hot")
        segments = [segment for line in person.view.screen._compositor.render_strips() for segment in line]
        red = person.view.look.style("bad").color
        assert [red] == [each.style.color for each in segments if each.text == "hot" and each.style]
        await person.press("right_curly_bracket")
        assert person.rows[5].strip() == "Traceback: no"
        await person.press("right_curly_bracket")
        assert "there is no line that speaks of an error below" == person.strip


# The curve


async def test_a_curve_stands_beside_trunks(lab: LabMaker) -> None:
    """Its numbers are words as well; `M` shows another metric, `L` another scale, and the title says both."""
    run = lab.screen(lab.propose("wt1", "idea"))
    for trunk in lab.state.runs:
        train(lab, trunk, 1.0, 3.0)
    train(lab, run, 0.6, 2.9)
    async with sitting_at(lab) as person:
        await person.press("2", "right_square_bracket", "tab", "tab")
        await person.sees("at 60%: ")
        assert "curve loss (smoothed) ─" in person.text and f"• run {run}   · trunk, run" in person.text
        words = person.row("at 60%: ").replace(",", "").split()
        assert pytest.approx(float(words[-1]) - float(words[2]), abs=2e-4) == 0.1
        assert "100%" in person.text and "⠀" not in person.text
        await person.press("L")
        assert "curve loss (smoothed), log ─" in person.text
        await person.press("M")
        assert "curve tokens/s, log ─" in person.text and "at 60%: 1.50M, trunk here 1.50M" in person.text
    look = choose("", env={**PLAIN, "LC_ALL": "C"}, ascii_only=False)
    async with sitting_at(lab, look=look) as person:
        await person.press("2", "right_square_bracket", "tab", "tab")
        await person.sees("****")
        assert person.text.isascii() and "...." in person.text


def test_a_curve_goes_from_the_upper_left_to_the_lower_right() -> None:
    """Each end is in its corner, a line is drawn as far as it is in range, the front hides what is behind."""
    falling, flat = ((0.0, 1.0), (1.0, 0.0)), ((0.0, 0.0), (0.5, 0.0), (1.0, 9.0))
    lines = draw([(falling, "run"), (flat, "grey")], 4, 4, 0.0, 1.0, plain=True)
    assert ["* . ", " *. ", "  * ", "...*"] == ["".join(text for text, _ in line) for line in lines]
    braille = draw([(falling, "run")], 2, 1, 0.0, 1.0, plain=False)
    assert ["⠑⢄"] == ["".join(text for text, _ in line) for line in braille]


# The agent


async def test_a_step_is_unfolded(lab: LabMaker) -> None:
    """`enter` shows all of a step and folds it again; `{` goes to the one before; a step without more says so."""
    lab.transcribe("wt0", "thought", text="Depth helped.\nWidth did not.\nSo rope next.")
    lab.transcribe("wt0", "text", text="on it")
    async with sitting_at(lab) as person:
        await person.press("2", "shift+tab")
        await person.sees("says      on it")
        await person.press("enter")
        assert "there is no more to this step" == person.strip
        await person.press("left_curly_bracket", "enter")
        assert "So rope next." in person.text and "says      on it" in person.text
        await person.press("enter")
        assert "So rope next." not in person.text
        await person.press("left_curly_bracket")
        assert "there is no step above" == person.strip


async def test_what_was_said_stands_below_the_steps(lab: LabMaker) -> None:
    """Until it is read it says so; then when, and from which experiment on it counts."""
    lab.tell(ev.MessageSent("wt0", "smaller, please", "you"))
    async with sitting_at(lab) as person:
        await person.press("2", "shift+tab")
        await person.sees(f"> you {fmt.clock(lab.now)}  smaller, please")
        assert "not read yet: wt0 sees it at its agent's next turn" in person.text
        lab.tell(ev.MessagesRead("wt0", 1))
        seen = f"seen by wt0 at {fmt.clock(lab.now)}"
        await person.sees(seen)
        number = lab.propose("wt0", "smaller")
        await person.sees(f"{seen}, applied from #{number}")


# The screen


async def test_the_facts_and_what_goes_on_now(lab: LabMaker) -> None:
    """State, run and idea in the title, parent and trunk below it, the newest step and the rules at the end."""
    run = lab.screen(lab.propose("wt1", "DEPTH 4 to 5"))
    lab.measure(run, 0.61)
    assert lab.state.trunk
    async with sitting_at(lab) as person:
        await person.press("2", "right_square_bracket")
        await person.sees("step 00610  loss 3.0912  41.2k tok/s")
        assert person.rows[0].startswith(" 2 WORKTREE  wt1   cpu1   ▸ TRAIN 61% 9s   #1 DEPTH 4 to 5")
        assert f"parent {lab.state.trunk.commit[:7]}, trunk   trunk 1.7012   0 experiments" in person.rows[2]
        assert person.row("[Diff]").split() == ["[Diff]", "Log", "Curve", "Agent"]
        await person.resize(160, 45)
        assert "why: DEPTH 4 to 5" in person.rows[3] and "rules  kept: only train.py changed" in person.rows[3]


async def test_what_is_shown_can_be_copied_and_exported(lab: LabMaker) -> None:
    """Hash, diff, path, log and step by their letters; the worktree as markdown, TSV and JSON."""
    number = lab.propose("wt0", "idea")
    run = lab.screen(number)
    train(lab, run, 0.5, 2.9)
    lab.log(run, "\x1b[31mhot\x1b[0m\n")
    lab.edit("wt0", "DEPTH = 4", "DEPTH = 5")
    lab.think("wt0")
    lab.transcribe("wt0", "thought", text="one\ntwo")
    async with sitting_at(lab) as person:
        await person.press("2")
        screen = screen_of(person)
        await person.until(lambda: {"h", "d", "p", "m", "l", "t"} == set(screen.copyable()))
        await person.until(lambda: bool(screen.curve.words()))
        copied = screen.copyable()
        assert (lab.state.experiments[number].commit, str(lab.paths.run(run).log), "hot", "one\ntwo") == tuple(
            copied[letter] for letter in "hplt"
        )
        assert "-DEPTH = 4\n+DEPTH = 5\n" in copied["d"]
        exported = {letter: cast(str, make()) for letter, make in screen.exportable().items() if letter in "mtj"}
        assert exported["m"].startswith("# wt0\n") and "+DEPTH = 5" in exported["m"]
        assert exported["t"].startswith("share\tloss\trun\n0.01\t") and f"\t{run}\n" in exported["t"]
        assert (run, 50) == ((found := json.loads(exported["j"]))["run"], len(found["curves"]["own"]))


# Cells


@pytest.mark.parametrize(
    ("shown", "text", "start", "width"),
    [
        ("bcd", "abcdef", 1, 3),
        ("ef", "abcdef", 4, 9),
        ("", "abc", 5, 2),
        (" 本", "日本語", 1, 3),
        ("語", "日本語", 4, 4),
    ],
)
def test_a_window_of_a_line_is_cut_by_cells(shown: str, text: str, start: int, width: int) -> None:
    """A glyph of two cells that is cut in two leaves a blank, so that everything behind it keeps its place."""
    assert shown == "".join(part for part, _ in window(((text, "text"),), start, width))


async def test_a_terminal_of_middle_width_has_a_second_pane(tmp_path: Path) -> None:
    """The log below the chosen pane; below 100 columns the chosen one alone."""
    async with sitting_at(small_lab(tmp_path), (120, 35)) as person:
        await person.press("2")
        assert ("[Diff]" in person.text, "no run yet" in person.text) == (True, True)
        await person.resize(99, 35)
        assert "no run yet" not in person.text
