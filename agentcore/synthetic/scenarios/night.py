"""What has happened before a scenario begins? One night of 83 experiments, the same for all of them.

Seven worktrees try ideas in rounds, the eighth GPU tries trunk at the larger size. Most ideas are drawn and do not
help; those of `WINNERS` do. `queue` leaves five of them open.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentcore import events as ev
from agentcore.synthetic.scenarios import study
from agentcore.synthetic.scenarios.script import Ending, Script
from agentcore.synthetic.scenarios.study import Idea

SPAN_S = 4.5 * 3600
"""How long before its end the night begins."""

CRASHED: Ending = ("crash", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.53 GiB at step 12")
DIVERGED: Ending = ("nan", "loss NaN at step 214")

WINNERS = {
    3: Idea("TOTAL_BATCH", "2**18", "halve the batch: twice the steps"),
    9: Idea("WARMUP_RATIO", "0.05", "5% warmup"),
    16: Idea("DEPTH", "9", "depth 9: there is room for a layer"),
    38: Idea("WINDOW_PATTERN", '"SSSSL"', "window 1/4"),
    41: Idea("X0_LAMBDA", "0.05", "x0 lambda 0.05"),
    43: Idea("EMBEDDING_LR", "0.8", "embed LR 0.8"),
    67: Idea("ROPE_BASE", "200_000", "rope 200k"),
}
OPEN = {
    61: Idea("FINAL_LR_FRAC", "0.05", "final LR 5%"),
    64: Idea("MUON_RAMP", "250", "muon ramp 250"),
    65: Idea("QK_NORM_EPS", "1e-5", "qk-norm eps"),
    66: Idea("MUON_RAMP", "200", "muon ramp 200"),
    68: Idea("WARMDOWN_RATIO", "0.6", "warmdown 60%"),
    74: Idea("UNEMBEDDING_LR", "1.0", "unembed LR 1.0"),
}
"""The same, where the queue is to be full."""

ENDINGS = {12: CRASHED, 27: DIVERGED, 33: CRASHED, 52: DIVERGED, 69: CRASHED, 77: CRASHED, 80: CRASHED, 83: DIVERGED}

_USUAL = ("wt0", "wt1", "wt2", "wt3", "wt4", "wt5", "wt6")
ORDER = {
    5: ("wt0", "wt1", "wt2", "wt4", "wt5", "wt3", "wt6"),
    6: ("wt1", "wt0", "wt2", "wt3", "wt4", "wt5", "wt6"),
    8: ("wt0", "wt1", "wt3", "wt4", "wt2", "wt5", "wt6"),
    9: ("wt4", "wt1", "wt3", "wt0", "wt2", "wt5", "wt6"),
    10: ("wt0", "wt1", "wt2", "wt6", "wt3", "wt4", "wt5"),
    11: ("wt3", "wt0", "wt5", "wt1", "wt2", "wt6"),
}
"""Who proposes in which order, where it is not the usual one, by round."""


def night(script: Script, seed: int, *, queue: bool) -> None:
    """Tell the night; `queue`: with five candidates of every kind left in the queue."""
    ideas = dull(seed)
    winners = WINNERS | (OPEN if queue else {})
    script.calibrate()
    for place in range(12):
        first = len(script.state.experiments) + 1
        names = ORDER.get(place, _USUAL)
        numbers = dict(zip(names, range(first, first + len(names)), strict=True))
        script.round(
            {name: winners.get(number) or next(ideas) for name, number in numbers.items()},
            {name: ENDINGS[number] for name, number in numbers.items() if number in ENDINGS},
        )
        for number in (3, 9, 16, 38, 43):
            if number in numbers.values():
                script.confirm_and_merge(number)
        if place == 5:  # so that only the wide window is in the next retest, and fades
            script.finish()
        if place in (2, 5, 7):
            script.beside(script.retest())
        if place == 5:
            script.confirm_and_merge(41)
    script.finish()
    if queue:
        script.confirm(61)
        script.confirm_and_merge(66)
        script.rebase(64)
        script.confirm(68)
        script.block(74)
    script.confirm(67)
    script.tell(ev.WorktreePaused("wt5", f"3 failures in a row, the last: {CRASHED[1]}", "engine"))


def dull(seed: int) -> Iterator[Idea]:
    """Yield ideas that do not help, each once."""
    seen: set[tuple[str, str]] = set()
    for idea in study.ideas(f"night {seed}"):
        if study.true_gain(idea.written(study.TRAIN)) < -0.4 and (idea.name, idea.value) not in seen:
            seen.add((idea.name, idea.value))
            yield idea
