"""All git of a lab: exact trees, clean replays, swaps that happen once, and nothing of the researcher's touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pygit2
import pytest

from tests import toy
from worktrees import diff
from worktrees.repository import TRUNK, Conflict, ForeignChange, Repository, RepositoryError

EDIT = ("train.py",)


@dataclass(frozen=True)
class Bench:
    """A toy project with its trunk, and one worktree that stands on it."""

    root: Path
    worktree: Path
    repository: Repository
    start: str

    def edit(self, old: str, new: str) -> None:
        """Change a text of the worktree's train.py."""
        path = self.worktree / "train.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def commit(self, old: str, new: str, base: str = "") -> str:
        """Return the commit of one edit on `base` (trunk unless told); the worktree is clean again afterwards."""
        base = base or self.start
        self.repository.move_worktree(self.worktree, "wt0", base)
        self.edit(old, new)
        commit = self.repository.collect(self.worktree, base, EDIT, f"{old} → {new}")
        self.repository.move_worktree(self.worktree, "wt0", base)
        return commit

    def source(self, commit: str) -> str:
        """Return train.py as it is in a commit."""
        return self.repository.read(commit, "train.py").decode()

    def numstat(self, old: str, new: str) -> tuple[int, int]:
        """Return the lines added and removed between two commits."""
        change = diff.between(self.root, old, new)
        return change.added, change.removed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A toy lab with trunk and wt0."""
    paths = toy.make(tmp_path / "lab")
    repository = Repository(paths.root)
    start = repository.head()
    repository.create_trunk(start)
    repository.add_worktree(paths.worktree("wt0"), "wt0", start)
    return Bench(paths.root, paths.worktree("wt0"), repository, start)


# --- Opening ---


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    """The message says how to make a repository."""
    with pytest.raises(RepositoryError, match="nightlab init"):
        Repository(tmp_path)


def test_a_folder_inside_another_repository_is_none(bench: Bench) -> None:
    """A lab in a subfolder of somebody's repository would move that repository's refs."""
    (bench.root / "sub").mkdir()
    with pytest.raises(RepositoryError, match="no git repository"):
        Repository(bench.root / "sub")


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    """There is nothing to start trunk from."""
    pygit2.init_repository(str(tmp_path))
    with pytest.raises(RepositoryError, match="no commit yet"):
        Repository(tmp_path).head()


def test_uncommitted_files_are_named(bench: Bench) -> None:
    """Changed and staged files count, untracked ones do not."""
    (bench.root / "evaluate.py").write_text("changed")
    (bench.root / "new.txt").write_text("untracked")
    assert ("evaluate.py",) == bench.repository.uncommitted()


def test_a_missing_file_in_a_commit_is_named(bench: Bench) -> None:
    """Reading names the path and the commit."""
    with pytest.raises(RepositoryError, match=f"nothing.py is not in commit {bench.start[:7]}"):
        bench.repository.read(bench.start, "nothing.py")


def test_a_ref_that_is_not_there_is_none(bench: Bench) -> None:
    """Asking for a missing ref is no error."""
    assert bench.repository.resolve("refs/lab/verified") is None


# --- An agent's edit becomes a commit ---


def test_an_edit_is_committed_on_its_base(bench: Bench) -> None:
    """The commit holds the edited file and stands on the base that was named."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "faster")
    assert (bench.start, True) == (bench.repository.parent_of(commit), "RATE = 0.2" in bench.source(commit))


def test_only_the_edit_differs_from_the_base(bench: Bench) -> None:
    """One line out, one line in, in one file."""
    change = diff.between(bench.root, bench.start, bench.commit("DEPTH = 4", "DEPTH = 3"))
    assert [("train.py", 1, 1)] == [(file.path, file.added, file.removed) for file in change.files]


def test_the_same_edit_is_the_same_tree(bench: Bench) -> None:
    """Trees are named by content: a repeated idea is recognised whoever has it, whenever."""
    first, second = bench.commit("DEPTH = 4", "DEPTH = 3"), bench.commit("DEPTH = 4", "DEPTH = 3")
    assert bench.repository.tree_of(first) == bench.repository.tree_of(second)


