"""The command `nightlab`: which words it takes, and which function answers each.

Commands import what they need when they are called, so that the view's first paint waits for nothing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from tui import manual
from tui.exits import OK, USAGE, Ending

Handler = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Argument:
    """One flag or positional word, as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One command: its name, where its function lives, what it is for, and its arguments."""

    name: str
    target: str
    about: str
    arguments: tuple[Argument, ...] = ()


def _flag(*names: str, about: str) -> Argument:
    return Argument(names, {"action": "store_true", "help": about})


JSON = _flag("--json", about="print one JSON object with a schema field")
YES = _flag("--yes", about="do not ask")
UNTIL = Argument(("--until",), {"metavar": "TIME", "help": "end then: 08:00, 90m, 2h or ISO 8601"})
SINCE = Argument(("--since",), {"metavar": "T", "help": "from then on: 2h, 22:41, ISO 8601, or away"})
NO_SANDBOX = _flag("--no-sandbox", about="let agents' code do what you can; nothing moves trunk then")
MERGE = Argument(("--merge",), {"choices": ("me", "gate", "hold"), "help": "who merges READY candidates"})
CANDIDATE = Argument(("candidate",), {"metavar": "N", "help": "the candidate's experiment: 12 or '#12'"})
DRY_RUN = _flag("--dry-run", about="only say what would happen")
WHY = Argument(("--because",), {"metavar": "TEXT", "default": "", "help": "why; it is recorded with your name"})
NEEDED_WHY = Argument(("--because",), {"metavar": "TEXT", "required": True, "help": "why; it is recorded"})
EXPERIMENTS = Argument(("--experiments",), {"type": int, "metavar": "N", "help": "end after N experiments"})
WORKTREE = Argument(("worktree",), {"metavar": "WT", "help": "a worktree, as wt0"})
SOME_WORKTREE = Argument(("worktree",), {"metavar": "WT", "nargs": "?", "help": "a worktree; left out with --all"})
ALL_WORKTREES = _flag("--all", about="all worktrees")
FOLDER = Argument(("dir",), {"nargs": "?", "help": "folder of the lab"})
SCENARIO = Argument(("--scenario",), {"metavar": "NAME", "help": "a lab in the middle of something, all of it played"})
SEED = Argument(("--seed",), {"type": int, "default": 1, "metavar": "N", "help": "of the scenario's draws; default: 1"})
LOOKS = (
    Argument(("--theme",), {"help": "colours: cb-dark, cb-light, ansi, mono, contrast"}),
    _flag("--ascii", about="no character outside ASCII"),
    _flag("--mouse", about="take the mouse; without it selecting and copying is the terminal's"),
    _flag("--slow", about="for a thin line: paint every 5 seconds, no plots"),
)
VIEW = (*LOOKS, _flag("--readonly", about="look only: every key that changes something says so"), NO_SANDBOX)

COMMANDS = (
    Entry("view", "view:view", "open the view (what plain `nightlab` does)", VIEW),
    Entry(
        "demo",
        "work:demo",
        "make a small real lab and open it; with --scenario one whose trainings, GPUs and agents are played",
        (
            FOLDER,
            SCENARIO,
            SEED,
            Argument(
                ("--speed",),
                {"type": float, "default": 1.0, "metavar": "X", "help": "play X times as fast; default: 1"},
            ),
            _flag("--headless", about="no view: run here, then print a summary"),
            EXPERIMENTS,
            UNTIL,
            MERGE,
            *VIEW,
        ),
    ),
    Entry(
        "replay",
        "replay:replay",
        "play a recorded journal in the view, read-only; what it is of is never written to",
        (
            Argument(("path",), {"metavar": "PATH", "help": "a journal.sqlite, or a lab's folder"}),
            Argument(
                ("--speed",),
                {
                    "type": float,
                    "default": 60.0,
                    "metavar": "N",
                    "help": "N times as fast; default: 60, a minute a second",
                },
            ),
            Argument(
                ("--from",),
                {
                    "dest": "since",
                    "metavar": "TIME|N",
                    "help": "begin there: 03:10, 2h before its end, ISO 8601, or #12",
                },
            ),
            _flag("--at-end", about="begin at its end: the lab as it was left"),
            *LOOKS,
        ),
    ),
    Entry(
        "init",
        "init:init",
        "make a lab: of a new folder, or of a git repository that is there already",
        (
            FOLDER,
            Argument(("--goal",), {"metavar": "TEXT", "help": "what agents should improve, in your words"}),
            Argument(("--train",), {"metavar": "COMMAND", "help": "trains once; {seed} is the run's seed"}),
            Argument(("--edit",), {"metavar": "FILE", "nargs": "+", "help": "what agents may change"}),
            Argument(("--frozen",), {"metavar": "FILE", "nargs": "+", "help": "what must stay as it is"}),
            Argument(("--metric",), {"metavar": "NAME", "help": "the number that counts"}),
            Argument(("--pattern",), {"metavar": "REGEX", "help": "finds it in the output; its first group is it"}),
            Argument(
                ("--higher-is-better",),
                {"dest": "lower", "action": "store_const", "const": "higher", "help": "of that number"},
            ),
            Argument(
                ("--lower-is-better",),
                {"dest": "lower", "action": "store_const", "const": "lower", "help": "of that number"},
            ),
            Argument(("--budget",), {"metavar": "SECONDS", "help": "how long a run takes"}),
            Argument(
                ("--guard",),
                {
                    "metavar": "LIMIT",
                    "action": "append",
                    "help": "'accuracy >= 0.9', 'speed may lose 5'; more than once",
                },
            ),
            _flag("--yes", about="take what was found without asking"),
            _flag("--dry-run", about="only print the lab.toml"),
        ),
    ),
    Entry(
        "import",
        "importing:bring",
        "bring an old night in as history: what was tried is shown, and told to agents, but is no measurement here",
        (Argument(("file",), {"metavar": "results.tsv", "help": "autoresearch's five columns"}), DRY_RUN, JSON),
    ),
    Entry("start", "work:start", "start this lab's engine in the background", (NO_SANDBOX,)),
    Entry(
        "stop",
        "work:stop",
        "stop the engine; runs in progress go on and count at the next start",
        (_flag("--now", about="end the runs too"), _flag("--after-runs", about="leave once the runs have ended")),
    ),
    Entry(
        "run",
        "work:run",
        "run the engine in the foreground",
        (EXPERIMENTS, UNTIL, MERGE, NO_SANDBOX),
    ),
    Entry(
        "status",
        "look:status",
        "where the lab stands",
        (JSON, _flag("--needs-you", about="only what needs a person; exit 9 if anything does")),
    ),
    Entry(
        "results",
        "look:results",
        "every experiment",
        (
            JSON,
            _flag("--tsv", about="five columns for other programs"),
            _flag("--kept", about="only kept ones"),
            _flag("--dropped", about="only dropped ones"),
            SINCE,
            Argument(
                ("--sort",),
                {
                    "choices": ("time", "score", "gain", "sigma", "memory", "minutes", "lines"),
                    "metavar": "COLUMN",
                    "help": "best first by: %(choices)s; default: oldest first",
                },
            ),
            Argument(("--by",), {"choices": ("agent",), "help": "what each agent found, and what that took"}),
        ),
    ),
    Entry(
        "queue",
        "show:queue",
        "the merge queue: what is open, what was merged, what runs next",
        (JSON, _flag("--all", about="also what has left it")),
    ),
    Entry(
        "show",
        "show:show",
        "all that is known of a worktree, or of an experiment: verdict, runs, commits, what its merge would change",
        (Argument(("what",), {"metavar": "WT|N", "help": "a worktree (wt0), or an experiment (12 or '#12')"}), JSON),
    ),
    Entry(
        "diff",
        "look:diff",
        "what a worktree changes now, or an experiment or an imported commit changed",
        (
            Argument(
                ("what",), {"metavar": "WT|N|COMMIT", "help": "a worktree, an experiment, or an imported row's commit"}
            ),
        ),
    ),
    Entry(
        "log",
        "look:log",
        "what a run printed",
        (
            Argument(("what",), {"metavar": "WT|N", "help": "a worktree (wt0), or an experiment (12 or '#12')"}),
            Argument(
                ("--lines",), {"type": int, "metavar": "N", "default": 200, "help": "the last N lines; default: 200"}
            ),
        ),
    ),
    Entry(
        "transcript",
        "look:transcript",
        "what a worktree's agent did, step by step",
        (
            WORKTREE,
            _flag("-f", "--follow", about="go on with what it does next, until ctrl+c"),
            Argument(("--number",), {"type": int, "metavar": "N", "help": "an older one; default: the newest"}),
            JSON,
        ),
    ),
    Entry(
        "audit",
        "audit:audit",
        "verify: is the journal as it was written (exit 5 if not); show: who ran and decided what",
        (
            Argument(("what",), {"choices": ("verify", "show"), "help": "verify the chain, or show who did what"}),
            Argument(("of",), {"metavar": "WT|N", "nargs": "?", "help": "show only that worktree, or experiment"}),
            JSON,
        ),
    ),
    Entry(
        "report",
        "past:report",
        "what happened while nobody looked, in ten lines",
        (
            SINCE,
            _flag("--markdown", about="the whole report as Markdown"),
            Argument(
                ("-o", "--output"), {"metavar": "FILE", "help": "write it: .md, .json, .html, .svg or .png (plot)"}
            ),
            JSON,
        ),
    ),
    Entry(
        "events",
        "past:events",
        "what happened",
        (
            Argument(("--lines",), {"type": int, "metavar": "N", "help": "the newest N; default 40, all with --since"}),
            SINCE,
            Argument(
                ("--level",),
                {"choices": ("info", "warn"), "default": "info", "help": "warn: only what went wrong; default: info"},
            ),
            _flag("-f", "--follow", about="go on with what happens next, until ctrl+c"),
            JSON,
        ),
    ),
    Entry(
        "merge",
        "decide:merge",
        "merge READY candidates into trunk, in that order; each that follows is confirmed on the new trunk first",
        (
            Argument(
                ("candidates",), {"metavar": "N", "nargs": "+", "help": "their experiments, in the order to merge"}
            ),
            YES,
            _flag("--dry-run", about="only say what would happen"),
            JSON,
        ),
    ),
    Entry(
        "release",
        "decide:release",
        "let a BLOCKED candidate go on, after somebody has read its diff",
        (
            CANDIDATE,
            Argument(("--because",), {"metavar": "TEXT", "required": True, "help": "why; it is recorded"}),
            JSON,
        ),
    ),
    Entry(
        "retest",
        "retests:retest",
        "try trunk at the larger size now, against the last verified trunk; list: what they have said; stop: drop it",
        (
            Argument(
                ("what",), {"choices": ("add", "list", "stop"), "nargs": "?", "default": "add", "help": "default: add"}
            ),
            YES,
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "undo",
        "undo:undo",
        "take back what a person did last; asks where trunk, a branch or a folder is touched",
        (_flag("--list", about="what was done, and what of it can be taken back"), YES, DRY_RUN, JSON),
    ),
    Entry("redo", "undo:redo", "do again what was just undone", (YES, DRY_RUN, JSON)),
    Entry(
        "verify",
        "queueing:verify",
        "run three more fresh seeds of a candidate, and of trunk; its verdict is made anew",
        (CANDIDATE, WHY, DRY_RUN, JSON),
    ),
    Entry("hold", "queueing:hold", "let the queue leave a candidate alone", (CANDIDATE, WHY, DRY_RUN, JSON)),
    Entry("unhold", "queueing:unhold", "let a HELD candidate go on", (CANDIDATE, WHY, DRY_RUN, JSON)),
    Entry(
        "cancel",
        "queueing:cancel",
        "take a candidate out of the queue for good",
        (CANDIDATE, NEEDED_WHY, YES, DRY_RUN, JSON),
    ),
    Entry(
        "pin", "queueing:pin", "keep an experiment's commit, whatever is cleaned up", (CANDIDATE, WHY, DRY_RUN, JSON)
    ),
    Entry("unpin", "queueing:unpin", "let go of a pinned commit", (CANDIDATE, WHY, DRY_RUN, JSON)),
    Entry(
        "force",
        "queueing:force",
        "merge a candidate although its verdict did not pass; it is marked forced",
        (CANDIDATE, NEEDED_WHY, YES, DRY_RUN, JSON),
    ),
    Entry(
        "revert",
        "queueing:revert",
        "take exactly one merge back with a new commit, also where others lie on top",
        (CANDIDATE, NEEDED_WHY, YES, DRY_RUN, JSON),
    ),
    Entry(
        "mode",
        "queueing:mode",
        "who merges READY candidates from now on, until the engine is started again",
        (
            Argument(("mode",), {"choices": ("me", "gate", "hold"), "help": "me: only you; hold: nobody"}),
            WHY,
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "say",
        "decide:say",
        "tell a worktree's agent something; it reads it at its next turn",
        (
            Argument(("worktree",), {"metavar": "WT", "nargs": "?", "help": "a worktree; left out with --all"}),
            Argument(("text",), {"metavar": "TEXT", "nargs": "?", "help": "what to say, quoted"}),
            _flag("--all", about="tell every agent"),
            JSON,
        ),
    ),
    Entry(
        "ideas",
        "ideas:ideas",
        "ideas that wait for an agent, and what became of them",
        (
            Argument(
                ("action",),
                {"choices": ("list", "add", "drop"), "nargs": "?", "default": "list", "help": "default: list"},
            ),
            Argument(("text",), {"metavar": "TEXT|N", "nargs": "*", "help": "the idea in words, or its number"}),
            JSON,
        ),
    ),
    Entry(
        "pause",
        "steer:pause",
        "let a worktree, or all, start nothing new; runs in progress end by themselves",
        (SOME_WORKTREE, ALL_WORKTREES, DRY_RUN, JSON),
    ),
    Entry(
        "resume",
        "steer:resume",
        "let a paused worktree, or all, go on",
        (SOME_WORKTREE, ALL_WORKTREES, DRY_RUN, JSON),
    ),
    Entry(
        "away",
        "leave:away",
        "leave the lab alone: the engine holds these limits, also with no view open",
        (
            Argument(("--until",), {"metavar": "TIME", "help": "nothing new starts then: 08:00, 90m, 2h or ISO 8601"}),
            Argument(
                ("--budget",),
                {
                    "type": float,
                    "metavar": "USD",
                    "help": "dollars that models may cost from now on; default: no limit but [limits]",
                },
            ),
            Argument(
                ("--merge",), {"choices": ("gate", "none"), "default": "none", "help": "who merges; default: none"}
            ),
            Argument(
                ("--questions",),
                {
                    "choices": ("park", "wait"),
                    "default": "park",
                    "help": "of agents: they take another idea, or wait for you; default: park",
                },
            ),
            Argument(
                ("--tell",),
                {
                    "choices": ("stopped", "urgent", "nothing"),
                    "default": "stopped",
                    "help": "what for: only where all agents stop (default), also what needs you, or nothing",
                },
            ),
            DRY_RUN,
            JSON,
        ),
    ),
    Entry("back", "leave:back", "end away mode: you are here again", (JSON,)),
    Entry(
        "rebase",
        "steer:rebase",
        "put a worktree on its base of today as soon as its agent does not think; a candidate: confirm it again there",
        (
            Argument(("what",), {"metavar": "WT|N", "help": "a worktree (wt0), or an experiment (12 or '#12')"}),
            WHY,
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "move",
        "queueing:move",
        "confirm, or merge, a candidate earlier (--by -1) or later",
        (
            CANDIDATE,
            Argument(("--by",), {"type": int, "required": True, "metavar": "PLACES", "help": "-1: one place earlier"}),
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "new",
        "steer:new",
        "make more worktrees; there may be more than slots, each has its turn",
        (
            Argument(
                ("count",), {"type": int, "nargs": "?", "default": 1, "metavar": "N", "help": "how many; default: 1"}
            ),
            Argument(("--direction",), {"metavar": "TEXT", "default": "", "help": "what their agents look into"}),
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "retire",
        "steer:retire",
        "stop a worktree's agent, keep its work and its branch, put its folder away; undo brings it back for 14 days",
        (WORKTREE, YES, DRY_RUN, JSON),
    ),
    Entry(
        "kill",
        "steer:kill",
        "end the run of a worktree; its agent is told and goes on",
        (WORKTREE, YES, DRY_RUN, JSON),
    ),
    Entry(
        "doctor",
        "care:doctor",
        "what is missing on this machine",
        (JSON, _flag("--online", about="also ask the model's server: is the key good, is the model there?")),
    ),
    Entry(
        "notify",
        "tell:notify",
        "by which ways you are told what needs you while you do not look; with --test send one",
        (_flag("--test", about="send one notice and say what came back"), JSON),
    ),
    Entry(
        "gc",
        "gc:gc",
        "remove what nothing needs: checkouts and checkpoints of runs that ended, worktrees retired 14 days ago",
        (
            Argument(
                ("--transcripts",),
                {
                    "type": float,
                    "metavar": "DAYS",
                    "help": "also transcripts older than that which no candidate and no merge needs; hashes stay",
                },
            ),
            YES,
            DRY_RUN,
            JSON,
        ),
    ),
    Entry(
        "snapshot",
        "care:snapshot",
        "one frame of a screen as text",
        (
            Argument(("screen",), {"nargs": "?", "default": "lab", "help": "its name, or help; default: lab"}),
            SCENARIO,
            SEED,
            Argument(
                ("--size",), {"default": "80x24", "metavar": "COLUMNSxLINES", "help": "in characters; default: 80x24"}
            ),
            Argument(("--svg",), {"metavar": "FILE", "help": "also write a picture"}),
        ),
    ),
    Entry(
        "keys",
        "taste:keys",
        "every key, what it does and where",
        (
            _flag("--check", about="only say whether your own keys can be used; exit 2 if not"),
            _flag("--markdown", about="as the document docs/keys.md"),
            JSON,
        ),
    ),
    Entry(
        "config",
        "config:config",
        "path: where settings lie; get: what one is; list: all of them, and where each comes from",
        (
            Argument(("what",), {"choices": ("get", "list", "path"), "help": "what to tell"}),
            Argument(("key",), {"nargs": "?", "metavar": "KEY", "help": "of get: its dotted name, as limits.usd"}),
            _flag("--where", about="of get: also the file and line, or the variable, or default"),
            JSON,
        ),
    ),
    Entry(
        "completion",
        "taste:completion",
        "what a shell needs to complete nightlab's words",
        (Argument(("shell",), {"choices": ("bash", "zsh", "fish"), "help": "which shell's script"}),),
    ),
    Entry(
        "help",
        "manual:explain",
        "what there is, or all of one command: arguments, examples, exit codes",
        (
            Argument(
                ("command",), {"metavar": "COMMAND", "nargs": "?", "help": "default: all of them, by their groups"}
            ),
        ),
    ),
    Entry("version", "care:version", "print the version"),
)


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one sentence, with the nearest known command."""

    def error(self, message: str) -> NoReturn:
        raise Ending(USAGE, f"{message}; see {self.prog} --help")


