"""Commands that change what the lab does: each asks the engine, which refuses what the facts do not allow."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Mapping

from agentcore import format as fmt
from agentcore.engine import launch
from agentcore.engine.control import Command, EngineUnreachable
from agentcore.queue import verbs
from agentcore.queue.stacks import named, parties
from agentcore.state import Candidate
from tui.commands.look import observe
from tui.exits import NEEDS_PERSON, OK, REFUSED, UNREACHABLE, USAGE, Ending
from tui.output import print_json
from worktrees.layout import LabPaths


def merge(arguments: Namespace) -> int:
    """Merge READY candidates into trunk, after a question or with --yes; those after the first once they pass again."""
    observer = observe(arguments)
    state, numbers = observer.state, [number_of(text) for text in arguments.candidates]
    if reason := next((reason for number in numbers if (reason := verbs.unready(state, number))), ""):
        raise Ending(REFUSED, reason)
    first, *others = parties(state, numbers)
    candidate = state.candidates[first[-1]]
    sentence = _sentence(candidate) + (f"; then {', '.join(map(named, others))} once READY on it" if others else "")
    if arguments.dry_run:
        return would("merge", f"merge {sentence}", {"experiments": numbers}, arguments)
    if not arguments.yes and not confirmed(f"Merge {sentence}?"):
        return OK
    expect = {"trunk": candidate.trunk, "landing": candidate.landing}
    wanted = {"experiment": numbers[0], "then": [number for party in others for number in party], "expect": expect}
    return send(observer.paths, Command("merge", arguments=wanted), arguments)


def release(arguments: Namespace) -> int:
    """Let a BLOCKED candidate go on to its confirmation; why is recorded."""
    wanted = {"experiment": number_of(arguments.candidate), "because": arguments.because}
    return send(observe(arguments).paths, Command("release", arguments=wanted), arguments)


def say(arguments: Namespace) -> int:
    """Tell a worktree's agent, or with --all every agent, something that it reads at its next turn."""
    observer = observe(arguments)
    words = [word for word in (arguments.worktree, arguments.text) if word is not None]
    name = None if arguments.all else words[0] if words else ""
    text = " ".join(words if arguments.all else words[1:])
    if name is not None and name not in observer.state.worktrees:
        known = ", ".join(sorted(observer.state.worktrees)) or "none yet"
        raise Ending(USAGE, f"{name!r} is no worktree ({known}): nightlab say WT TEXT, or nightlab say --all TEXT")
    if not text.strip():
        raise Ending(USAGE, 'there is nothing to say: nightlab say wt0 "try a longer warm-down"')
    return send(observer.paths, Command("say", arguments={"worktree": name, "text": text}), arguments)


def send(paths: LabPaths, command: Command, arguments: Namespace) -> int:
    """Ask the engine and print its answer. Raises Ending where it refuses or does not answer."""
    try:
        answer = launch.send(paths, command)
    except EngineUnreachable as error:
        raise Ending(UNREACHABLE, f"{error}; start it: nightlab start") from error
    if not answer.done:
        raise Ending(answer.code, answer.message)
    if arguments.json:
        print_json(command.verb, time.time(), {"message": answer.message, **answer.body})
    else:
        print(answer.message)
    return OK


def would(verb: str, what: str, facts: Mapping[str, object], arguments: Namespace) -> int:
    """Print what a command would do, as a dry run does."""
    if arguments.json:
        print_json(verb, time.time(), {"dry_run": True, "message": f"would {what}", **facts})
    else:
        print(f"would {what}")
    return OK


def confirmed(question: str) -> bool:
    """Ask on a terminal. Raises Ending where there is none."""
    if not sys.stdin.isatty():
        raise Ending(NEEDS_PERSON, f"{question} Nobody is here to answer: give --yes")
    return input(f"{question} [y/N] ").strip().lower() == "y"


def typed(question: str, word: str) -> bool:
    """Ask on a terminal for a word to be typed. Raises Ending where there is none."""
    if not sys.stdin.isatty():
        raise Ending(NEEDS_PERSON, f"{question} Nobody is here to answer: give --yes")
    return input(f"{question} ").strip() == word


def _sentence(candidate: Candidate) -> str:
    verdict = candidate.verdict
    gain = f", gain {fmt.gain(verdict.gain)} ({verdict.z:.1f}σ, {len(verdict.seeds)} seeds)" if verdict else ""
    gain += f", {candidate.reason}" if candidate.simpler else ""
    way = f"trunk {candidate.trunk[:7]} → {candidate.landing[:7]}"
    return f"{named(candidate.members)}: {way}, tree {candidate.tree[:7]}{gain}"


def number_of(text: str) -> int:
    """Return the number of `12` or `#12`. Raises Ending."""
    try:
        return int(text.removeprefix("#"))
    except ValueError:
        raise Ending(USAGE, f"{text!r} is no candidate: write #12 (quoted) or 12") from None
