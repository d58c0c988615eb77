"""How does a repository that is there already become a lab, without a change of anything that its researcher has?

lab.toml and the goal are new files in the checkout, which git does not know yet. Trunk is a commit of its own on HEAD
with those files in it: no branch, no index and no file of the researcher's is written, and what is not committed stays
out of the lab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from agentcore.brief.prompts import TEMPLATES
from agentcore.project.recognition import Recognised, recognise
from agentcore.project.seed import SeedError, ignore
from worktrees import repository
from worktrees.layout import LabPaths
from worktrees.repository import TRUNK, Repository

SOURCE_BYTES, SOURCES = 1 << 20, 2000
"""Larger files than this, and more of them, are not read to recognise a project."""


@dataclass(frozen=True)
class Place:
    """A repository that may become a lab, and what was found in it."""

    paths: LabPaths
    folder: str
    """Where in it the project lies; empty at its top."""
    head: str
    files: frozenset[str]
    """What HEAD holds."""
    found: Recognised
    python: str
    """The project's interpreter, as a word of a command."""
    read: tuple[str, ...]
    """What its runs need to see outside of it."""
    env: Mapping[str, str]
    dirty: tuple[str, ...]
    """Changes that the researcher has not committed."""
    notes: tuple[str, ...]
    """What a person should know before the first night."""


def look(folder: Path, environment: Mapping[str, str], home: Path, script: str = "") -> Place:
    """Look at the repository around `folder`; nothing is written.

    `script`: the training script that a person named, relative to `folder`. Raises SeedError or RepositoryError where
    no lab can be made there.
    """
    top = repository.top(folder)
    if top is None:
        raise SeedError(f"{folder} is not empty and no git repository: git init, git add, git commit; or a new folder")
    paths = LabPaths(top)
    if not (top / ".git").is_dir():
        raise SeedError(f"{top} is a linked worktree or a submodule: make the lab in the repository that it belongs to")
    if paths.config.exists():
        raise SeedError(f"{paths.config} is there already: edit it, or remove it to begin anew")
    repo = Repository(top)
    head = repo.head()
    if taken := repo.lab_refs():
        raise SeedError(
            f"{taken[0]} is there already, and a lab writes refs/heads/lab/* and refs/lab/*: rename it first"
        )
    files = repo.files(head)
    inside = folder.resolve().relative_to(top.resolve()).as_posix()
    inside = "" if inside == "." else inside
    small = [path for path, size in files.items() if path.endswith(".py") and size <= SOURCE_BYTES][:SOURCES]
    sources = {path: repo.read(head, path).decode("utf-8", "replace") for path in small}
    results = (PurePosixPath(inside) / "results.tsv").as_posix()
    names = {*files, *([results] if (top / results).is_file() else [])}
    named = (PurePosixPath(inside) / script).as_posix() if script else ""
    found = recognise(sources, names, inside, named)
    text = "\n".join(sources[path] for path in (found.script, *found.frozen) if path in sources)
    python, prefix = interpreter(top, environment)
    caches = _caches(text, home)
    env = {found.seed_variable: "{seed}"} if found.seed_variable not in ("", "NIGHTLAB_SEED") else {}
    env |= {"HOME": str(home)} if caches else {}
    env |= {"HF_HUB_OFFLINE": "1"} if any("huggingface" in each for each in caches) else {}
    place = Place(
        paths, inside, head, frozenset(files), found, python, (*prefix, *caches), env, repo.uncommitted(), notes=()
    )
    absent = [each for each in caches if not (home / each.removeprefix("~/")).exists()]
    notes = [f"{each} is not there yet: make it first (prepare.py?), or the lab does not start" for each in absent]
    return replace(place, notes=(*notes, *_notes(place, repo, text)))


def adopt(place: Place, texts: Mapping[str, str], say: Callable[[str], None]) -> LabPaths:
    """Write the new files {path: text} and make trunk of HEAD and them. Raises SeedError or RepositoryError.

    Where trunk cannot be made the files are taken away again.
    """
    root, repo = place.paths.root, Repository(place.paths.root)
    for path in texts:
        if (root / path).exists():
            raise SeedError(f"{root / path} is there already, and nothing of yours is overwritten: move it first")
    contents = {path: text.encode() for path, text in texts.items()}
    written = []
    try:
        for path, data in contents.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_bytes(data)
            written.append(root / path)
        commit = repo.write(contents, place.head, f"Start the lab: {', '.join(texts)}")
        repo.create_trunk(commit)
    except (OSError, repository.RepositoryError) as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise SeedError(f"nothing was written: {error}") from error
    ignore(place.paths)
    say(f"Wrote  {', '.join(texts)}; commit them when you like")
    say(f"Wrote  {TRUNK.removeprefix('refs/heads/')} at {commit[:7]}: your HEAD {place.head[:7]} and these files")
    say("       your branches, index and files are as they were; the lab writes refs/heads/lab/*, refs/lab/* and .lab/")
    return place.paths


