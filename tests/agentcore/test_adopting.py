"""What a foreign project needs of this machine: its interpreter, caches, and what its runs will not see."""

from __future__ import annotations

import venv
from pathlib import Path

import pytest

from agentcore.project.adopting import interpreter, look
from agentcore.project.draft import AnswerError, Answers, Limit, lab_toml, limit_of
from agentcore.project.recognition import printed
from tests import foreign
from worktrees.project import parse

READS_HOME = foreign.TRAIN + "open(os.path.join(os.path.expanduser('~'), '.cache', 'mylab', 'data'))\n"


def repository(root: Path, train: str, **more: str) -> Path:
    """Make a repository of autoresearch's layout with that training."""
    files = {"train.py": train, "prepare.py": foreign.PREPARE, "program.md": "x\n"}
    return foreign.make(root, files | {name.replace("__", "."): text for name, text in more.items()})


def test_its_own_environment_is_its_interpreter(tmp_path: Path) -> None:
    """What `uv run` would take; a run sees it, and the Python that it was made from."""
    venv.create(tmp_path / ".venv", symlinks=True, with_pip=False)
    word, read = interpreter(tmp_path, {"VIRTUAL_ENV": "/elsewhere"})
    base = (tmp_path / ".venv" / "bin" / "python").resolve().parent.parent
    assert (str(tmp_path / ".venv/bin/python"), True) == (word, base == Path("/usr") or str(base) in read)


def test_without_one_it_is_that_of_nightlab(tmp_path: Path) -> None:
    """Which every sandbox shows."""
    assert ("{python}", ()) == interpreter(tmp_path, {})


def test_a_cache_in_the_home_folder_is_shown_to_runs(tmp_path: Path) -> None:
    """And the home folder is told by its name, where the script looks for it."""
    home = tmp_path / "home"
    (home / ".cache" / "mylab").mkdir(parents=True)
    (home / ".cache" / "other").mkdir()
    place = look(repository(tmp_path / "research", READS_HOME), {}, home)
    assert (("~/.cache/mylab",), str(home)) == (place.read, place.env["HOME"])


@pytest.mark.parametrize("words", ['"~/.cache/mylab/x"', '".cache", "mylab"', 'Path.home() / ".cache" / "mylab"'])
def test_a_cache_that_is_not_there_yet_is_named(words: str, tmp_path: Path) -> None:
    """The lab will not start without it, however it is written."""
    place = look(repository(tmp_path / "research", f"{foreign.TRAIN}expanduser({words})\n"), {}, tmp_path)
    assert (("~/.cache/mylab",), True) == (
        place.read,
        any(note.startswith("~/.cache/mylab is not there yet") for note in place.notes),
    )


@pytest.mark.parametrize(
    ("train", "more", "note"),
    [
        (foreign.TRAIN.replace("TRAIN_SEED", "X"), {}, "takes no seed"),
        (foreign.TRAIN + "open('corpus/a.txt')\n", {"__gitignore": "corpus\n"}, "corpus/ is not committed"),
        (foreign.TRAIN, {"uv__lock": ""}, "uv.lock without .venv"),
        (foreign.TRAIN, {"__gitmodules": ""}, "submodules are not in a run's checkout"),
        (foreign.TRAIN, {"__gitattributes": "*.bin filter=lfs\n"}, "Git LFS"),
        (foreign.TRAIN, {"results__tsv": "commit\n"}, "nightlab import results.tsv"),
    ],
)
def test_what_a_run_will_not_have_is_said(train: str, more: dict[str, str], note: str, tmp_path: Path) -> None:
    """Before the first night fails of it."""
    root = repository(tmp_path / "research", train, **more)
    (root / "corpus").mkdir()
    (root / "corpus" / "a.txt").write_text("a")
    assert any(note in each for each in look(root, {}, tmp_path).notes)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("accuracy >= 0.9", ("accuracy", "at_least", 0.9, False)),
        ("peak_vram_mb<=45000", ("peak_vram_mb", "at_most", 45000.0, True)),
        ("accuracy may lose 0.01", ("accuracy", "may_lose", 0.01, False)),
    ],
)
def test_a_guard_is_said_in_a_few_words(text: str, limit: tuple[object, ...]) -> None:
    """Its pattern is that of the line which prints it."""
    found = limit_of(text, printed(foreign.TRAIN, "train.py"))
    assert limit == (found.name, found.key, found.value, found.lower_is_better)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "write NAME >= NUMBER"),
        ("speed >= 3", "the training prints no such number, but accuracy"),
        ("accuracy >= .", "is no number"),
    ],
)
def test_a_guard_that_cannot_be_read_is_said(text: str, message: str) -> None:
    """With what there is."""
    with pytest.raises(AnswerError, match=message):
        limit_of(text, printed(foreign.TRAIN, "train.py"))


def test_whatever_the_answers_hold_the_file_is_one_that_parses() -> None:
    """Quotes, backslashes, brackets and accents in names, paths and patterns come back as they went in."""
    odd = "a \"b' \\ é.py"
    answers = Answers(
        'n"', ("sh", "-c", odd), (odd,), ("x y",), "m'", r"^'(\S+)\"", lower_is_better=False, budget_s=0.5,
        profile="cpu", python="{python}", env={"A": "{seed}", "b c": odd}, read=("/tmp/a b",),
        guards=(Limit("g.1 é", r"(\d)", "may_lose", 1e-9, lower_is_better=True),),
    )  # fmt: skip
    project = parse(lab_toml(answers))
    guard = project.guard["g.1 é"]
    assert (answers.name, answers.train, answers.edit, answers.pattern, answers.env, 1e-9, r"(\d)") == (
        project.project.name, project.commands.train, project.project.edit, project.metric.pattern,
        project.profile["cpu"].env, guard.may_lose, guard.pattern,
    )  # fmt: skip
