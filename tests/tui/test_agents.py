"""Stories of coding agents: what is seen while one thinks, what it costs, and how a person speaks to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from agentcore import events as ev
from agentcore import format as fmt
from agentcore.engine.control import Answer, serve
from tests.tui.driving import FakeEngine, Person, crooked, sitting_at
from tests.tui.labs import LabMaker, small_lab
from tests.tui.test_looks import HOSTILE
from tui.options import ViewOptions
from tui.snapshot import PLAIN
from tui.theme import choose

EDITOR = "str_replace_based_edit_tool"


@pytest.fixture
def lab(tmp_path: Path) -> LabMaker:
    """A coding agent in wt0 whose experiment #1 trains, the search agent in wt1."""
    lab = small_lab(tmp_path)
    lab.employ(wt0="anthropic")
    lab.think("wt0")
    lab.measure(lab.screen(lab.propose("wt0", "DEPTH 4 to 5")), 0.61)
    return lab


# Rows, detail, title


async def test_the_row_tells_of_the_run_and_the_rule_of_the_agent(lab: LabMaker) -> None:
    """While a slot trains its row stays about the run; what the agent is at meanwhile stands over the detail."""
    lab.propose("wt0", "DEPTH 5 to 6")
    lab.think("wt0")
    async with sitting_at(lab) as person:
        await person.moment(18)
        assert "▸ TRAIN   61% 9s" in person.row(" wt0 ")
        assert "agent THINK 18s on schedule; 1 proposal waits" in person.row("── wt0 #1")
        assert "why    DEPTH 4 to 5" in person.text
        await person.resize(160, 45)
        assert "wt0 #1  why: DEPTH 4 to 5" in person.row("agent THINK 18s on schedule; 1 proposal waits")


async def test_a_waiting_agent_says_until_when(lab: LabMaker) -> None:
    """Without a run a waiting agent is the row: when it comes back, and below that why."""
    lab.end_run(lab.state.experiments[1].run or 0, 1.7040)
    lab.decide(1, "drop", 1.7040)
    lab.think("wt0")
    lab.wait("wt0", "LIMIT", "429 rate_limit_error: slow down", back_s=420)
    back = f"back {fmt.clock(lab.now + 420)}"
    async with sitting_at(lab) as person:
        assert f"# LIMIT   {back}" in person.row(" wt0 ")
        assert f"agent  LIMIT {back}: 429 rate_limit_error: slow down" in person.text
        assert f"wt0 LIMIT 429 rate_limit_error: slow down, {back}" in person.text
        lab.wait("wt0", "THINK")
        await person.sees("agent  THINK")
        assert "◇ THINK" in person.row(" wt0 ")


async def test_a_wait_does_not_hide_the_run(lab: LabMaker) -> None:
    """An agent that waits while its slot trains costs the row nothing; the rule tells it."""
    lab.think("wt0")
    lab.wait("wt0", "LIMIT", "429 rate_limit_error: " + "slow down " * 50, back_s=420)
    async with sitting_at(lab) as person:
        assert "▸ TRAIN   61% 9s" in person.row(" wt0 ")
        assert f"agent LIMIT back {fmt.clock(lab.now + 420)}: 429 rate_limit_error" in person.row("── wt0 #1")
        assert [] == crooked(person.rows, 80)


async def test_a_refused_key_is_named(lab: LabMaker) -> None:
    """A barred agent needs a person; its worktree's detail says the word and who stands in."""
    lab.tell(ev.AgentBarred("anthropic", "key", "401 invalid x-api-key"))
    async with sitting_at(lab, (120, 30)) as person:
        assert "LIMIT key: 401 invalid x-api-key; the search agent stands in" in person.strip
        assert "agent LIMIT key: 401 invalid" in person.row("wt0 #1  why: DEPTH 4 to 5")


