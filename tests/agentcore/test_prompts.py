"""The researcher's words reach the agents as they stand, each change is one version, and a mistake in them is named."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief import prompts
from agentcore.brief.prompts import TEMPLATES, PromptError, Texts
from agentcore.project.seed import prompts_folder
from tests.agentcore.labs import Desk, desk
from tests.agentcore.tales import calibrated
from worktrees.layout import LabPaths

ORDER = ("a", "b", "c", "d", "e", "f", "g", "h")


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab with a program of its own and nothing else."""
    write(tmp_path / "lab" / "program.md", "Lower val_bpb.\n")
    return LabPaths(tmp_path / "lab")


def write(path: Path, text: str) -> None:
    """Write a text of the researcher's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def read(paths: LabPaths) -> Texts:
    """Read the texts of a lab."""
    return prompts.read(paths, prompts_folder())


def texts(own: dict[str, str] | None = None, **templates: str) -> Texts:
    """Return texts with the directions a to h, and these templates."""
    filled = {name: templates.get(name, "") for name in TEMPLATES}
    return Texts("", {name: f"# {name.upper()}\n" for name in ORDER}, own or {}, filled, "", {})


# --- What is read ---


def test_what_comes_with_nightlab_can_be_used() -> None:
    """Every template names variables that there are."""
    prompts.check(prompts.read(LabPaths(Path("/nowhere")), prompts_folder()))


def test_a_lab_without_files_gets_those_that_came_with_nightlab(paths: LabPaths) -> None:
    """Its templates and directions; the program is the lab's."""
    found = read(paths)
    carried = prompts_folder()
    assert (
        "Lower val_bpb.\n",
        (carried / "brief.md").read_text(),
        (carried / "directions" / "wild.md").read_text(),
    ) == (
        found.program,
        found.templates["brief"],
        found.directions["wild"],
    )


def test_a_file_of_the_labs_own_wins(paths: LabPaths) -> None:
    """Template or direction; the others stay."""
    write(paths.prompts / "system.md", "Be brief. $program")
    write(paths.directions / "wild.md", "# Wild\nMine.\n")
    write(paths.directions / "tokenizer.md", "# Tokenizer\n")
    found = read(paths)
    assert ("Be brief. $program", "# Wild\nMine.\n", True, True) == (
        found.templates["system"],
        found.directions["wild"],
        "tokenizer" in found.directions,
        "schedule" in found.directions,
    )


def test_a_file_named_like_a_worktree_is_no_direction_of_all(paths: LabPaths) -> None:
    """It is that worktree's own."""
    write(paths.directions / "wt0.md", "# Mine\n")
    write(paths.directions / "wtf.md", "# A name that only begins so\n")
    found = read(paths)
    assert ({"wt0": "# Mine\n"}, True, False) == (
        dict(found.own),
        "wtf" in found.directions,
        "wt0" in found.directions,
    )


@pytest.mark.parametrize("name", ["program.md", "prompts/brief.md", "directions/wild.md", "directions/wt0.md"])
def test_a_file_that_is_no_utf8_is_named(paths: LabPaths, name: str) -> None:
    """Whatever it was saved as."""
    write(paths.root / name, "")
    (paths.root / name).write_bytes("Größe".encode("latin-1"))
    with pytest.raises(PromptError, match=name):
        read(paths)


def test_what_an_editor_leaves_beside_a_file_is_no_direction(paths: LabPaths) -> None:
    """A lock that leads nowhere, a backup: no reason to stop."""
    paths.directions.mkdir()
    (paths.directions / ".#wild.md").symlink_to("ada@machine.1234:5678")
    write(paths.directions / "wild.md~", "old")
    write(paths.directions / ".wild.md.swp", "old")
    assert read(paths).directions.keys() == prompts.read(LabPaths(Path("/nowhere")), prompts_folder()).directions.keys()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda paths: write(paths.program, "Lower it more.\n"), id="program"),
        pytest.param(lambda paths: write(paths.prompts / "crash.md", "Mend it."), id="template"),
        pytest.param(lambda paths: write(paths.directions / "wild.md", "# Wilder\n"), id="direction"),
        pytest.param(lambda paths: write(paths.directions / "new.md", "# New\n"), id="new direction"),
        pytest.param(lambda paths: write(paths.directions / "wt0.md", "# Wild\n"), id="a worktree's own"),
    ],
)
def test_every_change_changes_the_digest(paths: LabPaths, change: Callable[[LabPaths], None]) -> None:
    """Else an experiment would record a version that its agent did not read."""
    before = read(paths).digest
    change(paths)
    after = read(paths).digest
    assert (True, after) == (before != after, read(paths).digest)


