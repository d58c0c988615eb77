"""What the manual says is so: every example is one that the command line takes, every code one that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.tui.labs import LabMaker, small_lab
from tui.cli import COMMANDS, Entry, help_of, main, parser
from tui.manual import GROUPS, MEANINGS, PAGES

DOCUMENT = Path(__file__).parents[1] / "docs" / "command-line.md"
EXAMPLES = [example for page in PAGES.values() for example in page.examples]

RUNS = ("status", "results", "queue", "show", "diff", "log", "report", "audit", "ideas", "retest", "undo", "redo")
"""Commands whose examples need no engine and no terminal, and are run here; what follows them lasts, or changes."""
LASTS = (" -f", "ideas add", "ideas drop", "retest stop", "undo --yes")


def commands(line: str) -> list[list[str]]:
    """Return the words of each `nightlab …` in a line of a shell, without what is not for nightlab."""
    line = re.sub(r"(?<!\S)#.*", "", line)  # a remark; '#12' is none
    words = shlex.split(line.replace("<(", " ").replace(")", " ; "))
    found: list[list[str]] = []
    inside = False
    for word in (part for each in words for part in (re.split("(;)$", each) if each.endswith(";") else [each]) if part):
        if word == "nightlab":
            found.append([])
            inside = True
        elif word in ("|", ">", ";", "&&"):
            inside = False
        elif inside:
            found[-1].append(word)
    return found


def parsed(line: str) -> list[str]:
    """Let the command line read each `nightlab …` of a line; return the commands."""
    whole = parser()
    names = []
    for words in commands(line):
        words = words if words and not words[0].startswith("-") else ["view", *words]
        whole.parse_args(words)
        names.append(words[0])
    return names


def test_every_command_has_its_page() -> None:
    """In a group that is listed, with an example, and with codes that mean something."""
    assert [entry.name for entry in COMMANDS if entry.name not in PAGES] == []
    assert {entry.name for entry in COMMANDS} == set(PAGES)
    for page in PAGES.values():
        assert page.group in GROUPS and page.examples
        assert list(page.exits) == sorted(set(page.exits) & MEANINGS.keys())


@pytest.mark.parametrize("name", PAGES)
def test_every_example_is_taken(name: str) -> None:
    """And is one of its command."""
    for example in PAGES[name].examples:
        assert [name] == parsed(example), example


@pytest.mark.parametrize("entry", COMMANDS, ids=[entry.name for entry in COMMANDS])
def test_help_tells_arguments_examples_and_codes(entry: Entry) -> None:
    """Each argument says what it is, and its default where it has one."""
    text = help_of(entry.name)
    page = PAGES[entry.name]
    assert [] == [each for each in page.examples if f"  {each}\n" not in text]
    assert [] == [code for code in page.exits if f"{code:>3}  {MEANINGS[code]}" not in text]
    for argument in entry.arguments:
        about, default = argument.options.get("help"), argument.options.get("default")
        assert about, argument.names
        assert default in (None, "") or "default" in about, argument.names


def test_help_lists_every_command_by_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    """The same by three ways of asking; of one command all of it; a wrong word names the nearest."""
    assert 0 == main(["help"])
    text = capsys.readouterr().out
    assert [] == [entry.name for entry in COMMANDS if f"\n  {entry.name:<10}  {entry.about}\n" not in text]
    for words in (["--help"], ["-h"]):
        with pytest.raises(SystemExit):
            main(words)
        assert text == capsys.readouterr().out
    assert 0 == main(["help", "merge"])
    assert help_of("merge") == capsys.readouterr().out
    assert 2 == main(["help", "marge"])
    assert "did you mean `nightlab merge`?" in capsys.readouterr().err


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabMaker:
    """A lab of a dozen experiments, the last of them READY."""
    lab = small_lab(tmp_path_factory.mktemp("manual") / "lab")
    for number in range(11):
        lab.experiment("wt1", f"MATRIX_LR to 0.{number:03d}", "drop", 1.7040)
    lab.make_ready("wt0", "WARMUP 0.05 to 0.02")
    log = lab.paths.run(lab.state.experiments[12].run or 0).log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("step 1\n")
    (lab.paths.worktree("wt0") / "train.py").write_text("DEPTH = 5\n")
    return lab


@pytest.mark.parametrize(
    "example",
    [each for name in RUNS for each in PAGES[name].examples if not any(part in each for part in LASTS)],
)
def test_an_example_that_only_looks_works(
    lab: LabMaker, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends as its page says that it may, never by wrong usage, and says something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTLAB_DIR", str(lab.paths.root))
    [words] = commands(example)
    code = main(words)
    said = "".join(capsys.readouterr())
    assert code in PAGES[words[0]].exits and code != 2, said
    assert said or "--needs-you" in example


def test_the_document_says_the_same() -> None:
    """Every line of its examples is taken, every command is among them, and its table of codes is ours."""
    text = DOCUMENT.read_text()
    block = text.split("```")[1]
    named = {name for line in block.strip().splitlines() for name in parsed(line)}
    assert set() == set(PAGES) - named
    table = dict(re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE))
    assert {str(code): words for code, words in MEANINGS.items()} == {
        code: words.replace("`", "") for code, words in table.items()
    }