def test_an_unchanged_worktree_has_its_base_tree(bench: Bench) -> None:
    """Nothing changed: the commit's tree is the base's, by which the engine sees it."""
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "nothing")
    assert bench.repository.tree_of(bench.start) == bench.repository.tree_of(commit)


def test_bytes_are_committed_as_they_are(bench: Bench) -> None:
    """No filter rewrites line ends, whatever .gitattributes or the configuration say."""
    pygit2.Repository(str(bench.root)).config["core.autocrlf"] = "input"
    (bench.worktree / "train.py").write_bytes(b"A = 1\r\nB = 2\n")
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "mixed line ends")
    assert b"A = 1\r\nB = 2\n" == bench.repository.read(commit, "train.py")


def test_an_executable_file_stays_one(bench: Bench) -> None:
    """A commit keeps the mode that the base has; an agent's chmod is no change."""
    (bench.worktree / "train.py").chmod(0o755)
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "chmod")
    assert bench.repository.tree_of(bench.start) == bench.repository.tree_of(commit)


def _write(path: Path, text: str = "x = 1\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _nest(path: Path) -> None:
    pygit2.init_repository(str(path))
    _write(path / "x.py")


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(lambda root: _write(root / "evaluate.py"), "evaluate.py", id="a frozen file"),
        pytest.param(lambda root: (root / "evaluate.py").unlink(), "evaluate.py", id="a frozen file deleted"),
        pytest.param(lambda root: _write(root / "queue.py"), "queue.py", id="a new file"),
        pytest.param(lambda root: _write(root / "deep" / "down.py"), "deep/down.py", id="a new file in a new folder"),
        pytest.param(lambda root: _write(root / ".gitignore", "*"), ".gitignore", id="what git ignores"),
        pytest.param(lambda root: _nest(root / "inner"), "inner", id="a repository inside"),
        pytest.param(lambda root: _link(root / "train.py", "/etc/passwd"), "train.py", id="a link for the file"),
        pytest.param(lambda root: _link(root / "more.py", "train.py"), "more.py", id="a link beside it"),
        pytest.param(lambda root: (root / "train.py").unlink(), "train.py", id="the file is gone"),
        pytest.param(lambda root: (root / "train.py").unlink() or os.mkfifo(root / "train.py"), "train.py", id="pipe"),
    ],
)
def test_anything_but_the_edit_refuses_the_whole_change(
    bench: Bench, tamper: Callable[[Path], object], named: str
) -> None:
    """Its author may have meant the parts to work only together, so no part is taken; the file is named."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    tamper(bench.worktree)
    with pytest.raises(ForeignChange, match=named):
        bench.repository.collect(bench.worktree, bench.start, EDIT, "too much")


def test_a_foreign_change_cannot_hide_in_a_commit_of_the_agents_own(bench: Bench) -> None:
    """An agent that commits its worktree itself leaves git's status clean, but not its difference to the base."""
    _write(bench.worktree / "evaluate.py")
    own = pygit2.Repository(str(bench.worktree))
    own.index.add("evaluate.py")
    own.index.write()
    who = pygit2.Signature("agent", "agent@localhost")
    own.create_commit("HEAD", who, who, "hidden", own.index.write_tree(), [own.head.target])
    with pytest.raises(ForeignChange, match=r"evaluate\.py"):
        bench.repository.collect(bench.worktree, bench.start, EDIT, "hidden")


