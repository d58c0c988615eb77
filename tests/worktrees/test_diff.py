"""What an agent has changed is seen line by line, whatever state git's index is in."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest

from tests import toy
from worktrees import diff
from worktrees.diff import Diff, DiffLine
from worktrees.repository import Repository


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """A worktree of the toy lab."""
    paths = toy.make(tmp_path / "lab")
    repository = Repository(paths.root)
    repository.add_worktree(paths.worktree("wt0"), "wt0", repository.head())
    return paths.worktree("wt0")


def live(worktree: Path, context: int = 3) -> Diff:
    """The live diff of a worktree against the first commit."""
    return diff.of_worktree(worktree, Repository(worktree.parents[2]).head(), context)


def summary(change: Diff) -> list[tuple[str, int, int]]:
    """Path, added and removed lines of each file."""
    return [(file.path, file.added, file.removed) for file in change.files]


def edit(path: Path, old: str = "RATE = 0.1", new: str = "RATE = 0.2") -> None:
    """Replace a text in a file."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def stage(worktree: Path, *names: str) -> pygit2.Repository:
    """Add files to the worktree's index, as an agent's `git add` would."""
    own = pygit2.Repository(str(worktree))
    for name in names:
        own.index.add(name)
    own.index.write()
    return own


def test_a_clean_worktree_has_no_diff(worktree: Path) -> None:
    """Nothing changed, nothing shown."""
    assert Diff() == live(worktree)


def test_a_modified_file_is_shown(worktree: Path) -> None:
    """One line out and one in."""
    edit(worktree / "train.py")
    assert [("train.py", 1, 1)] == summary(live(worktree))


def test_lines_carry_their_numbers_on_both_sides(worktree: Path) -> None:
    """The removed line has a number in the old file only, the added one in the new file only."""
    edit(worktree / "train.py")
    assert (DiffLine("-", 10, None, "RATE = 0.1"), DiffLine("+", None, 10, "RATE = 0.2")) == live(worktree, 0).files[
        0
    ].hunks[0].lines


def test_a_hunk_names_its_definition(worktree: Path) -> None:
    """The header holds the function that git found above the change."""
    edit(worktree / "train.py", "time.sleep(0.01)", "time.sleep(0.02)")
    assert "def main():" in live(worktree).files[0].hunks[0].header


@pytest.mark.parametrize("name", ["notes.md", "deep/down/notes.md"])
def test_an_untracked_file_is_shown_with_its_content(worktree: Path, name: str) -> None:
    """A new file, also one in a new folder, is all added lines."""
    (worktree / name).parent.mkdir(parents=True, exist_ok=True)
    (worktree / name).write_text("a\nb\n")
    assert [(name, 2, 0)] == summary(live(worktree))


def test_modified_and_untracked_are_shown_together(worktree: Path) -> None:
    """Files come in the order of their paths."""
    edit(worktree / "train.py")
    (worktree / "notes.md").write_text("a\n")
    assert [("notes.md", 1, 0), ("train.py", 1, 1)] == summary(live(worktree))


def test_an_ignored_file_is_not_shown(worktree: Path) -> None:
    """What git ignores is no part of the change."""
    (worktree / "__pycache__").mkdir()
    (worktree / "__pycache__" / "x.pyc").write_bytes(b"\0")
    assert Diff() == live(worktree)


def test_a_deleted_file_is_shown(worktree: Path) -> None:
    """All its lines are removed."""
    (worktree / "program.md").unlink()
    assert [("program.md", 0, 1)] == summary(live(worktree))


def test_a_staged_change_is_shown(worktree: Path) -> None:
    """`git add` hides nothing."""
    edit(worktree / "train.py")
    stage(worktree, "train.py")
    assert [("train.py", 1, 1)] == summary(live(worktree))


def test_staged_and_later_changes_are_one(worktree: Path) -> None:
    """What counts is the file on the disk against the base."""
    edit(worktree / "train.py")
    stage(worktree, "train.py")
    edit(worktree / "train.py", "DEPTH = 4", "DEPTH = 3")
    assert [("train.py", 2, 2)] == summary(live(worktree))


def test_a_staged_new_file_that_grew_is_shown_whole(worktree: Path) -> None:
    """The lines that came after `git add` are there too."""
    (worktree / "notes.md").write_text("a\n")
    stage(worktree, "notes.md")
    (worktree / "notes.md").write_text("a\nb\n")
    assert [("notes.md", 2, 0)] == summary(live(worktree))


def test_a_change_that_was_staged_and_taken_back_is_none(worktree: Path) -> None:
    """The disk agrees with the base again: no line is shown as changed."""
    edit(worktree / "train.py")
    stage(worktree, "train.py")
    edit(worktree / "train.py", "RATE = 0.2", "RATE = 0.1")
    change = live(worktree)
    assert (0, 0) == (change.added, change.removed)


