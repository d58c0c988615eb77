"""What does the lab.toml of a project say that is not ours, and what are its agents told? From answers to texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentcore.project.recognition import Printed, direction

SYNTAX_CHECK = "import ast, sys; [ast.parse(open(each, 'rb').read(), each) for each in sys.argv[1:]]"


class AnswerError(Exception):
    """An answer cannot be used. The message names the flag and what to write instead."""


@dataclass(frozen=True)
class Limit:
    """A guard as a person says it: a number that the training prints, and what it must not do."""

    name: str
    pattern: str
    key: str
    """at_least, at_most or may_lose."""
    value: float
    lower_is_better: bool


@dataclass(frozen=True)
class Answers:
    """All that a lab.toml needs to know of a project."""

    name: str
    train: tuple[str, ...]
    edit: tuple[str, ...]
    frozen: tuple[str, ...]
    metric: str
    pattern: str
    lower_is_better: bool
    budget_s: float
    profile: str
    """cpu or cuda: the hardware that is here."""
    python: str
    """The interpreter of the project, as a word of a command."""
    env: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    guards: tuple[Limit, ...] = ()
    goal: str = ""
    has_program: bool = False
    """True where the researcher's own program.md is there: the goal becomes a direction then."""
    words: str = ""
    """A file with the researcher's words that is not the lab's program, because it lies in a folder."""
    others: tuple[Printed, ...] = ()
    """What is printed beside the metric, for an example of a guard."""


_LIMIT = re.compile(r"\s*(\S+?)\s*(>=|<=|at least|at most|may lose)\s*([-+.\deE]+)\s*")
_KEYS = {">=": "at_least", "at least": "at_least", "<=": "at_most", "at most": "at_most", "may lose": "may_lose"}


def limit_of(text: str, printed: Iterable[Printed]) -> Limit:
    """Return the guard that ``accuracy >= 0.9`` or ``speed may lose 20`` means. Raises AnswerError."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise AnswerError(f"--guard {text!r}: write NAME >= NUMBER, NAME <= NUMBER or NAME may lose NUMBER")
    name, word, number = match.groups()
    found = {each.name: each for each in printed}
    if name not in found:
        known = ", ".join(sorted(found)) or "nothing with a name"
        raise AnswerError(f"--guard {name}: the training prints no such number, but {known}")
    try:
        value = float(number)
    except ValueError:
        raise AnswerError(f"--guard {text!r}: {number!r} is no number") from None
    lower = {"at_least": False, "at_most": True}.get(_KEYS[word], direction(name))
    if lower is None:
        raise AnswerError(f"--guard {name}: is less of it better, or more? Write it with >= or <=")
    return Limit(name, found[name].pattern, _KEYS[word], value, lower)


def lab_toml(answers: Answers) -> str:
    """Return the file, every value with what it means and what else it could be."""
    better = "lower is better" if answers.lower_is_better else "higher is better"
    sources = [path for path in answers.edit if path.endswith(".py")]
    smoke = (answers.python, "-c", SYNTAX_CHECK, *sources) if sources else ()
    directions = '["goal"]' if answers.goal and answers.has_program else "[]"
    return f"""\
# What the lab trains, what its agents may change, and how a result is measured. Unknown keys are errors.
# All of it is explained in nightlab's docs/project.md; `nightlab doctor` says what is still missing.

[project]
# The name on the screen and in reports.
name = {_text(answers.name)}
# Files that agents may change; a change of anything else is no experiment.
edit = {_list(answers.edit)}
# Files that measure (data, clock, evaluation): every run gets them as they were on trunk when the engine started.
frozen = {_list(answers.frozen)}

# Argument lists, no shell. {{python}} is the interpreter that runs nightlab, {{seed}} the seed of a run, which is in
# NIGHTLAB_SEED too. A run starts in a clean, read-only checkout of its commit, without network; what it writes goes to
# the folder NIGHTLAB_OUT.
[commands]
train = {_list(answers.train)}
# Tries an edit before it is accepted: here, whether it is Python; better, a few steps on the CPU. Left out: not at all.
smoke = {_list(smoke)}
# evaluate = ["{{python}}", "evaluate.py"]   a score from a process of its own, in place of [metric] pattern

[metric]
name = {_text(answers.metric)}
lower_is_better = {_truth(answers.lower_is_better)}
# The first group of the last line of the training's output in which this is found is the score ({better}). It is
# self-reported: agents' own code prints it. Fresh seeds, the bounds in [gate] and your eyes on a diff protect it.
pattern = {_pattern(answers.pattern)}

