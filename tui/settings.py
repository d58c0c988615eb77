"""What has the researcher chosen for every lab? Their own file holds taste; what a lab is stands in its lab.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from agentcore.notices.settings import Notify, check_names, notify, read, tables
from agentcore.notices.settings import SettingsError as SettingsError  # the engine reads the same file
from agentcore.notices.settings import location as location


@dataclass(frozen=True)
class Ui:
    """How the view behaves."""

    refresh: float = 1.0
    """Seconds after which changing numbers are painted again."""
    hints: bool = True
    mouse: bool = False
    ascii: bool = False


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


def load(path: Path) -> Settings:
    """Read and check the file; one that is not there says nothing. Raises SettingsError."""
    return _checked(read(path), str(path))


def parse(text: str, name: str) -> Settings:
    """Check the text of a file; `name` is how messages call it. Raises SettingsError."""
    return _checked(tables(text, name), name)


def _checked(raw: Mapping[str, Any], name: str) -> Settings:
    check_names(raw, _names(Settings), name)
    if isinstance(raw.get("ui"), dict):
        check_names(raw["ui"], _names(Ui), f"{name} [ui]")
    called = notify(raw, name)
    try:
        settings = msgspec.convert({key: table for key, table in raw.items() if key != "notify"}, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}: {error}") from error
    if not 0.2 <= settings.ui.refresh <= 60:
        raise SettingsError(f"{name} [ui]: refresh = {settings.ui.refresh:g} is not between 0.2 and 60 seconds")
    return replace(settings, notify=called)


def _names(kind: type) -> list[str]:
    return [each.name for each in fields(kind)]
