"""What is local only never reaches a remote model: not by its editor, its commands, its smoke check or its brief."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from agentcore import events as ev
from agentcore.agents import NoProposal, Proposal
from agentcore.agents.coding import CodingAgent
from agentcore.agents.command import CommandAgent
from agentcore.agents.connection import Connection
from agentcore.agents.editor import ToolError
from agentcore.agents.pacing import Pacing
from agentcore.agents.search import SearchAgent
from agentcore.agents.tools import Tools
from agentcore.brief.privacy import UNSAID, is_loopback, stays_here, telling
from agentcore.brief.text import Brief
from agentcore.brief.transcript import Transcript
from agentcore.engine.walls import BARE, Containment
from agentcore.project.seed import prompts_folder
from agentcore.worktree import proposing
from agentcore.worktree.workspace import Workspace
from tests import toy
from tests.agentcore.labs import Desk, Instant, desk
from worktrees import repository
from worktrees.project import CommandSettings, ModelSettings, Privacy
from worktrees.runs import RunFolder, RunResult
from worktrees.sandbox import Backend

SECRET = "patient-4711"
LAB = toy.LAB.replace('edit = ["train.py"]', 'edit = ["train.py", "model/net.py"]')
PRIVACY = '[privacy]\nlocal_only = ["data/**", "**/*.private", "model/notes/*.md", ".lab/data/train/*.bin"]\n'
FILES = {
    "data/a/cases.csv": SECRET,
    "top.private": SECRET,
    "model/notes/cases.md": SECRET,
    "model/notes/open.txt": "open",
    "model/net.py": "NET = 1\n",
    "README": "open",
}
UNTRACKED = {"data/b/more.csv": SECRET, "model/new.private": SECRET}
CORPUS = {"tokens.bin": SECRET, "vocabulary.txt": "open"}
CLOSED = ("data/a/cases.csv", "top.private", "model/notes/cases.md")
BACKENDS: tuple[Backend, ...] = ("full", "reduced")


@dataclass
class Case:
    """A lab with files that are local only, and the tools of one proposal in wt0."""

    at: Desk
    tools: Tools
    workspace: Workspace

    async def use(self, tool: str, **arguments: object) -> str:
        """Return what the model sees of a call, whether it is an error or not."""
        try:
            return await self.tools.use(tool, arguments)
        except ToolError as error:
            return str(error)

    async def bash(self, command: str) -> str:
        """Run a command."""
        return await self.use("bash", command=command)

    async def view(self, path: str) -> str:
        """Look at a file."""
        return await self.use("str_replace_based_edit_tool", command="view", path=path)

    async def submit(self, check: str) -> str:
        """Hand an edit in whose smoke check runs `check`."""
        lab = self.at.lab
        lab.project = replace(lab.project, commands=replace(lab.project.commands, smoke=("{python}", "-S", "train.py")))
        (self.workspace.folder / "train.py").write_text(f"RATE = 0.2\nDEPTH = 4\n{check}\n")
        return await self.use("submit", hypothesis="faster: it is too slow")

    def printed(self) -> list[str]:
        """Return what programs printed, as the transcript on this machine keeps it."""
        rows = map(json.loads, self.at.lab.paths.transcript("wt0", 1).read_text().splitlines())
        return [row["text"] for row in rows if row["kind"] == "output"]


def fill(folder: Path, files: Mapping[str, str]) -> None:
    """Write files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@asynccontextmanager
async def private(root: Path, walls: Backend = "full", privacy: str = PRIVACY) -> AsyncIterator[Desk]:
    """Open a lab whose repository and training text hold what is local only."""
    toy.make(root, lab=LAB + privacy)
    fill(root, FILES)
    shutil.rmtree(root / ".git")
    repository.initialise(root, "Start")
    async with desk(root) as at:
        at.lab.walls = Containment(walls, "wanted") if walls != "none" else BARE
        fill(at.lab.paths.data / "train", CORPUS)
        yield at


@asynccontextmanager
async def case(root: Path, walls: Backend = "full", *, is_local: bool = False) -> AsyncIterator[Case]:
    """Open it while wt0's agent thinks."""
    async with private(root / "lab", walls) as at:
        at.lab.record(ev.ThinkingStarted("wt0", "anthropic"))
        transcript = Transcript(at.lab.paths.transcript("wt0", 1), at.lab.scrubber, at.lab.clock)
        workspace = Workspace(at.lab, "wt0", transcript, is_local=is_local)
        edit = at.lab.project.project.edit
        try:
            yield Case(at, Tools(Brief("wt0", "", "", edit, {}, ()), workspace, 20.0), workspace)
        finally:
            transcript.close()