{_guards(answers)}
[run]
# cpu | cuda | auto: by the hardware.
profile = "auto"

[profile.{answers.profile}]
# What a run may use: the training's own clock or steps say so. It gets this text in NIGHTLAB_BUDGET; runs of different
# budgets are never compared.
budget = {_text(f"{answers.budget_s:g} s")}
# A run is ended after so many seconds: start and evaluation are in it.
train_wall_s = {2 * answers.budget_s + 60:g}
{_env(answers)}
[gate]
# Who merges a READY candidate: me (a person, by key), gate (the lab itself), hold (nothing is confirmed).
mode = "me"
# Scores outside of floor and ceiling are invalid; a gain above max_gain waits until a person has read the diff
# (nightlab release). Set them once trunk has its number: nothing else bounds a score that is self-reported.
# floor = 0.5
# ceiling = 12.0
# max_gain = 0.3

# Trunk tried on a larger model: off, until the project reads NIGHTLAB_SCALE and multiplies its sizes by it.
# [retest]
# scale = 2
# budget = "2400 s"

[agents]
# anthropic: a coding agent on the Messages API (ANTHROPIC_API_KEY); without a key the search agent works, which changes
# module-level UPPER_CASE constants. command: any program, with argv under [agents.command]. search: no model, no key.
backend = "anthropic"
# Files in directions/, dealt out over worktrees and proposals. nightlab's own are about language models.
directions = {directions}

[sandbox]
# What trainings and agents' commands may read outside of the project: another interpreter, data, caches.
read = {_list(answers.read)}
# Where no namespaces can be made the sandbox is reduced, and the lab works only while somebody watches; true: always.
accept_reduced = false

[slots]
# How many GPUs, or without one how many cores; 0 for all.
count = 0

[limits]
# Dollars for models; 0 for no limit. The lab ends by itself after so many hours. All limits: docs/project.md.
usd = 20
hours = 48
"""


def program(answers: Answers) -> str:
    """Return a program.md for a project that has none, or the direction that adds the goal to one that has."""
    wish = answers.goal or f"Improve `{answers.metric}`."
    better = "lower" if answers.lower_is_better else "higher"
    guards = "".join(
        f"- `{each.name}` {each.key.replace('_', ' ')} {each.value:g}: what breaks this is turned away.\n"
        for each in answers.guards
    )
    words = f"- `{answers.words}` holds the researcher's own words: read it first.\n" if answers.words else ""
    loop = (
        "- The loop, git, the log of results and every training are the lab's work, whatever the program says of\n"
        "  them: propose one change, and nothing else.\n"
        if answers.has_program or answers.words
        else ""
    )
    files = ", ".join(f"`{each}`" for each in answers.edit)
    return f"""\
# Goal

{wish}

# What counts

- `{answers.metric}`, {better} is better, as the training prints it. The lab trains each proposal once and compares it
  with trunk in standard errors; what looks better is run again with fresh seeds, and only that moves trunk.
{guards}- Only {files} may change. One idea per experiment, the smallest edit that tests it.
{words}{loop}- The line that prints `{answers.metric}` stays as it is, and so does what is computed for it. A better
  number without a better model is no result: people read the diffs.
"""


def _guards(answers: Answers) -> str:
    if answers.guards:
        tables = (
            f"# May not be given up for {answers.metric}: at_least, at_most, or may_lose against trunk's mean.\n"
            f"[guard.{_key(each.name)}]\npattern = {_pattern(each.pattern)}\n"
            f"lower_is_better = {_truth(each.lower_is_better)}\n{each.key} = {each.value:g}\n"
            for each in answers.guards
        )
        return "\n".join(tables)
    example = next(iter(answers.others), Printed("accuracy", r"^accuracy:\s*(\S+)", "", 0, in_loop=False))
    return f"""\
# A second number that may not be given up for the metric: at_least, at_most, or may_lose against trunk's mean.
# [guard.{_key(example.name)}]
# pattern = {_pattern(example.pattern)}
# lower_is_better = {_truth(direction(example.name) is not False)}
# may_lose = 0.1
"""


def _env(answers: Answers) -> str:
    if not answers.env:
        return ""
    lines = "".join(f"{_key(name)} = {_text(value)}\n" for name, value in answers.env.items())
    return f"\n# Variables of a run; nothing else is inherited.\n[profile.{answers.profile}.env]\n{lines}"


def _list(words: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, words))}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _pattern(value: str) -> str:
    return f"'{value}'" if "'" not in value and value.isprintable() else _text(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _truth(value: bool) -> str:
    return "true" if value else "false"