async def test_of_the_search_agent_no_thinking_is_told(lab: LabMaker) -> None:
    """It answers at once: a word about it would only flicker."""
    lab.tell(ev.AgentsAssigned({"wt0": "search"}))
    lab.think("wt0")
    async with sitting_at(lab) as person:
        assert "▸ TRAIN" in person.row(" wt0 ") and "agent" not in person.row("── wt0 #1")


async def test_a_dead_engine_thinks_nothing(tmp_path: Path) -> None:
    """Without an engine no agent is told to be at work."""
    lab = small_lab(tmp_path, alive=False)
    lab.employ(wt0="anthropic")
    lab.think("wt0")
    async with sitting_at(lab) as person:
        assert "as of" in person.row(" wt0 ") and "agent  THINK" not in person.text


async def test_the_title_says_what_the_models_cost(tmp_path: Path) -> None:
    """Dollars and the limit follow the count of experiments; without a model there is no such part."""
    lab = LabMaker(tmp_path)
    lab.begin(usd_limit=40)
    lab.create_trunk()
    lab.create_worktrees()
    lab.calibrate()
    async with sitting_at(lab, (160, 45)) as person:
        assert "$" not in person.text and "COST" not in person.text
        lab.employ(wt0="anthropic")
        lab.think("wt0")
        lab.spend("wt0", 14.2)
        await person.sees("0 experiments, 0 kept, 0 merged    $14.20/$40")
        assert "EXP    COST" in person.row("IDEA NOW")
        assert "$14.20" in person.row("◇ THINK") and "$" not in person.row("· IDLE")
        await person.resize(80, 24)
        assert "0 exp  $14.20/$40" in person.rows[0] and "COST" not in person.text


async def test_a_model_without_a_price_is_counted_in_tokens(lab: LabMaker) -> None:
    """A server of one's own costs nothing that is known: its tokens are told instead of $0.00."""
    lab.spend("wt0", 0.0, 41_000)
    async with sitting_at(lab) as person:
        assert "0 exp  41k tokens" in person.rows[0]


# The diff


async def test_the_diff_is_of_the_next_edit_while_the_agent_thinks(lab: LabMaker) -> None:
    """While the agent writes, its files are shown live; while it does not, what trains is."""
    assert lab.state.trunk
    base = lab.state.trunk.commit[:7]
    async with sitting_at(lab, (160, 45)) as person:
        await person.sees("+  # idea 1")
        assert f"wt0 #1, against {base}" in person.text
        lab.think("wt0")
        lab.edit("wt0", "DEPTH = 4", "DEPTH = 8")
        await person.sees("+  DEPTH = 8")
        assert "wt0 next edit" in person.text and "# idea 1" not in person.text
        await person.press("2")
        await person.sees(f"wt0 next edit, against {base}")
        lab.tell(ev.AgentFailed("wt0", "it gave up", "anthropic"))
        await person.sees(f"wt0 #1, against {base}")
        assert "# idea 1" in person.text
        lab.decide(1, "drop", 1.7040)
        await person.sees("wt0 live diff")
        assert "DEPTH = 8" in person.text


async def test_the_reader_shows_the_same_change(lab: LabMaker) -> None:
    """`d` opens what the pane shows."""
    async with sitting_at(lab) as person:
        await person.press("d")
        await person.sees("# idea 1")
        lab.think("wt0")
        lab.edit("wt0", "DEPTH = 4", "DEPTH = 8")
        await person.sees("DEPTH = 8")
        assert "wt0 next edit" in person.text


# The agent's steps


def work(lab: LabMaker) -> None:
    """Let the agent of wt0 take a few steps."""
    lab.transcribe("wt0", "brief", text="# The program\n" + "be bold\n" * 99)
    lab.transcribe("wt0", "usage", input=41_000, output=500, usd=0.12)
    lab.spend("wt0", 0.12, 41_500)
    lab.transcribe("wt0", "thought", text="Depth helped before rope did.\nSo one change at a time.")
    lab.transcribe("wt0", "message", text="prefer small changes")
    edit = {"command": "str_replace", "path": "train.py", "old_str": "DEPTH = 4", "new_str": "DEPTH = 5"}
    lab.transcribe("wt0", "tool", name=EDITOR, input=edit)
    lab.transcribe("wt0", "result", tool=EDITOR, ok=True, text="replaced; it now reads:\n1\tx")


