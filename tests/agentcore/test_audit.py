"""A lab tells whether its journal and transcripts are as they were written, and who did what in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.agents import NoProposal, Proposal
from agentcore.brief.scrub import LEFT_OUT, Scrubber
from agentcore.brief.text import Brief
from agentcore.brief.transcript import Step, Tail, Transcript
from agentcore.engine import launch
from agentcore.engine.lab import AUDIT
from agentcore.journal import chain
from agentcore.journal.acts import Act, acts, decisions
from agentcore.journal.audit import Report, Unverifiable, verify
from agentcore.journal.breaks import Finding
from agentcore.journal.rows import Journal, JournalError, Reader
from agentcore.plan import Limits
from agentcore.project.seed import prompts_folder
from agentcore.queue import promoter
from agentcore.state import LabState
from agentcore.worktree import proposing
from agentcore.worktree.workspace import ARGUMENT_CHARACTERS, Workspace
from tests import toy
from tests.agentcore.labs import Desk, desk
from tests.engines import nightlab
from worktrees import confined, sandbox
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK, Repository

FASTER = ("RATE = 0.1", "RATE = 0.3")
WORSE = ("DEPTH = 4", "DEPTH = 8")


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that its engine has left: one merge, one experiment that was dropped after it, one failed turn."""
    root = tmp_path_factory.mktemp("merged") / "lab"

    async def work() -> None:
        async with desk(root) as at:
            await at.work({"wt0": [FASTER]})
            await promoter.promote(at.lab, 1, "you")
            await at.work({"wt1": [WORSE]})
            at.lab.record(ev.WorktreePaused("wt1", "by you", "you"))
            await proposing.propose(at.lab, Running(["false"]), prompts_folder(), "wt1")

    asyncio.run(work())
    return root


@pytest.fixture
def paths(merged: Path, tmp_path: Path) -> LabPaths:
    """A copy of it to do things to; its worktrees are not needed."""
    shutil.copytree(merged, tmp_path / "lab", symlinks=True, ignore=shutil.ignore_patterns("worktrees", "scratch"))
    return LabPaths(tmp_path / "lab")