def test_an_agents_own_commit_of_its_edit_is_no_offence(bench: Bench) -> None:
    """Committed or not, an edit of the editable file is taken, on the base that was named."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    own = pygit2.Repository(str(bench.worktree))
    own.index.add("train.py")
    own.index.write()
    who = pygit2.Signature("agent", "agent@localhost")
    own.create_commit("HEAD", who, who, "own", own.index.write_tree(), [own.head.target])
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "faster")
    assert (bench.start, True) == (bench.repository.parent_of(commit), "RATE = 0.2" in bench.source(commit))


def test_a_foreign_file_whose_name_is_no_text_is_named_as_text(bench: Bench) -> None:
    """The message goes into the journal, which is UTF-8."""
    (Path(os.fsdecode(os.fsencode(bench.worktree) + b"/bad\xff.py"))).touch()
    with pytest.raises(ForeignChange) as caught:
        bench.repository.collect(bench.worktree, bench.start, EDIT, "odd")
    assert b"bad.py" in str(caught.value).encode()


def test_a_folder_replaced_by_a_link_is_refused(tmp_path: Path) -> None:
    """A regular file behind a linked folder is not the project's."""
    paths = toy.make(tmp_path / "lab")
    _write(paths.root / "model" / "net.py")
    repo = pygit2.Repository(str(paths.root))
    repo.index.add_all()
    who = pygit2.Signature("you", "you@localhost")
    repo.create_commit("HEAD", who, who, "a folder", repo.index.write_tree(), [repo.head.target])
    repository = Repository(paths.root)
    repository.add_worktree(paths.worktree("wt0"), "wt0", repository.head())
    _write(tmp_path / "elsewhere" / "net.py", "secret = 1\n")
    (paths.worktree("wt0") / "model" / "net.py").unlink()
    (paths.worktree("wt0") / "model").rmdir()
    (paths.worktree("wt0") / "model").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForeignChange):
        repository.collect(paths.worktree("wt0"), repository.head(), ("model/net.py",), "escape")


# --- Replaying on another trunk ---


def test_two_changes_of_different_constants_stack(bench: Bench) -> None:
    """The second is replayed on the first: the tree holds both."""
    rate, depth = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("DEPTH = 4", "DEPTH = 3")
    stacked = bench.source(bench.repository.rebase(depth, rate, "both"))
    assert ["RATE = 0.2", "DEPTH = 3"] == [line for line in stacked.splitlines() if line[:4] in ("RATE", "DEPT")]


def test_a_replay_keeps_its_numstat(bench: Bench) -> None:
    """What lands is the change that was proposed, no line more or less (a wrong merge base would revert the other)."""
    rate, depth = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("DEPTH = 4", "DEPTH = 3")
    assert (1, 1) == bench.numstat(rate, bench.repository.rebase(depth, rate, "both"))


def test_a_replay_stands_on_its_new_base(bench: Bench) -> None:
    """One parent: the trunk it was replayed on."""
    rate, depth = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("DEPTH = 4", "DEPTH = 3")
    assert rate == bench.repository.parent_of(bench.repository.rebase(depth, rate, "both"))


def test_neighbouring_constants_do_not_conflict(bench: Bench) -> None:
    """One unchanged line (a comment) between two changed ones is enough."""
    lines = "# A.\nA = 1\n# B.\nB = 1\n"
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    (bench.worktree / "train.py").write_text(lines)
    base = bench.repository.collect(bench.worktree, bench.start, EDIT, "plain")
    first, second = bench.commit("A = 1", "A = 2", base), bench.commit("B = 1", "B = 2", base)
    assert "# A.\nA = 2\n# B.\nB = 2\n" == bench.source(bench.repository.rebase(second, first, "both"))


def test_the_same_line_conflicts(bench: Bench) -> None:
    """Two values of one constant cannot both land; the file is named."""
    first, second = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("RATE = 0.1", "RATE = 0.3")
    with pytest.raises(Conflict) as caught:
        bench.repository.rebase(second, first, "both")
    assert ("train.py",) == caught.value.paths


def test_the_same_change_twice_is_no_conflict(bench: Bench) -> None:
    """Replayed on a trunk that has it already, a change adds nothing."""
    first, second = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("RATE = 0.1", "RATE = 0.2")
    again = bench.repository.rebase(second, first, "again")
    assert bench.repository.tree_of(first) == bench.repository.tree_of(again)


def test_landing_puts_exactly_the_tree_on_the_parent(bench: Bench) -> None:
    """The landing commit is made from the measured tree, not from a merge."""
    tree = bench.repository.tree_of(bench.commit("RATE = 0.1", "RATE = 0.2"))
    landing = bench.repository.land(tree, bench.start, "evidence")
    assert (tree, bench.start) == (bench.repository.tree_of(landing), bench.repository.parent_of(landing))


