"""What does lab.toml say?

One committed file describes the project that is improved: its commands, metric, budgets, gate and limits. It is read
strictly: an unknown key is an error that names the nearest known one, because a misspelt limit would be no limit.
"""

from __future__ import annotations

import difflib
import hashlib
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
    """`[commands]`: argument lists; `{python}` is the interpreter that runs nightlab, `{profile}` the profile."""

    train: Annotated[tuple[str, ...], Meta(min_length=1)]
    evaluate: Annotated[tuple[str, ...], Meta(min_length=1)]
    prepare: tuple[str, ...] = ()
    """Makes `.lab/data`, once."""
    configure: tuple[str, ...] = ()
    """Fits the project's files to the profile, once, before a new lab's first commit."""


@dataclass(frozen=True)
class Metric:
    """`[metric]`: the number that counts."""

    name: str
    lower_is_better: bool = True


@dataclass(frozen=True)
class Profile:
    """`[profile.NAME]`: how one run is done on one kind of hardware."""

    budget: str
    """Passed on to the training as it stands, with its unit: ``600 GFLOP``, ``300 s``."""
    train_wall_s: Annotated[float, Meta(gt=0)]
    evaluate_wall_s: Annotated[float, Meta(gt=0)]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSettings:
    """`[run]`: which profile is used."""

    profile: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Retest:
    """`[retest]`: the larger model on which trunk is tried again."""

    scale: int = 2
    budget: str = ""


@dataclass(frozen=True)
class Agents:
    """`[agents]`: who proposes."""

    backend: Literal["search"] = "search"
    seed: int = 1
    """Of the search agent: the same seed proposes the same from the same results."""


@dataclass(frozen=True)
class Limits:
    """`[limits]`: when new work stops by itself."""

    disk_floor_gb: float = 1.0
    crashes_in_a_row: Annotated[int, Meta(ge=1)] = 3
    """A worktree is paused after so many failures in a row."""


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
    run: RunSettings = RunSettings()
    retest: Retest = Retest()
    gate: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the gate's defaults, which depend on the number of slots: see `gate_for`."""
    agents: Agents = Agents()
    limits: Limits = Limits()
    slots: SlotSettings = SlotSettings()

    def profile_for(self, kind: SlotKind) -> tuple[str, Profile]:
        """Return the name and the settings of the profile for slots of that kind."""
        name = kind if self.run.profile == "auto" else self.run.profile
        try:
            return name, self.profile[name]
        except KeyError:
            raise ProjectError(f"lab.toml has no [profile.{name}]; it has {', '.join(self.profile)}") from None

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
    if both := set(project.project.edit) & set(project.project.frozen):
        raise ProjectError(f"{name}: {', '.join(sorted(both))} cannot be both in `edit` and in `frozen`")
    return project


def harness_hash(frozen: Mapping[str, bytes], profile: Profile) -> str:
    """Return 12 hex digits that change whenever a score would no longer be comparable: frozen files, budget, corpus."""
    digest = hashlib.sha256()
    for path in sorted(frozen):
        digest.update(f"{path}\0{len(frozen[path])}\0".encode() + frozen[path])
    digest.update(msgspec.json.encode([profile.budget, sorted(profile.env.items())]))
    return digest.hexdigest()[:12]


_TABLES: dict[str, type] = {
    "project": Sources,
    "commands": Commands,
    "metric": Metric,
    "run": RunSettings,
    "retest": Retest,
    "gate": GateSettings,
    "agents": Agents,
    "limits": Limits,
    "slots": SlotSettings,
}


def _reject_unknown(raw: Mapping[str, Any], name: str) -> None:
    _check_keys(raw, [*_TABLES, "profile"], name, "table")
    for table, kind in _TABLES.items():
        if isinstance(content := raw.get(table, {}), Mapping):
            _check_keys(content, [each.name for each in fields(kind)], f"{name} [{table}]", "key")
    profiles = raw.get("profile", {})
    for profile, content in profiles.items() if isinstance(profiles, Mapping) else ():
        if isinstance(content, Mapping):
            _check_keys(content, [each.name for each in fields(Profile)], f"{name} [profile.{profile}]", "key")


def _check_keys(found: Mapping[str, Any], known: list[str], where: str, what: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ProjectError(f"{where}: unknown {what} {key!r}; {hint}")
