"""The training project as its tests run it: a small checkout, its stages as processes, and what they left."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NANOCHAT = Path(__file__).resolve().parents[2] / "nanochat"

# Small enough that starting torch is most of a run; two layers, so that the optimizer meets every kind of parameter.
SMALL = {
    "DEPTH": 2,
    "SEQUENCE": 32,
    "BATCH": 512,
    "MICRO_BATCH": 256,
    "VALUE_EMBEDDING_EVERY": 2,
    "X0_RESIDUAL": True,
    "WINDOWS": "SL",
    "MLP_RATIO": 2,
}
BUDGET = "4 GFLOP"


@dataclasses.dataclass(frozen=True)
class Result:
    """What a stage left: its exit code, what it said, and the folder of the run."""

    code: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def first_error(self) -> str:
        """The line that a shim would show."""
        return self.stderr.partition("\n")[0]

    def json(self, name: str) -> dict[str, Any]:
        """Read one of the run's files."""
        value: dict[str, Any] = json.loads((self.folder / name).read_text())
        return value


@dataclasses.dataclass(frozen=True)
class Story:
    """A run from its training to its score."""

    checkout: Path
    trained: Result
    scored: Result


def environment(**changes: str) -> dict[str, str]:
    """Return this environment without the lab's variables, with one thread for torch, and with these changes."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLAB_", "NANOCHAT_"))}
    return {**clean, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def call(script: str, checkout: Path, folder: Path, **changes: str) -> Result:
    """Run one script of the project to its end."""
    done = subprocess.run(
        [sys.executable, "-P", script],
        cwd=checkout,
        env=environment(**changes),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout, done.stderr, folder)


def write_story(folder: Path, documents: int = 400) -> Path:
    """Write a text of made-up sentences that is the same everywhere."""
    dice = random.Random(5)
    words = [f"{a}{b}{c}" for a in ("ba", "lo", "mi", "tsu") for b in ("", "ra", "ne", "kö") for c in ("", "n", "st")]
    lines = [" ".join(dice.choices(words, k=dice.randint(20, 160))) + "." for _ in range(documents)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "story.txt").write_text("\n".join(lines))
    return folder


def make_checkout(folder: Path, *edits: tuple[str, str]) -> Path:
    """Copy the project with small constants; pairs of old and new text edit its train.py."""
    from configure import with_constants

    shutil.copytree(NANOCHAT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    source = with_constants((folder / "train.py").read_text(), SMALL)
    for old, new in edits:
        assert source.count(old) >= 1, old
        source = source.replace(old, new)
    (folder / "train.py").write_text(source)
    return folder


def run_environment(corpus: Path, folder: Path, **changes: str) -> dict[str, str]:
    """Return the variables with which the lab starts the stages of a run."""
    return {
        "NIGHTLAB_DATA": str(corpus / "train"),
        "NIGHTLAB_VALIDATION": str(corpus / "validation"),
        "NIGHTLAB_OUT": str(folder / "out"),
        "NIGHTLAB_SCORE": str(folder / "score.json"),
        "NIGHTLAB_SEED": "1",
        "NIGHTLAB_BUDGET": BUDGET,
        "NIGHTLAB_SCALE": "1",
        "NIGHTLAB_DEVICE": "cpu",
        **changes,
    }


def tell(corpus: Path, checkout: Path, folder: Path) -> Story:
    """Train a checkout and score it."""
    folder.mkdir()
    names = run_environment(corpus, folder)
    trained = call("referee.py", checkout, folder, **names)
    return Story(checkout, trained, call("evaluate.py", checkout, folder, **names))