# --- Whose model is where ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.1:8080/v1", True),
        ("https://127.8.9.10", True),
        ("http://[::1]:8080", True),
        (None, False),
        ("", False),
        ("localhost:8080", False),
        ("http://10.0.0.7:8080", False),
        ("http://localhost.example.com", False),
        ("http://localhost@example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://[", False),
    ],
)
def test_only_a_loopback_address_is_this_machine(url: str | None, expected: bool) -> None:
    """Whatever else there is in the address; what cannot be read is remote."""
    assert expected == is_loopback(url)


def test_an_agent_is_remote_unless_it_says_otherwise() -> None:
    """A coding agent by its server's address, the search agent has no model, any other program is not known."""

    def coding(url: str | None) -> CodingAgent:
        return CodingAgent(ModelSettings(), Connection("key", None, url, {}), Pacing(1, 0, 1.0, lambda: 0.0))

    agents = [coding("http://[::1]:1"), SearchAgent(1), coding(None), CommandAgent(CommandSettings()), object()]
    assert [True, True, False, False, False] == list(map(stays_here, agents))


# --- Commands and the editor ---


@pytest.mark.parametrize("walls", BACKENDS)
async def test_no_command_reads_what_is_local_only(tmp_path: Path, walls: Backend) -> None:
    """Neither cat nor a script, tracked or not, in the worktree or the training text; what lies beside it is read."""
    async with case(tmp_path, walls) as each:
        fill(each.workspace.folder, UNTRACKED)
        train = each.at.lab.paths.data / "train"
        closed = [*CLOSED, *UNTRACKED, train / "tokens.bin"]
        script = 'python3 -c "import sys; print(open(sys.argv[1]).read())"'
        said = [await each.bash(f"{how} {path}") for how in ("cat", script) for path in closed]
        said.append(await each.bash(f"grep -r . . {train}"))
        seen = await each.bash(f"cat README model/notes/open.txt {train}/vocabulary.txt model/net.py")
        assert ([], "openopenopenNET = 1\n") == ([text for text in said if SECRET in text], seen)


@pytest.mark.parametrize("walls", BACKENDS)
async def test_a_local_model_reads_everything(tmp_path: Path, walls: Backend) -> None:
    """What it reads stays on this machine."""
    async with case(tmp_path, walls, is_local=True) as each:
        said = [await each.bash(f"cat {path}") for path in CLOSED] + [await each.view(path) for path in CLOSED]
        assert [True] * 2 * len(CLOSED) == [SECRET in text for text in said]


async def test_the_editor_tells_name_and_size(tmp_path: Path) -> None:
    """And not the content; a folder's name only."""
    stub = "is local only ([privacy] in lab.toml): trainings read it, its content is not shown here"
    async with case(tmp_path) as each:
        assert (f"top.private (12 bytes) {stub}", f"data {stub}", "     1\topen") == (
            await each.view("top.private"),
            await each.view("data"),
            await each.view("README"),
        )


@pytest.mark.parametrize("path", ["link/cases.md", "model/../data/a/cases.csv", "renamed/cases.md"])
async def test_no_other_name_opens_it(tmp_path: Path, path: str) -> None:
    """A link on the way, dots, or another name for a folder around it, by the editor and by a command."""
    async with case(tmp_path) as each:
        await each.bash("ln -s model/notes link; mv model/notes renamed; mv model other; mv other/notes renamed")
        assert [False, False] == [SECRET in await each.view(path), SECRET in await each.bash(f"cat {path}")]


async def test_a_folder_renamed_around_it_shows_nothing(tmp_path: Path) -> None:
    """The patterns do not match there any more, the files are the same."""
    async with case(tmp_path) as each:
        await each.bash("mv model other")
        closed, seen = "other/notes/cases.md", "other/notes/open.txt"
        said = [await each.bash(f"cat {closed}"), await each.view(closed)]
        assert ([False, False], "open") == ([SECRET in text for text in said], await each.bash(f"cat {seen}"))


