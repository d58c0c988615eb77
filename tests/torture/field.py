"""Which project is tortured? One whose score is a known formula, so that a wrong number in the journal shows.

Sixty knobs, each with a best value. A training takes a fifth of a second and leaves a daemon
behind now and then; an agent is a program that turns a knob, and sometimes does what agents do: nothing, a foreign
file, its own `.git`, a crash, a process that it never ends.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worktrees import repository
from worktrees.layout import LabPaths

KNOBS = 60

TRAIN = '''\
"""Pretend to train: leave the knobs for the evaluation."""

import json
import os
import sys
import time
from pathlib import Path

{knobs}

BEHAVIOUR = "train"


def daemon():
    """Leave a process that nobody waits for, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(600)
        os._exit(0)


out, seed = Path(os.environ["NIGHTLAB_OUT"]), int(os.environ["NIGHTLAB_SEED"])
if seed % 3 == 0:
    daemon()
if BEHAVIOUR == "crash":
    raise RuntimeError("shapes do not fit")
if BEHAVIOUR == "nan":
    sys.exit(3)
with (out / "metrics.jsonl").open("w") as metrics:
    for step in range(1, 5):
        point = dict(step=step, progress=step / 4, loss=2.0 / step, tokens=1000 * step, tokens_per_s=9.0, elapsed_s=0.1)
        print(json.dumps(point), file=metrics, flush=True)
        time.sleep(0.02 * (1 + seed % 4))
knobs = {{name: value for name, value in globals().items() if name.startswith("K")}}
(out / "model.json").write_text(json.dumps(knobs))
'''

FORMULA = '''\
import random


def score(knobs, seed, scale):
    """Sixty per cent of the knobs matter; at the larger size a fifth of those do the opposite. Each seed adds noise."""
    total = 1.0
    for name, value in sorted(knobs.items()):
        chance = random.Random(name)
        effect = 0.01 * (chance.random() < 0.6) * (-1 if scale > 1 and chance.random() < 0.2 else 1)
        total += effect * abs(value - random.Random(name + "best").randrange(10))
    return total + random.Random(f"{seed} {scale} {sorted(knobs.items())}").gauss(0, 0.003)
'''

EVALUATE = f'''\
"""Score what train.py left."""

import json
import os
from pathlib import Path

{FORMULA}

knobs = json.loads((Path(os.environ["NIGHTLAB_OUT"]) / "model.json").read_text())
number = score(knobs, int(os.environ["NIGHTLAB_SEED"]), int(os.environ["NIGHTLAB_SCALE"]))
Path(os.environ["NIGHTLAB_SCORE"]).write_text(json.dumps({{"score": number}}))
'''

AGENT = '''\
"""An agent: it turns a knob of train.py, or does what agents sometimes do."""

import os
import random
import re
import shutil
import sys
import time
from pathlib import Path

file = Path("train.py")
chance = random.Random(f"{SEED} {os.getcwd()} {Path(sys.argv[1]).read_text()}")
mood = random.random()  # not of the seed: whoever is asked again after a kill need not do the same again
time.sleep(0.05 + 0.2 * chance.random())
if mood < 0.02:
    Path("notes.txt").write_text("a foreign file")
elif mood < 0.03:
    shutil.rmtree(".git", ignore_errors=True)
    Path(".git").unlink(missing_ok=True)
elif mood < 0.04:
    sys.exit("the model did not answer")
elif mood < 0.05:
    print("Hypothesis: nothing changes")
    sys.exit()
if mood > 0.9 and os.fork() == 0:  # a server that it forgot
    os.setsid()
    time.sleep(600)
    os._exit(0)
knob, source = f"K{chance.randrange(KNOBS):02}", file.read_text()
value = chance.randrange(10)
source = re.sub(rf"^{knob} = .*$", f"{knob} = {value}", source, flags=re.MULTILINE)
behaviour = chance.choice(["crash", "nan"]) if 0.05 < mood < 0.08 else "train"  # which mends what it is shown as well
source = re.sub('^BEHAVIOUR = .*$', f'BEHAVIOUR = "{behaviour}"', source, flags=re.MULTILINE)
file.write_text(source)
print(f"Hypothesis: {knob} = {value}")
'''

LAB = """\
[project]
name = "torture"
edit = ["train.py"]
frozen = ["evaluate.py"]

[commands]
train = ["{{python}}", "-S", "-P", "train.py"]
evaluate = ["{{python}}", "-S", "-P", "evaluate.py"]

[metric]
name = "val_bpb"

[profile.cpu]
budget = "1 GFLOP"
train_wall_s = 10
evaluate_wall_s = 10

[gate]
mode = "gate"
calibration_runs = 3

[retest]
budget = "2 GFLOP"
every = 4
speed = false

[agents]
backend = "command"

[agents.command]
argv = ["{python}", "-S", "-P", "idea.py", "{{brief_file}}"]
network = false

[slots]
count = 2

[limits]
crashes_in_a_row = 1000000
seconds = 10
hours = 0
experiments = 0
gpu_hours = 0
failures = 0
no_gain = 0
"""
"""What dies here is killed by us, so that no count of failures may end the lab."""


def make(root: Path, seed: int) -> LabPaths:
    """Make the lab's repository at `root`, committed."""
    root.mkdir(parents=True)
    knobs = "\n\n".join(f"# Knob {number}.\nK{number:02} = 5\n# End of it." for number in range(KNOBS))
    (root / "train.py").write_text(TRAIN.format(knobs=knobs))
    (root / "evaluate.py").write_text(EVALUATE)
    (root / "idea.py").write_text(AGENT.replace("SEED", str(seed)).replace("KNOBS", str(KNOBS)))
    (root / "lab.toml").write_text(LAB.format(python=sys.executable))
    (root / "program.md").write_text("Lower val_bpb.\n")
    (root / ".gitignore").write_text(".lab/\n__pycache__/\n")
    repository.initialise(root, "Start")
    return LabPaths(root)


def truth(source: str, seed: int, scale: int) -> float:
    """Return the score of a train.py with a seed at a size, to the last bit."""
    knobs = {name: int(value) for name, value in re.findall(r"^(K\d\d) = (\d)$", source, re.MULTILINE)}
    return _score(knobs, seed, scale)


def _formula() -> Callable[[dict[str, int], int, int], float]:
    scope: dict[str, Any] = {}
    exec(FORMULA, scope)
    return scope["score"]  # type: ignore[no-any-return]


_score = _formula()
