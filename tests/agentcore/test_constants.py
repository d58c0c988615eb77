"""Constants are found where they stand, and only their own bytes are changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.agents.constants import Constant, Value, find, render, rewrite, round_significant
from tests import toy

NANOCHAT = Path(__file__).parents[2] / "nanochat" / "train.py"


def one(source: str) -> Constant:
    """Return the only constant of a source."""
    (found,) = find(source)
    return found


def names(source: str) -> list[str]:
    """Return the names of a source's constants."""
    return [each.name for each in find(source)]


@pytest.mark.parametrize(
    ("literal", "value"),
    [("0.1", 0.1), ("-0.5", -0.5), ("4", 4), ("4_096", 4096), ("1e-3", 0.001), ("True", True), ('"relu"', "relu")],
)
def test_a_literal_has_its_value(literal: str, value: Value) -> None:
    """Numbers, truths and texts, with their sign."""
    assert value == one(f"X = {literal}\n").value


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "X = Y = 1\n",
        "X: int = 1\n",
        "X = 1 + 2\n",
        "X = [1]\n",
        "X = None\n",
        "X = {[]: 1}\n",
        "X = 1e999\n",
        "def f():\n    X = 1\n",
        "if True:\n    X = 1\n",
        'X = """a\nb"""\n',
        "X += 1\n",
    ],
)
def test_anything_else_is_no_constant(source: str) -> None:
    """Only a module-level NAME = literal on one line can be changed in place."""
    assert [] == names(source)


def test_a_range_stands_in_the_comment_above() -> None:
    """In parentheses, whatever else the comment says."""
    found = one("# Peak learning rate (0.005 to 0.08).\nLR = 0.02\n")
    assert (0.005, 0.08) == (found.low, found.high)


def test_choices_stand_in_the_comment_above() -> None:
    """Words with or without quotes, of the literal's own kind."""
    assert ("relu2", "gelu") == one("# What bends (one of: relu2, 'gelu').\nACTIVATION = 'relu2'\n").choices


@pytest.mark.parametrize(
    ("comment", "literal", "choices"),
    [("(one of: 2, 4, 8)", "4", (2, 4, 8)), ("(one of: False, True)", "True", (False, True))],
)
def test_choices_are_of_the_kind_of_the_literal(comment: str, literal: str, choices: tuple[Value, ...]) -> None:
    """Numbers for a number, truths for a truth."""
    assert choices == one(f"# {comment}\nX = {literal}\n").choices


def test_a_heading_opens_a_section() -> None:
    """Its first word, in small letters, holds for the constants up to the next one."""
    source = "A = 1\n\n# --- Model ---\n\nB = 1\n\n# --- Schedule, in parts of the budget ---\n\n# (0 to 1).\nC = 1\n"
    assert [("A", ""), ("B", "model"), ("C", "schedule")] == [(each.name, each.section) for each in find(source)]


def test_a_range_the_wrong_way_round_is_turned() -> None:
    """From the smaller to the larger."""
    found = one("# (0.08 to 0.005)\nLR = 0.02\n")
    assert (0.005, 0.08) == (found.low, found.high)


@pytest.mark.parametrize("comment", ["(one of: a few)", "(- to 5)", "(1e to 5)", "(1.2.3 to 4)"])
def test_prose_that_looks_like_a_range_is_none(comment: str) -> None:
    """A remark of somebody who does not know of us stops nobody."""
    found = one(f"# {comment}\nX = 4\n")
    assert ((), None, None) == (found.choices, found.low, found.high)


@pytest.mark.parametrize("source", ["X = (\n", "X = 1\0\n", "(" * 5000 + ")" * 5000 + "\n"])
def test_a_file_that_does_not_parse_is_a_syntax_error(source: str) -> None:
    """Also where Python's parser says it in another way."""
    with pytest.raises(SyntaxError):
        find(source)


def test_only_the_literal_changes() -> None:
    """Every other byte stays, spaces and the comment behind it too."""
    assert "A  =  0.2   # was tuned\nB = 2\n" == rewrite("A  =  0.1   # was tuned\nB = 2\n", {"A": 0.2})


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("A = 1\r\nX = 1\r\nB = 1\r\n", id="line ends of Windows"),
        pytest.param("A = 1\n\x0cX = 1\nB = 1\n", id="form feed"),
        pytest.param("A = 'a\u2028b'\nX = 1\nB = 1\n", id="line separator in a text"),
        pytest.param("A = 'a\x85b\x1cc'\nX = 1\nB = 1\n", id="other separators"),
        pytest.param("A = 'äöü'; X = 1; B = 1\n", id="wide characters before it"),
        pytest.param("X = 1", id="no newline at the end"),
    ],
)
def test_the_right_bytes_change(before: str) -> None:
    """Lines and columns are counted as Python counts them."""
    assert before.replace("X = 1", "X = 22") == rewrite(before, {"X": 22})


def test_two_constants_of_a_line_change_together() -> None:
    """The first one's length does not move the second."""
    assert "A = 1_000; B = 2_000\n" == rewrite("A = 1; B = 2\n", {"A": 1000, "B": 2000})


def test_a_name_that_is_not_there_changes_nothing() -> None:
    """Its file is the same."""
    assert "A = 1\n" == rewrite("A = 1\n", {"B": 2})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.034, "0.034"),
        (2.0, "2.0"),
        (1e-5, "1e-05"),
        (0.12345, "0.12345"),
        (4096, "4_096"),
        (7, "7"),
        (True, "True"),
        ("relu2", '"relu2"'),
        ('a"b\\', '"a\\"b\\\\"'),
    ],
)
def test_a_value_is_written_so_that_people_read_it(value: Value, text: str) -> None:
    """Short, and exact all the same."""
    assert text == render(value)


@pytest.mark.parametrize("value", [0.034, 2.0, 1e-5, 0.12345, 1 / 3, 4096, -0.5, False, 'a"b\\'])
def test_what_is_written_is_read_back(value: Value) -> None:
    """The value in the file is the value that the agent remembers."""
    assert value == one(rewrite("X = 1\n", {"X": value})).value


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.0338471, 0.034), (0.0, 0.0), (1234.5, 1200.0), (-0.0338471, -0.034), (0.996, 1.0)]
)
def test_values_have_two_significant_digits(value: float, rounded: float) -> None:
    """A rate of 0.0338471 is thought of as 0.034."""
    assert rounded == round_significant(value)


def test_the_shipped_trainer_has_constants_to_search() -> None:
    """At least fifteen that are numbers, truths or have choices."""
    found = find(NANOCHAT.read_text(encoding="utf-8"))
    assert 15 <= len([each for each in found if each.choices or not isinstance(each.value, str)])


def test_the_shipped_trainers_values_lie_in_their_ranges() -> None:
    """A value outside of its own range would be lost by the first change."""
    found = find(NANOCHAT.read_text(encoding="utf-8"))
    outside = [
        each.name
        for each in found
        if (each.choices and each.value not in each.choices)
        or (each.low is not None and each.high is not None and not each.low <= float(each.value) <= each.high)
    ]
    assert [] == outside


def test_the_toys_constants() -> None:
    """What the other tests change."""
    assert ["RATE", "DEPTH", "BEHAVIOUR", "SECONDS"] == names(toy.TRAIN)
