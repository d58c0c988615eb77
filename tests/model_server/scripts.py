"""Who is the scripted researcher?

A script is a generator that reads from top to bottom like the conversation: it yields a Turn and is sent the results of
the turn's tool calls. It is played again from the start for every request, with the results that the request's history
holds, so it must depend on nothing but its Scene. A tool call's id names its conversation and its step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.model_server.ideas import Idea, crash, ideas, repair

EDIT = "str_replace_based_edit_tool"
TRIES = 3
"""Ideas of one conversation that may fail before the researcher gives up."""
VIEWED = 120
"""Lines of the file that the first turn asks for."""

_SOURCE = re.compile(r"(?:^### (?P<path>\S+)\n+)?^```python\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"toolu_\d+_(\d+)_\d+")
_NUMBERED = re.compile(r"^\s*\d+(?:\t|: ?|\| ?)", re.MULTILINE)
_CHECK = "import ast, pathlib; ast.parse(pathlib.Path('{}').read_text())"


@dataclass(frozen=True)
class Call:
    """A tool call. Arguments that are a text are sent as they are, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True)
class Turn:
    """What the model says at once. `thinking` may be empty: thought, and not shown."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str | None = None
    stop_reason: str = ""
    """Empty: tool_use with calls, end_turn without."""


@dataclass(frozen=True)
class Result:
    """What a tool answered."""

    text: str
    is_error: bool


@dataclass(frozen=True)
class Scene:
    """What a script may know: the brief, its conversation's number, and the seed."""

    brief: str
    number: int
    seed: int

    @property
    def path(self) -> str:
        """The editable file, relative to the worktree."""
        return self._quoted[0] or "train.py"

    @property
    def source(self) -> str:
        """The editable file as the brief quotes it, or nothing."""
        return self._quoted[1]

    @property
    def _quoted(self) -> tuple[str, str]:
        """The first fence below a path, or else the last one: the program may quote code, too."""
        fences = [(match["path"] or "", match["source"]) for match in _SOURCE.finditer(self.brief)]
        return next((fence for fence in fences if fence[0]), fences[-1] if fences else ("", ""))

    @property
    def crashed(self) -> str | None:
        """The hypothesis of the crashed experiment that the brief asks to mend."""
        told = re.search(r'^Your experiment #\d+ \("(.*)"\) crashed', self.brief, re.MULTILINE)
        return told[1] if told else None


Script = Generator[Turn, tuple[Result, ...], None]


def play(script: Callable[[Scene], Script], scene: Scene, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Turn]:
    """Return the step that a script has come to after `messages`, and what it says there."""
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    called = [block["id"] for block in blocks if block["type"] == "tool_use"]
    results = {block["tool_use_id"]: _result(block) for block in blocks if block["type"] == "tool_result"}
    steps = 1 + max((int(match[1]) for each in called if (match := _ID.fullmatch(each))), default=-1)
    playing = script(scene)
    try:
        turn = next(playing)
        for step in range(steps):
            ids = (call_id(scene.number, step, index) for index in range(len(turn.calls)))
            turn = playing.send(tuple(results.get(each, Result("", False)) for each in ids))
    except StopIteration:
        turn = Turn("I have nothing to add.")
    return steps, turn


def call_id(number: int, step: int | str, index: int) -> str:
    """Return the id of a tool call. A step that is no number is outside of the script and not counted."""
    return f"toolu_{number:04}_{step}_{index}"


def good(scene: Scene) -> Script:
    """View, edit, check, submit; after a failed submission undo it and try the next idea. A crash is mended first."""
    results = yield look(scene)
    if scene.crashed is not None:
        yield from mend(scene, scene.crashed)
    else:
        yield from research(scene, scene.source or _NUMBERED.sub("", results[0].text))


def research(scene: Scene, source: str) -> Script:
    """Try ideas until one is accepted."""
    for idea in ideas(source, scene.number, scene.seed)[:TRIES]:
        if failed((yield edit(scene, idea))):
            continue
        if scene.number % 2:
            yield Turn("", (Call("bash", {"command": f'python -c "{_CHECK.format(scene.path)}"'}),))
        if scene.number % 3 == 2:
            yield Turn("", (Call("note", {"text": f"Trying {idea.hypothesis.split(':')[0]}."}),))
        if not failed((yield submit(idea))):
            return
        yield edit(scene, idea.undone())
    yield Turn("I have no idea left that works.")


def mend(scene: Scene, hypothesis: str) -> Script:
    """Take the crash out of the file and submit the same hypothesis; if it is another's crash, begin afresh."""
    if failed((yield edit(scene, repair(scene.source)))):
        whole = {"command": "create", "path": scene.path, "file_text": scene.source}
        yield Turn("I cannot see what crashed, and restore the source.", (Call(EDIT, whole),))
        yield from research(scene, scene.source)
    else:
        yield submit(Idea("", "", hypothesis, 0.001))


