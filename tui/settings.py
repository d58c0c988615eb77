"""What has the researcher chosen for every lab? Their own file holds taste; what a lab is stands in its lab.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec


class SettingsError(Exception):
    """The file cannot be used. The message names it, the key, and what is known."""


@dataclass(frozen=True)
class Ui:
    """How the view behaves."""

    refresh: float = 1.0
    """Seconds after which changing numbers are painted again."""
    hints: bool = True
    mouse: bool = False
    ascii: bool = False


@dataclass(frozen=True)
class Notify:
    """How the view calls a person."""

    bell: bool = True
    osc9: bool = False
    """A desktop notification by the terminal, where it knows OSC 9; inside tmux it needs `allow-passthrough on`."""
    title: bool = True


@dataclass(frozen=True)
class Settings:
    """The whole file."""

    theme: str = ""
    ui: Ui = Ui()
    notify: Notify = Notify()
    keys: Mapping[str, str | list[str]] = field(default_factory=dict)
    """{action: its key, or keys}."""

    @property
    def keymap(self) -> dict[str, tuple[str, ...]]:
        """The keys of one's own, as the table takes them."""
        return {name: (keys,) if isinstance(keys, str) else tuple(keys) for name, keys in self.keys.items()}


def location(env: Mapping[str, str]) -> Path:
    """Return where the file is, or would be."""
    if named := env.get("NIGHTLAB_CONFIG"):
        return Path(named)
    base = env.get("XDG_CONFIG_HOME", "")
    home = Path(base) if base.startswith("/") else Path(env.get("HOME") or Path.home()) / ".config"
    return home / "nightlab" / "config.toml"


def load(path: Path) -> Settings:
    """Read and check the file; one that is not there says nothing. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Settings:
    """Check the text of a file; `name` is how messages call it. Raises SettingsError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {error}") from error
    _check_names(raw, _names(Settings), name)
    for section, kind in (("ui", Ui), ("notify", Notify)):
        if isinstance(raw.get(section), dict):
            _check_names(raw[section], _names(kind), f"{name} [{section}]")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}: {error}") from error
    if not 0.2 <= settings.ui.refresh <= 60:
        raise SettingsError(f"{name} [ui]: refresh = {settings.ui.refresh:g} is not between 0.2 and 60 seconds")
    return settings


def _names(kind: type) -> list[str]:
    return [each.name for each in fields(kind)]


def _check_names(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for name in table:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            raise SettingsError(f"{where}: unknown key {name!r}; {hint}")
