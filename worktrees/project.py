"""What does lab.toml say?

One committed file describes the project that is improved: its commands, metric, budgets, gate and limits. It is read
strictly: an unknown key is an error that names the nearest known one, because a misspelt limit would be no limit.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from worktrees import gate
from worktrees.gate import GateSettings
from worktrees.slots import SlotKind


class ProjectError(Exception):
    """lab.toml cannot be used. The message names the file, the key and what to write instead."""


@dataclass(frozen=True)
class Sources:
    """`[project]`: which files are studied."""

    name: str
    edit: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Paths that agents may change; everything else is refused."""
    frozen: tuple[str, ...] = ()
    """The harness: its bytes are part of every score's identity."""


@dataclass(frozen=True)
class Commands:
    """`[commands]`: argument lists; `{python}` is the interpreter that runs nightlab, `{profile}` the profile, and in
    `train` `{seed}` the run's seed.
    """

    train: Annotated[tuple[str, ...], Meta(min_length=1)]
    evaluate: tuple[str, ...] = ()
    """Left out where `[metric] pattern` reads the score in what the training prints."""
    prepare: tuple[str, ...] = ()
    """Makes `.lab/data`, once."""
    configure: tuple[str, ...] = ()
    """Fits the project's files to the profile, once, before a new lab's first commit."""
    trusts_evaluate: bool = False
    """True for an evaluation that runs no agents' code in its own process. It then stays outside of the sandbox, and
    starts that code behind the words in $NIGHTLAB_ROOM (a JSON list), where no validation text is."""
    smoke: tuple[str, ...] = ()
    """Tries an agent's edit in its worktree for seconds before it is accepted; none: edits are not tried."""


@dataclass(frozen=True)
class Metric:
    """`[metric]`: the number that counts."""

    name: str
    lower_is_better: bool = True
    pattern: str = ""
    """Regular expression whose first group is the score, in the last line of the training's output that it is found in.
    Empty: the evaluation says the score. What agents' own code prints is self-reported: nothing keeps it from lying."""

    @property
    def self_reported(self) -> bool:
        """True where the code that agents edit says the score itself."""
        return bool(self.pattern)


@dataclass(frozen=True)
class Guard:
    """`[guard.NAME]`: a second number that may not be given up for the score."""

    pattern: str = ""
    """As `[metric] pattern`; empty: the number stands in score.json, under `key`."""
    key: str = ""
    """Name of the number in score.json; empty: NAME."""
    lower_is_better: bool = True
    at_least: float | None = None
    at_most: float | None = None
    may_lose: Annotated[float, Meta(ge=0)] | None = None
    """How much worse than trunk's mean it may be, in its own units."""


@dataclass(frozen=True)
class Profile:
    """`[profile.NAME]`: how one run is done on one kind of hardware."""

    budget: str
    """Passed on to the training as it stands, with its unit: ``600 GFLOP``, ``300 s``."""
    train_wall_s: Annotated[float, Meta(gt=0)]
    evaluate_wall_s: Annotated[float, Meta(gt=0)] = 600.0
    retest_budget: str = ""
    """Of a retest on this hardware; empty: `[retest] budget`."""
    smoke_budget: str = ""
    """What the smoke check gets for a budget; it always runs on the CPU, so that it disturbs no GPU's run."""
    smoke_wall_s: Annotated[float, Meta(gt=0)] = 120.0
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside what the lab sets, or in its place; `{seed}` is the run's seed."""


