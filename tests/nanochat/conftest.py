"""A small corpus, a small model and one honest training, shared by the tests of the training project."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NANOCHAT = Path(__file__).resolve().parents[2] / "nanochat"
sys.path.append(str(NANOCHAT))  # as the scripts of the project do: at the end, so that nothing is shadowed

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


def environment(**changes: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLAB_", "NANOCHAT_"))}
    return {**clean, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def call(script: str, checkout: Path, folder: Path, **changes: str) -> Result:
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


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small corpus, prepared by the real script."""
    root = tmp_path_factory.mktemp("corpus")
    story = write_story(root / "story")
    done = call(
        "prepare.py",
        NANOCHAT,
        root,
        NIGHTLAB_DATA_ROOT=str(root / "data"),
        NANOCHAT_CORPUS=str(story),
        NANOCHAT_VOCABULARY="300",
        NANOCHAT_LENGTH="32",
    )
    assert done.code == 0, done.stderr
    return root / "data"


@pytest.fixture
def stage() -> Callable[..., Result]:
    """Run one script of the project as a process of its own."""
    return call


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A folder with a made-up text."""
    return write_story(tmp_path / "story")


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[..., Path]:
    """Make a checkout of the project with small constants; pairs of old and new text edit its train.py."""
    return lambda *edits: make_checkout(tmp_path / "checkout", *edits)


def make_checkout(folder: Path, *edits: tuple[str, str]) -> Path:
    from configure import with_constants

    shutil.copytree(NANOCHAT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    source = with_constants((folder / "train.py").read_text(), SMALL)
    for old, new in edits:
        assert source.count(old) >= 1, old
        source = source.replace(old, new)
    (folder / "train.py").write_text(source)
    return folder


def run_environment(corpus: Path, folder: Path, **changes: str) -> dict[str, str]:
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


@pytest.fixture
def train(corpus: Path, tmp_path: Path) -> Callable[..., Result]:
    """Train a checkout with the real referee."""

    def start(where: Path, script: str = "referee.py", folder: Path = tmp_path / "run", **changes: str) -> Result:
        folder.mkdir(exist_ok=True)
        return call(script, where, folder, **run_environment(corpus, folder, **changes))

    return start


@pytest.fixture
def evaluate(corpus: Path, tmp_path: Path) -> Callable[..., Result]:
    """Score the run of a checkout with the real evaluator."""

    def start(where: Path, folder: Path = tmp_path / "run", **changes: str) -> Result:
        return call("evaluate.py", where, folder, **run_environment(corpus, folder, **changes))

    return start


@pytest.fixture(scope="session")
def honest(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result, Result]:
    """One honest run: its checkout, its training and its evaluation."""
    root = tmp_path_factory.mktemp("honest")
    where = make_checkout(root / "checkout")
    folder = root / "run"
    folder.mkdir()
    names = run_environment(corpus, folder)
    trained = call("referee.py", where, folder, **names)
    assert trained.code == 0, trained.stderr
    return where, trained, call("evaluate.py", where, folder, **names)


@pytest.fixture
def trained(honest: tuple[Path, Result, Result], tmp_path: Path) -> Path:
    """A copy of the honest run, not yet scored: for evaluating it with another train.py."""
    shutil.copytree(honest[1].folder, tmp_path / "run", ignore=shutil.ignore_patterns("score.json"))
    return tmp_path / "run"
