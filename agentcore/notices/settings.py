"""How can the researcher be reached? Their own file for every lab says it.

The engine reads it as the view does, where its own environment says that it lies. lab.toml is no place for it: it is
committed and agents read it, and who knows the address of a topic can read and write what goes to a phone. A token
stands in no file at all, only the name of the variable that holds it.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """The file cannot be used. The message names it, the key, and what is known."""


@dataclass(frozen=True)
class Notify:
    """How a person is called: by the view where one is open, by the engine always."""

    bell: bool = True
    osc9: bool = False
    """A desktop notification by the terminal, where it knows OSC 9; inside tmux it needs `allow-passthrough on`."""
    title: bool = True
    command: str | list[str] = ""
    """A program of one's own that gets a line of JSON: the words of its command line, or a list; no shell."""
    url: str = ""
    """The address of a topic, as ntfy has it: the text is posted there."""
    token_env: str = ""
    """Name of the variable whose value is sent along as a bearer token."""
    news: bool = False
    """Also tell of merges and retests, which need nobody."""

    @property
    def argv(self) -> list[str]:
        """The words of the command."""
        return shlex.split(self.command) if isinstance(self.command, str) else self.command

    @property
    def is_set(self) -> bool:
        """True where the engine has somewhere to send a notice to."""
        return bool(self.command or self.url)


def location(env: Mapping[str, str]) -> Path:
    """Return where the file is, or would be."""
    if named := env.get("NIGHTLAB_CONFIG"):
        return Path(named)
    base = env.get("XDG_CONFIG_HOME", "")
    home = Path(base) if base.startswith("/") else Path(env.get("HOME") or Path.home()) / ".config"
    return home / "nightlab" / "config.toml"


def read(path: Path) -> dict[str, Any]:
    """Return what the file holds; one that is not there holds nothing. Raises SettingsError."""
    try:
        return tables(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error


def token_name(path: Path) -> str:
    """Return the name of the variable that holds the token; empty where the file names none, or cannot be used."""
    try:
        return notify(read(path), str(path)).token_env
    except SettingsError:
        return ""


def tables(text: str, name: str) -> dict[str, Any]:
    """Return what the text of a file holds. Raises SettingsError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {error}") from error


def notify(raw: Mapping[str, Any], name: str) -> Notify:
    """Check the table [notify] of what a file holds; `name` is how messages call it. Raises SettingsError."""
    where = f"{name} [notify]"
    table = raw.get("notify", {})
    if isinstance(table, dict):
        check_names(table, (each.name for each in fields(Notify)), where)
    try:
        found = msgspec.convert(table, Notify)
        argv = found.argv
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{where}: {error}") from error
    if found.command and not (argv and argv[0]):
        raise SettingsError(f"{where}: command names no program")
    if found.url and (reason := _no_address(found)):
        raise SettingsError(f"{where}: {reason}")
    return found


def check_names(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse a key that nobody knows, with the nearest that one does. Raises SettingsError."""
    names = list(known)
    for name in table:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            raise SettingsError(f"{where}: unknown key {name!r}; {hint}")


def _no_address(found: Notify) -> str:
    """Return why `url` cannot be used, without what it is: whoever knows a topic's address can read what goes there."""
    try:
        parts = urlsplit(found.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or not found.url.isprintable() or " " in found.url:
        return "url is no address such as https://ntfy.sh/my-topic"
    if "@" in parts.netloc:
        return "url holds a name or a password: put a token into a variable, and its name into token_env"
    if found.token_env and parts.scheme == "http" and host not in LOOPBACK:
        return "a token goes over https only: everybody on the way could read it"
    return ""
