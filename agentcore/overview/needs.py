"""What needs a person, most urgent first, and what is peculiar to this lab but needs nobody?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agentcore.away.limits import standstill
from agentcore.engine.gone import told, topic
from agentcore.overview.gate import gate_summary
from agentcore.overview.live import Live, lost_gpus
from agentcore.overview.rows import WorktreeRow
from agentcore.queue.guards import trunk_breaks
from agentcore.queue.judging import noise
from agentcore.queue.stacks import named
from agentcore.state import LabState
from worktrees.statistics import SIGMA_MIN

NO_KEY = "No model key (ANTHROPIC_API_KEY): the built-in search agent proposes"

REMEDIES = {
    "key": "Export a valid key, then nightlab stop && nightlab start",
    "credit": "Buy credit or use another key, then nightlab resume a worktree",
    "model": "Mend [agents.anthropic] model in lab.toml, then nightlab stop && nightlab start",
}
"""What a person does about a barred agent, by the word for it."""


@dataclass(frozen=True)
class Need:
    """One thing that needs a person."""

    key: str
    """Stable as long as it is the same thing: a bell rings once per key."""
    text: str
    worktree: str = ""
    experiment: int | None = None


def needed(state: LabState, live: Live, rows: tuple[WorktreeRow, ...]) -> Iterator[Need]:
    """Return what needs a person, most urgent first. `rows`: of the worktrees."""
    if state.engine and not live.engine_alive:
        yield Need(f"engine {state.engine.pid}", "the engine is not running; start it: nightlab start")
    if reason := standstill(state):
        yield Need(f"standstill {state.away.since if state.away else 0}", reason)
    if state.trunk and (reason := state.broken(state.trunk.tree)):
        yield Need(f"trunk {state.trunk.commit}", f"trunk does not train: {reason}")
    if moved := _moved_by_hand(state):
        yield moved
    lost = lost_gpus(state, live)
    for slot in lost:
        home = next((worktree.name for worktree in state.standing if worktree.slot == slot), "")
        yield Need(topic(slot), state.warnings.get(topic(slot)) or told(state, slot), worktree=home)
    for agent, barred in sorted(state.barred.items()):
        text = f"LIMIT {barred.word}: {barred.reason}; the search agent stands in. {REMEDIES[barred.word]}"
        yield Need(f"barred {agent} {barred.word}", text)
    yield from _questions(state)
    for row in rows:
        if row.needs_you and state.worktrees[row.worktree].asking is None:
            yield Need(f"parked {row.worktree} {row.experiments}", row.needs_you, worktree=row.worktree)
    for about, message in sorted(state.warnings.items()):
        if about not in map(topic, lost):
            yield Need(f"{about} {message}", message)
    if (gate := gate_summary(state)).is_tightened:
        text = (
            f"the gate is tightened: up to {gate.false_share:.0%} of the confirmations that passed may be false, so "
            f"they now need {gate.z_confirm:g} standard errors; the search may have dried up: try new directions"
        )
        yield Need(f"tightened {gate.z_confirm}", text)
    if breaks := trunk_breaks(state):
        yield Need(f"guards {state.harness}", f"trunk itself breaks a {breaks}: mend [guard] in lab.toml")
    stuck = [each for each in state.candidates.values() if each.state in ("CONFLICT", "BLOCKED")]
    for candidate in sorted(stuck, key=lambda each: each.experiment):
        if candidate.state == "CONFLICT":
            text = f"#{candidate.experiment} does not fit on trunk any more"
            yield Need(f"conflict {candidate.experiment} {candidate.since}", text, experiment=candidate.experiment)
        if candidate.state == "BLOCKED":
            text = f"#{candidate.experiment} is BLOCKED: {candidate.reason}; nightlab release {candidate.experiment}"
            yield Need(f"blocked {candidate.experiment} {candidate.since}", text, experiment=candidate.experiment)
    ready = [each for each in state.candidates.values() if each.state == "READY" and each.leads]
    if ready and state.gate.mode == "me":
        best = max(ready, key=lambda each: each.verdict.gain if each.verdict else 0.0)
        who = named(best.members)
        single = f"{who} {'are' if best.stack else 'is'} ready to merge{' together' if best.stack else ''}"
        text = single if len(ready) == 1 else f"queue: {len(ready)} ready to merge"
        landings = [each.landing[:7] for each in sorted(ready, key=lambda each: each.experiment)]
        yield Need(f"ready {' '.join(landings)}", text, experiment=best.experiment)


def _questions(state: LabState) -> Iterator[Need]:
    """Open questions first, then those that are parked: nobody waits for their answer, and it is still wanted."""
    asked = [(each, worktree.name) for worktree in state.worktrees.values() for each in worktree.questions]
    for question, name in sorted(asked, key=lambda pair: (bool(pair[0].parked), pair[0].at)):
        verb = "asked (parked)" if question.parked else "asks"
        yield Need(f"asks {name} {question.at}", f'{name} {verb}: "{question.text}"', worktree=name)


def _moved_by_hand(state: LabState) -> Need | None:
    """Somebody moved trunk with git, and it has no number yet."""
    trunk = state.trunk
    if trunk is None or trunk.by != "hand" or state.pools.get(trunk.tree) or state.broken(trunk.tree):
        return None
    before = state.line[-2].commit[:7] if len(state.line) > 1 else "nothing"
    text = f"trunk moved outside: {before} to {trunk.commit[:7]}. It is measured first; merges wait for that number"
    return Need(f"moved {trunk.commit}", text)


def notes(state: LabState) -> Iterator[str]:
    """Return what is peculiar to this lab but needs nobody, most important first."""
    if state.agents and state.agents.reason:
        yield NO_KEY
    if (spread := noise(state)) and spread.sigma <= SIGMA_MIN:
        yield "σ is 0: equal runs score equally, whatever their seed, so that any gain passes, however small"
    if state.slots and not state.counts.decided and all(slot.kind == "cpu" for slot in state.slots):
        count = len(state.slots)
        slots = f"{count} CPU slot" if count == 1 else f"{count} CPU slots"
        ours = state.config is not None and not state.config.self_reported
        yield f"No GPU (no NVIDIA driver): {slots}" + (", the small corpus and a short budget" if ours else "")
