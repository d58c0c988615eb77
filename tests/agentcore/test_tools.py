"""The tools do what the model asks for, within limits, and tell it what went wrong in words that it can use."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agentcore import events as ev
from agentcore.agents.editor import ToolError
from agentcore.agents.tools import OUTPUT_CHARACTERS, SCHEMAS, Tools, trimmed
from agentcore.brief.scrub import LEFT_OUT, Scrubber
from agentcore.brief.text import Brief, Crash
from agentcore.brief.transcript import Transcript
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from agentcore.worktree.workspace import ARGUMENT_CHARACTERS, COMMAND_BYTES, NOTE_CHARACTERS, Workspace
from tests.agentcore.labs import Desk, Scripted, desk
from tests.worktrees.running import wait_for
from worktrees import processes

SECRET = "a-secret-value-of-the-researcher"
SMOKE = ("{python}", "-S", "-c", "import os; exec(open('train.py').read().split('if __name__')[0]); {check}")


@dataclass
class Case:
    """A lab, and the tools of one proposal in wt0."""

    at: Desk
    tools: Tools
    workspace: Workspace

    async def bash(self, command: str) -> str:
        """Run a command."""
        return await self.tools.use("bash", {"command": command})

    async def submit(self, hypothesis: str = "faster: it is too slow", **arguments: Any) -> str:
        """Hand the edit in."""
        return await self.tools.use("submit", {"hypothesis": hypothesis, **arguments})

    async def refused(self, use: Any) -> str:
        """Return why a call cannot be carried out."""
        with pytest.raises(ToolError) as caught:
            await use
        return str(caught.value)

    def edit(self, old: str = "RATE = 0.1", new: str = "RATE = 0.2") -> None:
        """Change the editable file."""
        path = self.workspace.folder / "train.py"
        path.write_text(path.read_text().replace(old, new))


@asynccontextmanager
async def case(
    root: Path, *, conflicts: tuple[int, ...] = (), crash: Crash | None = None, smoke: str = "", command_s: float = 20.0
) -> AsyncIterator[Case]:
    """Open a lab in which wt0's agent thinks."""
    async with desk(root / "lab") as at:
        lab = at.lab
        if smoke:
            argv = tuple(part.replace("{check}", smoke) for part in SMOKE)
            lab.project = replace(lab.project, commands=replace(lab.project.commands, smoke=argv))
        lab.scrubber = Scrubber([SECRET])
        lab.record(ev.ThinkingStarted("wt0", "anthropic"))
        transcript = Transcript(lab.paths.transcript("wt0", 1), lab.scrubber, lab.clock)
        workspace = Workspace(lab, "wt0", transcript)
        brief = Brief("wt0", "", "", ("train.py",), {}, (), conflicts, "", crash)
        try:
            yield Case(at, Tools(brief, workspace, command_s), workspace)
        finally:
            transcript.close()


# --- Commands ---


async def test_a_command_runs_in_the_worktree(tmp_path: Path) -> None:
    """What it prints comes back."""
    async with case(tmp_path) as each:
        assert "evaluate.py\nlab.toml\nprogram.md\ntrain.py\n" == await each.bash("ls")


async def test_a_command_that_prints_nothing_has_an_answer(tmp_path: Path) -> None:
    """An empty one would look like none."""
    async with case(tmp_path) as each:
        assert "(no output)" == await each.bash("true")


async def test_every_command_starts_afresh(tmp_path: Path) -> None:
    """Neither a folder nor a variable is kept."""
    async with case(tmp_path) as each:
        await each.bash("cd /; export X=1")
        assert f"{each.workspace.folder} .\n" == await each.bash('echo "$PWD $X."')


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo words; exit 3", "words\n\n(exit code 3)"),
        ("kill -9 $$", "\n(exit code 137)"),
        ("echo words; sleep 600", "words\n\n(ended after its limit of 0.3 s)"),
        ("if", "syntax error"),
        ("no-such-program", "command not found"),
        ("echo \0", "cannot be started"),
        ("echo \ud800", "cannot be started"),
        ("x" * 200_000, "cannot be started"),
    ],
)
async def test_a_command_that_fails_says_how(tmp_path: Path, command: str, message: str) -> None:
    """With what it had printed."""
    async with case(tmp_path, command_s=0.3) as each:
        assert message in await each.refused(each.bash(command))


PRINTS = "head -c 100000 /dev/zero | tr '\\0' y; truncate -s 40M /dev/stdout; sleep 600"
"""Much output that takes no room on the disk."""


async def test_a_command_that_prints_too_much_is_ended(tmp_path: Path) -> None:
    """Its beginning and its end are shown, and how much it was."""
    async with case(tmp_path) as each:
        said = await each.refused(each.bash(PRINTS))
        assert (True, True, True) == (
            said.startswith("yyyy"),
            "(ended: it printed 40 MiB)" in said,
            len(said) < OUTPUT_CHARACTERS + 200 < COMMAND_BYTES,
        )


