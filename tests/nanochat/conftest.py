"""A small corpus and one honest run, shared by the tests of the training project; its stages, to be run by a test."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.nanochat.runs import NANOCHAT, Result, Story, call, make_checkout, run_environment, tell, write_story

sys.path.append(str(NANOCHAT))  # as the scripts of the project do: at the end, so that nothing is shadowed


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first of the test processes that ask for it makes; the others wait, and only read it."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # that of all workers of this run
    folder, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed at it
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small corpus, prepared by the real script."""

    def prepare(root: Path) -> None:
        done = call(
            "prepare.py",
            NANOCHAT,
            root,
            NIGHTLAB_DATA_ROOT=str(root / "data"),
            NANOCHAT_CORPUS=str(write_story(root / "story")),
            NANOCHAT_VOCABULARY="300",
            NANOCHAT_LENGTH="32",
        )
        assert done.code == 0, done.stderr

    return once(tmp_path_factory, "corpus", prepare) / "data"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A folder with a made-up text."""
    return write_story(tmp_path / "story")


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[..., Path]:
    """Make a checkout of the project with small constants; pairs of old and new text edit its train.py."""
    return lambda *edits: make_checkout(tmp_path / "checkout", *edits)


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
def honest(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One honest run."""

    def make(root: Path) -> None:
        told = tell(corpus, make_checkout(root / "checkout"), root / "run")
        assert told.trained.code == 0, told.trained.stderr
        (root / "told").write_bytes(pickle.dumps(told))

    told: Story = pickle.loads((once(tmp_path_factory, "honest", make) / "told").read_bytes())
    return told


@pytest.fixture
def trained(honest: Story, tmp_path: Path) -> Path:
    """A copy of the honest run, not yet scored: for evaluating it with another train.py."""
    shutil.copytree(honest.trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("score.json"))
    return tmp_path / "run"