async def test_an_agent_is_followed_step_by_step(lab: LabMaker) -> None:
    """The fourth pane holds one line per step as they come; what the turns cost stands over it."""
    lab.think("wt0")
    async with sitting_at(lab) as person:
        await person.press("2", "tab", "tab", "tab")
        assert "[Agent]" in person.rows[3] and "nothing yet" in person.text
        work(lab)
        await person.sees("result    2 lines: replaced; it now reads:")
        assert "brief     100 lines: # The program" in person.text
        assert "thought   Depth helped before rope did. …" in person.text
        assert ">         prefer small changes" in person.text
        assert "edit      str_replace train.py +1 -1" in person.text
        assert "usage" not in person.text
        assert "agent anthropic on schedule, $0.12" in person.row("following")
        await person.press("shift+tab")
        assert "[Curve]" in person.rows[3]


async def test_steps_stand_still_while_they_are_read(lab: LabMaker) -> None:
    """Scrolled up the pane is frozen and counts what came; `F` follows again; `{` goes to the step before."""
    lab.think("wt0")
    for number in range(50):
        lab.transcribe("wt0", "text", text=f"step {number}")
    async with sitting_at(lab) as person:
        await person.press("2", "tab", "tab", "tab")
        await person.sees("says      step 49")
        await person.press("k", "k")
        before = person.rows[5:18]
        lab.transcribe("wt0", "result", ok=False, text="it broke")
        lab.transcribe("wt0", "text", text="step 51")
        await person.sees("FROZEN, 2 newer  F: follow")
        assert before == person.rows[5:18]
        await person.press("F")
        assert "says      step 51" in person.text and "following" in person.text
        await person.press("left_curly_bracket")
        assert person.row("error     it broke").startswith(">")


async def test_the_next_transcript_follows_the_one_before(lab: LabMaker) -> None:
    """When the agent is asked again its new steps come below, to the last line of the old ones, even while frozen."""
    lab.think("wt0")
    for number in range(50):
        lab.transcribe("wt0", "text", text=f"step {number}")
    async with sitting_at(lab) as person:
        await person.press("2", "tab", "tab", "tab")
        await person.sees("says      step 49")
        await person.press("k", "k")
        before = person.rows[5:18]
        lab.transcribe("wt0", "failed", text="it gave up")
        lab.tell(ev.AgentFailed("wt0", "it gave up", "anthropic"))
        lab.think("wt0", "architecture")
        lab.transcribe("wt0", "text", text="of the second")
        await person.sees("FROZEN, 2 newer  F: follow")
        assert before == person.rows[5:18]
        await person.press("F")
        assert "failed    it gave up" in person.text and "says      of the second" in person.text
        assert "agent anthropic on architecture" in person.text


async def test_each_worktree_has_its_own_steps(lab: LabMaker) -> None:
    """`]` shows the neighbour's agent, `[` the first one's again, from its newest transcript."""
    lab.employ(wt1="anthropic")
    for name in ("wt0", "wt1"):
        lab.think(name)
        lab.transcribe(name, "text", text=f"of {name}")
    async with sitting_at(lab) as person:
        await person.press("2", "tab", "tab", "tab")
        await person.sees("of wt0")
        await person.press("right_square_bracket")
        await person.sees("of wt1")
        assert "of wt0" not in person.text
        await person.press("left_square_bracket")
        await person.sees("of wt0")
        assert "of wt1" not in person.text