def interpreter(top: Path, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the project's Python as a word of a command, and the folders that a run must see for it.

    Its own .venv (what `uv run` would take), else the environment that is active, else the one that runs nightlab.
    """
    active = [environment[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environment.get(name)]
    for folder in (top / ".venv", top / "venv", *map(Path, active)):
        python = folder / "bin" / "python"
        if python.exists():
            return str(python), _prefixes(folder, python)
    return "{python}", ()


def _prefixes(folder: Path, python: Path) -> tuple[str, ...]:
    """Return an environment's folder and that of the Python it was made from, unless the system has it."""
    found = [folder]
    config = folder / "pyvenv.cfg"
    if config.is_file() and (match := re.search(r"^home\s*=\s*(.+)$", config.read_text(errors="replace"), re.M)):
        found.append(Path(match[1].strip()).parent)
    found.append(python.resolve().parent.parent)
    system = (Path("/usr"), Path("/"))
    return tuple(str(each) for each in dict.fromkeys(found) if each.is_dir() and each not in system)


_CACHE = re.compile(r"""\.cache["']?\s*[,/]\s*["']?([A-Za-z0-9][\w.-]*)""")
"""As in ``os.path.join(home, ".cache", "NAME")``, ``home / ".cache" / "NAME"`` and ``"~/.cache/NAME"``."""


def _caches(text: str, home: Path) -> tuple[str, ...]:
    """Return the folders in the home folder that the sources read: by their names, as far as they exist."""
    if not re.search(r"expanduser|Path\.home|~/|huggingface_hub|from kernels|import (?:datasets|transformers)", text):
        return ()
    named = [home / ".cache" / name for name in _CACHE.findall(text)]  # also where it is not there yet
    literals = set(re.findall(r"""["']~?/?(?:\.cache/)?([\w.-]+)/?["']""", text))
    found = [home / ".cache" / name for name in sorted(literals) if name not in (".cache", ".", "..")]
    found += [home / each for each in sorted(set(re.findall(r"""["']~/([\w./-]+)["']""", text))) if ".." not in each]
    if re.search(r"huggingface_hub|from kernels|import (?:datasets|transformers)", text):
        found.append(home / ".cache" / "huggingface")
    there = (each for each in dict.fromkeys((*named, *found)) if each in named or each.exists())
    return tuple(f"~/{each.relative_to(home)}" for each in there)


def _notes(place: Place, repo: Repository, text: str) -> Iterator[str]:
    """Yield what a person should know. `text`: the sources of the training."""
    found, files, top = place.found, place.files, place.paths.root
    if "uv.lock" in files and place.python == "{python}":
        yield "uv.lock without .venv: `uv sync` first, or name an interpreter in [commands] train and [sandbox] read"
    if found.script and not (found.seed_flag or found.seed_variable):
        yield (
            f"{found.script} takes no seed: runs of one commit differ only by what hardware and clock do, and where "
            "they do not at all, σ is 0 and any gain passes. Let it read NIGHTLAB_SEED"
        )
    if found.results:
        yield f"{found.results} holds earlier runs: nightlab import {found.results} brings them in"
    if found.program:
        yield (f"{found.program} stays as it is, and agents are told it; a loop that it describes is the lab's work")
    for name in TEMPLATES:
        if f"prompts/{name}.md" in files:
            yield f"prompts/{name}.md is taken as the template of what agents are told: rename it if it is not"
    if ".gitmodules" in files:
        yield ("submodules are not in a run's checkout: copy what the training needs, or name it in [sandbox] read")
    if ".gitattributes" in files and b"filter=lfs" in repo.read(place.head, ".gitattributes"):
        yield "files in Git LFS are pointers in a run's checkout: name the real ones in [sandbox] read"
    tops = {path.split("/")[0] for path in files}
    for name in sorted(set(re.findall(r"""["']([\w.-]+)(?:/[^"'\n]*)?["']""", text)) - tops):
        if name not in (".", "..", ".git", ".lab") and (top / name).is_dir():
            yield (
                f"{name}/ is not committed, so a run's checkout has none: give its path by an argument or a variable, "
                f'and add "{top / name}" to [sandbox] read'
            )
