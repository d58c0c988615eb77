"""Which of the researcher's words does an agent get, and since when?

A lab's own files come first, what nightlab carries stands in for the missing ones:

    program.md                what all agents are told
    directions/NAME.md        one dimension of the research; dealt out over worktrees and proposals
    directions/wt0.md         fixes the direction of wt0
    prompts/{system,brief,crash}.md   the templates (string.Template: a $name that nobody fills is an error)

They are read again for every proposal. Each change of any of them is a version, which every experiment records. What of
it is the lab's own is kept in git, one commit a version, so that a save can be looked at and taken back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from agentcore import events as ev
from agentcore.engine.lab import Lab
from worktrees.layout import LabPaths
from worktrees.repository import Repository, RepositoryError

TEMPLATES: dict[str, frozenset[str]] = {
    "system": frozenset({"program", "edit"}),
    "brief": frozenset(
        {
            "worktree", "edit", "metric", "direction", "trunk", "pending", "kept", "near_misses", "own", "others",
            "dead_ends", "before", "conflicts", "notes", "messages", "ideas", "crash", "source",
        }
    ),
    "crash": frozenset({"experiment", "hypothesis", "reason", "traceback", "attempt"}),
}  # fmt: skip
"""{template: the variables that it may name}."""


class PromptError(Exception):
    """One of the researcher's texts cannot be used. The message names the file and what to write instead."""


BLIND_S = 5.0
"""How often the texts are read where the system gives no watcher."""

log = logging.getLogger("nightlab.prompts")


@dataclass(frozen=True)
class Texts:
    """The researcher's words as they stand."""

    program: str
    directions: Mapping[str, str]
    own: Mapping[str, str]
    """{worktree: the direction that is fixed for it}."""
    templates: Mapping[str, str]
    digest: str
    """Changes whenever any of them does."""
    own_files: Mapping[str, str]
    """{file: its text} of those that are the lab's own."""


def read(paths: LabPaths, carried: Path) -> Texts:
    """Read every text of the lab; `carried` is the folder of those that came with nightlab. Raises PromptError."""
    program = _first(paths.program, carried / "program.md")
    templates = {name: _first(paths.prompts / f"{name}.md", carried / f"{name}.md") for name in TEMPLATES}
    directions = _folder(carried / "directions") | _folder(paths.directions)
    own = {name: text for name, text in directions.items() if name.startswith("wt") and name[2:].isdecimal()}
    directions = {name: text for name, text in directions.items() if name not in own}
    named = {
        "program.md": program,
        **{f"prompts/{name}.md": text for name, text in templates.items()},
        **{f"directions/{name}.md": text for name, text in (directions | own).items()},
    }
    digests = {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in named.items()}
    digest = hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:12]
    own_files = {name: text for name, text in named.items() if (paths.root / name).is_file()}
    return Texts(program, directions, own, templates, digest, own_files)


def check(texts: Texts) -> None:
    """Raise PromptError where a template names a variable that does not exist."""
    for name, known in TEMPLATES.items():
        template = Template(texts.templates[name])
        if not template.is_valid():
            raise PromptError(f"prompts/{name}.md: a lone $ sign; write $$ for a dollar sign")
        if unknown := sorted(set(template.get_identifiers()) - known):
            raise PromptError(f"prompts/{name}.md names ${unknown[0]}; known: {', '.join(sorted(known))}")


def fill(texts: Texts, name: str, variables: Mapping[str, str]) -> str:
    """Return the template `name` with every variable replaced. Raises PromptError."""
    check(texts)
    return Template(texts.templates[name]).substitute(variables)


def direction(texts: Texts, order: tuple[str, ...], worktrees: tuple[str, ...], name: str, asked: int) -> str:
    """Return the direction of a worktree's next proposal, by name; its own name where a file of its own fixes it.

    `order` is dealt out so that all worktrees together go through the whole list: with eight of them each keeps to one,
    with fewer each takes turns; those with a file of their own take none away. `asked` is how often this one was asked
    before. Raises PromptError for a missing file.
    """
    if name in texts.own:
        title = texts.own[name].strip().splitlines()[:1]
        heading = title[0].strip("# ").lower() if title else ""
        return heading if heading in texts.directions else name
    if not order:
        return ""
    sharing = [each for each in worktrees if each not in texts.own]
    chosen = order[(sharing.index(name) + asked * len(sharing)) % len(order)]
    if chosen not in texts.directions:
        known = ", ".join(sorted(texts.directions)) or "none"
        raise PromptError(
            f"lab.toml [agents] directions names {chosen!r}, but directions/{chosen}.md is missing; {known}"
        )
    return chosen


