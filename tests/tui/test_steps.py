"""How an agent's steps read: one line each, whatever a model sends."""

from __future__ import annotations

import time

import pytest

from agentcore import format as fmt
from agentcore.brief.transcript import Step
from tui.steps import WIDTH, WORD, step_line, tell_step

AT = 1_800_000_000.0
EDITOR = "str_replace_based_edit_tool"
BACK = fmt.clock(AT + 60)


def words(kind: str, **fields: object) -> str:
    """Return what a step says, without its time."""
    told = tell_step(Step(AT, kind, fields))
    return f"{told.word} {told.text}".rstrip()


@pytest.mark.parametrize(
    ("told", "kind", "fields"),
    [
        ("brief 3 lines: # The program", "brief", {"text": "\n# The program\nbe bold"}),
        ("thought Depth helped. …", "thought", {"text": "\n  Depth helped.\nSo rope next."}),
        ("says Rope next.", "text", {"text": "Rope next.\n"}),
        ("bash python -c 'print(1)'", "tool", {"name": "bash", "input": {"command": "python -c 'print(1)'"}}),
        ("edit view train.py 1-40", "tool", {"name": EDITOR, "input": {"command": "view", "path": "train.py",
            "view_range": [1, 40]}}),
        ("edit str_replace train.py +1 -1", "tool", {"name": EDITOR, "input": {"command": "str_replace",
            "path": "train.py", "old_str": "a\nb\nc", "new_str": "a\nB\nc"}}),
        ("edit insert train.py +2", "tool", {"name": EDITOR, "input": {"command": "insert", "path": "train.py",
            "insert_line": 3, "insert_text": "x\ny\n"}}),
        ("edit create new.py +1", "tool", {"name": EDITOR, "input": {"command": "create", "path": "new.py",
            "file_text": "x = 1\n"}}),
        ("note rope helps", "tool", {"name": "note", "input": {"text": "rope helps"}}),
        ("submit ROPE 10k to 20k", "tool", {"name": "submit", "input": {"hypothesis": "ROPE 10k to 20k"}}),
        ("result submitted", "result", {"text": "submitted", "ok": True}),
        ("result (nothing)", "result", {"text": "", "ok": True}),
        ("error 2 lines: Traceback", "result", {"text": "Traceback\n(exit code 1)", "ok": False}),
        ("> prefer small changes", "message", {"text": "prefer small\nchanges"}),
        (f"LIMIT back {BACK}: 429", "state", {"state": "LIMIT", "text": "429", "until": AT + 60}),
        ("THINK goes on", "state", {"state": "THINK", "text": "", "until": None}),
        ("usage 41k in, 1k out, $0.12", "usage", {"input": 1000, "cache_read": 40_000, "output": 1200, "usd": 0.12}),
        ("usage 10 in, 2 out", "usage", {"input": 10, "output": 2, "usd": 0}),
        ("output 2 lines: reading", "output", {"text": "reading\ndone"}),
        ("ran exit code 1 after 1.5s: bash -c false", "command", {"argv": ["bash", "-c", "false"], "code": 1,
            "ended_by": "exit", "wall_s": 1.5}),
        ("ran ended by time after 60.0s: sleep 99", "command", {"argv": ["sleep", "99"], "code": None,
            "ended_by": "time", "wall_s": 60}),
        ("proposal #12 ROPE 10k to 20k", "proposal", {"experiment": 12, "hypothesis": "ROPE 10k to 20k"}),
        ("failed no proposal in 40 turns", "failed", {"text": "no proposal in 40 turns"}),
    ],
)  # fmt: skip
def test_a_step_is_folded_to_a_word_and_a_line(told: str, kind: str, fields: dict[str, object]) -> None:
    """Thoughts keep their first line, output its count, tool calls what they do."""
    assert told == words(kind, **fields)


def test_what_was_folded_away_is_kept() -> None:
    """All of a thought, of a command, of an edit's two sides; nothing where the line says it all."""
    edit = {"command": "str_replace", "path": "train.py", "old_str": "a\n  b", "new_str": "c"}
    given: list[tuple[str, dict[str, object]]] = [
        ("thought", {"text": "one\n\n  two"}),
        ("tool", {"name": "bash", "input": {"command": "ls\ncat x"}}),
        ("tool", {"name": EDITOR, "input": edit}),
        ("text", {"text": "short"}),
    ]
    assert [("one", "", "  two"), ("ls", "cat x"), ("- a", "-   b", "+ c"), ()] == [
        tell_step(Step(AT, kind, fields)).more for kind, fields in given
    ]


def test_a_line_begins_with_the_time() -> None:
    """As `nightlab transcript` prints it."""
    clock = time.strftime("%H:%M:%S", time.localtime(AT))
    assert f"{clock} failed    it gave up" == step_line(Step(AT, "failed", {"text": "it gave up"}))


@pytest.mark.parametrize(
    "kind", ["tool", "thought", "result", "brief", "message", "state", "command", "proposal", "brand new"]
)
@pytest.mark.parametrize(
    "value", [None, 7, [], {"command": ["rm"]}, "\x1b]0;PWN\x07\x1b[2Ja\x00\u202e\u2028\n\tb\r" * 200]
)
def test_whatever_a_model_sends_is_one_printable_line(kind: str, value: object) -> None:
    """No shape of a field is a fault, no control character is printed, and no line is without end."""
    names = ("text", "name", "input", "state", "hypothesis", "experiment", "path", "argv", "wall_s", "code", "ended_by")
    fields = dict.fromkeys(names, value)
    step = Step(AT, kind, fields)
    assert all(each.isprintable() for each in tell_step(step).more)
    line = step_line(step)
    assert line.isprintable()
    assert WIDTH + WORD + 20 > len(line)


def test_the_module_needs_no_terminal() -> None:
    """The command that prints steps does not import the terminal's toolkit."""
    import subprocess
    import sys

    program = "import sys, tui.steps; print([m for m in sys.modules if m.split('.')[0] == 'textual'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
