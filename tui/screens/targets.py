"""Which candidate does `m` mean here?"""

from __future__ import annotations

from agentcore.overview import QueueRow
from tui.bindings import Target
from tui.follow import Scene


def target_of_row(scene: Scene, worktree: str) -> Target | None:
    """Return the selected worktree's best READY candidate, else the best of all, else one that says why it is not."""
    queue = scene.overview.queue
    own = [row for row in queue if row.worktree == worktree]
    ready = [row for row in queue if row.state == "READY"]
    ready.sort(key=lambda row: (row.worktree != worktree, -(row.gain or 0.0)))
    chosen = next(iter((*ready, *own, *queue)), None)
    return None if chosen is None else of_row(chosen)


def own_target(scene: Scene, worktree: str) -> Target | None:
    """Return a worktree's own candidate, a READY one where there is, and never that of another."""
    own = [row for row in scene.overview.queue if row.worktree == worktree]
    own.sort(key=lambda row: (row.state != "READY", -(row.gain or 0.0)))
    return of_row(own[0]) if own else None


def of_row(row: QueueRow) -> Target:
    """Return an open candidate as a target."""
    return Target(row.experiment, row.worktree, row.state, row.reason, row.seeds_done, row.seeds)


def target_of(scene: Scene, experiment: int) -> Target | None:
    """Return the candidate of `experiment`, open or not; None where it is no candidate."""
    for row in scene.overview.queue:
        if row.experiment == experiment:
            return of_row(row)
    candidate = scene.state.candidates.get(experiment)
    if candidate is None:
        return None
    return Target(experiment, scene.state.experiments[experiment].worktree, candidate.state, candidate.reason)


def as_target(scene: Scene, experiment: int) -> Target:
    """Return an experiment as a target, even one that says only that it is none."""
    worktree = scene.state.experiments[experiment].worktree
    return target_of(scene, experiment) or Target(experiment, worktree, "not in the queue")