async def test_a_wide_screen_has_four_panes_at_once(lab: LabMaker) -> None:
    """From 140 columns curve and agent stand at the right, the log below the diff; a searched worktree has no steps."""
    lab.think("wt0")
    work(lab)
    lab.log(1, "compiled\n")
    async with sitting_at(lab, (160, 45)) as person:
        await person.press("2")
        await person.sees("edit      str_replace train.py +1 -1")
        for title in ("wt0 next edit, against", "log of run", "curve loss", "agent anthropic on schedule"):
            assert title in person.text
        await person.press("tab", "tab", "tab")
        assert "━ agent anthropic" in person.text
        await person.press("right_square_bracket")
        assert "─ agent" not in person.text and "━ wt1 live diff" in person.text and "─ now" in person.text
        await person.press("tab", "tab")
        assert "━ curve" in person.text
        await person.press("tab")
        assert "━ wt1 live diff" in person.text


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (100, 30), (139, 40), (140, 15), (160, 45), (250, 70)])
async def test_hostile_steps_are_only_text_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whatever an agent or its provider says, lines keep their width and nothing but text is painted."""
    lab = small_lab(tmp_path)
    lab.employ(wt0="anthropic")
    lab.screen(lab.propose("wt0", HOSTILE))
    lab.think("wt0", HOSTILE)
    lab.spend("wt0", 123.45)
    lab.wait("wt0", "LIMIT", HOSTILE, back_s=60)
    lab.tell(ev.MessageSent("wt0", HOSTILE, "you"))
    lab.tell(ev.NoteTaken("wt0", HOSTILE))
    for kind in ("thought", "message", "result", "tool", "state"):
        lab.transcribe("wt0", kind, text=HOSTILE, name=HOSTILE, input={"command": HOSTILE}, state=HOSTILE)  # type: ignore[arg-type]
    async with sitting_at(lab, size) as person:
        for keys in ("1", "8", "2", "tab", "tab", "tab", "i"):
            await person.press(keys)
            _assert_harmless(person, size[0])
        await person.press("escape")
        if size[0] >= 140 and size[1] < 20:  # no room for a curve: one tab less
            await person.press("shift+tab")
        await person.sees("thought   [/] [red]x[/red]")
        _assert_harmless(person, size[0])


def _assert_harmless(person: Person, width: int) -> None:
    assert [] == crooked(person.rows, width)
    assert all(row.isprintable() for row in person.rows)


# Telling


async def test_i_tells_the_agent_a_line(lab: LabMaker) -> None:
    """`i` opens a line in which every letter is text; enter sends it to the engine, and its answer is shown."""
    engine = FakeEngine(Answer(0, "told wt0: read at the agent's next turn"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("i")
        assert "tell wt0" in person.text and "enter: send   esc: cancel" in person.text
        await person.press(*"mpq", "space", *"ropf", "backspace", "e", "y")
        assert "> mpq ropey" in person.text
        await person.press("enter")
        await person.sees("told wt0: read at the agent's next turn")
        assert "enter: send" not in person.text
    assert [("say", {"worktree": "wt0", "text": "mpq ropey"})] == [(c.verb, c.arguments) for c in engine.commands]


@pytest.mark.parametrize("keys", [("escape",), ("ctrl+c",), ("enter",), ("space", "enter")])
async def test_nothing_is_sent_without_words_or_after_esc(lab: LabMaker, keys: tuple[str, ...]) -> None:
    """`esc` and an empty line send nothing, and the screen's keys mean again what they meant."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("i", *(("y",) if len(keys) == 1 and keys[0] != "enter" else ()), *keys)
        assert "nothing was sent" == person.strip
        await person.press("j")
        assert person.row(" wt1 ").startswith(">")
    assert [] == engine.commands


