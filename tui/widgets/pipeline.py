"""What does the queue run now, and what comes next?"""

from __future__ import annotations

from agentcore import format as fmt
from agentcore.queue.stacks import named
from agentcore.queue.upcoming import Job, Upcoming, about
from agentcore.state import LabState
from tui.lines import BLANK, Line, clip, fit
from tui.theme import Theme
from tui.widgets.pane import Pane
from tui.widgets.queue import gate_sentences

WAY = (
    "candidate ─▸ rebase on trunk ─▸ confirm: fresh seeds on that tree ─▸ gate ─▸ READY ─▸ m, y ─▸ trunk ─▸ retest ─▸ "
    "PROVEN, FADED or REVERTED"
)
"""The way of a candidate."""

STAYS = "Nothing here deletes a branch: what leaves the queue stays in results (4)."


class PipelinePane(Pane):
    """The way of a candidate, the jobs in their order, and the gate."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="pipeline")
        self.state = LabState()
        self.upcoming = Upcoming((), ())

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "pipeline", "in the order of the plan; any free slot takes the next run"

    def body(self, width: int, height: int) -> list[Line]:
        """Return as many jobs as fit between the way and the gate."""
        now, coming = self.upcoming.now, self.upcoming.next
        running = [_line(self.state, "now", job, width) for job in now]
        waiting = [_line(self.state, str(place), job, width) for place, job in enumerate(coming, 1)]
        room = max(0, height - 3)
        running = _first_of(running, max(room - len(waiting), room // 2))
        lines = [*running, *_first_of(waiting, room - len(running))]
        empty: Line = (("   nothing: the queue waits for a kept experiment", "grey"),)
        gate = "   ".join(gate_sentences(self.state))
        lines = [((f" {clip(WAY, width - 2)}", "text"),), BLANK, *(lines or [empty])]
        lines += [BLANK] * (height - len(lines) - 1)
        if len(gate) + len(STAYS) + 4 < width:
            gate += f"   {STAYS}"
        return [*lines[: height - 1], ((f" {clip(gate, width - 2)}", "grey"),)]


def _first_of(lines: list[Line], room: int) -> list[Line]:
    """Return the lines, or as many as fit and how many those are not."""
    if len(lines) <= room:
        return lines
    kept = max(0, room - 1)
    return [*lines[:kept], ((f"   {len(lines) - kept} more", "grey"),)][:room]


def _line(state: LabState, place: str, job: Job, width: int) -> Line:
    time = fmt.duration(job.takes_s) if job.takes_s is not None else ""
    where = f"{fmt.share(job.progress)} on {job.slot}" if job.progress is not None else f"on {job.slot}"
    left = f"{where}   {time} left" if job.slot and time else where if job.slot else time
    role = "run" if job.slot else "grey"
    return (
        (f"   {place:<4} ", role),
        (f"{job.kind:<9} ", role),
        (fit(about(state, job), max(20, width // 2 - 10)), "text"),
        (f"  {left:<26}", "text"),
        (job.why, "grey"),
    )


def brief(found: Upcoming) -> str:
    """Return what runs and what comes next in a few words; empty where nothing does."""
    parts = [
        f"{word}: {_short(job)}" for word, job in (("now", _first(found.now)), ("next", _first(found.next))) if job
    ]
    return "  ".join(parts)


def _first(jobs: tuple[Job, ...]) -> Job | None:
    return jobs[0] if jobs else None


def _short(job: Job) -> str:
    what = named(job.experiments) or "trunk"
    why = f" {job.why}" if job.kind == "retest" and not job.seeds else ""
    return f"{job.kind} {what}{why}"
