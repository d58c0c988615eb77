"""The command that makes a lab: of a new folder, or of a repository that is there already.

What a repository's files say for certain is taken; what they only suggest is asked, one question each; without a
terminal every such answer must come by a flag.
"""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agentcore.project import adopting, seed
from agentcore.project.adopting import Place
from agentcore.project.draft import AnswerError, Answers, lab_toml, limit_of, program
from agentcore.project.recognition import Recognised, direction
from tui.commands.work import create, who_proposes
from tui.exits import OK, PRECONDITION, USAGE, Ending
from worktrees import slots
from worktrees.layout import LabPaths
from worktrees.project import ProjectError, parse
from worktrees.repository import RepositoryError

FLAGS = ("goal", "train", "edit", "frozen", "metric", "pattern", "lower", "budget", "guard", "dry_run")
"""What only a repository that is there already can be asked."""


def init(arguments: Namespace) -> int:
    """Make a lab and say what comes next."""
    root = Path(arguments.dir or ".")
    given = [name for name in FLAGS if getattr(arguments, name) not in (None, False, [])]
    if _is_new(root):
        if given:
            raise Ending(USAGE, f"--{given[0].replace('_', '-')} is for a repository that is there already: not {root}")
        paths = create(root)
    elif (root / "lab.toml").exists():
        if given:
            raise Ending(PRECONDITION, f"{root / 'lab.toml'} is there already: edit it, or remove it to begin anew")
        paths = create(root)
    else:
        adopted = _adopt(root, arguments)
        if adopted is None:
            return OK
        paths = adopted
    print(who_proposes(paths))
    print(f"\nNext   cd {shlex.quote(str(paths.root))}")
    print("       nightlab doctor      what is missing")
    print("       nightlab             open the lab")
    return OK


def _is_new(root: Path) -> bool:
    return not root.exists() or (root.is_dir() and not any(root.iterdir()))


def _adopt(root: Path, arguments: Namespace) -> LabPaths | None:
    """Make a lab of the repository around `root`; with --dry-run only print its lab.toml."""
    try:
        script = next((word for word in shlex.split(arguments.train or "") if word.endswith(".py")), "")
        place = adopting.look(root.absolute(), os.environ, Path.home(), script)
        found = place.found
        if not arguments.dry_run:
            for line in found.why:
                print(f"Found  {line}")
        answers = _answers(place, arguments)
        texts = {"lab.toml": lab_toml(answers)}
        parse(texts["lab.toml"])
        if not answers.has_program:
            texts["program.md"] = program(answers)
        elif answers.goal:
            texts["directions/goal.md"] = program(answers)
        if arguments.dry_run:
            print(texts["lab.toml"], end="")
            return None
        paths = adopting.adopt(place, texts, print)
    except (AnswerError, ProjectError, ValueError) as error:
        raise Ending(USAGE, str(error)) from error
    except (seed.SeedError, RepositoryError) as error:
        raise Ending(PRECONDITION, str(error)) from error
    if place.dirty:
        names = ", ".join(place.dirty[:4]) + (" …" if len(place.dirty) > 4 else "")
        print(f"Note   uncommitted changes stay as they are and are not in the lab: {names}")
    for note in place.notes:
        print(f"Note   {note}")
    print(f"Note   {answers.metric} is self-reported: agents' code prints it; set the bounds in [gate] of lab.toml")
    return paths


def _answers(place: Place, arguments: Namespace) -> Answers:
    found, folder, ask = place.found, place.folder, _Asking(place.found, arguments)
    script = found.script
    inner = PurePosixPath(script).relative_to(folder).as_posix() if script else ""
    words = [inner, *(["--seed", "{seed}"] if found.seed_flag else [])]
    said = ask.answer("train", "the command that trains once", shlex.join(["python", *words]) if script else "")
    train = _command(shlex.split(said), place)
    edit = _inside(folder, ask.answer("edit", "files that agents may change", _beside(folder, (script,))))
    kept = ask.answer("frozen", "files that must stay as they are", _beside(folder, found.frozen), may_be_empty=True)
    frozen = _inside(folder, kept)
    if absent := [path for path in (*edit, *frozen) if path not in place.files]:
        raise AnswerError(f"{absent[0]} is no file in your HEAD, from which trunk starts: commit it first")
    metric = ask.answer("metric", "the metric's name", found.metric)
    printed = {each.name: each for each in found.printed}
    default = printed[metric].pattern if metric in printed else ""
    pattern = ask.answer("pattern", "regular expression of the line that prints it, the number in brackets", default)
    guess = direction(metric)
    default = {True: "lower", False: "higher", None: ""}[guess]
    better = ask.answer("lower", "which is better, lower or higher", default, choices=("lower", "higher"))
    clock = f"{found.budget_s:g}" if found.budget_s else "600"
    budget = ask.answer("budget", "seconds that a run takes; it is ended after twice that and a minute", clock)
    ask.check()
    guards = tuple(limit_of(each, found.printed) for each in arguments.guard or ())
    named = {metric, *(each.name for each in guards)}
    return Answers(
        name=place.paths.root.name,
        train=train,
        edit=edit,
        frozen=tuple(path for path in frozen if path not in edit),
        metric=metric,
        pattern=pattern,
        lower_is_better=better == "lower",
        budget_s=_seconds(budget),
        profile=slots.discover()[0].kind,
        python=place.python,
        env=place.env,
        read=place.read,
        guards=guards,
        goal=arguments.goal or "",
        has_program=(place.paths.root / "program.md").exists(),
        words=found.program if folder else "",
        others=tuple(each for each in found.printed if each.name not in named),
    )