async def test_the_editor_does_not_answer_guesses(tmp_path: Path) -> None:
    """Whether a text occurs, or how many lines there are, is content."""
    async with case(tmp_path) as each:
        said = [
            await each.use(
                "str_replace_based_edit_tool", command="str_replace", path="top.private", old_str=guess, new_str=""
            )
            for guess in (SECRET, "something else")
        ]
        assert (said[0], True) == (said[1], "is local only" in said[0])


@pytest.mark.parametrize("target", ["/usr", ".", "missing", "train.py", "../../data"])
async def test_a_link_takes_nothing_away_that_the_lab_needs(tmp_path: Path, target: str) -> None:
    """An agent could hide its own tools, and the lab would stop for walls that do not stand."""
    async with case(tmp_path) as each:
        await each.bash(f"ln -s {target} x.private")
        again = Workspace(each.at.lab, "wt0", each.workspace.transcript)
        each.tools = Tools(Brief("wt0", "", "", (), {}, ()), again, 20.0)
        assert ("RATE = 0.1\n", "") == (await each.bash("grep ^RATE train.py"), each.at.lab.breach)


async def test_without_walls_nothing_is_started(tmp_path: Path) -> None:
    """Nothing would hide it: neither from a command nor from what a smoke check leaves."""
    async with case(tmp_path, "none") as each:
        said = [await each.bash("cat top.private"), await each.submit("")]
        assert ["without a sandbox nothing hides what is local only ([privacy] in lab.toml)"] * 2 == said


# --- The smoke check ---


@pytest.mark.parametrize("walls", BACKENDS)
async def test_the_smoke_check_reads_it(tmp_path: Path, walls: Backend) -> None:
    """As a training does."""
    async with case(tmp_path, walls) as each:
        assert "submitted" == await each.submit(f"assert all(open(p).read() == {SECRET!r} for p in {CLOSED!r})")


async def test_what_a_smoke_check_prints_stays_here(tmp_path: Path) -> None:
    """The model learns the exit code; the transcript on this machine has the words."""
    async with case(tmp_path) as each:
        said = await each.submit("raise SystemExit(open('top.private').read())")
        assert (f"the smoke check failed (exit code 1); {UNSAID} ([privacy] in lab.toml)", [SECRET]) == (
            said,
            each.printed(),
        )


@pytest.mark.parametrize("walls", BACKENDS)
async def test_what_a_smoke_check_leaves_is_out_of_reach(tmp_path: Path, walls: Backend) -> None:
    """It writes to a folder of its own, which no command of the agent sees, and to nothing else."""
    check = (
        "import os, sys; text = open('top.private').read(); print(text)\n"
        "for folder in (os.environ['NIGHTLAB_OUT'], os.environ['TMPDIR'], '.', 'model', sys.argv[0] + '/..'):\n"
        "    try:\n        open(folder + '/left.txt', 'w').write(text)\n    except OSError:\n        pass\n"
        "raise SystemExit(1)"
    )
    async with case(tmp_path, walls) as each:
        await each.bash("true")
        await each.submit(check)
        seen = await each.bash(f'grep -r {SECRET} . "$TMPDIR" {each.at.lab.paths.scratch}')
        apart = each.at.lab.paths.scratch_of("wt0-smoke") / "smoke" / "left.txt"
        assert (SECRET, [], False) == (
            apart.read_text(),
            [*each.workspace.folder.rglob("left.txt"), *each.workspace.scratch.rglob("left.txt")],
            SECRET in seen,
        )


# --- The brief ---


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (f"ValueError: could not convert string to float: '{SECRET}'", f"ValueError ({UNSAID})"),
        (f"torch.OutOfMemoryError: {SECRET}", f"torch.OutOfMemoryError ({UNSAID})"),
        ("AssertionError", f"AssertionError ({UNSAID})"),
        (f"train was killed by SIGABRT: {SECRET}", f"train was killed by SIGABRT ({UNSAID})"),
        ("train passed its limit of 600 s", f"train passed its limit of 600 s ({UNSAID})"),
        (
            "train held 900 MiB of memory, its limit is 800 MiB",
            f"train held 900 MiB of memory, its limit is 800 MiB ({UNSAID})",
        ),
        ("invalid: floor: the score 0.1 is below 0.5", f"invalid: floor ({UNSAID})"),
        (SECRET, UNSAID),
        (f"{SECRET} Error: no", UNSAID),
        (f"ValueError {SECRET}", UNSAID),
    ],
)
def test_of_an_error_only_the_name_is_told(reason: str, told: str) -> None:
    """Its message may quote a file."""
    assert told == telling(reason)