# --- Refs ---


def test_trunk_moves_from_what_was_seen(bench: Bench) -> None:
    """The swap takes place where trunk is what the caller says."""
    new = bench.commit("RATE = 0.1", "RATE = 0.2")
    assert (True, new) == (bench.repository.swap_trunk(bench.start, new), bench.repository.resolve(TRUNK))


def test_a_stale_swap_moves_nothing(bench: Bench) -> None:
    """Trunk moved in between: the swap says no and trunk is where the other put it."""
    one, other = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.commit("RATE = 0.1", "RATE = 0.3")
    bench.repository.swap_trunk(bench.start, other)
    assert (False, other) == (bench.repository.swap_trunk(bench.start, one), bench.repository.resolve(TRUNK))


def test_a_refused_swap_leaves_no_lock(bench: Bench) -> None:
    """After a stale swap the next one works."""
    new = bench.commit("RATE = 0.1", "RATE = 0.2")
    bench.repository.swap_trunk(new, bench.start)
    assert bench.repository.swap_trunk(bench.start, new)


def test_trunk_is_created_once(bench: Bench) -> None:
    """A second creation is refused and trunk stays."""
    with pytest.raises(RepositoryError, match="exists already"):
        bench.repository.create_trunk(bench.start)


def test_a_branch_named_lab_is_in_the_way(tmp_path: Path) -> None:
    """Git cannot have both `lab` and `lab/trunk`: the message names the branch."""
    paths = toy.make(tmp_path / "lab")
    repo = pygit2.Repository(str(paths.root))
    repo.branches.local.create("lab", repo[repo.head.target])
    repository = Repository(paths.root)
    with pytest.raises(RepositoryError, match="branch named lab"):
        repository.create_trunk(repository.head())


def test_a_lock_that_a_kill_left_is_named(bench: Bench) -> None:
    """A swap that cannot take the lock is an error that says which file is in the way."""
    lock = bench.root / ".git" / "refs" / "heads" / "lab" / "trunk.lock"
    lock.touch()
    with pytest.raises(RepositoryError, match=r"trunk\.lock"):
        bench.repository.swap_trunk(bench.start, bench.start, patience_s=0)


def test_a_new_engine_breaks_the_locks_that_a_kill_left(bench: Bench) -> None:
    """The lab's refs and worktrees have one writer: whoever holds the lab knows that their locks are dead."""
    bench.repository.pin("experiments", 1, bench.start)
    git = bench.root / ".git"
    locks = ("refs/heads/lab/trunk.lock", "refs/lab/experiments/000001.lock", "worktrees/wt0/index.lock")
    for lock in locks:
        (git / lock).touch()
    bench.repository.clear_locks()
    assert [] == [lock for lock in locks if (git / lock).exists()]


def test_the_researchers_locks_are_left_alone(bench: Bench) -> None:
    """A lock outside the lab's own refs may be held by a living git."""
    names = ("index.lock", "refs/heads/main.lock", "worktrees/mine/index.lock")
    locks = [bench.root / ".git" / name for name in names]
    for lock in locks:
        _write(lock, "")
    bench.repository.clear_locks()
    assert [True, True, True] == [lock.exists() for lock in locks]


def test_a_pinned_commit_can_be_found(bench: Bench) -> None:
    """Pins are refs with six digits, and may be moved."""
    bench.repository.pin("kept", 7, bench.commit("RATE = 0.1", "RATE = 0.2"))
    bench.repository.pin("kept", 7, bench.start)
    assert bench.start == bench.repository.resolve("refs/lab/kept/000007")


def test_ancestors(bench: Bench) -> None:
    """A commit contains itself and its base, not the other way round."""
    new, contains = bench.commit("RATE = 0.1", "RATE = 0.2"), bench.repository.is_ancestor
    assert (True, True, False) == (contains(new, new), contains(bench.start, new), contains(new, bench.start))