@dataclass
class _Asking:
    """Where answers come from: a flag, what is certain, a person; else it is named in the end what is missing."""

    found: Recognised
    arguments: Namespace
    ask: Callable[[str], str] = input

    def __post_init__(self) -> None:
        self.missing: list[str] = []
        self.can_ask = sys.stdin.isatty()

    def answer(
        self, key: str, question: str, default: str, *, may_be_empty: bool = False, choices: tuple[str, ...] = ()
    ) -> str:
        """Return the answer to one question; a person is asked again until it is one."""
        given = getattr(self.arguments, key)
        if given is not None and given != []:
            return shlex.join(given) if isinstance(given, list) else str(given)
        certain = _CERTAIN[key] in self.found.certain or (key == "lower" and default != "")
        is_known = bool(default) or may_be_empty
        if is_known and (certain or self.arguments.yes):
            return default
        if not self.can_ask:
            self.missing.append(_FLAG[key] + (f" (found: {default})" if default else ""))
            return default or _STANDS_IN.get(key, "")
        shown = f" [{default}]" if default else ""
        while True:
            said = self.ask(f"{question}{shown}: ").strip() or default
            if (said or may_be_empty) and (not choices or said in choices):
                return said

    def check(self) -> None:
        """Raise AnswerError where answers are missing that nobody can be asked for."""
        if self.missing:
            hint = "; --yes takes what was found" if all("found" in each for each in self.missing) else ""
            raise AnswerError(f"no terminal to ask on, and not certain: {', '.join(self.missing)}{hint}")


_FLAG = {
    "train": "--train", "edit": "--edit", "frozen": "--frozen", "metric": "--metric", "pattern": "--pattern",
    "lower": "--lower-is-better or --higher-is-better", "budget": "--budget",
}  # fmt: skip
_CERTAIN = {
    "train": "train", "edit": "edit", "frozen": "frozen", "metric": "metric", "pattern": "pattern",
    "lower": "direction", "budget": "wall",
}  # fmt: skip
_STANDS_IN = {"lower": "lower", "budget": "1"}
"""So that the questions after a missing answer are reached and named too."""


def _command(words: list[str], place: Place) -> tuple[str, ...]:
    """Return the argument list: the project's own interpreter for python and `uv run`, in the project's folder."""
    if words[:2] == ["uv", "run"]:  # it would make an environment in the checkout, from the network: neither is there
        words = words[2:] if words[2:3] in (["python"], ["python3"]) else ["python", *words[2:]]
    if words and words[0] in ("python", "python3"):
        words = [place.python, *words[1:]]
    elif words and "/" in place.python and (beside := Path(place.python).with_name(words[0])).is_file():
        words = [str(beside), *words[1:]]  # torchrun, accelerate: PATH is the system's
    return ("env", "-C", place.folder, *words) if place.folder and words else tuple(words)


def _inside(folder: str, text: str) -> tuple[str, ...]:
    """Return paths of the repository from a person's words, which are relative to the project's folder."""
    return tuple((PurePosixPath(folder) / each).as_posix() for each in shlex.split(text.replace(",", " ")))


def _beside(folder: str, paths: tuple[str, ...]) -> str:
    return shlex.join(PurePosixPath(os.path.relpath(path, folder or ".")).as_posix() for path in paths if path)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise AnswerError(f"--budget: {text!r} is no number of seconds")
    return value