class Running:
    """An agent that runs commands, one after the other, and gives up."""

    name = "running"

    def __init__(self, *commands: list[str], wall_s: float = 20.0) -> None:
        self._commands = commands
        self._wall_s = wall_s

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Run them."""
        for argv in self._commands:
            try:
                await workspace.run(argv, self._wall_s)
            except confined.CannotStart:
                continue
        raise NoProposal("that was all")


def edit(paths: LabPaths, *statements: str) -> None:
    """Change the journal behind the engine's back."""
    with closing(sqlite3.connect(paths.journal)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def kinds(report: Report) -> list[str]:
    """Return what was found."""
    return [finding.kind for finding in report.findings]


def first_transcript(paths: LabPaths) -> Path:
    """Return the file of the experiment that was merged."""
    return paths.transcript("wt0", 1)


# --- Verifying ---


def test_a_lab_that_nobody_touched_is_as_it_was_written(paths: LabPaths) -> None:
    """With its head at the last row, and what was compared in numbers."""
    report = verify(paths)
    assert report.head is not None
    assert ((), report.rows, 0, 1, 0, 3, 0) == (
        report.findings,
        report.head.seq,
        report.chained_later,
        report.commits,
        report.commits_without,
        report.transcripts,
        report.transcripts_without,
    )


async def test_a_lab_at_work_can_be_verified(tmp_path: Path) -> None:
    """Its engine has the journal open, and has named no row for a while."""
    async with desk(tmp_path / "lab") as at:
        await at.work({"wt0": [FASTER]})
        assert () == verify(at.lab.paths).findings


def test_verifying_writes_nothing(paths: LabPaths) -> None:
    """Neither the journal nor its companions change."""
    files = [paths.journal, chain.head_file(paths.journal), chain.key_file(paths.journal)]
    before = [path.read_bytes() for path in files]
    verify(paths)
    assert before == [path.read_bytes() for path in files]


def test_an_edited_row_is_named(paths: LabPaths) -> None:
    """One finding, with its number."""
    edit(paths, "UPDATE events SET body = replace(body, 'you', 'her') WHERE type = 'WorktreePaused'")
    with closing(sqlite3.connect(paths.journal)) as db:
        row = db.execute("SELECT seq FROM events WHERE type = 'WorktreePaused'").fetchone()[0]
    assert [("edited", row)] == [(each.kind, each.row) for each in verify(paths).findings]


def test_an_end_that_was_cut_off_is_found_by_the_head(paths: LabPaths) -> None:
    """What is left is whole; audit.head names more."""
    last = verify(paths).rows
    edit(paths, f"DELETE FROM events WHERE seq > {last - 2}")
    assert [
        Finding(
            "truncated",
            f"by audit.head the journal ends at row {last - 2}, but row {last} was written: its end is missing",
            last - 1,
        )
    ] == list(verify(paths).findings)


def test_an_end_that_was_cut_off_is_found_by_trunk(paths: LabPaths) -> None:
    """Also where audit.head was taken back to an older one that the engine had signed."""
    rows = paths.dot / "copy.sqlite"
    shutil.copy(paths.journal, rows)
    key = chain.key_of(paths.journal)
    with closing(sqlite3.connect(paths.journal)) as db:
        older = chain.Head(*db.execute("SELECT seq, hash FROM events WHERE seq = 10").fetchone())
    chain.witness(paths.journal, key, older)
    edit(paths, "DELETE FROM events WHERE seq > 10")
    commit = Repository(paths.root).resolve(TRUNK)
    assert commit is not None
    report = verify(paths)
    assert (["truncated"], True) == (kinds(report), report.findings[0].text.startswith(f"trunk commit {commit[:7]}"))


def test_a_head_that_is_gone_is_a_finding(paths: LabPaths) -> None:
    """Whoever cuts the end off may remove the witness."""
    chain.head_file(paths.journal).unlink()
    assert ["contradicted"] == kinds(verify(paths))


@pytest.mark.parametrize(
    ("trailer", "kind"),
    [
        ("Journal: 5 " + "ab" * 32, "contradicted"),
        ("Journal: 99999 " + "ab" * 32, "truncated"),
        ("Journal: the fifth", "contradicted"),
    ],
)
def test_a_trunk_commit_that_names_no_row_of_the_journal_is_found(paths: LabPaths, trailer: str, kind: str) -> None:
    """Another row, a row that is not there, or nothing that is a row."""
    put_on_trunk(paths, f"by hand\n\nExperiment: #1\n{trailer}\n")
    assert [kind] == kinds(verify(paths))


def put_on_trunk(paths: LabPaths, message: str) -> None:
    """Add a commit to trunk by hand."""
    repository = Repository(paths.root)
    trunk = repository.resolve(TRUNK)
    assert trunk is not None
    commit = repository.land(repository.tree_of(trunk), trunk, message)
    subprocess.run(["git", "-C", str(paths.root), "update-ref", TRUNK, commit], check=True, timeout=20)


@pytest.mark.parametrize(
    "message", ["by hand\n", "Journal: 5 " + "ab" * 32, "Journal: 5 " + "ab" * 32 + "\n\nExperiment: #1\n", ""]
)
def test_a_commit_by_hand_names_no_row(paths: LabPaths, message: str) -> None:
    """A subject, which an agent may word, is no trailer."""
    put_on_trunk(paths, message)
    report = verify(paths)
    assert ((), 1, 1) == (report.findings, report.commits, report.commits_without)


def test_a_transcript_that_was_changed_is_named(paths: LabPaths) -> None:
    """One byte is enough."""
    file = first_transcript(paths)
    file.write_bytes(file.read_bytes().replace(b"0.3", b"0.4"))
    (finding,) = verify(paths).findings
    assert ("changed", True) == (finding.kind, finding.text.startswith("transcripts/wt0/000001.jsonl was changed"))


def test_a_transcript_that_was_added_to_is_named(paths: LabPaths) -> None:
    """A turn that has ended has ended."""
    with first_transcript(paths).open("a") as file:
        file.write("\n")
    assert ["changed"] == kinds(verify(paths))


@pytest.mark.parametrize("instead", [None, "folder", "link", "pipe"])
def test_a_transcript_that_is_gone_is_named(paths: LabPaths, instead: str | None) -> None:
    """Whatever lies there instead; a pipe that nobody writes to holds nothing up."""
    file = first_transcript(paths)
    file.rename(paths.dot / "elsewhere")
    match instead:
        case "folder":
            file.mkdir()
        case "link":
            file.symlink_to(paths.dot / "elsewhere")
        case "pipe":
            os.mkfifo(file)
    (finding,) = verify(paths).findings
    assert ("missing", True) == (finding.kind, finding.text.startswith("transcripts/wt0/000001.jsonl is missing"))


def test_what_is_written_to_a_transcript_behind_its_writers_back_is_found(tmp_path: Path) -> None:
    """The hash is of what the engine wrote, not of what lies in the file at the end."""
    transcript = Transcript(tmp_path / "t.jsonl", Scrubber(), lambda: 1.0)
    transcript.write("text", text="mine")
    with (tmp_path / "t.jsonl").open("a") as file:
        file.write('{"at": 1, "kind": "text", "text": "not mine"}\n')
    transcript.write("text", text="mine again")
    honest = Transcript(tmp_path / "honest.jsonl", Scrubber(), lambda: 1.0)
    for text in ("mine", "mine again"):
        honest.write("text", text=text)
    assert honest.seal() == transcript.seal()


def test_a_turn_without_a_hash_is_counted(paths: LabPaths) -> None:
    """A nightlab before this one kept none."""
    with Journal(paths.journal) as journal:
        journal.append(1.0, ev.ThinkingStarted("wt0", "search"))
        journal.append(1.0, ev.AgentFailed("wt0", "nothing new", "search"))
    report = verify(paths)
    assert ((), 3, 1) == (report.findings, report.transcripts, report.transcripts_without)


def test_a_turn_that_a_kill_cut_short_is_no_finding(paths: LabPaths) -> None:
    """Its transcript has no end, so no hash; the numbers of those after it are right all the same."""
    with Journal(paths.journal) as journal:
        journal.append(1.0, ev.ThinkingStarted("wt0", "search"))
        journal.append(1.0, ev.ThinkingStarted("wt0", "search"))
        transcript = Transcript(paths.transcript("wt0", 3), Scrubber(), lambda: 1.0)
        transcript.write("failed", text="nothing new")
        journal.append(1.0, ev.AgentFailed("wt0", "nothing new", "search", transcript_sha256=transcript.seal()))
    assert () == verify(paths).findings


# --- What cannot be verified ---


def test_without_the_key_nothing_is_known(paths: LabPaths) -> None:
    """That is said, and not that all is well."""
    rows = verify(paths).rows
    chain.key_file(paths.journal).unlink()
    words = rf"the key is missing: .*audit\.key; .*Without it no hash of the {rows} rows can be computed"
    with pytest.raises(Unverifiable, match=words):
        verify(paths)


def test_with_another_key_nothing_is_genuine(paths: LabPaths) -> None:
    """A key that somebody made up does not let the journal pass."""
    chain.create_key(paths.journal)
    assert ["edited", "contradicted"] == kinds(verify(paths))


def test_a_lab_that_never_started_has_nothing_to_verify(tmp_path: Path) -> None:
    """No journal, and no key either."""
    with pytest.raises(Unverifiable, match="there is no journal yet"):
        verify(toy.make(tmp_path / "lab"))


def test_a_journal_that_is_not_chained_yet_says_who_will_do_it(tmp_path: Path) -> None:
    """It was written by an earlier nightlab."""
    paths = toy.make(tmp_path / "lab")
    paths.dot.mkdir(exist_ok=True)
    table = "CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL, type TEXT, body BLOB)"
    edit(paths, table, "PRAGMA user_version=1")
    with pytest.raises(Unverifiable, match=r"not chained yet.*nightlab start"):
        verify(paths)


# --- The alarm ---


async def test_an_engine_raises_the_alarm_when_the_end_is_missing(paths: LabPaths) -> None:
    """A person is told; the report tells it for ever, although audit.head is renewed."""
    last = verify(paths).rows
    edit(paths, f"DELETE FROM events WHERE seq > {last - 2}")
    async with desk(paths.root) as at:
        warned = at.lab.state.warnings.get(AUDIT, "")
    report = verify(paths)
    assert (True, ["alarm"], last - 1) == (
        f"row {last} was written" in warned,
        kinds(report),
        report.findings[0].row,
    )


async def test_an_alarm_ends_with_the_engine_that_raised_it(paths: LabPaths) -> None:
    """The next one finds nothing new; verify still does."""
    edit(paths, f"DELETE FROM events WHERE seq > {verify(paths).rows - 2}")
    for _ in range(2):
        async with desk(paths.root) as at:
            warnings = dict(at.lab.state.warnings)
    assert ({}, ["alarm"]) == (warnings, kinds(verify(paths)))


async def test_an_engine_does_not_start_on_rows_that_make_no_sense(paths: LabPaths) -> None:
    """One was deleted in the middle: no state follows, and the message names the command that says where."""
    edit(paths, "DELETE FROM events WHERE seq = 5")
    with pytest.raises(JournalError, match="nightlab audit verify says where"):
        async with desk(paths.root):
            pass


# --- What agents did ---


async def ran(at: Desk, *commands: list[str], wall_s: float = 20.0) -> list[Step]:
    """Let an agent run commands; return what its transcript says of them."""
    await at.work({})
    await proposing.propose(at.lab, Running(*commands, wall_s=wall_s), prompts_folder(), "wt0")
    return [step for step in Tail(at.lab.paths.transcript("wt0", 1)).read() if step.kind == "command"]


async def test_a_command_is_written_down_with_its_end(tmp_path: Path) -> None:
    """What it was, its exit code, how it ended, how much it printed, and what contained it."""
    async with desk(tmp_path / "lab") as at:
        (step,) = await ran(at, ["sh", "-c", "printf four; exit 7"])
        fields = {name: value for name, value in step.fields.items() if name != "wall_s"}
        assert {
            "argv": ["sh", "-c", "printf four; exit 7"],
            "code": 7,
            "ended_by": "exit",
            "output_bytes": 4,
            "sandbox": sandbox.backend(),
        } == fields


async def test_a_command_that_took_too_long_is_written_down(tmp_path: Path) -> None:
    """It has no exit code."""
    async with desk(tmp_path / "lab") as at:
        (step,) = await ran(at, ["sleep", "60"], wall_s=0.2)
        assert ("time", None, True) == (step.fields["ended_by"], step.fields["code"], step.fields["wall_s"] >= 0.2)


async def test_a_command_that_could_not_start_is_written_down(tmp_path: Path) -> None:
    """With the reason."""
    async with desk(tmp_path / "lab") as at:
        (step,) = await ran(at, ["/nowhere/to/be/found"])
        assert ("not started", None, True) == (
            step.fields["ended_by"],
            step.fields["code"],
            "/nowhere/to/be/found" in step.fields["text"],
        )


async def test_a_command_that_the_engine_ended_is_written_down(tmp_path: Path) -> None:
    """The engine left while it ran; the turn's hash covers that too."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        started = at.lab.paths.worktree("wt0") / "started"
        running = Running(["sh", "-c", "touch started; sleep 60"], wall_s=60.0)
        turn = asyncio.create_task(proposing.propose(at.lab, running, prompts_folder(), "wt0"))
        async with asyncio.timeout(20):
            while not started.exists():
                await asyncio.sleep(0.01)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        steps = list(Tail(at.lab.paths.transcript("wt0", 1)).read())
        assert (["cancelled"], ()) == (
            [step.fields["ended_by"] for step in steps if step.kind == "command"],
            verify(at.lab.paths).findings,
        )


async def test_an_argument_is_shortened_and_holds_no_secret(tmp_path: Path) -> None:
    """A brief may be one."""
    async with desk(tmp_path / "lab") as at:
        at.lab.scrubber = Scrubber(["a-secret-value"])
        (step,) = await ran(at, ["true", "x" * 10_000, "key=a-secret-value"])
        assert ["true", "x" * ARGUMENT_CHARACTERS + "…", f"key={LEFT_OUT}"] == step.fields["argv"]


async def test_acts_name_worktree_turn_and_experiment(tmp_path: Path) -> None:
    """The smoke check of an experiment's turn is its act, what another turn ran is not."""
    async with desk(tmp_path / "lab") as at:
        await ran(at, ["true"])
        await proposing.propose(at.lab, Trying(), prompts_folder(), "wt0")
        everything = acts(at.lab.paths, at.lab.state)
        assert ([("wt0", 1, None), ("wt0", 2, 1)], everything[1:], everything, []) == (
            [(act.worktree, act.proposal, act.experiment) for act in everything],
            acts(at.lab.paths, at.lab.state, experiment=1),
            acts(at.lab.paths, at.lab.state, worktree="wt0"),
            acts(at.lab.paths, at.lab.state, worktree="wt1"),
        )


class Trying:
    """An agent that makes an edit and tries it."""

    name = "trying"

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Do it."""
        path = workspace.folder / "train.py"
        path.write_text(path.read_text().replace(*FASTER))
        await workspace.run(["python", "-c", "pass"], 20.0)
        return Proposal("faster")


def write(path: Path, *steps: tuple[str, dict[str, object]]) -> None:
    """Write a transcript, a second a step."""
    ticks = iter(range(1, 100))
    transcript = Transcript(path, Scrubber(), lambda: float(next(ticks)))
    for kind, fields in steps:
        transcript.write(kind, **fields)  # type: ignore[arg-type]
    transcript.close()


def told(paths: LabPaths, *steps: tuple[str, dict[str, object]]) -> list[Act]:
    """Return the acts of a lab with one transcript."""
    write(paths.transcript("wt7", 1), *steps)
    return acts(paths, LabState(), worktree="wt7")


def result(tool: str, text: str, *, ok: bool = True) -> tuple[str, dict[str, object]]:
    """Return the step of a tool's answer."""
    return "result", {"tool": tool, "ok": ok, "text": text}


def test_a_tool_that_was_refused_says_by_which_rule(tmp_path: Path) -> None:
    """The first line of what the model was told."""
    call = {"name": "edit", "input": {"command": "create", "path": "evaluate.py", "file_text": "x = 1"}}
    refusal = result("edit", "only train.py may be changed\nmore", ok=False)
    assert [Act(1.0, "wt7", 1, None, "edit", ("create", "evaluate.py"), "only train.py may be changed")] == told(
        LabPaths(tmp_path), ("tool", call), refusal
    )


def test_a_bash_call_is_told_by_its_command(tmp_path: Path) -> None:
    """Not twice: the call, the command and its result are one act."""
    command = {"argv": ["bash", "-c", "ls"], "code": 0, "ended_by": "exit", "wall_s": 0.5, "output_bytes": 3}
    assert [Act(1.5, "wt7", 1, None, "run", ("bash", "-c", "ls"), "", 0, "exit", 0.5, 3, "none")] == told(
        LabPaths(tmp_path),
        ("tool", {"name": "bash", "input": {"command": "ls"}}),
        ("command", {**command, "sandbox": "none"}),
        result("bash", "a b"),
    )


def test_a_bash_call_that_ran_nothing_is_told_as_refused(tmp_path: Path) -> None:
    """Its arguments were no command."""
    (act,) = told(LabPaths(tmp_path), ("tool", {"name": "bash", "input": 7}), result("bash", "no command", ok=False))
    assert ("bash", (), "no command") == (act.tool, act.argv, act.refused)


def test_a_call_of_a_broken_reply_is_no_act(tmp_path: Path) -> None:
    """It was never carried out; the reply that was asked for again is."""
    note = {"name": "note", "input": {"text": "first"}}
    again = {"name": "note", "input": {"text": "again"}}
    found = told(LabPaths(tmp_path), ("tool", note), ("usage", {}), ("tool", again), ("usage", {}), result("note", ""))
    assert [("again",)] == [act.argv for act in found]


def test_calls_of_one_reply_have_their_own_results(tmp_path: Path) -> None:
    """In their order."""
    notes = [("tool", {"name": "note", "input": {"text": text}}) for text in ("a", "b")]
    found = told(LabPaths(tmp_path), *notes, ("usage", {}), result("note", "no", ok=False), result("note", "noted"))
    assert [(("a",), "no"), (("b",), "")] == [(act.argv, act.refused) for act in found]


@pytest.mark.parametrize("value", [None, 7, "x", [], {"a": 1}, True])
def test_a_transcript_may_hold_anything(tmp_path: Path, value: object) -> None:
    """Whoever can write to it: nothing there is a fault of the audit."""
    command = dict.fromkeys(("argv", "code", "ended_by", "wall_s", "output_bytes", "sandbox", "text"), value)
    found = told(
        LabPaths(tmp_path),
        ("command", command),
        ("tool", {"name": value, "input": value}),
        ("result", {"tool": value, "ok": False, "text": value}),
    )
    assert 2 == len(found)


def test_decisions_say_by_whom(paths: LabPaths) -> None:
    """A merge by a person, a pause by a person."""
    with closing(Reader(paths.journal)) as reader:
        taken = [entry.event for entry in decisions(reader.after(0))]
    by = [(type(each).__name__, each.by) for each in taken if isinstance(each, ev.TrunkMoved | ev.WorktreePaused)]
    assert [("TrunkMoved", "init"), ("TrunkMoved", "you"), ("WorktreePaused", "you")] == by


def test_an_experiment_that_broke_a_rule_is_a_decision(paths: LabPaths) -> None:
    """One that was measured and dropped is none."""
    with Journal(paths.journal) as journal:
        refused = journal.append(1.0, ev.ExperimentDecided(2, "invalid", None, None, None, "evaluate.py was changed"))
    with closing(Reader(paths.journal)) as reader:
        taken = [entry for entry in decisions(reader.after(0)) if isinstance(entry.event, ev.ExperimentDecided)]
    assert [refused] == taken


# --- The command ---


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """A toy lab after four experiments of a real engine."""
    paths = toy.make(tmp_path_factory.mktemp("audited") / "lab")
    assert launch.run_engine(paths, Limits(experiments=4), mode="gate") == 0
    return paths


@pytest.fixture
def broken(lab: LabPaths, tmp_path: Path) -> LabPaths:
    """A copy of it with a row that was edited."""
    shutil.copytree(lab.root, tmp_path / "lab", symlinks=True, ignore=shutil.ignore_patterns("worktrees"))
    paths = LabPaths(tmp_path / "lab")
    edit(paths, "UPDATE events SET body = replace(body, 'seed', 'need') WHERE type = 'RunStarted'")
    return paths


def test_verify_ends_with_0_where_all_is_well(lab: LabPaths) -> None:
    """And says so in its last line."""
    done = nightlab("audit", "verify", lab=lab.root)
    assert (0, "all is as it was written") == (done.returncode, done.stdout.splitlines()[-1])


def test_verify_ends_with_5_where_something_is_broken(broken: LabPaths) -> None:
    """The row is named on a line of its own."""
    done = nightlab("audit", "verify", lab=broken.root)
    named = [line for line in done.stdout.splitlines() if line.startswith("! edited: row ")]
    assert (5, 1, "BROKEN: not all is as it was written") == (
        done.returncode,
        len(named),
        done.stdout.splitlines()[-1],
    )


def test_verify_ends_with_1_without_the_key(broken: LabPaths) -> None:
    """One line, which names the file."""
    chain.key_file(broken.journal).unlink()
    done = nightlab("audit", "verify", lab=broken.root)
    assert (1, "", True) == (done.returncode, done.stdout, done.stderr.startswith("nightlab: the key is missing: "))


def test_verify_as_json_has_every_finding(broken: LabPaths) -> None:
    """For a script that watches a lab."""
    found = json.loads(nightlab("audit", "verify", "--json", lab=broken.root).stdout)
    assert ("nightlab.audit-verify/1", False, ["edited"]) == (
        found["schema"],
        found["ok"],
        [each["kind"] for each in found["findings"]],
    )


def test_verify_takes_no_worktree(lab: LabPaths) -> None:
    """Exit code 2: a part cannot be verified."""
    assert 2 == nightlab("audit", "verify", "wt0", lab=lab.root).returncode


def test_show_tells_what_was_decided(lab: LabPaths) -> None:
    """The start, and why it ended."""
    lines = nightlab("audit", "show", lab=lab.root).stdout.splitlines()
    assert (["TIME", "START", "STOP"]) == [lines[0].split()[0], lines[1].split()[-1], lines[-1].split()[-1]]


def test_show_tells_what_was_run(merged: Path) -> None:
    """Worktree, turn, command, exit code, how it ended, and that it was allowed."""
    lines = nightlab("audit", "show", "wt1", lab=merged).stdout.splitlines()
    (line,) = [each.split() for each in lines if " false " in each]
    assert ["wt1", "2", "-", "false", "1"] == line[2:7]
    assert ["exit", "allowed"] == line[8:]


def test_show_as_json_has_acts_and_decisions(merged: Path) -> None:
    """With everything that the table has to shorten."""
    found = json.loads(nightlab("audit", "show", "--json", lab=merged).stdout)
    (act,) = found["acts"]
    merges = [each["by"] for each in found["decisions"] if each["event"] == "TrunkMoved" and each["experiment"]]
    assert ("nightlab.audit-show/1", ["false"], "allowed", ["you"]) == (
        found["schema"],
        act["argv"],
        act["decision"],
        merges,
    )


def test_show_of_an_experiment_leaves_all_else_out(merged: Path) -> None:
    """With and without the #."""
    shown = [json.loads(nightlab("audit", "show", name, "--json", lab=merged).stdout) for name in ("1", "#1")]
    assert [[1], [1]] == [sorted({each["experiment"] for each in found["decisions"]}) for found in shown]


def test_show_of_something_else_says_what_there_is(merged: Path) -> None:
    """Exit code 2, worktrees and the last experiment."""
    done = nightlab("audit", "show", "wt9", lab=merged)
    assert (2, "nightlab: 'wt9' is neither a worktree (wt0, wt1) nor an experiment (the last is #2)\n") == (
        done.returncode,
        done.stderr,
    )