def follow(lab: Lab, carried: Path, by: str = "you") -> Texts:
    """Read the texts, and record a version where they are not those of the last one. Raises PromptError.

    Whoever saves a file is not known: it is taken for the person who is here.
    """
    texts = read(lab.paths, carried)
    if texts.digest != lab.state.prompts_digest:
        before = lab.state.prompts_commits[-1] if lab.state.prompts_commits else ""
        lab.record(version(lab.paths, texts, lab.state.prompts + 1, before, by, lab.clock()))
    return texts


def version(paths: LabPaths, texts: Texts, number: int, before: str, by: str, at: float) -> ev.PromptsChanged:
    """Keep the lab's own texts as a version on top of the commit `before`, and return the event that says so.

    A few small files by a repository of its own: the lab's belongs to another thread. Where git refuses, the version
    counts all the same.
    """
    contents = {name: text.encode() for name, text in texts.own_files.items()}
    try:
        repository = Repository(paths.root)
        known = repository.version(before) if before else contents
        changed = tuple(sorted(name for name in {*known, *contents} if known.get(name) != contents.get(name)))
        message = f"v{number}: {', '.join(changed) or 'the texts as they are'} (by {by})"
        commit = repository.add_version(contents, before, message, int(at))
        return ev.PromptsChanged(texts.digest, changed, commit, repository.tree_of(commit), by)
    except RepositoryError as error:
        log.warning("v%d of the texts is not kept in git: %s", number, error)
        return ev.PromptsChanged(texts.digest, (), by=by)


def put_back(lab: Lab, commit: str) -> None:
    """Make the lab's own texts those of a version, each file at once; what has no text there is removed."""
    repository = Repository(lab.paths.root)
    wanted = repository.version(commit)
    newest = next((each for each in reversed(lab.state.prompts_commits) if each), "")
    for name in repository.version(newest) if newest else {}:
        if name not in wanted:
            (lab.paths.root / name).unlink(missing_ok=True)
    for name, data in wanted.items():
        path = lab.paths.root / name
        if path.is_file() and path.read_bytes() == data:
            continue
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_bytes(data)
        beside.replace(path)


async def watch(lab: Lab, carried: Path) -> None:
    """Notice at once when the researcher saves a text, and say what is wrong with it, until cancelled.

    Only a hint: `follow` is asked again before each proposal.
    """
    from watchfiles import awatch  # here: the view imports this package and needs no watcher

    while True:
        folders = [each for each in (lab.paths.root, lab.paths.directions, lab.paths.prompts) if each.is_dir()]
        notice(lab, carried)
        try:
            async for changes in awatch(*folders, recursive=False, step=50, debounce=200):
                if any(path.endswith(".md") for _, path in changes):
                    notice(lab, carried)
                if any(Path(path).is_dir() for _, path in changes):  # directions/ or prompts/ was made: watch it too
                    break
        except (OSError, RuntimeError) as error:  # no more watches on this machine
            log.warning("texts are not watched but read every %g s: %s", BLIND_S, error)
            await asyncio.sleep(BLIND_S)


def notice(lab: Lab, carried: Path) -> None:
    """Record a new version and whether it can be used."""
    try:
        check(follow(lab, carried))
    except PromptError as error:
        if lab.state.warnings.get("prompts") != str(error):
            lab.record(ev.WarningRaised("prompts", str(error)))
        return
    if "prompts" in lab.state.warnings:
        lab.record(ev.WarningCleared("prompts"))


def _first(own: Path, carried: Path) -> str:
    try:
        return (own if own.is_file() else carried).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{own} cannot be read: {error}") from error


def _folder(path: Path) -> dict[str, str]:
    if not path.is_dir():
        return {}
    files = [file for file in sorted(path.glob("*.md")) if not file.name.startswith(".")]  # an editor's lock or backup
    return {file.stem: _first(file, file) for file in files}