@dataclass
class Crashing(Instant):
    """An executor whose runs print a line of their data and crash."""

    def submit(self, folder: RunFolder) -> None:
        """Crash."""
        folder.log.write_text(f"reading {SECRET}\nTraceback (most recent call last):\nValueError: {SECRET}\n")
        result = RunResult(
            ending="crash", score=None, reason=f"ValueError: {SECRET}", exit_code=1, started=1.0, ended=2.0,
            stage_s={}, stage_cpu_s={}, peak_mb=1.0,
        )  # fmt: skip
        folder.result.write_bytes(msgspec.json.encode(result))


@dataclass
class Reader:
    """An agent that only reads its brief."""

    is_local: bool
    name: str = "reader"
    read: list[str] = field(default_factory=list)

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Keep it."""
        self.read.append(brief.text)
        raise NoProposal("it only reads")


@pytest.mark.parametrize(("is_local", "told"), [(False, [False, True]), (True, [True, False])])
async def test_a_crash_is_told_without_what_it_printed(tmp_path: Path, is_local: bool, told: list[bool]) -> None:
    """To the agent that may mend it and to all others; a local model gets the traceback."""
    async with private(tmp_path / "lab") as at:
        await at.work({})
        at.lab.executor = Crashing()
        await at.work({"wt0": [("RATE = 0.1", "RATE = 0.2")]})
        agent = Reader(is_local)
        for worktree in ("wt0", "wt1"):
            await proposing.propose(at.lab, agent, prompts_folder(), worktree)
        assert "attempt 1 of 2" in agent.read[0]
        assert [told, told] == [[SECRET in text, f"ValueError ({UNSAID})" in text] for text in agent.read]


# --- The backend `command` ---


@pytest.mark.parametrize(
    "reads",
    [
        'echo "Hypothesis: $(cat top.private)"',
        'ln -s "$PWD/top.private" "$NIGHTLAB_HYPOTHESIS"',
        'cat top.private > "$NIGHTLAB_HYPOTHESIS"; echo done',
    ],
)
async def test_a_program_hands_nothing_in_that_is_local_only(tmp_path: Path, reads: str) -> None:
    """By its output or its hypothesis, which all agents read."""
    script = tmp_path / "agent"
    script.write_text(f"#!/bin/sh\nsed -i 's/^RATE = .*/RATE = 0.3/' train.py\necho faster\n{reads}\n")
    script.chmod(0o755)
    async with private(tmp_path / "lab") as at:
        await at.work({})
        await proposing.propose(at.lab, CommandAgent(CommandSettings((str(script),))), prompts_folder(), "wt0")
        event = at.lab.state.recent[-1].event
        transcript = at.lab.paths.transcript("wt0", 1).read_text()
        assert isinstance(event, ev.ExperimentProposed), event
        assert (False, False) == (SECRET in event.hypothesis, SECRET in transcript)


@pytest.mark.parametrize("given", [".", "..", ".lab", "data", "top.private"])
async def test_a_program_that_is_given_the_lab_is_not_started(tmp_path: Path, given: str) -> None:
    """By [agents.command] read: it would see trunk's files, and those of every run."""
    async with private(tmp_path / "lab") as at:
        await at.work({})
        path = str((tmp_path / "lab" / given).resolve())
        agent = CommandAgent(CommandSettings(("/bin/true",), read=(path,)))
        await proposing.propose(at.lab, agent, prompts_folder(), "wt0")
        event = at.lab.state.recent[-1].event
        assert isinstance(event, ev.AgentFailed)
        assert event.reason.startswith(f"{path} shows the lab, where files are local only")


# --- Patterns ---


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("data/**", ["data", "data/a", "data/a/b.txt"]),
        ("data", ["data", "data/a", "data/a/b.txt"]),
        ("data/*", ["data/a", "data/a/b.txt"]),
        ("**/b.txt", ["data/a/b.txt", "b.txt"]),
        ("data/**/b.txt", ["data/a/b.txt"]),
        ("?.txt", ["b.txt"]),
        ("Data/**", []),
        ("b.tx", []),
        ("b.t.t", []),
    ],
)
def test_a_pattern_covers_what_it_names(pattern: str, covered: list[str]) -> None:
    """And all that lies in a folder that it names."""
    paths = ["data", "data/a", "data/a/b.txt", "b.txt", "database"]
    assert covered == [path for path in paths if Privacy((pattern,)).covers(path)]
