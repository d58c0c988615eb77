"""What is there to be seen of a lab, from outside? Its journal, its git, its files and its processes.

No engine is asked, and everything is read as an auditor would: the journal entry by entry and not by its fold, git by
git's own means.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2

from agentcore import events as ev
from agentcore.journal import audit
from agentcore.journal.rows import Reader
from tests.torture import beings
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK

Truth = Callable[[str, int, int], float]
"""The score of a train.py with a seed at a size."""


@dataclass(frozen=True)
class Commit:
    """A commit as git has it."""

    commit: str
    tree: str
    parent: str
    message: str


@dataclass(frozen=True)
class Evidence:
    """What was seen."""

    entries: tuple[ev.Entry, ...]
    refs: Mapping[str, str]
    """{ref: commit} of all of them."""
    trunk: tuple[Commit, ...]
    """Trunk along first parents, newest first, down to the repository's root."""
    missing: tuple[str, ...]
    """Commits and trees that the journal names and git does not have."""
    fsck: str
    """What git complains of."""
    folders: tuple[str, ...]
    """The lab's folders of worktrees that git knows, and those that lie there."""
    findings: tuple[str, ...]
    """What `nightlab audit verify` finds."""
    locks: tuple[str, ...]
    """Locks that lie on the lab's own refs and worktrees."""
    checkouts: tuple[int, ...]
    """Runs whose checkout lies there."""
    beings: tuple[beings.Being, ...]
    """Processes of the lab that live."""
    outside: tuple[str, ...]
    """Files that the lab left outside of its folder."""
    researcher: str
    """The researcher's branch and commit, and what differs from it in the checkout."""
    truths: Mapping[int, float]
    """{run: what it must have scored}, where that can be known."""


def gather(paths: LabPaths, truth: Truth | None = None) -> Evidence:
    """Look at everything. The lab should be at rest: what an engine does meanwhile is seen in parts."""
    entries = tuple(_entries(paths))
    repo = pygit2.Repository(str(paths.root))
    return Evidence(
        entries=entries,
        refs={name: str(repo.references[name].peel(pygit2.Commit).id) for name in repo.references},
        trunk=tuple(_trunk(repo)),
        missing=tuple(sorted(name for name in _named(entries) if name not in repo)),
        fsck=_git(paths.root, "fsck", "--no-dangling", "--no-progress"),
        folders=tuple(_folders(paths)),
        findings=tuple(each.text for each in audit.verify(paths).findings),
        locks=tuple(_locks(Path(repo.path))),
        checkouts=tuple(int(each.parent.name) for each in sorted(paths.runs.glob("*/checkout"))),
        beings=tuple(beings.alive(paths.root)),
        outside=tuple(_outside(paths.root)),
        researcher=_researcher(repo),
        truths=_truths(repo, entries, truth) if truth else {},
    )


def _entries(paths: LabPaths) -> list[ev.Entry]:
    reader = Reader(paths.journal)
    try:
        return list(reader.after(0))
    finally:
        reader.close()


def _trunk(repo: pygit2.Repository) -> list[Commit]:
    found = []
    for each in repo.walk(repo.references[TRUNK].target):
        parent = str(each.parent_ids[0]) if each.parent_ids else ""
        found.append(Commit(str(each.id), str(each.tree_id), parent, each.message))
    return found


def _named(entries: tuple[ev.Entry, ...]) -> set[str]:
    """Return the commits and trees of every experiment, and of every move of trunk."""
    found: set[str] = set()
    for event in (entry.event for entry in entries):
        if isinstance(event, ev.ExperimentProposed | ev.ExperimentRebased):
            found |= {event.commit, event.tree}
        elif isinstance(event, ev.TrunkMoved):
            found |= {event.new, event.tree}
    return found


def _folders(paths: LabPaths) -> list[str]:
    """Return ``git NAME`` for each worktree that git knows but the researcher's, and ``disk NAME`` for each folder."""
    listed = _git(paths.root, "worktree", "list", "--porcelain").splitlines()
    known = [Path(line.partition(" ")[2]) for line in listed if line.startswith("worktree ")]
    lost = [f"git {each.name} (prunable)" for each in known if not each.is_dir()]
    own = [f"git {each.name}" for each in known if each != paths.root and each.is_dir()]
    return sorted([*lost, *own, *(f"disk {each.name}" for each in paths.worktrees.iterdir())])


def _locks(git: Path) -> list[str]:
    places = (git / "refs" / "heads" / "lab", git / "refs" / "lab", git / "worktrees")
    return sorted(str(lock.relative_to(git)) for place in places for lock in place.rglob("*.lock"))


def _outside(root: Path) -> list[str]:
    """Return what lies beside the lab: its home and its folder for temporary files must be as empty as they were."""
    found = [each for each in root.parent.rglob("*") if not each.is_relative_to(root)]
    return sorted(str(each.relative_to(root.parent)) for each in found if not each.is_dir())


def _researcher(repo: pygit2.Repository) -> str:
    quiet = pygit2.enums.FileStatus.IGNORED | pygit2.enums.FileStatus.CURRENT
    changed = sorted(path for path, flags in repo.status().items() if flags & ~quiet)
    commits = len(list(repo.walk(repo.head.target)))
    return f"{repo.head.shorthand}, {commits} commit, changed: {', '.join(changed) or 'nothing'}"


def _truths(repo: pygit2.Repository, entries: tuple[ev.Entry, ...], truth: Truth) -> dict[int, float]:
    sources: dict[str, str | None] = {}
    found = {}
    for event in (entry.event for entry in entries):
        if isinstance(event, ev.RunStarted):
            if event.tree not in sources:
                sources[event.tree] = _source(repo, event.tree)
            if (source := sources[event.tree]) is not None:
                found[event.run] = truth(source, event.seed, event.scale)
    return found


def _source(repo: pygit2.Repository, tree: str) -> str | None:
    """Return the train.py of a tree, or None in a repository that lacks it, of which `fsck` tells."""
    try:
        return repo[repo[tree]["train.py"].id].data.decode()
    except KeyError:
        return None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
