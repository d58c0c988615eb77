"""The lab's git: every ref it writes, every commit it makes, in one place.

    refs/heads/lab/trunk           measured winners
    refs/heads/lab/verified        the last trunk whose gain held at the larger size
    refs/heads/lab/wt0 …           one branch per worktree
    refs/lab/experiments/000123    pins every experiment's commit
    refs/lab/kept/000123           pins the kept ones
    refs/lab/candidates/000123     the candidate as rebased, later the commit that a merge lands
    refs/lab/kept/wt0/TIME         what lay in a worktree and in no commit when a person rebased or retired it
    refs/lab/pinned/000123         what a person wants kept: no clean-up removes it
    refs/lab/reverts/000123        trunk without that experiment, as it is tried and later lands
    refs/lab/texts                 every version of the researcher's texts, each on the one before

The researcher's own branches are never written and nothing is pushed. Commits are made with plumbing from trees, never
from an index that an agent could have prepared: no hooks, no filters, no fsmonitor run (a plain ``git status`` in a
folder that an agent had prepared has executed its script).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import pygit2
from pygit2.enums import FileMode, FileStatus, RepositoryOpenFlag

from worktrees import rules
from worktrees.rules import Broken
from worktrees.text import printable

P = ParamSpec("P")
R = TypeVar("R")

TRUNK = "refs/heads/lab/trunk"
VERIFIED = "refs/heads/lab/verified"
TEXTS = "refs/lab/texts"

_GIT_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_COMMITTER = ("nightlab", "nightlab@localhost")


class RepositoryError(Exception):
    """The repository cannot be used, or git refused. The message says what to do."""


class Gone(RepositoryError):
    """A commit, or something in it, is in the repository no more: it was collected as garbage, or is damaged."""


LOCK_PATIENCE_S = 5.0
"""How long a lock of git is waited for: somebody's own git command in a worktree takes less."""


