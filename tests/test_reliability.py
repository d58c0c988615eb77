"""What docs/reliability.md says of a fault is proved by the test that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| ")]
FAULTS = [row for row in ROWS if row[0] != "fault"]
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the functions in a file of tests; empty where there is none."""
    file = TESTS / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed takes its row along."""
    assert [] == [f"{path}::{name}" for path, name in NAMED if name not in names_in(path)]


@pytest.mark.parametrize("row", FAULTS, ids=[row[0][:40] for row in FAULTS])
def test_every_fault_has_an_outcome_and_a_test(row: list[str]) -> None:
    """Four columns; in the last one a test, or that there is none."""
    assert (4, True, True) == (len(row), bool(row[1]), "::" in row[-1] or "not tested" in row[-1])
