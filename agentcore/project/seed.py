"""How does a new lab begin? From the training project and the prompts that nightlab carries with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from worktrees import repository, slots
from worktrees.layout import LabPaths
from worktrees.project import Project, ProjectError, load


class SeedError(Exception):
    """A lab cannot be made there. The message says why and what to do."""


def create(root: Path, say: Callable[[str], None]) -> LabPaths:
    """Make a lab at `root`: project files, git, and the prepared data. What is there already is kept.

    `say` gets a line about each step. Raises SeedError, ProjectError or RepositoryError.
    """
    paths = LabPaths(root)
    if paths.config.exists():
        say(f"Found  {paths.config}")
    elif root.exists() and any(root.iterdir()):
        raise SeedError(f"{root} is not empty and has no lab.toml: give a new folder, or nightlab init {root}")
    else:
        _copy_project(paths, say)
        project = load(paths.config)
        if project.commands.configure:
            _run(paths, project, project.commands.configure)
    if not (root / ".git").exists():
        commit = repository.initialise(root, "Start the lab from nightlab's nanochat")
        say(f"Wrote  a git repository, commit {commit[:7]}; the lab will write refs/heads/lab/* and refs/lab/* only")
    ignore(paths)
    prepare(paths, say)
    return paths


def prepare(paths: LabPaths, say: Callable[[str], None]) -> None:
    """Run the project's `prepare` command, which makes `.lab/data`. Raises SeedError with its last words."""
    project = load(paths.config)
    if project.commands.prepare:
        paths.data.mkdir(parents=True, exist_ok=True)
        for line in _run(paths, project, project.commands.prepare):
            say(f"Data   {line}")


def prompts_folder() -> Path:
    """Return the folder of the program, directions and templates that came with this nightlab."""
    return _carried("prompts")


def python_check(paths: LabPaths, project: Project) -> str | None:
    """Return why the project's interpreter cannot train it, or None where nothing speaks against it.

    Only torch is looked for, and only where the project's files ask for it.
    """
    program = project.argv(project.commands.train)[0]
    files = (paths.root / each for each in (*project.project.edit, *project.project.frozen))
    if not Path(program).name.startswith("python") or not any(_TORCH.search(_text(each)) for each in files):
        return None
    done = subprocess.run([program, "-c", "import torch"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{program} has no torch"


_TORCH = re.compile(r"^\s*(?:import|from) torch\b", re.MULTILINE)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _run(paths: LabPaths, project: Project, command: tuple[str, ...]) -> list[str]:
    """Run one of the project's own commands in the lab's folder and return its lines. Raises SeedError."""
    name, profile = project.profile_for(slots.discover()[0].kind)
    done = subprocess.run(
        project.argv(command, name),
        cwd=paths.root,
        env={
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "HOME": str(Path.home()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **profile.env,
            "NIGHTLAB_DATA_ROOT": str(paths.data),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        raise SeedError(f"{' '.join(command)} failed ({done.returncode}): {' / '.join(lines[-3:])}")
    return lines


def _copy_project(paths: LabPaths, say: Callable[[str], None]) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(_carried("nanochat"), paths.root, ignore=ignore, dirs_exist_ok=True)
    shutil.copy(prompts_folder() / "program.md", paths.program)
    shutil.copytree(prompts_folder() / "directions", paths.directions, dirs_exist_ok=True)
    say(f"Wrote  {paths.root}: train.py, its harness, lab.toml, program.md, directions/")


def ignore(paths: LabPaths) -> None:
    """Let git ignore `.lab/` without touching a committed file."""
    exclude = paths.root / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    text = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    if "/.lab/" not in text.splitlines():
        exclude.write_text(f"{text.rstrip()}\n/.lab/\n".lstrip(), encoding="utf-8")


def _carried(name: str) -> Path:
    """Return a data folder: inside the package where a wheel put it, else beside it in a checkout of the source."""
    package = Path(__file__).parents[1]
    for folder in (package / "carried" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise ProjectError(f"this installation of nightlab lacks its {name}/ folder: install it again")
