"""Is what the lab claims true? The real engine and merge queue over ideas whose effects are known.

    .venv/bin/python -m tests.bench.queue [--quick]

The last line is one JSON object, means or totals over all seeds (five labs of 2,000 experiments on 8 slots, gate mode,
strict profile; --quick: two of 400). Gains are in σ, the spread of runs of one tree:

    true_gain                 of trunk over the first trunk, per lab
    claimed_over_true         sum of the verdicts' gains over the true gain; aim 0.9 to 1.1
    expected_over_true        the same for the shrunk gains that the lab adds up for its researcher
    promoted                  promotions per lab
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
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from agentcore.synthetic import lower, night, project
from agentcore.synthetic.truth import Ledger, ledger
from agentcore.synthetic.world import World

SLOTS = 8
MEMORY = Path("/dev/shm")
"""Labs live there where it exists: what is measured is not the disk."""


def work(world: World, experiments: int) -> Ledger:
    """Let one lab work through that many ideas."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        paths = project.make(Path(folder) / "lab", world)
        state = asyncio.run(night.work(paths, world, experiments=experiments, slot_count=SLOTS))
    found = ledger(state, world)
    print(json.dumps({"seed": world.seed, "helps": world.helps, **vars(found)}), flush=True)
    return found


def measure(worlds: list[World], experiments: int) -> dict[str, float]:
    """Run a lab, the loops and a null lab in each world; return the figures."""
    labs = [work(world, experiments) for world in worlds]
    own = [lower.own_branches(world, lab.runs, SLOTS) for world, lab in zip(worlds, labs, strict=True)]
    shared = [lower.shared_trunk(world, lab.runs, SLOTS) for world, lab in zip(worlds, labs, strict=True)]
    null = [work(replace(world, helps=0.0, harm_sigma=0.0), experiments) for world in worlds]
    true = sum(lab.true_gain for lab in labs)
    return {
        "true_gain": true / len(labs),
        "claimed_over_true": sum(lab.claimed for lab in labs) / true,
        "expected_over_true": sum(lab.expected for lab in labs) / true,
        "promoted": fmean(lab.promoted for lab in labs),
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
    given = parser.parse_args()
    count, experiments = (2, 400) if given.quick else (5, 2000)
    worlds = [World(seed=seed, interacts=given.interacts, rho=given.rho) for seed in range(1, count + 1)]
    begin = time.monotonic()
    figures = {**measure(worlds, experiments), "seconds": time.monotonic() - begin}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
