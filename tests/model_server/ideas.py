"""What does the scripted researcher change?

One constant that has a range, choices or two truths, moved within them; or, where its text is there, one line of the
model. The same seed and number of a conversation give the same idea, successive conversations different ones.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agentcore.agents import constants
from agentcore.agents.constants import Constant, Value

CRASH = "mat1 and mat2 shapes cannot be multiplied"
"""What a crashing edit of a real trainer raises."""

_STRUCTURAL = (
    ("F.relu(self.up(norm(x))).square()", "F.gelu(self.up(norm(x)))", "GELU instead of relu² in the MLP"),
    ("orthogonal(gradient.lerp(average, MOMENTUM))", "orthogonal(average)", "Muon without Nesterov's look ahead"),
    ("(1 - progress) / WARM_DOWN", "((1 - progress) / WARM_DOWN) ** 2", "a quadratic instead of a linear warm-down"),
)
_BUILD = "    depth, width = DEPTH * scale, WIDTH * scale\n"
_TOY, _TOY_CRASH = 'BEHAVIOUR = "train"\n', 'BEHAVIOUR = "crash"\n'
_RAISE = f'raise RuntimeError("{CRASH}")\n'


@dataclass(frozen=True)
class Idea:
    """One replacement; `old` occurs once in the source."""

    old: str
    new: str
    hypothesis: str
    expected_gain: float = 0.0

    def undone(self) -> Idea:
        """Return the way back."""
        return replace(self, old=self.new, new=self.old, hypothesis=f"back: {self.hypothesis}")


def ideas(source: str, number: int, seed: int) -> list[Idea]:
    """Return what the conversation with this number tries, best first. A source that crashes is repaired first."""
    order = list(_structural(source))
    found = [constant for constant in constants.find(source) if _can_change(constant)]
    length = len(order) + len(found)
    for constant in found:
        value = _another(constant, number // length, random.Random(f"{seed} {number} {constant.name}"))
        if value != constant.value:
            order.append(_of_constant(source, constant, value))
    random.Random(seed).shuffle(order)
    turn = number % len(order) if order else 0
    gains = random.Random(f"{seed} {number}")
    rotated = (
        replace(idea, expected_gain=round(gains.uniform(0.001, 0.01), 4)) for idea in order[turn:] + order[:turn]
    )
    mended = repair(source)
    return [mended, *rotated] if mended.old in source else list(rotated)


def crash(source: str) -> Idea:
    """Return an edit that compiles and makes the training crash."""
    if source.count(_TOY) == 1:
        return Idea(_TOY, _TOY_CRASH, "a bolder BEHAVIOUR")
    if source.count(_BUILD) == 1:
        return Idea(_BUILD, f"{_BUILD}    {_RAISE}", "a bolder build_model()")
    old = _unique(source, constants.find(source)[0].line - 1)
    return Idea(old, f"{_RAISE}{old}", "a bolder start")


def repair(source: str) -> Idea:
    """Return the edit that takes a crash() out again. `source`: with the crash in it, or as it was before."""
    what = "the crashing line goes: what it was to help never ran"
    if _TOY in source or _TOY_CRASH in source:
        return Idea(_TOY_CRASH, _TOY, what)
    if _BUILD in source:
        return Idea(f"{_BUILD}    {_RAISE}", _BUILD, what)
    return Idea(_RAISE, "", what)


def _structural(source: str) -> Iterator[Idea]:
    for old, new, what in _STRUCTURAL:
        if source.count(old) == 1:
            yield Idea(old, new, f"{what}: the other choice was never measured at this budget")


def _of_constant(source: str, constant: Constant, value: Value) -> Idea:
    old = _unique(source, constant.line - 1)
    above, line = old[: old[:-1].rfind("\n") + 1], old[old[:-1].rfind("\n") + 1 :].encode()
    literal = constants.render(value)
    new = above + (line[: constant.start] + literal.encode() + line[constant.end :]).decode()
    change = f"{constant.name} from {constants.render(constant.value)} to {literal}"
    return Idea(old, new, f"{change}: its old value comes from another budget")


def _unique(source: str, line: int) -> str:
    """Return a 0-based line, with as many lines above it as make the text occur once: the comment at least."""
    lines = source.splitlines(keepends=True)
    start = line - 1 if line and lines[line - 1].startswith("#") else line
    while start and source.count("".join(lines[start : line + 1])) > 1:
        start -= 1
    return "".join(lines[start : line + 1])


def _can_change(constant: Constant) -> bool:
    """Tell whether a constant says which other values it may have."""
    if isinstance(constant.value, bool) or len(constant.choices) > 1:
        return True
    has_range = constant.low is not None and constant.high is not None and constant.low < constant.high
    return has_range and not isinstance(constant.value, str)


def _another(constant: Constant, turn: int, chance: random.Random) -> Value:
    """Return an allowed value: of few ones the next by turn, nearest first, or else a number by chance."""
    old, low, high = constant.value, constant.low or 0.0, constant.high or 0.0
    if isinstance(old, bool):
        return not old
    if constant.choices or isinstance(old, str):
        others: list[Value] = [each for each in constant.choices if each != old]
        return others[turn % len(others)]
    if isinstance(old, int):
        near = sorted(set(range(math.ceil(low), math.floor(high) + 1)) - {old}, key=lambda each: abs(each - old))
        return near[turn % min(8, len(near))] if near else old
    drawn = old * 2 ** chance.uniform(-1, 1) if old > 0 else low + (high - low) * chance.uniform(0.05, 0.3)
    return constants.round_significant(min(high, max(low, drawn)), 3)
