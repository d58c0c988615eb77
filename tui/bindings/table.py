"""Which key does what, where, and why not just now?

One table of records. The key lines, the help screen, `nightlab keys` and the dispatch of key presses all read it, so
that none of them can tell another story. A key that cannot act says why: `disabled` returns that sentence.
"""

from __future__ import annotations

from collections.abc import Callable

from agentcore.overview import WorktreeRow
from agentcore.queue import verbs
from agentcore.state import LabState
from agentcore.undo import undoing
from agentcore.worktree import permits
from tui.bindings.binding import Binding, Reason, Situation, Target

SCREENS = {
    "L": "lab",
    "W": "worktree",
    "Q": "queue",
    "R": "results",
    "T": "retest",
    "I": "directions",
    "P": "report",
    "E": "events",
    "D": "diff",
    "X": "experiment",
    "O": "imported",
}
"""Letter: name of each screen; "diff", "experiment" and "imported" are opened from others and have no number."""

ALL = "".join(SCREENS)


def _writing(situation: Situation) -> str:
    """Why nothing of the lab may be written here; what agents are told can be, also where no engine runs."""
    return "read-only: this view was opened with --readonly and changes nothing" if situation.readonly else ""


def _changing(situation: Situation) -> str:
    if reason := _writing(situation):
        return reason
    if not situation.engine_alive:
        return "the engine is not running, so nothing can be changed. Start it: nightlab start"
    return ""


def _merge(situation: Situation) -> str:
    if reason := _changing(situation):
        return reason
    if lacking := [row.worktree for row in situation.marked_rows if not _has_target(situation, row)]:
        return f"{lacking[0]} has nothing to merge: none of its experiments is in the queue"
    if not situation.targets:
        return "nothing to merge yet: a kept experiment is READY once fresh seeds confirm it"
    return next((_unready(each) for each in situation.targets if each.state != "READY"), "")


def _has_target(situation: Situation, row: WorktreeRow) -> bool:
    return row.worktree in {each.worktree for each in situation.marked}


def _unready(row: Target) -> str:
    name = f"{row.worktree} #{row.experiment}"
    match row.state:
        case "NEW":
            return f"{name} is not READY: the queue has not confirmed it yet"
        case "CONFIRM":
            return f"{name} is not READY: its fresh seeds train now ({row.seeds_done}/{row.seeds})"
        case "MERGING":
            return f"{name} is being merged already"
        case "STALE":
            return f"{name} is STALE: trunk moved since it was confirmed, it is confirmed again by itself"
        case _:
            return f"{name} is {row.state}" + (f": {row.reason}" if row.reason else "")


def _candidate(*names: str) -> Reason:
    """Why none of these verbs can be used on a candidate that is taken: the reason of the first."""

    def reason(situation: Situation) -> str:
        if why := _changing(situation):
            return why
        if not situation.targets:
            return "no candidate is selected"
        for target in situation.targets:
            reasons = [verbs.refusal(situation.state, name, target.experiment) for name in names]
            if all(reasons):
                return reasons[0]
        return ""

    return reason


def blocked(situation: Situation) -> int | None:
    """Return the candidate that a rule holds: the selected one, else the first of all."""
    held = sorted(number for number, each in situation.state.candidates.items() if each.state == "BLOCKED")
    target = situation.target.experiment if situation.target else None
    return target if target in held else next(iter(held), None)


def _lift(situation: Situation) -> str:
    return _changing(situation) or ("" if blocked(situation) else "no candidate is BLOCKED by a rule")


def _starting(situation: Situation) -> str:
    if situation.readonly:
        return "read-only: this view was opened with --readonly and starts nothing"
    if situation.engine_alive:
        return "the engine runs already"
    engine = situation.state.engine
    is_bare = engine is not None and engine.walls == "none"  # with walls it would measure everything anew
    return "this lab ran without a sandbox: nightlab start --no-sandbox" if is_bare else ""


def _undo(situation: Situation) -> str:
    if reason := _changing(situation):
        return reason
    return "" if undoing.undoable(situation.state) else "nothing to undo: see nightlab undo --list"


def _redo(situation: Situation) -> str:
    if reason := _changing(situation):
        return reason
    action = undoing.redoable(situation.state)
    if action is None:
        return "nothing to redo: that is possible only right after an undo"
    return undoing.redo_refusal(situation.state, action)