def test_git_needs_no_identity(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine where nobody told git a name, commits and swaps work and are the lab's."""
    paths = pygit2.settings.search_path
    levels = (pygit2.enums.ConfigLevel.GLOBAL, pygit2.enums.ConfigLevel.XDG, pygit2.enums.ConfigLevel.SYSTEM)
    before = {level: paths[level] for level in levels}
    for level in levels:
        paths[level] = str(bench.worktree / "nowhere")
    try:
        repository = Repository(bench.root)
        new = repository.land(repository.tree_of(bench.start), bench.start, "evidence")
        assert repository.swap_trunk(bench.start, new)
    finally:
        for level in levels:
            paths[level] = before[level]


# --- Folders ---


def test_a_worktree_goes_back_to_its_base(bench: Bench) -> None:
    """Edits, staged or not, untracked files, folders, links and repositories inside are gone afterwards."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    pygit2.Repository(str(bench.worktree)).index.add("train.py")
    _write(bench.worktree / "deep" / "down.py")
    _link(bench.worktree / "passwd", "/etc/passwd")
    _nest(bench.worktree / "inner")
    (bench.worktree / "evaluate.py").unlink()
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    assert () == diff.of_worktree(bench.worktree, bench.start).files


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda path: _link(path, "/etc/passwd"), id="a link"),
        pytest.param(lambda path: path.unlink() or _write(path / "x.py"), id="a folder"),
        pytest.param(lambda path: path.unlink() or os.mkfifo(path), id="a pipe"),
    ],
)
def test_a_file_that_is_none_any_more_comes_back(bench: Bench, tamper: Callable[[Path], object]) -> None:
    """A link that stayed would lead the next edit out of the worktree, and a pipe is waited at for ever."""
    tamper(bench.worktree / "train.py")
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    path = bench.worktree / "train.py"
    assert (True, False, bench.source(bench.start)) == (path.is_file(), path.is_symlink(), path.read_text())


def test_what_lies_behind_a_link_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """The link is removed, the folder that it leads to is somebody's."""
    _write(tmp_path / "elsewhere" / "down.py" / "work.py", "mine\n")
    _write(bench.worktree / "deep" / "down.py")
    base = bench.repository.head()
    _commit_all(bench.worktree)
    shutil.rmtree(bench.worktree / "deep")
    _link(bench.worktree / "deep", str(tmp_path / "elsewhere"))
    bench.repository.move_worktree(bench.worktree, "wt0", base)
    assert (True, False) == (
        (tmp_path / "elsewhere" / "down.py" / "work.py").exists(),
        (bench.worktree / "deep").is_symlink(),
    )


def test_a_worktree_moves_to_another_base(bench: Bench) -> None:
    """Files and branch are those of the commit."""
    new = bench.commit("RATE = 0.1", "RATE = 0.2")
    bench.repository.move_worktree(bench.worktree, "wt0", new)
    assert (bench.source(new), new) == (
        (bench.worktree / "train.py").read_text(),
        bench.repository.resolve("refs/heads/lab/wt0"),
    )


def test_a_worktree_that_left_its_branch_comes_back(bench: Bench) -> None:
    """An agent that detached HEAD or made a branch of its own finds its worktree on its own branch again."""
    own = pygit2.Repository(str(bench.worktree))
    own.set_head(pygit2.Oid(hex=bench.start))
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    assert "refs/heads/lab/wt0" == pygit2.Repository(str(bench.worktree)).head.name


def test_a_branch_follows_what_its_worktree_holds(bench: Bench) -> None:
    """After the announcement of an experiment, git sees its worktree as clean."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "faster")
    bench.repository.move_branch(bench.worktree, "wt0", commit)
    assert {} == pygit2.Repository(str(bench.worktree)).status()


def test_a_worktree_that_is_there_is_left_alone(bench: Bench) -> None:
    """Adding it again keeps the edit that an agent is making."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    bench.repository.add_worktree(bench.worktree, "wt0", bench.start)
    assert "RATE = 0.2" in (bench.worktree / "train.py").read_text()


def test_a_worktree_that_was_deleted_is_made_again(bench: Bench) -> None:
    """Somebody removed the folder by hand: git's own record of it is no hindrance."""
    for file in sorted(bench.worktree.rglob("*"), reverse=True):
        file.unlink()
    bench.worktree.rmdir()
    bench.repository.add_worktree(bench.worktree, "wt0", bench.start)
    assert "RATE = 0.1" in (bench.worktree / "train.py").read_text()


def test_making_a_worktree_runs_no_hook(tmp_path: Path) -> None:
    """A post-checkout hook in the repository, whoever put it there, stays unrun."""
    paths = toy.make(tmp_path / "lab")
    hook = paths.root / ".git" / "hooks" / "post-checkout"
    _write(hook, f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    repository = Repository(paths.root)
    repository.add_worktree(paths.worktree("wt0"), "wt0", repository.head())
    assert not (tmp_path / "ran").exists()


def test_an_export_holds_the_commits_files_read_only(bench: Bench, tmp_path: Path) -> None:
    """A run's checkout has every file of the commit, none writable, and no git."""
    bench.repository.export(bench.start, tmp_path / "run" / "checkout")
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "run" / "checkout").iterdir()}
    assert dict.fromkeys([".gitignore", "evaluate.py", "lab.toml", "program.md", "train.py"], 0o444) == modes


