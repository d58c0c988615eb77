"""What is an agent told?

A brief is the rules (program and what may be edited), then what this worktree needs to know now: its direction, where
trunk stands, what all worktrees have learned, the researcher's and its own words, and the source it starts from. Lists
are bounded, and an idea that was tried five times stands there once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile

from agentcore import format as fmt
from agentcore.brief.prompts import Texts, fill
from agentcore.events import OldOutcome, OldRow
from agentcore.project.importing import steps
from agentcore.queue.guards import MARK, limit
from agentcore.queue.judging import noise, threshold
from agentcore.queue.stacks import besides
from agentcore.state import Experiment, LabState, Worktree
from agentcore.worktree.ideas import open_ideas

KEPT, NEAR, OWN, OTHERS, DEAD, IDEAS = 30, 12, 12, 25, 30, 12
"""Experiments listed of each sort."""
OLD: Mapping[OldOutcome, int] = {"keep": 25, "drop": 25, "crash": 10}
"""Imported rows listed of each outcome."""
LOOKED = 2000
"""Newest experiments that are looked through for the lists: what was tried before them was tried on another trunk, and
a brief costs the same after a hundred thousand."""
TRACEBACK_LINES = 40
CLEARLY_WORSE = -2.0
"""Standard errors below which a dropped idea counts as a dead end."""
RECENT = 6
"""A worktree's newest decided experiments, of which a crashed one may still be mended."""
REPAIRS = 2
"""How often an agent may mend a crashed experiment."""


@dataclass(frozen=True)
class Crash:
    """A crashed experiment that the agent may mend now."""

    root: int
    """The experiment that it all began with."""
    latest: int
    """The newest attempt, whose traceback is shown and whose files are in the worktree."""
    attempt: int
    """1 or 2."""
    hypothesis: str
    """What the experiments of this chain are about."""


@dataclass(frozen=True)
class Brief:
    """Everything that an agent starts from."""

    worktree: str
    rules: str
    """What holds for every proposal; the same text for all worktrees, so that a model's server can cache it."""
    text: str
    edit: tuple[str, ...]
    source: Mapping[str, str]
    """The editable files as they stand."""
    experiments: tuple[Experiment, ...]
    """Every decided or pending experiment of every worktree, oldest first."""
    conflicts: tuple[int, ...] = ()
    """This worktree's experiments that do not fit on trunk any more: their idea may be written again, on trunk."""
    direction: str = ""
    """Name of the dimension that it should look at; empty or unknown for all of them."""
    crash: Crash | None = None


def write(
    state: LabState,
    worktree: str,
    source: Mapping[str, str],
    texts: Texts,
    direction: str = "",
    crash: Crash | None = None,
    traceback: Iterable[str] = (),
) -> Brief:
    """Render the brief of a worktree's next proposal. `traceback`: the last lines of the crash. Raises PromptError."""
    experiments, open_conflicts = tuple(reversed(tuple(state.newest))), conflicts(state, worktree)
    edit = ", ".join(source)
    variables = {
        **_lists(state, worktree),
        "worktree": worktree,
        "edit": edit,
        "metric": _metric(state),
        "direction": _direction(texts, worktree, direction),
        "trunk": _trunk(state),
        "conflicts": "\n".join(_line(state, state.experiments[each]) for each in open_conflicts) or "None.",
        "before": _before(state),
        "notes": _bullets(state.worktrees[worktree].notes) if worktree in state.worktrees else "None.",
        "messages": _messages(state.worktrees.get(worktree)),
        "ideas": _bullets(f"idea {each.number} (from {each.by}): {each.text}" for each in open_ideas(state)[:IDEAS]),
        "crash": _crash(state, texts, crash, traceback) if crash else "None.",
        "source": "\n\n".join(f"### {path}\n\n```python\n{body}```" for path, body in source.items()),
    }
    rules = fill(texts, "system", {"program": texts.program.strip(), "edit": edit})
    text = fill(texts, "brief", variables)
    return Brief(worktree, rules, text, tuple(source), source, experiments, open_conflicts, direction, crash)


