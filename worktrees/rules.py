"""Which edit may not become a measured experiment, whatever its score would be? Each rule has a name that is told.

edit        a file outside of the editable ones was changed
frozen      a file of the harness was changed
link        an editable file is a symbolic link, a folder, a device, or gone
repository  there is a repository of its own inside the worktree
size        an editable file is too large
binary      an editable file is no text
name        a new file would hide a module of the standard library
seed        nothing but seeds changed: the best of several draws is no better model
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

Rule = Literal["edit", "frozen", "link", "repository", "size", "binary", "name", "seed"]

LARGEST_BYTES = 1 << 20
"""Of an editable file: source, not data."""


@dataclass(frozen=True)
class Broken:
    """A rule that an edit breaks, and by what."""

    rule: Rule
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def of_paths(changed: Iterable[str], edit: tuple[str, ...], frozen: tuple[str, ...]) -> Iterator[Broken]:
    """Yield what is wrong with the paths that a worktree changed; one that ends in / has a git of its own."""
    for path in sorted(set(changed) - set(edit)):
        if path in frozen:
            yield Broken("frozen", f"{path} is part of the harness")
        elif path.endswith("/"):
            yield Broken("repository", f"{path} holds a repository of its own")
        elif PurePosixPath(path).stem in sys.stdlib_module_names:
            yield Broken("name", f"{path} would hide a module of the standard library")
        else:
            yield Broken("edit", f"{path} was changed, editable: {', '.join(edit)}")


LARGEST_KEPT_BYTES = 64 << 20
"""Of a file that is only kept: more is data, and git would hold it for ever."""


def of_keeping(worktree: Path, path: str) -> Broken | None:
    """Return why a path in a worktree cannot be committed to be kept, None where it can, or is only gone."""
    file = worktree / path
    if path.endswith("/"):
        return Broken("repository", f"{path} holds a repository of its own")
    if any((worktree / parent).is_symlink() for parent in PurePosixPath(path).parents if str(parent) != "."):
        return Broken("link", f"{path} lies behind a symbolic link")
    if file.is_symlink() or (file.exists() and not file.is_file()):
        return Broken("link", f"{path} is no regular file")
    if file.is_file() and (size := file.stat().st_size) > LARGEST_KEPT_BYTES:
        return Broken("size", f"{path} has {size >> 20} MiB, at most {LARGEST_KEPT_BYTES >> 20} are kept")
    return None


def of_file(worktree: Path, path: str) -> Broken | None:
    """Return what is wrong with an editable file as it lies in the worktree, None where nothing is."""
    file = worktree / path
    parents = [worktree / parent for parent in PurePosixPath(path).parents if str(parent) != "."]
    if file.is_symlink() or any(parent.is_symlink() for parent in parents):
        return Broken("link", f"{path} is a symbolic link")
    if not file.is_file():
        return Broken("link", f"{path} is missing or not a regular file")
    if (size := file.stat().st_size) > LARGEST_BYTES:
        return Broken("size", f"{path} has {size:,} bytes, at most {LARGEST_BYTES:,} are allowed")
    data = file.read_bytes()
    if b"\0" in data or not _is_text(data):
        return Broken("binary", f"{path} is no text")
    return None


def of_sources(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Broken | None:
    """Return the rule `seed` where the files differ by nothing but seeds."""
    changed = [path for path in after if before.get(path) != after[path]]
    if changed and all(path.endswith(".py") and _only_seeds(before.get(path, b""), after[path]) for path in changed):
        return Broken("seed", f"{', '.join(changed)}: nothing but seeds changed")
    return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _only_seeds(before: bytes, after: bytes) -> bool:
    """True where two sources are the same program but for numbers that seed a generator."""
    try:
        old, new = (ast.parse(source) for source in (before, after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if ast.dump(old) == ast.dump(new):
        return False  # comments and layout: a change without an effect, which the tree's score will show
    return ast.dump(_Unseeded().visit(old)) == ast.dump(_Unseeded().visit(new))


class _Unseeded(ast.NodeTransformer):
    """Takes out what seeds: calls such as torch.manual_seed(7), and values given to names such as SEED."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Call) and "seed" in _called(node.value):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if "seed" in _called(node) or "generator" in _called(node) or "default_rng" in _called(node):
            node.args, node.keywords = [], []
        for keyword in node.keywords:
            if keyword.arg and "seed" in keyword.arg.lower():
                keyword.value = ast.Constant(0)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if any(isinstance(target, ast.Name) and "seed" in target.id.lower() for target in node.targets):
            node.value = ast.Constant(0)
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit the children, and let a body that lost a seeding call equal one that never had it."""
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [each for each in body if not isinstance(each, ast.Pass)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _called(node: ast.Call) -> str:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return str(name).lower()