def test_an_export_follows_no_link(bench: Bench, tmp_path: Path) -> None:
    """A link in a tree is left out: it could lead a run anywhere."""
    repo = pygit2.Repository(str(bench.root))
    builder = repo.TreeBuilder()
    builder.insert("link", repo.create_blob(b"/etc/passwd"), pygit2.enums.FileMode.LINK)
    bench.repository.export(bench.repository.land(str(builder.write()), bench.start, "link"), tmp_path / "checkout")
    assert [] == list((tmp_path / "checkout").iterdir())


def test_the_researchers_branch_and_checkout_are_untouched(bench: Bench) -> None:
    """After commits, replays, pins and a swap, main is where it was and clean."""
    new = bench.repository.rebase(bench.commit("RATE = 0.1", "RATE = 0.2"), bench.start, "again")
    bench.repository.pin("kept", 1, new)
    bench.repository.swap_trunk(bench.start, new)
    assert (bench.start, ()) == (bench.repository.head(), bench.repository.uncommitted())


# --- What an agent must not change is put back ---


def _commit_all(worktree: Path) -> None:
    """Commit everything in a worktree, as an agent may do itself."""
    own = pygit2.Repository(str(worktree))
    own.index.add_all()
    own.index.write()
    who = pygit2.Signature("agent", "agent@localhost")
    own.create_commit("HEAD", who, who, "own", own.index.write_tree(), [own.head.target])


def _hide(root: Path) -> None:
    _write(root / ".gitignore", "*\n")
    _write(root / "hidden.py")


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(lambda root: _write(root / "evaluate.py"), ("evaluate.py",), id="a frozen file"),
        pytest.param(lambda root: (root / "evaluate.py").unlink(), ("evaluate.py",), id="a frozen file deleted"),
        pytest.param(lambda root: _write(root / "queue.py"), ("queue.py",), id="a new file"),
        pytest.param(lambda root: _write(root / "deep" / "down.py"), ("deep/down.py",), id="a file in a new folder"),
        pytest.param(lambda root: _nest(root / "inner"), ("inner/",), id="a repository inside"),
        pytest.param(lambda root: _link(root / "more.py", "train.py"), ("more.py",), id="a link"),
        pytest.param(lambda root: _link(root / "evaluate.py", "/etc/passwd"), ("evaluate.py",), id="a link for a file"),
        pytest.param(_hide, (".gitignore",), id="a file that git is told to ignore"),
        pytest.param(lambda root: _write(root / "evaluate.py") or _commit_all(root), ("evaluate.py",), id="committed"),
    ],
)
def test_what_is_not_the_edit_is_put_back(bench: Bench, tamper: Callable[[Path], object], named: tuple[str]) -> None:
    """It is named, the edit stays, and nothing but the edit differs from the base afterwards."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    tamper(bench.worktree)
    restored = bench.repository.restore(bench.worktree, bench.start, EDIT)
    left = [file.path for file in diff.of_worktree(bench.worktree, bench.start).files]
    assert (named, ["train.py"]) == (restored, left)


def test_an_edit_alone_is_left_alone(bench: Bench) -> None:
    """There is nothing to put back, and the file is not touched."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    before = (bench.worktree / "train.py").stat().st_mtime_ns
    restored = bench.repository.restore(bench.worktree, bench.start, EDIT)
    assert ((), before) == (restored, (bench.worktree / "train.py").stat().st_mtime_ns)