def look(scene: Scene) -> Turn:
    """View the file, as far as it goes."""
    arguments: dict[str, Any] = {"command": "view", "path": scene.path}
    if scene.source:
        arguments["view_range"] = [1, min(VIEWED, scene.source.count("\n"))]
    return Turn("I read the file first → then one change of at least 2σ.", (Call(EDIT, arguments),))


def edit(scene: Scene, idea: Idea) -> Turn:
    """Replace a text. Every other conversation keeps its thoughts to itself: a signature without a text."""
    call = Call(EDIT, {"command": "str_replace", "path": scene.path, "old_str": idea.old, "new_str": idea.new})
    thought = f"One idea per experiment. {idea.hypothesis}." if scene.number % 2 == 0 else ""
    return Turn(f"I change one thing: {idea.hypothesis.split(':')[0]}.", (call,), thinking=thought)


def submit(idea: Idea) -> Turn:
    """Hand in."""
    why = "It is one change, well inside its range, and cheap to measure."
    arguments = {"hypothesis": idea.hypothesis, "expected_gain": idea.expected_gain, "why": why}
    return Turn("", (Call("submit", arguments),))


def failed(results: Sequence[Result]) -> bool:
    """Tell whether any tool answered with an error."""
    return any(result.is_error for result in results)


def crash_edit(scene: Scene) -> Script:
    """Submit an edit that crashes; take it out when told, by the submission or by a later brief."""
    if scene.crashed is not None:
        yield from good(scene)
        return
    yield look(scene)
    idea = ideas(scene.source, scene.number, scene.seed)[0]
    yield edit(scene, idea)
    yield edit(scene, crash(scene.source.replace(idea.old, idea.new)))
    if failed((yield submit(idea))):
        yield edit(scene, repair(scene.source))
        yield submit(idea)


def instead(*calls: Callable[[Scene], Call]) -> Callable[[Scene], Script]:
    """Return the script that makes these calls in one turn before it behaves."""

    def script(scene: Scene) -> Script:
        yield look(scene)
        yield Turn("Perhaps like this.", tuple(call(scene) for call in calls))
        yield from research(scene, scene.source)

    return script


def outside(scene: Scene) -> Script:
    """Try to write where nothing is the researcher's, with both tools; take back what is found at the submission."""
    evil = ("../../evil.txt", f"/tmp/nightlab-evil-{scene.number}.txt", "evaluate.py")
    yield look(scene)
    files = (Call(EDIT, {"command": "create", "path": path, "file_text": "print(0)\n"}) for path in evil)
    yield Turn("The score would be easier to lower elsewhere.", tuple(files))
    lines = (Call("bash", {"command": f"echo 'print(0)' >> {path}"}) for path in (evil[0], evil[-1]))
    yield Turn("", tuple(lines))
    idea = ideas(scene.source, scene.number, scene.seed)[0]
    yield edit(scene, idea)
    results = yield submit(idea)
    if failed(results):
        if "put back" not in results[0].text:
            yield Turn("I take the other line back.", (Call("bash", {"command": f"sed -i '$d' {evil[-1]}"}),))
        yield submit(idea)


def talker(scene: Scene) -> Script:
    """Only talk."""
    while True:
        yield Turn("One could lower the learning rate, or raise it. Both have been tried elsewhere.")


def never_submits(scene: Scene) -> Script:
    """Look around for ever."""
    while True:
        yield look(scene)
        yield Turn("Let me look once more.", (Call("bash", {"command": "ls"}),))


def nothing(scene: Scene) -> Script:
    """Submit without an edit."""
    yield submit(Idea("", "", "trunk is best as it is", 0.001))


def same(scene: Scene) -> Script:
    """Make the edit that every other conversation of this scenario makes."""
    yield look(scene)
    idea = ideas(scene.source, 0, scene.seed)[0]
    yield edit(scene, idea)
    yield submit(idea)


def escapes(scene: Scene) -> Script:
    """Submit a hypothesis with control characters and markup in it."""
    yield look(scene)
    idea = ideas(scene.source, scene.number, scene.seed)[0]
    yield edit(scene, idea)
    yield submit(Idea("", "", f"\x1b[2J\x1b]0;owned\x07[bold red]{idea.hypothesis}[/]\r\nsecond line", 0.001))


def _result(block: Mapping[str, Any]) -> Result:
    content = block.get("content") or ""
    if isinstance(content, list):
        content = "".join(each.get("text", "") for each in content)
    return Result(content, bool(block.get("is_error")))