def test_a_change_that_is_taken_back_has_the_old_digest(paths: LabPaths) -> None:
    """A digest is of the text, not of the file's time."""
    before = read(paths).digest
    write(paths.program, "Other.\n")
    write(paths.program, "Lower val_bpb.\n")
    assert before == read(paths).digest


# --- Templates ---


@pytest.mark.parametrize("text", ["costs $5", "a $ alone", "ends with $", "${program", "$ {program}", "$-", "${}"])
def test_a_lone_dollar_sign_is_named(text: str) -> None:
    """With the file, and what to write instead."""
    with pytest.raises(PromptError, match=r"prompts/system\.md: a lone \$ sign; write \$\$"):
        prompts.check(texts(system=text))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("system", "$progrm", r"prompts/system\.md names \$progrm; known: edit, program"),
        ("system", "${Program}", r"names \$Program"),
        ("system", "$worktree", r"names \$worktree"),
        ("crash", "$source", r"prompts/crash\.md names \$source"),
        ("brief", "$zz $aa", r"names \$aa"),
    ],
)
def test_an_unknown_variable_is_named(name: str, text: str, message: str) -> None:
    """Each template has its own; letters count as they are written."""
    with pytest.raises(PromptError, match=message):
        prompts.check(texts(**{name: text}))


def test_two_dollar_signs_are_one() -> None:
    """And a name in braces may be followed by letters."""
    assert "$5 for xs" == prompts.fill(texts(system="$$5 for ${edit}s"), "system", {"edit": "x", "program": ""})


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    """A source file or a note may hold dollar signs of its own."""
    assert "$edit $5" == prompts.fill(texts(system="$program"), "system", {"edit": "x", "program": "$edit $5"})


# --- Directions ---


def dealt(
    count: int, rounds: int, own: dict[str, str] | None = None, order: tuple[str, ...] = ORDER
) -> list[list[str]]:
    """Return the directions that so many worktrees get in so many rounds."""
    names = tuple(f"wt{index}" for index in range(count))
    return [[prompts.direction(texts(own), order, names, name, asked) for name in names] for asked in range(rounds)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16])