@dataclass(frozen=True)
class RunSettings:
    """`[run]`: which profile is used."""

    profile: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class RetestSettings:
    """`[retest]`: the larger model on which trunk is tried again."""

    scale: Annotated[int, Meta(ge=2)] = 2
    """The project multiplies its model's sizes by it; wall limits are multiplied by its cube, as the FLOPs are."""
    budget: str = ""
    """Of such a run, with its unit; empty: nothing is tried again."""
    every: Annotated[int, Meta(ge=0)] = 5
    """Promotions after which a retest is due; 0: only when a person asks for it."""
    seeds: Annotated[int, Meta(ge=1)] = 1
    """Runs of each trunk that is compared."""
    share: Annotated[int, Meta(ge=0)] = 0
    """Slots that run retests at a time; 0: an eighth of them, at least one."""
    speed: bool = True
    """After a retest that proves trunk: measure how much less training it needs for the first baseline's score."""

    def slots(self, count: int) -> int:
        """Return how many of `count` slots may run retests at a time."""
        return self.share or max(1, count // 8)


Backend = Literal["anthropic", "command", "search"]
"""anthropic: a coding agent on the Messages API. command: any program that edits files. search: no model, no key."""


@dataclass(frozen=True)
class ModelSettings:
    """`[agents.anthropic]`: the model behind the coding agent, and how it is asked."""

    model: str = "claude-sonnet-5-5"
    """The one model name in this code; `nightlab doctor --online` lists what the server offers."""
    effort: str = ""
    """low … max, as the server understands it; empty leaves it to the model."""
    max_tokens: Annotated[int, Meta(ge=1024)] = 16_000
    """Of one reply, thinking included."""
    context_tokens: Annotated[int, Meta(ge=8_000)] = 150_000
    """Beyond it the oldest tool results of a conversation are left out."""
    concurrency: Annotated[int, Meta(ge=1)] = 8
    """Requests at a time, over all worktrees."""
    requests_per_minute: Annotated[int, Meta(ge=0)] = 0
    """Over all worktrees; 0 for no limit but the server's."""
    backoff_s: Annotated[float, Meta(gt=0)] = 2.0
    """First wait after the provider could not answer; it doubles each time, up to ten minutes."""
    stall_s: Annotated[float, Meta(gt=0)] = 120.0
    """A stream that brings nothing for so long is broken off and asked for again."""
    command_s: Annotated[float, Meta(gt=0)] = 120.0
    """Wall limit of one command that the agent runs."""
    price: Mapping[str, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    """Dollars per million tokens of `input` and `output`, and of `cache_read`, `cache_write` (five minutes) and
    `cache_write_1h` where they are not the usual multiples of `input`; instead of what prices.toml says."""


@dataclass(frozen=True)
class CommandSettings:
    """`[agents.command]`: the program that is started as an agent."""

    argv: tuple[str, ...] = ()
    """An argument list; {brief} is the brief's text, {brief_file} a file that holds it, {worktree} the folder."""
    env: tuple[str, ...] = ("HOME", "USER", "LANG", "TERM")
    """Names of the variables that it gets from the engine's environment, beside PATH."""
    output_mb: Annotated[float, Meta(gt=0)] = 16.0
    """It is ended when it has printed so much."""
    network: bool = True
    """Most bring their own model, and reach it by the host's network."""
    read: tuple[str, ...] = ()
    """Files and folders outside of the lab that it may read, e.g. where it is installed; ~ is the home folder."""
    write: tuple[str, ...] = ()
    """The same that it may change too, e.g. where it keeps its login and its sessions."""


@dataclass(frozen=True)
class Agents:
    """`[agents]`: who proposes, and how far ahead."""

    backend: Backend = "search"
    worktree: Mapping[str, Backend] = field(default_factory=dict)
    """`[agents.worktree]`: another backend for single worktrees, e.g. one search agent as the baseline to beat."""
    seed: int = 1
    """Of the search agent: the same seed proposes the same from the same results."""
    proposals_ahead: Annotated[int, Meta(ge=0)] | None = None
    """Proposals that wait for a slot in each worktree while one trains; 0 thinks only when nothing trains. Left out:
    1 + ceil(think time / run time), as measured."""
    question_wait_s: Annotated[float, Meta(ge=0)] = 1800.0
    """A question of an agent that nobody has answered for so long is parked, and the agent takes another idea."""
    directions: tuple[str, ...] = (
        "architecture",
        "optimizer",
        "schedule",
        "initialisation",
        "data",
        "simplification",
        "efficiency",
        "wild",
    )
    """Files in directions/, dealt out over worktrees and proposals; directions/wt0.md fixes the one of wt0."""
    anthropic: ModelSettings = ModelSettings()
    command: CommandSettings = CommandSettings()


@dataclass(frozen=True)
class SandboxSettings:
    """`[sandbox]`: the walls around what agents run."""

    accept_reduced: bool = False
    """Where no namespaces can be made the walls are reduced, and the lab works only while a view is open; true lets it
    work all night."""
    hide_packages: tuple[str, ...] = ()
    """Installed packages that nothing inside sees, because they hold the text that scores are made of."""
    read: tuple[str, ...] = ()
    """Files and folders outside of the project that trainings and agents' commands may read: another interpreter and
    its packages, data, caches; ~ is the home folder."""


@dataclass(frozen=True)
class Privacy:
    """`[privacy]`: what a remote model never gets to read."""

    local_only: tuple[str, ...] = ()
    """Patterns of paths in the project: * and ? stand for characters of one name, ** for any folders. What covers a
    folder covers all in it."""

    def covers(self, path: str) -> bool:
        """Return True for a path in the project, as git writes it, that is local only."""
        return any(re.match(_expression(pattern), f"{path}/") for pattern in self.local_only)


@dataclass(frozen=True)
class Limits:
    """`[limits]`: when work stops by itself."""

    disk_floor_gb: float = 1.0
    crashes_in_a_row: Annotated[int, Meta(ge=1)] = 3
    """A worktree is paused after so many crashed experiments in a row."""
    usd: Annotated[float, Meta(ge=0)] = 20.0
    """Nothing is proposed any more once models have cost so much; 0 for no limit."""
    tokens: Annotated[int, Meta(ge=0)] = 0
    """The same for tokens, read and written; 0 for no limit."""
    hours: Annotated[float, Meta(ge=0)] = 48.0
    """The lab ends so long after its engine was started; 0 for no limit, here and below."""
    experiments: Annotated[int, Meta(ge=0)] = 5000
    """It ends with so many decided experiments, of all time."""
    gpu_hours: Annotated[float, Meta(ge=0)] = 1000.0
    """It ends with so many hours of training and evaluation, over all slots and of all time."""
    failures: Annotated[int, Meta(ge=0)] = 20
    """It ends when so many experiments in a row failed, over all worktrees."""
    no_gain: Annotated[int, Meta(ge=0)] = 500
    """It ends after so many experiments without a confirmed gain."""
    memory_gb: Annotated[float, Meta(ge=0)] = 0.0
    """What a training may hold with all its processes (GiB), and an agent's command a quarter of it; 0: three quarters
    of the machine's memory, shared out over the slots."""
    turns: Annotated[int, Meta(ge=1)] = 40
    """Model turns of one proposal."""
    seconds: Annotated[float, Meta(gt=0)] = 1200.0
    """Wall time of one proposal, waiting for the provider not counted."""


@dataclass(frozen=True)
class SlotSettings:
    """`[slots]`: how much of the machine is used."""

    count: Annotated[int, Meta(ge=0)] = 0
    """0 means every GPU or, without one, every core."""


@dataclass(frozen=True)
class Project:
    """A lab.toml, validated."""

    project: Sources
    commands: Commands
    metric: Metric
    profile: Mapping[str, Profile]
    guard: Mapping[str, Guard] = field(default_factory=dict)
    run: RunSettings = RunSettings()
    retest: RetestSettings = RetestSettings()
    gate: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the gate's defaults, which depend on the number of slots: see `gate_for`."""
    agents: Agents = Agents()
    sandbox: SandboxSettings = SandboxSettings()
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    slots: SlotSettings = SlotSettings()

    def profile_for(self, kind: SlotKind) -> tuple[str, Profile]:
        """Return the name and the settings of the profile for slots of that kind."""
        name = kind if self.run.profile == "auto" else self.run.profile
        try:
            return name, self.profile[name]
        except KeyError:
            raise ProjectError(f"lab.toml has no [profile.{name}]; it has {', '.join(self.profile)}") from None

    def argv(self, command: tuple[str, ...], profile: str = "", seed: int | None = None) -> tuple[str, ...]:
        """Return one of the project's commands with this interpreter, the profile's name and the seed filled in."""
        words = {"{python}": sys.executable, "{profile}": profile, "{seed}": "" if seed is None else str(seed)}
        return tuple(_filled(part, words) for part in command)

    def env(self, profile: Profile, seed: int) -> dict[str, str]:
        """Return a profile's variables with a run's seed filled in."""
        return {name: _filled(value, {"{seed}": str(seed)}) for name, value in profile.env.items()}

    def gate_for(self, slots: int) -> GateSettings:
        """Return the gate's settings for a lab of that many slots."""
        return replace(gate.for_slots(slots), **self.gate)


def load(path: Path) -> Project:
    """Read and check lab.toml. Raises ProjectError."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ProjectError(f"{path} is missing: `nightlab init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error


def parse(text: str, name: str = "lab.toml") -> Project:
    """Check the text of a lab.toml; `name` is how messages call it. Raises ProjectError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{name}: {error}") from error
    _reject_unknown(raw, name)
    try:
        project = msgspec.convert(raw, Project)
        msgspec.convert(raw.get("gate", {}), GateSettings)
    except msgspec.ValidationError as error:
        raise ProjectError(f"{name}: {error}") from error
    for path in (*project.project.edit, *project.project.frozen):
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ProjectError(f"{name}: {path!r} must lie inside the project")
        if path != (short := str(PurePosixPath(path))):
            raise ProjectError(f"{name}: write {short!r} for {path!r}, as git does")
    for path in project.sandbox.read:
        if not path.startswith(("/", "~")):
            raise ProjectError(f"{name} [sandbox] read: {path!r} must begin with / or ~")
    _check_metric(project, name)
    _check_agents(project.agents, name)
    _check_privacy(project, f"{name} [privacy] local_only")
    if both := set(project.project.edit) & set(project.project.frozen):
        raise ProjectError(f"{name}: {', '.join(sorted(both))} cannot be both in `edit` and in `frozen`")
    return project


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _check_metric(project: Project, name: str) -> None:
    metric, evaluate = project.metric, project.commands.evaluate
    if metric.pattern and evaluate:
        raise ProjectError(f"{name}: [metric] pattern and [commands] evaluate both say the score: leave one out")
    if not metric.pattern and not evaluate:
        raise ProjectError(f"{name}: nothing says the score: write [commands] evaluate, or [metric] pattern")
    if project.commands.trusts_evaluate and not evaluate:
        raise ProjectError(f"{name}: trusts_evaluate, and there is no evaluate")
    _check_pattern(metric.pattern, f"{name} [metric] pattern")
    for each, guard in project.guard.items():
        where = f"{name} [guard.{each}]"
        _check_pattern(guard.pattern, f"{where} pattern")
        if guard.pattern and guard.key:
            raise ProjectError(f"{where}: it is read either by pattern or by key: leave one of them out")
        if not guard.pattern and not evaluate:
            raise ProjectError(f"{where}: without an evaluation it needs a pattern")
        if guard.at_least is None and guard.at_most is None and guard.may_lose is None:
            raise ProjectError(f"{where}: it allows everything: write at_least, at_most or may_lose")


def _check_pattern(pattern: str, where: str) -> None:
    if not pattern:
        return
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise ProjectError(f"{where}: {pattern!r} is no regular expression: {error}") from error
    if not groups:
        raise ProjectError(f"{where}: {pattern!r} has no group: put the number in brackets, as in '{_EXAMPLE}'")


def _check_agents(agents: Agents, name: str) -> None:
    if "command" in {agents.backend, *agents.worktree.values()} and not agents.command.argv:
        raise ProjectError(f'{name}: backend "command" needs [agents.command] argv')
    for worktree in agents.worktree:
        if not re.fullmatch("wt(0|[1-9][0-9]*)", worktree):
            raise ProjectError(f"{name} [agents.worktree]: {worktree!r} is no worktree: wt0 is the first one's name")
    price, where = agents.anthropic.price, f"{name} [agents.anthropic.price]"
    _check_keys(price, list(_PRICES), where, "key")
    for key in ("input", "output"):
        if price and key not in price:
            raise ProjectError(f"{where}: {key!r} is missing: what it costs would count as nothing")


def _check_privacy(project: Project, where: str) -> None:
    """A pattern that other tools read otherwise would hide nothing and say nothing: it is refused."""
    for pattern in project.privacy.local_only:
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ProjectError(f"{where}: {pattern!r} must lie inside the project")
        if pattern != str(path):
            raise ProjectError(f"{where}: write {str(path)!r} for {pattern!r}, as git does")
        if re.search(r"^[!~]|[][{}\\]|[^/]\*\*|\*\*[^/]", pattern):
            raise ProjectError(f"{where}: {pattern!r}: only *, ? and, between slashes, ** stand for something else")
        for read in (*project.project.edit, *_TOLD):
            if Privacy((pattern,)).covers(read):
                raise ProjectError(f"{where}: {pattern!r} covers {read}, which agents work with: name less")


def _expression(pattern: str) -> str:
    """Return the regular expression for a path that ends in a slash, or for the beginning of one."""
    parts = (re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/" for part in pattern.split("/"))
    return "".join("(?:[^/]+/)*" if part == "[^/]*[^/]*/" else part for part in parts)


def harness_hash(frozen: Mapping[str, bytes], profile: Profile, project: Project | None = None) -> str:
    """Return 12 hex digits that change whenever a score would no longer be comparable: frozen files, budget, corpus.

    `project`: where scores are self-reported its command and pattern are the harness too, and guards always are.
    """
    digest = hashlib.sha256()
    for path in sorted(frozen):
        digest.update(f"{path}\0{len(frozen[path])}\0".encode() + frozen[path])
    digest.update(msgspec.json.encode([profile.budget, sorted(profile.env.items())]))
    if project and project.metric.self_reported:
        digest.update(msgspec.json.encode([project.metric.pattern, project.commands.train]))
    if project and project.guard:
        read = sorted((name, guard.pattern, guard.key) for name, guard in project.guard.items())
        digest.update(msgspec.json.encode(read))
    return digest.hexdigest()[:12]


_EXAMPLE = r"^val_bpb:\s+(\S+)"

_PRICES = ("input", "output", "cache_read", "cache_write", "cache_write_1h")

_TOLD = ("program.md", "directions/wt0.md", "prompts/brief.md")
"""Examples of the researcher's words to agents."""

_TABLES: dict[str, type] = {
    "project": Sources,
    "commands": Commands,
    "metric": Metric,
    "run": RunSettings,
    "retest": RetestSettings,
    "gate": GateSettings,
    "agents": Agents,
    "agents.anthropic": ModelSettings,
    "agents.command": CommandSettings,
    "sandbox": SandboxSettings,
    "privacy": Privacy,
    "limits": Limits,
    "slots": SlotSettings,
}

_NAMED: dict[str, type] = {"profile": Profile, "guard": Guard}
"""Tables of tables, whose names are the project's own."""


def _reject_unknown(raw: Mapping[str, Any], name: str) -> None:
    _check_keys(raw, [*(table for table in _TABLES if "." not in table), *_NAMED], name, "table")
    for table, kind in _TABLES.items():
        content: Any = raw
        for part in table.split("."):
            content = content.get(part, {}) if isinstance(content, Mapping) else {}
        if isinstance(content, Mapping):
            _check_keys(content, [each.name for each in fields(kind)], f"{name} [{table}]", "key")
    for table, kind in _NAMED.items():
        named = raw.get(table, {})
        for each, content in named.items() if isinstance(named, Mapping) else ():
            if isinstance(content, Mapping):
                _check_keys(content, [one.name for one in fields(kind)], f"{name} [{table}.{each}]", "key")


def _check_keys(found: Mapping[str, Any], known: list[str], where: str, what: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ProjectError(f"{where}: unknown {what} {key!r}; {hint}")
