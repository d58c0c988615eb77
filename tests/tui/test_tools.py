"""Stories of what all screens share: palette, search, marks, the whole screen for one pane, copy, export."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tui.clipboard import OSC52_BYTES, give, osc52
from tui.options import ViewOptions
from tui.sheets.lift import BECAUSE


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A lab with a READY candidate, a BLOCKED one, and one that was dropped."""
    lab = small_lab(tmp_path)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    lab.experiment("wt1", "seed 42 to 137", "keep", 1.6000)
    lab.tell(ev.CandidateMoved(2, "BLOCKED", "gain above [gate] max_gain", "engine"))
    lab.experiment("wt0", "ROPE_BASE 10k to 20k", "drop", 1.7040)
    return lab


async def test_the_palette_finds_an_action_without_a_key_and_runs_it(lab: LabMaker) -> None:
    """`:` lift offers "lift rule"; enter asks, and only a deliberate y sends it."""
    engine = FakeEngine(Answer(0, "#2 goes on to its confirmation"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press(":", *"lift")
        assert "> lift rule" in person.row("lift rule")
        await person.press("enter")
        assert "Lift the rule for wt1 #2?" in person.text and "gain above [gate] max_gain" in person.text
        await person.moment(0.6)
        await person.press("y")
        await person.sees("#2 goes on to its confirmation")
    assert [("release", {"experiment": 2, "because": BECAUSE})] == [(c.verb, c.arguments) for c in engine.commands]


async def test_the_palette_says_why_an_action_cannot_act(lab: LabMaker) -> None:
    """What cannot act here stays listed with its reason, and enter does not run it; esc closes."""
    async with sitting_at(lab) as person:
        await person.press("ctrl+p", *"undo")
        assert "not now: nothing to undo" in person.row("> undo")
        await person.press("enter")
        assert "> undo" in person.text
        await person.press("escape")
        assert "> undo" not in person.text and person.rows[0].startswith(" 1 LAB")
        await person.press(":", *"verify")
        assert "not now: on screen queue" in person.row("> verify")


async def test_every_letter_in_the_palette_is_text(lab: LabMaker) -> None:
    """`q`, `j` and `y` are typed, not obeyed; arrows choose."""
    async with sitting_at(lab) as person:
        await person.press(":", *"qjy")
        assert "no action has such a name" in person.text
        await person.press(*["backspace"] * 3, "down")
        assert person.row("> worktree")
        await person.press("enter")
        assert person.rows[0].startswith(" 2 WORKTREE")


async def test_a_list_is_filtered_as_one_types(lab: LabMaker) -> None:
    """On the queue `/` shortens the list, enter keeps it short, esc lists all again and only then goes up."""
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("3", "/", *"seed")
        assert "candidates that hold seed: 1" in person.text and "WARMUP 0.05" not in person.row(" wt0 #1")
        await person.press("enter")
        assert "seed 42 to 137" in person.row("> BLOCKED")
        await person.press("escape")
        assert "WARMUP 0.05 to 0.02" in person.row("READY")
        assert person.rows[0].startswith(" 3 QUEUE")
        await person.press("escape")
        assert person.rows[0].startswith(" 1 LAB")


async def test_events_are_filtered_and_follow_their_filter(lab: LabMaker) -> None:
    """Only lines that hold the word are listed, new ones too; esc in the line forgets it."""
    async with sitting_at(lab) as person:
        await person.press("8", "/", *"blocked", "enter")
        assert "events that hold blocked: 1" in person.rows[2]
        lab.tell(ev.CandidateMoved(2, "BLOCKED", "once more", "engine"))
        lab.think("wt0")
        await person.until(lambda: "events that hold blocked: 2" in person.rows[2])
        await person.press("/", "escape")
        assert ("hold blocked" not in person.text and "THINK" in person.text) or "KEEP" in person.text


async def test_n_goes_through_the_matches_of_a_text(lab: LabMaker) -> None:
    """In a diff `/` goes to the first place, n and N to the others; a word that is nowhere is told."""
    lab.edit("wt1", "DEPTH = 4", "DEPTH = 5\nALPHA = 1\n" + "\n".join(f"x{n} = {n}" for n in range(60)) + "\nALPHA = 2")
    lab.tell(ev.CandidateMoved(2, "HELD", "held", "you"))
    async with sitting_at(lab) as person:
        await person.press("j", "d")
        await person.sees("ALPHA = 1")
        await person.press("/", *"ALPHA", "enter", "n")
        assert "ALPHA: 2 of 2" == person.strip and "ALPHA = 2" in person.text
        await person.press("N")
        assert "ALPHA = 1" in person.text and "ALPHA = 2" not in person.text
        await person.press("/", *"zz", "enter")
        assert "ALPHAzz is not in here" == person.strip


async def test_space_marks_and_the_marked_are_copied_together(lab: LabMaker) -> None:
    """A marked row has its star; `y` `p` gives the folders of all marked, one on each line."""
    async with sitting_at(lab) as person:
        await person.press("space", "j", "space")
        assert person.row(" wt0 ").startswith(" *") and person.row(" wt1 ").startswith(">*")
        await person.press("y", "p")
        await person.sees("2 lines given to your terminal; also in .lab/clipboard")
        folders = [str(lab.paths.worktree(name)) for name in ("wt0", "wt1")]
        assert folders == lab.paths.clipboard.read_text().splitlines()
        await person.press("space")
        assert person.row(" wt1 ").startswith("> ")


async def test_f_gives_a_pane_the_whole_screen_and_esc_takes_it_back(lab: LabMaker) -> None:
    """tab moves the focus, f enlarges the pane that has it; esc is first for that."""
    async with sitting_at(lab, (160, 45)) as person:
        before = person.text
        await person.press("tab", "f")
        assert "wt0 live diff" in person.rows[2] and "merge queue" not in person.text
        await person.press("escape", "shift+tab")
        await person.until(lambda: person.text.splitlines()[2:] == before.splitlines()[2:])
        assert person.rows[0].startswith(" 1 LAB")


async def test_a_copy_menu_closes_on_any_other_key(lab: LabMaker) -> None:
    """`y` `q` copies nothing and does not close the view."""
    async with sitting_at(lab) as person:
        await person.press("y")
        assert ("h  hash" in person.text and "m  message" in person.text) or "p  path" in person.text
        await person.press("q")
        assert "nothing was copied" == person.strip and not lab.paths.clipboard.exists()


async def test_a_hash_is_copied_in_full(lab: LabMaker) -> None:
    """`y` `h` on a candidate is the commit that a merge would be made of; the file is for its owner alone."""
    async with sitting_at(lab) as person:
        await person.press("3", "y", "h")
        commit = lab.state.candidates[1].commit
        await person.sees(f"{commit[:8]} given to your terminal; also in .lab/clipboard")
    assert lab.state.candidates[1].commit == lab.paths.clipboard.read_text()
    assert 0o600 == stat.S_IMODE(lab.paths.clipboard.stat().st_mode)


async def test_tmux_is_given_the_text_by_its_own_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside tmux the text goes through `load-buffer -w -`, and nothing is sent to the terminal."""
    stub = tmp_path / "tmux"
    stub.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\ncat > {tmp_path}/taken\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sent: list[str] = []
    said = await give("7f3a91c2", file=tmp_path / "clipboard", env={"TMUX": "x"}, write=sent.append)
    assert "7f3a91c2 given to tmux (prefix ]) and to your terminal; also in" in said
    taken = [(tmp_path / name).read_text() for name in ("called", "taken", "clipboard")]
    assert (["load-buffer -w -\n", "7f3a91c2", "7f3a91c2"], []) == (taken, sent)


async def test_a_tmux_that_refuses_is_told_and_the_file_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own words are passed on; nobody is told that it has the text."""
    stub = tmp_path / "tmux"
    stub.write_text("#!/bin/sh\ncat >/dev/null\necho no server running >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said = await give("ab", file=tmp_path / "clipboard", env={"TMUX": "x"}, write=lambda text: None)
    assert said.startswith("ab not taken by tmux (no server running); also in")


async def test_outside_tmux_the_terminal_is_asked_up_to_a_size(tmp_path: Path) -> None:
    """74,994 bytes are sent as OSC 52, one more is not; the file has both."""
    sent: list[str] = []
    fits, over = "x" * OSC52_BYTES, "x" * (OSC52_BYTES + 1)
    await give(fits, file=tmp_path / "clipboard", env={}, write=sent.append)
    said = await give(over, file=tmp_path / "clipboard", env={}, write=sent.append)
    assert [osc52(fits)] == sent and 100_000 == len(sent[0]) - len("\x1b]52;c;") - 1 + 8
    assert "too long for a terminal's clipboard" in said and over == (tmp_path / "clipboard").read_text()


async def test_a_list_is_written_in_three_forms_and_as_a_picture(lab: LabMaker) -> None:
    """`E` and a letter write below .lab/exports; the strip says where. Text from outside breaks no form."""
    lab.experiment("wt1", "a | b\tc\nd", "keep", 1.6980)
    async with sitting_at(lab) as person:
        await person.press("3")
        for letter in "mtjs":
            await person.press("E", letter)
            await person.sees("written: .lab/exports/queue-")
    found = {path.suffix: path.read_text() for path in lab.paths.exports.iterdir()}
    assert {".md", ".tsv", ".json", ".svg"} == set(found)
    assert "a \\| b    c d" in found[".md"] and {7} == {line.count("\t") for line in found[".tsv"].splitlines()}
    rows = json.loads(found[".json"])
    assert "nightlab.queue/1" == rows["schema"] and "READY" == rows["rows"][0]["state"]
    assert found[".svg"].startswith("<svg")


async def test_what_the_mouse_selected_is_copied_by_ctrl_c(lab: LabMaker) -> None:
    """With --mouse a drag selects text within a pane; ctrl+c copies it, without frames, and the view stays."""
    async with sitting_at(lab, (160, 45), options=ViewOptions(mouse=True)) as person:
        await person.press("3")
        await person.sees("> READY")
        y = next(index for index, row in enumerate(person.rows) if "> READY" in row)
        x = person.rows[y].index("WARMUP")
        pilot = person.pilot
        assert pilot
        await pilot.mouse_down(offset=(x, y))
        await pilot.hover(offset=(x + 5, y))
        await pilot.mouse_up(offset=(x + 5, y))
        await person.press("ctrl+c")
        await person.sees("also in .lab/clipboard")
        assert "WARMUP" == lab.paths.clipboard.read_text()
        await pilot.click(offset=(150, 8))
        await person.sees("keys move diff")


async def test_without_a_selection_ctrl_c_detaches(lab: LabMaker) -> None:
    """It never reaches a training, and is a second way to leave."""
    async with sitting_at(lab) as person:
        await person.press("ctrl+c")
        await person.pilot.pause()  # type: ignore[union-attr]
    assert 0 == person.view.return_code


@pytest.mark.parametrize("size", [(52, 12), (250, 70)])
async def test_what_lies_over_a_screen_holds_at_every_size(lab: LabMaker, size: tuple[int, int]) -> None:
    """Palette, menus, search and help keep every line as wide as the terminal, also while it is resized."""
    async with sitting_at(lab) as person:
        for keys in ((":",), ("y",), ("E",), ("/",), ("?",)):
            await person.press(*keys)
            await person.resize(*size)
            assert {size[0]} == {sum(segment.cell_length for segment in strip) for strip in strips(person)}
            await person.resize(80, 24)
            await person.press("escape")


def strips(person: object) -> list[object]:
    """Return the painted lines."""
    return list(person.view.screen._compositor.render_strips())  # type: ignore[attr-defined]