def test_an_edit_that_was_committed_stays(bench: Bench) -> None:
    """Together with a foreign file: the commit is undone, its edit counts."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    _write(bench.worktree / "queue.py")
    _commit_all(bench.worktree)
    bench.repository.restore(bench.worktree, bench.start, EDIT)
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "own")
    assert (True, False) == ("RATE = 0.2" in bench.source(commit), (bench.worktree / "queue.py").exists())


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(lambda path: _link(path, "/etc/passwd"), id="a link"),
        pytest.param(lambda path: path.unlink() or path.mkdir() or _write(path / "x.py"), id="a folder"),
        pytest.param(lambda path: path.unlink() or os.mkfifo(path), id="a pipe"),
    ],
)
def test_an_editable_file_that_is_none_any_more_comes_back_with_the_rest(
    bench: Bench, tamper: Callable[[Path], object]
) -> None:
    """As it is in the base; nobody reads what lies in its place."""
    tamper(bench.worktree / "train.py")
    _write(bench.worktree / "evaluate.py")
    bench.repository.restore(bench.worktree, bench.start, EDIT)
    assert () == diff.of_worktree(bench.worktree, bench.start).files


def _lose_git(root: Path) -> None:
    (root / ".git").unlink()


def _own_git(root: Path) -> None:
    (root / ".git").unlink()
    pygit2.init_repository(str(root))
    own = pygit2.Repository(str(root))
    own.index.add_all()
    own.index.write()
    who = pygit2.Signature("agent", "agent@localhost")
    own.create_commit("HEAD", who, who, "own", own.index.write_tree(), [])


def _others_git(root: Path) -> None:
    (root / ".git").write_text(f"gitdir: {root.parents[2] / '.git'}\n")


BROKEN = pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(_lose_git, id="removed"),
        pytest.param(_own_git, id="another repository"),
        pytest.param(_others_git, id="the researcher's"),
    ],
)
"""What an agent can do to the file that makes its folder a worktree."""


@BROKEN
def test_a_worktree_without_its_git_does_not_lead_to_the_researchers(
    bench: Bench, tamper: Callable[[Path], object]
) -> None:
    """Git would look upwards and find the researcher's own checkout: not a byte of it is touched."""
    (bench.root / "train.py").write_text("work of hours, not saved\n")
    (bench.root / "mine.txt").write_text("mine\n")
    tamper(bench.worktree)
    bench.repository.restore(bench.worktree, bench.start, EDIT)
    tamper(bench.worktree)
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    assert ("work of hours, not saved\n", True, "ref: refs/heads/main\n") == (
        (bench.root / "train.py").read_text(),
        (bench.root / "mine.txt").exists(),
        (bench.root / ".git" / "HEAD").read_text(),
    )