def test_all_directions_are_dealt_out(count: int) -> None:
    """In as few rounds as so many worktrees need."""
    rounds = -(-len(ORDER) // count)
    assert set(ORDER) == {name for row in dealt(count, rounds) for name in row}


@pytest.mark.parametrize("count", [2, 3, 8])
def test_worktrees_do_not_look_at_the_same(count: int) -> None:
    """As long as there are directions enough."""
    assert [count] * 8 == [len(set(row)) for row in dealt(count, 8)]


def test_as_many_worktrees_as_directions_keep_to_theirs() -> None:
    """Each becomes an expert."""
    assert [list(ORDER)] * 3 == dealt(8, 3)


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_a_worktree_of_its_own_takes_no_direction_from_the_others(count: int) -> None:
    """What wt0 would have looked at is dealt to the rest."""
    rows = dealt(count, 8, {"wt0": "# Something else\n"})
    assert (["wt0"] * 8, set(ORDER)) == ([row[0] for row in rows], {name for row in rows for name in row[1:]})


@pytest.mark.parametrize(
    ("text", "name"),
    [("# B\n\nLook there.", "b"), ("\n\n## b\n", "b"), ("Something else\n", "wt0"), ("", "wt0"), ("#", "wt0")],
)
def test_a_file_of_its_own_fixes_a_worktrees_direction(text: str, name: str) -> None:
    """Under a name that there is, where its heading is one."""
    assert [name] * 5 == [row[0] for row in dealt(1, 5, {"wt0": text})]


def test_no_directions_are_none() -> None:
    """A lab may leave them out."""
    assert [["", ""]] == dealt(2, 1, order=())


def test_one_direction_is_everybodys() -> None:
    """Again and again."""
    assert [["c", "c"], ["c", "c"]] == dealt(2, 2, order=("c",))


def test_a_direction_without_a_file_is_named() -> None:
    """With those that there are."""
    with pytest.raises(PromptError, match=r"directions/zz\.md is missing; a, b, c"):
        dealt(1, 1, order=("zz",))


# --- Versions ---


async def test_a_version_is_recorded_once(tmp_path: Path) -> None:
    """However often it is read; a change is another one, and so is the way back."""
    async with desk(tmp_path / "lab") as at:
        for text in ("one", "one", "two", "two", "one"):
            write(at.lab.paths.program, text)
            prompts.follow(at.lab, prompts_folder())
        assert (3, 3) == (at.lab.state.prompts, len(at.told(ev.PromptsChanged)))


async def test_a_lab_that_is_opened_again_has_its_version(tmp_path: Path) -> None:
    """Nothing has changed meanwhile."""
    for _ in range(2):
        async with desk(tmp_path / "lab") as at:
            prompts.follow(at.lab, prompts_folder())
    assert 1 == at.lab.state.prompts


def test_an_experiment_records_the_version_that_its_agent_read() -> None:
    """Not the one that was saved while it thought."""
    tale = calibrated().tell(ev.PromptsChanged("one", ()), ev.ThinkingStarted("wt0"), ev.PromptsChanged("two", ()))
    tale.tell(ev.ExperimentProposed(1, "wt0", "anthropic", "c0", "t0", "c1", "t1", "an idea", 1, 1, ("train.py",)))
    assert (1, 2) == (tale.state.experiments[1].prompts, tale.state.prompts)


# --- Watching ---


@asynccontextmanager
async def watched(root: Path) -> AsyncIterator[Desk]:
    """A lab whose texts are watched."""
    async with desk(root) as at:
        watching = asyncio.create_task(prompts.watch(at.lab, prompts_folder()))
        await until(lambda: at.lab.state.prompts == 1)
        try:
            yield at
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def until(condition: Callable[[], object], again: Callable[[], object] = lambda: None) -> None:
    """Wait for a condition; `again` is done now and then meanwhile: a watcher needs a moment before it sees."""
    async with asyncio.timeout(20):
        for beat in range(10**6):
            if condition():
                return
            if beat % 20 == 0:
                again()
            await asyncio.sleep(0.02)


async def test_a_saved_program_is_noticed(tmp_path: Path) -> None:
    """Within seconds, with the file's name."""
    async with watched(tmp_path / "lab") as at:
        program = at.lab.paths.program
        await until(lambda: at.lab.state.prompts == 2, lambda: write(program, "Lower it.\n"))
        assert [("program.md",)] == [each.files for each in at.told(ev.PromptsChanged)[1:]]  # type: ignore[attr-defined]


async def test_a_program_that_an_editor_puts_in_its_place_is_noticed(tmp_path: Path) -> None:
    """Most editors write beside it and rename."""
    async with watched(tmp_path / "lab") as at:
        program = at.lab.paths.program

        def save() -> None:
            write(program.with_suffix(".tmp"), "Lower it.\n")
            os.replace(program.with_suffix(".tmp"), program)

        await until(lambda: at.lab.state.prompts == 2, save)
        assert "Lower it.\n" == read(at.lab.paths).program


async def test_a_folder_that_is_made_later_is_watched(tmp_path: Path) -> None:
    """A first direction of the lab's own."""
    async with watched(tmp_path / "lab") as at:
        path = at.lab.paths.directions / "wild.md"
        await until(lambda: at.lab.state.prompts == 2, lambda: write(path, "# Wild\nMine.\n"))
        await until(lambda: at.lab.state.prompts == 3, lambda: write(path, "# Wild\nMine, again.\n"))
        assert [("directions/wild.md",)] * 2 == [each.files for each in at.told(ev.PromptsChanged)[1:]]  # type: ignore[attr-defined]


async def test_a_template_that_cannot_be_used_is_a_warning_until_it_is_mended(tmp_path: Path) -> None:
    """Said once, and taken back."""
    async with watched(tmp_path / "lab") as at:
        template = at.lab.paths.prompts / "crash.md"
        await until(lambda: "prompts" in at.lab.state.warnings, lambda: write(template, "Mend $hypothsis"))
        await until(lambda: "prompts" not in at.lab.state.warnings, lambda: write(template, "Mend $hypothesis"))
        assert ["prompts/crash.md names $hypothsis"] == [
            each.message.partition(";")[0]  # type: ignore[attr-defined]
            for each in at.told(ev.WarningRaised)
        ]


async def test_a_template_that_cannot_be_used_costs_a_proposal_and_no_engine(tmp_path: Path) -> None:
    """Its mistake is the proposal's reason."""
    async with desk(tmp_path / "lab") as at:
        await at.work({})
        write(at.lab.paths.prompts / "brief.md", "$sorce")
        with suppress(AssertionError):
            await at.work({"wt0": [("RATE = 0.1", "RATE = 0.2")]}, rounds=2)
        failed = at.told(ev.AgentFailed)[-1]
        assert isinstance(failed, ev.AgentFailed)
        assert ("prompts/brief.md names $sorce", 0) == (failed.reason.partition(";")[0], len(at.lab.state.experiments))


@pytest.mark.parametrize("broken", ["$sorce", "$"])
async def test_notice_says_it_once(tmp_path: Path, broken: str) -> None:
    """However often it looks."""
    async with desk(tmp_path / "lab") as at:
        write(at.lab.paths.prompts / "brief.md", broken)
        for _ in range(3):
            prompts.notice(at.lab, prompts_folder())
        assert 1 == len(at.told(ev.WarningRaised))
