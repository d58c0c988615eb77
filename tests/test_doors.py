"""Where can a process start? Only in the places named here; of agents' code only behind the walls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTS = frozenset(
    [
        "run",
        "call",
        "check_call",
        "check_output",
        "Popen",
        "posix_spawn",
        "posix_spawnp",
        "system",
        "popen",
        "fork",
        "forkpty",
        "execv",
        "execve",
        "execvp",
        "execvpe",
        "execl",
        "execle",
        "execlp",
        "spawnv",
        "spawnve",
        "spawnl",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "run_path",
        "run_module",
    ]
)
MODULES = frozenset({"subprocess", "os", "asyncio", "pty", "runpy", "multiprocessing"})

TRUSTED = {
    "agentcore/notices/command.py run": "the researcher's own command for notices, from their own file",
    "agentcore/project/checkup.py _version": "git and tmux are asked for their versions",
    "agentcore/engine/housekeeping.py _leave_state": "our own code writes the state that it folded from the journal",
    "agentcore/project/logout.py _asked": "logind is asked what a logout ends",
    "agentcore/project/seed.py python_check": "is torch there?",
    "agentcore/project/seed.py _run": "the researcher's own prepare and configure, before any agent exists",
    "tui/clipboard.py _to_tmux": "tmux is given what was copied",
    "tui/help.py bell_of_tmux": "tmux is asked whether its bell works",
    "tui/lending.py lend": "the person's own shell or editor gets the terminal",
    "worktrees/processes.py detach": "an engine or a shim",
    "worktrees/repository.py _git": "git, with plumbing commands that run no hook and no filter",
    "worktrees/sandbox/choice.py _trouble": "the walls are tried on /bin/sh",
    "worktrees/sandbox/proof.py _run": "the walls are tried on our own probe",
    "worktrees/sandbox/launcher.py main": "it is the wall, and becomes the command behind it",
}
BEHIND_WALLS = {"worktrees/confined.py _start", "worktrees/shim.py _spawn"}


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def starts(path: Path) -> Iterator[str]:
    """Yield the function around each call that starts a process."""
    for function in nodes(path):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in STARTS:
                module = call.func.value
                if (
                    isinstance(module, ast.Name)
                    and module.id in MODULES
                    and (module.id, call.func.attr) != ("asyncio", "run")
                ):
                    yield f"{path.relative_to(ROOT)} {function.name}"


def code() -> Iterator[Path]:
    """Yield every module of ours that may start something."""
    for package in ("agentcore", "tui", "worktrees"):
        yield from (ROOT / package).rglob("*.py")


def test_every_place_that_starts_a_process_is_known() -> None:
    """A new one needs a reason above, or the walls."""
    assert set(TRUSTED) | BEHIND_WALLS == {each for path in code() for each in starts(path)}


def test_nobody_imports_a_way_around() -> None:
    """Names that are imported from these modules would not be seen above."""
    found = [
        f"{path.relative_to(ROOT)}: {name.name}"
        for path in code()
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for name in node.names
        if name.name in STARTS
    ]
    assert [] == found


def test_nothing_of_a_worktree_is_executed_here() -> None:
    """No source becomes code in a process of the lab."""
    forbidden = {"exec", "eval", "compile", "__import__"}
    found = [
        f"{path.relative_to(ROOT)}: {node.func.id}"
        for path in code()
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden
    ]
    assert [] == found
