"""Is what the lab claims true? The real engine and merge queue over ideas whose effects are known.

    .venv/bin/python -m tests.bench.queue [--quick]

The last line is one JSON object, means or totals over all seeds (five labs of 2,000 experiments on 8 slots, gate mode,
strict profile; --quick: two of 400; --help names what else can be chosen). Gains are in σ, the spread of runs of one
tree:

    true_gain                 of trunk over the first trunk, per lab
    claimed_over_true         sum of the verdicts' gains over the true gain; aim 0.9 to 1.1
    expected_over_true        the same for the shrunk gains that the lab adds up for its researcher
    hours                     of virtual time that a lab took, with runs of 300 s
    promoted                  promotions per lab
    stacked                   of them, those that landed in a stack
    false_share               promotions that made trunk no better; aim at most 0.03
    keep_if_lower_*           a loop per slot that keeps what scored lower than its recorded best, as many runs: the
                              branch that looks best, and the share of all that was kept
    keep_if_lower_shared_*    the same loop on one trunk for all slots
    null_promoted_share       promotions per screened idea in a world where every idea does exactly nothing; aim 0.02
    seconds                   the whole took
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from agentcore.synthetic import lower, night, project
from agentcore.synthetic.truth import Ledger, ledger
from agentcore.synthetic.world import World

MEMORY = Path("/dev/shm")
"""Labs live there where it exists: what is measured is not the disk."""


@dataclass(frozen=True)
class Size:
    """How large a lab is that works through the ideas."""

    experiments: int
    slots: int
    stack_max: int | None
    """Candidates that are confirmed together; None as the number of slots says."""


def work(world: World, size: Size) -> Ledger:
    """Let one lab work through its ideas."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        paths = project.make(Path(folder) / "lab", world, size.stack_max)
        state = asyncio.run(night.work(paths, world, experiments=size.experiments, slot_count=size.slots))
    found = ledger(state, world)
    print(json.dumps({"seed": world.seed, "helps": world.helps, **vars(found)}), flush=True)
    return found


def measure(worlds: list[World], size: Size) -> dict[str, float]:
    """Run a lab, the loops and a null lab in each world; return the figures."""
    labs = [work(world, size) for world in worlds]
    own = [lower.own_branches(world, lab.runs, size.slots) for world, lab in zip(worlds, labs, strict=True)]
    shared = [lower.shared_trunk(world, lab.runs, size.slots) for world, lab in zip(worlds, labs, strict=True)]
    null = [work(replace(world, helps=0.0, harm_sigma=0.0), size) for world in worlds]
    true = sum(lab.true_gain for lab in labs)
    return {
        "true_gain": true / len(labs),
        "claimed_over_true": sum(lab.claimed for lab in labs) / true,
        "expected_over_true": sum(lab.expected for lab in labs) / true,
        "hours": fmean(lab.hours for lab in labs),
        "promoted": fmean(lab.promoted for lab in labs),
        "stacked": fmean(lab.stacked for lab in labs),
        "false_share": sum(lab.false for lab in labs) / max(1, sum(lab.promoted for lab in labs)),
        "keep_if_lower_true_gain": fmean(each.true_gain for each in own),
        "keep_if_lower_false_share": sum(each.false for each in own) / max(1, sum(each.kept for each in own)),
        "keep_if_lower_shared_true_gain": fmean(each.true_gain for each in shared),
        "keep_if_lower_shared_false_share": sum(each.false for each in shared) / sum(each.kept for each in shared),
        "null_promoted_share": sum(lab.promoted for lab in null) / sum(lab.screened for lab in null),
        "null_claimed": fmean(lab.claimed for lab in null),
        "runs": fmean(lab.runs for lab in labs),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two labs of 400 experiments")
    parser.add_argument("--interacts", type=float, default=0.0, help="share of pairs of ideas that do not add up")
    parser.add_argument("--rho", type=float, default=0.0, help="correlation of runs with the same seed")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--stack-max", type=int, help="candidates confirmed together; 1 under 16 slots, else 4")
    parser.add_argument("--helps", type=float, default=World.helps, help="share of ideas that help")
    parser.add_argument("--help-sigma", type=float, default=World.help_sigma, help="what those gain on average, in σ")
    given = parser.parse_args()
    count, experiments = (2, 400) if given.quick else (5, 2000)
    size = Size(experiments, given.slots, given.stack_max)
    first = World(interacts=given.interacts, rho=given.rho, helps=given.helps, help_sigma=given.help_sigma)
    worlds = [replace(first, seed=seed) for seed in range(1, count + 1)]
    begin = time.monotonic()
    figures = {**measure(worlds, size), "seconds": time.monotonic() - begin}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
