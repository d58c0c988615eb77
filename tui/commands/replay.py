"""The command that plays a recorded journal in the view."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from agentcore.journal.replay import NoRecording, Player, Recording, open_recording, start_of
from tui.commands.view import is_terminal, view_options
from tui.exits import FAILED, USAGE, Ending
from tui.moments import moment


def replay(arguments: Namespace) -> int:
    """Open a recording as a lab that only can be looked at, and play it; nothing is written to where it came from."""
    if not 0 < arguments.speed < float("inf"):
        raise Ending(USAGE, f"--speed {arguments.speed:g} is no number above 0")
    with tempfile.TemporaryDirectory(prefix="nightlab-replay-") as folder:
        try:
            recording = open_recording(Path(arguments.path), Path(folder) / "lab")
            player = Player(recording, arguments.speed, _start(recording, arguments))
        except NoRecording as error:
            raise Ending(FAILED, f"{error}: nothing is played") from error
        if not is_terminal():
            raise Ending(USAGE, "a replay needs a terminal; nightlab events --lab DIR prints what happened")
        return _show(recording, player, arguments)


def _start(recording: Recording, arguments: Namespace) -> float:
    """Return from which second of playing on."""
    score = recording.score(arguments.speed)
    if arguments.at_end:
        return score.played[-1]
    if not arguments.since:
        return 0.0
    return start_of(recording, score, arguments.since, lambda words, now: moment(words, now, is_past=True))


def _show(recording: Recording, player: Player, arguments: Namespace) -> int:
    arguments.readonly = True
    options = replace(view_options(arguments), bell=False, osc9=False, hints=False)
    recording.paths.exports = Path.cwd()  # the copy's own folder is gone afterwards
    from tui.app import open_view  # here: what cannot be played needs no toolkit

    return open_view(recording.paths, options=options, player=player)
