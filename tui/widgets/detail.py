"""What is the selected worktree at, in a sentence or two?"""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.overview import WorktreeRow
from agentcore.state import Experiment
from tui.follow import Scene
from tui.lines import Line, clip
from tui.theme import Theme
from tui.widgets.pane import Pane

AROUND = 14
"""Cells of an upper edge that its two titles leave to the line."""


class DetailPane(Pane):
    """The selected row's hypothesis, diff and last figures, for screens without a diff pane."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="detail", frame="rule")
        self.scene: Scene | None = None
        self.row: WorktreeRow | None = None

    def head(self) -> tuple[str, str]:
        """Return whose detail it is, and what its agent is at while something runs."""
        if self.row is None or self.scene is None:
            return "", ""
        name = heading(self.row, self.scene)
        words = agent_words(self.row, self.scene) if self.row.run is not None else ""
        room = self.size.width - len(name) - AROUND
        return name, clip(f"agent {words}", room) if words and room > 0 else ""

    def body(self, width: int, height: int) -> list[Line]:
        """Return the two lines."""
        if self.row is None or self.scene is None:
            return []
        label, text = sentence(self.row, self.scene)
        return [labelled(label, text), labelled(*figures(self.row, self.scene))]


def heading(row: WorktreeRow, scene: Scene) -> str:
    """Return whose experiment this is: `wt0 #3`; on a slot that another worktree's uses for now `wt0: wt1 #3`."""
    experiment = scene.state.experiments.get(row.experiment) if row.experiment is not None else None
    if experiment is None:
        return row.worktree
    guest = f": {experiment.worktree}" if experiment.worktree != row.worktree else ""
    return f"{row.worktree}{guest} #{experiment.number}"


def sentence(row: WorktreeRow, scene: Scene) -> tuple[str, str]:
    """Return (label, text): why a person is needed, else the hypothesis, else what came of the last one."""
    if row.needs_you:
        return "needs you", row.needs_you
    worktree = scene.state.worktrees.get(row.worktree)
    if row.state == "PAUSE" and worktree:
        return "paused", f"{worktree.paused}; p resumes"
    if row.run is None and (words := agent_words(row, scene)):
        return "agent", words
    experiment = scene.state.experiments.get(row.experiment) if row.experiment is not None else None
    if experiment and row.state == "CRASH" and experiment.reason:
        return "ended", experiment.reason
    if experiment:
        return "why", experiment.hypothesis
    if row.state == "THINK" and worktree:
        return "now", f"its agent ({worktree.agent}) looks for the next edit"
    if row.idea:
        return "now", row.idea
    last = last_decided(row, scene)
    return ("before", f"#{last.number} {last.hypothesis}") if last else ("now", "no experiment yet")


def agent_words(row: WorktreeRow, scene: Scene) -> str:
    """Return what a worktree's agent is at, and why: `THINK 18s on schedule; 1 proposal waits`; empty where nobody
    thinks. Of the search agent nothing is told: it answers at once.
    """
    worktree = scene.state.worktrees.get(row.worktree)
    if worktree is None or worktree.agent == "search" or not row.agent_state or not scene.live.engine_alive:
        return ""
    barred = scene.state.barred.get(worktree.agent)
    if barred:
        return f"LIMIT {barred.word}: {barred.reason}; the search agent stands in"
    if row.agent_until is not None:
        words = f"{row.agent_state} back {fmt.clock(row.agent_until)}"
    else:
        words = f"{row.agent_state} {fmt.age(scene.now - (row.agent_since or scene.now))}"
    words += f": {row.agent_text}" if row.agent_text else f" on {row.direction}" if row.direction else ""
    if not row.prepared:
        return words
    return f"{words}; {fmt.count(row.prepared, 'proposal')} {'waits' if row.prepared == 1 else 'wait'}"


def figures(row: WorktreeRow, scene: Scene) -> tuple[str, str]:
    """Return (label, text): the size of the change and how far its training is, or the experiment's outcome."""
    experiment = scene.state.experiments.get(row.experiment) if row.experiment is not None else None
    if row.run is None and experiment is None:
        experiment = last_decided(row, scene)
    parts = []
    if experiment:
        files = " ".join(experiment.files)
        parts.append(f"{fmt.change(experiment.added, experiment.removed)} {files}")
    point = scene.live.points.get(row.run) if row.run is not None else None
    if point and point.loss is not None:
        at = f"at {fmt.share(point.progress)}: " if point.progress is not None else ""
        speed = f", {point.tokens_per_s:,.0f} tok/s" if point.tokens_per_s else ""
        parts.append(f"{at}loss {point.loss:.4f}{speed}")
    elif experiment and experiment.outcome:
        scored = experiment.score is not None
        value = f" {fmt.score(experiment.score)}, gain {fmt.gain(experiment.gain)}" if scored else ""
        value += f": {experiment.reason}" if experiment.reason and not scored else ""
        parts.append(f"{experiment.outcome}{value}")
    return ("diff", "     ".join(parts)) if experiment else ("run" if parts else "", "".join(parts))


def last_decided(row: WorktreeRow, scene: Scene) -> Experiment | None:
    """Return the worktree's newest experiment that has an outcome."""
    return next((each for each in scene.state.newest if each.worktree == row.worktree and each.outcome), None)


def labelled(label: str, text: str) -> Line:
    """Return a text behind its label."""
    return ((f" {label:<6} ", "grey"), (text, "text"))