def test_a_commit_of_the_agents_own_is_shown(worktree: Path) -> None:
    """The base is what the worktree stood on, not where its branch is."""
    edit(worktree / "train.py")
    own = stage(worktree, "train.py")
    who = pygit2.Signature("agent", "agent@localhost")
    own.create_commit("HEAD", who, who, "own", own.index.write_tree(), [own.head.target])
    assert [("train.py", 1, 1)] == summary(live(worktree))


def test_a_binary_file_has_no_lines(worktree: Path) -> None:
    """It is named and marked."""
    (worktree / "weights.bin").write_bytes(bytes(range(256)) * 8)
    assert [("weights.bin", True, ())] == [(file.path, file.binary, file.hunks) for file in live(worktree).files]


def test_lines_reach_the_screen_as_text_only(worktree: Path) -> None:
    """Escapes in a source are stripped, and bytes that are no UTF-8 are replaced."""
    (worktree / "notes.md").write_bytes(b"a\x1b[31mred\xff\n")
    assert ["ared\N{REPLACEMENT CHARACTER}"] == [line.text for line in live(worktree).files[0].hunks[0].lines]


def test_a_missing_newline_is_no_line(worktree: Path) -> None:
    """Git's note about it is not taken for a line of the file."""
    (worktree / "notes.md").write_text("a")
    assert (DiffLine("+", None, 1, "a"),) == live(worktree).files[0].hunks[0].lines


def test_two_commits_are_compared_by_their_trees(worktree: Path) -> None:
    """The change between commits counts files and lines."""
    edit(worktree / "train.py")
    repository = Repository(worktree.parents[2])
    base = repository.head()
    commit = repository.collect(worktree, base, ("train.py",), "faster")
    assert [("train.py", 1, 1)] == summary(diff.between(worktree, base, commit))


def test_a_diff_adds_its_files_up() -> None:
    """Totals are over all files."""
    files = (diff.FileDiff("a", 2, 1, ()), diff.FileDiff("b", 3, 0, ()))
    assert (5, 1) == (Diff(files).added, Diff(files).removed)


# --- Changes that touch each other ---


def numbered(changes: dict[int, str]) -> str:
    """Return twenty lines that say their number, but for some."""
    return "".join(f"{changes.get(number, number)}\n" for number in range(1, 21))


def commit(folder: Path, files: dict[str, str]) -> str:
    """Return a commit of exactly these files, in a repository that is made where there is none."""
    repo = pygit2.init_repository(str(folder))
    builder, who = repo.TreeBuilder(), pygit2.Signature("somebody", "s@localhost")
    for name, text in files.items():
        builder.insert(name, repo.create_blob(text.encode()), pygit2.enums.FileMode.BLOB)
    return str(repo.create_commit(None, who, who, "files", builder.write(), []))


@pytest.mark.parametrize(
    ("one", "other", "is_touching"),
    [
        pytest.param({5: "x"}, {5: "y"}, True, id="the same line"),
        pytest.param({5: "x"}, {9: "y"}, True, id="three lines between"),
        pytest.param({5: "x"}, {10: "y"}, False, id="four lines between"),
        pytest.param({5: "5\nx"}, {9: "y"}, True, id="an insertion three lines above"),
        pytest.param({5: "5\nx"}, {10: "y"}, False, id="an insertion four lines above"),
        pytest.param({1: "x"}, {4: "y"}, True, id="at the top"),
        pytest.param({2: "x", 18: "x"}, {10: "y"}, False, id="on both sides, far away"),
    ],
)
def test_changes_of_one_file_touch_within_three_lines(
    tmp_path: Path, one: dict[int, str], other: dict[int, str], is_touching: bool
) -> None:
    """In lines of what both start from, whichever comes first."""
    base = commit(tmp_path, {"a.txt": numbered({})})
    ends = [commit(tmp_path, {"a.txt": numbered(changes)}) for changes in (one, other)]
    assert [is_touching] * 2 == [diff.touch(tmp_path, base, *each) for each in (ends, reversed(ends))]


def test_changes_of_different_files_do_not_touch(tmp_path: Path) -> None:
    """The same line of another file is another line."""
    base = commit(tmp_path, {"a.txt": numbered({}), "b.txt": numbered({})})
    one = commit(tmp_path, {"a.txt": numbered({5: "x"}), "b.txt": numbered({})})
    other = commit(tmp_path, {"a.txt": numbered({}), "b.txt": numbered({5: "x"})})
    assert not diff.touch(tmp_path, base, one, other)


def test_a_file_that_both_make_anew_touches(tmp_path: Path) -> None:
    """There are no lines to be apart in."""
    base = commit(tmp_path, {"a.txt": numbered({})})
    ends = [commit(tmp_path, {"a.txt": numbered({}), "b.txt": text}) for text in ("x\n", "y\n")]
    assert diff.touch(tmp_path, base, *ends)