@pytest.mark.parametrize("arguments", [{}, {"command": 5}, {"command": None}, {"command": ["ls"]}])
async def test_a_command_that_is_missing_is_said(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """The model sees the name of the argument."""
    async with case(tmp_path) as each:
        assert "command is missing" in await each.refused(each.tools.use("bash", arguments))


async def test_a_restart_is_accepted(tmp_path: Path) -> None:
    """Models ask for it; with a command the command counts."""
    async with case(tmp_path) as each:
        assert ("every call starts a fresh shell", "x\n") == (
            await each.tools.use("bash", {"restart": True}),
            await each.tools.use("bash", {"restart": True, "command": "echo x"}),
        )


async def test_emptying_home_costs_nothing(tmp_path: Path) -> None:
    """The folder is a scratch: it is there again for the next command, and what was printed is shown."""
    async with case(tmp_path) as each:
        first = await each.bash('echo x; rm -rf "$HOME"/*')
        assert ("x\n", "y\n") == (first, await each.bash('echo y > "$TMPDIR/y"; cat "$TMPDIR/y"'))


async def test_a_cancelled_tool_leaves_no_process(tmp_path: Path) -> None:
    """Neither the command nor what it had started."""
    async with case(tmp_path) as each:
        running = asyncio.create_task(each.bash("setsid sleep 600 & touch started; sleep 600"))
        await asyncio.to_thread(wait_for, (each.workspace.folder / "started").exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [] == processes.tagged(str(each.workspace.folder))


@pytest.mark.parametrize("before", [OUTPUT_CHARACTERS // 2 - 10, 200_000])
async def test_a_secret_that_the_cut_divides_is_left_out(tmp_path: Path, before: int) -> None:
    """At the border between what is shown and what is not, on both sides."""
    async with case(tmp_path) as each:
        filling = f"head -c {OUTPUT_CHARACTERS // 2 - 10} /dev/zero | tr '\\0' x"
        rest = f"head -c {before} /dev/zero | tr '\\0' x"
        shown = await each.bash(f"{filling}; echo -n {SECRET}; {rest}; echo -n {SECRET}; {filling}")
        assert [] == [part for part in (SECRET[:8], SECRET[-8:]) if part in shown]


async def test_a_secret_in_a_long_command_is_not_written_down(tmp_path: Path) -> None:
    """Nor half of it, where the command is cut."""
    async with case(tmp_path) as each:
        for filling in range(ARGUMENT_CHARACTERS - len(SECRET) - 3, ARGUMENT_CHARACTERS):
            await each.bash(f"true {'x' * (filling - 5)}{SECRET}")
        written = each.at.lab.paths.transcript("wt0", 1).read_text()
        assert SECRET[:8] not in written


# --- What is shown ---


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_short_output_is_shown_whole(tmp_path: Path, size: int) -> None:
    """Up to the limit itself."""
    (tmp_path / "output").write_text("ä" * size)
    assert "ä" * size == trimmed(tmp_path / "output", 100)


@pytest.mark.parametrize("letter", ["x", "ä", "€", "\U0001f600"])
@pytest.mark.parametrize("count", [101, 150, 400, 401, 1000, 100_000])
def test_a_long_output_is_cut_in_its_middle(tmp_path: Path, letter: str, count: int) -> None:
    """Half of the limit from either end, no broken characters, whatever they take on the disk."""
    (tmp_path / "output").write_text(f"<{letter * (count - 2)}>")
    head, told, tail = trimmed(tmp_path / "output", 100).split("\n")
    assert (f"<{letter * 49}", f"{letter * 49}>", True) == (head, tail, "left out" in told)


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    """In characters where all of it was read, in bytes where it was not."""
    (tmp_path / "output").write_text("ä" * 150)
    few = trimmed(tmp_path / "output", 100).split("\n")[1]
    (tmp_path / "output").write_text("ä" * 100_000)
    assert ("… 50 characters left out …", "… 199,800 bytes left out …") == (
        few,
        trimmed(tmp_path / "output", 100).split("\n")[1],
    )


@pytest.mark.parametrize("size", [50, 200, 100_000])
def test_an_output_that_is_no_text_is_shown_as_far_as_it_goes(tmp_path: Path, size: int) -> None:
    """A command may print anything."""
    (tmp_path / "output").write_bytes(b"\xff\x00" * size)
    assert 0 < len(trimmed(tmp_path / "output", 100)) < 200


# --- Notes ---


async def test_a_note_is_one_bounded_line(tmp_path: Path) -> None:
    """Without a secret; an empty one is none."""
    async with case(tmp_path) as each:
        for text in ("keep\n  this\x1b[0m", f"key {SECRET}", "x" * 2000, " \n "):
            await each.tools.use("note", {"text": text})
        assert ("keep this", f"key {LEFT_OUT}", "x" * NOTE_CHARACTERS) == each.at.lab.state.worktrees["wt0"].notes


@pytest.mark.parametrize("name", ["", "Bash", "git", "str_replace_editor"])
async def test_an_unknown_tool_is_told_the_known_ones(tmp_path: Path, name: str) -> None:
    """As they are written."""
    async with case(tmp_path) as each:
        said = await each.refused(each.tools.use(name, {}))
        assert [True] * 5 == [schema["name"] in said for schema in SCHEMAS]


# --- Submitting ---


async def test_an_edit_is_handed_in(tmp_path: Path) -> None:
    """In one line, with what is expected of it."""
    async with case(tmp_path) as each:
        each.edit()
        said = await each.submit("  faster:\n too slow ", expected_gain=0.01, why=f"because {SECRET}")
        proposal = each.tools.proposal
        assert proposal is not None
        assert ("submitted", "faster: too slow", {"expected_gain": 0.01, "why": f"because {LEFT_OUT}"}) == (
            said,
            proposal.hypothesis,
            proposal.detail,
        )


@pytest.mark.parametrize(
    ("gain", "kept"),
    [
        (1, 1.0),
        (-0.5, -0.5),
        *((none, None) for none in (True, "0.1", None, [], float("nan"), float("inf"), 10**400)),
    ],
)
async def test_an_expected_gain_is_a_number_or_none(tmp_path: Path, gain: Any, kept: float | None) -> None:
    """What is none after it was written down is none before, too."""
    async with case(tmp_path) as each:
        each.edit()
        await each.submit(expected_gain=gain)
        assert each.tools.proposal is not None
        assert kept == each.tools.proposal.detail["expected_gain"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "hypothesis is missing"),
        ({"hypothesis": 5}, "hypothesis is missing"),
        ({"hypothesis": " \n"}, "the hypothesis is empty"),
    ],
)
async def test_a_hypothesis_is_asked_for(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    """It is what people read."""
    async with case(tmp_path) as each:
        each.edit()
        assert message in await each.refused(each.tools.use("submit", arguments))


async def test_nothing_is_no_proposal(tmp_path: Path) -> None:
    """The model is told to edit first."""
    async with case(tmp_path) as each:
        assert ("nothing is changed: edit the file first", None) == (
            await each.refused(each.submit()),
            each.tools.proposal,
        )


async def test_what_was_tried_is_named(tmp_path: Path) -> None:
    """With its outcome, whoever tried it."""
    async with case(tmp_path) as each:
        agent = Scripted({"wt1": [("RATE = 0.1", "RATE = 0.2")]})
        await proposing.propose(each.at.lab, agent, prompts_folder(), "wt1")
        each.edit()
        waits = await each.refused(each.submit())
        each.at.lab.record(ev.ExperimentDecided(1, "drop", 1.0, -0.1, -1.0, ""))
        dropped = await each.refused(each.submit())
        assert (
            "this is exactly #1 (RATE = 0.1 → RATE = 0.2): waits for its run. Propose something else",
            "this is exactly #1 (RATE = 0.1 → RATE = 0.2): drop. Propose something else",
        ) == (waits, dropped)


async def test_other_files_are_put_back_and_the_edit_stays(tmp_path: Path) -> None:
    """The next submission is accepted."""
    async with case(tmp_path) as each:
        each.edit()
        (each.workspace.folder / "queue.py").touch()
        said = await each.refused(each.submit())
        assert ("you may change only train.py; put back as it was: queue.py", "submitted") == (
            said,
            await each.submit(),
        )


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda root: (root / ".git").unlink(), id="git is gone"),
        pytest.param(lambda root: (root / "evaluate.py").unlink() or (root / "evaluate.py").symlink_to("x"), id="link"),
    ],
)
async def test_a_worktree_in_ruins_is_mended(tmp_path: Path, tamper: Callable[[Path], object]) -> None:
    """The model is told, and its edit can be handed in after that."""
    async with case(tmp_path) as each:
        each.edit()
        tamper(each.workspace.folder)
        said = await each.refused(each.submit())
        assert ("you may change only train.py", "submitted") == (said.partition(";")[0], await each.submit())