def mendable(state: LabState, worktree: str) -> Crash | None:
    """Return the crashed experiment that a worktree's coding agent may mend now: its newest one that still can be.

    An experiment of the search agent is not mended: it is a sample, not an idea. Nor is what crashed long ago.
    """
    own = (each for each in _newest(state) if each.worktree == worktree and each.outcome is not None)
    newest = islice(own, 2 * RECENT)  # not always in the order in which they were decided
    recent = sorted(newest, key=lambda each: each.decided or 0.0)[-RECENT:]
    for latest in sorted(recent, key=lambda each: -each.number):
        if latest.outcome != "crash" or latest.agent == "search":
            continue
        root = state.experiments[latest.fixes] if latest.fixes is not None else latest
        is_followed = any(each.fixes == root.number for each in _after(state, latest.number))
        if root.mending < REPAIRS and not is_followed:
            return Crash(root.number, latest.number, root.mending + 1, root.hypothesis)
    return None


def _after(state: LabState, number: int) -> Iterator[Experiment]:
    return takewhile(lambda each: each.number > number, state.newest)


def conflicts(state: LabState, worktree: str) -> tuple[int, ...]:
    """Return a worktree's experiments whose idea does not fit on today's trunk and was not written again yet."""
    again = {each.detail.get("rework_of") for each in _newest(state)}
    numbers = {number for number, candidate in state.candidates.items() if candidate.state == "CONFLICT"}
    numbers |= {each.number for each in _newest(state) if each.outcome == "returned"}
    return tuple(sorted(each for each in numbers - again if state.experiments[each].worktree == worktree))


def _newest(state: LabState) -> Iterator[Experiment]:
    return islice(state.newest, LOOKED)


def _lists(state: LabState, worktree: str) -> dict[str, str]:
    """Sort what was tried, newest first: each idea stands in the first list that it fits into."""
    sorts: tuple[tuple[str, Callable[[Experiment], bool], int], ...] = (
        ("near_misses", lambda each: _is_near_miss(state, each), NEAR),
        ("kept", lambda each: each.outcome == "keep", KEPT),
        ("own", lambda each: each.worktree == worktree, OWN),
        ("dead_ends", _is_dead_end, DEAD),
        ("others", lambda each: True, OTHERS),
    )
    tried = (each for each in _newest(state) if each.outcome not in (None, "cancelled", "duplicate", "returned"))
    found: dict[str, list[Experiment]] = {name: [] for name, _, _ in sorts}
    for each in _distinct(tried):
        name, count = next((name, count) for name, belongs, count in sorts if belongs(each))
        if len(found[name]) < count:
            found[name].append(each)
    waiting = sorted(number for each in state.worktrees.values() for number in each.pending)
    pending = (state.experiments[number] for number in waiting)
    return {
        "pending": "\n".join(f"- {each.worktree}: {_first(each.hypothesis)}" for each in pending) or "None.",
        **{
            name: "\n".join(_line(state, each) for each in each_found) or "None yet."
            for name, each_found in found.items()
        },
    }


