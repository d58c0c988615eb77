"""The question before a candidate is merged into trunk."""

from __future__ import annotations

from agentcore.stacks import named
from agentcore.state import Candidate, LabState
from tui import format as fmt
from tui.follow import Scene
from tui.sheets.sheet import Question


def question(scene: Scene, experiment: int) -> Question:
    """Return what is asked before #`experiment` is merged, by what the journal says now."""
    state = scene.state
    candidate, idea = state.candidates[experiment], state.experiments[experiment]
    title = f"Merge {named(candidate.stack) if candidate.stack else f'{idea.worktree} #{experiment}'} into trunk?"
    trunk = state.trunk.commit if state.trunk else ""
    pins = (trunk, candidate.state, candidate.landing, candidate.tree)
    if candidate.state != "READY":
        standing = f"{candidate.state}" + (f": {candidate.reason}" if candidate.reason else "")
        return Question(title, (("it is now", standing), ("so", "it cannot be merged")), "", pins, readable=True)
    ideas = [state.experiments[number] for number in candidate.members]
    files = " ".join(dict.fromkeys(file for each in ideas for file in each.files))
    lines = fmt.change(sum(each.added for each in ideas), sum(each.removed for each in ideas))
    facts = (
        *((f"#{each.number}" if candidate.stack else "commit", f'"{each.hypothesis}"') for each in ideas),
        ("change", f"{'simpler: ' if candidate.simpler else ''}{lines} {files}"),
        ("tree", f"{fmt.short(candidate.tree)}, {_evidence(candidate)}"),
        ("trunk", f"{fmt.short(trunk)} to {fmt.short(candidate.landing)}, not pushed anywhere"),
        ("after", _others(state, candidate.members)),
        ("undo", f"u: trunk goes back to {fmt.short(trunk)}; once it has moved on, by a new commit"),
    )
    expect = {"trunk": trunk, "landing": candidate.landing}
    arguments = {"experiment": experiment, "expect": expect}
    return Question(title, facts, "merge", pins, "merge", arguments, readable=True)


def _evidence(candidate: Candidate) -> str:
    together = "together " if candidate.stack else ""
    trained = f"{together}trained {fmt.count(len(candidate.seeds), 'time')} on fresh seeds"
    verdict = candidate.verdict
    if verdict is None or not verdict.standard_error:
        return trained
    error = fmt.gain(verdict.standard_error).lstrip("+")
    return f"{trained}: gain {fmt.gain(verdict.gain)} ±{error} ({fmt.sigmas(verdict.z)}σ)"


def _others(state: LabState, members: tuple[int, ...]) -> str:
    waiting = [n for n, one in state.candidates.items() if n not in members and one.state in ("READY", "CONFIRM")]
    rebase = "every worktree rebases between two experiments"
    if not waiting:
        return rebase
    names = ", ".join(f"#{number}" for number in sorted(waiting))
    fate = "becomes STALE and runs" if len(waiting) == 1 else "become STALE and run"
    return f"{names} {fate} again on the new trunk; {rebase}"