@BROKEN
def test_a_worktree_that_lost_its_git_is_made_again_around_its_edit(
    bench: Bench, tamper: Callable[[Path], object]
) -> None:
    """The rest of the lab's git is told apart from what the agent did."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    tamper(bench.worktree)
    restored = bench.repository.restore(bench.worktree, bench.start, EDIT)
    commit = bench.repository.collect(bench.worktree, bench.start, EDIT, "faster")
    assert ((".git",), bench.start, True) == (
        restored,
        bench.repository.parent_of(commit),
        "RATE = 0.2" in bench.source(commit),
    )


@BROKEN
def test_a_worktree_that_lost_its_git_moves_all_the_same(bench: Bench, tamper: Callable[[Path], object]) -> None:
    """It is made again where it is wanted."""
    new = bench.commit("RATE = 0.1", "RATE = 0.2")
    tamper(bench.worktree)
    bench.repository.move_worktree(bench.worktree, "wt0", new)
    assert (bench.source(new), new, ()) == (
        (bench.worktree / "train.py").read_text(),
        bench.repository.resolve("refs/heads/lab/wt0"),
        diff.of_worktree(bench.worktree, new).files,
    )


@BROKEN
def test_nothing_is_collected_from_a_worktree_that_lost_its_git(bench: Bench, tamper: Callable[[Path], object]) -> None:
    """What was changed in it cannot be told."""
    bench.edit("RATE = 0.1", "RATE = 0.2")
    tamper(bench.worktree)
    with pytest.raises(RepositoryError, match="no worktree of this lab"):
        bench.repository.collect(bench.worktree, bench.start, EDIT, "faster")


def test_a_worktree_that_is_gone_moves_all_the_same(bench: Bench) -> None:
    """An agent may remove the folder that it works in."""
    shutil.rmtree(bench.worktree)
    bench.repository.move_worktree(bench.worktree, "wt0", bench.start)
    assert "RATE = 0.1" in (bench.worktree / "train.py").read_text()


def test_the_diff_of_a_worktree_that_lost_its_git_is_not_the_researchers(bench: Bench) -> None:
    """It cannot be read, and that is said."""
    _lose_git(bench.worktree)
    with pytest.raises(diff.Unreadable):
        diff.of_worktree(bench.worktree, bench.start)


# --- Taking back, and keeping ---


def changed(bench: Bench, onto: str, old: str, new: str) -> str:
    """Commit one changed text of train.py on top of a commit, through wt0."""
    bench.repository.move_worktree(bench.worktree, "wt0", onto)
    file = bench.worktree / "train.py"
    file.write_text(file.read_text().replace(old, new))
    return bench.repository.collect(bench.worktree, onto, ["train.py"], "change")


def test_a_revert_takes_one_change_back_under_another(bench: Bench) -> None:
    """What came later stays, and the commit stands on what it was asked to stand on."""
    first = changed(bench, bench.start, "RATE = 0.1", "RATE = 0.3")
    second = changed(bench, first, "DEPTH = 4", "DEPTH = 3")
    reverted = bench.repository.revert(first, second, "Revert")
    source = bench.repository.read(reverted, "train.py").decode()
    assert (second, True, True) == (
        bench.repository.parent_of(reverted),
        "RATE = 0.1" in source,
        "DEPTH = 3" in source,
    )


def test_a_revert_of_the_newest_change_is_the_tree_before_it(bench: Bench) -> None:
    """Byte for byte."""
    first = changed(bench, bench.start, "RATE = 0.1", "RATE = 0.3")
    reverted = bench.repository.revert(first, first, "Revert")
    assert bench.repository.tree_of(bench.start) == bench.repository.tree_of(reverted)


def test_a_revert_under_a_change_of_the_same_line_is_a_conflict(bench: Bench) -> None:
    """The files are named, and no commit is made."""
    first = changed(bench, bench.start, "RATE = 0.1", "RATE = 0.3")
    second = changed(bench, first, "RATE = 0.3", "RATE = 0.5")
    with pytest.raises(Conflict, match=r"conflict in train\.py"):
        bench.repository.revert(first, second, "Revert")


def test_a_root_cannot_be_reverted(bench: Bench) -> None:
    """There is nothing before it."""
    with pytest.raises(RepositoryError, match="has no parent to go back to"):
        bench.repository.revert(bench.start, bench.start, "Revert")


def test_a_pin_is_removed_once(bench: Bench) -> None:
    """A second time is no error: a kill may have come between the ref and its row."""
    bench.repository.pin("pinned", 7, bench.start)
    for _ in range(2):
        bench.repository.unpin("pinned", 7)
    assert bench.repository.resolve("refs/lab/pinned/000007") is None
