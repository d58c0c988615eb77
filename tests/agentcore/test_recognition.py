"""What a repository's files say of themselves: the shape, the metric and its direction, the seed, the clock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentcore.project.recognition import direction, printed, recognise
from tests import foreign
from worktrees.endings import read_printed

LAYOUT = {"train.py": foreign.TRAIN, "prepare.py": foreign.PREPARE}
LOOP = """\
import argparse
import logging

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
for epoch in range(10):
    print(f"epoch {epoch} train_loss {0.5:.3f} val_acc={0.9:.2f}%")
    logging.info("lr: %.4f", 0.1)
if __name__ == "__main__":
    print("done")
"""


def test_autoresearch_is_known_by_its_three_files() -> None:
    """Agents change train.py, prepare.py stays, and nothing needs to be asked."""
    found = recognise(LAYOUT, {*LAYOUT, "program.md"})
    assert ("autoresearch", "train.py", ("prepare.py",), "program.md", "val_error", True, 5.0, "TRAIN_SEED") == (
        found.layout, found.script, found.frozen, found.program, found.metric, found.lower_is_better, found.budget_s,
        found.seed_variable,
    )  # fmt: skip
    assert {"train", "edit", "frozen", "metric", "pattern", "direction", "wall"} == found.certain


def test_two_of_the_three_are_a_plain_script() -> None:
    """With what it imports of the repository's own as what should stay."""
    found = recognise(LAYOUT, LAYOUT)
    assert ("script", "train.py", ("prepare.py",), "") == (found.layout, found.script, found.frozen, found.program)


def test_a_plain_script_is_known_by_what_it_does() -> None:
    """Arguments, a loop, a printed metric; its tests and the package beside it are none."""
    sources = {"fit.py": LOOP, "tests/test_fit.py": LOOP, "lib/tool.py": "def f(): ..."}
    found = recognise(sources, sources)
    assert ("fit.py", "val_acc", False, True) == (
        found.script,
        found.metric,
        found.lower_is_better,
        found.seed_flag,
    )


def test_two_that_look_alike_are_not_certain() -> None:
    """Both are named, and a person is asked."""
    sources = {"train_a.py": LOOP, "train_b.py": LOOP}
    found = recognise(sources, sources)
    assert (("train_a.py", "train_b.py"), False) == (found.scripts, "train" in found.certain)


def test_a_folder_of_the_repository_is_a_project_of_its_own() -> None:
    """Files outside of it are not looked at."""
    sources = {"train.py": LOOP, **{f"lm/{name}": text for name, text in LAYOUT.items()}}
    found = recognise(sources, {*sources, "lm/program.md"}, "lm")
    assert ("autoresearch", "lm/train.py", ("lm/prepare.py",)) == (found.layout, found.script, found.frozen)


def test_nothing_is_recognised_in_nothing() -> None:
    """And it is no error: a person may know."""
    assert "unknown" == recognise({"a.py": "x = (", "b.py": "\0"}, {"a.py", "b.py"}).layout


@pytest.mark.parametrize(
    ("statement", "name", "output", "value"),
    [
        ("print(f'val_bpb:          {x:.6f}')", "val_bpb", "val_bpb:          0.997900", 0.9979),
        ("print('val_loss', x)", "val_loss", "val_loss 0.5", 0.5),
        ("print('val_loss =', x)", "val_loss", "val_loss = 1e-3", 0.001),
        ("print('step %d test_acc %.2f%%' % (1, x))", "test_acc", "step 1 test_acc 93.21%", 93.21),
        ("print('eval/f1: {:.3f}, n'.format(x))", "eval/f1", "eval/f1: 0.812, n", 0.812),
        (
            "print(f'step {i}: train loss {x:.4f}, val loss {y:.4f}')",
            "val_loss",
            "step 5: train loss 9, val loss 3.5",
            3.5,
        ),
        ("log.info(f'val_acc={x}')", "val_acc", "2026-01-01 INFO val_acc=0.25", 0.25),
        ("print(f'a\\nfinal_reward: {x} (best)')", "final_reward", "a\nfinal_reward: -12.5 (best)", -12.5),
    ],
)
def test_the_pattern_finds_what_the_statement_prints(
    statement: str, name: str, output: str, value: float, tmp_path: Path
) -> None:
    """However it is written."""
    found = {each.name: each.pattern for each in printed(statement, "train.py")}
    log = tmp_path / "log.txt"
    log.write_text(f"noise 7\n{output}\n")
    assert value == read_printed(log, found[name], "score", 0)


def test_a_name_inside_another_is_not_found() -> None:
    """`loss` is not `val_loss`."""
    found = {each.name: each.pattern for each in printed("log.info(f'loss: {x} val_loss: {y}')", "train.py")}
    assert None is re.search(found["loss"], "val_loss: 3")


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        ("val_bpb", True),
        ("test/accuracy", False),
        ("valLoss", True),
        ("total_seconds", True),
        ("tokens_per_sec", False),
        ("time_per_step", None),
        ("thing", None),
    ],
)
def test_a_direction_is_known_by_words(name: str, lower: bool | None) -> None:
    """And where no word says it nobody guesses."""
    assert lower is direction(name)
