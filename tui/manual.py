"""What does the manual say of each command beside its arguments? Its group, examples that work, and how it may end.

`nightlab help` and each `--help` print it; docs/command-line.md says the same, which a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui.exits import FAILED, LIMIT, NEEDS_PERSON, NO_LAB, OK, PRECONDITION, REFUSED, UNREACHABLE, USAGE

INTERRUPTED = 130

MEANINGS: Mapping[int, str] = {
    OK: "done",
    FAILED: "failed; the message says where the log is",
    USAGE: "wrong usage, or no usable terminal",
    NO_LAB: "no lab here",
    PRECONDITION: "a precondition is missing; nightlab doctor tells which",
    REFUSED: "refused: the gate, or the facts have changed; audit verify: not all is as it was written",
    UNREACHABLE: "the engine does not run or does not answer",
    LIMIT: "a limit was reached (disk)",
    NEEDS_PERSON: "needs a person",
    INTERRUPTED: "interrupted",
}
"""{exit code: what it means}."""

GROUPS = ("open", "set up", "run", "look", "steer", "decide", "care")
"""In the order in which a person needs them."""

READS = (OK, FAILED, USAGE, NO_LAB)
"""How a command that only looks may end."""
ASKS = (OK, FAILED, USAGE, NO_LAB, REFUSED, UNREACHABLE, LIMIT)
"""How one that asks the engine may end."""
CONFIRMS = (*ASKS, NEEDS_PERSON)
"""The same where a person is asked first: 9 where nobody is there to answer."""


@dataclass(frozen=True)
class Page:
    """What is said of one command."""

    group: str
    exits: tuple[int, ...]
    examples: tuple[str, ...]


PAGES: Mapping[str, Page] = {
    "view": Page(
        "open", (OK, FAILED, USAGE, NO_LAB, PRECONDITION, UNREACHABLE), ("nightlab", "nightlab --slow --theme contrast")
    ),
    "demo": Page(
        "open",
        (OK, FAILED, USAGE, PRECONDITION, UNREACHABLE, LIMIT, INTERRUPTED),
        ("nightlab demo", "nightlab demo --headless --experiments 6 /tmp/lab", "nightlab demo --scenario queue"),
    ),
    "replay": Page(
        "open", (OK, FAILED, USAGE), ("nightlab replay my-lab --from 03:10", "nightlab replay night.sqlite --speed 300")
    ),
    "snapshot": Page(
        "open",
        READS,
        (
            "nightlab snapshot lab --size 80x24",
            "nightlab snapshot queue --scenario queue --size 160x45 --svg queue.svg",
        ),
    ),
    "init": Page(
        "set up",
        (OK, USAGE, PRECONDITION, NEEDS_PERSON),
        ("nightlab init my-lab", 'nightlab init --goal "improve quality and speed"'),
    ),
    "import": Page(
        "set up",
        (OK, FAILED, USAGE, NO_LAB, REFUSED, UNREACHABLE, LIMIT),
        ("nightlab import ~/autoresearch/results.tsv --dry-run",),
    ),
    "doctor": Page("set up", (OK, USAGE, PRECONDITION), ("nightlab doctor", "nightlab doctor --online --json")),
    "new": Page("set up", ASKS, ('nightlab new 2 --direction "only remove code"',)),
    "start": Page("run", (OK, USAGE, NO_LAB, PRECONDITION, UNREACHABLE), ("nightlab start",)),
    "stop": Page("run", (OK, USAGE, NO_LAB, UNREACHABLE), ("nightlab stop --after-runs", "nightlab stop --now")),
    "run": Page(
        "run",
        (OK, FAILED, USAGE, NO_LAB, PRECONDITION, LIMIT, INTERRUPTED),
        ("nightlab run --until 08:00 --merge gate", "nightlab run --experiments 20"),
    ),
    "away": Page(
        "run", ASKS, ("nightlab away --until 08:00 --budget 25 --merge gate", "nightlab away --until 9h --dry-run")
    ),
    "back": Page("run", ASKS, ("nightlab back",)),
    "pause": Page("run", ASKS, ("nightlab pause wt0", "nightlab pause --all")),
    "resume": Page("run", ASKS, ("nightlab resume --all",)),
    "kill": Page("run", CONFIRMS, ("nightlab kill wt0", "nightlab kill wt0 --yes")),
    "retire": Page("run", CONFIRMS, ("nightlab retire wt2 --yes",)),
    "status": Page(
        "look",
        (*READS, NEEDS_PERSON),
        ("nightlab status", "nightlab status --needs-you", "nightlab status --json | jq '.cost, .slots'"),
    ),
    "results": Page(
        "look",
        READS,
        ("nightlab results --kept --sort gain", "nightlab results --by agent", "nightlab results --tsv > results.tsv"),
    ),
    "queue": Page("look", READS, ("nightlab queue", "nightlab queue --all --json")),
    "show": Page("look", READS, ("nightlab show '#12'", "nightlab show wt0 --json")),
    "diff": Page("look", READS, ("nightlab diff wt0", "nightlab diff '#12'")),
    "log": Page("look", READS, ("nightlab log '#12' --lines 50",)),
    "transcript": Page("look", (*READS, INTERRUPTED), ("nightlab transcript wt0 -f",)),
    "report": Page(
        "look",
        (*READS, PRECONDITION),
        ("nightlab report --since away", "nightlab report -o night.html", "nightlab report --json | jq .needs_you"),
    ),
    "events": Page(
        "look", (*READS, INTERRUPTED), ("nightlab events --since away --level warn", "nightlab events -f --json")
    ),
    "audit": Page("look", (*READS, REFUSED), ("nightlab audit verify", "nightlab audit show '#12'")),
    "say": Page(
        "steer", ASKS, ('nightlab say wt0 "prefer changes that shrink the code"', 'nightlab say --all "be brief"')
    ),
    "ideas": Page(
        "steer",
        ASKS,
        ("nightlab ideas", 'nightlab ideas add "value embeddings on alternate layers"', "nightlab ideas drop 7"),
    ),
    "rebase": Page("steer", ASKS, ("nightlab rebase wt0", "nightlab rebase 12")),
    "mode": Page("steer", ASKS, ("nightlab mode gate",)),
    "merge": Page("decide", CONFIRMS, ("nightlab merge 12 --dry-run", "nightlab merge 12 15 --yes")),
    "verify": Page("decide", ASKS, ("nightlab verify 12",)),
    "release": Page("decide", ASKS, ('nightlab release 12 --because "read it: a real change of the optimizer"',)),
    "hold": Page("decide", ASKS, ('nightlab hold 12 --because "after the next retest"',)),
    "unhold": Page("decide", ASKS, ("nightlab unhold 12",)),
    "move": Page("decide", ASKS, ("nightlab move 12 --by -1",)),
    "cancel": Page("decide", CONFIRMS, ('nightlab cancel 12 --because "it reads the clock"',)),
    "force": Page("decide", CONFIRMS, ('nightlab force 12 --because "half the code, the same score" --yes',)),
    "revert": Page("decide", CONFIRMS, ('nightlab revert 12 --because "worse on long texts" --yes',)),
    "pin": Page("decide", ASKS, ("nightlab pin 12",)),
    "unpin": Page("decide", ASKS, ("nightlab unpin 12",)),
    "retest": Page(
        "decide", CONFIRMS, ("nightlab retest", "nightlab retest list --json", "nightlab retest stop --yes")
    ),
    "undo": Page("decide", CONFIRMS, ("nightlab undo --list", "nightlab undo --yes")),
    "redo": Page("decide", CONFIRMS, ("nightlab redo --dry-run",)),
    "config": Page(
        "care",
        (OK, USAGE, PRECONDITION),
        ("nightlab config get limits.usd --where", "nightlab config list", "nightlab config path"),
    ),
    "gc": Page(
        "care",
        CONFIRMS,
        ("nightlab gc --dry-run", "nightlab gc --transcripts 30 --yes"),
    ),
    "notify": Page("care", (OK, FAILED, USAGE), ("nightlab notify --test",)),
    "keys": Page("care", (OK, FAILED, USAGE), ("nightlab keys", "nightlab keys --check")),
    "completion": Page(
        "care", (OK, USAGE), ("source <(nightlab completion bash)", "nightlab completion fish | source")
    ),
    "help": Page("care", (OK, USAGE), ("nightlab help", "nightlab help merge")),
    "version": Page("care", (OK, USAGE), ("nightlab version",)),
}


def end_of(name: str) -> str:
    """Return what stands at the end of a command's help: examples, and how it may end."""
    page = PAGES[name]
    examples = "\n".join(f"  {each}" for each in page.examples)
    ends = "\n".join(f"  {code:>3}  {MEANINGS[code]}" for code in page.exits)
    return f"examples:\n{examples}\n\nexit codes:\n{ends}"


def overview(abouts: Iterable[tuple[str, str]]) -> str:
    """Return all commands by their groups. `abouts`: (command, what it is for)."""
    listed = dict(abouts)
    lines = ["usage: nightlab [COMMAND] [--lab DIR] ...", "", "A research lab in a terminal."]
    for group in GROUPS:
        names = [name for name, page in PAGES.items() if page.group == group and name in listed]
        lines += ["", f"{group}:", *(f"  {name:<10}  {listed[name]}" for name in names)]
    return "\n".join(
        [
            *lines,
            "",
            "nightlab help COMMAND (or COMMAND --help) has its arguments, examples and exit codes.",
            "--lab DIR or $NIGHTLAB_DIR names a lab; without them it is the one around the current folder.",
            "Times are 08:00, 90m, 2h or ISO 8601; experiments are 12 or '#12', worktrees wt0.",
            "",
        ]
    )
