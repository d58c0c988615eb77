"""Which screens are there, and where is each made?

A screen is imported and made when somebody first goes there: the first paint waits for one screen and not for ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from tui.screens.base import BaseScreen

if TYPE_CHECKING:
    from tui.view import View

SCREENS: Mapping[str, str] = {
    "lab": "LabScreen",
    "worktree": "WorktreeScreen",
    "queue": "QueueScreen",
    "results": "ResultsScreen",
    "retest": "RetestScreen",
    "directions": "DirectionsScreen",
    "report": "ReportScreen",
    "events": "EventsScreen",
    "experiment": "ExperimentScreen",
    "diff": "ReaderScreen",
    "imported": "ImportedScreen",
}
"""{name of a screen: its class}."""

_MODULES = {"diff": "reader"}
"""Where a screen's module is not called as the screen is."""


def make(view: View, name: str) -> BaseScreen:
    """Make the screen of that name."""
    module = import_module(f"tui.screens.{_MODULES.get(name, name)}")
    screen = getattr(module, SCREENS[name])(view)
    assert isinstance(screen, BaseScreen), "the table names screens"
    return screen