class _Whole(_Parser):
    """The parser of the first word, whose help lists the commands by what they are for."""

    def format_help(self) -> str:
        return manual.overview((entry.name, entry.about) for entry in COMMANDS)


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines; a long flag leaves no more than a line of its own before its help."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=22, width=100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parse(words)
        return _handler(arguments.target)(arguments)
    except Ending as ending:
        print(f"nightlab: {ending}", file=sys.stderr)
        return ending.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has left; nothing to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _parse(words: list[str]) -> argparse.Namespace:
    words_of = parser()
    names = [entry.name for entry in COMMANDS]
    first = words[0] if words else ""
    if first == "--version":  # so it is asked of every program
        words = ["version", *words[1:]]
    elif not first or (first.startswith("-") and first not in ("-h", "--help")):
        words = ["view", *words]
    elif not first.startswith("-") and first not in names:
        raise Ending(USAGE, _unknown(first))
    arguments, strangers = words_of.parse_known_args(words)
    if strangers:
        raise Ending(USAGE, f"unrecognized arguments: {' '.join(strangers)}; see nightlab {words[0]} --help")
    return arguments


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = _Whole(prog="nightlab")
    commands = whole.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for entry in COMMANDS:
        sub = commands.add_parser(
            entry.name,
            help=entry.about,
            description=f"{entry.about[0].upper()}{entry.about[1:]}.",
            epilog=manual.end_of(entry.name),
            formatter_class=_Layout,
        )
        sub.set_defaults(target=entry.target)
        sub.add_argument("--lab", metavar="DIR", help="the lab's folder; default: the current one, or $NIGHTLAB_DIR")
        for argument in entry.arguments:
            sub.add_argument(*argument.names, **argument.options)
    return whole


def help_of(command: str | None) -> str:
    """Return the help of one command, or of all. Raises Ending for an unknown one."""
    whole = parser()
    if command is None:
        return whole.format_help()
    commands = next(each for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    if command not in commands.choices:
        raise Ending(USAGE, _unknown(command))
    return str(commands.choices[command].format_help())


def _unknown(word: str) -> str:
    near = get_close_matches(word, [entry.name for entry in COMMANDS], n=1)
    return f"unknown command {word!r}; {f'did you mean `nightlab {near[0]}`?' if near else 'see nightlab help'}"


def _handler(target: str) -> Handler:
    module, name = target.split(":")
    return cast("Handler", getattr(importlib.import_module(f"tui.commands.{module}"), name))


if __name__ == "__main__":
    sys.exit(main())