def _pause(situation: Situation) -> str:
    return _changing(situation) or ("" if situation.rows else "no worktree is selected")


def _all(situation: Situation) -> str:
    return _changing(situation) or ("" if situation.state.worktrees else "there is no worktree yet")


def _worktrees(refusal: Callable[[LabState, str], str]) -> Reason:
    """Why a worktree that is taken refuses: the first reason."""

    def reason(situation: Situation) -> str:
        if why := _changing(situation) or _row(situation):
            return why
        return next((why for row in situation.rows if (why := refusal(situation.state, row.worktree))), "")

    return reason


def _moving(steps: int) -> Reason:
    """Why the selected candidate cannot be moved by so many places."""

    def reason(situation: Situation) -> str:
        if why := _changing(situation):
            return why
        if situation.target is None:
            return "no candidate is selected"
        return verbs.move_refusal(situation.state, situation.target.experiment, steps)

    return reason


def _compare_texts(situation: Situation) -> str:
    kept = sum(map(bool, situation.state.prompts_commits))
    return "" if kept > 1 else "there is one version of the texts: each save makes another"


def _deaf(state: LabState, name: str) -> str:
    is_search = name in state.worktrees and state.worktrees[name].agent == "search"
    return f"{name} is worked by the search agent, which samples and reads no words" if is_search else ""


def _row(situation: Situation) -> str:
    return "" if situation.row else "there is no worktree yet"


def _editing(situation: Situation) -> str:
    return _writing(situation) or _row(situation)


def _imported(situation: Situation) -> str:
    return "" if situation.state.imports else "nothing was imported: nightlab import results.tsv brings an old night in"


def _attend(situation: Situation) -> str:
    return "" if situation.overview.needs else "nothing needs you"


