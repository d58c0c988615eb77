"""A transcript can be read while it grows and after it was torn, and holds no secret."""

from __future__ import annotations

import hashlib
import itertools
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentcore.brief.scrub import LEFT_OUT, Scrubber
from agentcore.brief.transcript import Step, Tail, Transcript, newest

KEY = "a-secret-value"


@contextmanager
def writing(path: Path) -> Iterator[Transcript]:
    """A writer whose clock ticks."""
    ticks = itertools.count(1)
    transcript = Transcript(path, Scrubber([KEY]), lambda: 100.0 + next(ticks))
    try:
        yield transcript
    finally:
        transcript.close()


def read(path: Path) -> list[Step]:
    """Read a file from its beginning."""
    return list(Tail(path).read())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where it lies."""
    return tmp_path / "transcripts" / "wt0" / "000001.jsonl"


# --- Writing ---


def test_what_is_written_is_read(path: Path) -> None:
    """Time, kind and fields, in order."""
    with writing(path) as transcript:
        transcript.write("text", text="hello")
        transcript.write("tool", name="bash", input={"command": "ls", "n": [1, 2.5, None, True]})
    assert [
        Step(101.0, "text", {"text": "hello"}),
        Step(102.0, "tool", {"name": "bash", "input": {"command": "ls", "n": [1, 2.5, None, True]}}),
    ] == read(path)


def test_a_step_is_one_line(path: Path) -> None:
    """Whatever its text holds."""
    with writing(path) as transcript:
        transcript.write("result", text="a\nb\r\nc\u2028d\x85e\x00f", ok=True)
    assert (1, "a\nb\ncdef") == (path.read_bytes().count(b"\n"), read(path)[0].fields["text"])


def test_no_secret_is_written(path: Path) -> None:
    """However deep it lies, also in a name of a field, also behind an escape."""
    with writing(path) as transcript:
        transcript.write("tool", name="x", input={"a": [{"b": (KEY, f"{KEY[:5]}\x1b[0m{KEY[5:]}")}], KEY: 1})
    assert ({"a": [{"b": [LEFT_OUT, LEFT_OUT]}], LEFT_OUT: 1}, False) == (
        read(path)[0].fields["input"],
        KEY in path.read_text(),
    )


@pytest.mark.parametrize("value", ["\ud800", b"\xff", {1: 2}, {"x"}, Path("/x"), float("nan"), 10**30, object()])
def test_whatever_a_model_says_can_be_written(path: Path, value: Any) -> None:
    """Half a character, bytes, a set: a line comes of it and the next one too."""
    with writing(path) as transcript:
        transcript.write("tool", input=value)
        transcript.write("text", text="next")
    assert ["tool", "text"] == [step.kind for step in read(path)]


def test_what_is_nested_too_deep_costs_its_line_only(path: Path) -> None:
    """A model may send anything that is JSON."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with writing(path) as transcript:
        transcript.write("tool", input=deep)
        transcript.write("text", text="next")
    assert "text" == read(path)[-1].kind


def test_it_is_the_owners_alone(path: Path) -> None:
    """It tells what was said to a model."""
    with writing(path):
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_full_disk_costs_no_proposal() -> None:
    """The line is lost, the agent goes on."""
    transcript = Transcript(Path("/dev/full"), Scrubber(), lambda: 1.0)
    transcript.write("text", text="lost")
    transcript.close()


def test_a_file_that_is_there_is_gone_on_with(path: Path) -> None:
    """Nothing that was written is lost."""
    for text in ("one", "two"):
        with writing(path) as transcript:
            transcript.write("text", text=text)
    assert ["one", "two"] == [step.fields["text"] for step in read(path)]


def test_a_seal_is_of_all_that_was_written(path: Path) -> None:
    """Of every writer of the file, and nothing is added after it."""
    for text in ("one", "two"):
        with writing(path) as transcript:
            transcript.write("text", text=text)
            seal = transcript.seal()
            transcript.write("text", text="too late")
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), ["one", "two"]) == (
        seal,
        [step.fields["text"] for step in read(path)],
    )


# --- Reading ---


def test_a_tail_yields_each_step_once(path: Path) -> None:
    """As the file grows."""
    with writing(path) as transcript:
        tail = Tail(path)
        seen = []
        for text in ("one", "two"):
            transcript.write("text", text=text)
            seen.append([step.fields["text"] for step in tail.read()])
        assert ([["one"], ["two"]], []) == (seen, list(tail.read()))


def test_half_a_line_is_waited_for(path: Path) -> None:
    """Its writer is in the middle of it."""
    path.parent.mkdir(parents=True)
    path.write_text('{"at": 1, "kind": "text"}\n{"at": 2, "ki')
    tail = Tail(path)
    first = [step.at for step in tail.read()]
    with path.open("a") as file:
        file.write('nd": "text"}\n')
    assert ([1.0], [2.0]) == (first, [step.at for step in tail.read()])


@pytest.mark.parametrize(
    "line",
    [
        b'{"at": 2, "ki{"at": 3, "kind": "text"}',
        b"\x00\x00\x00\x00",
        b"\xff\xfe",
        b"",
        b"7",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"{}",
        b'{"kind": "text"}',
        b'{"at": "noon", "kind": "text"}',
        b'{"at": null, "kind": "text"}',
        b"[" * 100_000,
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_line_that_is_no_step_is_passed_over(path: Path, line: bytes) -> None:
    """A full disk or a lost power supply has torn it; what stands around it is read."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"at": 1, "kind": "text"}\n' + line + b'\n{"at": 9, "kind": "proposal"}\n')
    assert [1.0, 9.0] == [step.at for step in read(path)]


def test_a_huge_line_is_read(path: Path) -> None:
    """An output of two megabytes."""
    with writing(path) as transcript:
        transcript.write("output", text="x" * 2_000_000)
    assert 2_000_000 == len(read(path)[0].fields["text"])


def test_a_file_that_is_not_there_yet_has_no_steps(path: Path) -> None:
    """And is read once it is there."""
    tail = Tail(path)
    before = list(tail.read())
    with writing(path) as transcript:
        transcript.write("text", text="now")
    assert ([], 1) == (before, len(list(tail.read())))


def test_a_field_may_be_named_like_those_of_a_step(path: Path) -> None:
    """What is read is what json gives: no field is lost."""
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"at": 1, "kind": "usage", "output": 5, "name": "x"}) + "\n")
    assert {"output": 5, "name": "x"} == read(path)[0].fields


# --- Which one ---


def test_the_newest_is_the_one_with_the_highest_number(path: Path) -> None:
    """Not the one that was touched last."""
    path.parent.mkdir(parents=True)
    for number in (10, 9, 2):
        (path.parent / f"{number:06d}.jsonl").touch()
    assert path.parent / "000010.jsonl" == newest(path.parent)


def test_a_worktree_that_never_thought_has_no_transcript(tmp_path: Path) -> None:
    """With and without its folder."""
    assert (None, None) == (newest(tmp_path), newest(tmp_path / "nowhere"))


def test_reading_does_not_hold_a_file_open(path: Path) -> None:
    """A view may keep a tail for every worktree."""
    with writing(path) as transcript:
        transcript.write("text", text="x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    tails = [Tail(path) for _ in range(50)]
    assert 50 == sum(len(list(tail.read())) for tail in tails)
    assert before == len(list(Path("/proc/self/fd").iterdir()))