async def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    """Nothing is made of it."""
    async with case(tmp_path) as each:
        (each.workspace.folder / "train.py").unlink()
        assert "link: train.py is missing or not a regular file" == await each.refused(each.submit())


# --- The smoke check ---


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("raise SystemExit(4)", "the smoke check failed (exit code 4)"),
        ("assert RATE < 0", "AssertionError"),
        ("print('last words', flush=True); os.abort()", "last words"),
    ],
)
async def test_a_smoke_check_that_fails_comes_back(tmp_path: Path, check: str, message: str) -> None:
    """With the end of what it printed, and nothing is proposed."""
    async with case(tmp_path, smoke=check) as each:
        each.edit()
        assert (True, None) == (message in await each.refused(each.submit()), each.tools.proposal)


async def test_a_smoke_check_that_hangs_comes_back(tmp_path: Path) -> None:
    """After its time."""
    async with case(tmp_path, smoke="import time; time.sleep(600)") as each:
        each.at.lab.profile = replace(each.at.lab.profile, smoke_wall_s=0.2)
        each.edit()
        assert "the smoke check did not end within 0.2 s" == await each.refused(each.submit())


async def test_a_smoke_check_that_prints_too_much_comes_back(tmp_path: Path) -> None:
    """It has no exit code."""
    async with case(tmp_path, smoke="os.truncate(1, 40 << 20); import time; time.sleep(600)") as each:
        each.edit()
        assert "the smoke check printed 40 MiB and was ended" == await each.refused(each.submit())