class Conflict(Exception):
    """A change does not apply to its new base. `paths` are the files where it collides."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(f"conflict in {', '.join(paths)}")
        self.paths = paths


class ForeignChange(Exception):
    """A worktree holds a change that may not become an experiment. `broken` are the rules that it breaks."""

    def __init__(self, broken: Sequence[Broken]) -> None:
        super().__init__("; ".join(map(str, broken)))
        self.broken = tuple(broken)


def _writes(work: Callable[P, R]) -> Callable[P, R]:
    """Turn what libgit2 says of a failed write (a full disk, a lock, a folder in the way) into our error."""

    @wraps(work)
    def write(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return work(*arguments, **options)
        except (pygit2.GitError, OSError) as error:
            raise RepositoryError(f"git cannot write: {error}") from error

    return write


def _reads(work: Callable[P, R]) -> Callable[P, R]:
    """Turn what libgit2 says of an object that is not there, or not whole, into our error."""

    @wraps(work)
    def read(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return work(*arguments, **options)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise Gone(f"git cannot read a commit of the lab ({error}): git fsck tells more") from error

    return read


class Repository:
    """The lab's repository. Not thread-safe: libgit2 promises nothing there, so each thread opens its own."""

    def __init__(self, root: Path) -> None:
        try:
            self._repo = pygit2.Repository(str(root), RepositoryOpenFlag.NO_SEARCH)  # never the one that it lies in
        except pygit2.GitError as error:
            raise RepositoryError(f"{root} is no git repository: `nightlab init` makes one") from error
        self._root = root

    # -- reading ---------------------------------------------------------------------------------------------------

    def resolve(self, ref: str) -> str | None:
        """Return the commit that `ref` points to, or None. Raises RepositoryError where the ref is damaged."""
        try:
            return str(self._repo.references[ref].peel(pygit2.Commit).id)
        except KeyError:
            return None
        except pygit2.GitError as error:  # a power cut left an empty file, or its commit was collected
            hint = ": delete it, the engine puts trunk back where its journal has it" if ref == TRUNK else ""
            raise RepositoryError(f"{self._repo.path}{ref} cannot be read ({error}){hint}") from error

    def head(self) -> str:
        """Return the commit of HEAD. Raises RepositoryError in a repository without a commit."""
        try:
            return str(self._repo.head.peel(pygit2.Commit).id)
        except pygit2.GitError as error:
            raise RepositoryError(f"{self._root} has no commit yet: commit the project first") from error

    @_reads
    def tree_of(self, commit: str) -> str:
        """Return the tree of a commit."""
        return str(self._repo[commit].peel(pygit2.Tree).id)

    @_reads
    def parent_of(self, commit: str) -> str | None:
        """Return the first parent of a commit, or None for a root."""
        parents = self._repo[commit].peel(pygit2.Commit).parent_ids
        return str(parents[0]) if parents else None

    def commits(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return {hash as it is given, also a shortened one: the whole hash} of those that name a commit here."""
        found: dict[str, str] = {}
        for name in hashes:
            try:
                found[name] = str(self._repo[name].peel(pygit2.Commit).id)
            except (KeyError, ValueError, pygit2.GitError):  # of another repository, of two, or of a file
                continue
        return found

    def messages(self, commit: str, since: str = "") -> dict[str, str]:
        """Return {commit: message} from `commit` back along first parents, newest first, down to `since` or the root.

        `since` itself is not among them. Raises RepositoryError where a commit on the way is missing.
        """
        found: dict[str, str] = {}
        current: str | None = commit
        try:
            while current is not None and current != since:
                found[current] = self._repo[current].peel(pygit2.Commit).raw_message.decode("utf-8", "replace")
                current = self.parent_of(current)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise RepositoryError(f"commit {current} cannot be read: {error}") from error
        return found

    def read(self, commit: str, path: str) -> bytes:
        """Return a file's bytes in a commit. Raises RepositoryError where there is no such file."""
        try:
            blob = self._repo[commit].peel(pygit2.Tree)[path]
        except KeyError as error:
            raise RepositoryError(f"{path} is not in commit {commit[:7]}") from error
        if not isinstance(blob, pygit2.Blob):
            raise RepositoryError(f"{path} in commit {commit[:7]} is not a file")
        return blob.data

    @_reads
    def is_ancestor(self, old: str, new: str) -> bool:
        """Return True where `new` contains `old`."""
        return old == new or self._repo.descendant_of(new, old)

    def uncommitted(self) -> tuple[str, ...]:
        """Return the tracked files of the researcher's checkout that differ from HEAD, or are staged."""
        quiet = FileStatus.CURRENT | FileStatus.IGNORED | FileStatus.WT_NEW
        return tuple(sorted(path for path, flags in self._repo.status().items() if flags & ~quiet))

    def files(self, commit: str) -> dict[str, int]:
        """Return {path: bytes} of the regular files of a commit, without links and submodules."""
        found: dict[str, int] = {}
        self._list(self._repo[commit].peel(pygit2.Tree), "", found)
        return found

    def _list(self, tree: pygit2.Tree, prefix: str, found: dict[str, int]) -> None:
        for entry in tree:
            path = f"{prefix}{entry.name}"
            if isinstance(entry, pygit2.Tree):
                self._list(entry, f"{path}/", found)
            elif isinstance(entry, pygit2.Blob) and entry.filemode != FileMode.LINK:
                found[path] = entry.size

    def lab_refs(self) -> tuple[str, ...]:
        """Return the refs that are where a lab keeps its own."""
        ours = ("refs/heads/lab/", "refs/lab/")
        return tuple(sorted(ref for ref in self._repo.references if ref == "refs/heads/lab" or ref.startswith(ours)))

    # -- commits ---------------------------------------------------------------------------------------------------

    def collect(self, worktree: Path, base: str, edit: Iterable[str], message: str, frozen: Iterable[str] = ()) -> str:
        """Commit what a worktree changed in its `edit` paths, on top of `base`, and return the commit.

        Only regular files of those paths are taken. Raises ForeignChange where a rule is broken: the whole edit is
        refused then, because its author may have meant it to work only together.
        """
        allowed = tuple(edit)
        broken = list(rules.of_paths(self._foreign(worktree, base, allowed), allowed, tuple(frozen)))
        broken += [each for each in (rules.of_file(worktree, path) for path in allowed) if each]
        if broken:
            raise ForeignChange(broken)
        contents = {path: (worktree / path).read_bytes() for path in allowed}
        if seeds := rules.of_sources(self._contents(base, allowed), contents):
            raise ForeignChange([seeds])
        return self._commit(self._with_files(base, contents), (base,), message)

    def salvage(self, worktree: Path, base: str, edit: Iterable[str], message: str) -> str:
        """Commit what of a refused edit can be: its editable files that are text. For the record, never to be run."""
        plain = (path for path in edit if rules.of_file(worktree, path) is None)
        return self._commit(
            self._with_files(base, {path: (worktree / path).read_bytes() for path in plain}), (base,), message
        )

    def loose(self, worktree: Path, commit: str) -> tuple[str, ...]:
        """Return the paths in a worktree that differ from `commit`, files that git does not know included."""
        checkout = self._checkout(worktree)
        quiet = FileStatus.CURRENT | FileStatus.IGNORED
        changed = {path for path, flags in checkout.status().items() if flags & ~quiet}
        if not checkout.head_is_unborn:
            own = checkout[commit].peel(pygit2.Tree).diff_to_tree(checkout.head.peel(pygit2.Tree))
            changed |= {side.path for delta in own.deltas for side in (delta.old_file, delta.new_file)}
        return tuple(sorted(path for path in changed if _differs(checkout[commit].peel(pygit2.Tree), worktree, path)))

    def keep(self, worktree: Path, name: str, commit: str, when: str) -> str | None:
        """Commit all in a worktree that `commit` does not hold, as ``refs/lab/kept/NAME/WHEN``; None for nothing.

        Raises ForeignChange, and nothing is written, where something cannot be committed.
        """
        loose = self.loose(worktree, commit)
        if broken := [each for each in (rules.of_keeping(worktree, path) for path in loose) if each]:
            raise ForeignChange(broken)
        if not loose:
            return None
        kept = self._commit(self._with_all(worktree, commit, loose), (commit,), f"Kept from {name}, in no other commit")
        self._point(f"refs/lab/kept/{name}/{when}", kept)
        return kept

    @_writes
    def _point(self, ref: str, commit: str) -> None:
        self._repo.references.create(ref, commit, force=True)

    @_writes
    def _with_all(self, worktree: Path, commit: str, paths: Iterable[str]) -> str:
        """Return the tree of `commit` with those paths as they lie in the worktree, or without them."""
        index = pygit2.Index()
        index.read_tree(self._repo[commit].peel(pygit2.Tree))
        for path in paths:
            file = worktree / path
            if not os.path.lexists(file):
                if path in index:
                    index.remove(path)
                continue
            mode = FileMode.BLOB_EXECUTABLE if os.access(file, os.X_OK) else FileMode.BLOB
            index.add(pygit2.IndexEntry(path, self._repo.create_blob(file.read_bytes()), mode))
        return str(index.write_tree(self._repo))

    def write(self, contents: Mapping[str, bytes], parent: str, message: str, at: int | None = None) -> str:
        """Commit `parent` with these files changed. `at`: Unix time of the commit, here and below; None is now."""
        return self._commit(self._with_files(parent, contents), (parent,), message, at)

    def rebase(self, commit: str, onto: str, message: str, at: int | None = None) -> str:
        """Replay a commit's change on another one, in memory; return the new commit. Raises Conflict."""
        parent = self.parent_of(commit)
        if parent is None:
            raise RepositoryError(f"{commit[:7]} has no parent to be rebased from")
        return self._commit(self._merged(parent, onto, commit), (onto,), message, at)

    def revert(self, commit: str, onto: str, message: str, since: str | None = None, at: int | None = None) -> str:
        """Take exactly a commit's change back on top of `onto`, in memory; return the new commit. Raises Conflict.

        `since`: the commit below it from which on all is taken back; without it that is its parent.
        """
        parent = since or self.parent_of(commit)
        if parent is None:
            raise RepositoryError(f"{commit[:7]} has no parent to go back to")
        return self._commit(self._merged(commit, onto, parent), (onto,), message, at)

    def land(self, tree: str, parent: str, message: str, at: int | None = None) -> str:
        """Make the commit that puts exactly `tree` on top of `parent`. No ref moves yet."""
        return self._commit(tree, (parent,), message, at)

    @_reads
    def _merged(self, ancestor: str, ours: str, theirs: str) -> str:
        """Return the tree of `ours` with what leads from `ancestor` to `theirs`. Raises Conflict."""
        base, left, right = (self._repo[commit].peel(pygit2.Tree) for commit in (ancestor, ours, theirs))
        index = self._repo.merge_trees(base, left, right)
        if index.conflicts:
            sides = [next(side for side in conflict if side) for conflict in index.conflicts]
            raise Conflict(tuple(sorted({side.path for side in sides})))
        return str(index.write_tree(self._repo))

    # -- refs ------------------------------------------------------------------------------------------------------

    @_writes
    def pin(self, kind: str, number: int, commit: str) -> None:
        """Point ``refs/lab/KIND/000123`` at a commit, so that no deletion of a branch can lose it."""
        self._repo.references.create(f"refs/lab/{kind}/{number:06d}", commit, force=True)

    @_writes
    def unpin(self, kind: str, number: int) -> None:
        """Remove the ref that `pin` made, if it is there."""
        name = f"refs/lab/{kind}/{number:06d}"
        if name in self._repo.references:
            self._repo.references.delete(name)

    def kept_of(self, name: str) -> tuple[str, ...]:
        """Return the refs of what `keep` has found in a worktree, oldest first. Reads every ref."""
        return tuple(sorted(ref for ref in self._repo.listall_references() if ref.startswith(f"refs/lab/kept/{name}/")))

    @_writes
    def forget(self, ref: str) -> None:
        """Remove a ref that `keep` made, if it is there."""
        if ref in self._repo.references:
            self._repo.references.delete(ref)

    @_writes
    def verify(self, commit: str) -> None:
        """Let ``lab/verified`` point at a trunk commit."""
        self._repo.references.create(VERIFIED, commit, force=True)

    def create_trunk(self, commit: str) -> None:
        """Start trunk at `commit`. Raises RepositoryError where it exists already."""
        try:
            self._repo.references.create(TRUNK, commit)
        except pygit2.AlreadyExistsError as error:
            raise RepositoryError("lab/trunk exists already") from error
        except (pygit2.GitError, OSError) as error:  # git keeps refs as files: `lab` cannot be one and a folder
            raise RepositoryError(f"cannot create lab/trunk (is there a branch named lab?): {error}") from error

    @_writes
    def swap_trunk(self, old: str, new: str, patience_s: float = LOCK_PATIENCE_S) -> bool:
        """Move trunk from `old` to `new` if it is `old`, in one step; False where it is something else.

        Raises RepositoryError, and trunk has not moved, where another process holds the ref's lock.
        """
        with self._repo.transaction() as transaction:
            _patiently(lambda: transaction.lock_ref(TRUNK), patience_s)
            if self.resolve(TRUNK) != old:
                return False
            transaction.set_target(TRUNK, pygit2.Oid(hex=new), message="nightlab: promotion")
        return True  # whatever it is by now: a hand may have moved it again already

    def clear_locks(self) -> None:
        """Remove the locks that a killed engine left on the lab's own refs and worktrees.

        Only to be called by the holder of the lab's lock: no other engine can then be in the middle of anything. Locks
        on the researcher's branches and index are not ours and stay.
        """
        git = Path(self._repo.path)
        for folder in (git / "refs" / "heads" / "lab", git / "refs" / "lab", *(git / "worktrees").glob("wt*")):
            for lock in folder.rglob("*.lock"):
                lock.unlink(missing_ok=True)

    # -- folders ---------------------------------------------------------------------------------------------------

    @_writes
    def add_worktree(self, path: Path, name: str, commit: str) -> None:
        """Check branch ``lab/NAME`` out at `path`, standing on `commit`; one that is there already is left alone."""
        if (path / ".git").exists():
            self._bring_along(path)
            return
        no_hooks = ("-c", f"core.hooksPath={os.devnull}")
        _git(self._root, "worktree", "prune")
        _git(self._root, *no_hooks, "worktree", "add", "--quiet", "--force", "-B", f"lab/{name}", str(path), commit)

    def _bring_along(self, path: Path) -> None:
        """Let a worktree and the git of this lab name each other again, where the lab was moved, or copied, as a whole.

        Its link names the old place. There the original of a copy may be at work, so git itself must not follow it.
        """
        link, admins = path / ".git", Path(self._repo.path) / "worktrees"
        if link.is_symlink() or not link.is_file():
            return
        old = Path(link.read_text(encoding="utf-8", errors="replace").removeprefix("gitdir:").strip())
        admin = admins / old.name
        if old.parent == admins or not (admin / "gitdir").is_file():
            return
        if Path((admin / "gitdir").read_text(encoding="utf-8").strip()).parts[-4:] == link.parts[-4:]:
            (admin / "gitdir").write_text(f"{link}\n", encoding="utf-8")
            link.write_text(f"gitdir: {admin}\n", encoding="utf-8")

    @_writes
    def forget_worktree(self, path: Path, trash: Path) -> None:
        """Move a worktree's folder away, and let git forget it; its branch stays."""
        trash.parent.mkdir(parents=True, exist_ok=True)
        path.rename(trash)
        _git(self._root, "worktree", "prune")

    @_writes
    def recall_worktree(self, path: Path, trash: Path, name: str) -> None:
        """Bring a folder back that `forget_worktree` moved away: every file as it was, on its branch as it is."""
        branch = self.resolve(f"refs/heads/lab/{name}")
        if branch is None or not trash.is_dir() or path.exists():
            raise RepositoryError(f"{name} cannot be brought back: its branch or its folder in {trash.parent} is gone")
        self.add_worktree(path, name, branch)
        link = (path / ".git").read_text(encoding="utf-8")
        shutil.rmtree(path)
        trash.rename(path)
        (path / ".git").write_text(link, encoding="utf-8")

    @_writes
    def move_worktree(self, path: Path, name: str, commit: str) -> None:
        """Put a worktree back on `commit`: branch, index and files; edits and untracked files in it are dropped.

        One that an agent removed, or took from its repository, is made again.
        """
        try:
            checkout = self._checkout(path)
        except RepositoryError:
            _remove(path)
            self.add_worktree(path, name, commit)
            return
        self._repo.references.create(f"refs/heads/lab/{name}", commit, force=True)
        checkout.set_head(f"refs/heads/lab/{name}")
        _reset(checkout, path, commit)

    @_writes
    def restore(self, worktree: Path, base: str, edit: Iterable[str]) -> tuple[str, ...]:
        """Put every file outside of `edit` back as it is in `base`, and return which were not so.

        Commits that an agent made itself are undone in the same way: its files stay, only their content counts.
        """
        allowed = tuple(edit)
        kept = {path: (worktree / path).read_bytes() for path in allowed if _is_plain(worktree / path)}
        try:
            foreign = self._foreign(worktree, base, allowed)
        except RepositoryError:
            foreign = [".git"]
            self.move_worktree(worktree, worktree.name, base)
        if not foreign:
            return ()
        checkout = self._checkout(worktree)
        _reset(checkout, worktree, base)
        for path, data in kept.items():
            (worktree / path).write_bytes(data)
        return tuple(foreign)

    @_writes
    def move_branch(self, path: Path, name: str, commit: str) -> None:
        """Let the branch of the worktree at `path` point at `commit`, whose tree its files already are."""
        self._repo.references.create(f"refs/heads/lab/{name}", commit, force=True)
        checkout = self._checkout(path)
        checkout.index.read_tree(self._repo[commit].peel(pygit2.Tree))
        _patiently(checkout.index.write)

    @_reads
    def export(self, commit: str, folder: Path, frozen: Mapping[str, bytes] | None = None) -> None:
        """Write the files of a commit into a new `folder`, read-only, without filters, links or submodules.

        `frozen` files are written as given, whatever the commit holds in their place.
        """
        folder.mkdir(parents=True)
        self._write(self._repo[commit].peel(pygit2.Tree), folder)
        for path, data in (frozen or {}).items():
            target = folder / path
            if target.is_dir():
                shutil.rmtree(target)
            target.unlink(missing_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o444)

    def _write(self, tree: pygit2.Tree, folder: Path) -> None:
        for entry in tree:
            target = folder / str(entry.name)
            if isinstance(entry, pygit2.Tree):
                target.mkdir()
                self._write(entry, target)
            elif isinstance(entry, pygit2.Blob) and entry.filemode != FileMode.LINK:
                target.write_bytes(entry.data)
                target.chmod(0o555 if entry.filemode == FileMode.BLOB_EXECUTABLE else 0o444)

    def _checkout(self, worktree: Path) -> pygit2.Repository:
        """Open a worktree's own checkout. Raises RepositoryError where an agent removed its `.git`, or put another.

        Without this libgit2 looks for one in the folders above: the researcher's own checkout was found, reset and
        emptied of untracked files.
        """
        try:
            checkout = pygit2.Repository(str(worktree), RepositoryOpenFlag.NO_SEARCH)
        except pygit2.GitError as error:
            raise RepositoryError(f"{worktree} is no worktree of this lab any more: {error}") from error
        git = Path(checkout.path)
        is_ours = git.parent.name == "worktrees" and _common(git) == _common(Path(self._repo.path))
        if not is_ours or Path(checkout.workdir).resolve() != worktree.resolve():
            raise RepositoryError(f"{worktree} is no worktree of this lab any more: its git is {git}")
        return checkout

    def _foreign(self, worktree: Path, base: str, allowed: tuple[str, ...]) -> list[str]:
        """Name what differs from `base` outside of `allowed`: on the disk, or in commits that the agent made itself."""
        checkout = self._checkout(worktree)
        quiet = FileStatus.CURRENT | FileStatus.IGNORED
        changed = {path for path, flags in checkout.status().items() if flags & ~quiet}
        if not checkout.head_is_unborn:
            own = checkout[base].peel(pygit2.Tree).diff_to_tree(checkout.head.peel(pygit2.Tree))
            changed |= {side.path for delta in own.deltas for side in (delta.old_file, delta.new_file)}
        return sorted(printable(path) for path in changed - set(allowed))

    @_writes
    def add_version(self, texts: Mapping[str, bytes], before: str, message: str, at: int | None = None) -> str:
        """Commit exactly these files on top of the version `before` (empty for the first), as `TEXTS`."""
        index = pygit2.Index()
        for path, data in texts.items():
            index.add(pygit2.IndexEntry(path, self._repo.create_blob(data), FileMode.BLOB))
        commit = self._commit(str(index.write_tree(self._repo)), (before,) if before else (), message, at)
        self._point(TEXTS, commit)
        return commit

    @_reads
    def version(self, commit: str) -> dict[str, bytes]:
        """Return {path: content} of one version of the texts."""
        index = pygit2.Index()
        index.read_tree(self._repo[commit].peel(pygit2.Tree))
        return {entry.path: self._repo[entry.id].peel(pygit2.Blob).data for entry in index}

    def _contents(self, commit: str, paths: tuple[str, ...]) -> dict[str, bytes]:
        tree = self._repo[commit].peel(pygit2.Tree)
        return {path: self.read(commit, path) for path in paths if path in tree}

    @_writes
    def _with_files(self, base: str, contents: Mapping[str, bytes]) -> str:
        index = pygit2.Index()
        index.read_tree(self._repo[base].peel(pygit2.Tree))
        for path, data in contents.items():
            mode = index[path].mode if path in index else FileMode.BLOB
            index.add(pygit2.IndexEntry(path, self._repo.create_blob(data), FileMode(mode)))
        return str(index.write_tree(self._repo))

    @_writes
    def _commit(self, tree: str, parents: Iterable[str], message: str, at: int | None = None) -> str:
        who = _committer(at)
        oids: list[str | pygit2.Oid] = [pygit2.Oid(hex=parent) for parent in parents]
        return str(self._repo.create_commit(None, who, who, message, pygit2.Oid(hex=tree), oids))


def top(folder: Path) -> Path | None:
    """Return the top of the checkout that `folder` lies in, None where it lies in none. Raises RepositoryError."""
    found = pygit2.discover_repository(str(folder))
    if found is None:
        return None
    try:
        repo = pygit2.Repository(found)
    except pygit2.GitError as error:  # of somebody else, or of a kind that libgit2 does not know
        raise RepositoryError(f"the repository around {folder} cannot be used: {error}") from error
    if repo.is_bare:
        raise RepositoryError(f"{folder} is in a bare repository: a lab needs a checkout, so git clone it first")
    return Path(repo.workdir)


def initialise(root: Path, message: str, at: int | None = None) -> str:
    """Make `root` a git repository with everything in it committed; return the commit."""
    repo = pygit2.init_repository(str(root), initial_head="main")
    repo.index.add_all()
    repo.index.write()
    who = _committer(at)
    return str(repo.create_commit("HEAD", who, who, message, repo.index.write_tree(), []))


def _committer(at: int | None) -> pygit2.Signature:
    return pygit2.Signature(*_COMMITTER) if at is None else pygit2.Signature(*_COMMITTER, at, 0)


def _reset(checkout: pygit2.Repository, folder: Path, commit: str) -> None:
    """Make index and files those of `commit`, without any other file that git sees.

    What is no regular file goes first: libgit2 leaves a link in the place of a file as it is, and waits for ever at a
    pipe.
    """
    for file in checkout.status():
        path = folder / file
        is_inside = path.parent.resolve().is_relative_to(folder.resolve())  # and not behind a link that leads away
        if is_inside and os.path.lexists(path) and not _is_plain(path):
            _remove(path)
    _patiently(lambda: checkout.reset(pygit2.Oid(hex=commit), pygit2.enums.ResetMode.HARD))
    for file, flags in checkout.status().items():
        if flags & FileStatus.WT_NEW:
            _remove(folder / file)


def _differs(tree: pygit2.Tree, worktree: Path, path: str) -> bool:
    """True where a path holds something else than in a tree; what is no regular file always does."""
    file = worktree / path
    if not os.path.lexists(file) or path not in tree:
        return os.path.lexists(file) or path in tree
    known = tree[path]
    return not _is_plain(file) or not isinstance(known, pygit2.Blob) or file.read_bytes() != known.data


def _common(git: Path) -> Path:
    """Return the folder that a repository shares with its worktrees."""
    link = git / "commondir"
    return (git / link.read_text(encoding="utf-8").strip()).resolve() if link.is_file() else git.resolve()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _remove(path: Path) -> None:
    """Remove what git calls untracked: a file, a link, or a whole repository that an agent made (named as a folder)."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _patiently(work: Callable[[], object], patience_s: float = LOCK_PATIENCE_S) -> None:
    """Do work that needs a lock of git which somebody else may hold for a moment. Raises RepositoryError."""
    end = time.monotonic() + patience_s
    while True:
        try:
            work()
        except pygit2.GitError as error:
            if time.monotonic() > end:
                raise RepositoryError(f"git refused: {error}") from error
            time.sleep(0.05)
        else:
            return


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env={**os.environ, **_GIT_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RepositoryError(f"git {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
