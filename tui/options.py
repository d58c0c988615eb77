"""What may a person choose about the view? A flag comes before the environment, that before their own file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tui.bindings import TABLE, Table, remap
from tui.settings import Settings, SettingsError, location

SLOW_S = 5.0
"""`--slow`: so often is painted over a thin line."""


VARIABLES: Mapping[str, str] = {
    "theme": "NIGHTLAB_THEME",
    "ui.ascii": "NIGHTLAB_ASCII",
    "ui.refresh": "NIGHTLAB_REFRESH",
}
"""{setting of one's own file: the variable that comes before it}."""


@dataclass(frozen=True)
class ViewOptions:
    """What the command line, the environment and the user's file say about the view."""

    theme: str = ""
    """One of theme.NAMES; empty: what the terminal can show."""
    ascii: bool = False
    refresh_s: float = 1.0
    """How often changing numbers are painted again."""
    mouse: bool = False
    """Off leaves selecting and copying to the terminal."""
    readonly: bool = False
    plots: bool = True
    hints: bool = False
    """Whether a newcomer is told the two things that nobody guesses."""
    bell: bool = True
    osc9: bool = False
    title: bool = True
    table: Table = TABLE
    """The keys."""
    file: Path | None = None
    """The person's own file, where it would be."""


def chosen(flags: Namespace, env: Mapping[str, str], settings: Settings) -> ViewOptions:
    """Return what holds. Raises SettingsError, KeymapError."""
    ui, notify = settings.ui, settings.notify
    return ViewOptions(
        theme=flags.theme or env.get(VARIABLES["theme"]) or settings.theme,
        ascii=flags.ascii or _is_on(env, VARIABLES["ui.ascii"]) or ui.ascii,
        refresh_s=SLOW_S if flags.slow else _refresh(env, ui.refresh),
        mouse=flags.mouse or ui.mouse,
        readonly=flags.readonly or _is_on(env, "NIGHTLAB_READONLY"),
        plots=not flags.slow,
        hints=ui.hints,
        bell=notify.bell,
        osc9=notify.osc9,
        title=notify.title,
        table=remap(settings.keymap),
        file=location(env),
    )


def _is_on(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "") not in ("", "0")


def _refresh(env: Mapping[str, str], otherwise: float) -> float:
    text = env.get(VARIABLES["ui.refresh"], "")
    try:
        return max(0.2, float(text)) if text else otherwise
    except ValueError:
        raise SettingsError(f"NIGHTLAB_REFRESH={text!r} is no number of seconds") from None