@pytest.mark.parametrize("instead", ["touch", "mkdir", "ln -s /"])
async def test_the_folder_of_the_smoke_check_may_be_taken(tmp_path: Path, instead: str) -> None:
    """By whatever an agent has tried out there."""
    async with case(tmp_path, smoke="open(os.environ['NIGHTLAB_OUT'] + '/model', 'x')") as each:
        each.edit()
        await each.bash(f'{instead} "$TMPDIR/smoke"')
        assert "submitted" == await each.submit()


async def test_a_smoke_check_knows_what_a_training_knows(tmp_path: Path) -> None:
    """On the CPU, with data, seed and a folder for its output."""
    names = "DATA OUT SEED BUDGET SCALE DEVICE"
    check = f"left = [n for n in '{names}'.split() if 'NIGHTLAB_' + n not in os.environ]; assert not left, left"
    async with case(tmp_path, smoke=check) as each:
        each.edit()
        assert "submitted" == await each.submit()


# --- Which idea it is ---


@pytest.mark.parametrize(
    ("hypothesis", "number"),
    [
        ("#1 again, on today's trunk", 1),
        ("again (#12): wider", 12),
        ("wider, unlike #13", None),
        ("wider, as in #123 and #120", None),
        ("1 layer more", None),
    ],
)
async def test_a_conflict_that_is_written_again_is_named(tmp_path: Path, hypothesis: str, number: int | None) -> None:
    """By its whole number: #1 is not in #12."""
    async with case(tmp_path, conflicts=(1, 12)) as each:
        each.edit()
        await each.submit(hypothesis)
        assert each.tools.proposal is not None
        assert number == each.tools.proposal.rework_of


@pytest.mark.parametrize(
    ("hypothesis", "mends"),
    [
        ("Rotary embeddings: positions matter", True),
        ("rotary embeddings with the right shape: positions matter", True),
        ("mends #3", True),
        ("mends #5: the shape", True),
        ("better than #31 and #50", False),
        ("a smaller batch: more steps", False),
    ],
)
async def test_a_mended_crash_is_known(tmp_path: Path, hypothesis: str, mends: bool) -> None:
    """By its words or its number; another idea is another idea."""
    crash = Crash(3, 5, 1, "rotary embeddings: positions matter")
    async with case(tmp_path, crash=crash) as each:
        each.edit()
        await each.submit(hypothesis)
        assert each.tools.proposal is not None
        assert mends == each.tools.proposal.mends


# --- The workspace ---


async def test_a_scratch_that_cannot_be_emptied_does_not_stop_the_next_proposal(tmp_path: Path) -> None:
    """Whatever an agent without walls made of it: a link, a file."""
    async with case(tmp_path) as each:
        scratch = each.workspace.scratch
        for make in (lambda: scratch.symlink_to("/"), scratch.touch):
            shutil.rmtree(scratch)
            make()
            again = Workspace(each.at.lab, "wt0", each.workspace.transcript)
            assert (True, False) == (again.scratch.is_dir(), scratch.is_symlink())


async def test_a_question_ends_the_proposal(tmp_path: Path) -> None:
    """On one line; an empty one, and one too many, are refused in words."""
    async with case(tmp_path) as each:
        assert "empty" in await each.refused(each.tools.use("ask_researcher", {"question": " \n"}))
        assert "asked" == await each.tools.use("ask_researcher", {"question": "may I\nuse 60G?"})
        assert "may I use 60G?" == each.tools.question
        for _ in range(3):
            each.at.lab.record(ev.QuestionAsked("wt0", "may I?", "anthropic"))
        assert "decide by yourself" in await each.refused(each.tools.use("ask_researcher", {"question": "and now?"}))