async def test_a_line_is_edited_and_pasted_into(lab: LabMaker) -> None:
    """The keys of a shell's line work, pasted lines become one, a long line keeps its cursor on the screen."""
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("i", *"gone", "ctrl+u", *"ad not", "ctrl+w", "backspace")
        await person.press("left", *"bc", "home", "x", "delete", "end", "e")
        assert "> xbcde" in person.text
        person.view.post_message(events.Paste("1\r2\x1b[2J\r\n" + "w" * 100 + "end"))
        await person.sees("wwwend")
        assert "xbcde" not in person.text and [] == crooked(person.rows, 80)
        await person.press("enter")
        await person.until(lambda: bool(engine.commands))
    assert "xbcde1 2 " + "w" * 100 + "end" == engine.commands[0].arguments["text"]


async def test_a_paste_outside_of_a_line_does_nothing(lab: LabMaker) -> None:
    """What a pasted text spells is no keys."""
    async with sitting_at(lab) as person:
        before = person.text
        person.view.post_message(events.Paste("q8p"))
        await person.moment(0)
        assert before == person.text


async def test_what_was_refused_is_offered_again(lab: LabMaker) -> None:
    """A line that the engine did not take is not lost: `i` begins with it."""
    engine = FakeEngine(Answer(5, "not now"))
    async with serve(lab.paths.socket, engine), sitting_at(lab) as person:
        await person.press("i", *"rope", "enter")
        await person.sees("refused: not now")
        await person.press("i")
        assert "> rope" in person.text
        await person.press("escape", "i")
        assert "> rope" not in person.text


async def test_the_worktree_screen_tells_its_own_worktree(lab: LabMaker) -> None:
    """`i` on screen 2 speaks to the agent that is looked at."""
    lab.employ(wt1="anthropic")
    engine = FakeEngine()
    async with serve(lab.paths.socket, engine), sitting_at(lab, (160, 45)) as person:
        await person.press("2", "right_square_bracket", "i", "a", "enter")
        await person.until(lambda: bool(engine.commands))
    assert {"worktree": "wt1", "text": "a"} == engine.commands[0].arguments


async def test_telling_is_refused_with_a_reason(lab: LabMaker) -> None:
    """The search agent reads no words, a read-only view changes nothing, and neither opens a line."""
    async with sitting_at(lab) as person:
        await person.press("j", "i")
        assert "wt1 is worked by the search agent, which samples and reads no words" == person.strip
    async with sitting_at(lab, options=ViewOptions(readonly=True)) as person:
        await person.press("i")
        assert person.strip.startswith("read-only") and "enter: send" not in person.text


async def test_telling_needs_an_engine(tmp_path: Path) -> None:
    """Without an engine the key says how to start one."""
    lab = small_lab(tmp_path, alive=False)
    lab.employ(wt0="anthropic")
    async with sitting_at(lab) as person:
        await person.press("i")
        assert person.strip.startswith("the engine is not running") and "enter: send" not in person.text


async def test_agents_are_ascii_and_colourless_where_the_terminal_is(lab: LabMaker) -> None:
    """The text line, its cursor and the agent's pane need neither a glyph nor a colour."""
    look = choose("", env={"TERM": "xterm-256color", "LC_ALL": "C", "NO_COLOR": "1"}, ascii_only=False)
    lab.think("wt0")
    work(lab)
    assert choose("", env=PLAIN, ascii_only=False).name != look.name
    async with sitting_at(lab, (160, 45), look=look) as person:
        await person.press("2", "i", "a")
        assert person.text.isascii()
        segments = [segment for line in person.view.screen._compositor.render_strips() for segment in line]
        assert all(not s.style or s.style.color is None or s.style.color.is_default for s in segments)
        assert any(s.style and s.style.reverse and s.text == " " for s in segments)


async def test_help_explains_the_words_of_agents(lab: LabMaker) -> None:
    """States and outcomes that agents brought are in the tables of the help."""
    async with sitting_at(lab, (160, 90)) as person:
        await person.press("question_mark")
        for word in ("LIMIT", "CUT", "REFUSED", "FULL", "RETURNED", "Tell its agent something"):
            assert word in person.text
