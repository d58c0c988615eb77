"""Commands over worktrees and their runs. The engine decides; a dry run asks the same rules without it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from agentcore.engine.control import Command
from agentcore.queue import verbs
from agentcore.state import LabState
from agentcore.worktree import permits
from tui.commands.decide import confirmed, number_of, send, typed, would
from tui.commands.look import observe
from tui.exits import OK, REFUSED, USAGE, Ending


def pause(arguments: Namespace) -> int:
    """Let a worktree, or all of them, take no new experiment after the one that they have."""
    return _pause("pause", "pause {} after the run in progress", arguments)


def resume(arguments: Namespace) -> int:
    """Let a paused worktree, or all of them, go on."""
    return _pause("resume", "let {} go on", arguments)


def kill(arguments: Namespace) -> int:
    """End the run of a worktree, after a question or with --yes."""
    observer = observe(arguments)
    state, name = observer.state, known(observer.state, arguments.worktree)
    if reason := permits.kill_refusal(state, name):
        raise Ending(REFUSED, reason)
    run = permits.run_of(state, name)
    assert run is not None, "kill_refusal has looked"
    what = f"end {permits.described(run)}: {permits.after_kill(state, run)}. A run that was killed is lost"
    if arguments.dry_run:
        return would("kill", what, {"worktree": name, "run": run.number}, arguments)
    if not arguments.yes and not confirmed(f"{what[0].upper()}{what[1:]}. Go on?"):
        return OK
    wanted = {"worktree": name, "expect": {"run": run.number}}
    return send(observer.paths, Command("kill", arguments=wanted), arguments)


def rebase(arguments: Namespace) -> int:
    """Put a worktree on its base of today; confirm a candidate again on today's trunk."""
    observer = observe(arguments)
    state, what = observer.state, arguments.what
    if what not in state.worktrees and what.removeprefix("#").isdecimal():
        number = number_of(what)
        if reason := verbs.refusal(state, "reconfirm", number):
            raise Ending(REFUSED, reason)
        if arguments.dry_run:
            return would("rebase", f"confirm #{number} again on today's trunk", {"experiment": number}, arguments)
        wanted: dict[str, object] = {"experiment": number, "because": arguments.because}
        return send(observer.paths, Command("reconfirm", arguments=wanted), arguments)
    name = known(state, what)
    if reason := permits.rebase_refusal(state, name):
        raise Ending(REFUSED, reason)
    if arguments.dry_run:
        when = "as soon as its agent has ended its turn" if state.worktrees[name].thinking else "now"
        return would("rebase", f"put {name} on its base of today {when}", {"worktree": name}, arguments)
    return send(observer.paths, Command("rebase", arguments={"worktree": name}), arguments)


def retire(arguments: Namespace) -> int:
    """Retire a worktree, after its name was typed or with --yes."""
    observer = observe(arguments)
    name = arguments.worktree
    if name not in observer.state.worktrees:
        raise Ending(USAGE, permits.unknown(observer.state, name))
    if reason := permits.retire_refusal(observer.state, name):
        raise Ending(REFUSED, reason)
    what = f"stop the agent of {name}, keep what is in no commit, put its folder into .lab/trash; its branch stays"
    if arguments.dry_run:
        return would("retire", what, {"worktree": name}, arguments)
    if not arguments.yes and not typed(f"This will {what}. Type {name} to go on:", name):
        return OK
    return send(observer.paths, Command("retire", arguments={"worktree": name, "named": True}), arguments)


def new(arguments: Namespace) -> int:
    """Make more worktrees."""
    observer = observe(arguments)
    if reason := permits.new_refusal(observer.state, arguments.count):
        raise Ending(REFUSED, reason)
    names = permits.new_names(observer.state, arguments.count)
    if arguments.dry_run:
        return would("new", f"make {', '.join(names)}", {"worktrees": names}, arguments)
    wanted = {"count": arguments.count, "direction": arguments.direction}
    return send(observer.paths, Command("new", arguments=wanted), arguments)


def known(state: LabState, name: str) -> str:
    """Return the name of a worktree. Raises Ending for another one."""
    if reason := permits.unknown(state, name):
        raise Ending(USAGE, reason)
    return name


def _pause(verb: str, words: str, arguments: Namespace) -> int:
    observer = observe(arguments)
    if arguments.all == (arguments.worktree is not None):
        raise Ending(USAGE, f"name one worktree, or say --all: nightlab {verb} wt0, nightlab {verb} --all")
    if arguments.all:
        reason, names = permits.all_refusal(observer.state, verb), permits.affected(observer.state, verb)
        wanted: Mapping[str, object] = {"all": True}
    else:
        names = [known(observer.state, arguments.worktree)]
        reason, wanted = permits.pause_refusal(observer.state, verb, names[0]), {"worktree": names[0]}
    if reason:
        raise Ending(REFUSED, reason)
    if arguments.dry_run:
        return would(verb, words.format(", ".join(names)), {"worktrees": names}, arguments)
    return send(observer.paths, Command(verb, arguments=wanted), arguments)
