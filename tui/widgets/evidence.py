"""What does the selected candidate rest on, and what would its merge change?"""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.overview import QueueRow
from agentcore.queue.effects import WAITING, ChangeOf, effect, told
from agentcore.queue.evidence import Facts, evidence, measured
from agentcore.queue.merged import MergedRow
from agentcore.state import LabState
from tui.lines import Line, clip, wrap
from tui.theme import CANDIDATES, Theme
from tui.widgets.pane import Pane
from tui.widgets.queue import gate_sentences, marked

LABEL = 8
"""Cells left of the facts."""


class EvidencePane(Pane):
    """The facts, most important first: runs, tree, change, what a merge does to the others, what comes then."""

    def __init__(self, look: Theme, change_of: ChangeOf) -> None:
        super().__init__(look, id="evidence", frame="rule")
        self.state = LabState()
        self.row: QueueRow | MergedRow | None = None
        self._change_of = change_of

    def head(self) -> tuple[str, str]:
        """Return whose evidence it is."""
        return (f"{self.row.worktree} #{self.row.experiment}  {marked(self.row)}" if self.row else "gate"), ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the facts; where they are more than fit each takes one line."""
        if self.row is None:
            return [((f" {text}", "grey"),) for text in gate_sentences(self.state)]
        facts = facts_of(self.state, self.row, self._change_of)
        parts = [(label, wrap(text, width - LABEL - 2)) for label, text in facts]
        if sum(len(lines) for _, lines in parts) > height:
            parts = [(label, [clip(text, width - LABEL - 2)]) for label, text in facts]
        return [
            ((f" {'' if index else label:<{LABEL}}", "grey"), (line, "text"))
            for label, lines in parts
            for index, line in enumerate(lines)
        ]


def facts_of(state: LabState, row: QueueRow | MergedRow, change_of: ChangeOf) -> Facts:
    """Return (label, text) of what is known of a candidate without going through all runs."""
    number = row.experiment
    experiment, found = state.experiments[number], evidence(state, number)
    facts = [*_standing(row), *measured(found)]
    size = fmt.change(experiment.added, experiment.removed)
    kept = "rules kept" if not experiment.broken else "; ".join(experiment.broken)
    facts.append(("diff", f"{' '.join(experiment.files)} {size} (d: read it)   {kept}"))
    if isinstance(row, MergedRow):
        return [*facts, ("then", row.retest)]
    if row.state in WAITING:
        comes = effect(state, state.candidates[number].members, change_of)
        facts += [("" if place else "effect", line) for place, line in enumerate(told(comes))]
        facts.append(("then", comes.then))
    return facts


def _standing(row: QueueRow | MergedRow) -> Facts:
    if isinstance(row, MergedRow):
        forced = ", forced" if row.forced else ""
        return [("merged", f"{fmt.clock(row.at)} by {row.by}{forced}: trunk {fmt.short(row.trunk)}")]
    if row.state == "READY" and not row.reason:
        return []
    meaning = CANDIDATES.get(row.state, ("", ""))[1]
    way_out = "; lift it: palette, lift rule" if row.state == "BLOCKED" else ""
    return [("state", f"{row.state}: {row.reason or meaning}{way_out}")]