TABLE: tuple[Binding, ...] = (
    Binding("lab", ("1",), "lab", "All worktrees, the queue, the last events", ALL, "screens"),
    Binding(
        "worktree", ("2",), "worktree", "The selected worktree: its diff, log, curve and agent", ALL, "screens", _row
    ),
    Binding("queue", ("3",), "queue", "The merge queue", ALL, "screens"),
    Binding("results", ("4",), "results", "Every experiment: the plot, the table, comparisons", ALL, "screens"),
    Binding("retest", ("5",), "retest", "What held at the larger size", ALL, "screens"),
    Binding("directions", ("6",), "directions", "What agents are told; ideas; rules", ALL, "screens"),
    Binding("report", ("7",), "report", "What happened while nobody looked, in ten lines", ALL, "screens"),
    Binding("events", ("8",), "events", "Everything that happened", ALL, "screens"),
    Binding("previous", ("-",), "previous", "Back to the screen before this one", ALL, "screens"),
    Binding("up", ("escape",), "back", "One level up; never stops any work", ALL, "screens", rank=60),
    Binding("down", ("j", "down"), "down", "Next line", ALL, "moving"),
    Binding("above", ("k", "up"), "up", "Line before", ALL, "moving"),
    Binding("first", ("g", "home"), "first", "First line", ALL, "moving"),
    Binding("last", ("G", "end"), "last", "Last line", ALL, "moving"),
    Binding("page-down", ("ctrl+d", "pagedown"), "half page down", "Half a page down", ALL, "moving"),
    Binding("page-up", ("ctrl+u", "pageup"), "half page up", "Half a page up", ALL, "moving"),
    Binding("scroll-down", ("J",), "scroll", "Scroll the preview down, the list stays", "LQRTPXO", "moving"),
    Binding("scroll-up", ("K",), "scroll preview up", "Scroll the preview up, the list stays", "LQRTPXO", "moving"),
    Binding("left", ("h", "left"), "left", "Scroll sideways to the left", "WD", "moving"),
    Binding("right", ("l", "right"), "right", "Scroll sideways to the right", "WD", "moving"),
    Binding(
        "next-hunk",
        ("}",),
        "next hunk",
        "Next hunk of the diff, error of the log, step of the agent",
        "WQD",
        "moving",
        rank=30,
    ),
    Binding("previous-hunk", ("{",), "hunk before", "Hunk, error or step before", "WQD", "moving"),
    Binding("tab", ("tab",), "next pane", "Next pane", ALL, "moving", rank=65),
    Binding("tab-back", ("shift+tab",), "pane before", "Pane before", ALL, "moving"),
    Binding("full", ("f",), "full", "This pane on the whole screen, and back", ALL, "moving"),
    Binding("look-for", ("/",), "find", "List only what holds a word, or search a text", ALL, "moving", rank=62),
    Binding("next-match", ("n",), "next match", "Next place that holds the word", ALL, "moving"),
    Binding("previous-match", ("N",), "match before", "Place before that holds the word", ALL, "moving"),
    Binding("mark", (" ",), "mark", "Mark or unmark: the next action takes all that are marked", "LQRIE", "moving"),
    Binding("next-worktree", ("]",), "next worktree", "The same view of the next worktree", "W", "moving", rank=40),
    Binding("previous-worktree", ("[",), "worktree before", "The same view of the worktree before", "W", "moving"),
    Binding("follow", ("F",), "follow", "Go back to the newest and stay there", "WED", "moving", rank=35),
    Binding("open", ("enter",), "open", "Open what is selected", "LQ", "looking", rank=10),
    Binding("open-answer", ("enter",), "open", "Where the answer comes from", "P", "looking", rank=10),
    Binding("open-source", ("enter",), "open", "Where the event comes from", "E", "looking", rank=10),
    Binding("warnings", ("!",), "warn", "Only what went wrong or needs you; again: all", "E", "looking", rank=12),
    Binding("open-experiment", ("enter",), "open", "Its facts, verdict, runs and curve", "R", "looking", rank=10),
    Binding("diff", ("d",), "diff", "The whole diff of what is selected", "LWQRX", "looking", _row, rank=15),
    Binding(
        "diff-texts",
        ("d",),
        "diff",
        "What the last save changed; after b: what changed since then",
        "I",
        "looking",
        _compare_texts,
        rank=15,
    ),
    Binding(
        "base-texts",
        ("b",),
        "base",
        "Diff against the version before, those that agents work with, the first",
        "I",
        "looking",
        _compare_texts,
        rank=56,
    ),
    Binding("compare", ("|",), "compare", "Two marked ones: facts, curves, diff of trees", "R", "looking", rank=24),
    Binding("imported", ("I",), "imported", "Old nights that were imported", "R", "looking", _imported),
    Binding("sort", ("o",), "sort", "Next column to order by", "R", "looking", rank=26),
    Binding("reverse", ("O",), "reverse", "The same order from its other end", "R", "looking"),
    Binding(
        "base",
        ("b",),
        "base",
        "Diff against last kept, trunk, baseline, uncommitted only",
        "WD",
        "looking",
        rank=32,
    ),
    Binding("split", ("|",), "split", "Old and new side by side, or one below the other", "WQD", "looking", rank=33),
    Binding("wrap", ("w",), "wrap", "Wrap long lines, or cut them", "WD", "looking", rank=34),
    Binding("expand", ("enter",), "expand", "All of the agent's step, or its one line", "W", "looking"),
    Binding("metric", ("M",), "metric", "Next metric of the curve, or of the plot", "WRX", "looking", rank=36),
    Binding("log-scale", ("L",), "log scale", "The curve's axis even or logarithmic", "WRX", "looking", rank=37),
    Binding("attend", ("a",), "attend", "Go to the next thing that needs you", ALL, "looking", _attend, rank=50),
    Binding(
        "merge", ("m",), "merge", "Merge a READY candidate into trunk (asks)", "LWQRDX", "deciding", _merge, rank=18
    ),
    Binding(
        "verify",
        ("v",),
        "verify",
        "Run three more fresh seeds; the verdict is made anew",
        "QRX",
        "deciding",
        _candidate("verify"),
        rank=20,
    ),
    Binding(
        "hold",
        ("p",),
        "hold",
        "Hold the candidate: the queue leaves it alone; again: let it go on",
        "Q",
        "deciding",
        _candidate("hold", "unhold"),
        rank=25,
    ),
    Binding(
        "take-out",
        ("x",),
        "take out",
        "Take it out of the queue for good, or its merge back (asks)",
        "Q",
        "deciding",
        _candidate("cancel", "revert"),
        rank=28,
    ),
    Binding(
        "undo",
        ("u",),
        "undo",
        "Take your last action back (asks where git changes)",
        ALL,
        "deciding",
        _undo,
        rank=55,
    ),
    Binding("redo", ("U",), "redo", "Do again what was just undone (asks where git changes)", ALL, "deciding", _redo),
    Binding(
        "tell",
        ("i",),
        "tell",
        "Tell its agent something: one line, enter sends",
        "LWQI",
        "deciding",
        _worktrees(_deaf),
        rank=22,
    ),
    Binding("pause", ("p",), "pause", "Pause after the current run; again: resume", "LW", "deciding", _pause, rank=25),
    Binding(
        "pause-all",
        ("P",),
        "pause all",
        "Pause all worktrees after their runs; again: resume all (asks)",
        "LW",
        "deciding",
        _all,
    ),
    Binding(
        "rebase",
        ("r",),
        "rebase",
        "Back to its base on today's trunk, when nothing runs",
        "LW",
        "deciding",
        _worktrees(permits.rebase_refusal),
        rank=33,
    ),
    Binding(
        "reconfirm",
        ("r",),
        "again",
        "Confirm it again, on today's trunk",
        "Q",
        "deciding",
        _candidate("reconfirm"),
        rank=26,
    ),
    Binding("earlier", ("<",), "earlier", "Confirm or merge it earlier", "Q", "deciding", _moving(-1)),
    Binding("later", (">",), "later", "Confirm or merge it later", "Q", "deciding", _moving(1)),
    Binding(
        "retire",
        ("X",),
        "retire",
        "Retire the worktree; its branch stays (asks)",
        "LW",
        "deciding",
        _worktrees(permits.retire_refusal),
    ),
    Binding("new", ("c",), "new", "Make more worktrees (asks how many)", "LW", "deciding", _changing),
    Binding(
        "kill",
        ("x",),
        "stop run",
        "End its run; a killed run is lost (asks)",
        "LW",
        "deciding",
        _worktrees(permits.kill_refusal),
        rank=28,
    ),
    Binding(
        "away", ("A",), "away", "Leave the lab alone, within limits; again: back", ALL, "deciding", _changing, rank=58
    ),
    Binding(
        "retest-now", ("t",), "retest", "Try trunk at the larger size (asks)", "QT", "deciding", _changing, rank=24
    ),
    Binding("new-idea", ("c",), "new idea", "Write an idea down for any agent", "I", "deciding", _changing, rank=12),
    Binding(
        "import", (), "import", "Bring the results.tsv of the lab's folder in as history", "R", "deciding", _changing
    ),
    Binding("drop-idea", ("x",), "drop idea", "Offer the idea to no agent", "I", "deciding", _changing, rank=16),
    Binding("lift-rule", (), "lift rule", "Let a BLOCKED candidate go on, its diff read", ALL, "deciding", _lift),
    Binding("copy", ("y",), "copy", "Copy: h hash, d diff, p path, m message, l log, t turn", ALL, "taking along"),
    Binding("export", ("E",), "export", "To a file: m markdown, t tsv, j json, p png, s svg", ALL, "taking along"),
    Binding(
        "shell", ("s",), "shell", "A shell in the worktree; exit comes back", "LWQ", "taking along", _row, suspends=True
    ),
    Binding(
        "edit",
        ("e",),
        "edit",
        "Its direction in $EDITOR: what it is to try",
        "LW",
        "taking along",
        _editing,
        suspends=True,
    ),
    Binding(
        "edit-words",
        ("e",),
        "edit",
        "This text in $EDITOR; agents read it at their next proposal",
        "I",
        "taking along",
        _writing,
        rank=10,
        suspends=True,
    ),
    Binding("palette", (":", "ctrl+p"), "actions", "Every action by name, also those without a key", ALL, "the view"),
    Binding("help", ("?", "f1"), "help", "Every key, every state and its colour", ALL, "the view", rank=1),
    Binding("redraw", ("ctrl+l",), "redraw", "Draw the screen again", ALL, "the view"),
    Binding(
        "copy-selected", ("ctrl+c",), "copy or detach", "Copy what the mouse selected; else as detach", ALL, "the view"
    ),
    Binding("stop-lab", ("Q",), "stop lab", "Stop the lab: after the runs, or now (asks)", ALL, "the view", _changing),
    Binding("start-engine", ("S",), "start engine", "Start the engine, where none runs", ALL, "the view", _starting),
    Binding("detach", ("q", "ctrl+q"), "detach", "Close this view, work goes on", ALL, "the view", rank=70),
)