def _distinct(experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    """Leave out what repeats an idea with the same outcome; a number in it makes another idea."""
    seen = set()
    for each in experiments:
        key = (_words(each.hypothesis), each.outcome)
        if key not in seen:
            seen.add(key)
            yield each


@lru_cache(maxsize=LOOKED + 500)  # of several worktrees' briefs the newest differ a little
def _words(hypothesis: str) -> str:
    return re.sub(r"\W+", " ", hypothesis.lower()).strip()


def _is_near_miss(state: LabState, each: Experiment) -> bool:
    candidate = state.candidates.get(each.number)
    if candidate is not None:
        return candidate.state == "NOISE"
    is_near = each.z is not None and each.z >= state.gate.z_near_miss
    return each.outcome == "drop" and is_near and not each.reason.startswith(MARK)


def _is_dead_end(each: Experiment) -> bool:
    return each.outcome != "drop" or (each.z is not None and each.z <= CLEARLY_WORSE)


def _metric(state: LabState) -> str:
    assert state.config is not None, "briefs are written for a lab that was configured"
    guards = "".join(f"; {name} {limit(guard)}" for name, guard in sorted(state.config.guards.items()))
    return f"{state.config.metric}, {'lower' if state.config.lower_is_better else 'higher'} is better{guards}"


def _trunk(state: LabState) -> str:
    assert state.trunk is not None and state.config is not None, "worktrees exist only after trunk"
    pool = state.pools.get(state.trunk.tree, {})
    spread = noise(state)
    number = f"{sum(pool.values()) / len(pool):.4f}" if pool else "not measured yet"
    runs = "1 run" if len(pool) == 1 else f"{len(pool)} runs"
    text = (
        f"{state.trunk.commit[:7]}, {state.config.metric} {number} over {runs}. Budget of a run: {state.config.budget}."
    )
    if spread is None:
        return f"{text} The noise is not measured yet."
    gate, least = state.gate, state.gate.z_screen * spread.used * (1 + 1 / max(1, len(pool))) ** 0.5
    return (
        f"{text} Noise σ {spread.sigma:.4f} ({spread.dof} degrees of freedom): one run must gain {least:.4f} to be "
        f"kept, then {gate.confirm_seeds} fresh seeds must confirm it at {threshold(state):g} standard errors."
    )


def _before(state: LabState) -> str:
    """What imported nights tell: the kept rows by their gain, what failed newest first. An idea stands there once."""
    lower = state.config.lower_is_better if state.config else True
    told: dict[OldOutcome, dict[str, tuple[OldRow, float | None]]] = {each: {} for each in OLD}
    for night in state.imports:
        for row, gain in steps(night.rows, lower_is_better=lower):
            of_outcome = told[row.outcome]
            of_outcome.pop(_words(row.idea), None)  # the newer one counts
            of_outcome[_words(row.idea)] = row, gain
    lines: list[str] = []
    for outcome, rows in told.items():
        newest = list(reversed(rows.values()))
        if outcome == "keep":
            newest.sort(key=lambda each: each[1] or 0.0, reverse=True)
        lines += [_old(*each) for each in newest[: OLD[outcome]]]
        if (more := len(newest) - OLD[outcome]) > 0:
            lines.append(f"- and {more} more: {outcome}")
    return "\n".join(lines) or "Nothing."


def _old(row: OldRow, gain: float | None) -> str:
    by = f", {fmt.gain(gain)} by one run" if gain is not None else ""
    return f"- {row.outcome}{by}: {_first(row.idea)}"


def _direction(texts: Texts, worktree: str, name: str) -> str:
    text = texts.own.get(worktree) or texts.directions.get(name, "")
    return text.strip() or "None: go where the results point."


def _messages(worktree: Worktree | None) -> str:
    if worktree is None or not (worktree.messages or worktree.questions):
        return "None."
    new = worktree.messages[worktree.read :]
    old = worktree.messages[: worktree.read][-5:]
    waiting = (
        f'- (nobody has answered your question "{each.text}": take another idea, and do not ask it again)'
        for each in worktree.questions
    )
    return "\n".join([*(f"- {each.words}" for each in old), *(f"- (new) {each.words}" for each in new), *waiting])


def _crash(state: LabState, texts: Texts, crash: Crash, traceback: Iterable[str]) -> str:
    experiment = state.experiments[crash.latest]
    return fill(
        texts,
        "crash",
        {
            "experiment": f"#{crash.latest}",
            "hypothesis": experiment.hypothesis,
            "reason": experiment.reason,
            "traceback": "\n".join(traceback) or experiment.reason,
            "attempt": f"{crash.attempt} of {REPAIRS}",
        },
    )


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "None."


def _line(state: LabState, experiment: Experiment) -> str:
    candidate = state.candidates.get(experiment.number)
    standing = f", queue: {candidate.state}{' as simpler' if candidate.simpler else ''}" if candidate else ""
    if candidate and candidate.verdict:
        together = f" together with {others}" if (others := besides(candidate)) else ""
        standing += f", confirmed {candidate.verdict.gain:+.4f} ({candidate.verdict.z:.1f}σ){together}"
    result = f"gain {experiment.gain:+.4f} ({experiment.z:.1f}σ)" if experiment.gain is not None else experiment.reason
    reasons = (experiment.reason, candidate.reason if candidate else "")
    result += "".join(f"; {reason}" for reason in reasons if reason.startswith(MARK))
    idea = _first(experiment.hypothesis)
    return f"- #{experiment.number} {experiment.worktree} {experiment.outcome}: {idea}; {result}{standing}"


def _first(text: str) -> str:
    return text.splitlines()[0] if text else ""
