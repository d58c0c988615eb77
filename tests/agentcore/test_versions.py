"""Each save of the researcher's texts is a version in git, which can be looked at, taken back and done again."""

from __future__ import annotations

from pathlib import Path

from agentcore import events as ev
from agentcore.brief import prompts
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Answer, Command
from agentcore.project.seed import prompts_folder
from tests.agentcore.labs import Desk, desk
from worktrees.repository import TEXTS


async def ask(at: Desk, verb: str) -> Answer:
    """Ask the engine's desk as ada."""
    return await Counter(at.lab, lambda reason, now: None).handle(Command(verb, "ada", {}))


def save(at: Desk, name: str, text: str) -> None:
    """Save a text as a person does, and let the engine notice."""
    path = at.lab.paths.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    prompts.follow(at.lab, prompts_folder())


def text_of(at: Desk, name: str) -> str | None:
    """Return a text as it is now; None where there is none."""
    path = at.lab.paths.root / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


async def test_each_version_is_a_commit_on_the_one_before(tmp_path: Path) -> None:
    """It holds exactly the lab's own texts, and says which of them were saved."""
    async with desk(tmp_path / "lab") as at:
        save(at, "program.md", "one")
        save(at, "directions/wild.md", "# Wild\n")
        state, repository = at.lab.state, at.lab.repository
        first, second = state.prompts_commits
        assert (second, first) == (repository.resolve(TEXTS), repository.parent_of(second))
        assert b"# Wild\n" == repository.version(second)["directions/wild.md"]
        assert {"directions/wild.md"} == repository.version(second).keys() - repository.version(first).keys()
        assert [(), ("directions/wild.md",)] == [each.files for each in at.told(ev.PromptsChanged)]  # type: ignore[attr-defined]


async def test_a_save_is_taken_back_and_done_again(tmp_path: Path) -> None:
    """Two of them, newest first; a file that a save made is gone again, and comes back."""
    async with desk(tmp_path / "lab") as at:
        for name, text in (("program.md", "one"), ("program.md", "two"), ("directions/wild.md", "# Wild\n")):
            save(at, name, text)
        assert "directions/wild.md reads as in v2 again" in (await ask(at, "undo")).message
        assert (None, "two") == (text_of(at, "directions/wild.md"), text_of(at, "program.md"))
        assert "program.md reads as in v1 again" in (await ask(at, "undo")).message
        assert "one" == text_of(at, "program.md")
        assert (await ask(at, "redo")).done and (await ask(at, "redo")).done
        assert ("# Wild\n", "two") == (text_of(at, "directions/wild.md"), text_of(at, "program.md"))
        assert 7 == at.lab.state.prompts


async def test_a_save_is_taken_back_by_the_next_engine(tmp_path: Path) -> None:
    """The commits and the journal are all that is needed; an edit while no engine ran is a version too."""
    async with desk(tmp_path / "lab") as at:
        save(at, "program.md", "one")
        at.lab.paths.program.write_text("two", encoding="utf-8")
    async with desk(tmp_path / "lab") as at:
        prompts.follow(at.lab, prompts_folder())
        assert (await ask(at, "undo")).done
        assert ("one", 3) == (text_of(at, "program.md"), at.lab.state.prompts)


async def test_an_edit_that_nobody_noticed_yet_is_not_overwritten(tmp_path: Path) -> None:
    """It becomes a version first, and the answer says that it is the one to take back now."""
    async with desk(tmp_path / "lab") as at:
        save(at, "program.md", "one")
        save(at, "program.md", "two")
        at.lab.paths.program.write_text("three", encoding="utf-8")
        refused = await ask(at, "undo")
        assert (False, "three") == (refused.done, text_of(at, "program.md"))
        assert "a text was saved since" in refused.message
        assert (await ask(at, "undo")).done
        assert "two" == text_of(at, "program.md")


async def test_a_text_of_nightlab_that_stands_in_is_no_save(tmp_path: Path) -> None:
    """A newer nightlab brings other templates: a version, but nothing that a person did."""
    async with desk(tmp_path / "lab") as at:
        save(at, "program.md", "one")
        carried = tmp_path / "carried"
        for path in prompts_folder().glob("*.md"):
            carried.mkdir(exist_ok=True)
            (carried / path.name).write_text(f"{path.read_text(encoding='utf-8')}\n")
        prompts.follow(at.lab, carried)
        assert (2, ()) == (at.lab.state.prompts, at.lab.state.actions)
