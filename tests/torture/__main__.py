"""Does a lab lose nothing, whatever dies? A seeded night of kills and faults over a real lab, and the proof.

    .venv/bin/python -m tests.torture [--faults 1000] [--experiments 500] [--seed 1]
    .venv/bin/python -m tests.torture --real [--faults 50] [--experiments 20]

The last line is one JSON object:

    faults, experiments                  that happened, and that have an outcome
    lost, double, orphans                experiments without one or told twice; runs that count twice; processes left
    unmeasured_trunks                    commits on trunk whose tree had not run as its trailers say
    other                                what else does not hold, in words: journal, git, worktrees, files, scores
    restart_to_view_s                    from `nightlab` on a lab without an engine to the painted screen of one that
                                         answers: p50, p95, max, and of how many
    restart_s                            the same of an engine alone
    runs, merges                         by their endings; candidates that trunk got
    caught_writing                       kills at the instant of a write
    kinds                                faults by kind

It exits with 1 where anything does not hold. `--real` trains nanochat's miniature instead of a formula (`miniature`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.torture import beings, field, miniature
from tests.torture.evidence import Truth, gather
from tests.torture.faults import KINDS
from tests.torture.invariants import Violation, check
from tests.torture.night import Night, Stuck, nightlab
from tests.torture.schedule import Fault, drawn
from worktrees.layout import LabPaths

RESTS = 10
"""How often in a night the lab is stopped, and everything is looked at."""
HEADWAY = 12
"""Faults, of a long night, that may come before the lab has decided what it should have by then: it must go on."""
END_S = 1800.0
"""What a lab may take to work off what it has announced."""


@dataclass(frozen=True)
class Scale:
    """One of the two labs that can be tortured, and how."""

    make: Callable[[Path, int], LabPaths]
    """Makes it, from a seed."""
    truth: Truth | None
    faults: int
    experiments: int
    pace_s: float
    """Between two faults, on average."""
    stuck_s: float
    """A lab with no new outcome and no new score for so long, though nothing is done to it, does not go on."""
    without: tuple[str, ...] = ()
    """Kinds of faults that it cannot have."""


SYNTHETIC = Scale(field.make, field.truth, faults=1000, experiments=500, pace_s=0.3, stuck_s=120.0)
MINIATURE = Scale(miniature.make, None, faults=50, experiments=20, pace_s=4.0, stuck_s=600.0, without=miniature.WITHOUT)


def endure(night: Night, faults: Sequence[Fault], experiments: int, truth: Truth | None) -> list[Violation]:
    """Let all of it happen, and return what does not hold: at each rest, and in the end."""
    found: dict[Violation, None] = {}
    rest_every, headway = max(len(faults) // RESTS, 10), min(HEADWAY, len(faults) // 4)
    try:
        night.start("view")
        for fault in faults:
            night.go_on((fault.number - headway) * experiments // len(faults), fault.how)
            time.sleep(fault.after_s)
            KINDS[fault.kind][1](night, fault.chance)
            print(f"{time.strftime('%H:%M:%S')} {fault.number:4} #{night.decided():<4} {fault.kind}", file=sys.stderr)
            night.start(fault.how)
            if fault.number % rest_every == 0:
                found |= dict.fromkeys(rest(night, truth))
                night.start(fault.how)
        night.go_on(experiments, "start")
        night.stop()
        work_off(night)
    except (Stuck, AssertionError) as error:
        found[Violation("stuck", str(error))] = None
        beings.kill_all(night.root)
        return list(found)
    return [*found, *check(gather(night.paths, truth), is_over=True)]


def rest(night: Night, truth: Truth | None) -> list[Violation]:
    """Stop the lab and look at it."""
    night.stop()
    found = check(gather(night.paths, truth), is_over=False)
    for each in found:
        print(f"         {each.kind}: {each.text}", file=sys.stderr)
    return found


def work_off(night: Night) -> None:
    """Let the lab do in peace what it has announced, and nothing new. Raises Stuck."""
    announced = str(len(night.state().experiments))
    done = nightlab(night.paths, "run", "--experiments", announced, patience_s=END_S)
    if done.returncode:
        raise Stuck(f"nightlab run: {done.stderr.strip()[-300:]}")
    night.wait(lambda: not beings.alive(night.root), 5.0)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return the middle, the 95th percentile and the largest of some times."""
    if not seconds:
        return {"of": 0}
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    middle, largest = round(statistics.median(ordered), 3), round(ordered[-1], 3)
    return {"p50": middle, "p95": round(p95, 3), "max": largest, "of": len(ordered)}


def figures(night: Night, faults: Sequence[Fault], found: Sequence[Violation], began: float) -> dict[str, Any]:
    """Return what is printed."""
    kinds, state = Counter(each.kind for each in found), night.last_state
    counted = ("lost", "double", "orphan", "unmeasured_trunk")
    return {
        "faults": len(faults),
        "experiments": state.counts.decided,
        "lost": kinds["lost"],
        "double": kinds["double"],
        "orphans": kinds["orphan"],
        "unmeasured_trunks": kinds["unmeasured_trunk"],
        "other": [f"{each.kind}: {each.text}" for each in found if each.kind not in counted],
        "restart_to_view_s": spread(night.view_s),
        "restart_s": spread(night.start_s),
        "runs": dict(Counter(str(run.ending) for run in state.runs.values()).most_common()),
        "merges": len(state.merges),
        "caught_writing": night.caught,
        "wall_s": round(time.monotonic() - began, 1),
        "kinds": dict(Counter(each.kind for each in faults).most_common()),
    }


def settle(folder: Path) -> None:
    """Give all that runs from here on a home and a place for temporary files of its own: what it leaves there shows."""
    beings.adopt()
    for name, variable in (("home", "HOME"), ("tmp", "TMPDIR")):
        (folder / name).mkdir()
        os.environ[variable] = str(folder / name)
    for name in [each for each in os.environ if each.startswith(("ANTHROPIC_", "NIGHTLAB_", "XDG_"))]:
        del os.environ[name]
    tempfile.tempdir = None


def main() -> int:
    """Do it, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, help="default: 1000, with --real 50")
    parser.add_argument("--experiments", type=int, help="at least so many; default: 500, with --real 20")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and of the ideas")
    parser.add_argument("--real", action="store_true", help="train nanochat's miniature")
    parser.add_argument("--only", default="", metavar="WORD", help="only kinds of faults with this word in their name")
    parser.add_argument("--keep", action="store_true", help="leave the lab's folder, and say where it is")
    options = parser.parse_args()
    began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="nightlab-torture-"))
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    settle(folder)
    scale = MINIATURE if options.real else SYNTHETIC
    possible = [kind for kind in KINDS if kind not in scale.without and options.only in kind]
    weights = {kind: KINDS[kind][0] for kind in possible}
    faults = drawn(options.seed, options.faults or scale.faults, weights, scale.pace_s)
    night = Night(scale.make(folder / "lab", options.seed), scale.stuck_s)
    found = endure(night, faults, options.experiments or scale.experiments, scale.truth)
    for each in found:
        print(f"{each.kind}: {each.text}", file=sys.stderr)
    if options.keep or found:
        print(f"the lab lies in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    print(json.dumps(figures(night, faults, found, began)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
